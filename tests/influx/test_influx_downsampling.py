"""What InfluxDB makes of every point for months and years, against values computed from what went in."""

from __future__ import annotations

import json
import re
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from functools import partial
from statistics import mean
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import urllib3

from deploy.influx.downsampling import BACK, continuous_queries, days, flux
from deploy.influx.setup import InfluxSetupError, downsample, set_up
from stream.sinks.influx.http import connect
from stream.sinks.influx.lines import point_line
from stream.sinks.influx.schema import COARSE
from tests.influx.servers import TOKEN, One, Server
from tests.support import wait_for

ZONE = "Asia/Shanghai"
MINUTE = 60
FUNCTIONS: dict[str, Callable[[Any], float]] = {"sum": sum, "mean": mean, "max": max, "min": min, "count": len}


def points(now_s: int) -> list[tuple[str, dict[str, str], dict[str, Any], int]]:
    """Some of each measurement over a day, with seconds of their own, up to a few minutes ago."""
    found: list[tuple[str, dict[str, str], dict[str, Any], int]] = []
    for n, ago in enumerate([*range(4, 50), *range(60, 1440, 37)]):
        at = now_s - ago * MINUTE - n % 7
        tags = {"site": "s", "beat": f"b{n % 2}", "device": f"d{n % 3}"}
        whole = {"in": n, "out": 2 * n, "n": 1}
        found += [
            ("people", tags, whole | {"expected": n / 8, "state": "normal"}, at),
            ("vehicles", tags | {"of": "gate"}, whole, at),
            ("level", tags | {"metric": "noise"}, {"value": 40 + n / 4, "high": 50.0 + n, "low": 30.0 - n}, at),
            ("anomaly", tags | {"kind": "surge"}, {"direction": "surge", "observed": 3.0}, at),
            ("alert", tags | {"kind": "surge"}, {"state": ("raised", "cleared")[n % 2], "revision": n}, at),
            ("device_health", tags, {"quality": 1 / (n + 1), "received": n, "missing": n % 4}, at),
            ("hotspot", {"site": "s", "cell": "c1", "beat": "b1"}, {"risk": 1 / (n + 1), "rank": 1}, at),
            ("pipeline", {"site": "s"}, {"lag_s": n / 10, "backlog_lines": n}, at),
        ]
    return found


def computed(written, every: str):
    """(Measurement, field, tags) at the start of a window → value, the plain way."""
    cells = defaultdict(list)
    for measurement, tags, fields, at in written:
        if every == "5m":
            start = at - at % (5 * MINUTE)
        else:
            day = datetime.fromtimestamp(at, ZoneInfo(ZONE)).replace(hour=0, minute=0, second=0)
            start = round(day.timestamp())
        for coarse in COARSE:
            value = fields.get(coarse.field)
            if coarse.measurement == measurement and value is not None and coarse.only in ("", value):
                cells[measurement, coarse.name, tuple(sorted(tags.items())), start].append((coarse.function, value))
    return {key: FUNCTIONS[found[0][0]]([value for _, value in found]) for key, found in cells.items()}


def stored(server: Server, database: str, every: str, since_s: int):
    """The same from the server."""
    policy = {"5m": "middle", "1d": "long"}[every]
    source = f'"{database}"."{policy}"' if isinstance(server, One) else f'"{database}_{every}".autogen'
    out = {}
    for coarse in COARSE:
        query = f'SELECT "{coarse.name}" FROM {source}."{coarse.measurement}" WHERE time >= {since_s}s GROUP BY *'  # noqa: S608 - ours
        for row in server.query(database, query):
            at, value = row.pop("time") // 1000, row.pop(coarse.name)
            tags = {name: text for name, text in row.items() if name != "measurement" and text}
            out[coarse.measurement, coarse.name, tuple(sorted(tags.items())), at] = value
    return out


def write(server: Server, database: str) -> tuple[list, int]:
    now_s = int(time.time())
    written = points(now_s)
    endpoint = connect(server.address(database))
    endpoint.write("\n".join(point_line(*point) for point in written).encode())
    endpoint.close()
    return written, now_s


def ask(server: Server, method: str, path: str, body=None):
    http = urllib3.PoolManager(retries=False, timeout=30)
    answer = http.request(method, server.url + path, json=body, headers=server.headers())
    assert answer.status < 300, answer.data
    return json.loads(answer.data)


