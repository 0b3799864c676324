"""What the board asks of a store, and how one reader serves many pages: one thread, one question at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Protocol, TypeVar

Row = dict[str, Any]
T = TypeVar("T")


class Reader(Protocol):
    """The questions of the board; `stream.sinks.store.reader.StoreReader` answers them. All rows are plain dicts."""

    def version(self) -> int:
        """Return a number that differs after every commit of the node."""
        ...

    def meta(self, key: str, default: Any = None) -> Any:  # noqa: ANN401 - JSON
        """Return one entry of the store's notes, e.g. the node's ``status``."""
        ...

    def latest(self) -> list[Row]:
        """Return the newest window of every series."""
        ...

    def windows(
        self,
        device: str,
        metric: str | None = None,
        since_ms: int | None = None,
        until_ms: int | None = None,
        limit: int = 2000,
    ) -> list[Row]:
        """Return a device's windows, oldest first."""
        ...

    def alerts(self, *, open_only: bool = False, limit: int = 200, since_ms: int | None = None) -> list[Row]:
        """Return alerts as they stand, newest first."""
        ...

    def alert(self, identifier: str, /) -> Row | None:
        """Return one alert as it stands."""
        ...

    def alert_history(self, identifier: str, /) -> list[Row]:
        """Return all revisions of an alert, oldest first."""
        ...

    def hotspots(self) -> Row | None:
        """Return the newest hotspot map."""
        ...

    def health(self) -> list[Row]:
        """Return the newest data quality of every device."""
        ...

    def states(self, device: str) -> list[Row]:
        """Return a device's changes of state."""
        ...

    def gates(self, device: str, limit: int = 100) -> list[Row]:
        """Return vehicles that passed a gate, newest first."""
        ...


class Asker:
    """Puts questions to a reader from the event loop, on one thread, so that a slow disk never holds up the page.

    One thread also means that a reader need not be safe for use by several.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    async def ask(self, question: Callable[[Reader], T]) -> T:
        """Return ``question(reader)``, computed on the reader's thread. Errors come back as they are."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, partial(question, self._reader))

    def close(self) -> None:
        """Wait for the question under way and end the thread."""
        self._pool.shutdown(wait=True, cancel_futures=True)
