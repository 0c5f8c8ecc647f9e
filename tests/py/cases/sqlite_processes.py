"""sqlite3 in several processes: rollback journals and WAL, who is locked out, snapshots of readers, a writer that dies."""
import multiprocessing
import os
import signal
import sqlite3
import tempfile

context = multiprocessing.get_context("fork")
path = os.path.join(tempfile.mkdtemp(), "data.db")


def connect(timeout=100):
    return sqlite3.connect(path, timeout=timeout, isolation_level=None)


def add(who, times):
    db = connect()
    for i in range(times):
        db.execute("BEGIN IMMEDIATE")
        (n,) = db.execute("SELECT n FROM total").fetchone()
        db.execute("INSERT INTO entry VALUES (?, ?)", (who, i))
        db.execute("UPDATE total SET n = ?", (n + 1,))
        db.execute("COMMIT")
    db.close()


def one_answer(what, pipe):
    """What another process gets that does not wait."""
    db = connect(timeout=0)
    try:
        pipe.send(db.execute(what).fetchall())
    except sqlite3.OperationalError as e:
        pipe.send(str(e))
    db.close()


def elsewhere(what):
    here, there = context.Pipe()
    child = context.Process(target=one_answer, args=(what, there))
    child.start()
    answer = here.recv()
    child.join()
    return answer


def die_writing(pipe):
    db = connect()
    db.execute("PRAGMA cache_size = 2")  # so that pages go to the file before the commit
    db.execute("BEGIN IMMEDIATE")
    db.executemany("INSERT INTO entry VALUES (9, ?)", ((i,) for i in range(3000)))
    db.execute("UPDATE total SET n = 0")
    pipe.send("written")
    signal.pause()


def run(mode):
    db = connect()
    print(mode, db.execute(f"PRAGMA journal_mode = {mode}").fetchone())
    db.execute("CREATE TABLE total (n)")
    db.execute("CREATE TABLE entry (who, i)")
    db.execute("INSERT INTO total VALUES (0)")
    children = [context.Process(target=add, args=(who, 25)) for who in range(3)]
    for child in children:
        child.start()
    looks = 0
    while any(child.is_alive() for child in children):
        db.execute("BEGIN")
        (n,) = db.execute("SELECT n FROM total").fetchone()
        (m,) = db.execute("SELECT count(*) FROM entry").fetchone()
        db.execute("COMMIT")
        assert n == m, (n, m)
        looks += 1
    for child in children:
        child.join()
    print("added", db.execute("SELECT n FROM total").fetchone(), [child.exitcode for child in children], looks > 0)
    print("each", db.execute("SELECT who, count(*), sum(i) FROM entry GROUP BY who ORDER BY who").fetchall())

    db.execute("BEGIN IMMEDIATE")
    print("reserved, read:", elsewhere("SELECT n FROM total"))
    print("reserved, write:", elsewhere("UPDATE total SET n = 5"))
    db.execute("UPDATE total SET n = 76")
    print("uncommitted:", elsewhere("SELECT n FROM total"))
    db.execute("COMMIT")
    print("committed:", elsewhere("SELECT n FROM total"))
    db.execute("BEGIN EXCLUSIVE")
    print("exclusive, read:", elsewhere("SELECT n FROM total"))
    db.execute("ROLLBACK")

    db.execute("BEGIN")
    print("reading:", db.execute("SELECT n FROM total").fetchone())
    print("another writes:", elsewhere("UPDATE total SET n = 77"))
    print("still reading:", db.execute("SELECT n FROM total").fetchone())
    db.execute("COMMIT")
    print("reading again:", db.execute("SELECT n FROM total").fetchone())

    here, there = context.Pipe()
    child = context.Process(target=die_writing, args=(there,))
    child.start()
    print("a writer has", here.recv(), elsewhere("UPDATE total SET n = 1"))
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    print("it died", child.exitcode, db.execute("SELECT count(*) FROM entry").fetchone())
    print(db.execute("UPDATE total SET n = n + 1").rowcount, elsewhere("SELECT n FROM total"))
    print("check", elsewhere("PRAGMA integrity_check"))
    if mode == "wal":
        print("checkpoint", elsewhere("PRAGMA wal_checkpoint(TRUNCATE)"), sorted(os.listdir(os.path.dirname(path))))
    db.close()
    print("left", sorted(os.listdir(os.path.dirname(path))))
    for name in os.listdir(os.path.dirname(path)):
        os.unlink(os.path.join(os.path.dirname(path), name))


for mode in "delete", "truncate", "persist", "wal":
    run(mode)
