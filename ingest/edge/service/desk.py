"""Where all sources of an agent meet: messages go through codecs, and what they mean into the spool."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Final, Protocol, TypeAlias
from zoneinfo import ZoneInfo

from ingest.codecs.bindings import Bindings
from ingest.codecs.codec import Codec, Meaning, VendorMessage
from ingest.codecs.memory import Memory
from ingest.codecs.vendors import codec_class
from ingest.edge.edge_file import EdgeFile, codecs_of
from ingest.events import Status
from ingest.gateway.plate_forms import PLATE
from ingest.health import Stranger
from ingest.observations import Observation
from ingest.refusal import Refusal
from ingest.setup.crash_marker import CrashMarker, no_longer_than
from ingest.vocabulary import Reason

logger = logging.getLogger(__name__)
_SOURCE: Final = "source:"
_CPU_S: Final = 10.0
"""More processor time than any message needs; a codec that has no end must not hold up all others."""
_STRANGERS: Final = 1_000
_STRANGER_S: Final = 600.0
_LOGGED: Final = 20
"""Refusals of one reason that the log has in words; after these it has one in so many hundred."""
Said: TypeAlias = tuple[str, Observation]
"""Device, and what it said."""


class Keeps(Protocol):
    """A spool, as far as the desk needs it."""

    def put(self, said: Sequence[Said], memory: Mapping[str, bytes | None]) -> object:
        """Take observations and what is to be remembered, or nothing: then it raises ValueError."""

    def check(self, device: str, observation: Observation) -> object:
        """Raise ValueError for an observation that cannot be taken."""

    def settle(self) -> bool:
        """Wait until it is in the file."""

    def memory(self) -> Mapping[str, bytes]:
        """Return what is remembered."""


class Desk:
    """Hands over for sources: see `ingest.edge.sources.source.Taker`. For any thread.

    Parameters
    ----------
    on_status
        Called with a device and ``online`` or ``offline``, where a dialect says so of it.
    marker
        What the agent had in hand when it died: a message of which it dies is refused, once that has been tried.
    """

    def __init__(
        self,
        file: EdgeFile,
        spool: Keeps,
        on_status: Callable[[str, Status], None],
        marker: CrashMarker | None = None,
    ) -> None:
        self._spool, self._on_status, self._marker = spool, on_status, marker or CrashMarker()
        self._lock = threading.Lock()
        bindings, zone = Bindings(file.bindings), ZoneInfo(file.agent.zone)
        saved = spool.memory()
        names = dict.fromkeys(name for part in file.sources for name in codecs_of(part))
        self._codecs: dict[str, Codec] = {
            name: codec_class(name)(bindings, Memory(_below(f"{name}:", saved)), zone) for name in names
        }
        self.refused: Counter[str] = Counter()
        """By reason."""
        self.told: Counter[str] = Counter()
        self._strangers: dict[Stranger, float] = {}
        self._met = False
        """When each spoke last (monotonic)."""

    def take(self, codec: str, message: VendorMessage, remember: Mapping[str, bytes | None] | None = None) -> Meaning:
        """Hand over a vendor's message."""
        with self._lock:
            found = self._codecs[codec]
            meaning = self._decoded(found, message)
            changes = {**_under(f"{codec}:", found.memory.changes()), **_under(_SOURCE, remember or {})}
            for why in self._put(meaning.observations, changes):
                meaning.refusals.append(
                    Refusal(Reason.RANGE, why, b"", message.topic, message.received_ms, len(message.payload))
                )
            self._note(codec, meaning)
        if meaning.observations or changes:
            self._spool.settle()
        for device, status in meaning.statuses:
            self._on_status(device, status)
        return meaning

    def observe(
        self, device: str, observations: Sequence[Observation], remember: Mapping[str, bytes | None] | None = None
    ) -> list[str]:
        """Hand over what a source has understood itself."""
        with self._lock:
            wrong = self._put([(device, one) for one in observations], _under(_SOURCE, remember or {}))
            if wrong:
                self.refused[Reason.RANGE] += len(wrong)
        self._spool.settle()
        return wrong

    def recall(self, prefix: str) -> dict[str, bytes]:
        """Return what a source had remembered."""
        return {key: value for key, value in _below(_SOURCE, self._spool.memory()).items() if key.startswith(prefix)}

    def strangers(self, most: int) -> list[Stranger]:
        """Return who has spoken of late and is bound to nothing: others each time, where there are more."""
        with self._lock:
            now = time.monotonic()
            recent = {one: when for one, when in self._strangers.items() if now - when < _STRANGER_S}
            said = list(recent)[:most]
            for one in said:  # next time the others come first
                recent[one] = recent.pop(one)
            self._strangers = recent
            return said

    def has_met(self) -> bool:
        """Tell whether somebody new has spoken since this was last asked."""
        met, self._met = self._met, False
        return met

    def is_free(self, within_s: float) -> bool:
        """Tell whether the desk takes a message within so long: no codec and no disk holds it."""
        if self._lock.acquire(timeout=within_s):
            self._lock.release()
            return True
        return False

    def _decoded(self, codec: Codec, message: VendorMessage) -> Meaning:
        """Decode a message: in a copy of this process first, where the one before may have died of it."""
        said = f"{codec.name}\0{message.topic}\0".encode("utf-8", "surrogatepass") + message.payload
        mark, marker = blake2b(said, digest_size=16).digest(), self._marker
        if marker.begin(mark) and marker.judge(lambda: codec.decode(message), _CPU_S):
            why = "the agent ended while it read this"
            size = len(message.payload)
            meaning = Meaning(refusals=[Refusal(Reason.CRASH, why, b"", message.topic, message.received_ms, size)])
        else:
            with no_longer_than(_CPU_S):
                meaning = codec.decode(message)
        marker.end()
        return meaning

    def _put(self, said: Sequence[Said], changes: Mapping[str, bytes | None]) -> list[str]:
        """Put what can be put; return why observations were left out."""
        if not said and not changes:
            return []
        try:
            self._spool.put(said, changes)
        except ValueError:
            good, wrong = [], []
            for device, observation in said:
                try:
                    self._spool.check(device, observation)
                    good.append((device, observation))
                except ValueError as error:
                    wrong.append(str(error))
            self._spool.put(good, changes)
            return wrong
        return []

    def _note(self, codec: str, meaning: Meaning) -> None:
        self.told.update(meaning.told)
        for refusal in meaning.refusals:
            self.refused[refusal.reason] += 1
            times = self.refused[refusal.reason]
            if times <= _LOGGED or times % (100 * _LOGGED) == 0:
                logger.warning("%s: refused (%s, %d times): %s", codec, refusal.reason, times, refusal.detail)
        for stranger in meaning.strangers:
            if PLATE.search(f"{stranger.match} {stranger.part} {stranger.name}"):  # a broker keeps what it is told
                self.refused[Reason.PLATE] += 1
                continue
            known = stranger in self._strangers
            if known or len(self._strangers) < _STRANGERS:
                self._met = self._met or not known
                self._strangers[stranger] = time.monotonic()


def _below(prefix: str, saved: Mapping[str, bytes]) -> dict[str, bytes]:
    return {key.removeprefix(prefix): value for key, value in saved.items() if key.startswith(prefix)}


def _under(prefix: str, changes: Mapping[str, bytes | None]) -> dict[str, bytes | None]:
    return {f"{prefix}{key}": value for key, value in changes.items()}
