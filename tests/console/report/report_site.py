"""A site with nine weeks in its store, for tests of the report: few alerts, known one by one."""

import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from console.report.reckoning import WeekSource
from console.report.week import Week
from deploy.settings import load_settings, with_values
from ingest.vocabulary import WindowStatus
from stream.patrol_results import OfficerPlan
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.store_sink import StoreSink
from tests.console import stores
from tests.stream import make_results as make

ZONE = ZoneInfo("Asia/Shanghai")
WEEK = Week(2026, 48)
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
BEGIN_MS = WEEK.begin_ms(ZONE)
END_MS = WEEK.end_ms(ZONE)
WEEKS_BEFORE = 6
PLATE = "京A12345"
OFFICER = "Li Wei"
NOTE = "the blue van again"


def at(day: int, hour: int, minute: int = 0, *, weeks: int = 0) -> int:
    """A time of the week, day 0 being Monday, epoch ms."""
    moment = datetime.combine(WEEK.monday, datetime.min.time(), ZONE) + timedelta(days=day + 7 * weeks, hours=hour)
    return round(moment.timestamp() * 1000) + minute * 60_000


def story(identifier, raised_ms, *changes, **more):
    """An alert raised then, and its changes: (state, minutes later, by, reason)."""
    given = {"raised_ms": raised_ms, "changed_ms": raised_ms, "state": "raised", "by": ""} | more
    found = [make.alert(identifier, 1, **given)]
    for number, (state, minutes, by, reason) in enumerate(changes, 2):
        changed = {"state": state, "changed_ms": raised_ms + round(minutes * 60_000), "by": by, "reason": reason}
        found.append(make.alert(identifier, number, **given | changed | {"note": NOTE}))
    return found


def alerts_of_the_week():
    """Five alerts: two taken up, one ended by a person at once, one false, two that nobody took up."""
    critical, door = {"severity": "critical"}, {"beat": "b2", "device": "door-1", "kind": "door_open"}
    return [
        *story("a1", at(0, 8), ("acknowledged", 2, "li", ""), ("cleared", 30, "li", ""), kind="smoke", **critical),
        *story("a2", at(0, 8, 30), ("acknowledged", 10, "li", ""), ("cleared", 20, "li", "animal")),
        *story("a3", at(2, 22), ("cleared", 6, "wang", "nothing"), ("cleared", 9, "wang", "nothing"), **door),
        *story("a4", at(3, 3), ("cleared", 60, "", ""), **critical, kind="cover_open", device=PLATE),
        *story("a5", END_MS - 60_000, ("expired", 600, "", ""), severity="info", kind="deficit"),
        *story("next", END_MS, **critical),
    ]  # fmt: skip


def alerts_before():
    """In the k-th week before k + 1 alerts, on Monday at 8; the fourth was not watched."""
    return [
        one
        for back in range(1, WEEKS_BEFORE + 1)
        for number in range(back + 1)
        for one in story(f"p{back}-{number}", at(0, 8, number, weeks=-back))
    ]


def build(folder):
    """The site, written by its own sink; its time is the Tuesday after the week, 9 o'clock."""
    site = folder / stores.SITE
    site.mkdir(parents=True)
    node = stores.Node(site)
    node.sink.close()
    sink = StoreSink(site / "store.db", stores.SITE)
    now_ms = at(8, 9)
    rows = []
    for hour in range(-24 * 7 * WEEKS_BEFORE, 24 * 7 + 33):
        start = BEGIN_MS + hour * HOUR_MS
        if -24 * 7 * 4 <= hour < -24 * 7 * 4 + 30 or 100 <= hour < 103:
            continue
        young = 4 if hour < 24 * 5 else 0
        rows.append({"series": 0, "start": start, "status": WindowStatus.CLOSED, "state": young})
        rows.append({"series": 2, "start": start, "status": WindowStatus.CLOSED, "state": 0})
    health = [
        make.health(
            device,
            start=BEGIN_MS + window * make.WINDOW_MS,
            silent=device == "noise-1" and 24 <= window < 60,
            online=not (device == "noise-1" and window == 80),
            received=10, late=1, missing=2, duplicate=0, quality=0.0 if device == "noise-1" else 0.9,
        )
        for device in ("cam-1", "noise-1")
        for window in range(12 * 24)
    ]  # fmt: skip
    stops = [
        make.stop(
            f"s{number}", officer="p1", beat=beat, lon=116.4, lat=39.9, kind="risk",
            arrive_ms=at(1, 9 + number), leave_ms=at(1, 9 + number, 30), state=state, delivered_min=minutes,
            note=f"with {OFFICER}",
        )
        for number, (beat, state, minutes) in enumerate(
            [("b1", "done", 28.0), ("b1", "missed", 0.0), ("b2", "skipped", 0.0), ("b2", "replaced", 0.0)]
        )
    ]  # fmt: skip
    plan = OfficerPlan(
        shift="day-2026-11-24", name=f"Day {OFFICER}", officer="p1", begin_ms=at(1, 8), end_ms=at(1, 16),
        made_ms=at(1, 7), solver="greedy", changed_ms=at(1, 12), stops=stops,
    )  # fmt: skip
    catalog = [make.CATALOG[number] for number in (0, 1, 3)]
    given = {"windows": [make.windows(*rows)], "health": health, "patrols": [plan]}
    results = make.results(1, catalog=catalog, now_ms=now_ms, **given)
    results.alerts = [*alerts_before(), *alerts_of_the_week()]
    sink.write([results])
    sink.close()
    with closing(sqlite3.connect(site / "store.db")) as store, store:
        store.execute("DELETE FROM watched")
        spans = [(at(0, 0, weeks=-20), at(4, 10)), (at(4, 15), now_ms)]
        store.executemany("INSERT INTO watched VALUES (?, ?)", spans)
    settings = with_values(
        load_settings(None),
        data={"dir": folder},
        site={"id": stores.SITE, "timezone": "Asia/Shanghai", "places": site / "places.geojson"},
        patrol={"officers": (f"p1: {OFFICER} 李伟",), "shifts": ("daily 08:00-16:00 @ p1: Day",)},
    )
    places = stores.places(f"Camera of {OFFICER} {PLATE}")
    return WeekSource(StoreReader(site / "store.db", ZONE), settings, places, ZONE, site)
