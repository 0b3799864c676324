"""What a gateway tells of itself: totals since its start, and rates of the last seconds."""

import time
from collections import Counter, deque
from typing import Final

import msgspec

_RATE_S: Final = 5.0


class IntakeCounts(msgspec.Struct, kw_only=True):
    """Totals since the start."""

    messages: int = 0
    """Messages received, those that the broker repeats included."""
    observations: int = 0
    """Rows of batches."""
    repeats: int = 0
    """Exact repeats of observations without a number, dropped."""
    incidents: int = 0
    commands: int = 0
    dids: int = 0
    """Words of officers about their stops."""
    statuses: int = 0
    quarantined: Counter[str] = msgspec.field(default_factory=Counter)
    """By reason; an array counts once for each of its bad elements."""
    told: Counter[str] = msgspec.field(default_factory=Counter)
    """What codecs left out, or noted, on purpose (`ingest.codecs.codec.Told`)."""
    odd_units: dict[str, int] = msgspec.field(default_factory=dict)
    """Readings of a metric with a rule in a unit that is not known for it, by ``metric in unit``."""


class GatewayStats(IntakeCounts, kw_only=True):
    """What a gateway has done since its start."""

    connected: bool
    connections: int
    """How often a connection was made; more than 1 means the broker went away."""
    last_error: str
    conflict: str
    """What to do about another client that uses the gateway's client id; empty while none is seen."""
    restless: list[str]
    """Devices that connect again and again: two agents under one id, or a network that breaks."""
    forgotten: int
    """How often the broker had lost the session, and with it what waited there."""
    appended: int
    """Observations in the log."""
    records: int
    """Records in the log, ticks included."""
    waiting: int
    """Messages received and not yet in the log."""
    log_full: str
    """Why nothing can be appended; empty while all is well."""
    quarantine_full: str
    """Why what is refused cannot be kept, and waits; empty while all is well."""
    refusals_lost: int
    """Refusals for which there was no room while the quarantine failed."""
    messages_per_s: float
    observations_per_s: float
    """Over the last seconds."""


class Meter:
    """Counts messages and observations a second, over the last seconds."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int, int]] = deque([(time.monotonic(), 0, 0)], maxlen=8)

    def sample(self, messages: int, observations: int) -> None:
        """Note totals, where the last note is not too young."""
        samples, now = self._samples, time.monotonic()
        if now - samples[-1][0] >= _RATE_S / 5:
            samples.append((now, messages, observations))
            while now - samples[0][0] > _RATE_S and len(samples) > 2:
                samples.popleft()

    def rates(self, messages: int, observations: int) -> tuple[float, float]:
        """Return what came a second up to these totals."""
        since, before, seen = self._samples[0]
        elapsed = max(time.monotonic() - since, 1e-3)
        return (messages - before) / elapsed, (observations - seen) / elapsed
