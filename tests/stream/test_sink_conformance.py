"""What every sink must do. A new sink joins by a harness in `tests.stream.sink_harnesses`."""

from __future__ import annotations

import itertools
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stream.results import SeriesKey
from stream.sentences import literal
from stream.sinks.result_rows import WINDOW_COLUMNS
from stream.sinks.store.store_sink import StoreSink
from tests.influx.servers import running
from tests.stream.make_results import (
    CATALOG,
    T0,
    alert,
    gates,
    hotspot_map,
    incident,
    refusal,
    result_lists,
    results,
    states,
    windows,
)
from tests.stream.sink_harnesses import HARNESSES, InfluxHarness, InfluxOneHarness, InfluxTwoHarness, MqttHarness
from tests.stream.sink_tools import (
    Broker,
    Listener,
)
from tests.support import examples

SOME = settings(max_examples=examples(25), suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def _broker():
    MqttHarness.broker = Broker()
    MqttHarness.broker.start()
    MqttHarness.listener = Listener(MqttHarness.broker.port)
    yield
    MqttHarness.listener.close()
    MqttHarness.broker.stop()


@pytest.fixture(scope="module")
def _influx1(tmp_path_factory):
    yield from influx_server(InfluxOneHarness, tmp_path_factory.mktemp("influx1"))


@pytest.fixture(scope="module")
def _influx2(tmp_path_factory):
    yield from influx_server(InfluxTwoHarness, tmp_path_factory.mktemp("influx2"))


def influx_server(harness: type[InfluxHarness], folder: Path) -> Any:
    with running(harness.kind, folder) as server:
        server.database("conformance")
        harness.server = server
        yield


SERVERS = {"mqtt": "_broker", "influx1": "_influx1", "influx2": "_influx2"}


@pytest.fixture(params=list(HARNESSES))
def kind(request):
    if request.param in SERVERS:
        request.getfixturevalue(SERVERS[request.param])
    return HARNESSES[request.param]


@pytest.fixture(params=[name for name, harness in HARNESSES.items() if harness.durable])
def durable(request):
    if request.param in SERVERS:
        request.getfixturevalue(SERVERS[request.param])
    return HARNESSES[request.param]


def rejecting(function: Any) -> Any:
    """Function-scoped fixtures here only choose the class, so examples may share them."""
    return settings(SOME, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])(function)


@rejecting
@given(written=result_lists(), cuts=st.lists(st.integers(0, 6), max_size=3))
def test_what_goes_in_comes_out(kind, written, cuts):
    with TemporaryDirectory() as folder:
        harness = kind(Path(folder))
        sink = harness.open()
        edges = [0, *sorted(min(cut, len(written)) for cut in cuts), len(written)]
        for start, end in itertools.pairwise(edges):
            sink.write(written[start:end])
        sink.flush()
        harness.check(sink, written)
        sink.close()


