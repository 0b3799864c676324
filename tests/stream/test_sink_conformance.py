"""What every sink must do. A new sink joins by a harness in `HARNESSES`."""

from __future__ import annotations

import itertools
import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.login import BrokerAddress
from ingest.vocabulary import DIRECTION_NAMES, KIND_NAMES, PERMIT_VALUES, HiddenState, WindowStatus
from stream.results import SeriesKey
from stream.sentences import literal
from stream.sinks.influx.sink import InfluxSink
from stream.sinks.jsonl_sink import JsonLinesSink
from stream.sinks.mqtt_sink import MqttSink
from stream.sinks.rows import WINDOW_COLUMNS
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.store_sink import StoreSink
from tests.influx import contents
from tests.influx.servers import One, Server, Two, running
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
from tests.stream.memory_sink import MemorySink
from tests.stream.sink_tools import (
    Broker,
    Listener,
    Tables,
    eventually,
    expected,
    plain_json,
    retained,
    series_name,
    value,
    with_all_texts,
)

SOME = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Harness:
    """Opens, crashes and reads one kind of sink in a folder."""

    durable = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self) -> Any:
        raise NotImplementedError

    def crash(self, sink: Any) -> None:
        """End as SIGKILL would: nothing is flushed, nothing closed in order."""

    def check(self, sink: Any, written: list[Any]) -> None:
        """Assert that the sink holds exactly what these results say."""
        assert self.contents(sink) == self.expects(written)

    def expects(self, written: list[Any]) -> Tables:
        return expected(written)

    def contents(self, sink: Any) -> Tables:
        raise NotImplementedError


class MemoryHarness(Harness):
    durable = False

    def open(self) -> MemorySink:
        return MemorySink()

    def contents(self, sink: MemorySink) -> Tables:
        def clean(row: dict[str, Any]) -> dict[str, Any]:
            return {name: value(number) for name, number in row.items() if name not in {"start", "part"}}

        return {
            "windows": {(series_name(s), start, part): clean(row) for (s, start, part), row in sink.windows.items()},
            "gates": {(series_name(s), boot, seq): row for (s, boot, seq), row in sink.gates.items()},
            "states": {(series_name(s), ts): text for (s, ts), text in sink.states.items()},
            **{
                name: {key: plain_json(item) for key, item in getattr(sink, name).items()}
                for name in ("anomalies", "alerts", "alert_history", "hotspots", "health", "incidents")
            },
            "counters": {"accepted": sink.accepted, "duplicates": sink.duplicates, "late": sink.late},
        }


class StoreHarness(Harness):
    def open(self) -> StoreSink:
        return StoreSink(self.folder / "store.db", "s1")

    def crash(self, sink: StoreSink) -> None:
        # The kernel closes a killed process's files; nothing else happens.
        sink._connection.close()

    def contents(self, sink: StoreSink) -> Tables:
        connection = sqlite3.connect(sink.path)
        connection.row_factory = sqlite3.Row

        def rows(statement: str) -> list[dict[str, Any]]:
            return [dict(row) for row in connection.execute(statement)]

        names = {row.pop("id"): tuple(row.values())[:4] for row in rows("SELECT * FROM series ORDER BY id")}
        bodies = {
            "anomalies": ("anomalies", "device, metric, kind, ts"),
            "alert_history": ("alert_history", "id, revision"),
            "health": ("health", "device, start"),
            "alerts": ("alerts", "id"),
            "incidents": ("incidents", "id"),
        }
        out: Tables = {}
        for name, (table, key) in bodies.items():
            found = connection.execute(f"SELECT {key}, body FROM {table}").fetchall()  # noqa: S608 - names from above
            out[name] = {(row[0] if len(row) == 2 else tuple(row)[:-1]): json.loads(row["body"]) for row in found}
        out["windows"] = {
            (names[row.pop("series")], row.pop("start"), row.pop("part")): row for row in rows("SELECT * FROM windows")
        }
        out["gates"] = {
            (names[row.pop("series")], row.pop("boot"), row.pop("seq")): row for row in rows("SELECT * FROM gates")
        }
        out["states"] = {(names[row["series"]], row["ts"]): row["value"] for row in rows("SELECT * FROM states")}
        out["hotspots"] = {
            row["ts"]: {**row, "cells": []} for row in rows("SELECT ts, horizon_s, cell_m FROM hotspot_maps")
        }
        for row in rows("SELECT ts, body FROM hotspots ORDER BY ts, rank"):
            out["hotspots"][row["ts"]]["cells"].append(json.loads(row["body"]))
        out["counters"] = rows("SELECT accepted, duplicates, late FROM progress")[0]
        summed = """SELECT series, count(DISTINCT start) AS windows, sum(n) AS n,
            sum(coalesce(sum_a, 0)) AS sum_a, sum(coalesce(sum_b, 0)) AS sum_b FROM windows GROUP BY series"""
        kept = {row.pop("series"): row for row in rows("SELECT * FROM totals")}
        for row in rows(summed):
            assert kept.pop(row.pop("series"), dict.fromkeys(row, 0)) == pytest.approx(row, rel=1e-6, abs=1e-3)
        assert not kept
        connection.close()
        return out


