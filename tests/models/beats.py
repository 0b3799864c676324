"""A site's beats in short: sums of windows drawn straight from their law, for tests of the context model."""

import numpy as np

from models.calendar import Calendar
from models.context.forest_training import BeatHistory

CALENDAR = Calendar("Asia/Shanghai", "CN")
WINDOW_S = 1800
A_DAY = 86_400 // WINDOW_S
T0 = 1_795_363_200_000
BEATS = ("east", "north", "west")


def expected(step: int) -> np.ndarray:
    """People and vehicles an hour of the day expects, and 55 dB, (channels, beats)."""
    busy = 1.0 + 0.8 * np.sin(2 * np.pi * step / A_DAY)
    size = np.array([1.0, 2.0, 0.5])
    return np.stack([200 * busy * size, 60 * busy * size, np.full(3, 55.0)])


def window(rng: np.random.Generator, step: int) -> np.ndarray:
    """One window's sums; people and vehicles come and go together, as they do."""
    mean = expected(step)
    deviation = np.stack([np.sqrt(mean[0]), np.sqrt(mean[1]), np.full(3, 0.5)])
    chance = rng.standard_normal(mean.shape)
    chance[1] = 0.8 * chance[0] + 0.6 * chance[1]
    seen = mean + deviation * chance
    return np.stack([np.maximum(seen, 0), mean, deviation**2, np.ones_like(mean)])


def history(days: int = 60, seed: int = 1) -> BeatHistory:
    rng = np.random.default_rng(seed)
    steps = days * A_DAY
    start = T0 + np.arange(steps, dtype=np.int64) * WINDOW_S * 1000
    sums = np.stack([window(rng, step) for step in range(steps)])
    return BeatHistory(BEATS, start, sums, np.zeros((steps, len(BEATS)), dtype=bool))


def spans(shift: tuple[float, float, float]) -> np.ndarray:
    """What a night at two o'clock gives without chance, (`SUMS`, channels, beats)."""
    mean = expected(4)
    deviation = np.stack([np.sqrt(mean[0]), np.sqrt(mean[1]), np.full(3, 0.5)])
    return np.stack([mean + deviation * np.array(shift)[:, None], mean, deviation**2, np.ones_like(mean)])