@rejecting
@given(written=result_lists(), again=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=4))
def test_writing_again_whole_or_in_part_changes_nothing(kind, written, again):
    with TemporaryDirectory() as folder:
        harness = kind(Path(folder))
        sink = harness.open()
        done = 0
        for start, length in again:
            begin = min(start, done)
            sink.write(written[begin : begin + length])  # begins in what is in, may reach into what is new
            done = max(done, min(begin + length, len(written)))
        sink.write(written)
        sink.write(written)
        sink.write(written[len(written) // 2 :])
        sink.flush()
        harness.check(sink, written)
        sink.close()


@rejecting
@given(written=result_lists(), cut=st.integers(0, 6), back=st.integers(0, 6), flush=st.booleans())
def test_a_crash_and_reading_the_log_again_change_nothing(durable, written, cut, back, flush):
    with TemporaryDirectory() as folder:
        harness = durable(Path(folder))
        sink = harness.open()
        sink.write(written[:cut])
        if flush:
            sink.flush()
        harness.crash(sink)
        sink = harness.open()
        # What was flushed may have been committed, and then comes again from `back` on, or from the crash on.
        sink.write(written[min(cut, back) if flush else 0 :])
        sink.flush()
        harness.check(sink, written)
        harness.crash(sink)
        sink = harness.open()
        harness.check(sink, written)
        sink.close()


def test_rows_of_a_planned_stop_are_taken_once(kind, tmp_path):
    harness = kind(tmp_path)
    sink = harness.open()
    record = results(3, windows=[windows({"n": 4}, {"series": 1, "n": 1})], accepted=5, alerts=[alert("a", 1)])
    stop = results(3, windows=[windows({"n": 6}, {"series": 3, "n": 2})], closing=True)
    sink.write([record])
    sink.write([stop])
    sink.write([record, stop])
    sink.write([record])
    after = results(4, windows=[windows({"n": 7})])
    sink.write([after])
    sink.write([stop, after])
    sink.flush()
    harness.check(sink, [record, stop, after])
    sink.close()


def test_nothing_is_nothing(kind, tmp_path):
    harness = kind(tmp_path)
    sink = harness.open()
    sink.flush()
    sink.write([])
    harness.check(sink, [])
    sink.write([results(1), results(7)])
    sink.write([results(8, windows=[windows()], gates=[gates()], states=[states()])])
    sink.flush()
    harness.check(sink, [results(1)])
    sink.close()


def test_ten_thousand_rows_of_five_thousand_series(kind, tmp_path):
    catalog = [SeriesKey(f"b{n % 7}", f"cam-{n}", 0, "person") for n in range(5000)]
    start = [{"series": n, "start": T0 + half * 300_000, "n": n} for n in range(5000) for half in (0, 1)]
    written = [
        results(1, catalog=catalog, windows=[windows(*start)]),
        results(2, catalog=catalog, windows=[windows(*[row | {"n": row["n"] + 1} for row in start[::2]])]),
    ]
    harness = kind(tmp_path)
    sink = harness.open()
    sink.write(written)
    sink.write(written)
    sink.flush()
    harness.check(sink, written)
    sink.close()


def test_hostile_text_and_numbers_that_are_none(kind, tmp_path):
    text = '\u0000\'";DROP TABLE alerts;--\n{"type":"position",\u2028火警🚨'
    none = dict.fromkeys(("low", "high", "expected", "lower", "upper", "p"), np.nan)
    written = [
        results(
            1,
            windows=[windows({}, none | {"series": 1}, {"series": 2, "low": np.inf, "high": -np.inf})],
            gates=[gates({"boot": text, "plate": text, "allowed": -1, "direction": 2})],
            states=[states((4, T0, text))],
            alerts=[alert(why=literal({"zh-CN": text}), note=text)],
            incidents=[incident(text=text)],
            maps=[hotspot_map(T0, ("c1", "b1"), ("c2", "b2"))],
            refusals=[refusal(detail=text)],
        ),
        results(2, maps=[hotspot_map(T0 + 1, ("c2", "b2"))]),
    ]
    harness = kind(tmp_path)
    sink = harness.open()
    sink.write(written)
    sink.flush()
    harness.check(sink, written)
    sink.close()


def test_a_growing_catalogue_is_followed(kind, tmp_path):
    catalog = CATALOG[:1]
    harness = kind(tmp_path)
    sink = harness.open()
    first = results(1, catalog=catalog, windows=[windows({})])
    sink.write([first])
    catalog.append(SeriesKey("b9", "new", 2, "water"))
    second = results(2, catalog=catalog, windows=[windows({"series": 1, "sum_a": 3.5})])
    sink.write([second])
    sink.flush()
    harness.check(sink, [first, second])
    sink.close()


@pytest.mark.parametrize("series", [-1, 5])
@pytest.mark.parametrize("rows_kind", ["memory", "store", "jsonl"])
def test_a_row_of_no_series_is_refused_whole(rows_kind, tmp_path, series):
    harness = HARNESSES[rows_kind](tmp_path)
    sink = harness.open()
    with pytest.raises(ValueError, match=f"windows of log position 2 name series {series}, expected 0 to 4"):
        sink.write([results(1, accepted=5), results(2, windows=[windows({"series": series})])])
    sink.write([results(1, accepted=1)])
    sink.flush()
    harness.check(sink, [results(1, accepted=1)])
    sink.close()


def test_window_columns_are_the_stores_columns(tmp_path):
    sink = StoreSink(tmp_path / "store.db", "s1")
    assert sink._file._connection is not None
    found = [row[1] for row in sink._file._connection.execute("PRAGMA table_info(windows)")]
    assert found == list(WINDOW_COLUMNS)
    sink.close()
