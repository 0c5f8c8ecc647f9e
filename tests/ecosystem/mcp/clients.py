# SPDX-License-Identifier: Apache-2.0
"""The Python package `mcp` as a client, in each of its modes, over stdio and HTTP. usage: clients.py PYHL HOME URL"""

import asyncio
import base64
import sys

from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

FIGURE = "import matplotlib.pyplot as plt; plt.plot([1, 2]); print('plotted')"
TOOLS = ["run_python", "session", "write_file", "read_file"]


def same(got, want):
    assert got == want, f"got {got!r}, expected {want!r}"


async def use(client):
    same([tool.name for tool in (await client.list_tools()).tools][:4], TOOLS)
    result = await client.call_tool("run_python", {"code": "print('hello')\n6 * 7"})
    same((result.content[0].text, result.structured_content["result"], result.is_error), ("hello\n42", "42", False))
    result = await client.call_tool("run_python", {"code": FIGURE})
    same([item.type for item in result.content], ["text", "image"])
    same(base64.b64decode(result.content[1].data)[:4], b"\x89PNG")
    result = await client.call_tool("run_python", {"code": "1/0"})
    same((result.is_error, result.structured_content["error"]["name"]), (True, "ZeroDivisionError"))
    result = await client.call_tool("session", {"action": "open"})
    (session,) = result.structured_content["sessions"]
    result = await client.call_tool("write_file", {"session": session, "path": "f", "text": "file"})
    same((result.is_error, result.structured_content), (False, {"path": "f", "size": 4}))
    await client.call_tool("run_python", {"code": "x = open('f').read()", "session": session})
    result = await client.call_tool("session", {"action": "fork", "session": session})
    (copy,) = result.structured_content["sessions"]
    result = await client.call_tool("run_python", {"code": "x", "session": copy})
    same(result.content[0].text, "'file'")
    result = await client.call_tool("read_file", {"session": copy, "path": "f"})
    same(result.content[0].text, "file")
    for name in (session, copy):
        await client.call_tool("session", {"action": "close", "session": name})


async def main(pyhl, home, url):
    for mode in ("auto", "legacy", "2026-07-28"):
        for way in ("stdio", "http"):
            server = url if way == "http" else stdio_client(
                StdioServerParameters(command=pyhl, args=["mcp", "--dest", home]))
            async with Client(server, mode=mode) as client:
                await use(client)
            print(f"{mode} over {way}")


asyncio.run(main(*sys.argv[1:]))
