"""The board's API over a real store: what it answers, what it refuses, and in which words."""

import contextlib
import json
from typing import Any

import msgspec
import pytest

from console.board.app import make_app
from console.board.board_config import BoardConfig
from console.board.commands import BrokerAwayError, UnconfirmedError
from console.board.security import host_allowed
from ingest.login import BrokerAddress
from stream.sentences import literal
from stream.sinks.store.reader import StoreReader
from tests.console.fake_places import as_file
from tests.console.serving import served
from tests.console.stores import HOSTILE, SITE, Node, places
from tests.stream import make_results as make
from tests.support import wait_for

HEADERS = {"X-PatrolGrid": "board", "Content-Type": "application/json"}


class Publisher:
    """Keeps what was sent, or fails as told."""

    def __init__(self):
        self.sent, self.error = [], None

    def publish(self, command):
        if self.error:
            raise self.error
        self.sent.append(command)


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    made = Node(tmp_path_factory.mktemp("site"))
    made.fill()
    yield made
    made.close()


@pytest.fixture(scope="module")
def the_publisher():
    return Publisher()


@pytest.fixture
def publisher(the_publisher):
    the_publisher.__init__()
    return the_publisher


@contextlib.contextmanager
def open_board(path, publisher, **settings):
    reader = StoreReader(path)
    usual: dict[str, Any] = {"site": SITE, "site_name": {"en": "Lakeside", "zh-CN": "湖滨"}, "language": "en"}
    usual |= {"store_path": str(path), "places_path": "", "broker": BrokerAddress()}
    app = make_app(reader, as_file(places()), publisher.publish, BoardConfig(**(usual | settings)))
    with served(app) as client:
        yield client
    reader.close()


@pytest.fixture(scope="module")
def board(node, the_publisher):
    with open_board(node.store_path, the_publisher) as client:
        yield client


def test_site_tells_what_does_not_change(board):
    site = board.get("/api/site").json()
    assert site["id"] == SITE
    assert site["name"]["zh-CN"] == "湖滨"
    assert site["timezone"] == "Asia/Shanghai"
    assert {beat["id"] for beat in site["beats"]} == {"b1", "b2"}
    assert [device["type"] for device in site["devices"]] == ["camera", "gate", "noise", "door"]
    assert site["streets"]["features"][0]["geometry"]["type"] == "LineString"
    assert site["landmarks"] == []
    assert site["bounds"] == [116.4, 39.9, 116.42, 39.908]


def test_overview_has_everything_at_a_glance(node, board):
    node.status()
    wait_for(lambda: board.get("/healthz").json()["data"] == "live", "the board sees the node")
    look = board.get("/api/overview").json()
    assert look["freshness"]["state"] == "live"
    assert [alert["id"] for alert in look["alerts"]] == ["al-1"]
    assert [cell["rank"] for cell in look["hotspots"]["cells"]] == [1, 2]
    newest = look["devices"]["cam-1"]["series"][0]
    assert (newest["in"], newest["state"]) == (40, "surge")
    assert look["devices"]["noise-1"]["trouble"] == ["offline", "missing"]
    assert look["status"]["quarantined"] == {"clock": 3}


def test_hotspots_are_places_with_hours_and_sentences(board):
    cells = board.get("/api/hotspots").json()["hotspots"]["cells"]
    assert [(cell["lead"], cell["spot"]["hours"]) for cell in cells] == [("r1c1", [20, 23]), ("r2c2", [20, 23])]
    assert cells[0]["place"]["zh-CN"] == "r1c1巷"
    assert cells[0]["spot"]["text"]["en"].startswith("Lane r1c1, 20–23 h: 0.4 thefts expected in four weeks of")


def test_incidents_come_newest_first_with_their_provenance(node, board):
    found = [make.incident("old", make.T0 - 80 * 3_600_000), make.incident("one", make.T0 - 5), make.incident("two")]
    node.write(incidents=[*found, msgspec.structs.replace(found[0], id="three", provenance="sensor", ts=make.T0 + 1)])
    answer = board.get("/api/incidents?limit=2").json()
    assert [(row["id"], row["ts"], row["provenance"]) for row in answer["incidents"]] == [
        ("three", make.T0 + 1, "sensor"),
        ("two", make.T0, "reported"),
    ]
    assert answer["categories"]["burglary"] == {"en": "Burglary", "zh-CN": "入室盗窃"}
    assert [row["id"] for row in board.get("/api/incidents?hours=70").json()["incidents"]] == ["three", "two", "one"]
    assert board.get("/api/incidents?hours=x").status_code == 422


