"""A port that cameras and platforms post to: accounts, bounds, and an answer only when the spool has what was said.

`ingest.edge.sources.http_accounts` has the proofs, `ingest.edge.sources.http_talk` a connection.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from ingest.clock import wall_ms
from ingest.codecs.codec import Meaning, Reply, VendorMessage
from ingest.codecs.vendors import codec_class
from ingest.edge.edge_file import HttpAccount, HttpPart
from ingest.edge.sources.http_accounts import Accounts
from ingest.edge.sources.http_talk import CHUNK, Admitted, NotTakenError, Request, Talk
from ingest.edge.sources.source import EdgeSource, Taker
from ingest.vocabulary import Reason

logger = logging.getLogger(__name__)
_CONNECTIONS: Final = 200
_OF_ONE: Final = 20
"""Connections of one address."""
_AT_ONCE: Final = 6 << 20
"""Bytes of bodies that are held at the same time; others wait."""
_ROOM_S: Final = 20.0
_METHODS: Final = frozenset({"POST", "PUT"})
_MORE_METHODS: Final = _METHODS | {"GET", "DELETE"}
"""Of dialects that have paths of their own, and know what to answer."""
_SECRET: Final = frozenset({"authorization", "proxy-authorization", "cookie"})
_SAID_EVERY_S: Final = 60.0
_CLOSE_S: Final = 3.0


class HttpSource(EdgeSource):
    """Takes what is posted.

    Raises ValueError for accounts or a host that are not safe, for password files that cannot be used, and OSError for
    files that cannot be read and for a port that cannot be had.
    """

    header_s = 10.0
    """So long the headers of a request may take, and the first word of whoever connects."""

    def __init__(self, settings: HttpPart, name: str, taker: Taker) -> None:
        super().__init__(name, taker)
        if settings.mistake():
            raise ValueError(settings.mistake())
        self.stopping = False
        self._accounts = Accounts(settings.accounts)
        self._codecs = {codec: codec_class(codec) for one in settings.accounts for codec in one.codecs}
        self._tls = _tls(settings)
        self._socket = _listening(settings.host, settings.port)
        self.port: int = self._socket.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._talks: dict[asyncio.Task[None], Talk] = {}
        self._open: Counter[str] = Counter()
        """Connections by address."""
        self._held, self._free = 0, asyncio.Condition()
        self._said: dict[tuple[str, str], float] = {}

    def start(self) -> None:
        """Begin to take requests."""
        self._thread.start()

    def close(self) -> None:
        """Take no more; answer what has been handed over."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(2 * _CLOSE_S)
        self._socket.close()
        if not self._thread.is_alive():
            self._loop.close()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except Exception as error:
            logger.exception("%s: the port is closed", self.name)
            self.trouble = f"the port is closed: {type(error).__name__}"

    async def _serve(self) -> None:
        with ThreadPoolExecutor(1, "posted") as spool:
            self._loop.set_default_executor(spool)
            handshake = self.header_s if self._tls else None
            server = await asyncio.start_server(
                self._connection, sock=self._socket, ssl=self._tls, limit=CHUNK, ssl_handshake_timeout=handshake
            )
            await self._stop.wait()
            self.stopping = True
            server.close()
            waiting = [task for task, talk in self._talks.items() if not talk.busy]
            for task in waiting:
                task.cancel()
            if self._talks:
                _, late = await asyncio.wait(list(self._talks), timeout=_CLOSE_S)
                for task in late:
                    task.cancel()
                if late:
                    await asyncio.wait(late, timeout=1.0)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer, task = str((writer.get_extra_info("peername") or ["?"])[0]), asyncio.current_task()
        self._open[peer] += 1
        try:
            if self._open[peer] > _OF_ONE or self._open.total() > _CONNECTIONS or task is None:
                self.tell(peer, "more connections than are taken")
                return
            self._talks[task] = Talk(self, peer, reader, writer)
            await self._talks[task].hold()
        except (OSError, TimeoutError, asyncio.CancelledError):
            pass  # it went away, or said nothing, or this agent ends
        finally:
            self._open -= Counter([peer])
            writer.close()
            with contextlib.suppress(OSError, TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(writer.wait_closed(), _CLOSE_S)
            self._talks.pop(task, None) if task else None

    # -- what a connection asks ----------------------------------------------------------------------------------------

    def admit(self, request: Request, peer: str) -> Admitted:
        """Return whose a request is and in which dialect. Raises `NotTakenError`."""
        now = self._loop.time()
        proof = self._accounts.judge(request.method, request.target, request.headers, peer, now)
        account = proof.account
        if account is None and not proof.wrong and "authorization" not in request.headers:
            account = self._standing(request.headers, peer, now)
        if account is None:
            status = 429 if self._accounts.is_shut_out(peer, now) else 401
            raise NotTakenError(status, proof.detail, stale=proof.stale)
        codec = self._codecs[self._dialect(account, request)]
        if request.method not in (_MORE_METHODS if codec.paths else _METHODS):
            raise NotTakenError(405, "another method than POST")
        return Admitted(account.known_as, codec.name, codec.most_bytes, frozenset(account.devices))

    def _standing(self, headers: Mapping[str, str], peer: str, now: float) -> HttpAccount | None:
        for codec in self._codecs.values():
            name = headers.get(codec.named_in, "").strip() if codec.named_in else ""
            account = self._accounts.standing(name, peer, now) if name else None
            if account is not None and codec.name in account.codecs:
                return account
        return None

    def _dialect(self, account: HttpAccount, request: Request) -> str:
        path = request.path.lower()
        own = [name for name in account.codecs if path.startswith(tuple(map(str.lower, self._codecs[name].paths)))]
        free = [name for name in account.codecs if not self._codecs[name].paths]
        found = own or free or (account.codecs if len(account.codecs) == 1 else ())
        if not found:
            raise NotTakenError(404, "a path of none of the account's dialects")
        return found[0]

    async def take(self, request: Request, admitted: Admitted, body: bytes, peer: str) -> Reply:
        """Hand over a request and return the answer, once it is in the spool."""
        headers = {name: value for name, value in request.headers.items() if name not in _SECRET}
        message = VendorMessage(
            request.path, body, wall_ms(), headers=headers, sender=admitted.account, method=request.method,
            devices=admitted.devices,
        )  # fmt: skip
        try:
            meaning = await self._loop.run_in_executor(None, self.taker.take, admitted.codec, message)
        except Exception:
            logger.exception("%s: a request was not taken", self.name)
            return Reply(500)
        self.taken += 1
        reply = meaning.reply or Reply(_status(meaning))
        if self._codecs[admitted.codec].named_in:
            if reply.status < 300:
                self._accounts.stand(admitted.account, peer, self._loop.time())
            elif reply.status in {401, 403}:
                self._accounts.fall(admitted.account, peer)
        return reply

    def challenges(self, *, stale: bool, old: bool) -> list[str]:
        """Return what stands in WWW-Authenticate."""
        return self._accounts.challenges(self._loop.time(), stale=stale, old=old)

    async def room(self, size: int) -> None:
        """Wait for room for a body of so many bytes. Raises `NotTakenError` where there is none for long."""
        try:
            async with asyncio.timeout(_ROOM_S), self._free:
                await self._free.wait_for(lambda: not self._held or self._held + size <= _AT_ONCE)
                self._held += size
        except TimeoutError:
            raise NotTakenError(503, "too many large bodies at once", end=True) from None

    async def release(self, size: int) -> None:
        """Give room back."""
        async with self._free:
            self._held -= size
            self._free.notify_all()

    def tell(self, peer: str, detail: str) -> None:
        """Count a refusal, and say why, once a minute for each address and reason."""
        self.refused += 1
        now = self._loop.time()
        if now - self._said.get((peer, detail), -_SAID_EVERY_S) >= _SAID_EVERY_S:
            if len(self._said) >= 1_000:
                self._said.clear()
            self._said[peer, detail] = now
            logger.warning("%s: a request from %s was refused: %s", self.name, peer, detail)


def _status(meaning: Meaning) -> int:
    """Return the status for a dialect that has none of its own.

    What was refused is answered like the rest, or the device would send it for ever; the agent's health tells it.
    """
    return 403 if any(refusal.reason == Reason.AUTH for refusal in meaning.refusals) else 200


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=64)
    except OSError as error:
        raise OSError(error.errno, f"port {port} of {host} cannot be had: {error.strerror}") from error


def _tls(settings: HttpPart) -> ssl.SSLContext | None:
    if settings.tls_cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except OSError as error:
        files = f"{settings.tls_cert} and {settings.tls_key}"
        raise OSError(error.errno, f"{files}: no certificate and key: {error.strerror or error}") from error
    return context
