"""Snapshots of earlier versions are brought up to date; others are refused with a reason."""

from __future__ import annotations

import lzma
from pathlib import Path

import numpy as np
import pytest

from ingest import frame
from ingest.frame import FrameError, FrameKind, NewerFrameError
from models.frames import unpack
from models.state import State, StateError
from stream.pipeline.pipeline import Pipeline
from stream.state import snapshot
from stream.state.snapshot import MIGRATIONS, STATE_VERSION, migrate
from tests.configs import pipeline_with
from tests.stream.build import MINUTE, NOON, Writer, places

WRITTEN_BY_3 = lzma.decompress((Path(__file__).parents[1] / "data" / "state-3.pgs.xz").read_bytes())
"""What version 3 of the state was after a week of history of ``cam-1``, 90 minutes of counts, noise, passes and a door,
smoke that is high since minute 80, and an incident: 93 records, the last one at noon and 89 minutes."""
WRITTEN_BY_4 = lzma.decompress((Path(__file__).parents[1] / "data" / "state-4.pgs.xz").read_bytes())
"""The same of version 4, without the incident, with the week in one record: 91 records."""
WRITTEN_BY_5 = lzma.decompress((Path(__file__).parents[1] / "data" / "state-5.pgs.xz").read_bytes())
"""The same of version 5, with two incidents: 93 records."""
WRITTEN_BY_6 = lzma.decompress((Path(__file__).parents[1] / "data" / "state-6.pgs.xz").read_bytes())
"""What version 6 made of that."""


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
    ("written", "position"),
    [(WRITTEN_BY_3, 93), (WRITTEN_BY_4, 91), (WRITTEN_BY_5, 93), (WRITTEN_BY_6, 93)],
    ids="3456",
)
def test_a_snapshot_of_an_earlier_version_is_read_and_gone_on_with(written, position):
    later = pipeline()
    later.restore(written)
    assert (later.position, later.now_ms) == (position, NOON + 89 * MINUTE + 3000)
    writer = Writer()
    writer.position = position
    writer.seqs = {("cam-1", "a"): 88, ("smoke-1", "a"): 0, ("door-1", "a"): 8}  # cam-1 sends its last one again
    now = NOON + 90 * MINUTE
    writer.count("cam-1", now - MINUTE, 3).count("cam-1", now, 4).state("door-1", now, "closed")
    writer.level("smoke-1", now, 0.5, metric="smoke", unit="%/m").level("smoke-1", now + 1, 0.5, metric="smoke")
    result = later.process(writer.record(now))
    assert (result.accepted, result.duplicates, result.refusals) == (4, 1, [])
    told = {(alert.kind, alert.state, alert.revision) for alert in result.alerts}
    assert told == {("smoke", "cleared", 2), ("door_open", "cleared", 2)}
    again = pipeline()
    again.restore(later.snapshot())
    assert again.snapshot() == later.snapshot()
    closed = again.process(writer.tick(now + 10 * MINUTE)).windows
    expected = np.concatenate([rows.expected[rows.n > 0] for rows in closed])
    assert np.isfinite(expected).any()  # what the week has taught is still known


def test_what_a_version_adds_begins_as_its_table_says(monkeypatch):
    added = {
        "shard": {
            "skew": snapshot._Array("<f4", float("nan"), like="far", shape=(2,)),
            "told": snapshot._Array("<i8", -1, shape=(3,)),
            "words": snapshot._Value("", each="names"),
            "since_ms": snapshot._Value(7),
        },
        "site": {},
    }
    monkeypatch.setattr(snapshot, "_ADDED", {4: added})
    old = State({}, {"far": np.zeros(3)})
    old.put("names", ["a", "b"])
    new = migrate("0", old, 3, {3: MIGRATIONS[3]}, 4)
    assert (new.arrays["skew"].shape, new.arrays["skew"].dtype) == ((3, 2), np.dtype("<f4"))
    assert np.isnan(new.arrays["skew"]).all()
    assert new.arrays["told"].tolist() == [-1, -1, -1]
    assert (new.get("words"), new.get("since_ms")) == (["", ""], 7)
    assert (set(old.values), set(old.arrays)) == ({"names"}, {"far"})
    assert set(migrate("site", old, 3, {3: MIGRATIONS[3]}, 4).values) == {"names"}


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
