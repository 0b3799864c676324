"""A real node on a folder of which one file is damaged: it starts, tells alarms, keeps its numbers, and says so."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from deploy.node.status_file import read_status
from ingest.files import all_put_aside
from tests.ingest import damage
from tests.ingest.brokers import Publisher
from tests.node.harness import SITE, Site
from tests.stream.sink_tools import Listener
from tests.support import require_program, wait_for

pytestmark = pytest.mark.field

COUNTS = 30
DATABASES = ("log.db", "store.db", "quarantine.db")
NOTES = ("delivered.json", "node.json", "status.json", "gateway.json", "state/*.pgs", "node.lock", "training.json")


class Station:
    """One site of the quarter on a live clock, whose node has taken some counts and a refusal, and was stopped."""

    def __init__(self, folder: Path) -> None:
        self.site = Site(folder, broker="mosquitto")
        text = (folder / "patrolgrid.toml").read_text(encoding="utf-8")
        head, _, tail = text.partition("[clock]")
        (folder / "patrolgrid.toml").write_text(head + tail[tail.index("[broker]") :], encoding="utf-8")
        self.folder = folder / "data" / SITE
        self.kept = folder / "kept"
        self.devices = json.loads((folder / "places.geojson").read_text(encoding="utf-8"))["features"]
        self.site.start_broker()
        self.publisher, self.listener = Publisher(self.site.port), Listener(self.site.port)
        self.seq = 0
        self.start()
        for _ in range(COUNTS):
            self.say(self.one_of("camera"), {"type": "count", "interval_s": 1, "in": 1, "out": 0})
        self.say(self.one_of("camera"), {"type": "none"})
        wait_for(lambda: self.counted() == COUNTS, "the counts are in")
        self.stop()
        shutil.copytree(self.folder, self.kept)

    def one_of(self, kind: str) -> tuple[str, str]:
        found = next(one["properties"] for one in self.devices if one["properties"].get("type") == kind)
        return found["beat"], found["id"]

    def say(self, who: tuple[str, str], what: dict) -> None:
        self.seq += 1
        body = {"boot": "b", "seq": self.seq, "ts": time.time_ns() // 1_000_000} | what
        self.publisher.send(f"patrolgrid/v1/{SITE}/{who[0]}/{who[1]}/obs", json.dumps(body).encode())

    def start(self) -> None:
        began_ms = time.time_ns() // 1_000_000
        self.site.node.start()

        def connected() -> bool:
            assert self.site.node.child is not None
            assert self.site.node.child.poll() is None, "it has ended"
            told = read_status(self.folder)
            return bool(told.get("connected")) and told["wall_ms"] > began_ms

        wait_for(connected, "the node is connected")

    def stop(self) -> None:
        assert self.site.node.end(signal.SIGTERM, 100) == 0

    def counted(self) -> int:
        try:
            with closing(sqlite3.connect(f"file:{self.folder / 'store.db'}?mode=ro", uri=True)) as store:
                query = "SELECT sum(t.n) FROM totals t JOIN series s ON s.id = t.series WHERE s.device = ?"
                return store.execute(query, (self.one_of("camera")[1],)).fetchone()[0] or 0
        except sqlite3.Error:
            return 0

    def alarmed(self) -> int:
        return sum(one["kind"] == "smoke" for one in self.listener.alerts(SITE))


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    require_program("mosquitto", "make services")
    station = Station(tmp_path_factory.mktemp("station"))
    yield station
    station.publisher.close()
    station.listener.close()
    station.site.stop()


def tells(station: Station) -> None:
    """Let the node run on the folder: an alarm is heard, and one more count is the thirty-first."""
    station.start()
    before = station.alarmed()
    station.say(station.one_of("smoke"), {"type": "state", "metric": "smoke", "value": "alarm"})
    wait_for(lambda: station.alarmed() > before, "the alarm is heard")
    station.say(station.one_of("camera"), {"type": "count", "interval_s": 1, "in": 1, "out": 0})
    wait_for(lambda: station.counted() == COUNTS + 1, "every count is in, once")
    wait_for(lambda: not read_status(station.folder)["failing"], "nothing fails any more")


def as_it_was(station: Station) -> None:
    shutil.rmtree(station.folder)
    shutil.copytree(station.kept, station.folder)


@pytest.mark.parametrize("way", ["zeroed", "junk", "a_folder"])
@pytest.mark.parametrize("name", DATABASES)
def test_a_damaged_database_stops_nothing_and_is_told(station, name, way):
    as_it_was(station)
    damage.DATABASE_WAYS[way](station.folder / name)
    try:
        tells(station)
        aside = [one.file for one in all_put_aside(station.folder)]
        assert aside == [name]
        wait_for(lambda: [one["file"] for one in read_status(station.folder)["damaged"]] == aside, "the status says so")
    finally:
        station.stop()


@pytest.mark.parametrize("way", ["zeroed", "a_folder"])
@pytest.mark.parametrize("name", NOTES)
def test_a_damaged_note_stops_nothing(station, name, way):
    as_it_was(station)
    for path in station.folder.glob(name):
        damage.WAYS[way](path)
    try:
        tells(station)
    finally:
        station.stop()
