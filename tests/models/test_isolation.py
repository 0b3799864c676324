import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import IsolationForest

from models.context import isolation
from models.context.forest_training import grow
from models.context.isolation import Forest, ForestError
from tests.support import examples


def points(rows: int, features: int = 5, seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).standard_normal((rows, features))
    x[:, -1] = np.rint(x[:, -1])  # ties, as days and small counts have them
    return x.astype(np.float32)


@pytest.mark.parametrize(("trees", "samples"), [(1, 2), (10, 64), (60, 256), (20, 1000)])
def test_scores_are_those_of_scikit_learn(trees: int, samples: int) -> None:
    model = IsolationForest(n_estimators=trees, max_samples=samples, random_state=3).fit(points(1500))
    x = np.concatenate([points(400, seed=1) * 3, points(1500)])  # in and out of what it was grown from
    found = isolation.export(model).score(x)
    assert np.abs(found + model.score_samples(x)).max() < 1e-12


@settings(max_examples=examples(30))
@given(st.lists(st.floats(-4, 4, width=16), min_size=5, max_size=5))
def test_points_on_a_threshold_go_where_scikit_learn_sends_them(row: list[float]) -> None:
    x = np.array([row], dtype=np.float32)
    assert abs(FOREST.score(x)[0] + MODEL.score_samples(x)[0]) < 1e-12


COARSE = np.rint(points(800) * 4) / 4
MODEL = IsolationForest(n_estimators=20, max_samples=128, random_state=0).fit(COARSE)
FOREST = isolation.export(MODEL)


def test_batches_of_any_size_score_the_same() -> None:
    x = points(3000, seed=2)
    whole = FOREST.score(x)
    assert np.array_equal(whole[:1], FOREST.score(x[:1]))
    assert np.array_equal(whole[1000:1777], FOREST.score(x[1000:1777]))
    assert len(FOREST.score(x[:0])) == 0


def test_the_same_points_and_seed_grow_the_same_forest() -> None:
    first, again = (grow(points(500), trees=5, samples=64, seed=7) for _ in range(2))
    other = grow(points(500), trees=5, samples=64, seed=8)
    assert np.array_equal(first.value, again.value)
    assert not np.array_equal(first.value[:10], other.value[:10])


def test_arrays_round_trip() -> None:
    again = Forest.from_arrays(FOREST.arrays())
    x = points(50, seed=4)
    assert np.array_equal(again.score(x), FOREST.score(x))


def test_points_of_another_shape_or_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(2, 4\)"):
        FOREST.score(np.zeros((2, 4)))
    with pytest.raises(ValueError, match="not finite"):
        FOREST.score(np.full((1, 5), np.nan))
    with pytest.raises(ValueError, match="at least two rows"):
        grow(points(1))


def hostile(**changes: object) -> dict[str, np.ndarray]:
    arrays = FOREST.arrays()
    for name, change in changes.items():
        arrays[name] = change(arrays[name])  # type: ignore[operator]
    return arrays


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"feature": lambda f: f.astype(np.int16)}, "'feature' is int16"),
        ({"feature": lambda f: f[:-1], "value": lambda v: v[:-1]}, "in the middle of a tree"),
        ({"feature": lambda f: np.append(f, np.int8(-1)), "value": lambda v: np.append(v, v[-1])}, "to no tree"),
        ({"feature": np.zeros_like}, "in the middle of a tree"),
        ({"feature": lambda f: np.where(f == 2, 9, f).astype(np.int8)}, "none of its 5"),
        ({"feature": lambda f: np.where(f == 2, -3, f).astype(np.int8)}, "none of its 5"),
        ({"value": lambda v: np.full_like(v, np.nan)}, "not finite"),
        ({"value": lambda v: np.full_like(v, 0.5)}, "whole number of points"),
        ({"shape": lambda s: s * 0}, "has 0 trees"),
        ({"shape": lambda s: s + 2_000_000_000}, "trees"),
        ({"shape": lambda s: s[:2]}, "2 numbers"),
    ],
)
def test_arrays_that_are_no_forest_are_refused(changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(ForestError, match=complaint):
        Forest.from_arrays(hostile(**changes))


def test_a_tree_deeper_than_any_is_refused() -> None:
    chain = 40
    feature = np.tile(np.array([0, -1], dtype=np.int8), chain)[: 2 * chain - 1]
    with pytest.raises(ForestError, match="deeper"):
        Forest(feature, np.ones(len(feature), dtype=np.float32), trees=1, samples=64, features=1)


@settings(max_examples=examples(60))
@given(st.data())
def test_whatever_stands_in_the_arrays_it_is_a_forest_or_an_error(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 30))
    feature = np.array(data.draw(st.lists(st.integers(-2, 3), min_size=size, max_size=size)), dtype=np.int8)
    value = np.array(
        data.draw(st.lists(st.sampled_from([1, 2, 0.5, -1, np.inf]), min_size=size, max_size=size)), dtype=np.float32
    )
    try:
        forest = Forest(feature, value, trees=data.draw(st.integers(0, 4)), samples=8, features=3)
    except ForestError:
        return
    score = forest.score(np.zeros((2, 3)))
    assert np.isfinite(score).all()
