"""The board of a guarded station, with an engineer and a duty officer."""

from __future__ import annotations

import contextlib
from pathlib import Path

import httpx
from argon2 import PasswordHasher

from console.board.app import make_app
from console.board.board_config import BoardConfig
from console.people import passwords
from console.people.people import Person
from deploy.settings import dump_toml
from ingest.gateway.places_file import PlacesFile
from ingest.health import AgentReport, Stranger
from stream.sinks.store.reader import StoreReader
from tests.console.serving import served
from tests.stream.make_results import T0

HEADERS = {"X-PatrolGrid": "board", "Accept-Language": "en"}
WORDS = "correct horse battery"
PEOPLE = (Person(id="engineer", name="Engineer", role="engineer"), Person(id="duty", name="Duty", role="duty"))


@contextlib.contextmanager
def quick_hashes(patch):
    """Hash as the program does, in no time: what is tested is who gets in."""
    patch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    yield


@contextlib.contextmanager
def board_of(station, folder: Path, strange: str):
    """Yield the board's address and browsers, by who has signed in there; something of the name `strange` waits."""
    site, known = station.settings.site_dir, folder / "board.toml"
    known.write_text(dump_toml(station.settings), encoding="utf-8")
    met = Stranger("tasmota", strange, "Switch1", guess="door")
    station.report(AgentReport(beat="old-market", device="noise-01", ts=T0, strangers=(met,)))
    for person in PEOPLE:
        if station.people.person(person.id) is None:
            station.people.add(person, "cli:root", WORDS)
    file = PlacesFile(station.settings.places_file, site / "places.good.geojson")
    file.load()
    reader = StoreReader(site / "store.db")
    config = BoardConfig(
        site="s", store_path=str(site / "store.db"), places_path=str(station.settings.places_file),
        settings_file=str(known), broker=station.settings.people_login(), language="en",
    )  # fmt: skip
    app = make_app(reader, file, lambda _command: None, config)
    with served(app) as client, contextlib.ExitStack() as browsers:
        found = {}
        for person in PEOPLE:
            one = browsers.enter_context(httpx.Client(base_url=client.base_url, timeout=60, headers=HEADERS))
            assert one.post("/api/sign-in", json={"id": person.id, "password": WORDS}).status_code == 200
            found[person.id] = one
        yield str(client.base_url).rstrip("/"), found
    reader.close()
    app.state.board.doors.people.file.close()
