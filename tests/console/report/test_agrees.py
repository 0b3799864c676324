"""Every figure of the report agrees with a reckoning from the exports of weeks made up by chance."""

import json
import sqlite3
from contextlib import closing
from datetime import date, datetime, time
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, get_args
from zoneinfo import ZoneInfo

import pytest

from console.cli.main import main
from ingest.days.patrol_settings import PatrolSettings
from ingest.events import FalseAlarm
from ingest.vocabulary import WindowStatus
from stream.sinks.store.store_sink import StoreSink
from tests.console import stores
from tests.console.report.independent import Exports, differences, reckoned
from tests.stream import make_results as make

ZONE = "America/New_York"
HOUR_MS = 3_600_000
WINDOW_MS = 1_800_000
KINDS = [("surge", "warning"), ("smoke", "critical"), ("deficit", "info"), ("door_open", "warning")]


class Made(NamedTuple):
    """A site whose time is a Wednesday; five weeks and some days are in its store."""

    data: Path
    exports: Exports


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    data, zone = tmp_path_factory.mktemp("data"), ZoneInfo(ZONE)
    monday = date.fromisocalendar(2026, 41, 1)  # the clocks of New York change in the fourth week
    begin = round(datetime.combine(monday, time(), zone).timestamp() * 1000)
    site = data / stores.SITE
    site.mkdir()
    (site / "node.toml").write_text(
        f'[site]\nid = "{stores.SITE}"\ntimezone = "{ZONE}"\n[pipeline]\nwindow_s = {WINDOW_MS // 1000}\n',
        encoding="utf-8",
    )
    (site / "places.geojson").write_text(json.dumps(stores.places_document()), encoding="utf-8")
    fill(site / "store.db", begin, Random(16))
    return Made(data, Exports(data, stores.SITE, ZONE))


def fill(path: Path, begin: int, random: Random) -> None:
    """Write what may have happened from a time on."""
    now = begin + (5 * 7 * 24 + 60) * HOUR_MS
    away = [(begin + hour * HOUR_MS, begin + (hour + length) * HOUR_MS) for hour, length in ((200, 3.25), (400, 40))]
    starts = [at for at in range(begin, now, WINDOW_MS) if not any(a - WINDOW_MS < at < b for a, b in away)]
    rows = [
        {
            "series": series,
            "start": at,
            "status": random.choice((WindowStatus.CLOSED, WindowStatus.REVISED)),
            "n": random.randint(0, 2),
        }
        | {"state": 4 if at < begin + random.randint(1, 60) * 12 * HOUR_MS else 0}
        for at in starts
        for series in (0, 1, 3)
    ]
    health = [
        make.health(
            device, start=at, silent=random.random() < 0.1, online=random.random() > 0.05, stuck=random.random() < 0.01,
            received=random.randint(0, 9), late=random.randint(0, 2), missing=random.randint(0, 3),
            quality=random.random(),
        )
        for at in starts
        for device in ("cam-1", "noise-1")
    ]  # fmt: skip
    results = make.results(1, now_ms=now, windows=[make.windows(*rows)], health=health)
    results.alerts = [one for number in range(400) for one in story(f"al-{number}", begin, now, random)]
    results.patrols = [plan(begin + (24 * day + 8) * HOUR_MS, day, random) for day in range(37)]
    with closing(StoreSink(path, stores.SITE)) as sink:
        sink.write([results])
        sink.put_meta("windows", [[0, WINDOW_MS // 1000, 0]])
    edges = [begin - 9, *(edge for span in away for edge in span), now]
    with closing(sqlite3.connect(path)) as store, store:
        store.execute("DELETE FROM watched")
        store.executemany("INSERT INTO watched VALUES (?, ?)", zip(edges[::2], edges[1::2], strict=True))


def story(identifier: str, begin: int, now: int, random: Random) -> list[Any]:
    kind, severity = random.choice(KINDS)
    raised = random.randrange(begin, now)
    given: dict[str, Any] = {
        "kind": kind,
        "severity": severity,
        "beat": random.choice(("b1", "b2")),
        "raised_ms": raised,
    }
    found, changed, state = [], raised, "raised"
    for revision in range(1, random.randint(2, 6)):
        by = random.choice(("", "li", "wang")) if state in {"acknowledged", "cleared"} else ""
        reason = random.choice(get_args(FalseAlarm)) if state == "cleared" and by and random.random() < 0.5 else ""
        more = {"state": state, "changed_ms": changed, "by": by, "reason": reason}
        found.append(make.alert(identifier, revision, **given, **more))
        changed += random.randrange(1, HOUR_MS)
        state = random.choice(("raised", "acknowledged", "cleared", "cleared", "expired"))
    return found


def plan(begin: int, day: int, random: Random) -> Any:
    states = ("planned", "arrived", "done", "skipped", "missed", "replaced")
    stops = [
        make.stop(
            f"s{day}-{number}", arrive_ms=begin + number * HOUR_MS, leave_ms=begin + number * HOUR_MS + 600_000,
            beat=random.choice(("b1", "b2")), state=random.choice(states), delivered_min=random.random() * 20,
        )
        for number in range(7)
    ]  # fmt: skip
    shift = {"shift": f"day-{day}", "name": random.choice(("early", "late")), "begin_ms": begin}
    return make.officer_plan(*stops, **shift, end_ms=begin + random.randint(4, 24) * HOUR_MS)


def compared(made: Made, week: str, report: dict[str, Any]) -> tuple[int, list[str]]:
    placed = ["cam-1", "noise-1"]  # of the others the store knows by a series alone, which no table has
    now = report["made_ms"] / 1000
    return differences(reckoned(made.exports, week, now, ["b1", "b2"], placed, PatrolSettings()), report)


def reported(made: Made, week: str, capsys) -> dict[str, Any]:
    assert main(["report", "week", "--week", week, "--json", "--data-dir", str(made.data)]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize(
    "week",
    [
        pytest.param("2026-W46", id="the one that runs"),
        pytest.param("2026-W44", id="with 169 hours"),
        pytest.param("2026-W43", id="with the node away"),
        pytest.param("2026-W41", id="with none before"),
    ],
)
def test_every_figure_is_what_somebody_reckons_from_the_exports(week, made, capsys):
    agree, wrong = compared(made, week, reported(made, week, capsys))
    assert wrong == []
    assert agree > 700


def test_a_figure_that_is_wrong_is_found(made, capsys):
    report = reported(made, "2026-W42", capsys)
    report["answers"]["clear"]["p90_s"] += 1.0
    report["alerts"]["beats"][0]["hours"][7] += 1
    paths = [one.split(":")[0] for one in compared(made, "2026-W42", report)[1]]
    assert paths == ["alerts.beats.b1.hours.7", "answers.clear.p90_s"]
