"""The port that cameras post to, as an entry point: requests that are nearly right, in memory."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from ingest.codecs.codec import Reply
from ingest.edge.sources.http_accounts import Accounts
from ingest.edge.sources.http_talk import UNPROVED, Admitted, NotTakenError, Request, Talk
from tests.fuzz.mutations import damaged
from tests.ingest.edge.posting import TOKEN, digest, request, settings

_MOST = 10_000
_STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3}) \r\n")


class _Port:
    """A port with real accounts, whose requests come to nothing."""

    header_s, stopping = 0.05, False

    def __init__(self, folder: Path) -> None:
        self.accounts = Accounts(settings(folder).accounts)
        self.taken: list[tuple[str, int]] = []
        self.held = 0

    def admit(self, request: Request, peer: str) -> Admitted:
        proof = self.accounts.judge(request.method, request.target, request.headers, peer, 1.0)
        if proof.account is None:
            raise NotTakenError(401, proof.detail or UNPROVED, stale=proof.stale)
        return Admitted(proof.account.name, "native", _MOST)

    async def take(self, request: Request, admitted: Admitted, body: bytes, peer: str) -> Reply:
        assert "\r" not in request.path
        self.taken.append((admitted.account, len(body)))
        return Reply(200, body[:10], "text/plain")

    def challenges(self, *, stale: bool, old: bool) -> list[str]:
        return self.accounts.challenges(1.0, stale=stale, old=old)

    async def room(self, size: int) -> None:
        self.held += size

    async def release(self, size: int) -> None:
        self.held -= size

    def tell(self, peer: str, detail: str) -> None:
        assert TOKEN not in detail


class _Writer:
    """What a connection writes to."""

    def __init__(self) -> None:
        self.said = b""

    def write(self, data: bytes) -> None:
        self.said += data

    async def drain(self) -> None:
        return


async def _talk(port: _Port, data: bytes) -> bytes:
    reader, writer = asyncio.StreamReader(), _Writer()
    reader.feed_data(data)
    reader.feed_eof()
    with contextlib.suppress(OSError, TimeoutError):  # as the source does
        await Talk(port, "192.0.2.1", reader, writer).hold()  # type: ignore[arg-type]
    return writer.said


@contextlib.contextmanager
def posts() -> Iterator[Callable[[random.Random], Callable[[], object]]]:
    """Yield what makes a request, a little or very wrong."""
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        port = _Port(Path(folder))
        bearer = f"Bearer {TOKEN}"
        whole = [
            request("/a", b'{"contact": true}', authorization=bearer),
            request("/a", b"4\r\nabcd\r\n0\r\n\r\n", authorization=bearer, content_length=None,
                    transfer_encoding="chunked"),
            request("/a", b"abcd", authorization=bearer, expect="100-continue"),
            request("/VIID/System/Register", b"{}", authorization=digest("A" * 48, "/VIID/System/Register")),
            request("/a", b"abcd"),
        ]  # fmt: skip

        def one(rng: random.Random) -> Callable[[], object]:
            data = b"".join(rng.choice(whole) for _ in range(rng.randrange(1, 4)))
            data = damaged(rng, data) if rng.random() < 0.9 else data

            def take() -> None:
                port.taken.clear()
                port.accounts = port.accounts if rng.random() < 0.99 else Accounts(settings(Path(folder)).accounts)
                said = runner.run(_talk(port, data))
                assert not port.held
                assert all(size <= _MOST and account == "pi" for account, size in port.taken)
                assert len(port.taken) <= data.count(TOKEN.encode())
                assert all(int(code) in {100, *range(200, 600)} for code in _STATUS.findall(said))

            return take

        yield one