def test_site_time_runs_on_from_the_nodes(node, board):
    node.status()
    assert 0 <= board.get("/api/overview").json()["site_ms"] - (make.T0 + 60_000) < 30_000


def test_device_has_windows_against_expected(board):
    answer = board.get("/api/device/cam-1?hours=3").json()
    people = answer["series"][0]
    assert (people["metric"], people["kind"], len(people["windows"])) == ("person", "count", 24)
    assert people["windows"][0]["expected"] == 10.0
    assert [alert["id"] for alert in answer["alerts"]] == ["al-1"]
    assert answer["health"]["quality"] == 0.8
    noise = board.get("/api/device/noise-1?hours=3").json()["series"][0]["windows"][0]
    assert (noise["mean"], noise["expected"]) == (60.0, None)
    assert board.get("/api/device/gate-1").json()["gates"][0]["allowed"] is False
    assert board.get("/api/device/door-1").json()["states"][0]["value"] == "open"


def test_alerts_open_and_all_and_history(board):
    assert [a["id"] for a in board.get("/api/alerts?open=1").json()["alerts"]] == ["al-1"]
    assert {a["id"] for a in board.get("/api/alerts").json()["alerts"]} >= {"al-0", "al-1"}
    assert [row["state"] for row in board.get("/api/alerts/al-0").json()["history"]] == ["raised", "cleared"]


@pytest.mark.parametrize(
    ("path", "status", "word"),
    [
        ("/api/device/nobody", 404, "nobody"),
        ("/api/alerts/nobody", 404, "nobody"),
        ("/api/device/cam-1?hours=soon", 422, "soon"),
        ("/api/device/cam-1?hours=1e9", 422, "336"),
        ("/api/alerts?limit=0", 422, "limit"),
        ("/api/alerts?limti=5", 422, "limti"),
        ("/api/alerts?open=1&open=0", 422, "open"),
        ("/api/overview?hours=3", 422, "hours"),
        ("/api/nothing", 404, "/api/nothing"),
        ("/static/../app.py", 404, ""),
    ],
)
def test_errors_are_json_with_a_sentence_in_the_readers_language(board, path, status, word):
    english = board.get(path, headers={"Accept-Language": "en-GB,en;q=0.9"})
    chinese = board.get(path, headers={"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.5"})
    assert english.status_code == chinese.status_code == status
    assert word in english.json()["message"]
    assert word in chinese.json()["message"]
    assert any("一" <= letter <= "鿿" for letter in chinese.json()["message"])
    assert "{" not in english.json()["message"] + chinese.json()["message"]


def test_a_command_goes_to_the_node_with_the_sites_time(board, publisher):
    answer = board.post(
        "/api/alerts/al-1/acknowledge", headers=HEADERS, json={"by": " Wang\u202e Lei\n", "note": "going"}
    )
    assert answer.status_code == 202
    (command,) = publisher.sent
    assert (command.action, command.alert, command.by, command.note) == ("acknowledge", "al-1", "Wang Lei", "going")
    assert abs(command.ts - (make.T0 + 60_000)) < 300_000
    assert answer.json()["command"] == command.id


@pytest.mark.parametrize(
    ("path", "body", "status", "error"),
    [
        ("/api/alerts/al-1/acknowledge", {"by": " \u200b "}, 422, "no_name"),
        ("/api/alerts/al-1/acknowledge", {"by": "x" * 65}, 422, "too_long"),
        ("/api/alerts/al-1/acknowledge", {"by": "x", "note": "y" * 5000}, 413, "too_long"),
        ("/api/alerts/al-1/acknowledge", {"by": "x", "more": 1}, 422, "bad_body"),
        ("/api/alerts/al-1/acknowledge", {"note": "x"}, 422, "no_name"),
        ("/api/alerts/al-1/acknowledge", [], 422, "bad_body"),
        ("/api/alerts/nobody/clear", {"by": "x"}, 404, "no_alert"),
        ("/api/alerts/al-0/clear", {"by": "x"}, 409, "already_cleared"),
        ("/api/alerts/al-1/explode", {"by": "x"}, 404, "not_found"),
    ],
)
def test_commands_that_make_no_sense_are_refused(board, publisher, path, body, status, error):
    answer = board.post(path, headers=HEADERS, json=body)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert publisher.sent == []


