# SPDX-License-Identifier: Apache-2.0
"""Completion, inspection, and whether a source is whole. In the sources `|` is the cursor."""
import machine
from check import case, ends, same

NAMES = """
import os, json, pandas
alpha, alpine, _alps = 1, {'one': 1, 'two words': 2, 3: 4}, 5
class Trap:
    field = 'x'
    @property
    def sprung(self):
        global caught
        caught = True
        return self
    def method(self, first, second=2):
        'What it does.'
        return first
    def __getattr__(self, name):
        global caught
        caught = True
        raise AttributeError(name)
caught = False
trap = Trap()
frame = pandas.DataFrame({'first': [1], 'second': [2]})
"""


def complete(session, text):
    cursor, source = text.index("|"), text.replace("|", "")
    turn = ends(session.run(machine.COMPLETE, source, cursor=cursor), 0)
    answer, = turn.records("complete")
    same((answer["cursor_end"], answer["metadata"]), (cursor, {}))
    return source[answer["cursor_start"]:cursor], answer["matches"]


@case
def completes(session):
    ends(session.cell(NAMES), 0)
    same(complete(session, "alp|"), ("alp", ["alpha", "alpine"]))
    same(complete(session, "_al|"), ("_al", ["_alps"]))
    same(complete(session, "é = alp|ha + 1\n"), ("alp", ["alpha", "alpine"]))
    same(complete(session, "x = 1\nwhi|"), ("whi", ["while"]))
    same(complete(session, "os.path.is|")[1], ["isabs", "isdevdrive", "isdir", "isfile", "isjunction", "islink", "ismount"])
    same(complete(session, "print(os. getc|"), ("getc", ["getcwd", "getcwdb"]))
    same(complete(session, "alpha.nothing.x|")[1], [])
    same(complete(session, "'a'.isdec|")[1], ["isdecimal"])
    same(complete(session, "alpine['|"), ("", ["one']", "two words']"]))
    same(complete(session, "alpine[\"t|"), ("t", ["two words\"]"]))
    same(complete(session, "alpine[|"), ("", ["'one']", "'two words']", "3]"]))
    same(complete(session, "frame['s|"), ("s", ["second']"]))
    same(complete(session, "frame.sec|")[1], ["second"])
    same(complete(session, "trap.method(fi|"), ("fi", ["first=", "filter", "finally"]))
    same("second=" in complete(session, "trap.method(1, |")[1], True)
    same(complete(session, "|")[1].count("alpha"), 1)


@case
def completes_imports(session):
    same(complete(session, "import htt|")[1], ["http", "httpcore", "httpx"])
    same(complete(session, "import os, xml.et|"), ("et", ["etree"]))
    same(complete(session, "from xml.etree.|")[1][:3], ["ElementInclude", "ElementPath", "ElementTree"])
    same(complete(session, "from concurrent.fut|")[1], ["futures"])
    ends(session.cell("import json"), 0)
    same(complete(session, "from json import load, dum|"), ("dum", ["dump", "dumps"]))
    same(complete(session, "from json import de|"), ("de", ["decoder", "detect_encoding"]))
    for nothing in "import nothing.at.|", "from .x import a|", "from nothing import |":
        same(complete(session, nothing)[1], [])
    same(session.cell("import sys; 'xml' in sys.modules").result, "False")


@case
def completes_paths(session):
    ends(session.cell("import os; os.makedirs('/tmp/there/sub'); open('/tmp/there/subject', 'w'); os.chdir('/tmp/there');"), 0)
    same(complete(session, "open('su|"), ("su", ["sub/", "subject"]))
    same(complete(session, "open(\"/tmp/th|"), ("th", ["there/"]))
    same(complete(session, "open('/nothing/x|"), ("x", []))


@case
def completes_without_running(session):
    """Neither a property nor __getattr__ is called."""
    ends(session.cell(NAMES), 0)
    same(complete(session, "trap.spr|")[1], ["sprung"])
    same(complete(session, "trap.sprung.fie|")[1], [])
    same(complete(session, "trap.other.fie|")[1], [])
    same(inspect(session, "trap.sprung|")["found"], False)
    same(session.cell("caught").result, "False")
    ends(session.cell("class Bad:\n    def __dir__(self): raise OSError\nbad = Bad()"), 0)
    same(complete(session, "bad.x|")[1], [])


def inspect(session, text, more="0"):
    cursor, source = text.index("|"), text.replace("|", "")
    turn = ends(session.run(machine.INSPECT, source, cursor=cursor, argv=["-", more]), 0)
    return turn.records("inspect")[0]


@case
def inspects(session):
    ends(session.cell(NAMES), 0)
    want = "Signature: trap.method(first, second=2)\nType:      method\nDocstring:\nWhat it does."
    for text in "trap.met|hod(1)", "trap.method|", "x = trap.method(1, |", "trap.method(1, (2)|":
        same(inspect(session, text)["data"]["text/plain"], want)
    same(inspect(session, "trap.method|", "1")["data"]["text/plain"],
         want + "\nSource:\n    def method(self, first, second=2):\n        'What it does.'\n        return first\n")
    same(inspect(session, "alpha|")["data"]["text/plain"].splitlines()[:2], ["Type:      int", "Value:     1"])
    same("File:      /usr/lib/python3.13/json/__init__.py" in inspect(session, "json|")["data"]["text/plain"], True)
    same(inspect(session, "nothing|"), {"found": False, "data": {}, "metadata": {}})
    same(inspect(session, "1 + |"), {"found": False, "data": {}, "metadata": {}})


@case
def is_complete(session):
    def status(source):
        turn = ends(session.run(machine.IS_COMPLETE, source), 0)
        answer, = turn.records("is_complete")
        return answer["status"], answer.get("indent")
    for source in ("", "1", "x = 1\ny = 2", "for i in range(3): print(i)", "def f():\n    return 1\n", "await f()",
                   "x = [\n    1]", "'''a\n  b'''", "if x:\n    1\n\n2", "# x"):
        same((source, status(source)), (source, ("complete", None)))
    for source, indent in (("def f():", "    "), ("def f():\n    if x:", "        "), ("def f():\n    return 1", ""),
                           ("for i in x:\n    y = i", "    "), ("x = [", ""), ("'''a", ""), ("x = 1 + \\", ""),
                           ("match x:\n    case 1:\n        y", "        "), ("@f", "")):
        same((source, status(source)), (source, ("incomplete", indent)))
    for source in "x = = 1", "for", "1)", "def f():\nreturn 1", "x\0":
        same((source, status(source)), (source, ("invalid", None)))
    same(session.cell("1").records("result")[0]["execution_count"], 1)


@case
def asks_in_contexts(session):
    ends(session.cell("alpha = 1"), 0)
    ends(session.context("make", "a"), 0)
    ends(session.cell("alpine = 1", "a"), 0)
    turn = session.run(machine.COMPLETE, "alp", "a", cursor=3)
    same(turn.records("complete")[0]["matches"], ["alpine"])
    ends(session.run(machine.COMPLETE, "alp", "b", cursor=3), 125, err="pyhl: there is no context 'b'; there are: default, a\n")
    turn = session.run(machine.COMPLETE, "al", cursor=99)
    same((turn.records("complete")[0]["matches"][-1], turn.records("complete")[0]["cursor_end"]), ("alpha", 2))
