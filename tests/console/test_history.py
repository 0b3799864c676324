"""Alerts of any time over the API: filtered, page by page, counted by day, as a table, and many at once."""

import csv
import io
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from console.board.commands import BrokerAwayError, UnconfirmedError
from console.board.routes.history_routes import by_day
from stream.sinks.store.reader import StoreReader
from tests.console.stores import Node
from tests.console.test_board_api import HEADERS, Publisher, open_board
from tests.stream import make_results as make

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
SHANGHAI = ZoneInfo("Asia/Shanghai")


class TiringPublisher(Publisher):
    """Sends `most` commands and fails then, where it is to fail."""

    def __init__(self):
        super().__init__()
        self.most = 0

    def publish(self, command):
        if self.error and len(self.sent) >= self.most:
            raise self.error
        self.sent.append(command)


@pytest.fixture(scope="module")
def publisher():
    return TiringPublisher()


@pytest.fixture(scope="module")
def board(tmp_path_factory, publisher):
    node = Node(tmp_path_factory.mktemp("site"))
    node.fill()
    node.write(
        alerts=[
            make.alert("old-1", kind="dead", device="noise-1", beat="b2", severity="info",
                       raised_ms=make.T0 - 2 * DAY_MS, changed_ms=make.T0 - 2 * DAY_MS),
            make.alert("old-1", 1, kind="dead", device="noise-1", beat="b2", severity="info", state="cleared",
                       raised_ms=make.T0 - 2 * DAY_MS, changed_ms=make.T0 - 2 * DAY_MS, by="Li Na", reason="works",
                       note="=cmd|' /C calc'!A0"),
            *(make.alert(f"o-{n}", device="gate-1", raised_ms=make.T0 - DAY_MS + n) for n in range(5)),
        ]
    )  # fmt: skip
    with open_board(node.store_path, publisher) as client:
        yield client
    node.close()


def ids(answer):
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()["alerts"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("kind=dead&kind=fall", ["old-1"]),
        ("beat=b2", ["al-0", "old-1"]),
        ("device=gate-1&limit=2", ["o-4", "o-3"]),
        ("person=Li Na", ["al-0", "old-1"]),
        ("severity=critical", ["al-1"]),
        ("state=cleared&reason=any", ["old-1"]),
        ("state=raised&state=acknowledged&beat=b2", []),
        ("text=cmd", ["old-1"]),
        ("text=西门&device=cam-1", ["al-1"]),
        ("to=2026-11-21", ["old-1"]),
        ("from=2026-11-22&to=2026-11-22", ["o-4", "o-3", "o-2", "o-1", "o-0"]),
    ],
)
def test_alerts_are_filtered(board, query, expected):
    assert ids(board.get(f"/api/alerts?{query}")) == expected


def test_pages_follow_one_another(board):
    first = board.get("/api/alerts?device=gate-1&limit=3").json()
    second = board.get("/api/alerts", params={"device": "gate-1", "limit": 3, "after": first["next"]}).json()
    assert [row["id"] for row in first["alerts"] + second["alerts"]] == [f"o-{n}" for n in (4, 3, 2, 1, 0)]
    assert second["next"] is None
    assert first["alerts"][0]["text"]["en"]


@pytest.mark.parametrize(
    "query", ["kinds=dead", "reason=bored", "state=new", "after=here", "limit=0", f"after={10**20}.a"]
)
def test_what_cannot_be_asked_is_refused_by_name(board, query):
    answer = board.get(f"/api/alerts?{query}", headers={"Accept-Language": "zh"})
    assert answer.status_code == 422
    assert query.split("=")[0] in answer.json()["message"]


def test_alerts_are_counted_by_day_and_sort(board):
    found = board.get("/api/alerts/days").json()
    assert (found["total"], found["severities"]) == (8, {"critical": 1, "warning": 6, "info": 1})
    assert [(one["day"], one["alerts"]) for one in found["days"]] == [
        ("2026-11-23", 2), ("2026-11-22", 5), ("2026-11-21", 1),
    ]  # fmt: skip
    assert found["reasons"] == {"works": 1}
    assert found["kinds"] == ["dead", "door_open", "surge"]
    assert found["people"] == ["Li Na"]
    less = board.get("/api/alerts/days?reason=any").json()
    assert (less["total"], less["kinds"]) == (1, found["kinds"])
    nothing = board.get("/api/alerts/days?text=nowhere").json()
    assert (nothing["total"], nothing["days"], nothing["severities"]) == (0, [], {})


def test_a_day_begins_and_ends_by_the_clock_of_the_site():
    berlin = ZoneInfo("Europe/Berlin")
    at = [datetime(2026, 10, 24, 23, 59, tzinfo=berlin), datetime(2026, 10, 25, 0, 0, tzinfo=berlin)]
    at += [datetime(2026, 10, 25, 23, 59, tzinfo=berlin), datetime(2026, 10, 26, 0, 0, tzinfo=berlin)]
    found = by_day([round(one.timestamp() * 1000) for one in at], berlin)
    assert [(one.day, one.alerts) for one in found] == [("2026-10-26", 1), ("2026-10-25", 2), ("2026-10-24", 1)]
    assert found[0].begin_ms - found[1].begin_ms == 25 * HOUR_MS


