"""Where Kafka is and how to reach it: what every client of it needs, and a loop in a thread for those that block."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from ingest.login import Login

MAX_RECORD_BYTES: Final = 16 << 20
"""Longest record that is written; topics are made to take as much."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class KafkaAddress:
    """The brokers to begin with, and what they ask of who connects."""

    bootstrap: str
    """``HOST:PORT``, several with commas; the clients find the other brokers through any of them."""
    login: Login = field(default_factory=Login)
    mechanism: str = "SCRAM-SHA-512"
    """SASL mechanism that the user name and password are for."""

    def options(self) -> dict[str, Any]:
        """Return what aiokafka's clients are given. Raises OSError for a certificate file that cannot be read."""
        login = self.login
        tls = login.tls_context()
        options: dict[str, Any] = {"bootstrap_servers": self.bootstrap.split(",")}
        if login.username:
            options["security_protocol"] = "SASL_PLAINTEXT" if tls is None else "SASL_SSL"
            options["sasl_mechanism"] = self.mechanism
            options["sasl_plain_username"], options["sasl_plain_password"] = login.username, login.secret()
        elif tls is not None:
            options["security_protocol"] = "SSL"
        if tls is not None:
            options["ssl_context"] = tls
        return options


class LoopThread:
    """An event loop in a thread of its own, for threads that call coroutines and wait."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, _T], timeout_s: float) -> _T:
        """Run a coroutine in the loop and return its result. Raises its error, or TimeoutError; it is then cancelled.

        Raises RuntimeError where the thread has been stopped, or is stopped meanwhile.
        """
        try:
            future = asyncio.run_coroutine_threadsafe(work, self.loop)
        except RuntimeError:
            work.close()  # it will never be awaited
            raise
        try:
            return future.result(timeout_s)
        except FutureTimeoutError:
            if not future.done():
                future.cancel()
            raise
        except CancelledError:
            raise RuntimeError("stopped meanwhile") from None

    def stop(self) -> None:
        """Cancel what still runs, and end the thread. A second call does nothing."""
        if self.loop.is_closed():
            return
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        while True:
            self.loop.run_until_complete(asyncio.sleep(0))  # what was called just before becomes a task
            left = asyncio.all_tasks(self.loop)
            if not left:
                return
            for task in left:
                task.cancel()
            self.loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
