"""Level series with known events and faults, of the kinds that stand in a neighbourhood; made, so that all is known."""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

WINDOW_S: Final = 300
WEEKS: Final = 6
HOUR: Final = 3600 // WINDOW_S
DAY: Final = 24 * HOUR
SIZE: Final = WEEKS * 7 * DAY
START_MS: Final = 1_772_409_600_000
"""Monday 2 March 2026, midnight UTC."""
Floats = NDArray[np.float64]


class Known(NamedTuple):
    """Something that was put into a series: windows [begin, end), and what it is."""

    begin: int
    end: int
    kind: str
    """``event``, or a fault: ``stuck``, ``step``, ``drift``."""


class Made(NamedTuple):
    """One series, (windows,), and what is known of it."""

    values: Floats
    known: list[Known]


class _Maker:
    """Clock, chance and what was put in, of one series."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.hour = np.arange(SIZE) / HOUR % 24
        self.day = np.arange(SIZE) // DAY
        self.working = self.day % 7 < 5
        self.known: list[Known] = []

    def weather(self, sd: float, hours: float) -> Floats:
        """Return an Ornstein-Uhlenbeck process: what wanders and comes back within some hours."""
        keep = np.exp(-1.0 / (hours * HOUR))
        noise = self.rng.normal(0.0, sd * np.sqrt(1.0 - keep**2), SIZE + 2 * DAY)
        return np.asarray(lfilter([1.0], [1.0, -keep], noise)[2 * DAY :])

    def noise(self, sd: float) -> Floats:
        return self.rng.normal(0.0, sd, SIZE)

    def bell(self, at: float, hours: float) -> Floats:
        """Return a daily bump around an hour of the day."""
        away = (self.hour - at + 12.0) % 24.0 - 12.0
        return np.asarray(np.exp(-0.5 * (away / hours) ** 2))

    def put(self, day: float, hours: float, kind: str = "event") -> slice:
        """Note something from a day (of some hour of chance) on, and return its windows."""
        begin = int(day * DAY) + int(self.rng.integers(0, 20 * HOUR))
        end = min(begin + max(int(hours * HOUR), 1), SIZE)
        self.known.append(Known(begin, end, kind))
        return slice(begin, end)

    def events(
        self, values: Floats, days: tuple[int, ...], hours: tuple[float, float], size: tuple[float, float]
    ) -> None:
        """Add events of some hours and some size, rising within half an hour, on the days given."""
        for day in days:
            part = self.put(day, self.rng.uniform(*hours))
            rise = np.minimum(1.0, np.arange(1, part.stop - part.start + 1) / (HOUR / 2))
            values[part] += self.rng.uniform(*size) * rise


def _street(m: _Maker) -> Floats:
    y = 50 + 10 * m.bell(13, 5) + 3 * m.working * m.bell(8, 1.5) + m.weather(1.2, 4) + m.noise(1.6)
    m.events(y, (16, 22, 30), (0.75, 2), (12, 20))
    y[m.put(33, 10_000, "step").start :] += m.rng.choice([-8, 8])
    return np.round(y, 1)


def _machine(m: _Maker) -> Floats:
    y = 78 + 6 * m.working * m.bell(12, 4) + m.weather(1.5, 10) + m.noise(0.6)
    m.events(y, (17, 25, 31, 38), (2, 8), (12, 20))
    return y


def _office_co2(m: _Maker) -> Floats:
    busy = m.working * (m.bell(10.5, 1.5) + m.bell(15, 1.7))
    y = 430 + busy * (420 + 90 * m.rng.standard_normal(WEEKS * 7)[m.day]) + m.weather(15, 3) + m.noise(8)
    m.events(y, (18, 26, 34), (1, 3), (600, 1000))
    part = m.put(38, 40, "stuck")
    y[part] = y[part.start]
    return np.round(y)


def _tidal_river(m: _Maker) -> Floats:
    t = np.arange(SIZE) / HOUR
    y = (
        300
        + 110 * np.cos(2 * np.pi * t / 12.4206)
        + 35 * np.cos(2 * np.pi * t / 12 + 1)
        + 18 * np.cos(2 * np.pi * t / 25.82)
    )
    y = y + m.weather(12, 20) + m.noise(2)
    m.events(y, (19, 27, 35), (4, 8), (120, 200))
    return np.round(y)


def _electricity(m: _Maker) -> Floats:
    y = 40 + 35 * m.bell(19, 2.5) + 18 * m.working * m.bell(11, 4) + 10 * ~m.working * m.bell(13, 4)
    y = y * (1 + 0.06 * m.rng.standard_normal(WEEKS * 7)[m.day]) * np.exp(m.weather(0.05, 2) + m.noise(0.04))
    m.events(y, (15, 23, 29, 37), (1, 3), (40, 70))
    return np.round(y, 1)


def _cellar(m: _Maker) -> Floats:
    y = 14.2 + 0.6 * np.sin(2 * np.pi * np.arange(SIZE) / (11 * DAY) + m.rng.uniform(0, 6)) + m.noise(0.03)
    m.events(y, (20, 36), (3, 6), (5, 9))
    return np.round(2 * y) / 2


def _cold_room(m: _Maker) -> Floats:
    """A refrigerator that is defrosted every six hours, and a probe that drifts."""
    t = np.arange(SIZE) / HOUR
    y = 4 + 2.5 * np.exp(-(t % 6.0) / 0.4) + m.weather(0.25, 5) + m.noise(0.15)
    m.events(y, (17, 24), (1.5, 4), (6, 10))
    part = m.put(32, 7 * 24, "drift")
    by = m.rng.choice([-5, 5])
    y[part] += np.linspace(0, by, part.stop - part.start)
    y[part.stop :] += by
    return np.round(y, 1)


def _gauge(m: _Maker) -> Floats:
    """An underpass, whole centimetres: dry but for showers, and two floods."""
    y = np.zeros(SIZE)
    for _ in range(int(m.rng.integers(3, 7))):
        begin, hours = int(m.rng.integers(0, SIZE - DAY)), m.rng.uniform(1, 5)
        span = int(hours * HOUR)
        y[begin : begin + span] += m.rng.uniform(1, 4) * np.sin(np.linspace(0, np.pi, span))
    for day in (23, 37):
        part = m.put(day, m.rng.uniform(2, 6))
        y[part] += m.rng.uniform(15, 30) * np.sin(np.linspace(0, np.pi, part.stop - part.start))
    return np.round(y)


def _smoke(m: _Maker) -> Floats:
    y = np.abs(0.08 + m.noise(0.02)) + 0.5 * m.rng.random(SIZE) * (m.bell(18.5, 0.5) > 0.5)
    m.events(y, (16, 24, 32), (0.4, 1), (1.5, 3))
    part = m.put(39, 36, "stuck")
    y[part] = y[part.start]
    return np.round(y, 3)


def _classroom(m: _Maker) -> Floats:
    """Half degrees, heated on working days, with a thermometer that sticks."""
    y = 18 + 3 * m.working * m.bell(11, 3.5) + m.weather(0.6, 24) + m.noise(0.1)
    m.events(y, (17, 25), (2, 4), (6, 9))
    y = np.round(2 * y) / 2
    part = m.put(35, 5 * 24, "stuck")
    y[part] = y[part.start]
    return y


def _humidity(m: _Maker) -> Floats:
    y = 60 - 12 * m.bell(15, 4) + m.weather(6, 30) + m.noise(0.8)
    m.events(y, (18, 28), (1, 3), (28, 38))
    y[m.put(34, 10_000, "step").start :] += 30 * m.rng.choice([-1, 1])
    return np.clip(np.round(y), 0, 130)


def _outside(m: _Maker) -> Floats:
    """Weather alone: fronts, a spring that gets warmer. Nothing in it is to be told."""
    return np.round(8 + np.arange(SIZE) / DAY * 0.15 + 4 * m.bell(15, 4) + m.weather(3, 40) + m.noise(0.2), 1)


KINDS: Final[dict[str, Callable[[_Maker], Floats]]] = {
    "street noise": _street,
    "machine temperature": _machine,
    "office CO2": _office_co2,
    "tidal river": _tidal_river,
    "electricity": _electricity,
    "cellar": _cellar,
    "cold room": _cold_room,
    "dry underpass": _gauge,
    "smoke": _smoke,
    "classroom": _classroom,
    "humidity": _humidity,
    "outside air": _outside,
}


def made(kind: str, seed: int) -> Made:
    """Return a series of a kind in `KINDS`; equal seeds give equal series."""
    maker = _Maker(1000 * seed + list(KINDS).index(kind))
    values = KINDS[kind](maker)
    return Made(values, sorted(maker.known))