@pytest.mark.parametrize(("language", "column", "words"), [("en", "State", "Cleared"), ("zh-CN", "状态", "已解除")])
def test_a_table_is_in_the_readers_language_and_begins_no_formula(board, language, column, words):
    answer = board.get("/api/alerts.csv?reason=works", headers={"Accept-Language": language})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.content.startswith(b"\xef\xbb\xbf")
    (row,) = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert row[column] == words
    assert "'=cmd|' /C calc'!A0" in row.values()
    assert "2026-11-21 16:00:00" in row.values()


def test_a_table_has_all_that_the_page_has_and_is_named_after_its_days(board, monkeypatch):
    monkeypatch.setattr("console.board.routes.history_routes._PORTION", 3)
    answer = board.get("/api/alerts.csv?from=2026-11-22&to=2026-11-23")
    assert 'filename="alerts-2026-11-22-2026-11-23.csv"' in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert [row["Id"] for row in rows] == ids(board.get("/api/alerts?from=2026-11-22&to=2026-11-23"))
    assert len(board.get("/api/alerts.csv?text=nowhere").text.splitlines()) == 1
    assert len(board.get("/api/alerts.csv?from=0001-01-01&to=9000-01-01").text.splitlines()) == 9


def many(board, action="acknowledge", **more):
    body = {"by": "Li Wei", "id": "press-1", "ids": [f"o-{n}" for n in range(5)]} | more
    return board.post(f"/api/alerts/{action}", headers=HEADERS, json=body)


@pytest.fixture
def sent(publisher):
    publisher.__init__()
    return publisher


def test_many_are_taken_up_by_a_command_each_and_repeats_are_the_same_commands(board, sent):
    answer = many(board, ids=["o-0", "o-1", "o-1", "al-0", "nobody"])
    assert answer.status_code == 202
    assert answer.json() == {
        "id": "press-1",
        "by": "Li Wei",
        "sent": ["o-0", "o-1"],
        "passed": {"al-0": "already_cleared", "nobody": "no_alert"},
        "left": [],
        "message": "",
    }
    many(board, ids=["o-1", "o-0"])
    assert [one.alert for one in sent.sent] == ["o-0", "o-1", "o-1", "o-0"]
    assert sent.sent[0].id == sent.sent[3].id != sent.sent[1].id == sent.sent[2].id
    single = board.post("/api/alerts/o-0/acknowledge", headers=HEADERS, json={"by": "Li Wei", "id": "press-1"})
    assert single.json()["command"] not in {one.id for one in sent.sent[:2]}, "another press"


def test_many_are_cleared_for_a_reason(board, sent):
    many(board, "clear", reason="weather", note="storm")
    assert {(one.action, one.reason, one.note) for one in sent.sent} == {("clear", "weather", "storm")}


@pytest.mark.parametrize(("error", "word"), [(BrokerAwayError(), "broker_away"), (UnconfirmedError(), "unconfirmed")])
def test_what_could_not_be_sent_any_more_is_told(board, sent, error, word):
    sent.error = error
    assert (many(board).status_code, many(board).json()["error"]) == (503, word)
    sent.most = 3
    answer = many(board)
    assert answer.status_code == 202
    assert (answer.json()["sent"], answer.json()["left"]) == (["o-0", "o-1", "o-2"], ["o-3", "o-4"])
    assert answer.json()["message"]


@pytest.mark.parametrize("more", [{"ids": []}, {"ids": ["x"] * 1001}, {"ids": ["a b"]}, {"by": ""}, {"reason": "no"}])
def test_orders_about_many_are_checked_as_those_about_one(board, sent, more):
    assert many(board, **more).status_code == 422
    assert sent.sent == []


def test_open_alerts_beyond_those_with_sentences_are_there_without(tmp_path):
    node, reader = Node(tmp_path), StoreReader(tmp_path / "store.db")
    node.write(alerts=[make.alert(f"a-{n}", raised_ms=make.T0 + n) for n in range(6)])
    node.write(alerts=[make.alert("a-5", 1, state="cleared"), make.alert("a-0", 1, severity="critical")])
    assert [row["id"] for row in reader.alerts(open_only=True, limit=3)] == ["a-0", "a-4", "a-3"]
    rows, total = reader.more_open_alerts(3, 10)
    assert ([row["id"] for row in rows], total) == (["a-2", "a-1"], 5)
    assert "text" not in rows[0]
    assert reader.more_open_alerts(5, 10) == ([], 5)
    reader.close()
    node.close()
