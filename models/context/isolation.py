"""Isolation forests as plain arrays: grown by scikit-learn, kept, sent and scored without it.

Liu, Ting and Zhou, "Isolation Forest", ICDM 2008: random splits isolate what is rare and different in few steps. The
score of x is s(x) = 2^(-E[h(x)] / c(ψ)): h is the depth of the leaf that x falls into, plus c(n) for the n training
points left in it; c(n) = 2 (ln(n - 1) + γ) - 2 (n - 1) / n is the mean depth of a search tree of n points; ψ is the
size of the sample each tree was grown from. 1 is the strangest, ordinary points lie below 0.5.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MAX_TREES: Final = 1_000
MAX_DEPTH: Final = 12
MAX_PLACES: Final = 1 << 22
"""Trees times leaves of a full tree: what a forest may take of memory, 100 MB or so."""
_LEAF: Final = -1
_TOGETHER: Final = 24_576
"""Pairs of row and tree that go down together: their arrays stay in a core's own cache."""


class ForestError(ValueError):
    """Arrays are no forest; the text says what was wrong and what was expected."""


@dataclass(frozen=True, slots=True)
class _Level:
    """All nodes of one depth, those of tree t from t * 2^depth on; absent ones lead anywhere."""

    feature: NDArray[np.intp]
    threshold: NDArray[np.float32]


