"""Ordinary people and cars for the tests of models: a rhythm of days and weeks, and over-dispersed counts around it."""

from typing import TypeVar

import numpy as np

from models.baselines.counts import CountBaseline
from models.calendar import Calendar

T0 = 1_795_363_200_000
"""Midnight of Monday, 2026-11-23, in Shanghai, as epoch ms."""


class Neighbourhood:
    """Series of counts; means are those of one window."""

    def __init__(
        self,
        size: int,
        *,
        window_s: int = 300,
        mean: float = 20.0,
        dispersion: float = 0.05,
        amplitude: float = 0.9,
        same_phase: bool = False,
        seed: int = 11,
    ) -> None:
        self.rng = np.random.default_rng(seed)
        self.calendar = Calendar("Asia/Shanghai", "CN")
        self.scale = mean * self.rng.uniform(0.5, 1.5, size)
        self.phase = np.zeros(size) if same_phase else self.rng.uniform(0, 2 * np.pi, size)
        self.dispersion, self.amplitude, self.window_s = dispersion, amplitude, window_s

    def mean(self, start_ms: int) -> np.ndarray:
        day_class, second = self.calendar.local(start_ms)
        turn = 2 * np.pi * (int(second) + self.window_s / 2) / 86_400
        return self.scale * np.exp(self.amplitude * np.sin(turn + self.phase)) * (1.0, 0.8, 0.6)[int(day_class)]

    def count(self, start_ms: int) -> np.ndarray:
        if self.dispersion == 0:
            return self.rng.poisson(self.mean(start_ms)).astype(np.float64)
        busy = self.rng.gamma(1 / self.dispersion, self.dispersion, len(self.scale))
        return self.rng.poisson(self.mean(start_ms) * busy).astype(np.float64)


Model = TypeVar("Model", bound=CountBaseline)


def warm(model: Model, place: Neighbourhood, days: int) -> Model:
    """Let a count baseline watch the place from `T0` on."""
    rows, ones = np.arange(len(place.scale)), np.ones(len(place.scale))
    for step in range(days * 86_400 // place.window_s):
        start = T0 + step * place.window_s * 1000
        model.step(rows, start, place.count(start), ones)
    return model