class JsonLinesHarness(Harness):
    def open(self) -> JsonLinesSink:
        return JsonLinesSink(self.folder / "results.jsonl", max_bytes=3000, keep=1000)

    def expects(self, written: list[Any]) -> Tables:
        return with_all_texts(expected(written))

    def crash(self, sink: JsonLinesSink) -> None:
        with sink.path.open("ab") as file:
            file.write(b'{"type":"window","beat":"b')

    def contents(self, sink: JsonLinesSink) -> Tables:
        kinds = {name: kind for kind, name in KIND_NAMES.items()}
        directions = {name: number for number, name in DIRECTION_NAMES.items()}
        allowed = {word: number for number, word in PERMIT_VALUES.items()}
        out = expected([])

        def series(line: dict[str, Any]) -> tuple[Any, ...]:
            return (line.pop("beat"), line.pop("device"), kinds[line.pop("kind")], line.pop("metric"))

        files = sorted(sink.path.parent.glob("results.jsonl.*"), key=lambda path: -int(path.suffix[1:]))
        for line in itertools.chain.from_iterable(path.read_text("utf-8").split("\n") for path in [*files, sink.path]):
            try:
                row = json.loads(line)
            except ValueError:
                continue  # a torn tail that the next start cuts off
            match row.pop("type"):
                case "window":
                    row["status"] = WindowStatus[row["status"].upper()]
                    row["state"] = HiddenState[row["state"].upper()]
                    out["windows"][series(row), row.pop("start"), row.pop("part")] = row
                case "gate":
                    row["direction"], row["allowed"] = directions[row["direction"]], allowed[row["allowed"]]
                    out["gates"][series(row), row.pop("boot"), row.pop("seq")] = row
                case "state":
                    out["states"][series(row), row["ts"]] = row["value"]
                case "anomaly":
                    out["anomalies"][row["device"], row["metric"], row["kind"], row["ts"]] = row
                case "alert":
                    out["alert_history"][row["id"], row["revision"]] = row
                    out["alerts"][row["id"]] = row
                case "hotspots":
                    out["hotspots"][row["ts"]] = row
                case "health":
                    out["health"][row["device"], row["start"]] = row
                case "incident":
                    out["incidents"][row["id"]] = row
                case "counters":
                    out["counters"] = {name: out["counters"][name] + row[name] for name in row}
        return out


class MqttHarness(Harness):
    broker: Broker
    listener: Listener
    sites = itertools.count()

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.site = f"site-{next(self.sites)}"

    def open(self) -> MqttSink:
        path = self.folder / "delivered.json"
        return MqttSink(BrokerAddress(port=self.broker.port), self.site, delivered_path=path, backoff_s=(1, 1))

    def crash(self, sink: MqttSink) -> None:
        # The broker has everything, and the sink's file does not say so. (Were messages still under way, the broker
        # might take them after those of the next sink, which no process that is started anew is quick enough to see.)
        while sink._waiting:
            sink._await_ack()
        sink._session.close()

    def check(self, sink: MqttSink, written: list[Any]) -> None:
        sink.flush()
        history = with_all_texts(expected(written))["alert_history"]
        eventually(lambda: {(a["id"], a["revision"]): a for a in self.listener.alerts(self.site)}, history)
        eventually(lambda: self.listener.cells(self.site), retained(written))


class InfluxHarness(Harness):
    """The sink behind a store, as the node wires it: a window's parts are read from there."""

    server: Server
    kind: type[Server]
    sites = itertools.count()

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.site = f"site-{next(self.sites)}"
        self.refused: list[Any] = []

    def open(self) -> Any:
        harness = self

        class StoreThenInflux:
            def __init__(self) -> None:
                self.store = StoreSink(harness.folder / "store.db", "s1")
                self.influx = InfluxSink(
                    harness.server.address("conformance", batch_lines=500),
                    harness.site,
                    backlog_path=harness.folder / "influx.db",
                    store=StoreReader(harness.folder / "store.db"),
                    rejected=harness.refused.extend,
                )

            def write(self, written: Any) -> None:
                self.store.write(written)
                # The site stands in alerts too.
                self.influx.write([harness.own(result) for result in written])

            def flush(self) -> None:
                self.influx.flush()

            def close(self) -> None:
                self.influx.close()
                self.store.close()

        return StoreThenInflux()

    def own(self, result: Any) -> Any:
        return replace(result, alerts=[msgspec.structs.replace(alert, site=self.site) for alert in result.alerts])

    def crash(self, sink: Any) -> None:
        sink.influx._sender.close()
        sink.influx._backlog.close()
        sink.store._connection.close()

    def check(self, sink: Any, written: list[Any]) -> None:
        assert sink.influx.drain(20), sink.influx.state
        contents.check(self.server, "conformance", self.site, written)
        assert not self.refused


class InfluxOneHarness(InfluxHarness):
    kind = One


class InfluxTwoHarness(InfluxHarness):
    kind = Two


HARNESSES = {
    "memory": MemoryHarness,
    "store": StoreHarness,
    "jsonl": JsonLinesHarness,
    "mqtt": MqttHarness,
    "influx1": InfluxOneHarness,
    "influx2": InfluxTwoHarness,
}


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
            hotspots=hotspot_map(T0, ("c1", "b1"), ("c2", "b2")),
            refusals=[refusal(detail=text)],
        ),
        results(2, hotspots=hotspot_map(T0 + 1, ("c2", "b2"))),
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
    found = [row[1] for row in sink._connection.execute("PRAGMA table_info(windows)")]
    assert found == list(WINDOW_COLUMNS)
    sink.close()
