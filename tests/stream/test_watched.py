"""The spans in which somebody listened."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from stream.sinks.store.reader import StoreReader
from stream.sinks.store.store_sink import StoreSink
from stream.sinks.store.watched import GAP_MS, watched_between
from tests.stream import make_results as make

T0 = make.T0
EVER = (0, 1 << 50)


@pytest.fixture
def sink(tmp_path: Path):
    made = StoreSink(tmp_path / "store.db", "s1")
    yield made
    made.close()


def write(sink: StoreSink, *offsets: int, put_back: bool = False) -> list[tuple[int, int]]:
    """Write results received so many ms after T0, in one transaction; return all spans, from T0 on."""
    first = sink.position + 1
    given = [
        make.results(first + number, now_ms=T0 + offset, put_back=put_back) for number, offset in enumerate(offsets)
    ]
    sink.write(given)
    with closing(StoreReader(sink.path)) as reader:
        return [(begin - T0, end - T0) for begin, end in watched_between(reader.query, *EVER)]


def test_a_span_goes_on_over_writes_and_ends_where_nothing_comes_for_minutes(sink: StoreSink):
    assert write(sink, 0) == [(0, 0)]
    assert write(sink, 1_000, 2_000) == [(0, 2_000)]
    assert write(sink, 2_000 + GAP_MS) == [(0, 2_000 + GAP_MS)]
    later = 3_000 + 2 * GAP_MS
    assert write(sink, later + 1, later + 5_000) == [(0, 2_000 + GAP_MS), (later + 1, later + 5_000)]


def test_spans_within_one_write_are_told_apart(sink: StoreSink):
    assert write(sink, 0, 1_000, GAP_MS * 3, GAP_MS * 3 + 10) == [(0, 1_000), (GAP_MS * 3, GAP_MS * 3 + 10)]


def test_a_clock_that_was_ahead_has_watched_nothing_in_times_to_come(sink: StoreSink):
    far = 40 * 86_400_000
    write(sink, 0, 10_000)
    assert len(write(sink, far, far + 10_000)) == 2
    assert write(sink, 20_000, put_back=True) == [(0, 20_000)]
    assert write(sink, 30_000) == [(0, 30_000)]


def test_a_store_of_before_is_taken_to_have_been_watched_since_its_first_alert(tmp_path: Path, sink: StoreSink):
    sink.write([make.results(1, now_ms=T0 + 90_000, alerts=[make.alert("a1", 1, raised_ms=T0 - 5_000)])])
    sink.close()
    with closing(sqlite3.connect(sink.path)) as store, store:
        for table in ("watched", "alert_search", "book"):
            store.execute(f"DROP TABLE {table}")
        for index in ("alerts_open", "alert_history_changed"):
            store.execute(f"DROP INDEX IF EXISTS {index}")
        store.execute("PRAGMA user_version = 3")
    with closing(StoreSink(sink.path, "s1")), closing(StoreReader(sink.path)) as reader:
        assert watched_between(reader.query, *EVER) == [(T0 - 5_000, T0 + 90_000)]
        assert watched_between(reader.query, T0, T0 + 1_000) == [(T0, T0 + 1_000)]
        assert watched_between(reader.query, T0 + 90_000, T0 + 99_000) == []
