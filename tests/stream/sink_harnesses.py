"""One harness a kind of sink: how it is opened, how it crashes, and what it holds. A new sink joins `HARNESSES`."""

from __future__ import annotations

import itertools
import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ingest.login import BrokerAddress
from ingest.vocabulary import (
    DIRECTION_NAMES,
    KIND_NAMES,
    PERMIT_VALUES,
    HiddenState,
    Kind,
    LevelState,
    WindowStatus,
)
from stream.sinks.influx.sink import InfluxSink
from stream.sinks.jsonl_sink import JsonLinesSink
from stream.sinks.mqtt_sink import MqttSink
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.store_sink import StoreSink
from tests.influx import contents
from tests.influx.servers import One, Server, Two
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
                for name in (
                    "anomalies",
                    "alerts",
                    "alert_history",
                    "hotspots",
                    "health",
                    "incidents",
                    "patrols",
                    "shares",
                    "book",
                )
            },
            "counters": {"accepted": sink.accepted, "duplicates": sink.duplicates, "late": sink.late},
        }


class StoreHarness(Harness):
    def open(self) -> StoreSink:
        return StoreSink(self.folder / "store.db", "s1")

    def crash(self, sink: StoreSink) -> None:
        # The kernel closes a killed process's files; nothing else happens.
        assert sink._file._connection is not None
        sink._file._connection.close()

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
            "patrols": ("officer_plans", "shift, officer"),
            "shares": ("beat_shares", "ts, beat"),
            "book": ("book", "id"),
        }
        out: Tables = {}
        for name, (table, key) in bodies.items():
            found = connection.execute(f"SELECT {key}, body FROM {table}").fetchall()  # noqa: S608 - names from above
            out[name] = {(row[0] if len(row) == 2 else tuple(row)[:-1]): json.loads(row["body"]) for row in found}
        for (shift, officer), plan in out["patrols"].items():
            stops = "SELECT body FROM patrol_stops WHERE shift = ? AND officer = ? ORDER BY arrive_ms"
            plan["stops"] = [json.loads(row["body"]) for row in connection.execute(stops, (shift, officer))]
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
                    states = LevelState if row["kind"] == KIND_NAMES[Kind.LEVEL] else HiddenState
                    row["state"] = states[row["state"].upper()]
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
                case "incident" | "book" as kind:
                    out["incidents" if kind == "incident" else kind][row["id"]] = row
                case "patrol" | "share" as kind:
                    key = ("shift", "officer") if kind == "patrol" else ("ts", "beat")
                    out[f"{kind}s"][tuple(map(row.get, key))] = row
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
        # might take them after those of the next sink, which no process that is started again is quick enough to see.)
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
                    refused=harness.refused.extend,
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
        sink.store._file._connection.close()

    def check(self, sink: Any, written: list[Any]) -> None:
        assert sink.influx.drain(60), sink.influx.state
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
