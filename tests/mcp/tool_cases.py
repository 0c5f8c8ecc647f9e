# SPDX-License-Identifier: Apache-2.0
"""What the tools give."""

import base64
import json
import pathlib
import subprocess
import tempfile

from caselist import case, same
from client import MODERN, PYHL, Server, text

PARTS = {"stdout": "", "stderr": "", "result": None, "error": None, "limit": None, "session": None}


def opened(s):
    return s.call("session", action="open")["structuredContent"]["sessions"][0]


@case
def text_has_output_values_and_exceptions_in_order():
    with Server() as s:
        result = s.call("run_python", code="import sys\nprint('out')\nprint('err', file=sys.stderr)\n[1, 2]")
        same((sorted(text(result).splitlines()), result["isError"]), (["[1, 2]", "err", "out"], False))
        same(result["structuredContent"], {**PARTS, "stdout": "out\n", "stderr": "err\n", "result": "[1, 2]"})
        result = s.call("run_python", code="print('no end', end='')\ndisplay(1)\nprint('more')\n1/0")
        lines = text(result).splitlines()
        same((lines[:3], lines[-1], result["isError"]), (["no end", "1", "more"], "ZeroDivisionError: division by zero", True))
        error = result["structuredContent"]["error"]
        same((error["name"], error["value"], error["traceback"] in text(result)), ("ZeroDivisionError", "division by zero", True))
        result = s.call("run_python", code="pass")
        same((text(result), result["structuredContent"], result["isError"]), ("(no output)", PARTS, False))


@case
def exits():
    with Server() as s:
        result = s.call("run_python", code="import sys; sys.exit(3)")
        same((text(result), result["isError"]), ("exit status 3", True))
        result = s.call("run_python", code="import sys; print('bye'); sys.exit()")
        same((text(result), result["isError"]), ("bye\n", False))
        result = s.call("run_python", code="def f(:")
        same((result["structuredContent"]["error"]["name"], result["isError"]), ("SyntaxError", True))


@case
def a_figure_is_an_image():
    with Server() as s:
        result = s.call("run_python", code="import matplotlib.pyplot as plt\nprint('a')\nplt.plot([1, 2]); plt.show()\n"
                                           "print('b')\nplt.figure(); plt.plot([2, 1])\n'value'")
        same([item["type"] for item in result["content"]], ["text", "image", "text", "image"])
        same([item.get("text") for item in result["content"]], ["a\n", None, "b\n'value'", None])
        for item in result["content"][1::2]:
            same((item["mimeType"], base64.b64decode(item["data"], validate=True)[:8]), ("image/png", b"\x89PNG\r\n\x1a\n"))
        same(result["structuredContent"], {**PARTS, "stdout": "a\nb\n", "result": "'value'"})


@case
def tables_are_text():
    with Server() as s:
        shown = text(s.call("run_python", code="import pandas as pd; pd.DataFrame({'x': [1, 2]})"))
        assert "<table" in shown and "<td>2</td>" in shown and "style scoped" not in shown, shown
        same(text(s.call("run_python", code="display({'text/markdown': '|a|\\n|-|\\n|1|'}, raw=True)")), "|a|\n|-|\n|1|")
        same(text(s.call("run_python", code="display({'text/html': '<b>x</b>', 'text/plain': 'plain'}, raw=True)")), "plain")


@case
def other_data():
    with Server() as s:
        def shown(bundle):
            (item,) = s.call("run_python", code=f"display({bundle!r}, raw=True)")["content"]
            return item
        same(shown({"audio/wav": b"RIFF"}), {"type": "audio", "data": "UklGRg==", "mimeType": "audio/wav"})
        same(shown({"image/jpeg": b"\xff\xd8"}), {"type": "image", "data": "/9g=", "mimeType": "image/jpeg"})
        same(shown({"application/json": {"a": [1, 10**30]}})["resource"]["mimeType"], "application/json")
        same(json.loads(shown({"application/json": {"a": [1, 2]}})["resource"]["text"]), {"a": [1, 2]})
        same(shown({"application/pdf": b"%PDF"}),
             {"type": "resource", "resource": {"uri": "pyhl:///result/1", "mimeType": "application/pdf", "blob": "JVBERg=="}})


@case
def bytes_that_are_no_text():
    with Server() as s:
        result = s.call("run_python", code="import os; os.write(1, b'a\\xff\\x00\\xe2\\x82b\\xc3\\xbc'); None")
        same(text(result), "a\ufffd\0\ufffd\ufffdb\u00fc")
        same(text(s.call("run_python", code="'\\ud800 \\0 ' + chr(0x1f600)")), repr("\ud800 \0 \U0001f600"))


@case
def each_run_is_the_first():
    with Server("--workers", "1") as s:
        for _ in range(3):
            result = s.call("run_python", code="import builtins, os\nprint(hasattr(builtins, 'mark'), os.path.exists('/tmp/mark'))\n"
                                               "builtins.mark = 1; open('/tmp/mark', 'w').close()")
            same(text(result), "False False\n")


