"""When a neighbourhood is busy: curves of the day per kind of place and class of day, and counts drawn around them.

Counts are over-dispersed as real ones are. Each 5-minute window of a series draws one Gamma factor g with mean 1 and
variance α; what falls into any part of the window is Poisson with the mean times g. The window's total is then negative
binomial with mean μ and variance μ + αμ², whatever the interval at which the device reports.
"""

import math
from datetime import UTC, date, datetime, timedelta
from functools import cache
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from models.calendar import Calendar
from simulators.world.neighbourhood import Profile

MINUTE_MS: Final = 60_000
WINDOW_MS: Final = 5 * MINUTE_MS
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
DISPERSION: Final = 0.04
"""α of the window's Gamma factor: a busy camera varies by ±20 % around its mean from window to window."""
DAY_SPREAD: Final = 0.06
"""Standard deviation of the logarithm of a device's level from day to day."""

_Bump = tuple[float, float, float]
"""(hour, width in hours, height)."""
_Day = tuple[float, tuple[_Bump, ...]]
"""(floor, bumps)."""
_CURVES: Final[dict[Profile, tuple[_Day, _Day, _Day]]] = {
    "residential": (
        (0.02, ((7.6, 0.8, 0.9), (12.2, 1.4, 0.4), (18.3, 1.6, 1.0), (20.8, 1.5, 0.55))),
        (0.02, ((9.8, 2.0, 0.75), (15.0, 2.5, 0.55), (19.0, 2.2, 0.8))),
        (0.02, ((10.2, 2.2, 0.7), (15.5, 2.6, 0.6), (18.8, 2.0, 0.7))),
    ),
    "commuter": (
        (0.02, ((8.2, 0.7, 1.0), (12.6, 1.6, 0.3), (18.3, 1.1, 0.95), (21.6, 1.5, 0.3))),
        (0.02, ((10.5, 2.4, 0.4), (15.5, 3.0, 0.45), (20.5, 2.0, 0.4))),
        (0.02, ((11.0, 2.6, 0.35), (16.0, 3.0, 0.42), (20.0, 2.0, 0.35))),
    ),
    "market": (
        (0.015, ((7.3, 1.2, 1.0), (10.4, 1.6, 0.6), (17.3, 1.2, 0.85), (20.5, 1.8, 0.25))),
        (0.015, ((8.2, 1.5, 1.1), (10.8, 1.6, 0.8), (17.0, 1.5, 0.8), (20.5, 1.8, 0.3))),
        (0.015, ((8.6, 1.6, 1.15), (11.0, 1.6, 0.8), (16.8, 1.5, 0.75), (20.3, 1.8, 0.28))),
    ),
    "school": (
        (0.01, ((7.5, 0.45, 1.0), (12.0, 0.8, 0.35), (16.3, 0.6, 0.95), (20.5, 1.6, 0.25))),
        (0.01, ((10.0, 2.5, 0.15), (15.5, 2.8, 0.15), (20.0, 2.0, 0.12))),
        (0.01, ((10.0, 2.5, 0.12), (15.5, 2.8, 0.12), (19.5, 2.0, 0.10))),
    ),
    "nightlife": (
        (0.03, ((12.3, 1.2, 0.35), (18.8, 1.3, 0.65), (21.8, 1.9, 0.9), (0.2, 1.2, 0.3))),
        (0.03, ((13.0, 2.0, 0.45), (19.0, 1.6, 0.8), (22.2, 1.9, 1.1), (0.5, 1.4, 0.5))),
        (0.03, ((13.0, 2.0, 0.45), (18.8, 1.6, 0.75), (21.5, 1.8, 0.85), (0.2, 1.3, 0.4))),
    ),
    "office": (
        (0.01, ((8.8, 0.8, 1.0), (12.2, 0.9, 0.8), (18.2, 1.2, 0.85), (21.0, 1.3, 0.2))),
        (0.01, ((10.5, 2.5, 0.2), (15.5, 2.5, 0.2), (20.0, 2.0, 0.1))),
        (0.01, ((10.5, 2.5, 0.15), (15.5, 2.5, 0.15), (20.0, 2.0, 0.08))),
    ),
    "park": (
        (0.01, ((6.4, 1.0, 0.8), (10.0, 1.8, 0.45), (16.0, 1.6, 0.5), (19.6, 1.3, 1.0), (21.6, 1.0, 0.35))),
        (0.01, ((6.8, 1.2, 0.8), (10.3, 2.0, 0.8), (15.6, 2.2, 0.9), (19.6, 1.4, 1.0), (21.6, 1.0, 0.35))),
        (0.01, ((6.8, 1.2, 0.8), (10.3, 2.0, 0.9), (15.6, 2.2, 1.0), (19.4, 1.4, 0.9), (21.4, 1.0, 0.3))),
    ),
    "through": (
        (0.05, ((8.1, 1.0, 1.0), (13.0, 3.2, 0.55), (18.2, 1.4, 1.0), (21.5, 2.0, 0.35))),
        (0.05, ((11.0, 2.8, 0.65), (17.0, 2.8, 0.75), (21.5, 2.0, 0.35))),
        (0.05, ((11.5, 2.8, 0.55), (17.5, 2.8, 0.75), (21.0, 2.0, 0.3))),
    ),
    "shifts": (
        (0.04, ((5.7, 0.3, 1.0), (13.7, 0.3, 0.85), (21.7, 0.3, 0.7), (12.0, 5.0, 0.08))),
        (0.04, ((5.7, 0.3, 0.8), (13.7, 0.3, 0.7), (21.7, 0.3, 0.6), (12.0, 5.0, 0.06))),
        (0.04, ((5.7, 0.3, 0.7), (13.7, 0.3, 0.6), (21.7, 0.3, 0.5), (12.0, 5.0, 0.05))),
    ),
}


