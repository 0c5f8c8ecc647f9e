# SPDX-License-Identifier: Apache-2.0
"""Standard input of cells, and requests for it."""
from check import case, ends, gives, same


def asked(session, *answers):
    """Answer each request as it comes."""
    answers = list(answers)

    def on_record(kind, value):
        if kind == "input_request":
            session.answer(answers.pop(0))
    session.on_record = on_record


@case
def input_asks(session):
    asked(session, "Ann\n", "secret\n", "5\n", "rest\n")
    turn = ends(session.cell("name = input('Who? ')\nimport getpass\nword = getpass.getpass()\nprint(name, word)",
                             stdin=True), 0, "Ann secret\n")
    same(turn.records("input_request"), [{"prompt": "Who? ", "password": False},
                                         {"prompt": "Password: ", "password": True}])
    turn = session.cell("import sys\nint(input()), sys.stdin.readline()", stdin=True)
    same((turn.result, turn.records("input_request")), (r"(5, 'rest\n')", [{"prompt": "", "password": False}] * 2))


@case
def input_is_there(session):
    """With a line there the prompt is printed, as python3 does."""
    session.answer("one\ntwo\nthree\n")
    turn = ends(session.cell("a = input('1? ')\nb = input('2? ')\nprint(a, b)", stdin=True), 0, "1? 2? one two\n")
    same(turn.records("input_request"), [])
    asked(session, "four\n")
    turn = session.cell("input('3? ')", stdin=True)
    same((turn.out, turn.result), ("", "'four'"))


@case
def input_ends(session):
    """Without an input each read is at its end, and nobody is asked."""
    same(session.cell("input()").error["traceback"], """\
Traceback (most recent call last):
  File "<cell 1>", line 1, in <module>
    input()
    ~~~~~^^
EOFError: EOF when reading a line
""")
    gives(session.cell("import sys\nsys.stdin.read(), sys.stdin.buffer.read(5), list(sys.stdin)"), "('', b'', [])")
    same(session.cell("input('? ')").out, "? ")


@case
def input_own_stream(session):
    """A stream that the program puts in place of sys.stdin is read without asking; closing it is the cell's matter."""
    ends(session.cell("import io, sys\nold = sys.stdin\nsys.stdin = io.StringIO('x\\ny\\n')"), 0)
    gives(session.cell("[input(), input()]"), "['x', 'y']")
    ends(session.cell("sys.stdin = old\nexit()"), 0)
    asked(session, "z\n")
    same(session.cell("input()", stdin=True).result, "'z'")


@case
def input_interrupted(session):
    session.interrupt_after(0.3)
    turn = session.cell("x = 1\ninput('? ')", stdin=True)
    same((turn.kind, turn.status, [kind for kind, _ in turn.order]), ("ready", 1, ["input_request", "error"]))
    same(turn.error["traceback"], """\
Traceback (most recent call last):
  File "<cell 1>", line 2, in <module>
    input('? ')
    ~~~~~^^^^^^
KeyboardInterrupt
""")
    asked(session, "a\n")
    same(session.cell("input()", stdin=True).result, "'a'")
