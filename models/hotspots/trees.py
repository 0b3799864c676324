"""Boosted trees on the Poisson likelihood, small enough to travel in a record: every split of a level is the same.

Gradient boosting (Friedman 2001) with Newton steps on rows that stand for many; a tree of depth d asks d questions of a
row, and the answers are the number of its leaf (oblivious trees, as in CatBoost, Prokhorenkova et al. 2018).
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

BINS: Final = 48
_RIDGE: Final = 30.0
"""Expected events that a leaf's correction is shrunk by."""
_STEP: Final = 0.05
_COLUMNS: Final = 0.3
_SAMPLE: Final = 0.5
"""Shares of the features and of the rows that a tree may look at."""


class Trees(NamedTuple):
    """Trees of one depth; a leaf's value is added to the logarithm of the rate."""

    feature: NDArray[np.uint8]
    """What each level asks of, (trees, depth)."""
    cut: NDArray[np.uint8]
    """After which bin, (trees, depth)."""
    value: NDArray[np.float32]
    """(trees, 2 ** depth)."""

    def of(self, which: slice) -> "Trees":
        """Return some of the trees, as views."""
        return Trees(self.feature[which], self.cut[which], self.value[which])

    def add_to(self, log_rate: NDArray[np.float64], bins: NDArray[np.uint8]) -> None:
        """Add what the trees say of rows, bins (features, n), to logarithms (n,)."""
        for feature, cut, value in zip(self.feature, self.cut, self.value, strict=True):
            leaf = np.zeros(bins.shape[1], dtype=np.uint8)
            for one, after in zip(feature.tolist(), cut, strict=True):
                leaf = leaf * np.uint8(2) + (bins[one] > after)
            log_rate += value[leaf]


class TreeRows(NamedTuple):
    """What trees are grown on: bins (features, n), events that came (n,), and how many rows each stands for (n,)."""

    bins: NDArray[np.uint8]
    came: NDArray[np.float64]
    stands_for: NDArray[np.float64]


def cuts_of(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where to cut features (features, n) into `BINS`, finer among high values, (features, `BINS` - 1)."""
    cuts: NDArray[np.float64] = np.quantile(x, np.sqrt(np.arange(1, BINS) / BINS), axis=1).T
    return cuts


def binned(x: NDArray[np.float64], cuts: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return the bins of features (features, n)."""
    found = [np.searchsorted(cut, row).astype(np.uint8) for cut, row in zip(cuts, x, strict=True)]
    return np.stack(found)


def grow(
    rows: TreeRows, start: NDArray[np.float64], mine: NDArray[np.bool_], depth: int, most: int
) -> tuple[Trees, NDArray[np.float64]]:
    """Grow trees on some rows, from logarithms of rates `start` (n,).

    Returns them, and the log likelihood of the other rows after each ten trees, from none on; empty without others.
    """
    rng = np.random.default_rng(3)
    log_rate, chosen, other = start.copy(), np.flatnonzero(mine), ~mine
    features = len(rows.bins)
    trees = Trees(
        np.zeros((most, depth), np.uint8), np.zeros((most, depth), np.uint8), np.zeros((most, 1 << depth), np.float32)
    )
    told = []
    for number in range(most + 1):
        if number % 10 == 0 and other.any():
            rate = rows.stands_for[other] * np.exp(log_rate[other])
            told.append(float(rows.came[other] @ log_rate[other] - rate.sum()))
        if number == most:
            break
        some = chosen[rng.random(len(chosen)) < _SAMPLE]
        columns = rng.permutation(features)[: max(1, round(_COLUMNS * features))]
        _grow_one(rows, log_rate, some, columns, trees.of(slice(number, number + 1)))
        trees.of(slice(number, number + 1)).add_to(log_rate, rows.bins)
    return trees, np.array(told)


def _grow_one(
    rows: TreeRows, log_rate: NDArray[np.float64], some: NDArray[np.int64], columns: NDArray[np.int64], tree: Trees
) -> None:
    """Fill in one tree, level by level: the question that gains most over all leaves together."""
    expected = rows.stands_for[some] * np.exp(log_rate[some])
    slope = rows.came[some] - expected
    count = len(columns)
    place = rows.bins[np.ix_(columns, some)].astype(np.int32) + BINS * np.arange(count, dtype=np.int32)[:, None]
    both = np.tile(slope, count), np.tile(expected, count)
    leaf = np.zeros(len(some), dtype=np.int32)
    for level in range(tree.feature.shape[1]):
        shape = (1 << level, count, BINS)
        at = (place + leaf * (count * BINS)).ravel()
        low, weight = (np.bincount(at, one, np.prod(shape)).reshape(shape).cumsum(axis=2) for one in both)
        gain = low**2 / (weight + _RIDGE) + (low[..., -1:] - low) ** 2 / (weight[..., -1:] - weight + _RIDGE)
        column, cut = np.unravel_index(int(gain.sum(axis=0).argmax()), shape[1:])
        tree.feature[0, level], tree.cut[0, level] = columns[column], cut
        leaf = leaf * 2 + (rows.bins[columns[column]][some] > cut)
    leaves = tree.value.shape[1]
    step = np.bincount(leaf, slope, leaves) / (np.bincount(leaf, expected, leaves) + _RIDGE)
    tree.value[0] = _STEP * step