@pytest.mark.parametrize(
    "headers",
    [
        {"X-PatrolGrid": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_sites_page_cannot_command(board, publisher, headers):
    sent = {key: value for key, value in (HEADERS | headers).items() if value}
    answer = board.post("/api/alerts/al-1/clear", headers=sent, json={"by": "x"})
    assert (answer.status_code, answer.json()["error"]) == (403, "foreign")
    assert publisher.sent == []


def test_the_boards_own_page_can(board, publisher):
    own = HEADERS | {"Origin": str(board.base_url).rstrip("/"), "Sec-Fetch-Site": "same-origin"}
    assert board.post("/api/alerts/al-1/clear", headers=own, json={"by": "x"}).status_code == 202


def test_a_form_of_another_page_has_the_wrong_type(board, publisher):
    answer = board.post(
        "/api/alerts/al-1/clear", headers={"X-PatrolGrid": "1", "Content-Type": "text/plain"}, content="{}"
    )
    assert answer.status_code == 415


@pytest.mark.parametrize(
    ("error", "key"), [(BrokerAwayError("away"), "broker_away"), (UnconfirmedError("late"), "unconfirmed")]
)
def test_a_broker_that_is_away_is_told_plainly(board, publisher, error, key):
    publisher.error = error
    answer = board.post("/api/alerts/al-1/clear?lang=zh-CN", headers=HEADERS, json={"by": "x"})
    assert (answer.status_code, answer.json()["error"]) == (503, key)
    assert "未" in answer.json()["message"]


@pytest.mark.parametrize("path", ["/", "/api/site", "/api/nothing", "/static/js/main.js", "/vendor/leaflet/leaflet.js"])
def test_every_answer_has_the_security_headers(board, path):
    headers = board.get(path).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'self';")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] in {"no-store", "no-cache"}


def test_a_foreign_name_for_this_machine_is_refused(board):
    assert board.get("/api/site", headers={"Host": "evil.example:8060"}).status_code == 421


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("127.0.0.1:8060", True),
        ("localhost", True),
        ("[::1]:8060", True),
        ("192.168.1.20:80", True),
        ("board.station.lan", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("[::1", False),
        ("", False),
    ],
)
def test_hosts(host, allowed):
    assert host_allowed(host, {"board.station.lan"}) is allowed


def test_hostile_text_stays_text_in_json(node, board):
    node.write(alerts=[make.alert("al-9", 1, why=literal({"en": HOSTILE}), state="cleared")])
    found = board.get("/api/alerts/al-9")
    assert found.json()["text"]["en"] == HOSTILE
    assert found.headers["Content-Type"] == "application/json"


def test_before_the_node_has_run_the_board_waits(tmp_path, publisher):
    with open_board(tmp_path / "none.db", publisher) as client:
        assert client.get("/api/overview").json()["freshness"]["state"] == "waiting"
        assert client.get("/healthz").json() == {"ok": True, "data": "waiting", "parts": []}
        refused = client.get("/api/alerts?lang=zh-CN")
        assert (refused.status_code, refused.json()["error"]) == (503, "no_store")


def test_a_file_that_is_no_store_is_said_so(tmp_path, publisher):
    path = tmp_path / "store.db"
    path.write_bytes(b"no database at all" * 100)
    with open_board(path, publisher) as client:
        assert client.get("/healthz").status_code == 503
        assert client.get("/api/overview").json()["freshness"]["state"] == "store_error"
        assert client.get("/api/device/cam-1").json()["error"] == "store"


def test_numbers_that_are_none_are_null(board):
    text = board.get("/api/device/noise-1?hours=3").text
    assert "NaN" not in text
    assert json.loads(text)["series"][0]["windows"][0]["p"] is None
