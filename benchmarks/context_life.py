"""Weeks of whole beats at once, window by window: the simulator's rhythm, drawn by numpy and judged by the baselines.

What the context forest is measured on. Counts follow the law of `simulators.rhythm` (a Gamma factor of each window, a
log-normal level of each day and device), noise that of `simulators.life`; all devices pass through the shipped count
and level baselines, so that expected values, bands and alarms are those of a node that has seen the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import numpy as np

from models import context
from models.calendar import Calendar
from models.counts import CountBaseline, CountConfig
from models.levels import LevelBaseline, LevelConfig
from simulators import rhythm
from simulators.neighbourhood import Site, quarter

WINDOW_MS: Final = 300_000
A_DAY: Final = 288
T0: Final = 1_795_363_200_000
"""A midnight in Shanghai."""
YOUNG: Final = 4


@dataclass(frozen=True)
class Mixture:
    """Something unusual in a whole beat that moves every device by about a standard deviation only."""

    beat: int
    first: int
    """Windows since the start."""
    last: int
    people: float = 0.0
    """In standard deviations of each camera's window."""
    vehicles: float = 0.0
    noise: float = 0.0


@dataclass
class Life:
    """What a node would have seen of some beats; the sums are those of `models.context.sums`."""

    start_ms: np.ndarray
    """(windows,)."""
    sums: np.ndarray
    """(windows, `context.SUMS`, channels, beats)."""
    told: np.ndarray
    """(windows, beats): a device of the beat is itself in alarm, or not in its normal state."""
    mixtures: list[Mixture] = field(default_factory=list)


def live(
    days: int, *, seed: int, replicas: int = 1, mixtures: list[Mixture] | None = None, site: Site | None = None
) -> Life:
    """Live through some days of `replicas` neighbourhoods; beat b of replica r is number r * beats + b."""
    site = site or quarter()
    calendar, days_of = Calendar("Asia/Shanghai", "CN"), rhythm.Calendar("Asia/Shanghai", "CN")
    rng = np.random.default_rng(seed)
    names = list(site.places.beats)
    cameras = [spec for spec in site.specs if spec.device.type == "camera"]
    sensors = [spec for spec in site.specs if spec.device.type == "noise"]
    pairs = [(spec, 0, spec.people_h) for spec in cameras]
    pairs += [(spec, 1, spec.vehicles_h) for spec in cameras if spec.vehicles_h > 0]
    hourly = np.tile([mean for *_, mean in pairs], replicas)
    camera_of = np.array([cameras.index(spec) for spec, *_ in pairs])
    device = (np.arange(replicas)[:, None] * len(cameras) + camera_of).ravel()
    channel = np.tile([kind for _, kind, _ in pairs], replicas)
    beat = _beats(names, [spec.device.beat for spec, *_ in pairs], replicas)
    noise_beat = _beats(names, [spec.device.beat for spec in sensors], replicas)
    size, beats = len(hourly), len(names) * replicas
    counts = CountBaseline(CountConfig(), calendar, size)
    levels = LevelBaseline(LevelConfig(), calendar, len(noise_beat))
    rows, noise_rows = np.arange(size), np.arange(len(noise_beat))
    steps = days * A_DAY
    out = Life(
        T0 + np.arange(steps, dtype=np.int64) * WINDOW_MS,
        np.zeros((steps, context.SUMS, len(context.CHANNELS), beats)),
        np.zeros((steps, beats), dtype=bool),
        list(mixtures or ()),
    )
    shift = np.zeros((len(context.CHANNELS), beats))
    today, share, noise_share = date.min, np.zeros((A_DAY, size)), np.zeros((A_DAY, len(noise_beat)))
    level_of_day = np.ones(size)
    whole = np.ones(size)
    for step, start in enumerate(out.start_ms.tolist()):
        day = days_of.day_of(start)
        if day != today:
            today, kind = day, days_of.day_class(day)
            share = np.tile([rhythm.curve(spec.profile, kind) for spec, *_ in pairs], (replicas, 1)).T
            noise_share = np.tile([rhythm.curve(spec.profile, kind) for spec in sensors], (replicas, 1)).T
            sigma = rhythm.DAY_SPREAD
            level_of_day = rng.lognormal(-(sigma**2) / 2, sigma, len(cameras) * replicas)[device]
        at = step % A_DAY
        mean = hourly * (share[at] + share[(at + 1) % A_DAY]) / 2 * level_of_day / 12
        shift[:] = 0.0
        for mixture in out.mixtures:
            if mixture.first <= step < mixture.last:
                shift[:, mixture.beat] = mixture.people, mixture.vehicles, mixture.noise
        alpha = rhythm.DISPERSION
        moved = np.maximum(mean + shift[channel, beat] * np.sqrt(mean + alpha * mean**2), 0.1 * mean)
        total = rng.poisson(moved * rng.gamma(1 / alpha, alpha, size)).astype(np.float64)
        heard = 44.0 + 16.0 * np.minimum((noise_share[at] + noise_share[(at + 1) % A_DAY]) / 2, 1.1)
        heard += 2.2 / math.sqrt(30) * rng.standard_normal(len(noise_beat))
        test = counts.step(rows, start, total, whole)
        spread = levels.test(noise_rows, start, heard, heard, np.full(len(heard), 30))
        heard += shift[2, noise_beat] * (spread.upper - spread.lower) / context.BAND_WIDTH
        loud = levels.step(noise_rows, start, heard, heard, np.full(len(heard), 30))
        known = np.concatenate([test.state != YOUNG, loud.state != YOUNG])
        out.sums[step] = context.sums(
            np.concatenate([beat, noise_beat]),
            np.concatenate([channel, np.full(len(noise_beat), 2)]),
            np.concatenate([total, heard]),
            np.where(known, np.concatenate([test.expected, loud.expected]), np.nan),
            np.concatenate([test.lower, loud.lower]),
            np.concatenate([test.upper, loud.upper]),
            beats,
        )
        strange = beat[(test.alarm | ((test.state > 0) & (test.state != YOUNG)))]
        out.told[step, strange] = True
        out.told[step, noise_beat[loud.alarm]] = True
    return out


def _beats(names: list[str], of: list[str], replicas: int) -> np.ndarray:
    one = np.array([names.index(beat) for beat in of])
    return (np.arange(replicas)[:, None] * len(names) + one).ravel()
