import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from models.context.score_tail import ScoreTail
from tests.support import examples


@pytest.mark.parametrize("law", [stats.norm(), stats.expon(), stats.beta(2, 5), stats.t(5)])
def test_tails_of_known_laws_are_found_beyond_the_data(law: stats.rv_continuous) -> None:
    far = np.asarray(law.isf([0.1, 1e-3, 3e-4]))
    tails = [ScoreTail.fit(law.rvs(size=20_000, random_state=np.random.default_rng(seed))).p(far) for seed in range(20)]
    middle = np.exp(np.log(tails).mean(axis=0))
    assert np.abs(np.log(middle / [0.1, 1e-3, 3e-4])).max() < 0.25


def test_probabilities_fall_with_the_score_and_never_claim_too_much() -> None:
    tail = ScoreTail.fit(np.random.default_rng(0).beta(2, 5, 5000))
    p = tail.p(np.linspace(-1, 3, 2000))
    assert (np.diff(p) <= 0).all()
    assert p[0] == 1.0
    assert p[-1] == 0.05 / 5000


def test_few_or_equal_scores() -> None:
    with pytest.raises(ValueError, match="399 scores are too few"):
        ScoreTail.fit(np.zeros(399))
    p = ScoreTail.fit(np.full(1000, 0.4)).p(np.array([0.3, 0.4, 0.9]))
    assert p[0] == 1.0
    assert p[2] < 1e-3


@settings(max_examples=examples(40))
@given(st.lists(st.floats(0, 1, width=16), min_size=3, max_size=3), st.integers(400, 900))
def test_any_scores_give_a_law_that_round_trips(values: list[float], n: int) -> None:
    tail = ScoreTail.fit(np.resize(np.array(values), n))
    again = ScoreTail.from_arrays(tail.arrays())
    s = np.linspace(0, 1, 50)
    assert np.array_equal(again.p(s), tail.p(s))
    assert np.isfinite(np.log(tail.p(s))).all()


@pytest.mark.parametrize(
    ("name", "values", "complaint"),
    [
        ("body", np.array([1.0, 0.0]), "not rising"),
        ("body", np.array([0.0, np.nan]), "not rising"),
        ("body", np.array([0, 1]), "expected the arrays"),
        ("law", np.array([0.0, 1.0, 0.0, 1e-6]), "share"),
        ("law", np.array([0.1, -1.0, 0.0, 1e-6]), "generalised Pareto"),
        ("law", np.array([0.1, 1.0, np.nan, 1e-6]), "generalised Pareto"),
        ("law", np.array([0.1, 1.0, 0.0, 0.0]), "smallest"),
        ("law", np.array([0.1, 1.0]), "expected the arrays"),
    ],
)
def test_arrays_that_are_no_law_are_refused(name: str, values: np.ndarray, complaint: str) -> None:
    arrays = ScoreTail.fit(np.random.default_rng(0).normal(size=500)).arrays() | {name: values}
    with pytest.raises(ValueError, match=complaint):
        ScoreTail.from_arrays(arrays)
