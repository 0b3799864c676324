"""No panel tells good news that nobody has: a judge reads what each would show where nothing, or no more, is known."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest

from deploy.grafana.dashboards import dashboards
from deploy.grafana.panels import NOTHING
from deploy.grafana.words import kind_series
from stream.sentences.catalogue import Sentences, choices
from stream.sentences.languages import LANGUAGES
from stream.sinks.influx.http import connect
from stream.sinks.influx.lines import point_line
from tests.influx.judge import Shown, filled, shown
from tests.influx.servers import Server

DIED_S = 1_795_700_200
"""The node's last second, a hundred seconds after a window's end."""
HOUR_MS = 3_600_000
DATABASE = "life"
PANELS = [panel for dashboard in dashboards("en").values() for panel in dashboard["panels"]]
NOW = dashboards("en")["patrolgrid-now-en"]["panels"]
STANDS_NOW = {
    "Critical alerts open", "Open alerts",
    "Silent devices", "Data quality", "Behind", "Waiting for InfluxDB", "Parts failing", "In quarantine",
    "Refused by InfluxDB", "Dropped from a full backlog",
}  # fmt: skip
"""Tiles of what stands at the end of the time shown."""


def lines(site: str, *, fire: bool) -> list[str]:
    """A quiet hour of a site of two beats, and then silence; with `fire`, something burns and nobody has closed it."""
    made = []
    for second in range(DIED_S - 3600, DIED_S + 1, 10):
        said = {"now_ms": second * 1000, "lag_s": 0.0, "observations_s": 0.0, "messages_s": 0.0}
        none = dict.fromkeys(
            ("failing", "open_alerts", "quarantined", "backlog_lines", "influx_rejected", "influx_dropped"), 0
        )
        counters = dict.fromkeys(("received", "stored", "duplicates", "late"), second - DIED_S + 3600)
        made.append(point_line("pipeline", {"site": site}, said | none | counters | {"backlog_s": 0.0}, second))
    for second in range(DIED_S - 3700, DIED_S, 300):
        is_open = second > DIED_S - 300
        for beat in ("b1", "b2"):
            tags = {"beat": beat, "device": f"cam-{beat}", "site": site}
            count = {"in": 0, "out": 0, "n": 5, "expected": 0.0, "lower": 0.0, "upper": 0.0, "state": "normal"}
            made.append(point_line("people", tags, count | {"status": "open" if is_open else "closed"}, second))
            health: dict[str, Any] = dict.fromkeys(("received", "late", "missing", "duplicate", "stuck", "silent"), 0)
            if not is_open:
                good = {"online": 1, "skew_s": 0.0, "quality": 1.0}
                made.append(point_line("device_health", tags, health | good, second))
            made.append(point_line("state", tags | {"metric": "door"}, {"value": "closed"}, second))
            cell = {"lon": 1.0, "lat": 2.0, "risk": 1.0, "rank": 1, "current": 1, "lead": 1, "text": "here"}
            made.append(point_line("hotspot", {"beat": beat, "cell": f"c-{beat}", "site": site}, cell, second))
    stop = {"stops": 1, "planned_min": 10.0, "delivered_min": 10.0, "done": 1, "skipped": 0, "state": "done"}
    made.append(point_line("patrol", {"beat": "b1", "officer": "o1", "site": site}, stop, DIED_S - 3000))
    truth = {"active": 1, "found": 1, "delay_s": 60.0}
    made.append(point_line("truth", {"beat": "b1", "name": "fire", "site": site}, truth, DIED_S - 3000))
    tags = {"beat": "b1", "device": "smoke-b1", "kind": "fire", "site": site}
    alert: dict[str, Any] = {"severity": "critical", "level": 3, "place": "here", "text": "it burns", "id": "a"}
    made.append(point_line("alert", tags, alert | {"state": "raised", "open": 1, "revision": 1}, DIED_S - 3000))
    if not fire:
        made.append(point_line("alert", tags, alert | {"state": "cleared", "open": 0, "revision": 2}, DIED_S - 2000))
    return made


@pytest.fixture(scope="module", params=["one", "two"])
def life(request) -> Server:
    """Each server with what two nodes wrote until they died: quiet, and fire."""
    server = request.getfixturevalue(request.param)
    server.database(DATABASE)
    endpoint = connect(server.address(DATABASE))
    endpoint.write("\n".join([*lines("quiet", fire=False), *lines("burning", fire=True)]).encode())
    endpoint.close()
    return server


def seen(server: Server, panels, *, site="quiet", after_s=5.0, hours=6.0, beat=".*") -> list[Shown]:
    """What panels show when the node has been dead for some seconds; `hours` is the time picker."""
    end = DIED_S * 1000 + round(after_s * 1000)
    return shown(server, DATABASE, panels, (end - round(hours * HOUR_MS), end), site=site, beat=beat)


def tiles(found: list[Shown]) -> dict[str, tuple[str, str]]:
    return {one.panel: (one.text, one.color) for one in found if one.kind == "stat"}


UNKNOWN: dict[str, Any] = {
    "no data": {"site": "nobody"},
    "before all data": {"after_s": -40 * 86_400},
    "a beat that nobody has": {"beat": "b9", "after_s": 3 * 3600, "hours": 1},
    "long dead": {"after_s": 3 * 3600, "hours": 1},
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_nothing_is_good_news_where_nothing_is_known(life, case):
    found = seen(life, PANELS, **UNKNOWN[case])
    assert [one for one in found if one.good_news] == []
    # The newest map is made for hours to come.
    drawn = {one.kind for one in found} & {"timeseries", "state-timeline", "geomap"}
    assert drawn == ({"geomap"} if case == "long dead" else set())
    told = tiles(found)
    age = told.pop("Last word from the node, ago")
    assert set(told.values()) == {(NOTHING, "rgba(140,140,140,0.35)")}
    assert age == (NOTHING, "rgba(140,140,140,0.35)") if case in {"no data", "before all data"} else ("10800", "red")


@pytest.mark.parametrize("site", ["quiet", "burning"])
def test_a_dead_node_is_not_well_though_its_good_hours_are_in_sight(life, site):
    found = seen(life, PANELS, site=site, after_s=3 * 3600, hours=24)
    assert [one for one in found if "green" in one.color] == []
    told = tiles(found)
    assert told["Delivered of planned time"] == ("1", "blue")
    for title in STANDS_NOW - ({"Critical alerts open", "Open alerts"} if site == "burning" else set()):
        assert told[title][0] == NOTHING, title
    assert told["Last word from the node, ago"] == ("10800", "red")
    if site == "burning":
        assert told["Critical alerts open"] == ("1", "red")
        assert told["Open alerts"] == ("1", "#EAB839"), "it burns as long as nobody has said that it does not"
        assert ("table", "Open alerts", "text", "it burns", "") in found


def test_a_node_that_lives_and_finds_nothing_says_so(life):
    found = seen(life, PANELS)
    told = tiles(found)
    words = {one.name: one.text for one in found if one.panel == "Devices, the worst first"}
    assert words == {"beat": "b2", "device": "cam-b2", "quality": "1", "online": "yes"} | dict.fromkeys(
        ("silent", "stuck"), "no"
    ) | dict.fromkeys(("missing", "late", "skew_s"), "0")
    assert {title: told[title] for title in STANDS_NOW} == {
        title: ("1", "green") if title == "Data quality" else ("0", "blue" if title == "In quarantine" else "green")
        for title in STANDS_NOW
    }
    assert told["Anomalies in the time shown"] == ("0", "blue")
    assert told["Last word from the node, ago"] == ("5", "green")


def test_one_beat_is_told_of_alone(life):
    found = [one for one in seen(life, PANELS, beat="b2", site="burning") if one.panel != "What was alerted"]
    assert ("stat", "Open alerts", "open", "0", "green") in found, "it burns in the other beat"
    devices = {one.text for one in found if one.name == "device"}
    assert devices == {"cam-b2"}
    assert not any("b1" in one.name or "b1" in one.text for one in found)


def test_open_alerts_do_not_go_by_the_time_that_is_shown(life):
    found = seen(life, NOW, site="burning", hours=1 / 12)
    assert ("stat", "Open alerts", "open", "1", "#EAB839") in found
    assert ("table", "Open alerts", "text", "it burns", "") in found


def test_charts_leave_out_the_open_window_and_keep_gaps(life):
    bands = [panel for panel in NOW if panel["title"].startswith("People per 5 minutes")]
    end = DIED_S * 1000 + HOUR_MS
    query = bands[0]["targets"][0]["query"]
    series = life.series(DATABASE, filled(query, "5m", (end - 3 * HOUR_MS, end), {"site": "quiet"}))[0]
    rows = series[0]["values"]
    told = [time // 1000 for time, *values in rows if values[0] is not None]
    assert told == list(range(DIED_S - 3700, DIED_S - 300, 300)), "the open window is not in it"
    assert len(rows) == 37, "what is not known is null, not left out: a line would be drawn over it"


# -- the JSON ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_panel_has_a_word_for_nothing_and_no_green_without_a_number(language):
    for dashboard in dashboards(language).values():
        for panel in dashboard["panels"]:
            assert panel["fieldConfig"]["defaults"]["noValue"] == NOTHING
            for one in [panel["fieldConfig"]["defaults"], *panel["fieldConfig"]["overrides"]]:
                steps = one.get("thresholds", {}).get("steps") or [
                    step
                    for found in one.get("properties", [])
                    if found["id"] == "thresholds"
                    for step in found["value"]["steps"]
                ]
                assert not steps or "green" not in steps[0]["color"], panel["title"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_charts_show_gaps_and_say_what_a_bar_is_a_count_of(language):
    period = r"per (hour|15 minutes)|每(小时|15分钟)"
    for panel in (one for dashboard in dashboards(language).values() for one in dashboard["panels"]):
        if panel["type"] != "timeseries":
            continue
        custom, queries = panel["fieldConfig"]["defaults"]["custom"], [one["query"] for one in panel["targets"]]
        assert custom["spanNulls"] is False
        if custom.get("drawStyle") == "bars":
            assert re.search(period, panel["title"])
            assert all(re.search(r"time\((1h|15m)\)", one) for one in queries), "a bar counts the same at any zoom"
            assert panel["fieldConfig"]["defaults"]["decimals"] == 0
        else:
            assert all(one.endswith("fill(null)") for one in queries), panel["title"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_kind_has_one_colour_and_it_is_not_green(language):
    found = {}
    for one in kind_series(Sentences(language)):
        (color,) = (of["value"]["fixedColor"] for of in one["properties"] if of["id"] == "color")
        red, green, blue = (int(color[at : at + 2], 16) for at in (1, 3, 5))
        assert green <= max(red, blue), one
        found[one["matcher"]["options"]] = color
    assert found.keys() == set(choices("kind"))
    assert len(set(found.values())) == len(found)


def test_only_one_column_of_a_table_leads_on():
    for panel in PANELS:
        if panel["type"] == "table":
            linked = [
                of for one in panel["fieldConfig"]["overrides"] for of in one["properties"] if of["id"] == "links"
            ]
            assert "links" not in panel["fieldConfig"]["defaults"]
            assert len(linked) <= 1


def test_the_judge_knows_good_news_when_it_sees_it(life):
    for change, told in (
        ({"noValue": "0"}, ("0", "rgba(140,140,140,0.35)")),
        ({"thresholds": {"steps": [{"value": None, "color": "green"}]}}, (NOTHING, "green")),
        ({"thresholds": {}}, (NOTHING, "green")),
    ):
        panel = copy.deepcopy(NOW[0])
        panel["fieldConfig"]["defaults"] |= change
        (one,) = seen(life, [panel], site="nobody")
        assert (one.text, one.color) == told
        assert one.good_news
