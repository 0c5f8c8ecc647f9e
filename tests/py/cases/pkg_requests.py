import requests
from requests.adapters import HTTPAdapter
class Local(HTTPAdapter):
    def send(self, request, **kw):
        r = requests.Response(); r.status_code = 404 if "missing" in request.url else 200; r.url = request.url; r.request = request
        r._content = b'{"method": "%s", "body": "%s"}' % (request.method.encode(), (request.body or "").encode() if isinstance(request.body or "", str) else b"bytes"); r.headers["Content-Type"] = "application/json; charset=utf-8"; r.encoding = "utf-8"
        return r
s = requests.Session(); s.mount("local://", Local()); s.headers["X-A"] = "1"; s.auth = ("u", "p")
r = s.get("local://h/p", params={"q": ["a b", "é"]}); print(r.url, r.json(), r.ok, r.request.headers["X-A"])
r = s.post("local://h/p", data={"k": "v"}); print(r.json(), r.request.headers["Content-Type"])
q = requests.Request("PUT", "http://example.org/x", json={"a": 1}, cookies={"c": "d"}).prepare(); print(q.method, q.url, dict(q.headers), q.body)
try: s.get("local://h/missing").raise_for_status()
except requests.HTTPError as e: print(e)
try: requests.get("nope://x")
except requests.RequestException as e: print(type(e).__name__, e)
print(requests.utils.quote("a/b ü"), requests.codes.teapot, requests.__version__)
