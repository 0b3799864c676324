"""Brings what the gateway takes to disk, in order, and acknowledges it then; nothing else waits for a disk that fails.

1. Records go into the log in the order in which they were taken. While that fails they wait in memory, nothing is
   acknowledged, and whoever asked for it is told of them at once (`tell`): a hazard must not wait for a disk. They are
   logged later with the times of receipt that they were told with, so that the same alert gets the same id.
2. What is refused goes into the quarantine. While that fails it waits in memory, and records behind it do not. Its
   messages are acknowledged late, and before that only where so many wait that the broker would send nothing more.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import msgspec

from ingest.log.records import Record
from ingest.refusal import Refusal
from ingest.setup.backoff import Backoff

_LOG: Final = logging.getLogger(__name__)
_RETRY_S: Final = (0.1, 5.0)
_MOST_REFUSALS: Final = 20_000
"""Refusals that wait for the quarantine at most; beyond that the oldest are lost, and counted."""
Mids = dict[int, list[int]]
"""Connection → ids of messages to acknowledge."""


class Held(msgspec.Struct):
    """What one flush has taken."""

    records: list[Record]
    refusals: list[Refusal]
    mids: Mids
    observations: int
    memory: Mapping[tuple[str, str], bytes | None] = {}
    """What codecs remember once the records are in the log."""
    told: bool = False
    logged: bool = False
    safe: bool = False
    """Whether all of it is on disk, or given up."""

    @property
    def size(self) -> int:
        """Return the bytes of its records."""
        return sum(len(record.payload) for record in self.records)


class Keeper:
    """Takes `Held` in order. For one thread.

    Parameters
    ----------
    append, refuse
        Bring records, and refusals, to disk, or raise.
    acknowledge
        Acknowledges messages that are safe, in order.
    tell
        Is given the records that cannot be logged yet, once; None where nobody wants to hear: then nothing more is
        taken before they are logged.
    most_bytes
        Bytes of records that wait in memory at most.
    window
        Messages that the broker sends without acknowledgement.
    """

    def __init__(
        self,
        *,
        append: Callable[[Held], None],
        refuse: Callable[[list[Refusal]], None],
        acknowledge: Callable[[Mids], None],
        tell: Callable[[list[Record]], None] | None,
        most_bytes: int,
        window: int,
    ) -> None:
        self._append, self._refuse, self._acknowledge, self._tell = append, refuse, acknowledge, tell
        self._most_bytes, self._most_unsafe = most_bytes, max(window // 4, 1)
        self._logging: deque[Held] = deque()
        self._refusing: deque[Held] = deque()
        self._unsafe: deque[Held] = deque()
        self._size = self._mids = self._refusals = 0
        self._retry_at = self._refuse_at = 0.0
        self._backoff, self._refuse_backoff = Backoff(*_RETRY_S), Backoff(*_RETRY_S)
        self.trouble = ""
        """Why nothing can be logged; empty while all is well."""
        self.since = 0.0
        """When that began, by the monotonic clock."""
        self.refuse_trouble = ""
        self.lost = 0
        """Refusals that were lost because too many waited."""

    @property
    def waiting(self) -> int:
        """Messages that are not safe yet."""
        return self._mids

    @property
    def stuck(self) -> bool:
        """Whether something waits to be logged."""
        return bool(self._logging)

    @property
    def telling(self) -> bool:
        """Whether somebody wants to hear of what cannot be logged."""
        return self._tell is not None

    @property
    def room(self) -> bool:
        """Whether more may be taken."""
        return not self._logging or (self._tell is not None and self._size < self._most_bytes)

    def put(self, held: Held) -> None:
        """Take what one flush has given, and bring it to disk where that works."""
        self._logging.append(held)
        self._unsafe.append(held)
        self._size += held.size
        self._mids += sum(map(len, held.mids.values()))
        if self.trouble:
            self._told(held)
        self.turn()

    def turn(self, *, now: bool = False) -> None:
        """Bring to disk what waits, where it is time to try, and acknowledge what is safe."""
        if self._logging and (now or time.monotonic() >= self._retry_at):
            self._log_all()
        if self._refusing and (now or time.monotonic() >= self._refuse_at):
            self._refuse_all()
        while self._unsafe:
            held = self._unsafe[0]
            if not (held.safe or (held.logged and self._mids > self._most_unsafe)):
                break
            self._unsafe.popleft()
            self._mids -= sum(map(len, held.mids.values()))
            self._acknowledge(held.mids)

    @contextmanager
    def storing(self) -> Iterator[None]:
        """Note whether the block, which logs what needs no acknowledgement, can do so. Raises nothing."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whoever wants it logged tries again
            self._not_stored(error)
        else:
            self._stored()

    def _not_stored(self, error: Exception) -> None:
        if not self.trouble:
            self.since = time.monotonic()
            _LOG.error(
                "nothing can be stored, so nothing is acknowledged: %s",
                error,
                exc_info=None if isinstance(error, OSError) else error,
            )
        self.trouble = str(error)

    def _stored(self) -> None:
        if self.trouble:
            _LOG.warning("storing goes on")
        self.trouble = ""
        self._backoff.reset()

    def _log_all(self) -> None:
        while self._logging:
            held = self._logging[0]
            try:
                if held.records or held.memory:
                    self._append(held)
            except Exception as error:  # noqa: BLE001 - whatever it is, the messages must not be lost
                self._not_stored(error)
                self._retry_at = time.monotonic() + self._backoff.next_s()
                for one in self._logging:
                    self._told(one)
                return
            self._logging.popleft()
            self._size -= held.size
            held.records, held.memory, held.logged = [], {}, True
            if held.refusals:
                self._refusing.append(held)
                self._refusals += len(held.refusals)
            else:
                held.safe = True
        self._stored()

    def _told(self, held: Held) -> None:
        if self._tell is not None and held.records and not held.told:
            held.told = True
            self._tell(held.records)

    def _refuse_all(self) -> None:
        while self._refusing:
            held = self._refusing[0]
            try:
                self._refuse(held.refusals)
            except Exception as error:  # noqa: BLE001 - it fails as a sink may: it waits
                if not self.refuse_trouble:
                    _LOG.error("what is refused cannot be kept, and waits: %s", error)
                self.refuse_trouble = str(error)
                self._refuse_at = time.monotonic() + self._refuse_backoff.next_s()
                while self._refusals > _MOST_REFUSALS:
                    self.lost += len(self._refusing[0].refusals)
                    self._done_refusing()
                return
            self._done_refusing()
        self.refuse_trouble = ""
        self._refuse_backoff.reset()

    def _done_refusing(self) -> None:
        held = self._refusing.popleft()
        self._refusals -= len(held.refusals)
        held.refusals, held.safe = [], True
