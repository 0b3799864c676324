"""Devices put in, approved, named, moved, replaced and retired on the board, as by `patrolgrid device`."""

from __future__ import annotations

import json
import re

import pytest

from console.hearing import Hearing
from ingest.clock import ScaledClock, wall_ms
from ingest.gateway.gateway_settings import GatewaySettings
from ingest.places import load_places
from ingest.places.places_book import PlacesBook
from tests.devices.boards import board_of, quick_hashes
from tests.support import wait_for

EAST = {"lon": 121.4665, "lat": 31.2335}


@pytest.fixture(scope="module")
def boards(station, tmp_path_factory):
    """Browsers at the station's board, by who has signed in there."""
    board = board_of(station, tmp_path_factory.mktemp("board"), "lamp-9")
    with pytest.MonkeyPatch.context() as patch, quick_hashes(patch), board as (_, browsers):
        yield browsers


@pytest.fixture
def board(boards):
    return boards["engineer"]


def devices(station):
    return load_places(station.settings.places_file).devices


def changed(station):
    done = PlacesBook(station.settings.places_file).changes(limit=1)[0]
    return done.what, done.by, done.about["device"]


def test_a_device_is_put_in_named_moved_and_taken_out(station, board):
    new = board.post("/api/registry", json={"id": "cam-31", "type": "camera", "name": {"zh-CN": "东门"}, **EAST})
    assert (new.status_code, new.json()["topic"]) == (201, "patrolgrid/v1/s/old-market/cam-31/obs")
    assert changed(station) == ("device-add", "engineer", "cam-31")
    assert devices(station)["cam-31"].name["zh-CN"] == "东门"
    password = station.password("cam-31")
    wait_for(lambda: station.client("cam-31", password).let_in(), "its account opens")
    named = board.post("/api/registry/cam-31/name", json={"name": {"en": "East\u202e\0 gate", "zh-CN": "东门\n"}})
    assert named.status_code == 200
    moved = board.post("/api/registry/cam-31/move", json={"lon": 121.4695, "lat": 31.2335})
    assert moved.json() == {"id": "cam-31", "beat": "creekside", "topic": "patrolgrid/v1/s/creekside/cam-31/obs"}
    at = devices(station)["cam-31"]
    assert (at.name, at.beat, at.lon) == ({"en": "East gate", "zh-CN": "东门"}, "creekside", 121.4695)
    assert board.post("/api/registry/cam-31/retire", json={"why": "broken"}).status_code == 200
    assert "cam-31" not in devices(station)
    wait_for(lambda: not station.client("cam-31", password).let_in(), "the broker knows it no more")
    noted = station.people.audit.entries(by="engineer", about="cam-31")
    assert [one.what for one in noted] == ["device-retire", "device-move", "device-name", "device-add"]
    assert noted[0].detail == {"why": "broken"}
    assert changed(station) == ("device-retire", "engineer", "cam-31")


def waiting(board):
    return board.get("/api/registry").json()["waiting"]


def test_what_waits_is_taken_in_with_its_binding(station, board):
    one = next(one for one in waiting(board) if one["match"] == "lamp-9")
    assert (one["codec"], one["match"], one["part"], one["guess"]) == ("tasmota", "lamp-9", "Switch1", "door")
    key = {name: one[name] for name in ("codec", "match", "part")}
    nobody = board.post("/api/registry/waiting", json={**key, "part": "Switch2", "id": "x"})
    assert (nobody.status_code, nobody.json()["error"]) == (404, "nothing_waits")
    new = board.post("/api/registry/waiting", json={**key, "id": "door-31", "beat": "old-market"})
    assert (new.status_code, new.json()["id"]) == (201, "door-31")
    assert (devices(station)["door-31"].type, len(devices(station)["door-31"].bindings)) == ("door", 1)
    assert not any(one["match"] == "lamp-9" for one in waiting(board))
    shown = board.get("/api/registry/door-31").json()
    assert shown["bindings"] == [{"codec": "tasmota", "match": "lamp-9", "part": "Switch1"}]


