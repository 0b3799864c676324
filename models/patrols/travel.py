"""Minutes from place to place: along the streets where they are known, else a straight line with a detour."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from models.hotspots.grid import METRES_PER_DEGREE

DETOUR: Final = 1.3
"""Streets are so much longer than the straight line between their ends, in a town of blocks."""
SPEED_KMH: Final = 20.0
_JOIN_M: Final = 15.0
"""Ends of street lines closer than this are one crossing."""
_PIECE_M: Final = 50.0
"""A street is cut into pieces no longer than this, so that a place beside its middle is near a point of it."""

Travel = Callable[[NDArray[np.float64]], NDArray[np.int64]]
"""From points (n, 2) as lon, lat to whole minutes (n, n)."""


def straight_minutes(lonlat: NDArray[np.float64], speed_kmh: float = SPEED_KMH) -> NDArray[np.int64]:
    """Return whole minutes between points (n, 2), (n, n): the straight line times `DETOUR`, rounded up."""
    xy = flat(lonlat)
    metres = np.hypot(*(xy[:, None] - xy[None, :]).transpose(2, 0, 1))
    return _minutes(metres * DETOUR, speed_kmh)


def street_travel(streets: Sequence[NDArray[np.float64]], speed_kmh: float = SPEED_KMH) -> Travel:
    """Return the way along street lines, each (points, 2) as lon, lat; crossings are where lines come within 15 m.

    A place joins the nearest street by a straight line. Between parts of a net that do not meet, and where a straight
    line with a detour would be shorter than the drawn streets (alleys are rarely drawn), that line is taken.
    """
    lines = [np.asarray(line, dtype=np.float64) for line in streets if len(line) > 1]
    if not lines:
        return lambda lonlat: straight_minutes(lonlat, speed_kmh)
    origin = lines[0][0]
    pieces = [_pieces(flat(line, origin)) for line in lines]
    nodes = np.concatenate(pieces)
    first = np.cumsum([0, *map(len, pieces)])
    begin = np.concatenate([np.arange(a, b - 1) for a, b in pairwise(first.tolist())])
    pairs = np.concatenate(
        [np.column_stack([begin, begin + 1]), cKDTree(nodes).query_pairs(_JOIN_M, output_type="ndarray")]
    )
    length = np.maximum(np.hypot(*(nodes[pairs[:, 0]] - nodes[pairs[:, 1]]).T), 0.01)
    graph = csr_array((length, (pairs[:, 0], pairs[:, 1])), shape=(len(nodes), len(nodes)))
    tree = cKDTree(nodes)

    def travel(lonlat: NDArray[np.float64]) -> NDArray[np.int64]:
        xy = flat(lonlat, origin)
        off, at = (np.asarray(found) for found in tree.query(xy))
        along = dijkstra(graph, directed=False, indices=np.unique(at))
        row = np.searchsorted(np.unique(at), at)
        metres = along[row][:, at] + off[:, None] + off[None, :]
        line = np.hypot(*(xy[:, None] - xy[None, :]).transpose(2, 0, 1))
        metres = np.where(np.isfinite(metres), np.maximum(metres, line), line * DETOUR)
        np.fill_diagonal(metres, 0.0)
        return _minutes(np.asarray(metres), speed_kmh)

    return travel


def flat(lonlat: NDArray[np.float64], origin: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """Return metres east and north of the first point (or of `origin`), (n, 2)."""
    lonlat = np.asarray(lonlat, dtype=np.float64).reshape(-1, 2)
    base = lonlat[:1].mean(axis=0) if origin is None else origin
    east = METRES_PER_DEGREE * np.cos(np.radians(base[1]))
    return np.asarray((lonlat - base) * np.array([east, METRES_PER_DEGREE]))


def _pieces(line: NDArray[np.float64]) -> NDArray[np.float64]:
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    many = max(2, int(np.ceil(along[-1] / _PIECE_M)) + 1)
    at = np.union1d(along, np.linspace(0.0, along[-1], many))
    return np.column_stack([np.interp(at, along, line[:, 0]), np.interp(at, along, line[:, 1])])


def _minutes(metres: NDArray[np.float64], speed_kmh: float) -> NDArray[np.int64]:
    # A tenth of a second under a whole minute is a whole minute: sums of floats end just above.
    whole: NDArray[np.int64] = np.ceil(metres * 0.06 / speed_kmh - 1e-6).astype(np.int64)
    return whole
