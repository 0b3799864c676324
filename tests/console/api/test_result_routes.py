"""Results of the past: by pages, filtered, with numbers."""

import pytest

from tests.stream import make_results as make

PATHS = {
    "/api/alerts": "alerts",
    "/api/incidents": "incidents",
    "/api/anomalies": "anomalies",
    "/api/windows": "windows",
    "/api/hotspots/maps": "maps",
}


def pages(board, path, limit):
    rows, more = [], ""
    while more is not None:
        asked = {"limit": limit, **({"from": 0} if "incidents" in path else {}), **({"after": more} if more else {})}
        answer = board.get(path, params=asked).json()
        rows.append(answer[PATHS[path]])
        more = answer["next"]
    return rows


@pytest.mark.parametrize("path", PATHS)
def test_pages_hold_all_that_a_single_one_has(board, path):
    (whole,) = pages(board, path, 100)
    parts = pages(board, path, 1)
    assert len(whole) > 1
    assert [row for part in parts for row in part] == whole
    assert {len(part) for part in parts} == {1}


@pytest.mark.parametrize("path", PATHS)
def test_an_after_that_is_none_is_refused(board, path):
    answer = board.get(path, params={"after": "5!"})
    assert (answer.status_code, answer.json()["error"]) == (422, "bad_parameter")
    assert "after" in answer.json()["message"]


def test_alerts_have_their_numbers(board):
    for row in (board.get("/api/alerts").json()["alerts"][0], board.get("/api/alerts/al-1").json()["history"][0]):
        assert {name: row[name] for name in ("observed", "expected", "p")} == {
            name: make.SURGE.args[name] for name in ("observed", "expected", "p")
        }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("from=2026-11-23T20:00:00&to=2026-11-23T21:00:01", {"al-4", "al-5"}),
        ("kind=door_open", {"al-0"}),
        ("kind=door_open&kind=surge&beat=b2", {"al-0"}),
        ("state=cleared", {"al-0"}),
        ("person=Li Na", {"al-0"}),
        ("device=nobody", set()),
        ("reason=any", {"al-2"}),
        ("severity=critical&state=raised", {"al-1"}),
    ],
)
def test_alerts_are_found_by_filters(board, query, found):
    assert {row["id"] for row in board.get(f"/api/alerts?{query}").json()["alerts"]} == found


def test_open_goes_with_no_filter(board):
    assert board.get("/api/alerts?open=1&kind=surge").json()["error"] == "not_together"
    assert board.get("/api/alerts?hours=1&after=1.x").json()["error"] == "not_together"
    assert board.get("/api/alerts?state=eaten").json()["error"] == "bad_parameter"


def test_a_beat_has_its_own_cells_and_incidents_their_categories(board):
    maps = board.get("/api/hotspots/maps?beat=b2").json()["maps"]
    assert [[cell["cell"] for cell in one["cells"]] for one in maps] == [["r2c2"], ["r2c2"]]
    answer = board.get("/api/incidents?from=2026-11-01&category=burglary").json()
    assert [row["id"] for row in answer["incidents"]] == ["two", "old"]
    assert answer["categories"]["burglary"]["en"] == "Burglary"
    assert board.get("/api/incidents?from=2026-11-01&provenance=patrol_discovered").json()["incidents"] == []
    assert [row["kind"] for row in board.get("/api/anomalies?kind=deficit").json()["anomalies"]] == ["deficit"]
    assert {row["device"] for row in board.get("/api/windows?kind=level").json()["windows"]} == {"noise-1"}
