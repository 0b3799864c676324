"""What is kept for months and years: five-minute and daily values, made inside InfluxDB from every point.

`stream.sinks.influx.schema.COARSE` says it once; 2.x gets it as Flux tasks, 1.x as continuous queries, and
`deploy.influx.setup.downsample` does the same for the past (after a backfill, say), which neither of them looks at.
Days are those of the site. Everything may be run again: what stood there is written over.
"""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo

from stream.sinks.influx.schema import COARSE, Coarse

BACK: Final = {"5m": "1h", "1d": "3d"}
"""Width of the coarse values → how far back they are made each time, so that late additions are taken in."""


# -- 1.x: InfluxQL -------------------------------------------------------------------------------------------------


def selects(database: str, source: str, target: str, every: str, zone: str, *, where: str = "") -> dict[str, str]:
    """Return, by measurement, the query that fills a retention policy of 1.x from another one."""
    made = {}
    for name, fields in groupby(COARSE, key=lambda coarse: coarse.measurement):
        found = list(fields)
        columns = ", ".join(f"{one.function}({quoted(one.field)}) AS {quoted(one.name)}" for one in found)
        conditions = [f"{quoted(one.field)} = '{one.only}'" for one in found if one.only] + ([where] if where else [])
        made[name] = (
            f"SELECT {columns} INTO {quoted(database)}.{quoted(target)}.{quoted(name)} "
            f"FROM {quoted(database)}.{quoted(source)}.{quoted(name)}"
            + (f" WHERE {' AND '.join(conditions)}" if conditions else "")
            + f" GROUP BY time({every}), * TZ('{zone}')"
        )
    return made


def continuous_queries(database: str, source: str, targets: dict[str, str], zone: str) -> dict[str, str]:
    """Return the downsampling of 1.x, statement by name.

    `targets` gives the retention policy of each width. Each query runs as often as its width.
    """
    made = {}
    for every, policy in targets.items():
        for name, select in selects(database, source, policy, every, zone).items():
            title = f"pg_{name}_{every}"
            made[title] = (
                f"CREATE CONTINUOUS QUERY {quoted(title)} ON {quoted(database)} "
                f"RESAMPLE EVERY {every} FOR {BACK[every]} BEGIN {select} END"
            )
    return made


def quoted(name: str) -> str:
    """Return a name as InfluxQL writes it."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


# -- 2.x: Flux -----------------------------------------------------------------------------------------------------


def flux(source: str, target: str, every: str, zone: str, span: tuple[datetime, datetime] | None = None) -> str:
    """Return the Flux that fills a bucket of 2.x from another one: over a span, or over the last while (a task).

    Begins at the start of a window, so that no window is made from a part of itself.
    """
    begin = f"date.truncate(t: -{BACK[every]}, unit: {every})" if span is None else span[0].isoformat()
    end = "now()" if span is None else span[1].isoformat()
    lines = [
        'import "date"',
        'import "timezone"',
        # With a time zone the storage engine leaves windows to Flux, which is far slower: only days need one.
        *([f"option location = timezone.location(name: {json.dumps(zone)})"] if every == "1d" else []),
        f"data = from(bucket: {json.dumps(source)}) |> range(start: {begin}, stop: {end})",
    ]

    def kind(coarse: Coarse) -> tuple[str, str, str]:
        # Fields under their own names go together; one with another name or a condition goes alone.
        return (coarse.function, coarse.only, "" if coarse.name == coarse.field else coarse.name)

    for number, ((function, only, name), fields) in enumerate(groupby(sorted(COARSE, key=kind), key=kind)):
        wanted = " or ".join(
            f"(r._measurement == {json.dumps(one.measurement)} and r._field == {json.dumps(one.field)})"
            for one in fields
        )
        stages = [f"filter(fn: (r) => {wanted})"]
        if only:
            stages.append(f"filter(fn: (r) => r._value == {json.dumps(only)})")
        stages.append(f'aggregateWindow(every: {every}, fn: {function}, createEmpty: false, timeSrc: "_start")')
        if name:
            stages.append(f'set(key: "_field", value: {json.dumps(name)})')
        # What is written is also the answer: millions of rows, unless only their number is asked for.
        stages += [f"to(bucket: {json.dumps(target)})", "count()", "group()", "sum()", f'yield(name: "{number}")']
        lines.append("data |> " + " |> ".join(stages))
    return "\n".join(lines) + "\n"


# -- the past ------------------------------------------------------------------------------------------------------


def days(since_ms: int, until_ms: int, zone: str) -> Iterator[tuple[datetime, datetime]]:
    """Give the site's days that a span touches, whole, each from midnight to midnight."""
    day = datetime.fromtimestamp(since_ms / 1000, ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    while day.timestamp() * 1000 < until_ms:
        # In local time, so that a day of 23 or 25 hours is one day.
        following = (day + timedelta(days=1)).replace(fold=0)
        yield day, following
        day = following
