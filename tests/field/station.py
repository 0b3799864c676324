"""A small station on free ports: real Mosquitto, real node, a phone that hears alerts; each can be ended or lied to."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from deploy.processes.broker import MosquittoMissingError, mosquitto_command, write_mosquitto
from deploy.processes.supervisor import listening
from ingest import topics
from tests.support import free_port, require_program, wait_for

SITE, BEAT = "s1", "b1"
ROOT = Path(__file__).resolve().parents[2]
TYPES = {"cam": "camera", "man": "manhole"}
"""Device ids begin with their type, or with one of these words."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def places(devices: Iterable[str], overrides: Mapping[str, dict[str, Any]] | None = None) -> dict[str, Any]:
    """A beat, with its devices a hundred metres apart."""
    ring = [[0, 0], [0, 0.1], [0.1, 0.1], [0.1, 0], [0, 0]]
    features: list[dict[str, Any]] = [
        {
            "type": "Feature",
            "properties": {"kind": "beat", "id": BEAT, "name": "Beat"},
            "geometry": {"type": "Polygon", "coordinates": [ring]},
        }
    ]
    for number, device in enumerate(devices):
        word = device.split("-")[0]
        features.append(
            {
                "type": "Feature",
                "properties": {
                    "kind": "device",
                    "id": device,
                    "beat": BEAT,
                    "type": TYPES.get(word, word),
                    "name": device,
                    "overrides": (overrides or {}).get(device, {}),
                },
                "geometry": {"type": "Point", "coordinates": [0.001 * (number % 90), 0.001 * (number // 90)]},
            }
        )
    return {"type": "FeatureCollection", "features": features}


class Station:
    """Use as a context manager: what it has started ends with it."""

    def __init__(self, folder: Path, devices: Iterable[str], *, toml: str = "", data: Path | None = None) -> None:
        self.folder, self.port = folder, free_port()
        folder.mkdir(parents=True, exist_ok=True)
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.heard: list[tuple[dict[str, Any], float]] = []
        """Alerts as a phone hears them, with the wall clock (s) at their arrival."""
        self._clients: dict[str, Client] = {}
        self.places_file = folder / "places.geojson"
        self.write_places(places(devices))
        data = data or folder / "data"
        self.data = data / SITE
        self.config = folder / "patrolgrid.toml"
        self.config.write_text(
            f'[site]\nid = "{SITE}"\nplaces = "{self.places_file}"\n[data]\ndir = "{data}"\n'
            f'[plates]\nkey_file = "{folder / "plates.key"}"\n[broker]\nport = {self.port}\n{toml}',
            encoding="utf-8",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        for client in self._clients.values():
            client.disconnect()
            client.loop_stop()
        for child in self.children.values():
            child.kill()
            child.wait()

    def write_places(self, document: dict[str, Any]) -> None:
        self.places_file.write_text(json.dumps(document), encoding="utf-8")

    # -- processes ---------------------------------------------------------------------------------------------------

    def start(self, name: str, command: list[str], *, stdin: Any = subprocess.DEVNULL, **environment: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.children[name] = subprocess.Popen(
                command, cwd=ROOT, stdout=log, stderr=log, stdin=stdin, env={**os.environ, **environment}
            )

    def end(self, name: str, how: signal.Signals = signal.SIGTERM, within_s: float = 60) -> int:
        """End a process and return its exit code; one that does not end is killed, and fails the test."""
        child = self.children.pop(name)
        if child.poll() is None:
            child.send_signal(how)
        try:
            return child.wait(within_s)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            pytest.fail(f"{name} did not end within {within_s:g} s of {how.name}")

    def broker(self, **replaced: str) -> Self:
        """Start Mosquitto with the shipped configuration, some of its lines replaced."""
        folder = self.folder / "mosquitto"
        try:
            path = write_mosquitto(folder, self.port)
            command = mosquitto_command(path)
        except MosquittoMissingError:
            require_program("mosquitto", "run `make services`")
        lines = path.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if line.split(" ", 1)[0] not in replaced]
        path.write_text("\n".join([*kept, *(f"{key} {value}" for key, value in replaced.items() if value)]) + "\n")
        self.start("broker", command)
        wait_for(lambda: listening("127.0.0.1", self.port), "the broker listens")
        return self

    def node(self, clock: "FakeClock | None" = None, *, connected: bool = True) -> Self:
        """Start the node, on a clock of its own if given, and wait until it has connected."""
        before = self.status().get("wall_ms", 0)
        self.start("node", self.command("deploy.node"), **(clock.environment if clock else {}))
        if connected:

            def up() -> bool:
                assert self.children["node"].poll() is None, self.log("node")
                status = self.status()
                return bool(status.get("connected")) and status.get("wall_ms", 0) != before

            wait_for(up, "the node has connected")
        return self

    def command(self, module: str, *arguments: str) -> list[str]:
        return [sys.executable, "-m", module, "--config", str(self.config), *arguments]

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "console.cli", *arguments, "--config", str(self.config)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    # -- devices and phones ------------------------------------------------------------------------------------------

    def client(self, name: str) -> Client:
        """Return a connected client of that id; the same as before where there is one."""
        if name not in self._clients:
            client = Client(CallbackAPIVersion.VERSION2, name)
            client.max_inflight_messages_set(1_000)
            client.connect("127.0.0.1", self.port)
            client.loop_start()
            wait_for(client.is_connected, f"{name} connects")
            self._clients[name] = client
        return self._clients[name]

    def say(self, device: str, what: Any, *, retain: bool = False, topic: str = "") -> None:
        """Publish observations of a device; return when the broker has them."""
        payload = what if isinstance(what, bytes) else json.dumps(what).encode()
        client = self.client(f"pub-{device}")
        client.publish(topic or topics.observations(SITE, BEAT, device), payload, 1, retain).wait_for_publish(60)

    def state(self, device: str, metric: str, word: str, seq: int, *, late_s: float = 0, boot: str = "b") -> None:
        """Say a word, with a time that is so many seconds before now."""
        ts = now_ms() - round(late_s * 1000)
        self.say(device, {"type": "state", "metric": metric, "value": word, "ts": ts, "seq": seq, "boot": boot})

    def level(
        self, device: str, metric: str, unit: str, value: float, seq: int, *, late_s: float = 0, boot: str = "b"
    ) -> None:
        ts = now_ms() - round(late_s * 1000)
        more = {"metric": metric, "unit": unit, "value": value}
        self.say(device, {"type": "level", **more, "ts": ts, "seq": seq, "boot": boot})

    def count(self, device: str, ins: int, outs: int, seq: int, *, boot: str = "b", late_s: float = 0) -> None:
        ts = now_ms() - round(late_s * 1000)
        self.say(device, {"type": "count", "interval_s": 1, "in": ins, "out": outs, "ts": ts, "seq": seq, "boot": boot})

    def phone(self) -> Self:
        """Hear alerts from now on."""
        client = self.client("phone")
        done: list[int] = []
        client.on_message = lambda _client, _data, message: self.heard.append(
            (json.loads(message.payload), time.time())
        )
        client.on_subscribe = lambda *_arguments: done.append(1)
        client.subscribe(topics.alerts(SITE, "+"), 1)
        wait_for(lambda: done, "the phone has subscribed")
        return self

    def told(self, *states: str) -> set[tuple[str, str]]:
        """Return (kind, device) of the alerts that the phone has heard of, in one of some states (default: raised)."""
        wanted = states or ("raised",)
        return {(one["kind"], one["device"]) for one, _ in self.heard if one["state"] in wanted}

    def hears(self, *expected: tuple[str, str], state: str = "raised", within_s: float = 60) -> None:
        """Wait until the phone has heard of all of these alerts."""
        wait_for(
            lambda: set(expected) <= self.told(state),
            lambda: f"{expected} {state}, not only {self.told(state)}",
            within_s,
        )

    # -- what is stored ----------------------------------------------------------------------------------------------

    def sql(self, question: str, *values: object, db: str = "store.db") -> list[Any]:
        connection = sqlite3.connect(f"file:{self.data / db}?mode=ro", uri=True, timeout=5)
        try:
            return connection.execute(question, values).fetchall()
        finally:
            connection.close()

    def status(self) -> dict[str, Any]:
        """Return the node's status; empty before the first."""
        try:
            found: dict[str, Any] = json.loads(self.sql("SELECT value FROM meta WHERE key = 'status'")[0][0])
        except (sqlite3.Error, IndexError):
            return {}
        return found

    def totals(self) -> dict[str, tuple[int, int, int]]:
        """Return (observations, in, out) by device, as the command line tells them."""
        document = json.loads(self.cli("status", "--json").stdout)
        return {one["id"]: (one["observations"], one["in"], one["out"]) for one in document["devices"]}

    def counted(self, device: str, expected: tuple[int, int, int]) -> None:
        """Wait until a device has these totals."""
        wait_for(lambda: self.totals().get(device) == expected, lambda: f"{device}: {expected}, not {self.totals()}")

    def quarantined(self) -> Counter[str]:
        """Return how many were refused, by reason."""
        try:
            return Counter(dict(self.sql("SELECT reason, total FROM totals", db="quarantine.db")))
        except sqlite3.Error:
            return Counter()

    def open_alerts(self) -> set[tuple[str, str, str]]:
        bodies = [json.loads(body) for (body,) in self.sql("SELECT body FROM alerts")]
        return {(one["kind"], one["device"], one["state"]) for one in bodies}

    def raised(self) -> set[tuple[str, str]]:
        """Return (kind, device) of every alert ever raised."""
        bodies = [json.loads(body) for (body,) in self.sql("SELECT body FROM alert_history")]
        return {(one["kind"], one["device"]) for one in bodies if one["state"] == "raised"}


class FakeClock:
    """The wall clock of one process, wrong by as many seconds as a file says (libfaketime); others stay right."""

    def __init__(self, folder: Path) -> None:
        library = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)
        if library is None:
            reason = "libfaketime is not installed; run `make services`"
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
        self._file = folder / "faketime"
        self.set(0)
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",  # reading the file at every look at the clock costs seconds
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, wrong_by_s: float) -> None:
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{wrong_by_s:+.3f}")
        fresh.replace(self._file)


def damaged(path: Path, how: Callable[[bytes], bytes]) -> None:
    """Replace a file's bytes."""
    path.write_bytes(how(path.read_bytes()))


def broken_page(database: Path, table: str) -> None:
    """Overwrite the root page of a table."""
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    with database.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xa5" * size)
