# SPDX-License-Identifier: Apache-2.0
"""Messages of all revisions."""

import json
import pathlib
import time

from caselist import case, same
from client import MODERN, Server, text

HERE = pathlib.Path(__file__).parent
REVISIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
LOOP = "while True: pass"


def without_install(line):
    """A list of tools without the one text in it that depends on the install."""
    message = json.loads(line)
    tools = message.get("result", {}).get("tools")
    if not tools:
        return line
    message["result"]["tools"][0]["description"] = "..."
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()


@case
def a_conversation_byte_for_byte():
    """transcript.txt has what is sent (>) and what comes (<), in the order of time."""
    count = 0
    with Server() as s:
        for line in (HERE / "transcript.txt").read_bytes().splitlines():
            if line.startswith(b"> "):
                s.write(line[2:] + b"\n")
            elif line.startswith(b"< "):
                same(without_install(s.line()), line[2:])
                count += 1
        same(s.end(), (0, ""))
        same((s.received, count), (b"", 25))


@case
def revisions_that_begin_with_a_handshake():
    with Server() as s:
        for asked, given in [(r, r) for r in REVISIONS] + [("2026-07-28", "2025-11-25"), ("1999-01-01", "2025-11-25")]:
            result = s.do("initialize", protocolVersion=asked, capabilities={}, clientInfo={"name": "a", "version": "1"})["result"]
            same((result["protocolVersion"], result["capabilities"], result["serverInfo"]["name"]), (given, {"tools": {}}, "pyhl"))
            tools = s.do("tools/list")["result"]
            same(set(tools), {"tools"})
            same([t["name"] for t in tools["tools"]], ["run_python", "session", "write_file", "read_file"])
            result = s.call("run_python", code="6 * 7")
            same(text(result), "42")
            structured = given >= "2025-06-18"
            same(("structuredContent" in result, "outputSchema" in tools["tools"][0]), (structured, structured))
            same("_meta" in result, False)
        same(s.do("initialize", capabilities={})["error"]["code"], -32602)
        same(s.do("ping")["result"], {})


@case
def each_request_of_the_newest_stands_for_itself():
    server = {"io.modelcontextprotocol/serverInfo": {"name": "pyhl", "version": "0.1.0"}}
    with Server() as s:
        result = s.do("server/discover", MODERN)["result"]
        same((result["supportedVersions"], result["capabilities"], result["resultType"], result["_meta"]),
             (["2026-07-28"], {"tools": {}}, "complete", server))
        same((result["ttlMs"] >= 0, result["cacheScope"]), (True, "public"))
        result = s.do("tools/list", MODERN)["result"]
        same((len(result["tools"]), result["ttlMs"] >= 0, result["cacheScope"], result["resultType"], result["_meta"]),
             (4, True, "public", "complete", server))
        result = s.answer(s.begin("run_python", MODERN, code="6 * 7"))["result"]
        same((text(result), result["structuredContent"]["result"], result["resultType"], result["_meta"]),
             ("42", "42", "complete", server))
        for method in ("initialize", "ping", "logging/setLevel", "resources/subscribe", "unknown/method", "prompts/list"):
            same(s.do(method, MODERN)["error"]["code"], -32601)
        same(s.do("ping")["result"], {})  # without _meta it is of an older revision


@case
def what_the_newest_wants_in_meta():
    with Server() as s:
        for missing in ("protocolVersion", "clientCapabilities"):
            meta = {key: value for key, value in MODERN.items() if not key.endswith(missing)}
            same(s.do("server/discover", meta)["error"]["code"], -32602)
        same(s.do("server/discover")["error"]["code"], -32602)
        same(s.do("tools/list", {**MODERN, "io.modelcontextprotocol/clientInfo": 1})["error"]["code"], -32602)
        same(s.do("server/discover", {k: v for k, v in MODERN.items() if not k.endswith("clientInfo")})["result"]["resultType"],
             "complete")
        for version in ("v999", "2025-11-25"):
            error = s.do("server/discover", {**MODERN, "io.modelcontextprotocol/protocolVersion": version})["error"]
            same((error["code"], error["data"]), (-32022, {"supported": ["2026-07-28"], "requested": version}))


