"""A site on Kafka for measuring: its load, made ahead, and its processes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np
import psutil

from deploy.kafka import site_topics as topics
from deploy.processes.supervisor import free_port
from ingest.log.batch import Batch, Source
from ingest.log.kafka_address import KafkaAddress, records_topic
from ingest.log.kafka_log import KafkaLog
from ingest.log.records import Record, RecordKind
from ingest.places import parse_places
from ingest.shards import ShardMap
from ingest.vocabulary import Kind
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.tables import StoreMissingError

START_MS: Final = 1_795_406_400_000
_DEVICES_A_BEAT: Final = 25
_TYPES: Final = ("camera", "camera", "noise", "smoke")


def places_document(devices: int) -> dict[str, Any]:
    """A square beat per 25 devices: half cameras, a quarter each noise and smoke."""
    features: list[dict[str, Any]] = []
    for beat in range(-(-devices // _DEVICES_A_BEAT)):
        west, south = 121.40 + 0.002 * (beat % 40), 31.20 + 0.002 * (beat // 40)
        ring = [[west, south], [west + 0.002, south], [west + 0.002, south + 0.002], [west, south + 0.002]]
        shape = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
        features.append({"type": "Feature", "properties": {"kind": "beat", "id": f"b{beat}"}, "geometry": shape})
        for number in range(beat * _DEVICES_A_BEAT, min((beat + 1) * _DEVICES_A_BEAT, devices)):
            about = {"kind": "device", "id": f"d{number}", "beat": f"b{beat}", "type": _TYPES[number % len(_TYPES)]}
            point = {"type": "Point", "coordinates": [west + 0.001, south + 0.001]}
            features.append({"type": "Feature", "properties": about, "geometry": point})
    return {"type": "FeatureCollection", "features": features}


def shard_record(members: list[int], shard: int, number: int, rows: int) -> Record:
    """The `number`-th record of a shard: its devices take turns, each says something every second."""
    batch = Batch()
    for name in ("person", "dB", "noise", "smoke", "%/m", ""):
        batch.string_index(name)
    for member in members:
        batch.source_index(Source(f"b{member // _DEVICES_A_BEAT}", f"d{member}", "boot"))
    turn = number * rows + np.arange(rows)
    which, seq = turn % len(members), turn // len(members)
    device, ts = np.array(members)[which], START_MS + seq * 1_000
    kind = np.where(device % 4 < 2, Kind.COUNT, Kind.LEVEL)
    chance = np.random.default_rng(number * 1_000 + shard)
    values = {
        "kind": kind,
        "source": which,
        "seq": seq,
        "ts": ts,
        "received": ts,
        "a": np.where(kind == Kind.COUNT, chance.poisson(0.2, rows), np.where(device % 4 == 2, 55.0, 0.3)),
        "b": np.where(kind == Kind.COUNT, chance.poisson(0.2, rows), 0.0),
        "interval": np.where(kind == Kind.COUNT, 1.0, 0.0),
        "metric": np.where(kind == Kind.COUNT, 0, np.where(device % 4 == 2, 2, 3)),
        "text": np.where(kind == Kind.COUNT, 5, np.where(device % 4 == 2, 1, 4)),
        "flags": np.zeros(rows),
    }
    for name, column in batch.columns.items():
        column.frombytes(np.ascontiguousarray(values[name]).astype(column.typecode).tobytes())
    return Record(RecordKind.OBSERVATIONS, int(ts[-1]), batch.encode(), shard)


@dataclass
class KafkaCity:
    """One site: its topics, settings and processes. As a context manager it ends the processes it started."""

    folder: Path
    bootstrap: str
    name: str
    devices: int = 1_000
    shards: int = 4
    more_settings: str = "[sinks]\nmqtt = false\n"
    _running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _ports: dict[int, int] = field(default_factory=dict)
    _log: KafkaLog | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        places = self.folder / "places.geojson"
        document = places_document(self.devices)
        places.write_text(json.dumps(document), encoding="utf-8")
        self.config = self.folder / "patrolgrid.toml"
        self.config.write_text(
            f'[site]\nid = "{self.name}"\nplaces = "{places}"\ncountry = ""\n[data]\ndir = "{self.folder / "data"}"\n'
            f'[kafka]\nbootstrap = "{self.bootstrap}"\nshards = {self.shards}\n{self.more_settings}',
            encoding="utf-8",
        )
        shard_of = ShardMap(self.shards).shard_of
        known = parse_places(document).devices
        self.members: list[list[int]] = [[] for _ in range(self.shards)]
        for number in range(self.devices):
            self.members[shard_of(known[f"d{number}"].beat)].append(number)
        self.address = KafkaAddress(bootstrap=self.bootstrap)
        topics.create(self.address, topics.topics_of(self.name, self.shards, 24))

    @property
    def store(self) -> Path:
        """Where results are stored."""
        return self.folder / "data" / self.name / "store.db"

    def fill(self, observations: int, rows: int = 20_000, *, first: int = 0) -> int:
        """Append records of `rows` observations to every shard; return how many observations that is."""
        if self._log is None:
            self._log = KafkaLog(self.address, records_topic(self.name), shards=self.shards, timeout_s=60)
        each = max(observations // (rows * self.shards), 1)
        speaking = [(shard, members) for shard, members in enumerate(self.members) if members]
        for number in range(first, first + each):
            self._log.append([shard_record(members, shard, number, rows) for shard, members in speaking])
        return each * rows * len(speaking)

    def start(self, kind: str, name: str) -> subprocess.Popen[bytes]:
        """Start a ``gateway`` or a ``worker``."""
        port = free_port()
        command = [sys.executable, "-m", "console.cli", kind, "--config", str(self.config), "--name", name]
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [*command, "--metrics-port", str(port)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._running.append(process)
        self._ports[process.pid] = port
        return process

    def ready(self, process: subprocess.Popen[bytes]) -> bool:
        """Tell whether a process says that it does its work."""
        return self.ask(process, "/readyz") is not None

    def ask(self, process: subprocess.Popen[bytes], path: str) -> str | None:
        """Return what a process says over HTTP, None where it says nothing or is not ready."""
        try:
            with urlopen(f"http://127.0.0.1:{self._ports[process.pid]}{path}", timeout=2) as answer:
                return str(answer.read().decode())
        except (URLError, OSError):
            return None

    def stored(self) -> int:
        """Return how many observations are in the store."""
        try:
            return int(StoreReader(self.store).counters()["accepted"])
        except StoreMissingError:
            return 0

    def until(self, what: Callable[[], bool], why: str, timeout_s: float = 180) -> None:
        """Wait until something holds, looking every 20 ms; processes that end in between are an error."""
        end = time.monotonic() + timeout_s
        while not what():
            for process in self._running:
                if process.poll() not in (None, 0, -signal.SIGKILL):
                    raise RuntimeError(f"{process.args!r} ended with {process.returncode}; see {self.folder}")
            if time.monotonic() > end:
                raise TimeoutError(f"{self.name}: {why} (stored {self.stored():,})")
            time.sleep(0.02)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._log is not None:
            self._log.close()
        for process in self._running:
            if process.poll() is None:
                process.kill()
                process.wait(10)


def cpu_s(process: subprocess.Popen[bytes]) -> float:
    """Return the processor time that a process has taken so far."""
    times = psutil.Process(process.pid).cpu_times()
    return float(times.user + times.system)
