"""The hazard path under trouble: how long an alarm takes from the device's message to the alert on a phone.

Every condition has a station of its own: real Mosquitto, a real node, 200 smoke detectors that give one alarm each. The
time runs from the publishing of an alarm to the arrival of its alert over MQTT, so the broker's part is in it. An alarm
that was not told within a minute counts as lost, and takes that minute.
"""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.mqtt_load import packet
from ingest import topics
from ingest.log.batch import Batch, Source
from ingest.log.records import Record, RecordKind
from ingest.log.sqlite_log import SqliteLog
from ingest.vocabulary import Kind
from tests.field.station import BEAT, SITE, FakeClock, Station, broken_page, now_ms

ALARMS = 200
PACE_S = 0.04
LIMIT_S = 60.0
DETECTORS = [f"smoke-{number:03d}" for number in range(ALARMS)]
DEVICES = [*DETECTORS, "cam-1", "noise-1"]
TARGET_MS = 2_000
DAY_S = 86_400
Meanwhile = Callable[[int], None]
"""What happens before the alarm of a number."""


def nothing(_number: int) -> None:
    """Before an ordinary alarm."""


@contextmanager
def station(**more: Any) -> Iterator[Station]:
    with tempfile.TemporaryDirectory(prefix="hazards-") as folder, Station(Path(folder), DEVICES, **more) as site:
        site.broker()
        yield site


def alarms(site: Station, meanwhile: Meanwhile = nothing, *, late_s: Callable[[int], float] = lambda _n: 0.0) -> Any:
    """Give every alarm, and return the measurement."""
    gave: dict[str, float] = {}
    for number, device in enumerate(DETECTORS):
        meanwhile(number)
        gave[device] = time.time()
        site.state(device, "smoke", "alarm", 2, late_s=late_s(number))
        time.sleep(PACE_S)
    return measured(site, gave)


def measured(site: Station, gave: dict[str, float] | None = None) -> dict[str, Any]:
    """Wait for the alerts of all detectors, and return how long after `gave` (or the gateway's taking) they came."""
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end and sum(kind == "smoke" for kind, _ in site.told()) < ALARMS:
        time.sleep(0.05)
    waits: dict[str, float] = {}
    for alert, at in site.heard:
        if alert["kind"] == "smoke" and alert["state"] == "raised":
            device = alert["device"]
            waits.setdefault(device, (at - (gave[device] if gave else alert["raised_ms"] / 1000)) * 1000)
    found = np.array([waits.get(device, LIMIT_S * 1000) for device in DETECTORS])
    note = f"p50 {np.median(found):.0f} ms, longest {found.max():.0f} ms"
    lost = ALARMS - len(waits)
    return {
        "value": float(np.percentile(found, 99)),
        "unit": "ms",
        "target": TARGET_MS,
        "at_most": True,
        "note": note + (f", {lost} of {ALARMS} lost" if lost else ""),
    }


def ready(site: Station, clock: FakeClock | None = None) -> Station:
    """Start the node and the phone; every detector has said that all is well."""
    site.node(clock).phone()
    for device in DETECTORS:
        site.state(device, "smoke", "ok", 1)
    site.count("cam-1", 1, 0, 0)
    return site


def calm() -> Any:
    with station() as site:
        return alarms(ready(site))


def store_damaged() -> Any:
    with station() as site:
        ready(site)
        site.end("node")
        broken_page(site.data / "store.db", "windows")
        site.node()
        return alarms(site, lambda number: site.level("noise-1", "noise", "dB", 50.0, number))


def disk_full() -> Any:
    """The data folder is on a small disk that is filled to the last byte before the first alarm."""
    if os.geteuid() != 0:
        return {"value": None, "note": "skipped: only root can mount a small disk"}
    with tempfile.TemporaryDirectory(prefix="hazards-disk-") as small:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", small], check=True)
        try:
            with station(data=Path(small) / "data", toml="[log]\nmin_free_mb = 0\n") as site:
                ready(site)

                def fill(number: int) -> None:
                    if number % 20 == 0:
                        with (Path(small) / "full").open("ab", buffering=0) as file, suppress(OSError):
                            while True:
                                file.write(b"x" * 4096)

                return alarms(site, fill)
        finally:
            subprocess.run(["umount", "-l", small], check=True)