@case
def the_description_tells_of_the_install():
    with Server("--timeout", "7", "--memory", "600M", "--output-limit", "3M", "--cpu", "5") as s:
        about = s.do("tools/list")["result"]["tools"][0]["description"]
        version = text(s.call("run_python", code="import sys; print('.'.join(map(str, sys.version_info[:3])), end='')"))
        numpy = text(s.call("run_python", code="import numpy; print(numpy.__version__, end='')"))
        for words in (f"Python {version}.", f"numpy {numpy},", "600.0 MiB of memory", "7 s,", "5 s of CPU time", "3.0 MiB of output"):
            assert words in about, (words, about)


@case
def a_cancelled_request_gets_no_answer():
    with Server("--workers", "1") as s:
        for meta in (None, MODERN):
            number = s.begin("run_python", meta, code=LOOP)
            time.sleep(0.1)
            s.notify("notifications/cancelled", requestId=number, reason="no need")
            same(text(s.call("run_python", code="1 + 1")), "2")
        s.notify("notifications/cancelled", requestId=number)  # once more, and one that never was
        s.notify("notifications/cancelled", requestId="none")
        same(s.do("ping")["result"], {})
        same(s.kept, [])


@case
def a_cancelled_run_leaves_its_session():
    with Server() as s:
        name = s.call("session", action="open")["structuredContent"]["sessions"][0]
        same(text(s.call("run_python", code="x = 5; x", session=name)), "5")
        number = s.begin("run_python", code=LOOP, session=name)
        waiting = s.begin("run_python", code="x = 6", session=name)
        time.sleep(0.2)
        for one in (waiting, number):
            s.notify("notifications/cancelled", requestId=one)
        same(text(s.call("run_python", code="x", session=name)), "5")
        same(s.kept, [])


@case
def many_at_once_are_not_mixed_up():
    with Server() as s:
        numbers = [s.begin("run_python", MODERN if i % 2 else None, code=f"{i} * 3") for i in range(200)]
        for i, number in enumerate(numbers):
            same(text(s.answer(number)["result"]), str(i * 3))
        same((s.end(), s.kept), ((0, ""), []))


@case
def output_is_progress():
    code = "import time\nfor i in range(3):\n    print('step', i, flush=True)\n    time.sleep(0.1)"
    with Server() as s:
        for meta in ({"progressToken": "tok"}, {**MODERN, "progressToken": 7}):
            number = s.begin("run_python", meta, code=code)
            same(text(s.answer(number)["result"]), "step 0\nstep 1\nstep 2\n")
            params = [m["params"] for m in s.kept]
            same({(m["method"], m["params"]["progressToken"]) for m in s.kept}, {("notifications/progress", meta["progressToken"])})
            same(("".join(p["message"] for p in params), len(params)), ("step 0\nstep 1\nstep 2\n", 3))
            same([p["progress"] for p in params], [7, 14, 21])
            s.kept.clear()
        s.call("run_python", code=code)
        same(s.kept, [])


@case
def the_end_of_the_input():
    with Server() as s:
        number = s.begin("run_python", code="import time; time.sleep(0.3); 'late'")
        s.process.stdin.close()
        same((text(s.answer(number)["result"]), s.line(), s.process.wait(10)), ("'late'", None, 0))
    with Server() as s:
        s.begin("run_python", code=LOOP)
        time.sleep(0.1)
        same(s.end(15), (0, ""))
    with Server() as s:
        s.write(b'{"jsonrpc":"2.0","id":1,"method":"ping"}')  # the last line has no end
        s.process.stdin.close()
        same((s.line(), s.process.wait(10)), (b'{"jsonrpc":"2.0","id":1,"result":{}}', 0))
