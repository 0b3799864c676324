"""What forecasts of hotspots are measured against, each tuned on what happened before the first forecast only."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from models.backtests.hotspot_backtest import DAY_MS, IncidentFile
from models.backtests.hotspot_scores import hits_of

_CHUNK: Final = 512
_TUNE_DAYS: Final = 365
"""The last year before the first forecast chooses settings,"""
_TUNE_EVERY: Final = 3
"""by every third day of it."""
_WINDOWS: Final = (60, 120, 180, 365, 730, 100_000)
_WIDTHS_M: Final = (100.0, 150.0, 200.0, 300.0, 500.0)
_WEEKS: Final = (8, 26)
_REACHES_M: Final = (400.0, 800.0)
_EM_STEPS: Final = 100
_LONGEST: Final = 365.0
"""Days after which an incident triggers no other."""
Maps = NDArray[np.float32]


def baselines(file: IncidentFile) -> dict[str, Maps]:
    """Return the risk maps of each baseline by name, (days, cells) each."""
    daily = file.counts(int(file.day[0]), file.last + 1).astype(np.float64)
    past = _before(daily)
    days = np.arange(file.first, file.last + 1) - int(file.day[0])
    found = {
        "counts-1": _window(past, days, length=365),
        "counts-2": _window(past, days, length=730),
        "counts-all": _window(past, days, length=100_000),
    }
    found["density"] = _best(file, _densities(file))
    found["promap"] = _best(file, _promaps(file))
    found["etas"] = _etas(file)
    return found


Candidate = Callable[[NDArray[np.int64]], Maps]
"""Gives the maps of some days, counted from the first incident's."""


def _best(file: IncidentFile, candidates: Iterable[Candidate]) -> Maps:
    """Return the maps of the candidate that hit most (at 5 and 10 % of the area) in the year before."""
    origin = int(file.day[0])
    tuning = np.arange(max(file.first - _TUNE_DAYS, origin + 1), file.first, _TUNE_EVERY)
    came = file.counts(origin, file.first)[tuning - origin]
    most, best = -1, None
    for candidate in candidates:
        maps = candidate(tuning - origin)
        hit = int(hits_of(maps, came, 0.05).sum() + hits_of(maps, came, 0.10).sum())
        if hit > most:
            # Only the best one's maps of all days are kept: the others' memory is free again.
            most, best = hit, candidate(np.arange(file.first, file.last + 1) - origin)
    if best is None:
        raise ValueError("no candidate to choose from")
    return best