@case
def a_session_goes_on():
    with Server() as s:
        one, two = opened(s), opened(s)
        assert one != two
        s.call("run_python", code="x = [1]; open('f', 'w').write('file')", session=one)
        result = s.call("run_python", code="x.append(2); x, open('f').read()", session=one)
        same((text(result), result["structuredContent"]["session"]), ("([1, 2], 'file')", one))
        same(s.call("run_python", code="x", session=two)["structuredContent"]["error"]["name"], "NameError")
        same(s.call("session", action="close", session=one)["isError"], False)
        for arguments in ({"session": one}, {"session": "nobody's"}):
            result = s.call("run_python", code="x", **arguments)
            same((result["isError"], "there is no session" in text(result)), (True, True))
        same(s.call("session", action="close", session=one)["isError"], True)


@case
def a_session_that_its_code_ends():
    with Server() as s:
        name = opened(s)
        result = s.call("run_python", code="import os; os._exit(3)", session=name)
        same((text(result), result["isError"]), ("exit status 3\nThe session is over.", True))
        assert "there is no session" in text(s.call("run_python", code="1", session=name))


@case
def limits_of_a_run():
    with Server("--timeout", "5", "--output-limit", "5000") as s:
        result = s.call("run_python", code="print('on', flush=True)\nwhile True: pass", timeout=0.3)
        same((result["structuredContent"]["limit"], result["structuredContent"]["stdout"], result["isError"]), ("timeout", "on\n", True))
        assert "timeout of 0.3 s" in text(result) or "timeout of 300" in text(result), text(result)
        same(s.call("run_python", code="print('x' * 6000)")["structuredContent"]["limit"], "output")
        assert "the server allows 5" in text(s.call("run_python", code="1", timeout=6))
        name = opened(s)
        result = s.call("run_python", code="while True: pass", session=name, timeout=0.3)
        same((result["structuredContent"]["limit"], text(result).endswith("The session is over.")), ("timeout", True))


@case
def no_more_sessions_than_allowed():
    with Server("--sessions", "1") as s:
        name = opened(s)
        result = s.call("session", action="open")
        same((result["isError"], text(result).startswith("Busy:")), (True, True))
        s.call("session", action="close", session=name)
        opened(s)


@case
def arguments_that_are_wrong():
    with Server() as s:
        for tool, arguments, words in (
                ("run_python", {}, "'code' is missing"),
                ("run_python", {"code": 1}, "'code' must be of the type string"),
                ("run_python", {"code": "1", "timeout": "1"}, "'timeout' must be of the type number"),
                ("run_python", {"code": "1", "timeout": 0}, "'timeout' must be a number over 0"),
                ("run_python", {"code": "1", "language": "c"}, "there is no argument 'language'"),
                ("run_python", {"code": "1\0"}, "'code' has a NUL"),
                ("session", {"action": "close", "session": "s1\0"}, "'session' has a NUL"),
                ("session", {}, "'action' is missing"),
                ("session", {"action": "burn"}, '\'action\' must be one of ["open","fork","rewind","close"]'),
                ("session", {"action": "close"}, "'session' is missing"),
                ("session", {"action": "open", "session": "x"}, "'session': a session that is opened is given its name"),
                ("session", {"action": "fork", "session": "x", "count": 0}, "'count' must be at least 1"),
                ("read_file", {"session": "x"}, "'path' is missing")):
            result = s.call(tool, **arguments)
            same((result["isError"], words in text(result)), (True, True)), (words, result)
        for name, arguments in (("no_tool", {}), (5, {}), ("run_python", [])):
            same(s.do("tools/call", name=name, arguments=arguments)["error"]["code"], -32602)
        same(s.do("tools/list", cursor="x")["error"]["code"], -32602)


@case
def tools_for_tests():
    tools = [{"name": "add", "description": "Adds", "inputSchema": {"type": "object"}, "code": "print('sum'); 1 + 2"},
             {"name": "sample", "description": "Needs", "inputSchema": {"type": "object"}, "code": "5", "requires": {"sampling": {}}}]
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "tools.json"
        path.write_text(json.dumps(tools))
        with Server("--fixtures", str(path)) as s:
            same([t["name"] for t in s.do("tools/list")["result"]["tools"]][4:], ["add", "sample"])
            same(text(s.call("add")), "sum\n3")
            error = s.answer(s.begin("sample", MODERN))["error"]
            same((error["code"], error["data"]), (-32021, {"requiredCapabilities": {"sampling": {}}}))
            meta = {**MODERN, "io.modelcontextprotocol/clientCapabilities": {"sampling": {}}}
            same(text(s.answer(s.begin("sample", meta))["result"]), "5")
        for bad in ("[", "{}", '[{"name": "x"}]'):
            path.write_text(bad)
            run = subprocess.run([PYHL, "mcp", "--fixtures", path], stdin=subprocess.DEVNULL, capture_output=True, text=True)
            same((run.returncode, run.stdout, run.stderr.startswith(f"pyhl mcp: {path}: ")), (125, "", True))
