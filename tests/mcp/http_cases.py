# SPDX-License-Identifier: Apache-2.0
"""The same over HTTP: POST /mcp of `pyhl serve --listen`."""

import http.client
import json
import os
import subprocess
import time

from caselist import case, same
from client import MODERN, PYHL, text

TOKEN = "0123456789abcdef"
JSON = "application/json"
LOOP = "while True: pass"


class Web:
    """A server, and messages to it. A revision is told of in headers."""

    def __enter__(self):
        self.process = subprocess.Popen([PYHL, "serve", "--listen", "127.0.0.1:0"], stderr=subprocess.PIPE, text=True,
                                        env={**os.environ, "PYHL_TOKEN": TOKEN})
        self.address = self.process.stderr.readline().split("http://")[1].strip()
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()

    def begin(self, message, headers, method="POST"):
        connection = http.client.HTTPConnection(self.address, timeout=30)
        connection.request(method, "/mcp", message if isinstance(message, bytes) else json.dumps(message),
                           {"Authorization": f"Bearer {TOKEN}", "Content-Type": JSON, "Accept": f"{JSON}, text/event-stream",
                            **headers})
        return connection

    def post(self, message, headers, method="POST"):
        """The status, the type and the body of the answer."""
        connection = self.begin(message, headers, method)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, answer.getheader("Content-Type"), body

    def modern(self, method, headers=None, meta=MODERN, **params):
        """One of 2026-07-28, with the headers that it wants unless they are changed."""
        wanted = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method, "Mcp-Name": params.get("name"), **(headers or {})}
        status, kind, body = self.post({"jsonrpc": "2.0", "id": 1, "method": method, "params": {"_meta": meta, **params}},
                                       {key: value for key, value in wanted.items() if value is not None})
        same(kind, JSON)
        return status, json.loads(body)


def call(code, **arguments):
    return {"name": "run_python", "arguments": {"code": code, **arguments}}


@case
def http_has_both_eras():
    with Web() as web:
        status, answer = web.modern("tools/call", **call("6 * 7"))
        same((status, text(answer["result"]), answer["result"]["resultType"]), (200, "42", "complete"))
        start = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}}
        status, _, body = web.post({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": start}, {})
        same((status, json.loads(body)["result"]["protocolVersion"]), (200, "2025-06-18"))
        same(web.post({"jsonrpc": "2.0", "method": "notifications/initialized"}, {})[::2], (202, b""))
        for headers, structured in (({}, False), ({"MCP-Protocol-Version": "2025-06-18"}, True)):
            status, _, body = web.post({"jsonrpc": "2.0", "id": "x", "method": "tools/call", "params": call("6 * 7")}, headers)
            result = json.loads(body)["result"]
            same((status, text(result), "structuredContent" in result), (200, "42", structured))
        status, _, body = web.post({"jsonrpc": "2.0", "id": 2, "method": "nothing"}, {})
        same((status, json.loads(body)["error"]["code"]), (200, -32601))


@case
def http_has_a_status_for_each_error():
    with Web() as web:
        for method in ("initialize", "ping", "prompts/list"):
            status, answer = web.modern(method)
            same((status, answer["error"]["code"], answer["id"]), (404, -32601, 1))
        for headers in ({"MCP-Protocol-Version": "2025-11-25"}, {"MCP-Protocol-Version": None}, {"Mcp-Method": None},
                        {"Mcp-Method": "TOOLS/CALL"}, {"Mcp-Name": None}, {"Mcp-Name": "session"}):
            status, answer = web.modern("tools/call", headers, **call("1"))
            same((status, answer["error"]["code"]), (400, -32020))
        same(web.modern("tools/call", {"Mcp-Name": "  run_python  "}, **call("1"))[0], 200)
        status, answer = web.modern("tools/list", meta={})
        same((status, answer["error"]["code"]), (400, -32602))
        meta = {**MODERN, "io.modelcontextprotocol/protocolVersion": "v9"}
        status, answer = web.modern("tools/list", {"MCP-Protocol-Version": "v9"}, meta)
        same((status, answer["error"]["code"], answer["error"]["data"]["requested"]), (400, -32022, "v9"))
        for body, code in ((b"{", -32700), (b"[]", -32600), (b"", -32700), (b"{}", -32600)):
            status, _, answer = web.post(body, {})
            same((status, json.loads(answer)["error"]["code"]), (400, code))
        ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        for headers, method, status in (({"Content-Type": "text/plain"}, "POST", 415), ({}, "GET", 405), ({}, "DELETE", 405),
                                        ({"Origin": "http://evil.example"}, "POST", 403), ({"Host": "evil.example"}, "POST", 403),
                                        ({"Authorization": "Bearer fedcba9876543210"}, "POST", 401), ({}, "POST", 200)):
            same(web.post(ping, headers, method)[0], status)


@case
def http_streams_progress():
    code = "import time\nfor i in range(3):\n    print('step', i, flush=True)\n    time.sleep(0.1)"
    with Web() as web:
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"_meta": {"progressToken": "t"}, **call(code)}}
        status, kind, body = web.post(message, {})
        events = [json.loads(event.split("data: ")[1]) for event in body.decode().split("\n\n") if event]
        same((status, kind, len(events)), (200, "text/event-stream", 4))
        same("".join(event["params"]["message"] for event in events[:3]), text(events[3]["result"]))
        same(web.post(message, {"Accept": JSON})[1], JSON)


@case
def http_a_client_that_goes_away_cancels():
    with Web() as web:
        status, answer = web.modern("tools/call", name="session", arguments={"action": "open"})
        name = answer["result"]["structuredContent"]["sessions"][0]
        web.modern("tools/call", **call("x = 5", session=name))
        for session in ({"session": name}, {}):
            gone = web.begin({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call(LOOP, **session)}, {})
            time.sleep(0.3)
            gone.close()
        status, answer = web.modern("tools/call", **call("x", session=name))
        same((status, text(answer["result"])), (200, "5"))
