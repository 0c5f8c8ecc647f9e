# httpx: requests, redirects, cookies, authentication, streams and errors over its MockTransport, sync and async.
import asyncio
import json

import httpx

log = []


def server(request):
    log.append(f"{request.method} {request.url.raw_path.decode()}")
    path = request.url.path
    if path == "/json":
        return httpx.Response(200, json={"query": dict(request.url.params), "agent": request.headers["x-agent"]})
    if path == "/old":
        return httpx.Response(302, headers={"location": "/json?moved=1"})
    if path == "/login":
        return httpx.Response(200, headers={"set-cookie": "session=abc; Path=/"}, text="welcome")
    if path == "/who":
        return httpx.Response(200, text=request.headers.get("cookie", "nobody"))
    if path == "/private":
        return httpx.Response(200 if "authorization" in request.headers else 401,
                              text=request.headers.get("authorization", ""))
    if path == "/echo":
        return httpx.Response(201, content=request.content,
                              headers={"content-type": request.headers["content-type"]})
    if path == "/lines":
        return httpx.Response(200, content=iter([b"one\ntw", b"o\nthree", b"\n"]))
    if path == "/down":
        raise httpx.ConnectError("no route", request=request)
    return httpx.Response(404, text="nothing at " + path)


with httpx.Client(transport=httpx.MockTransport(server), base_url="http://shop.test",
                  headers={"x-agent": "case"}, follow_redirects=True) as client:
    got = client.get("/json", params={"a": "1", "b": "x y"})
    print(got.status_code, got.json(), got.headers["content-type"], got.http_version)
    moved = client.get("/old")
    print(moved.url, [str(r.status_code) for r in moved.history], moved.json())
    print(client.get("/login").text, dict(client.cookies), client.get("/who").text)
    print(client.get("/private").status_code, client.get("/private", auth=("me", "pass")).text)
    for extra in ({"json": {"n": [1, 2]}}, {"data": {"k": "v w"}}, {"content": "plain", "headers": {"content-type": "text/x"}}):
        echo = client.post("/echo", **extra)
        print(echo.status_code, echo.reason_phrase, echo.headers["content-type"], echo.content)
    with client.stream("GET", "/lines") as stream:
        print(list(stream.iter_lines()), stream.is_closed)
    for path in ("/missing", "/down"):
        try:
            client.get(path).raise_for_status()
        except httpx.HTTPStatusError as error:
            print(type(error).__name__, error.response.status_code, error.response.text)
        except httpx.TransportError as error:
            print(type(error).__name__, error, error.request.url)


async def many():
    async with httpx.AsyncClient(transport=httpx.MockTransport(server), base_url="http://shop.test",
                                 headers={"x-agent": "async"}) as client:
        replies = await asyncio.gather(*(client.get("/json", params={"i": i}) for i in range(5)))
        return [reply.json()["query"]["i"] for reply in replies]


print(asyncio.run(many()))
url = httpx.URL("https://user:pw@host.test:8443/a%20b/?q=1#f")
print(url.host, url.port, url.path, url.query, url.fragment, url.join("../c"), url.copy_with(port=None).netloc)
print(json.dumps(log, indent=0))
try:
    httpx.get("ftp://host.test/")
except httpx.UnsupportedProtocol as error:
    print("UnsupportedProtocol:", error)
