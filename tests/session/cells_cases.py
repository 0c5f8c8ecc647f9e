# SPDX-License-Identifier: Apache-2.0
"""Cells: names, results, exceptions, and the ends of a session."""
import machine
from check import case, ends, gives, raises, same


@case
def names(session):
    """Cells share their names."""
    ends(session.cell("x = 6\ndef f(y):\n    return x * y"), 0)
    gives(session.cell("f(7)"), "42")
    ends(session.cell("x = 7"), 0)
    gives(session.cell("f(7)"), "49")


@case
def results(session):
    """The value of a last expression is the result, but None, and but before a semicolon."""
    same(session.cell("1; 2; 3").records("result"),
         [{"data": {"text/plain": "3"}, "metadata": {}, "main": "text/plain", "execution_count": 1}])
    for silent in "4;", "(4) ; # five", "(4\n ) ;\n\n", "None", "x = 4", "if True: 4", "", "# 4", "\n\n":
        same(ends(session.cell(silent), 0).order, [])
    for shown in "4", "4 # ;", "'4' if 1 else ';' # a;", "(4\n)", "x = 3; 4":
        same(len(session.cell(shown).records("result")), 1)
    gives(session.cell("_"), "4")
    ends(session.cell("print('é'); 'é'"), 0, "é\n")
    gives(session.cell("'é' ;\n'é\\udc80' # ö"), r"'é\udc80'")


@case
def order(session):
    """Records come in order with both streams."""
    turn = session.cell("import sys\nprint(1)\nprint(2, file=sys.stderr)\nprint(3)\n4")
    same([name for name, _ in turn.order if name != "err"], ["out", "result"])
    same((turn.out, turn.err, turn.order[-1][0]), ("1\n3\n", "2\n", "result"))


@case
def exceptions(session):
    """An exception ends the cell and not the session; its traceback has the cell's lines and carets."""
    ends(session.cell("def f(x):\n    return 1 / x"), 0)
    turn = session.cell("y = 1\nf(y) + f(0)")
    raises(turn, """\
Traceback (most recent call last):
  File "<cell 2>", line 2, in <module>
    f(y) + f(0)
           ~^^^
  File "<cell 1>", line 2, in f
    return 1 / x
           ~~^~~
ZeroDivisionError: division by zero
""")
    same((turn.error["name"], turn.error["value"]), ("ZeroDivisionError", "division by zero"))
    gives(session.cell("y"), "1")
    raises(session.cell("y = = 2"), """\
  File "<cell 4>", line 1
    y = = 2
        ^
SyntaxError: invalid syntax
""")
    gives(session.cell("y"), "1")
    raises(session.cell("y = 2\nif y:\n    return y"), """\
  File "<cell 6>", line 3
    return y
    ^^^^^^^^
SyntaxError: 'return' outside function
""")


@case
def exits(session):
    """SystemExit ends the cell with its status, and a record says that it was one."""
    for code, status in ("3", 3), ("", 0), ("None", 0), ("256 + 7", 7), ("-1", 255), ("True", 1):
        same(ends(session.cell(f"raise SystemExit({code})"), status).records("exit"), [{"status": status}])
    ends(session.cell("import sys; print(1); sys.exit('no')"), 1, "1\n", "no\n")
    ends(session.cell("exit()"), 0)
    same(session.cell("1").records("exit"), [])
    gives(session.cell("1"), "1")


@case
def interrupts(session):
    """SIGINT is KeyboardInterrupt, and the session goes on."""
    session.interrupt_after(0.2)
    turn = session.cell("import time\ntime.sleep(20)")
    same((turn.kind, turn.status, turn.error["name"]), ("ready", 1, "KeyboardInterrupt"))
    same(turn.error["traceback"].splitlines()[1], '  File "<cell 1>", line 2, in <module>')
    session.interrupt_after(0.2)
    same(session.cell("while True: pass").error["name"], "KeyboardInterrupt")
    session.interrupt_after(0.2)
    gives(session.cell("try: time.sleep(20)\nexcept KeyboardInterrupt: x = 5\nx"), "5")


@case
def session_ends(session):
    """os._exit, a crash and a limit end the session, and the outcome says so; a rewind gives a new one."""
    for source, kind, status in (("import os; os._exit(4)", "exited", 4),
                                 ("import os; os.kill(os.getpid(), 11)", "signaled", 11),
                                 ("import ctypes; ctypes.string_at(1)", "signaled", 11)):
        ends(session.cell("x = 1"), 0)
        turn = session.cell(source)
        same((turn.kind, turn.status), (kind, status))
        same(session.cell("1").detail, "the machine is not ready for a run")
        session.rewind()
        same(session.cell("x").error["value"], "name 'x' is not defined")
        session.rewind()
    same(session.cell("print(1)\nwhile True: pass", timeout=0.5).kind, "timeout")


@case
def script_refused(session):
    """A machine with a session runs no script."""
    ends(session.cell("x = 1"), 0)
    ends(session.run(machine.SCRIPT, "print(1)", argv=["-c"]), 125,
         err="pyhl: this machine has a session: a script needs one that is restored or rewound\n")
    gives(session.cell("x"), "1")


@case
def long_number(session):
    """An integer that python3 does not turn into text is told in one line, and ends no cell."""
    ends(session.cell("10**5000"), 0, err="ValueError: Exceeds the limit (4300 digits) for integer string conversion; "
         "use sys.set_int_max_str_digits() to increase the limit\n")
    gives(session.cell("10**300"), "1" + "0" * 300)
