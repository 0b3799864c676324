"""Windows of a store or a file become records of history: nothing is lost on the way, nothing is made up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.training.saved_state import read_saved
from ingest.log.history import HistorySeries
from ingest.log.records import RecordKind
from ingest.shards import ShardMap
from ingest.vocabulary import Kind, WindowStatus
from stream import training
from stream.engines.snapshot_files import SnapshotFiles
from stream.pipeline.pipeline import Pipeline
from stream.results import RECALLED
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.store_sink import StoreSink
from stream.training import PastWindows, fitted, pieces, stored_windows
from stream.windows.columns import HistoryColumns
from tests.configs import pipeline_with
from tests.stream import make_results as make
from tests.stream.build import MINUTE, NOON, Writer, places
from tests.support import examples

WINDOW = 300_000
CAMERA = HistorySeries("b1", "cam-1", Kind.COUNT, "person")
NOISE = HistorySeries("b2", "noise-1", Kind.LEVEL, "noise")


def column(*values):
    return np.array(values, dtype=np.int64)


def rows(windows: PastWindows) -> list[tuple[str, int, float, float]]:
    return [
        (windows.names[which].device, number, value, exposure)
        for which, number, value, exposure in zip(
            windows.which.tolist(),
            windows.number.tolist(),
            windows.value.tolist(),
            windows.exposure.tolist(),
            strict=True,
        )
    ]


def test_the_windows_of_a_store_are_the_sums_of_their_parts(tmp_path):
    sink = StoreSink(tmp_path / "store.db", "s1")
    closed = {"status": WindowStatus.CLOSED}
    first, later = make.T0, make.T0 + 3 * 86_400_000
    sink.write(
        [
            make.results(
                1,
                windows=[
                    make.windows(
                        closed | {"sum_a": 5.0, "sum_b": 3.0, "exposure": 0.5},
                        {"part": 7, "status": WindowStatus.LATE, "sum_a": 2.0, "sum_b": 0.0, "exposure": 0.25},
                        {"part": RECALLED, "n": 0, "sum_a": 0.0, "start": later, "expected": 9.0},
                        closed | {"series": 3, "n": 4, "sum_a": 240.0, "exposure": 0.0},
                        closed | {"series": 1, "sum_a": 8.0},
                        closed | {"series": 2, "sum_a": 8.0},
                        closed | {"start": later, "sum_a": 60.0, "exposure": 2.0},
                        {"series": 3, "start": later, "sum_a": 55.0},
                    )
                ],
            )
        ]
    )
    sink.close()
    reader = StoreReader(tmp_path / "store.db")
    assert reader.span() == (first, later)
    found = list(stored_windows(reader, WINDOW, first, later + WINDOW, {0: CAMERA, 3: NOISE}))
    reader.close()
    assert [row for portion in found for row in rows(portion)] == [
        ("cam-1", first // WINDOW, 10.0, 0.75),
        ("noise-1", first // WINDOW, 60.0, 1.0),
        ("cam-1", later // WINDOW, 30.0, 1.0),
    ]


@given(
    counts=st.lists(st.integers(0, 500), min_size=1, max_size=40),
    interval_s=st.sampled_from([30, 60, 150, 300, 420, 900, 3600]),
    offset_s=st.integers(0, 86_400),
)
@settings(max_examples=examples(60))
def test_a_file_of_counts_keeps_its_total_whatever_its_intervals(counts, interval_s, offset_s):
    start = NOON + 1000 * (offset_s + interval_s * np.arange(len(counts)))
    made = fitted(
        [CAMERA], np.zeros(len(counts), dtype=np.int64), start, np.array(counts, dtype=float), interval_s * 1000, WINDOW
    )
    assert made.value.sum() == sum(counts)
    assert (made.value == np.rint(made.value)).all(), "people come in whole numbers"
    assert ((made.exposure > 0) & (made.exposure <= 1)).all()
    assert len(set(rows(made))) == len(made)
    covered = made.exposure.sum() * WINDOW
    assert covered <= interval_s * 1000 * len(counts) * (1 + 1e-9)
    assert covered >= interval_s * 1000 * len(counts) - 2 * WINDOW or interval_s % 300


def test_an_hour_of_counts_varies_as_counts_do():
    made = fitted([CAMERA], column(0), column(NOON), np.array([1200.0]), 3_600_000, WINDOW)
    assert len(made) == 12
    assert 40 < made.value.var() < 300, "about Poisson around 100, neither all equal nor all in one"
    again = fitted([CAMERA], column(0), column(NOON), np.array([1200.0]), 3_600_000, WINDOW)
    assert (again.value == made.value).all()


def test_levels_are_averaged_and_not_multiplied():
    quick = fitted(
        [NOISE],
        column(0, 0, 0),
        column(NOON, NOON + 60_000, NOON + WINDOW),
        np.array([50.0, 60.0, 70.0]),
        60_000,
        WINDOW,
    )
    assert rows(quick) == [("noise-1", NOON // WINDOW, 55.0, 1.0), ("noise-1", NOON // WINDOW + 1, 70.0, 1.0)]
    slow = fitted([NOISE], column(0), column(NOON), np.array([50.0]), 3_600_000, WINDOW)
    assert rows(slow) == [("noise-1", NOON // WINDOW + step, 50.0, 1.0) for step in (0, 6)]


@given(
    cells=st.sets(st.tuples(st.integers(0, 1), st.integers(0, 1200)), min_size=1, max_size=60),
    cut=st.integers(1, 60),
    shards=st.integers(1, 3),
)
@settings(max_examples=examples(40))
def test_records_hold_every_window_once_in_order_of_time(cells, cut, shards):
    which, number = (
        np.array(values, dtype=np.int64) for values in zip(*sorted(cells, key=lambda c: c[1]), strict=True)
    )
    number = number + NOON // WINDOW
    whole = PastWindows([CAMERA, NOISE], which, number, number.astype(np.float64), np.full(len(which), 0.5))
    portions = [whole.chosen(slice(begin, begin + cut)) for begin in range(0, len(whole), cut)]
    made = list(pieces(portions, WINDOW, shards=shards, again=True))
    found = []
    for piece in made:
        columns = HistoryColumns(piece.payload, WINDOW)
        assert columns.again
        assert len(columns.which) == piece.windows
        assert piece.end_ms == (columns.number.max() + 1) * WINDOW
        assert columns.number.max() - columns.number.min() < 288
        assert {ShardMap(shards).shard_of(name.beat) for name in columns.names} == {piece.shard}
        found += [
            (columns.names[index], n, value)
            for index, n, value in zip(
                columns.which.tolist(), columns.number.tolist(), columns.value.tolist(), strict=True
            )
        ]
    assert sorted(found) == sorted(
        (whole.names[w], n, float(n)) for w, n in zip(which.tolist(), number.tolist(), strict=True)
    )
    for shard in range(shards):
        ends = [piece.end_ms for piece in made if piece.shard == shard]
        assert ends == sorted(ends)


def test_large_records_are_cut_and_what_is_known_is_left_out(monkeypatch):
    monkeypatch.setattr(training, "RECORD_ROWS", 10)
    number = NOON // WINDOW + np.arange(25)
    whole = PastWindows([CAMERA], np.zeros(25, dtype=np.int64), number, np.ones(25), np.ones(25))
    assert [piece.windows for piece in pieces([whole], WINDOW)] == [10, 10, 5]
    assert [piece.windows for piece in pieces([whole], WINDOW, keep=lambda w: w.number % 2 == 0)] in ([10, 2], [10, 3])
    assert list(pieces([whole], WINDOW, keep=lambda w: w.number < 0)) == []
    assert list(pieces([], WINDOW)) == []


def test_the_saved_state_tells_what_was_learned(tmp_path):
    pipe, log = Pipeline(pipeline_with(site="test", country=""), places()), Writer()
    for minute in range(1, 61):
        log.count("cam-1", NOON + minute * MINUTE, 4).level("noise-1", NOON + minute * MINUTE, 50.0)
    pipe.process(log.record())
    past = PastWindows(
        [CAMERA], np.zeros(10, dtype=np.int64), NOON // WINDOW - 500 + np.arange(10), np.ones(10), np.ones(10)
    )
    for piece in pieces([past], WINDOW):
        record = log.tick(NOON + 60 * MINUTE)
        pipe.process(type(record)(RecordKind.HISTORY, record.received_ms, piece.payload, position=record.position))
    SnapshotFiles(tmp_path).save(pipe.position, pipe.snapshot())
    (tmp_path / "99999999999999999999.pgs").write_bytes(b"damaged")
    saved = read_saved(tmp_path, 300)
    assert (saved.position, saved.problem) == (pipe.position, "")
    assert set(saved.models) == {("cam-1", 0, "person"), ("noise-1", 2, "noise")}
    model = saved.models["cam-1", 0, "person"]
    first = NOON // WINDOW
    assert model.spans == {"observed": [(first, first + 11)], "history": [(first - 500, first - 490)]}
    assert model.last_ms == NOON + 50 * MINUTE
    assert model.evidence.shape == (3, 288)
    assert 0 < model.evidence.sum() <= 21
    assert saved.models["noise-1", 2, "noise"].windows == pytest.approx(11)
    nobody = HistorySeries("b1", "cam-9", Kind.COUNT, "person")
    known = saved.knows([nobody, CAMERA], column(0, 1, 1, 1), first + column(5, 5, -495, -300))
    assert known.tolist() == [False, True, True, False]


def test_a_state_that_cannot_be_read_says_why(tmp_path):
    assert read_saved(tmp_path / "none", 300).problem == ""
    (tmp_path / "00000000000000000001.pgs").write_bytes(b"damaged")
    saved = read_saved(tmp_path, 300)
    assert saved.problem == "00000000000000000001.pgs: the snapshot starts with b'dama', expected b'PGsn'"
    assert saved.knows([CAMERA], column(0), column(5)).tolist() == [False]
    pipe = Pipeline(pipeline_with(site="test", country=""), places())
    (tmp_path / "00000000000000000002.pgs").write_bytes(pipe.snapshot())
    assert "window_s is 300 in the snapshot, expected 60" in read_saved(tmp_path, 60).problem
