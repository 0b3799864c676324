"""Weeks of whole beats at once, window by window: the simulator's rhythm, drawn by numpy and judged by the baselines.

What the context forest is measured on. Counts follow the law of `simulators.world.rhythm` (a Gamma factor of each
window, a log-normal level of each day and device), noise that of `simulators.world.life`; all devices pass through the
shipped count and level baselines, so that expected values, bands and alarms are those of a node that has seen the same.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from models.baselines.counts import CountBaseline
from models.calendar import Calendar
from models.context import beat_forest as context
from models.context.forest_training import BeatHistory
from models.levels.level_baseline import LevelBaseline
from simulators.world import rhythm
from simulators.world.neighbourhood import quarter

WINDOW_S: Final = 300
WINDOW_MS: Final = WINDOW_S * 1000
A_DAY: Final = 288
T0: Final = 1_795_363_200_000
"""A midnight in Shanghai."""
CALENDAR: Final = Calendar("Asia/Shanghai", "CN")
NOISE: Final = 2
_YOUNG: Final = 4
_HEARD: Final = 30
"""Readings of a noise sensor in a window."""


@dataclass(frozen=True)
class Mixture:
    """Something unusual in a whole beat that moves each of its devices by a standard deviation or less."""

    beat: int
    first: int
    """In windows since the start; `last` is not part of it."""
    last: int
    shift: tuple[float, float, float]
    """Of every camera's people, every camera's vehicles and every noise sensor, in standard deviations of a window."""


class Neighbourhoods:
    """Several sites of the simulator's quarter side by side; beat b of site s is number s * 6 + b."""

    def __init__(self, sites: int, seed: int) -> None:
        quarter_ = quarter()
        self.names = list(quarter_.places.beats)
        self.beats = len(self.names) * sites
        self.step = 0
        self._days = rhythm.LocalDays("Asia/Shanghai", "CN")
        self._rng = np.random.default_rng(seed)
        cameras = [spec for spec in quarter_.specs if spec.device.type == "camera"]
        self._sensors = [spec for spec in quarter_.specs if spec.device.type == "noise"]
        self._pairs = [(spec, 0, spec.people_h) for spec in cameras]
        self._pairs += [(spec, 1, spec.vehicles_h) for spec in cameras if spec.vehicles_h > 0]
        self._sites, self._cameras = sites, len(cameras) * sites
        self._hourly = np.tile([mean for *_, mean in self._pairs], sites)
        camera_of = np.array([cameras.index(spec) for spec, *_ in self._pairs])
        self._device = (np.arange(sites)[:, None] * len(cameras) + camera_of).ravel()
        self._channel = np.tile([kind for _, kind, _ in self._pairs], sites)
        self._beat = self._beats_of([spec.device.beat for spec, *_ in self._pairs])
        self._noise_beat = self._beats_of([spec.device.beat for spec in self._sensors])
        self._counts = CountBaseline(WINDOW_S, CALENDAR, len(self._hourly))
        self._levels = LevelBaseline(WINDOW_S, CALENDAR, len(self._noise_beat))
        self._today = date.min
        self._share = self._noise_share = self._level = np.zeros(0)

    def _beats_of(self, of: list[str]) -> np.ndarray:
        one = np.array([self.names.index(beat) for beat in of])
        return (np.arange(self._sites)[:, None] * len(self.names) + one).ravel()

    def live(self, days: int, mixtures: list[Mixture] | None = None) -> BeatHistory:
        """Live through some more days; every call goes on where the one before ended."""
        steps = days * A_DAY
        start_ms = T0 + (self.step + np.arange(steps, dtype=np.int64)) * WINDOW_MS
        sums = np.zeros((steps, context.SUMS, len(context.CHANNELS), self.beats))
        alarmed = np.zeros((steps, self.beats), dtype=bool)
        for row, start in enumerate(start_ms.tolist()):
            shift = np.zeros((len(context.CHANNELS), self.beats))
            for mixture in mixtures or ():
                if mixture.first <= self.step < mixture.last:
                    shift[:, mixture.beat] = mixture.shift
            sums[row], alarmed[row] = self._window(start, shift)
            self.step += 1
        return BeatHistory(tuple(str(beat) for beat in range(self.beats)), start_ms, sums, alarmed)

    def _window(self, start_ms: int, shift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self._midnight(start_ms)
        total, heard = self._draw(start_ms, shift)
        test = self._counts.step(np.arange(len(total)), start_ms, total, np.ones(len(total)))
        loud = self._levels.step(np.arange(len(heard)), start_ms, heard, np.full(len(heard), _HEARD))
        beat = np.concatenate([self._beat, self._noise_beat])
        known = np.concatenate([test.state, loud.state]) != _YOUNG
        sums = context.sums(
            beat,
            np.concatenate([self._channel, np.full(len(heard), NOISE)]),
            np.concatenate([total, heard]),
            np.where(known, np.concatenate([test.expected, loud.expected]), np.nan),
            np.concatenate([test.lower, loud.lower]),
            np.concatenate([test.upper, loud.upper]),
            self.beats,
        )
        alarmed = np.zeros(self.beats, dtype=bool)
        alarmed[self._beat[(test.state > 0) & (test.state != _YOUNG)]] = True
        alarmed[self._noise_beat[loud.alarm]] = True
        return sums, alarmed

    def _draw(self, start_ms: int, shift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        at, after, rng, alpha = self.step % A_DAY, (self.step + 1) % A_DAY, self._rng, rhythm.DISPERSION
        mean = self._hourly * (self._share[at] + self._share[after]) / 2 * self._level / 12
        moved = mean + shift[self._channel, self._beat] * np.sqrt(mean + alpha * mean**2)
        total = rng.poisson(np.maximum(moved, 0.1 * mean) * rng.gamma(1 / alpha, alpha, len(mean))).astype(float)
        heard = 44.0 + 16.0 * np.minimum((self._noise_share[at] + self._noise_share[after]) / 2, 1.1)
        heard += 2.2 / math.sqrt(_HEARD) * rng.standard_normal(len(heard))
        if shift.any():
            band = copy.deepcopy(self._levels).step(np.arange(len(heard)), start_ms, heard, np.full(len(heard), _HEARD))
            heard += shift[NOISE, self._noise_beat] * (band.upper - band.lower) / context.BAND_WIDTH
        return total, heard

    def _midnight(self, start_ms: int) -> None:
        """Choose the curves and levels of a new day."""
        day = self._days.day_of(start_ms)
        if day == self._today:
            return
        self._today, kind = day, self._days.day_class(day)
        curves = [rhythm.curve(spec.profile, kind) for spec, *_ in self._pairs]
        self._share = np.tile(curves, (self._sites, 1)).T
        self._noise_share = np.tile([rhythm.curve(spec.profile, kind) for spec in self._sensors], (self._sites, 1)).T
        sigma = rhythm.DAY_SPREAD
        self._level = self._rng.lognormal(-(sigma**2) / 2, sigma, self._cameras)[self._device]


def site_of(history: BeatHistory, site: int, beats: int = 6) -> BeatHistory:
    """Return the history of one of several sites."""
    mine = slice(site * beats, (site + 1) * beats)
    return BeatHistory(history.beats[mine], history.start_ms, history.sums[..., mine], history.alarmed[:, mine])