def ended(server: Server, runs: str, run: str) -> str:
    """How a task's run ended; empty while it goes on."""
    states = {one["id"]: one["status"] for one in ask(server, "GET", runs)["runs"]}
    return states[run] if states.get(run) in ("success", "failed") else ""


def close_to(found, wanted):
    assert set(found) == set(wanted)
    for key, value in wanted.items():
        assert found[key] == pytest.approx(value), key


def recent(values, every, now_s):
    """Those that a task or a continuous query looks back at, whole."""
    back = {"5m": 55 * MINUTE, "1d": 2 * 86_400}[every]
    return {key: value for key, value in values.items() if key[3] >= now_s - back}


def test_the_tasks_of_two_point_seven_give_what_went_in(two, tmp_path):
    database = "tasks2"
    set_up(two.address(database), TOKEN, zone=ZONE)
    written, now_s = write(two, database)
    for every in BACK:
        task = ask(two, "GET", f"/api/v2/tasks?name=patrolgrid+{database}_{every}")["tasks"][0]
        run = ask(two, "POST", f"/api/v2/tasks/{task['id']}/runs", {})
        runs = f"/api/v2/tasks/{task['id']}/runs"
        assert wait_for(partial(ended, two, runs, run["id"]), "the run") == "success"
        found = stored(two, database, every, now_s - 3 * 86_400)
        close_to(recent(found, every, now_s), recent(computed(written, every), every, now_s))


def test_the_continuous_queries_of_one_point_six_give_what_went_in(one, tmp_path):
    database = "queries1"
    set_up(one.address(database), "", zone=ZONE)
    written, now_s = write(one, database)
    # As they were made, but every second: nobody waits for five minutes, or for midnight.
    policies = {"5m": "middle", "1d": "long"}
    for name, statement in continuous_queries(database, "raw", policies, ZONE).items():
        one.query(database, f'DROP CONTINUOUS QUERY "{name}" ON "{database}"')
        one.query(database, re.sub("RESAMPLE EVERY [0-9a-z]+", "RESAMPLE EVERY 1s", statement))

    def all_there(every, wanted):
        return set(wanted) <= set(recent(stored(one, database, every, now_s - 3 * 86_400), every, now_s))

    for every in BACK:
        wanted = recent(computed(written, every), every, now_s)
        wait_for(partial(all_there, every, wanted), f"values of {every}")
        close_to(recent(stored(one, database, every, now_s - 3 * 86_400), every, now_s), wanted)
    for row in one.query(database, "SHOW CONTINUOUS QUERIES"):
        if row["measurement"] == database:
            one.query(database, f'DROP CONTINUOUS QUERY "{row["name"]}" ON "{database}"')


def test_the_past_is_made_on_request_and_again(server, tmp_path):
    database = f"past{server.version}"
    set_up(server.address(database), TOKEN if server.version == "2" else "", zone=ZONE)
    written, now_s = write(server, database)
    told = []
    for since_s in (now_s - 86_400, now_s - 1):
        done = downsample(
            server.address(database), TOKEN if server.version == "2" else "", since_s * 1000, now_s * 1000,
            zone=ZONE, on_day=told.append,
        )  # fmt: skip
    assert len(told) in (3, 4)
    assert done in (1, 2)
    for every in BACK:
        close_to(stored(server, database, every, 0), computed(written, every))


def test_coarse_buckets_that_are_missing_are_told(server, tmp_path):
    database = f"bare_{server.version}"
    server.database(database)
    write(server, database)
    with pytest.raises(InfluxSetupError, match=r"not found|could not find|retention policy"):
        downsample(server.address(database), TOKEN if server.version == "2" else "", 0, 1)


def test_days_are_those_of_the_site():
    def hours(zone, since, until):
        first, last = (round(datetime.fromisoformat(text).timestamp() * 1000) for text in (since, until))
        edges = days(first, last, zone)
        return [(end.timestamp() - begin.timestamp()) / 3600 for begin, end in edges]

    assert hours("Asia/Shanghai", "2026-03-01T15:59:00Z", "2026-03-01T16:01:00Z") == [24, 24]
    assert hours("Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-30T12:00:00Z") == [23, 24]
    assert hours("Europe/Berlin", "2026-10-25T12:00:00Z", "2026-10-25T12:00:01Z") == [25]
    assert hours("Asia/Shanghai", "2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z") == [24]


def test_flux_begins_where_a_window_begins():
    assert "date.truncate(t: -1h, unit: 5m)" in flux("raw", "raw_5m", "5m", ZONE)
    assert "option location" in flux("raw", "raw_1d", "1d", ZONE)