@cache
def curve(profile: Profile, day_class: int) -> tuple[float, ...]:
    """Return the profile's share of its height at each of the 288 five-minute marks of a day, around 0-1.1."""
    floor, bumps = _CURVES[profile][day_class]
    values = []
    for mark in range(288):
        hour = mark / 12
        total = floor
        for centre, width, height in bumps:
            apart = abs(hour - centre)
            total += height * math.exp(-0.5 * (min(apart, 24 - apart) / width) ** 2)
        values.append(total)
    return tuple(values)


class LocalDays:
    """Local days of a site: where they start, and of which class they are. For single instants, without arrays."""

    def __init__(self, timezone: str, country: str = "") -> None:
        self.zone = ZoneInfo(timezone)
        self.day_class = cache(Calendar(timezone, country or None).day_class)
        """Local day → `WORKING`, `SATURDAY` or `REST` of `models.calendar`."""
        self.start_ms = cache(self._start_ms)
        """Local day → its midnight as epoch milliseconds."""
        self._last: tuple[int, int, date] = (0, 0, date.min)

    def _start_ms(self, day: date) -> int:
        return round(datetime(day.year, day.month, day.day, tzinfo=self.zone).timestamp() * 1000)

    def day_of(self, ms: int) -> date:
        """Return the local day an instant falls on."""
        start, end, day = self._last
        if not start <= ms < end:
            day = datetime.fromtimestamp(ms / 1000, tz=UTC).astimezone(self.zone).date()
            self._last = (self.start_ms(day), self.start_ms(day + timedelta(days=1)), day)
        return day

    def minute_of_day(self, ms: int) -> float:
        """Return minutes since local midnight (elapsed, so a clock change shifts the rest of its day)."""
        return (ms - self.start_ms(self.day_of(ms))) / MINUTE_MS

    def share(self, profile: Profile, ms: int) -> float:
        """Return the profile's value at an instant, linear between five-minute marks."""
        values = curve(profile, self.day_class(self.day_of(ms)))
        position = self.minute_of_day(ms) / 5
        low = int(position)
        first, second = values[low % 288], values[(low + 1) % 288]
        return first + (second - first) * (position - low)


def inward(profile: Profile, minute: float) -> float:
    """Return the share of passers-by who walk in, 0-1: homes empty in the morning, schools and offices fill."""
    swing = 0.22 * math.cos((minute / 60 - 8.0) / 24 * 2 * math.pi)
    return 0.5 - swing if profile in {"residential", "park"} else 0.5 + swing


def poisson(rng: Random, mean: float) -> int:
    """Draw from Poisson(mean), exactly.

    Small means by searching the distribution function, large ones by splitting off a Gamma-distributed waiting time
    (Ahrens and Dieter, "Computer methods for sampling from Gamma, Beta, Poisson and binomial distributions", 1974).
    Plain `random` and not numpy, because numpy gives no promise that a seed draws the same in its next version.
    """
    total = 0
    while mean > 16.0:
        steps = int(mean * 0.875)
        waited = rng.gammavariate(steps, 1.0)
        if waited > mean:
            return total + sum(rng.random() < mean / waited for _ in range(steps - 1))
        total += steps
        mean -= waited
    if mean <= 0.0:
        return total
    chance, rest, k = math.exp(-mean), rng.random(), 0
    while rest > chance and k < 200:
        rest -= chance
        k += 1
        chance *= mean / k
    return total + k


def spread(rng: Random) -> float:
    """Draw a window's Gamma factor: mean 1, variance `DISPERSION`."""
    return rng.gammavariate(1.0 / DISPERSION, DISPERSION)


def day_level(rng: Random) -> float:
    """Draw a device's level of one day: log-normal, mean 1."""
    return rng.lognormvariate(-(DAY_SPREAD**2) / 2, DAY_SPREAD)
