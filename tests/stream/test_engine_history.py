"""The engine and history: what was lost is told until history has taught it again."""

from __future__ import annotations

import logging

import pytest

from ingest import frame
from ingest.frame import FrameKind
from ingest.log.history import HistorySeries
from ingest.log.records import Record, RecordKind
from ingest.log.sqlite_log import SqliteLog
from ingest.vocabulary import Kind
from models.frames import unpack
from stream.engines.embedded import EmbeddedEngine
from stream.engines.snapshot_files import SnapshotFiles, read_snapshot
from stream.pipeline.pipeline import Pipeline
from stream.state.snapshot import STATE_VERSION
from tests.configs import pipeline_with
from tests.stream.build import MINUTE, NOON, HistoryBuilder, forget, places

CONFIG = pipeline_with(site="test", country="")


@pytest.fixture
def log(tmp_path):
    log = SqliteLog(tmp_path / "log.db")
    log.append([Record(RecordKind.TICK, NOON, b"")])
    yield log
    log.close()


def worked_off(log, folder):
    engine = EmbeddedEngine(log, lambda: Pipeline(CONFIG, places()), [], folder, quarantine=forget)
    engine.start()
    engine.stop()
    assert engine.failure is None
    return engine.stats


def history() -> Record:
    made = HistoryBuilder(5 * MINUTE)
    for number in range(NOON // (5 * MINUTE) - 20, NOON // (5 * MINUTE) - 10):
        made.add(HistorySeries("b1", "cam-1", Kind.COUNT, "person"), number, 5.0)
    return Record(RecordKind.HISTORY, NOON, made.encode())


def of_a_newer_version(folder) -> None:
    """Every snapshot as a later program would have written it."""
    for path in SnapshotFiles(folder).paths():
        meta, arrays = unpack(FrameKind.SNAPSHOT, read_snapshot(path))
        path.write_bytes(frame.encode(FrameKind.SNAPSHOT, {**meta, "version": STATE_VERSION + 1}, arrays))


def test_a_state_that_cannot_be_read_is_kept_and_told_until_history_has_taught(log, tmp_path, caplog):
    folder = tmp_path / "state"
    assert worked_off(log, folder).cold_start is None
    of_a_newer_version(folder)
    with caplog.at_level(logging.WARNING):
        told = worked_off(log, folder).cold_start
    assert told is not None
    assert f"of version {STATE_VERSION + 1}, and this program knows versions up to {STATE_VERSION}" in told.reason
    assert "patrolgrid train --from-store" in caplog.text
    kept = list(folder.glob("*.unusable"))
    assert unpack(FrameKind.SNAPSHOT, kept[0].read_bytes())[0]["version"] == STATE_VERSION + 1
    assert worked_off(log, folder).cold_start == told, "a restart does not make it good"
    log.append([history()])
    stats = worked_off(log, folder)
    assert (stats.taught, stats.known, stats.cold_start) == (10, 0, None)
    log.append([history()])
    stats = worked_off(log, folder)
    assert (stats.taught, stats.known, stats.cold_start) == (0, 10, None)


def test_snapshots_that_are_all_damaged_are_told_too(log, tmp_path):
    folder = tmp_path / "state"
    worked_off(log, folder)
    for path in SnapshotFiles(folder).paths():
        path.write_bytes(path.read_bytes()[:-9])
    (folder / "cold_start.json").write_bytes(b"{")  # a note that was cut short is replaced
    told = worked_off(log, folder).cold_start
    assert told is not None
    assert told.reason == "no snapshot is whole"


def test_a_site_that_begins_has_lost_nothing(log, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "cold_start.json").write_bytes(b"{")
    assert worked_off(log, tmp_path / "state").cold_start is None
