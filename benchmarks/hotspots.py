"""The forecast in made-up cities of every kind, against its baselines; and what a live map costs.

``python -m benchmarks.hotspots [CITY ...]`` prints one line a city. In a city whose rates stand still long counts are
best, where near repeats rule short memories are: the mix must find out in which it is.
"""

import sys
import time
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from models.backtests.hotspot_backtest import DAY_MS, IncidentFile, hotspots
from models.backtests.hotspot_baselines import baselines
from models.backtests.hotspot_scores import compare, expects, hit_rates
from models.hotspots.forecast import Forecast

SIDE: Final = 30
YEARS: Final = 4
_STEP: Final = 250.0 / 111_320.0
_BEGIN: Final = 1_420_070_400_000


def city(name: str, seed: int = 1) -> IncidentFile:
    """Return a city of 900 cells: static, repeats, drifting, few (200 incidents a year) or many (20,000)."""
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.normal(size=(4, SIDE, SIDE)), (0, 1.2, 1.2)) * 4.0
    a_year = {"few": 200, "many": 20_000}.get(name, 2_000)
    count = rng.poisson(a_year * YEARS * (0.6 if name == "repeats" else 1.0))
    day = np.sort(rng.uniform(0, YEARS * 365, count))
    surface = np.exp(field[0] + 0.7 * rng.normal(size=(SIDE, SIDE)))
    cell = np.zeros(count, dtype=np.int64)
    for month in range(-(-YEARS * 365 // 30)):
        mine = np.flatnonzero(day // 30 == month)
        turn = month / 12.0
        rate = np.exp(np.cos(turn) * field[1] + np.sin(turn) * field[2]) if name == "drifting" else surface
        cell[mine] = rng.choice(SIDE * SIDE, len(mine), p=(rate / rate.sum()).ravel())
    row, column = np.divmod(cell, SIDE)
    y, x = row + rng.random(count), column + rng.random(count)
    if name == "repeats":
        parents = np.arange(count)
        while len(parents):
            parents = np.repeat(parents, rng.poisson(0.4, len(parents)))
            day = np.append(day, day[parents] + rng.exponential(7.0, len(parents)))
            y = np.append(y, y[parents] + rng.normal(0, 0.3, len(parents)))
            x = np.append(x, x[parents] + rng.normal(0, 0.3, len(parents)))
            parents = np.arange(len(day) - len(parents), len(day))
    inside = (day < YEARS * 365) & (np.minimum(x, y) > 0) & (np.maximum(x, y) < SIDE)
    day, x, y = day[inside], x[inside], y[inside]
    points = (np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE))).reshape(2, -1) + 0.5) * _STEP
    until = _BEGIN + (YEARS - 1) * 365 * DAY_MS
    return IncidentFile(_BEGIN + (day * DAY_MS).astype(np.int64), x * _STEP, y * _STEP, (points[0], points[1]), until)


def measure(name: str) -> str:
    """Return a city's line: hit rates at 5 and 10 %, the best baseline's, the paired difference from it."""
    begin = time.process_time()
    file = city(name)
    made = hotspots(file)
    took = time.process_time() - begin
    rates, others = hit_rates(made.risk, made.hits), baselines(file)
    line = f"{name:9} {len(file.ts_ms):6} incidents, {took:4.0f} s, {len(made.fit.members)} kinds of trees:"
    for share in (0.05, 0.10):
        scores = {key: hit_rates(maps, made.hits)[share] for key, maps in others.items()}
        best = max(scores, key=scores.__getitem__)
        told = compare(made.risk, others[best], made.hits)[f"{share:g}"]
        line += f" {share:.0%} {rates[share]:.3f} (expects {expects(made.risk, share):.3f}), best {best}"
        line += f" {scores[best]:.3f}, by {told['by']:+.3f} [{told['low']:+.3f} {told['high']:+.3f}]"
    return line


def live_ms(repeats: int = 30) -> dict[str, float]:
    """Return milliseconds of processor time of an incident and the new map, of 10,000 cells and a long history."""
    rng = np.random.default_rng(2)
    grid = Forecast((121.40, 31.20, 121.40 + 10_000 / 95_200, 31.20 + 10_000 / 111_320), 100.0)
    count, now = 10_000, _BEGIN + 1500 * DAY_MS
    ts = np.sort(rng.integers(_BEGIN, now, count))
    lon, lat = rng.uniform(121.41, 121.49, count), rng.uniform(31.21, 31.28, count)
    grid.add(lon, lat, ts, 1.0, 0)

    def spent(work: NDArray[np.int64]) -> float:
        best = np.inf
        for number in work.tolist():
            begin = time.process_time()
            grid.add(lon[number], lat[number], now + number, 1.0, 0)
            grid.intensity(now + number)
            best = min(best, time.process_time() - begin)
        return best * 1000

    return {f"incident and map of {grid.cells:,} cells": spent(np.arange(repeats))}


if __name__ == "__main__":
    for key, value in live_ms().items():
        print(f"{key}: {value:.1f} ms")
    for one in sys.argv[1:] or ("static", "repeats", "drifting", "few", "many"):
        print(measure(one), flush=True)
