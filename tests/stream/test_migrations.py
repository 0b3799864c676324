"""Snapshots of earlier versions are brought up to date; others are refused with a reason."""

from __future__ import annotations

import numpy as np
import pytest

from ingest import frame
from ingest.frame import FrameError, FrameKind, NewerFrameError
from models.frames import unpack
from stream.pipeline.pipeline import STATE_VERSION, Pipeline
from stream.state.migrations import migrate
from tests.configs import pipeline_with
from tests.stream.build import places


def pipeline() -> Pipeline:
    return Pipeline(pipeline_with(site="test", country=""), places())


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
        (STATE_VERSION + 1, NewerFrameError, f"version {STATE_VERSION + 1}, and this program knows versions up to"),
        (None, FrameError, "state_version is None"),
        ("2", FrameError, "state_version is '2'"),
        (0, FrameError, "expected 1 to"),
    ],
)
def test_versions_that_cannot_be_read_are_refused(version, error, text):
    meta, arrays = unpack(FrameKind.SNAPSHOT, pipeline().snapshot())
    with pytest.raises(error, match=text):
        pipeline().restore(frame.encode(FrameKind.SNAPSHOT, {**meta, "state_version": version}, arrays))


def test_a_version_without_a_step_is_refused():
    with pytest.raises(FrameError, match="nothing leads to version 9"):
        migrate({"state_version": 1}, {}, 9, {})


def test_what_version_0_1_wrote_says_what_to_do():
    with pytest.raises(FrameError, match=r"written by version 0\.1.*`patrolgrid train --from-store`"):
        pipeline().restore(b"PGS\x01" + bytes(100))