def _before(daily: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return sums of all days before each, (days + 1, cells)."""
    return np.concatenate([np.zeros((1, daily.shape[1])), daily.cumsum(axis=0)])


def _window(past: NDArray[np.float64], days: NDArray[np.int64], *, length: int) -> Maps:
    return np.asarray(past[days] - past[np.maximum(days - length, 0)], dtype=np.float32)


def _spread(file: IncidentFile, of: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return daily sums of what each incident gives to each cell by (east, north) in metres, (days, cells)."""
    origin, size = int(file.day[0]), file.grid.cell_m
    row, column = file.grid.position(file.lon, file.lat)
    at_row, at_column = np.divmod(file.cells, file.grid.columns)
    daily = np.zeros((file.last + 1 - origin, len(file.cells)))
    for begin in range(0, len(row), _CHUNK):
        part = slice(begin, begin + _CHUNK)
        away = np.stack([column[part, None] - at_column - 0.5, row[part, None] - at_row - 0.5]) * size
        given = of(away)
        days, first = np.unique(file.day[part] - origin, return_index=True)
        daily[days] += np.add.reduceat(given, first, axis=0)
    return daily


def _densities(file: IncidentFile) -> Iterable[Candidate]:
    """Yield kernel densities of windows and widths (Bowers, Johnson and Pease 2004 compare them)."""
    half = file.grid.cell_m / 2

    for width in _WIDTHS_M:
        edge = half / (width * np.sqrt(2.0))

        def gauss(away: NDArray[np.float64], width: float = width, edge: float = edge) -> NDArray[np.float64]:
            at = away / (width * np.sqrt(2.0))
            shares: NDArray[np.float64] = 0.25 * np.prod(special.erf(at + edge) - special.erf(at - edge), axis=0)
            return shares

        past = _before(_spread(file, gauss))
        for window in _WINDOWS:
            yield partial(_window, past, length=window)


def _promaps(file: IncidentFile) -> Iterable[Candidate]:
    """Yield prospective maps: Σ 1/((1+d)(1+t)), d in half cells, t in weeks (Bowers, Johnson and Pease 2004)."""
    for reach in _REACHES_M:

        def near(away: NDArray[np.float64], reach: float = reach) -> NDArray[np.float64]:
            metres = np.hypot(away[0], away[1])
            return np.where(metres <= reach, 1.0 / (1.0 + np.floor(metres / (file.grid.cell_m / 2))), 0.0)

        past = _before(_spread(file, near))
        for weeks in _WEEKS:

            def maps(days: NDArray[np.int64], past: NDArray[np.float64] = past, weeks: int = weeks) -> Maps:
                total = np.zeros((len(days), past.shape[1]))
                for week in range(weeks):
                    newer, older = (np.maximum(days - 7 * one, 0) for one in (week, week + 1))
                    total += (past[newer] - past[older]) / (1.0 + week)
                return total.astype(np.float32)

            yield maps


def _etas(file: IncidentFile) -> Maps:
    """Return a self-exciting process per cell, by EM (Mohler et al., JASA 2015).

    λ_c(t) = μ_c + Σ θω exp(-ω(t-tᵢ)). θ and ω are those of the history; μ_c goes on with what comes.
    """
    origin, cells = int(file.day[0]), len(file.cells)
    mine = file.place >= 0
    place, at = file.place[mine], file.ts_ms[mine] / DAY_MS - origin
    known = at < file.first - origin
    span = max(float(file.first - origin), 1.0)
    theta, omega = _triggers(place[known], at[known], span)
    mu = np.bincount(place[known], minlength=cells) * (1 - theta) / span
    excited, own = np.zeros(cells), mu * span
    maps = np.zeros((file.last + 1 - file.first, cells), dtype=np.float32)
    edges = np.searchsorted(at, np.arange(file.last + 2 - origin)).tolist()
    for day in range(file.last + 1 - origin):
        excited *= np.exp(-omega)
        if day >= file.first - origin:
            mu = own / day
            maps[day - (file.first - origin)] = mu + theta * omega * excited
        new = slice(edges[day], edges[day + 1])
        if day >= file.first - origin:
            expected = mu[place[new]] + theta * omega * excited[place[new]]
            np.add.at(own, place[new], np.where(expected > 0, mu[place[new]] / np.maximum(expected, 1e-12), 1.0))
        np.add.at(excited, place[new], np.exp(-omega * (day - at[new])))
    return maps


def _triggers(place: NDArray[np.int64], at: NDArray[np.float64], span: float) -> tuple[float, float]:
    """Return θ and ω of incidents (n,) in cells at days, by expectation-maximisation."""
    order = np.lexsort((at, place))
    place, at = place[order], at[order]
    pairs = []
    for back in range(1, 200):
        same = np.flatnonzero((place[back:] == place[:-back]) & (at[back:] - at[:-back] < _LONGEST))
        if not len(same):
            break
        pairs.append((same + back, at[same + back] - at[same]))
    if not pairs:
        return 0.0, 0.1
    child, gap = np.concatenate([one for one, _ in pairs]), np.concatenate([gaps for _, gaps in pairs])
    theta, omega = 0.2, 0.1
    own = np.full(len(at), 0.8)
    for _ in range(_EM_STEPS):
        mu = np.bincount(place, own, place.max() + 1) / span
        pull = theta * omega * np.exp(-omega * gap)
        total = mu[place] + np.bincount(child, pull, len(at))
        triggered = pull / total[child]
        own = mu[place] / total
        theta = float(triggered.sum()) / len(at)
        omega = float(np.clip(triggered.sum() / max(float(triggered @ gap), 1e-9), 1e-3, 10.0))
    return theta, omega
