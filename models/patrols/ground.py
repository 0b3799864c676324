"""Where officers may stop, and what risk a stop covers: everything within 250 m of it, for an hour on either side."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from models.patrols.travel import flat

REACH_M: Final = 250.0
PLACES: Final = 40
"""Candidate places of a shift."""
_POINT_M: Final = 90.0
"""A cell counts as points no further apart than this: a stop may cover a part of a cell."""


@dataclass(frozen=True)
class Ground:
    """Candidate places and the pieces of ground that they cover.

    A piece is what exactly the same candidates cover, so that what two of them share counts once.
    """

    lonlat: NDArray[np.float64]
    """(candidates, 2): where to stop, as lon, lat."""
    risk: NDArray[np.float64]
    """(pieces, periods): expected incidents (weighted) in each period."""
    covers: NDArray[np.bool_]
    """(candidates, pieces)."""
    beat: NDArray[np.int64]
    """(candidates,): number of the beat, -1 for none."""
    cell: NDArray[np.int64]
    """(candidates,): which of the given cells each one is."""
    explore: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    """(candidates,): drawn at random, whatever its risk, so that the map also learns of places it knows nothing of."""
    period_min: float = 60.0
    """Length of a period in minutes; the first begins with the plan, at minute 0."""

    @property
    def place_risk(self) -> NDArray[np.float64]:
        """(candidates, periods): what lies within reach of each, shared or not."""
        found: NDArray[np.float64] = self.covers @ self.risk
        return found


def simple_ground(
    risk: NDArray[np.float64],
    lonlat: NDArray[np.float64],
    beat: NDArray[np.int64] | None = None,
    period_min: float = 60.0,
) -> Ground:
    """Return candidates that share no ground: risk (candidates, periods) of each, lonlat (candidates, 2).

    Raises ValueError where shapes do not agree, or a risk is negative or not a number.
    """
    many = len(lonlat)
    risk = np.asarray(risk, dtype=np.float64)
    if risk.ndim != 2 or len(risk) != many or np.shape(lonlat) != (many, 2):
        raise ValueError(f"risk has the shape {risk.shape}, lonlat {np.shape(lonlat)}; expected (n, periods), (n, 2)")
    if not np.isfinite(risk).all() or (risk < 0).any():
        raise ValueError("a risk is negative or not a number")
    beats = np.full(many, -1, dtype=np.int64) if beat is None else np.asarray(beat, dtype=np.int64)
    lonlat = np.asarray(lonlat, dtype=np.float64)
    return Ground(
        lonlat, risk, np.eye(many, dtype=np.bool_), beats, np.arange(many), np.zeros(many, dtype=np.bool_), period_min
    )


def choose_places(
    lonlat: NDArray[np.float64],
    risk: NDArray[np.float64],
    cell_m: float,
    *,
    places: int = PLACES,
    beat: NDArray[np.int64] | None = None,
    in_beats: Sequence[int] = (),
    explore: int = 0,
    seed: int = 0,
    period_min: float = 60.0,
) -> Ground:
    """Choose candidate places among cells of a forecast: each adds the most risk that none before it covers.

    Parameters
    ----------
    lonlat, risk, cell_m
        Middles of the cells (cells, 2), their expected incidents (cells, periods), and their side in metres.
    places
        How many to choose by risk.
    beat, in_beats
        The beat of each cell (cells,), and the beats that must have a place to stop at, even if at little risk.
    explore, seed
        So many more cells are drawn at random.
    period_min
        Length of a period.

    Returns
    -------
    Ground
        Candidates in the order in which they were chosen.
    """
    many = len(lonlat)
    beats = np.full(many, -1, dtype=np.int64) if beat is None else np.asarray(beat, dtype=np.int64)
    points, owner = _points(lonlat, cell_m)
    each = len(points) // many if many else 1
    near = cKDTree(flat(lonlat)).sparse_distance_matrix(cKDTree(points), REACH_M, output_type="coo_matrix")
    within = csr_array((np.ones(near.nnz), (near.row, near.col)), shape=(many, len(points)))
    mass = np.maximum(np.nan_to_num(risk), 0.0)[owner] / each
    left = mass.sum(axis=1)
    chosen: list[int] = []

    def choose(among: NDArray[np.int64]) -> None:
        gain = within[among] @ left
        best = int(np.argmax(gain))
        if gain[best] > 0:
            chosen.append(int(among[best]))
            left[within.indices[within.indptr[chosen[-1]] : within.indptr[chosen[-1] + 1]]] = 0.0

    everywhere = np.arange(many)
    for _ in range(min(places, many)):
        choose(everywhere)
    for wanted in in_beats:
        inside = np.flatnonzero(beats == wanted)
        if len(inside) and not (beats[chosen] == wanted).any():
            chosen.append(int(inside[np.argmax(within[inside] @ mass.sum(axis=1))]))
    rest = np.setdiff1d(everywhere, chosen)
    drawn = np.random.default_rng(seed).permutation(rest)[:explore]
    cells = np.array([*chosen, *drawn.tolist()], dtype=np.int64)
    pieces, covers = _pieces(within[cells], mass)
    is_drawn = np.arange(len(cells)) >= len(chosen)
    return Ground(np.asarray(lonlat)[cells], pieces, covers, beats[cells], cells, is_drawn, period_min)


def _points(lonlat: NDArray[np.float64], cell_m: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return points in metres that stand for the cells, equally many for each, and whose each is."""
    side = max(1, int(np.ceil(cell_m / _POINT_M)))
    off = (np.arange(side) + 0.5) / side * cell_m - cell_m / 2
    east, north = np.meshgrid(off, off)
    shift = np.column_stack([east.ravel(), north.ravel()])
    xy = flat(lonlat)
    return (xy[:, None] + shift[None]).reshape(-1, 2), np.repeat(np.arange(len(xy)), side * side)


def _pieces(within: csr_array, mass: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Join the points that the same candidates cover."""
    cover = within.toarray().astype(np.bool_)
    touched = np.flatnonzero(cover.any(axis=0))
    kinds, which = np.unique(cover[:, touched].T, axis=0, return_inverse=True)
    risk = np.zeros((len(kinds), mass.shape[1]))
    np.add.at(risk, which.ravel(), mass[touched])
    return risk, kinds.T.copy()
