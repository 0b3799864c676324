"""A port of the edge agent under test, with what stands for the spool behind it."""

import contextlib
import hashlib
import re
import socket
import threading
from zoneinfo import ZoneInfo

from ingest.codecs.bindings import Binding, Bindings
from ingest.codecs.codec import Codec
from ingest.codecs.memory import Memory
from ingest.codecs.vendors import codec_class
from ingest.edge.edge_file import HttpAccount, HttpPart
from ingest.edge.sources.http_port import HttpSource

SYSTEM, OTHER, CAMERA = "99999900005030000001", "99999900005030000002", "99999900001190000001"
PASSWORD, TOKEN = "open sesame", "a-token-of-more-than-twenty-signs"
BINDINGS = [
    Binding("gat1400", "gate-1", SYSTEM, CAMERA, direction="in"), Binding("zigbee2mqtt", "door-1", "/zigbee2mqtt/door"),
]  # fmt: skip


class Taken:
    """Takes messages as an agent does, without a disk: what was handed over stays in `heard`."""

    def __init__(self):
        self.heard, self.messages, self.refusals = [], [], []
        self.fails, self.bindings = False, BINDINGS
        self.gate = threading.Event()
        self.gate.set()
        self._codecs: dict[str, Codec] = {}

    def take(self, codec, message, remember=None):
        self.gate.wait(30)
        if self.fails:
            raise RuntimeError("a fault of ours")
        if codec not in self._codecs:
            self._codecs[codec] = codec_class(codec)(Bindings(self.bindings), Memory(), ZoneInfo("Asia/Shanghai"))
        meaning = self._codecs[codec].decode(message)
        self.messages.append(message)
        self.heard += meaning.observations
        self.refusals += meaning.refusals
        return meaning

    def observe(self, device, observations, remember=None):
        raise NotImplementedError

    def recall(self, prefix):
        raise NotImplementedError


def settings(folder, **changes):
    (folder / "password").write_text(f"{PASSWORD}\n", encoding="utf-8")
    (folder / "token").write_text(TOKEN, encoding="utf-8")
    accounts = (
        HttpAccount(name=SYSTEM, password_file=folder / "password", codecs=("gat1400",)),
        HttpAccount(name=OTHER, password_file=folder / "password", codecs=("gat1400",)),
        HttpAccount(name="pi", password_file=folder / "token", codecs=("zigbee2mqtt",), auth="token"),
        HttpAccount(name="hik", password_file=folder / "password", codecs=("hikvision",)),
        HttpAccount(name="gate-1", password_file=folder / "password", codecs=("zigbee2mqtt",)),
        HttpAccount(name="some", password_file=folder / "password", codecs=("zigbee2mqtt",), devices=("gate-1",)),
        HttpAccount(name="both", password_file=folder / "password", codecs=("gat1400", "zigbee2mqtt")),
    )
    return HttpPart(**{"accounts": accounts, "port": 0, **changes})


@contextlib.contextmanager
def serving(folder, *, header_s=10.0, **changes):
    """Run a port; yield it and what it has handed over."""
    taken = Taken()
    source = HttpSource(settings(folder, **changes), "cameras", taken)
    source.header_s = header_s
    source.start()
    try:
        yield source, taken
    finally:
        taken.gate.set()
        source.close()


def talk(port, *pieces, end=True, host="127.0.0.1"):
    """Send bytes, and return everything that comes back until the other side closes."""
    with socket.create_connection((host, port), timeout=20) as sock:
        with contextlib.suppress(OSError):
            for piece in pieces:
                sock.sendall(piece)
            if end:
                sock.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(OSError):
            while data := sock.recv(65536):
                answer += data
        return answer


def statuses(answer):
    return [int(one) for one in re.findall(rb"HTTP/1\.1 ([0-9]{3})", answer)]


def nonce_of(port):
    answer = talk(port, b"POST /VIID/x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
    return re.findall(rb'algorithm=MD5, nonce="([^"]{10,100})"', answer)[0].decode()


def digest(nonce, path, *, name=SYSTEM, password=PASSWORD, nc=1, method="POST", uri=None, **changes):
    """Return an Authorization header, made apart from what checks it."""

    def md5(text):
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    uri = path if uri is None else uri
    said = {
        "username": name, "realm": "patrolgrid", "nonce": nonce, "uri": uri, "algorithm": "MD5", "qop": "auth",
        "nc": nc if isinstance(nc, str) else f"{nc:08x}", "cnonce": "abc",
    }  # fmt: skip
    said["response"] = md5(
        f"{md5(f'{name}:patrolgrid:{password}')}:{nonce}:{said['nc']}:abc:auth:{md5(f'{method}:{uri}')}"
    )
    said |= changes
    return "Digest " + ", ".join(f'{key}="{value}"' for key, value in said.items())


def request(path, body=b"", *, authorization="", method="POST", **headers):
    """Return the bytes of a request."""
    head = {"host": "a", "content-length": str(len(body)), **{name.replace("_", "-"): v for name, v in headers.items()}}
    if authorization:
        head["authorization"] = authorization
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items() if value is not None)
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body