class Forest:
    """An isolation forest, ready to score.

    Parameters
    ----------
    feature, value
        All nodes, (nodes,): depth by depth, in each depth tree by tree and from left to right. A node that splits has
        its feature and the threshold up to which a point goes left; a leaf has feature -1 and, as value, how many
        training points ended in it.
    trees, samples, features
        How many trees, from how many points each, over how many features.

    Raises
    ------
    ForestError
        Where the arrays are not the nodes of so many whole trees. What they may contain is checked to the last
        node, so that arrays from anywhere can be tried; a forest that passes can be scored without harm.

    Notes
    -----
    Every tree is filled up to the forest's depth, so that node n's children are 2n and 2n + 1 and going down one
    depth is three look-ups for all rows and trees at once. Memory is trees * 2^depth * 32 bytes.
    """

    def __init__(
        self,
        feature: NDArray[np.int8],
        value: NDArray[np.float32],
        *,
        trees: int,
        samples: int,
        features: int,
    ) -> None:
        _check_sizes(feature, value, trees, samples, features)
        self.feature, self.value = feature, value
        self.trees, self.samples, self.features = trees, samples, features
        self._levels, self._leaf = _spread(feature, value, trees)
        self._normal = -1.0 / (trees * float(mean_depth(np.array([samples]))[0]))

    def score(self, x: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Return the anomaly score, (rows,), of points (rows, features): `-score_samples` of scikit-learn.

        Points are cut to single precision, as scikit-learn does. Raises ValueError where they are of another shape
        or not finite.
        """
        points = np.ascontiguousarray(x, dtype=np.float32)
        if points.ndim != 2 or points.shape[1] != self.features:
            raise ValueError(f"points have the shape {points.shape}, expected (rows, {self.features})")
        if not np.isfinite(points).all():
            raise ValueError("points hold a number that is not finite")
        depth = np.empty(len(points))
        step = max(_TOGETHER // self.trees, 1)
        for first in range(0, len(points), step):
            depth[first : first + step] = self._depths(points[first : first + step])
        scores: NDArray[np.float64] = 2.0 ** (depth * self._normal)
        return scores

    def _depths(self, points: NDArray[np.float32]) -> NDArray[np.float64]:
        """Sum of the depths over all trees, (rows,)."""
        flat = points.ravel()
        row = np.arange(len(points), dtype=np.intp)[:, None] * self.features
        node = np.repeat(np.arange(self.trees, dtype=np.intp)[None], len(points), axis=0)
        at = np.empty_like(node)
        seen, limit = np.empty(node.shape, dtype=np.float32), np.empty(node.shape, dtype=np.float32)
        right = np.empty(node.shape, dtype=np.bool_)
        # `mode="clip"` lets numpy write to `out` directly; every index is in range by construction.
        for level in self._levels:
            np.take(level.feature, node, out=at, mode="clip")
            at += row
            np.take(flat, at, out=seen, mode="clip")
            np.take(level.threshold, node, out=limit, mode="clip")
            np.greater(seen, limit, out=right)
            node += node
            node += right
        total: NDArray[np.float64] = self._leaf.take(node).sum(axis=1)
        return total

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what `from_arrays` takes."""
        shape = np.array([self.trees, self.samples, self.features], dtype=np.int64)
        return {"feature": self.feature, "value": self.value, "shape": shape}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "Forest":
        """Take what `arrays` gave, or what somebody says it gave. Raises `ForestError`."""
        for name, dtype in (("feature", np.int8), ("value", np.float32), ("shape", np.int64)):
            given = arrays.get(name)
            if given is None or given.dtype != dtype or given.ndim != 1:
                found = "missing" if given is None else f"{given.dtype}{given.shape}"
                raise ForestError(f"array {name!r} is {found}, expected {np.dtype(dtype)} with one axis")
        if arrays["shape"].shape != (3,):
            raise ForestError(f"array 'shape' has {len(arrays['shape'])} numbers, expected 3")
        trees, samples, features = arrays["shape"].tolist()
        return cls(arrays["feature"], arrays["value"], trees=trees, samples=samples, features=features)


def export(model: Any) -> Forest:  # noqa: ANN401 - scikit-learn ships no types
    """Return a fitted `sklearn.ensemble.IsolationForest` (all features in every tree) as a `Forest`."""
    grown = [estimator.tree_ for estimator in model.estimators_]
    sizes = np.array([tree.node_count for tree in grown])
    base = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    offset = np.repeat(base, sizes)
    left = np.concatenate([tree.children_left for tree in grown]) + offset
    right = np.concatenate([tree.children_right for tree in grown]) + offset
    split = np.concatenate([tree.feature for tree in grown])
    held = np.concatenate([tree.n_node_samples for tree in grown])
    exact = np.concatenate([tree.threshold for tree in grown])
    # Points are of single precision: below a threshold is below the next such number under it.
    threshold = exact.astype(np.float32)
    threshold = np.where(threshold > exact, np.nextafter(threshold, np.float32(-np.inf)), threshold)
    features, values = [], []
    nodes = base
    while len(nodes):
        inner = split[nodes] >= 0
        features.append(np.where(inner, split[nodes], _LEAF).astype(np.int8))
        values.append(np.where(inner, threshold[nodes], held[nodes]).astype(np.float32))
        parents = nodes[inner]
        nodes = np.column_stack([left[parents], right[parents]]).ravel()
    return Forest(
        np.concatenate(features),
        np.concatenate(values),
        trees=len(grown),
        samples=int(model.max_samples_),
        features=int(model.n_features_in_),
    )


def mean_depth(n: NDArray[np.integer[Any] | np.floating[Any]]) -> NDArray[np.float64]:
    """Return c(n), the mean depth at which a search in a random binary tree of n points ends; 0 up to one point."""
    size = np.asarray(n, dtype=np.float64)
    many = np.maximum(size, 3.0)
    depth = 2.0 * (np.log(many - 1.0) + np.euler_gamma) - 2.0 * (many - 1.0) / many
    return np.where(size <= 1, 0.0, np.where(size == 2, 1.0, depth))


def _check_sizes(
    feature: NDArray[np.int8], value: NDArray[np.float32], trees: int, samples: int, features: int
) -> None:
    if not 1 <= trees <= MAX_TREES:
        raise ForestError(f"has {trees} trees, expected 1 to {MAX_TREES}")
    if not 2 <= samples < 1 << 24:
        raise ForestError(f"was grown from {samples} points a tree, expected 2 to {(1 << 24) - 1}")
    if not 1 <= features <= 127:
        raise ForestError(f"has {features} features, expected 1 to 127")
    if feature.shape != value.shape or feature.ndim != 1:
        raise ForestError(f"has features {feature.shape} and values {value.shape}, expected one of each a node")
    if not np.isfinite(value).all():
        raise ForestError("has a node whose value is not finite")
    if len(feature) and (feature.min() < _LEAF or feature.max() >= features):
        raise ForestError(f"splits by a feature that is none of its {features}")
    held = value[feature == _LEAF]
    if len(held) and (held.min() < 1 or held.max() > samples or (held != np.rint(held)).any()):
        raise ForestError(f"has a leaf that does not hold a whole number of points from 1 to {samples}")


def _spread(
    feature: NDArray[np.int8], value: NDArray[np.float32], trees: int
) -> tuple[list[_Level], NDArray[np.float64]]:
    """Fill the trees up to one depth; return their levels and the leaves' depths (trees * 2^depth,)."""
    shares: list[tuple[NDArray[np.intp], NDArray[np.intp]]] = []  # per depth: places in it, nodes
    place, first = np.arange(trees, dtype=np.intp), 0
    while len(place):
        if len(shares) > MAX_DEPTH:
            raise ForestError(f"is deeper than {MAX_DEPTH}")
        if first + len(place) > len(feature):
            raise ForestError(f"ends after {len(feature)} nodes, in the middle of a tree")
        node = np.arange(first, first + len(place), dtype=np.intp)
        shares.append((place, node))
        first += len(place)
        parents = place[feature[node] != _LEAF]
        place = np.column_stack([2 * parents, 2 * parents + 1]).ravel()
    if first != len(feature):
        raise ForestError(f"has {len(feature)} nodes, of which {len(feature) - first} belong to no tree")
    deepest = len(shares) - 1
    if trees << deepest > MAX_PLACES:
        raise ForestError(f"has {trees} trees of depth {deepest}, more than is scored here")
    levels: list[_Level] = []
    leaf = np.zeros(trees << deepest)
    for depth, (places, nodes) in enumerate(shares):
        inner = feature[nodes] != _LEAF
        ends, held = places[~inner], value[nodes[~inner]]
        leaf.reshape(trees << depth, -1)[ends] = (depth + mean_depth(held))[:, None]
        if depth < deepest:
            level = _Level(np.zeros(trees << depth, dtype=np.intp), np.full(trees << depth, np.inf, dtype=np.float32))
            level.feature[places[inner]] = feature[nodes[inner]]
            level.threshold[places[inner]] = value[nodes[inner]]
            levels.append(level)
    return levels, leaf
