"""What the tests of sinks share: what should come out, and a broker and a listener of their own."""

from __future__ import annotations

import json
import math
import socket
import subprocess
import threading
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import fields
from typing import Any

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from deploy.processes.broker import embedded_command
from deploy.processes.supervisor import listening
from stream.results import Results, SeriesKey, WindowRows
from stream.sentences.catalogue import with_texts
from tests.support import free_port, wait_for

Tables = dict[str, dict[Any, Any]]


def value(number: Any) -> Any:
    """A number as it comes out: None where there is none."""
    return None if isinstance(number, float) and not math.isfinite(number) else number


def plain_json(struct: Any) -> Any:
    """A struct as it comes out of JSON."""
    return json.loads(msgspec.json.encode(struct))


def series_name(key: SeriesKey) -> tuple[str, str, int, str]:
    return (key.beat, key.device, int(key.kind), key.metric)


def expected(written: list[Results]) -> Tables:  # noqa: C901, PLR0912 - one branch a table
    """What a sink holds after these results: row by row, the slow and obvious way, to hold the sinks against."""
    out: Tables = {
        name: {}
        for name in (
            "windows",
            "gates",
            "states",
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
    }
    counters = {"accepted": 0, "duplicates": 0, "late": 0}
    for result in written:
        names = [series_name(key) for key in result.catalog]
        for windows in result.windows:
            for row in range(len(windows)):
                values = {f.name: value(getattr(windows, f.name)[row].item()) for f in fields(WindowRows)}
                key = (names[values.pop("series")], values.pop("start"), values.pop("part"))
                out["windows"][key] = values
        for gates in result.gates:
            for row in range(len(gates.ts)):
                key = (names[gates.series[row]], gates.boot[row], int(gates.seq[row]))
                out["gates"][key] = {
                    "ts": int(gates.ts[row]),
                    "direction": int(gates.direction[row]),
                    "allowed": int(gates.allowed[row]),
                    "vehicle": gates.vehicle[row],
                    "plate": gates.plate[row],
                }
        for states in result.states:
            for row in range(len(states.ts)):
                out["states"][names[states.series[row]], int(states.ts[row])] = states.value[row]
        for item in result.anomalies:
            out["anomalies"][item.device, item.metric, item.kind, item.ts] = plain_json(item)
        for alert in result.alerts:
            out["alert_history"][alert.id, alert.revision] = plain_json(alert)
            if out["alerts"].get(alert.id, {"revision": -1})["revision"] <= alert.revision:
                out["alerts"][alert.id] = plain_json(alert)
        for hotspots in result.maps:
            out["hotspots"][hotspots.ts] = plain_json(hotspots)
        for found in result.health:
            out["health"][found.device, found.start] = plain_json(found)
        for incident in result.incidents:
            out["incidents"][incident.id] = plain_json(incident)
        for plan in result.patrols:
            out["patrols"][plan.shift, plan.officer] = plain_json(plan)
        for share in result.shares:
            out["shares"][share.ts, share.beat] = plain_json(share)
        for entry in result.book:
            out["book"][entry.id] = plain_json(entry)
        for name in counters:
            counters[name] += getattr(result, name)
    out["counters"] = counters
    return out


def with_all_texts(tables: Tables) -> Tables:
    """The same with the sentences that a sink makes for programs that cannot make them."""
    for name in ("anomalies", "alerts", "alert_history"):
        tables[name] = {key: with_texts(row) for key, row in tables[name].items()}
    for row in tables["hotspots"].values():
        row["cells"] = [with_texts(cell, name="drivers") for cell in row["cells"]]
    return tables


def retained(written: list[Results]) -> dict[str, list[str]]:
    """Beat → cells of the newest map; empty for beats that were in an earlier one."""
    beats: dict[str, list[str]] = {}
    for result in written:
        for hotspots in result.maps:
            beats = {beat: [] for beat in (*beats, *(cell.beat for cell in hotspots.cells))}
            for cell in hotspots.cells:
                beats[cell.beat] = [*beats[cell.beat], cell.cell]
    return beats


class Broker:
    """The embedded broker in a process of its own, on one port through restarts."""

    def __init__(self) -> None:
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(embedded_command(self.port), stdout=subprocess.DEVNULL)
        wait_for(lambda: listening("127.0.0.1", self.port), "the embedded broker listens")

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(60)
            self.process = None


class Wire:
    """A port that leads to the broker, and can be cut while the broker and its other clients go on."""

    def __init__(self, target: int) -> None:
        self.port, self._target = free_port(), target
        self._server: socket.socket | None = None
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def join(self) -> None:
        self._server = socket.create_server(("127.0.0.1", self.port))
        self._run(self._accept, self._server)

    def cut(self) -> None:
        if self._server is not None:
            self._server.shutdown(socket.SHUT_RDWR)  # wakes `accept`, which `close` alone does not
            self._server.close()
            self._server = None
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(60)
        for end in self._ends:
            end.close()
        self._ends, self._threads = [], []

    def _run(self, target: Any, *args: Any) -> None:
        self._threads.append(threading.Thread(target=target, args=args, daemon=True))
        self._threads[-1].start()

    def _accept(self, server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, far = server.accept()[0], socket.create_connection(("127.0.0.1", self._target))
                self._ends += [near, far]
                for one, other in ((near, far), (far, near)):
                    self._run(self._pump, one, other)

    @staticmethod
    def _pump(one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65_536):
                other.sendall(data)
        with suppress(OSError):
            other.shutdown(socket.SHUT_RDWR)


def client(name: str = "") -> paho.Client:
    return paho.Client(CallbackAPIVersion.VERSION2, client_id=name)


class Listener:
    """Hears everything below patrolgrid/v1, by site and then (beat, leaf)."""

    def __init__(self, port: int) -> None:
        self.heard: dict[str, dict[tuple[str, str], list[Any]]] = defaultdict(lambda: defaultdict(list))
        self._subscribed = threading.Event()
        self.client = client()
        self.client.on_connect = lambda c, *_: c.subscribe("patrolgrid/v1/#", 1)
        self.client.on_subscribe = lambda *_: self._subscribed.set()
        self.client.on_message = self._on_message
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self._subscribed.wait(60)

    def _on_message(self, _client: Any, _data: Any, message: Any) -> None:
        if message.topic.count("/") != 4:
            return  # what a device or a gateway says
        _root, _version, site, beat, leaf = message.topic.split("/")
        self.heard[site][beat, leaf].append(json.loads(message.payload))

    def alerts(self, site: str) -> list[dict[str, Any]]:
        return [
            alert for (_, leaf), heard in list(self.heard[site].items()) if leaf == "alerts" for alert in list(heard)
        ]

    def cells(self, site: str) -> dict[str, list[str]]:
        """Beat → cells of its newest message."""
        return {
            beat: [cell["cell"] for cell in heard[-1]]
            for (beat, leaf), heard in list(self.heard[site].items())
            if leaf == "hotspots"
        }

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def eventually(check: Any, wanted: Any, seconds: float = 60) -> None:
    """Assert that `check()` becomes `wanted`: a message may be under way."""
    until = time.monotonic() + seconds
    while check() != wanted and time.monotonic() < until:
        time.sleep(0.01)
    assert check() == wanted