def influx_hangs() -> Any:
    """InfluxDB takes every connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken: list[socket.socket] = []

        def take() -> None:
            while True:
                try:
                    taken.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=take, daemon=True).start()
        with station(toml=f'[influx]\nurl = "http://127.0.0.1:{server.getsockname()[1]}"\n') as site:
            return alarms(ready(site), lambda number: site.count("cam-1", 1, 0, number + 1))


def quarantine_damaged() -> Any:
    with station() as site:
        ready(site)

        def spoil(number: int) -> None:
            if number == 0:
                path = site.data / "quarantine.db"
                path.write_bytes(b"\xa5" * path.stat().st_size)
            site.say("cam-1", b"{not json %d" % number)

        return alarms(site, spoil)


def snapshot_fails() -> Any:
    with station() as site:
        ready(site)

        def spoil(number: int) -> None:
            if number == 0:
                folder = site.data / "state"
                folder.rename(folder.with_name("state.was"))
                folder.write_text("no folder")

        return alarms(site, spoil)


def node_clock_steps() -> Any:
    with station() as site:
        clock = FakeClock(site.folder)
        ready(site, clock)
        steps = {40: DAY_S, 80: 0, 120: -DAY_S, 160: 0}

        def step(number: int) -> None:
            if number in steps:
                clock.set(steps[number])

        return alarms(site, step)


def device_clocks_wrong() -> Any:
    with station() as site:
        return alarms(ready(site), late_s=lambda number: 3_600 if number % 2 else -3_600)


def million_before() -> Any:
    """A million counts of a thousand cameras are in the log when the alarms come."""
    with station(toml="[gateway]\naccept_unknown = true\n") as site:
        ready(site)
        site.end("node")
        log = SqliteLog(site.data / "log.db")
        for block in range(50):
            batch = Batch()
            metric, text = batch.string_index("person"), batch.string_index("")
            sources = [batch.source_index(Source(BEAT, f"c{device}", "b")) for device in range(1_000)]
            rows, at = 20_000, now_ms() - 60_000
            columns: dict[str, Any] = {
                "kind": [int(Kind.COUNT)] * rows,
                "source": sources * 20,
                "seq": [block * 20 + row // 1_000 for row in range(rows)],
                "ts": [at + row for row in range(rows)],
                "received": [at + row for row in range(rows)],
                "a": [1.0] * rows,
                "b": [0.0] * rows,
                "interval": [1.0] * rows,
                "metric": [metric] * rows,
                "text": [text] * rows,
                "flags": [0] * rows,
            }
            for name, values in columns.items():
                batch.columns[name].extend(values)
            log.append([Record(RecordKind.OBSERVATIONS, now_ms(), batch.encode())])
        log.close()
        for device in DETECTORS:
            site.state(device, "smoke", "alarm", 2)
        site.node()
        return measured(site)


def boots() -> Any:
    """A device comes up with 20,000 boots at once, every two seconds."""
    with station() as site:
        ready(site)

        def flood(number: int) -> None:
            if number % 50 == 0:
                client, topic = site.client("flood"), topics.observations(SITE, BEAT, "cam-1")
                for message in range(20):
                    client.publish(topic, _boots(number * 20_000 + message * 1_000), 1)

        return alarms(site, flood)


def _boots(first: int) -> str:
    one = '{"type":"count","boot":"x%d","seq":0,"ts":%d,"interval_s":1,"in":1}'
    return "[" + ",".join(one % (first + row, now_ms()) for row in range(1_000)) + "]"


def rejects() -> Any:
    """Five thousand messages a second that are refused."""
    with station() as site:
        ready(site)
        done = threading.Event()
        name = b"rejects"
        connect = b"\x00\x04MQTT\x04\x02\x00\x3c" + struct.pack("!H", len(name)) + name
        topic = topics.observations(SITE, BEAT, "cam-1").encode()

        def send() -> None:
            with socket.create_connection(("127.0.0.1", site.port)) as sock:
                sock.sendall(b"\x10" + bytes((len(connect),)) + connect)
                sock.recv(4)
                number, begun = 0, time.monotonic()
                while not done.is_set():
                    behind = int((time.monotonic() - begun) * 5_000) - number
                    # Type and flags 0x30 and no message id: QoS 0, which nobody acknowledges.
                    chunk = b"".join(_at_most_once(topic, b"{not json %d" % (number + one)) for one in range(behind))
                    sock.sendall(chunk)
                    number += behind
                    time.sleep(0.02)

        thread = threading.Thread(target=send)
        thread.start()
        try:
            return alarms(site)
        finally:
            done.set()
            thread.join()


def _at_most_once(topic: bytes, body: bytes) -> bytes:
    whole = packet(topic, 1, body)
    # A PUBLISH of QoS 1 without its two bytes of message id is one of QoS 0; both lengths fit in one byte here.
    head = 4 + len(topic)
    return bytes((0x30, whole[1] - 2)) + whole[2:head] + whole[head + 2 :]


CONDITIONS = {
    "calm": calm,
    "store damaged": store_damaged,
    "disk full": disk_full,
    "InfluxDB hangs": influx_hangs,
    "quarantine damaged": quarantine_damaged,
    "snapshot fails": snapshot_fails,
    "node's clock steps a day": node_clock_steps,
    "devices' clocks an hour off": device_clocks_wrong,
    "a million counts before it": million_before,
    "20,000 boots in a record": boots,
    "5,000 rejects a second": rejects,
}


def run(quick: bool) -> dict[str, Any]:  # noqa: ARG001, FBT001 - how every benchmark here is called
    """Measure every condition."""
    found: dict[str, Any] = {}
    for name, condition in CONDITIONS.items():
        try:
            found[f"alarm to alert, p99, {name}"] = condition()
        except (pytest.fail.Exception, pytest.skip.Exception) as error:
            found[f"alarm to alert, p99, {name}"] = {"value": None, "note": f"not measured: {error}"}
        print(f"    {name}: {found[f'alarm to alert, p99, {name}']}", flush=True)
    return found


if __name__ == "__main__":
    for chosen in sys.argv[1:] or list(CONDITIONS):
        print(chosen, CONDITIONS[chosen](), flush=True)
