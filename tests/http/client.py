# SPDX-License-Identifier: Apache-2.0
"""A server that listens, and a client of its HTTP."""

import base64
import http.client
import json
import os
import select
import signal
import socket
import subprocess
import tempfile
import time

PYHL = os.environ.get("PYHL", "build/pyhl")
TOKEN = "the-token-of-the-tests"


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def events(self):
        return [json.loads(line) for line in self.body.splitlines()]

    @property
    def done(self):
        return self.events[-1]


def data(event):
    """The bytes of an event."""
    return event["text"].encode() if "text" in event else base64.b64decode(event.get("base64", ""))


def output(events, stream="stdout"):
    return b"".join(data(e) for e in events if e["event"] == stream)


class Server:
    """A server that listens at a port of its own choice, with one token unless others are said."""

    def __init__(self, *options, listen=":0", tokens=None, token=TOKEN, **popen):
        self.files = tempfile.TemporaryDirectory()
        env = {**os.environ, **popen.pop("env", {})}
        env.pop("PYHL_TOKEN", None)
        if tokens is not None:
            path = os.path.join(self.files.name, "tokens")
            with open(path, "w") as f:
                f.write(tokens)
            os.chmod(path, 0o600)
            options += ("--token-file", path)
        elif token is not None:
            env["PYHL_TOKEN"] = token
        self.token = token
        self.listen = listen
        self.process = subprocess.Popen([PYHL, "serve", "--listen", listen, *options], env=env,
                                        stdin=popen.pop("stdin", subprocess.DEVNULL),
                                        stdout=popen.pop("stdout", subprocess.DEVNULL),
                                        stderr=subprocess.PIPE, text=True, **popen)
        self.where = self.process.stderr.readline().strip()
        prefix = "pyhl serve: listening on "
        assert self.where.startswith(prefix), self.where
        self.where = self.where[len(prefix):]
        if self.where.startswith("http://"):
            host, _, port = self.where[len("http://"):].rpartition(":")
            self.address = (host.strip("[]"), int(port))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()
        self.files.cleanup()

    def connection(self, timeout=30):
        if self.where.startswith("unix:"):
            return UnixConnection(self.where[len("unix:"):], timeout)
        return http.client.HTTPConnection(*self.address, timeout=timeout)

    def headers(self, token=None, **more):
        token = self.token if token is None else token
        return {**({"Authorization": f"Bearer {token}"} if token else {}), **more}

    def request(self, method, path, body=None, token=None, headers={}, connection=None):
        """Asks, and returns what has the answer when it is read."""
        c = connection or self.connection()
        body = json.dumps(body) if isinstance(body, dict) else body
        c.request(method, path, body, {**self.headers(token), **headers})
        return c

    def ask(self, method, path, body=None, **more):
        c = self.request(method, path, body, **more)
        answer = Answer(c.getresponse())
        if more.get("connection") is None:
            c.close()
        return answer

    def run(self, code, **members):
        more = {name: members.pop(name) for name in ("token", "headers", "connection") if name in members}
        return self.ask("POST", "/v1/run", {"code": code, **members}, **more)

    def open(self, **more):
        answer = self.ask("POST", "/v1/sessions", {}, **more)
        assert answer.status == 201, (answer.status, answer.body)
        return answer.json["session"]

    def raw(self, text, within=10):
        """Sends bytes, and returns all that comes until the server closes, or nothing comes for a while."""
        with socket.create_connection(self.address) as s:
            s.settimeout(within)
            received = b""
            try:
                s.sendall(text)
                while True:
                    more = s.recv(65536)
                    if not more:
                        return received
                    received += more
            except (ConnectionError, TimeoutError):
                return received

    def end(self, signo=signal.SIGTERM, within=10):
        """Its exit status, and what it has said since it listened."""
        self.process.send_signal(signo)
        status = self.process.wait(within)
        return status, self.process.stderr.read()


class Stream:
    """An answer that is read event by event."""

    def __init__(self, server, path, body, **more):
        self.connection = server.request("POST", path, body, **more)
        self.response = self.connection.getresponse()
        self.run = int(self.response.headers["Pyhl-Run"])

    def event(self):
        line = self.response.readline()
        return json.loads(line) if line else None

    def until(self, name):
        while True:
            event = self.event()
            assert event is not None, f"the answer has ended without {name}"
            if event["event"] == name:
                return event

    def leave(self):
        """As a client that has crashed."""
        self.response.close()
        self.connection.sock and self.connection.sock.close()
        self.connection.close()


def wait_for(condition, what, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def readable(sock, seconds):
    return bool(select.select([sock], [], [], seconds)[0])
