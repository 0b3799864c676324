"""From one declaration follow the empty state, growing, copies, and restoring with checks."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.state import FREE, ROW, Axis, Column, Saved, StateError, array, part, value

PLACE = Axis("place")
EXACT = Axis("exact", exact=True, entry="slow")


class Note(msgspec.Struct):
    text: str


class Model(Saved):
    """As a model is: it knows rows, and not whose they are."""

    sums = array(np.float32, 2, "bins", ROW)
    first = array(np.int64, ROW, fill=-1)

    def __init__(self) -> None:
        self.bins = 3
        super().__init__()


class Stage(Saved):
    """As a stage is, with a model."""

    model: Model = part(rows=EXACT)
    _owner = array(np.int64, EXACT, fill=-1, of=PLACE)
    names = value(list[str], axis=PLACE)
    gaps = value(list[list[int]], axis=PLACE, each=list)
    notes = value(dict[tuple[str, int], Note])
    now_ms = value(int, -1)
    free = array(np.uint8, FREE)
    weights = array(np.float64, 2, fill=lambda stage: stage.model.bins / 2)
    doubled = array(np.int64, EXACT, derived=True)

    def __init__(self) -> None:
        self.model = Model()
        super().__init__()

    def restored(self) -> None:
        self.doubled[:] = 2 * self._owner


def lived() -> Stage:
    stage = Stage()
    for number, name in enumerate(("a", "b", "c")):
        stage.names.append(name)
        stage.grow(PLACE, number + 1)
    stage.grow(EXACT, 2)
    stage._owner[:] = 2, 0
    stage.model.sums[..., 0] = 7.0
    stage.gaps[1].append(5)
    stage.notes["x", 1] = Note("text")
    stage.free = np.arange(4, dtype=np.uint8)
    stage.now_ms = 12
    return stage


def test_begins_empty_and_every_instance_has_its_own():
    one, other = Stage(), Stage()
    one.names.append("a")
    assert (other.names, other.notes, other.now_ms) == ([], {}, -1)
    assert (other.model.sums.shape, other.weights.tolist(), other.free.size) == ((2, 3, 0), [1.5, 1.5], 0)
    assert not hasattr(Stage, "weights")


@given(st.lists(st.integers(0, 40), max_size=12))
def test_growing_keeps_what_there_is_and_fills_what_is_new(sizes):
    model, most = Model(), 0
    for size in sizes:
        model.grow(ROW, size)
        model.first[most:size] = np.arange(most, size)
        most = max(most, size)
        assert model.size_of(ROW) == most
        assert model.first.tolist() == [*range(most), *[-1] * (len(model.first) - most)]
        assert model.sums.shape[:2] == (2, 3)
        assert model.sums.shape[2] == len(model.first) >= most
    assert model.capture().arrays["first"].tolist() == list(range(most))


def test_what_is_captured_no_longer_changes_and_says_what_its_axes_are():
    stage = lived()
    state = stage.capture()
    stage.names.append("d")
    stage.gaps[1].append(6)
    stage.model.sums[:] = 0
    assert (state.get("names"), state.get("gaps")) == (["a", "b", "c"], [[], [5], []])
    assert state.get("notes") == {("x", 1): {"text": "text"}}
    assert state.arrays["model/sums"][1, 2].tolist() == [7.0, 0.0]
    assert state.columns == {
        "model/sums": Column("exact", 2, "slow"),
        "model/first": Column("exact", 0, "slow"),
        "owner": Column("exact", 0, "slow", of="place"),
        "names": Column("place", 0, "values"),
        "gaps": Column("place", 0, "values"),
    }
    assert state.below("model").arrays.keys() == {"sums", "first"}


def test_goes_on_from_what_was_captured_and_shares_nothing_with_it():
    state = lived().capture()
    stage = Stage()
    stage.restore(state)
    again = stage.capture()
    assert again.values == state.values
    assert all(np.array_equal(again.arrays[path], one) for path, one in state.arrays.items())
    assert (stage.notes["x", 1], stage.doubled.tolist(), stage.size_of(EXACT)) == (Note("text"), [4, 0], 2)
    stage.model.sums[:] = 1
    stage.grow(PLACE, 9)
    assert state.arrays["model/sums"][0, 0, 1] == 0
    assert len(stage.gaps) == 9


def test_a_wiped_place_is_empty():
    model = Model()
    model.grow(ROW, 2)
    model.first[:] = 5
    model.wipe(0)
    assert model.first[0] == -1


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"owner": None}, "array 'owner' is missing"),
        ({"names": None}, "value 'names' is missing"),
        ({"more": 1}, "value 'more' is not known here"),
        ({"now_ms": "soon"}, "value 'now_ms': Expected `int`, got `str`"),
        ({"owner": np.zeros(2)}, r"array 'owner' is float64\(2,\), expected int64\(2,\)"),
        ({"model/sums": np.zeros((2, 4, 2), np.float32)}, r"is float32\(2, 4, 2\), expected float32\(2, 3, 2\)"),
        ({"model/sums": np.float32(1)}, r"is float32\(\), expected float32\(2, 3, 0\)"),
        ({"model/first": np.zeros(3, np.int64)}, "'model/first' has 3 places of the axis exact, others have 2"),
        ({"names": ["a"]}, "'gaps' has 3 places of the axis place, others have 1"),
        ({"owner": np.array([3, 0])}, "array 'owner' names a place that the axis place of 3 does not have"),
    ],
)
def test_what_does_not_fit_is_named_and_changes_nothing(changed, words):
    state, stage = lived().capture(), lived()
    before = stage.capture()
    for path, one in changed.items():
        if path in state.arrays:
            state.arrays[path] = one
        else:
            state.put(path, one)
        if one is None:
            (state.arrays if path in state.arrays else state.values).pop(path)
    with pytest.raises(StateError, match=words):
        stage.restore(state)
    after = stage.capture()
    assert after.values == before.values
    assert all(np.array_equal(after.arrays[path], one) for path, one in before.arrays.items())
