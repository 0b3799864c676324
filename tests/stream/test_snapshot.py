"""Snapshots of earlier versions are brought up to date; others are refused with a reason."""

from __future__ import annotations

import numpy as np
import pytest

from ingest import frame
from ingest.frame import FrameError, FrameKind, NewerFrameError
from models.frames import unpack
from models.state import State, StateError
from stream.pipeline.pipeline import Pipeline
from stream.state.snapshot import MIGRATIONS, STATE_VERSION, migrate
from tests.configs import pipeline_with
from tests.stream.build import MINUTE, NOON, Writer, places


def pipeline() -> Pipeline:
    return Pipeline(pipeline_with(site="test", country=""), places())


def without_rooms(name: str, state: State) -> State:
    """From a version 1 that had no rooms to 2: what a released step looks like."""
    assert name in {"site", "shard"}
    new = State(dict(state.values), state.arrays)
    new.put("rooms", [])
    return new


def in_metres(name: str, state: State) -> State:
    """From version 2, where shards kept kilometres, to 3."""
    if name == "site":
        return state
    return State(state.values, {**state.arrays, "far": state.arrays["far"] * 1000})


@pytest.mark.parametrize(("name", "far"), [("site", 2.0), ("7", 2000.0)])
def test_steps_follow_one_another_and_leave_their_input_alone(name, far):
    old = State({}, {"far": np.array([2.0])})
    old.put("now", 5)
    new = migrate(name, old, 1, {1: without_rooms, 2: in_metres}, 3)
    assert (new.get("now"), new.get("rooms"), new.arrays["far"].tolist()) == (5, [], [far])
    assert (list(old.values), old.arrays["far"].tolist()) == (["now"], [2.0])
    assert migrate(name, new, 3, {}, 3) is new


def test_there_is_no_gap_between_the_steps():
    assert list(MIGRATIONS) == list(range(STATE_VERSION - len(MIGRATIONS), STATE_VERSION))


@pytest.mark.parametrize(
    ("version", "error", "text"),
    [
        (STATE_VERSION + 1, NewerFrameError, f"version {STATE_VERSION + 1}, and this program knows versions up to"),
        (None, FrameError, r"Expected `int`, got `None` - at `\$.version`"),
        (0, FrameError, r"of version 0, which this program .* no longer reads; `patrolgrid train --from-store`"),
    ],
)
def test_versions_that_cannot_be_read_are_refused(version, error, text):
    meta, arrays = unpack(FrameKind.SNAPSHOT, pipeline().snapshot())
    with pytest.raises(error, match=text):
        pipeline().restore(frame.encode(FrameKind.SNAPSHOT, {**meta, "version": version}, arrays))


def test_what_version_0_1_wrote_says_what_to_do():
    with pytest.raises(FrameError, match=r"written by version 0\.1.*`patrolgrid train --from-store`"):
        pipeline().restore(b"PGS\x01" + bytes(100))


def test_a_state_that_lacks_something_is_refused_and_changes_nothing():
    meta, arrays = unpack(FrameKind.SNAPSHOT, pipeline().snapshot())
    del arrays["0/windows/sum_a"]
    whole = pipeline()
    whole.process(Writer().count("cam-1", NOON - MINUTE, 5).record(NOON))
    before = whole.snapshot()
    with pytest.raises(StateError, match="array 'windows/sum_a' is missing"):
        whole.restore(frame.encode(FrameKind.SNAPSHOT, meta, arrays))
    assert whole.snapshot() == before
