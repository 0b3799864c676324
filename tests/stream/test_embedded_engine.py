"""The embedded engine: late commits, recovery, poison, sinks that fail."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import threading
import zlib
from functools import partial

import pytest

from ingest.frame import FrameError
from ingest.log.records import Record, RecordKind
from ingest.log.sqlite_log import SqliteLog
from ingest.setup.crash_marker import CrashMarker
from ingest.sqlite import StorageError
from stream.engines import embedded
from stream.engines.embedded import CONSUMER, EmbeddedEngine, EngineStateError
from stream.engines.snapshot_files import CrashCost, SnapshotFiles, kept_snapshots, read_snapshot
from stream.pipeline.pipeline import Pipeline
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.store_sink import StoreSink
from tests.configs import pipeline_with
from tests.stream.build import MINUTE, NOON, Writer, forget, places
from tests.support import wait_for

CONFIG = pipeline_with(site="test", country="")
PLACES = places()


def make_pipeline():
    return Pipeline(CONFIG, PLACES)


def unplaced(record):
    return Record(kind=record.kind, received_ms=record.received_ms, payload=record.payload)


def fill(log, minutes, start=0):
    writer = Writer()
    writer.seqs["cam-1", "a"] = start - 1
    for minute in range(start, start + minutes):
        writer.count("cam-1", NOON + minute * MINUTE, 2)
        if minute % 7 == 6:
            log.append([unplaced(writer.record())])
    if len(writer.batch):
        log.append([unplaced(writer.record())])


class Fussy:
    """A sink that fails now and then, and remembers what it took."""

    name = "fussy"

    def __init__(self, fail=()):
        self.calls, self.fail, self.taken = 0, set(fail), []

    def write(self, results):
        self.calls += 1
        if self.calls in self.fail:
            raise OSError("away")
        self.taken += results

    def flush(self):
        pass

    def close(self):
        pass


def drain(engine):
    engine.start()
    engine.stop()
    assert engine.failure is None


def stored(path):
    return StoreReader(path).totals()["observations"]


@pytest.fixture
def log(tmp_path):
    log = SqliteLog(tmp_path / "log.db")
    yield log
    log.close()


def test_stores_everything_once_over_restarts(log, tmp_path):
    for part in range(3):
        fill(log, 50, start=part * 50)
        sink = StoreSink(tmp_path / "store.db", "test")
        drain(EmbeddedEngine(log, make_pipeline, [sink], tmp_path / "state", quarantine=forget))
        sink.close()
        assert stored(tmp_path / "store.db") == (part + 1) * 50


def goes_on(path, before):
    return before < stored(path) or before == 200


def test_a_stop_in_the_middle_repeats_nothing(log, tmp_path):
    fill(log, 200)
    for _ in range(4):
        sink = StoreSink(tmp_path / "store.db", "test")
        engine = EmbeddedEngine(log, make_pipeline, [sink], tmp_path / "state", quarantine=forget)
        before = stored(tmp_path / "store.db")
        engine.start()
        wait_for(partial(goes_on, tmp_path / "store.db", before), "it is at work")
        engine.stop(drain=False)
        sink.close()
    sink = StoreSink(tmp_path / "store.db", "test")
    drain(EmbeddedEngine(log, make_pipeline, [sink], tmp_path / "state", quarantine=forget))
    sink.close()
    assert stored(tmp_path / "store.db") == 200


def test_a_failing_sink_is_tried_again_with_the_same_results(log, tmp_path):
    fill(log, 30)
    sink = Fussy(fail={1, 2})
    drain(EmbeddedEngine(log, make_pipeline, [sink], tmp_path / "state", quarantine=forget))
    assert sum(results.accepted for results in sink.taken) == 30


def test_a_poison_record_is_passed_by_and_the_rest_counts(log, tmp_path, monkeypatch):
    fill(log, 35)
    refusals = []
    honest = Pipeline.process

    def process(self, record):
        if record.position == 3:
            raise ZeroDivisionError("a defect")
        return honest(self, record)

    monkeypatch.setattr(Pipeline, "process", process)
    sink = StoreSink(tmp_path / "store.db", "test")
    drain(EmbeddedEngine(log, make_pipeline, [sink], tmp_path / "state", quarantine=refusals.extend))
    sink.close()
    assert [(refusal.reason, refusal.topic) for refusal in refusals] == [("processing", "log position 3")]
    assert "ZeroDivisionError" in refusals[0].detail
    assert stored(tmp_path / "store.db") == 28
    again = []
    sink = StoreSink(tmp_path / "store.db", "test")
    drain(EmbeddedEngine(log, make_pipeline, [sink], tmp_path / "state", quarantine=again.extend))
    sink.close()
    assert again == []


@pytest.mark.parametrize("cause", [signal.SIGKILL, signal.SIGABRT])
def test_a_record_that_ends_the_process_is_passed_by_and_the_rest_counts(log, tmp_path, monkeypatch, cause):
    """Memory, a crash, a watchdog: nothing that could be caught."""
    fill(log, 35)
    honest, tests = Pipeline.process, os.getpid()

    def process(self, record):
        if record.position == 3:
            assert os.getpid() != tests, "the record is taken in hand again"
            # A signal to the process may go to another thread, and this one would go on for a while.
            signal.pthread_kill(threading.get_ident(), cause)
        return honest(self, record)

    monkeypatch.setattr(Pipeline, "process", process)
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            faulthandler.disable()
            drain(EmbeddedEngine(log, make_pipeline, [Fussy()], tmp_path / "state", quarantine=forget))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -cause
    refusals = []
    sink = StoreSink(tmp_path / "store.db", "test")
    for _ in range(2):
        drain(EmbeddedEngine(log, make_pipeline, [sink], tmp_path / "state", quarantine=refusals.extend))
    sink.close()
    assert {(refusal.reason, refusal.topic) for refusal in refusals} == {("processing", "log position 3")}
    assert "the process ended" in refusals[0].detail
    assert stored(tmp_path / "store.db") == 28


def test_a_record_in_hand_when_somebody_killed_the_process_counts(log, tmp_path):
    fill(log, 35)
    CrashMarker(tmp_path / "state" / "processing.mark").begin(b"record 3")
    refusals = []
    sink = StoreSink(tmp_path / "store.db", "test")
    drain(EmbeddedEngine(log, make_pipeline, [sink], tmp_path / "state", quarantine=refusals.extend))
    sink.close()
    assert refusals == []
    assert stored(tmp_path / "store.db") == 35
    assert CrashMarker(tmp_path / "state" / "processing.mark").suspect is None


def test_the_log_is_committed_only_up_to_the_older_snapshot(log, tmp_path):
    for part in range(3):
        fill(log, 7, start=part * 7)
        drain(EmbeddedEngine(log, make_pipeline, [Fussy()], tmp_path / "state", quarantine=forget))
    assert log.head() == 3
    assert log.committed(CONSUMER) == 2


def test_of_older_snapshots_one_a_day_is_kept_for_a_fortnight(tmp_path):
    files, data = SnapshotFiles(tmp_path), advanced().snapshot()
    step = 10 * 3_600_000
    for number in range(1, 38):
        files.save(number, data, NOON + number * step)
    assert [int(path.stem) for path in files.paths()] == [37, 36]
    assert files.oldest_position() == 36, "the log need not keep what follows the others"
    kept = kept_snapshots(tmp_path)
    assert [one.position for one in kept] == list(range(35, 7, -2))
    assert all(one.now_ms == NOON + one.position * step for one in kept)
    assert read_snapshot(kept[-1].path) == data
    (tmp_path / "days" / "notes.pgs").touch()  # nobody's
    assert len(kept_snapshots(tmp_path)) == 14


def test_a_damaged_snapshot_is_passed_over(tmp_path):
    files = SnapshotFiles(tmp_path)
    good = make_pipeline().snapshot()
    files.save(1, good)
    files.save(2, good)
    files.paths()[0].write_bytes(good[:-50])
    assert list(files.candidates()) == [(1, good)]


def test_snapshots_of_stations_are_packed_and_what_pretends_to_be_one_is_not_unpacked_without_bound(tmp_path):
    files = SnapshotFiles(tmp_path)
    data = make_pipeline().snapshot()
    files.save(1, data)
    assert files.paths()[0].stat().st_size < len(data) / 20
    assert list(files.candidates()) == [(1, data)]
    files.paths()[0].write_bytes(data)  # as version 3 wrote them
    assert list(files.candidates()) == [(1, data)]
    for bad in (zlib.compress(bytes(64 << 20)), zlib.compress(data)[:-5], b"\x78\x01\xff\xff"):
        files.paths()[0].write_bytes(bad)
        with pytest.raises(FrameError, match="cannot be unpacked"):
            read_snapshot(files.paths()[0])
        assert list(files.candidates()) == []


def test_a_snapshot_is_due_when_reading_again_would_take_seconds_or_once_an_hour(monkeypatch):
    now = 1000.0
    monkeypatch.setattr("stream.engines.snapshot_files.time.monotonic", lambda: now)
    cost = CrashCost(10.0, 1_000)
    waits = []
    for _ in range(12):  # an idle node
        began = now
        while not cost.due():
            now += 5.0
        waits.append(now - began)
        cost.taken()
        cost.saved(0.01)
    assert waits[:4] == [10.0, 20.0, 40.0, 80.0]
    assert waits[-2:] == [3600.0, 3600.0]
    cost.work_s = 3.0
    assert not cost.due()
    now += 10.0
    assert cost.due(), "it would take three seconds"
    cost.taken()
    cost.saved(2.0)
    cost.size = 1_000
    now += 39.0
    assert not cost.due(), "at most a twentieth of the time goes into snapshots"
    now += 1.0
    assert cost.due(), "the log has to keep so many bytes"
    cost.put_off()
    assert not cost.due()
    now += 10.0
    assert cost.due(), "one that failed is tried again"


def test_a_state_that_cannot_be_saved_does_not_stop_the_work(log, tmp_path, monkeypatch):
    def full(self, position, data, _now_ms):
        raise OSError(28, "No space left on device")

    fill(log, 30)
    monkeypatch.setattr(SnapshotFiles, "save", full)
    sink = Fussy()
    engine = EmbeddedEngine(log, make_pipeline, [sink], tmp_path / "state", quarantine=forget, snapshot_every_s=0)
    drain(engine)
    assert sum(results.accepted for results in sink.taken) == 30
    assert "No space" in engine.stats.failing["snapshot"]
    assert log.committed(CONSUMER) == 0


def test_a_log_that_was_replaced_is_told(log, tmp_path):
    SnapshotFiles(tmp_path / "state").save(5, advanced().snapshot())
    engine = EmbeddedEngine(log, make_pipeline, [], tmp_path / "state", quarantine=forget)
    with pytest.raises(EngineStateError, match="the log was replaced"):
        engine.recover()


def test_a_state_of_other_settings_is_gone_on_with(log, tmp_path):
    fill(log, 30)
    sink = StoreSink(tmp_path / "store.db", "test")
    drain(EmbeddedEngine(log, make_pipeline, [sink], tmp_path / "state", quarantine=forget))
    sink.close()
    fill(log, 10, start=30)
    other = pipeline_with(site="test", country="", keep_windows=9, window_s=600)
    sink = StoreSink(tmp_path / "store.db", "test")
    drain(EmbeddedEngine(log, lambda: Pipeline(other, PLACES), [sink], tmp_path / "state", quarantine=forget))
    sink.close()
    assert stored(tmp_path / "store.db") == 40
    assert not list((tmp_path / "state").glob("*.unusable"))


def advanced():
    pipeline = make_pipeline()
    pipeline.process(Record(kind=RecordKind.TICK, received_ms=NOON, payload=b"", position=5))
    return pipeline


def test_wakes_up_for_new_records(log, tmp_path):
    engine = EmbeddedEngine(log, make_pipeline, [], tmp_path / "state", quarantine=forget)
    engine.start()
    log.append([Record(kind=RecordKind.TICK, received_ms=NOON, payload=b"")])
    wait_for(lambda: engine.position == 1, "the record is worked through")
    engine.stop()


def test_a_quarantine_a_log_or_a_poison_list_that_fails_for_a_while_does_not_end_the_engine(log, tmp_path, monkeypatch):
    fill(log, 21)
    batch = Record(kind=RecordKind.OBSERVATIONS, received_ms=NOON + 30 * MINUTE, payload=b"no batch")
    log.append([batch, unplaced(Writer().tick(NOON + 31 * MINUTE))])
    failures = {"read": 1, "commit": 1, "rejected": 1}
    refusals, honest_read, honest_commit = [], log.read, log.commit

    def fail(name):
        failures[name] -= 1
        if failures[name] >= 0:
            raise StorageError(5, "the disk does not answer")

    monkeypatch.setattr(embedded, "_RETRY_S", 0.01)
    monkeypatch.setattr(log, "read", lambda *args, **more: [fail("read"), honest_read(*args, **more)][1])
    monkeypatch.setattr(log, "commit", lambda *args: [fail("commit"), honest_commit(*args)][1])
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "poison.json").write_bytes(b"[1, 2")
    sink = StoreSink(tmp_path / "store.db", "test")
    engine = EmbeddedEngine(
        log,
        make_pipeline,
        [sink],
        tmp_path / "state",
        quarantine=lambda found: [fail("rejected"), refusals.extend(found)][1],
        snapshot_every_s=0.0,
    )
    engine.start()
    wait_for(lambda: "snapshot" in engine.failing, "the first snapshot could not be committed")
    log.append([unplaced(Writer().tick(NOON + 32 * MINUTE))])
    engine.stop()
    sink.close()
    assert max(failures.values()) < 0
    assert engine.failing == {}
    assert [refusal.reason for refusal in refusals] == ["batch"]
    assert stored(tmp_path / "store.db") == 21
