"""Servers on loopback that take messages, refuse them, hang, cut the line, and come back; what came is counted."""

import json
import socketserver
import threading
import time
from collections import deque
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Posted(NamedTuple):
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes
    did: str
    at: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class FakeHttp:
    """Answers POSTs as it is told: what `will` holds first, then `usual`.

    ok; refuse CODE (200 with an error inside); 429, 500, 404, …; html (a sign-in page); hang; drip; cut; redirect.
    """

    def __init__(self, ok: bytes = b'{"errcode":0,"code":0}') -> None:
        self.usual, self.will, self.got = "ok", deque[str](), list[Posted]()
        self._ok, self._over = ok, threading.Event()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                did = fake.will.popleft() if fake.will else fake.usual
                fake.got.append(Posted(self.path, dict(self.headers), body, did, time.monotonic()))
                with suppress(OSError):
                    fake.answer(self, did)

            def log_message(self, *_args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def answer(self, handler: BaseHTTPRequestHandler, did: str) -> None:
        word, _, more = did.partition(" ")
        if word == "hang":
            self._over.wait(30)
        elif word == "cut":
            handler.connection.close()
        elif word == "drip":
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n")
            while not self._over.wait(0.02):
                handler.wfile.write(b" ")
        elif word.isdecimal():
            self._send(handler, int(word), b"{}", {"Retry-After": more} if more else {})
        elif word == "redirect":
            self._send(handler, 302, b"", {"Location": f"{self.url}/elsewhere"})
        elif word == "html":
            self._send(handler, 200, b"<html>sign in</html>")
        elif word == "refuse":
            code = int(more.split()[0])
            self._send(handler, 200, json.dumps({"errcode": code, "code": code, "errmsg": more, "msg": more}).encode())
        else:
            self._send(handler, 200, self._ok)

    def _send(
        self, handler: BaseHTTPRequestHandler, status: int, body: bytes, more: dict[str, str] | None = None
    ) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(more or {})}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    def accepted(self) -> list[Posted]:
        return [one for one in self.got if one.did == "ok"]

    def close(self) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class FakeSmtp:
    """A mail server that says what it is told to say to RCPT (`rcpt`) and to the end of DATA (`data`)."""

    def __init__(self) -> None:
        self.rcpt, self.data, self.greeting = deque[str](), deque[str](), "220 fake"
        self.mails: list[str] = []
        fake = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):
                    fake.talk(self)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def talk(self, handler: socketserver.StreamRequestHandler) -> None:
        def say(text: str) -> None:
            handler.wfile.write(f"{text}\r\n".encode())

        if self.greeting == "hang":
            self._over.wait(30)
            return
        say(self.greeting)
        for line in handler.rfile:
            word = line.split()[0].upper() if line.split() else b""
            if word == b"RCPT":
                say(self.rcpt.popleft() if self.rcpt else "250 ok")
            elif word == b"DATA":
                say("354 go on")
                mail = b"".join(iter(handler.rfile.readline, b".\r\n")).decode()
                answer = self.data.popleft() if self.data else "250 taken"
                if answer == "cut":
                    return
                if answer.startswith("250"):
                    self.mails.append(mail)
                say(answer)
            elif word == b"AUTH":
                say("535 no")
            elif word == b"EHLO":
                say("250-fake\r\n250 AUTH PLAIN")
            elif word == b"QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")

    def close(self) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
