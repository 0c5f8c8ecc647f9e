"""Locks of files between processes: fcntl.lockf and flock, a pid file, mailbox."""
import errno
import fcntl
import mailbox
import multiprocessing
import os
import tempfile

context = multiprocessing.get_context("fork")
os.chdir(tempfile.mkdtemp())


def refused(call, *args):
    try:
        call(*args)
        return False
    except OSError as e:
        return errno.errorcode[e.errno]


def in_child(function, *args):
    here, there = context.Pipe()
    child = context.Process(target=lambda: there.send(function(*args)))
    child.start()
    answer = here.recv()
    child.join()
    return answer


def increment(lock, unlock, times):
    with open("number", "r+") as f:
        for _ in range(times):
            lock(f)
            f.seek(0)
            n = int(f.read() or 0)
            f.seek(0)
            f.write(str(n + 1))
            f.flush()
            unlock(f)


def counted(lock, unlock):
    with open("number", "w"):
        pass
    children = [context.Process(target=increment, args=(lock, unlock, 100)) for _ in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    with open("number") as f:
        return f.read(), [child.exitcode for child in children]


print("lockf", counted(lambda f: fcntl.lockf(f, fcntl.LOCK_EX), lambda f: fcntl.lockf(f, fcntl.LOCK_UN)))
print("flock", counted(lambda f: fcntl.flock(f, fcntl.LOCK_EX), lambda f: fcntl.flock(f, fcntl.LOCK_UN)))
with open("pidfile", "w+") as f:
    fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
    print("a second instance:", in_child(refused, fcntl.lockf, f, fcntl.LOCK_EX | fcntl.LOCK_NB))
    print("other bytes:", in_child(refused, fcntl.lockf, f, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 1 << 40))
    fcntl.lockf(f, fcntl.LOCK_UN)
    print("free:", in_child(refused, fcntl.lockf, f, fcntl.LOCK_EX | fcntl.LOCK_NB))

box = mailbox.mbox("box")
box.lock()
print("mailbox:", in_child(lambda: refused(fcntl.lockf, open("box", "r+"), fcntl.LOCK_EX | fcntl.LOCK_NB)))


def lock_box():
    try:
        mailbox.mbox("box").lock()
    except mailbox.ExternalClashError as e:
        return type(e).__name__


print("another's mailbox:", in_child(lock_box))
box.add("From: me\n\ntext\n")
box.unlock()
box.close()
