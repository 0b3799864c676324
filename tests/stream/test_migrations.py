"""Snapshots of earlier versions are brought up to date, and the pipeline goes on as the earlier program did."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from stream.config import PipelineConfig
from stream.pipeline.pipeline import STATE_VERSION, Pipeline
from stream.results import WindowStatus
from stream.state import migrations, snapshot
from stream.state.migrations import NewerStateError, migrate
from stream.state.snapshot import SnapshotError
from tests.stream.build import MINUTE, NOON, Writer, places

DATA = Path(__file__).parent / "data"
"""A snapshot that the last program of version 1 wrote, and what the same program said of what came next."""
DEVICES = {"cam-1": "camera", "noise-1": "noise", "door-1": "door"}


def version_1() -> bytes:
    return gzip.decompress((DATA / "pipeline-v1.pgs.gz").read_bytes())


def restored() -> Pipeline:
    pipe = Pipeline(PipelineConfig(site="test", country=None), places(devices=DEVICES))
    pipe.restore(version_1())
    return pipe


def test_a_state_of_version_1_goes_on_as_version_1_did():
    told = json.loads((DATA / "pipeline-v1.json").read_text())
    pipe, log = restored(), Writer()
    log.position, log.seqs = pipe.position, {("cam-1", "a"): 899, ("noise-1", "a"): 899, ("door-1", "a"): 0}
    standing = [[alert.id, alert.kind, alert.revision] for alert in pipe.site.book.open()]
    assert standing == told["open_alerts"]
    for step in told["follow"]:
        log.count("cam-1", step["ts"], step["in"], step["out"], interval=300.0).level(
            "noise-1", step["ts"], step["noise"]
        )
        results = pipe.process(log.record())
        assert (results.accepted, results.duplicates, results.rejects) == (2, 0, [])
        closed = {
            (results.catalog[block.series[i]].device, int(block.start[i])): (block.expected[i], block.lower[i])
            for block in results.windows
            for i in np.flatnonzero(block.status == WindowStatus.CLOSED)
        }
        before = {(device, start): (expected, lower) for device, _, start, expected, lower, *_ in step["closed"]}
        assert closed.keys() == before.keys()
        for key, expected in before.items():
            # Versions may judge better than the one before; they must start from what it had learnt.
            assert closed[key][0] == pytest.approx(expected[0], rel=0.1, nan_ok=True)
            assert closed[key][1] == pytest.approx(expected[1], rel=0.25, nan_ok=True)
    log.state("door-1", NOON + 242 * MINUTE, "closed")
    ended = [[alert.id, alert.kind, alert.state, alert.revision] for alert in pipe.process(log.record()).alerts]
    assert ended == told["ended"]


def test_what_version_1_learnt_counts_as_learnt():
    learnt = restored().shards[0].detection.learnt
    window = 5 * MINUTE
    catalog = restored().shards[0].catalog.series
    series = np.array([index for index, key in enumerate(catalog) if key.device in {"cam-1", "noise-1"}])
    assert learnt.knows(series, np.full(2, (NOON - 1440 * MINUTE) // window)).all()
    assert not learnt.knows(series, np.full(2, (NOON + 400 * MINUTE) // window)).any()


def test_a_migrated_state_is_saved_as_one_of_today():
    data = restored().snapshot()
    meta, _ = snapshot.unpack(data)
    assert meta["state_version"] == STATE_VERSION
    again = Pipeline(PipelineConfig(site="test", country=None), places(devices=DEVICES))
    again.restore(data)
    assert again.snapshot() == data


def test_steps_follow_one_another_and_leave_their_input_alone():
    def step(meta, arrays):
        return {**meta, "path": [*meta["path"], meta["state_version"]]}, arrays

    meta, arrays = {"state_version": 1, "path": []}, {"a": np.zeros(2)}
    found, _ = migrate(meta, arrays, 4, {1: step, 2: step, 3: step})
    assert (found["path"], found["state_version"]) == ([1, 2, 3], 4)
    assert meta == {"state_version": 1, "path": []}
    same, _ = migrate({"state_version": 4}, {}, 4, {})
    assert same == {"state_version": 4}


@pytest.mark.parametrize(
    ("version", "error", "text"),
    [
        (STATE_VERSION + 1, NewerStateError, f"version {STATE_VERSION + 1}, and this program knows versions up to"),
        (None, SnapshotError, "state_version is None"),
        ("2", SnapshotError, "state_version is '2'"),
        (0, SnapshotError, "expected 1 to"),
    ],
)
def test_versions_that_cannot_be_read_are_refused(version, error, text):
    pipe = Pipeline(PipelineConfig(site="test", country=None), places(devices=DEVICES))
    meta, arrays = snapshot.unpack(pipe.snapshot())
    with pytest.raises(error, match=text):
        pipe.restore(snapshot.pack({**meta, "state_version": version}, arrays))


def test_there_is_a_step_from_every_version():
    assert set(migrations.STEPS) == set(range(1, STATE_VERSION))
    with pytest.raises(SnapshotError, match="nothing leads to version 9"):
        migrate({"state_version": 1}, {}, 9, {})