def test_a_sheet_is_shown_once_and_its_code_lets_the_device_in(station, board):
    made = board.post("/api/registry/camera-01/sheet", json={"hours": 2}).json()
    assert made["code"] in made["page"]
    assert "<svg" in made["page"]
    row = next(row for row in board.get("/api/registry").json()["devices"] if row["id"] == "camera-01")
    assert row["code_until_ms"] > 0
    assert made["code"] not in board.get("/api/registry/camera-01").text
    account = board.post("/api/registry/camera-01/sheet", json={"account": True}).json()
    assert station.password("camera-01") in account["page"]
    assert account["code"] == ""
    entries = [one.detail for one in station.audited("device-sheet") if one.about == "camera-01"]
    assert entries[:2] == [{"account": True}, {}]
    assert made["code"] not in str(entries)


def test_a_stolen_device_gets_in_no_more(station, board):
    before = station.password("smoke-01")
    assert board.post("/api/registry/smoke-01/replace", json={"why": "stolen"}).status_code == 200
    assert station.password("smoke-01") != before
    wait_for(lambda: not station.client("smoke-01", before).let_in(), "its password is worth nothing")


def test_how_a_device_connects_is_told_without_its_secret(station, board):
    shown = board.get("/api/registry/gate-01").json()
    lines = {one["what"]: one["text"] for one in shown["lines"]}
    assert set(lines) == {"publish", "here", "certificate", "status", "listen", "read"}
    host = "127.0.0.2"
    port = station.ports["passwords"]
    assert lines["publish"].startswith(f'mosquitto_pub -h {host} -p {port} --cafile ca.crt -u gate-01 -P "$PASSWORD"')
    assert f"-p {station.ports['certificates']} --cafile ca.crt --cert gate-01.crt --key" in lines["certificate"]
    assert shown["topic"] in lines["publish"]
    (said,) = re.findall(r"-m '(.+)'$", lines["publish"])
    payload = said.replace("'$(date +%s000)'", str(wall_ms())).encode()
    known = Hearing("s", GatewaySettings(), ScaledClock(wall_ms(), wall_ms(), 1.0))
    known.go_by(load_places(station.settings.places_file))
    heard = known.hear(shown["topic"], payload)
    assert [row.kind for row in heard.rows] == ["gate"], "what the page says is what the gateway takes"
    assert abs(json.loads(shown["message"])["ts"] - wall_ms()) < 60_000
    assert "Authorization: Bearer $TOKEN" in lines["read"]
    assert station.password("gate-01") not in str(shown)
    assert "password" in shown["row"]["connects"]
    assert len(shown["fingerprint"]) > 60


@pytest.mark.parametrize(
    ("path", "body", "status", "told"),
    [
        ("", {"id": "gate-01", "type": "gate", **EAST}, 422, "is there already"),
        ("", {"id": "../x", "type": "gate", **EAST}, 422, "no id of a device"),
        ("", {"id": "x", "type": "gate", "lon": 1.0, "lat": 2.0}, 422, "lies in no beat"),
        ("", {"id": "x", "type": "gate", "lon": 1.0}, 422, "one of lon and lat is missing"),
        ("", {"id": "x", "type": "submarine", **EAST}, 422, "type"),
        ("/nobody/move", EAST, 422, "there is no device 'nobody'"),
        ("/nobody/retire", {}, 422, "there is no device 'nobody'"),
        ("/gate-01/name", {"name": {"en": "  "}}, 422, "needs a name"),
        ("/gate-01/sheet", {"hours": 0}, 422, "--hours 0"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(station, board, path, body, status, told):
    before = station.settings.places_file.read_bytes(), station.credentials.passwords.read_bytes()
    refused = board.post(f"/api/registry{path}", json=body)
    assert refused.status_code == status
    assert told in refused.json()["message"]
    assert (station.settings.places_file.read_bytes(), station.credentials.passwords.read_bytes()) == before


def test_who_is_no_engineer_sees_how_a_device_is_and_not_how_it_gets_in(boards):
    duty = boards["duty"]
    assert duty.get("/api/registry").status_code == 403
    assert duty.get("/api/registry/gate-01").status_code == 403
    assert duty.post("/api/registry/gate-01/retire", json={}).status_code == 403
    assert duty.get("/api/device/gate-01/heard").json() == {"after": "", "known": False, "heard": []}
    assert duty.get("/api/device/gate-01/rhythm").json() == {
        "state_ms": 0, "problem": "", "window_s": 300, "rhythms": [],
    }  # fmt: skip
    assert boards["engineer"].get("/api/registry/nobody").status_code == 404
