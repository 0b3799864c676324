"""What goes wrong between a device and the broker: loss, repeats, lateness, wrong clocks, spoilt messages; seeded."""

from dataclasses import dataclass, fields
from random import Random
from typing import Any, Final, NamedTuple

from simulators.world.neighbourhood import Neighbourhood

_HOUR_MS: Final = 3_600_000
SPOILT: Final = ("not_json", "cut_short", "wrong_type", "out_of_range", "unknown_type", "clock_ahead", "clock_reset")
"""Kinds of spoilt message. All of them must end in quarantine; the last two for their time."""
_TIMES: Final = frozenset({"wrong_type", "out_of_range", "clock_ahead", "clock_reset"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRates:
    """Shares of messages (of devices, for skew) that something happens to. Raises ValueError outside 0-1."""

    loss: float = 0.002
    duplicate: float = 0.004
    late: float = 0.004
    spoilt: float = 0.0006
    """Spoilt messages, as a share of all: they come on top and take nothing away."""
    skewed: float = 0.02
    """Share of devices whose clocks are wrong by up to 100 s, for the whole run."""
    late_max_s: float = 200.0
    """Longest delay of a late message."""
    skew_max_s: float = 100.0

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            limit = 1.0 if not item.name.endswith("_s") else 86_400.0
            if not 0.0 <= value <= limit:
                raise ValueError(f"fault rate {item.name} is {value}, expected 0 to {limit:g}")
        if self.skew_max_s > 110.0:
            raise ValueError(f"skew_max_s is {self.skew_max_s}, expected at most 110: from 120 on it is a spoilt clock")


class Fate(NamedTuple):
    """What happens to one message."""

    lost: bool = False
    delay_ms: int = 0
    repeat_ms: int | None = None
    """Sent a second time, this long after the first."""
    spoilt: str = ""
    """A spoilt message of this kind goes out beside it."""


NOTHING: Final = Fate()


class Faults:
    """Decides the fate of every message of one device, in the order in which they are sent."""

    __slots__ = ("_rates", "_rng", "_sum", "skew_ms")

    def __init__(self, rates: FaultRates, *, seed: int, device: str, origin_ms: int, skew_ms: int = 0) -> None:
        self._rates = rates
        self._rng = Random(f"{seed}|faults|{device}|{origin_ms}")
        self._sum = rates.loss + rates.duplicate + rates.late + rates.spoilt
        self.skew_ms = skew_ms

    def fate(self, *, spare: bool) -> Fate:
        """Draw a fate; a message to be spared is neither lost nor late, but may be repeated or have a spoilt sister."""
        rng, rates = self._rng, self._rates
        if self._sum == 0.0:
            return NOTHING
        draw = rng.random()
        if draw >= self._sum:
            return NOTHING
        if draw < rates.loss:
            return NOTHING if spare else Fate(lost=True)
        draw -= rates.loss
        if draw < rates.late:
            return NOTHING if spare else Fate(delay_ms=round(rng.uniform(1.0, max(rates.late_max_s, 1.0)) * 1000))
        draw -= rates.late
        if draw < rates.duplicate:
            return Fate(repeat_ms=round(rng.uniform(0.0, 30.0) * 1000))
        return Fate(spoilt=rng.choice(SPOILT))

    def spoil(self, kind: str, body: dict[str, Any], ts: int) -> dict[str, Any] | bytes:
        """Return a spoilt message: raw bytes, or an observation that is wrong. `body` has its time and number."""
        rng = self._rng
        if kind == "not_json":
            return b"\xff" + rng.randbytes(rng.randrange(3, 40))
        if kind == "cut_short":
            return b'{"type":"' + str(body["type"]).encode() + b'","ts":' + str(ts)[:9].encode()
        wrong = dict(body)
        if kind in _TIMES and body["type"] in {"level", "state"}:
            kind = "unknown_type"  # a hazard is taken whatever its time
        if kind == "wrong_type":
            wrong["ts"] = "yesterday"
        elif kind == "out_of_range":
            wrong["ts"] = -ts
        elif kind == "unknown_type":
            wrong["type"] = "horoscope"
        elif kind == "clock_ahead":
            wrong["ts"] = ts + rng.randrange(2 * _HOUR_MS, 12 * _HOUR_MS)
        else:
            wrong["ts"] = rng.randrange(0, 900 * _HOUR_MS)
        return wrong


def skews(site: Neighbourhood, rates: FaultRates, seed: int) -> dict[str, int]:
    """Return device id → clock error in ms for the devices whose clocks are wrong (never gates, whose times matter)."""
    rng = Random(f"{seed}|skew")
    able = [spec.device.id for spec in site.specs if spec.device.type in {"camera", "noise", "water", "environment"}]
    wanted = min(round(rates.skewed * len(site.specs)), len(able))
    return {
        device: round(rng.uniform(min(20.0, rates.skew_max_s), rates.skew_max_s) * 1000) * rng.choice((-1, 1))
        for device in sorted(rng.sample(able, wanted))
    }
