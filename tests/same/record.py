"""A day of the simulated quarter as a neutral recording: what came to a gateway, when, and what happened to the node.

A gzip file of JSON lines. The first is the header (site, places, calendar, plate key), every other is a list that
begins with what it is:

* ``["message", received_ms, topic, payload as base64, retained]``
* ``["flush", ms]``: the gateway writes what it has; shards that got nothing are told the time
* ``["tick", ms]``: nothing came, all shards are told the time
* ``["history", ms, windows]``: the baselines are taught windows of the days before
* ``["model", ms, rows]``: a forest is trained on these rows, by the tree that is driven, and handed to the pipeline
* ``["poison", ms, kind of record, payload as base64]``: a record in the log that is none
* ``["restart", ms]``: gateway and pipeline start again, the pipeline from its snapshot

Nothing in it is of a log's format or names a module, so trees of any time can read it.
"""

import base64
import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from simulators.devices.faults import FaultRates, skews
from simulators.devices.messages import Post, SimulatedMessage, live
from simulators.devices.warm_start import history
from simulators.world.life import World
from simulators.world.neighbourhood import Neighbourhood, places_geojson, quarter
from simulators.world.rhythm import LocalDays
from simulators.world.scenarios import Schedule
from tests.same.mishaps import Mishaps
from tests.same.past import model_rows, taught

SITE: Final = "quarter"
FORMAT: Final = 1
FLUSH_MS: Final = 5_000
_QUIET_MS: Final = 20 * 60_000
"""Time alone at the end: every window closes, and what is silent is found silent."""
_WINDOW_S: Final = 300
_MODEL_DAYS: Final = 5
"""Fewer days before teach no forest."""
_AT_ONCE: Final = 400
"""Messages of the days before between two flushes."""

Event = list[Any]
Header = dict[str, Any]


def record(
    hours: float = 24.0,
    seed: int = 7,
    *,
    days: float = 7.0,
    start: str = "2026-11-20 18:00",
    set_back: bool = True,
) -> tuple[Header, list[Event]]:
    """Return header and events of some hours, behind some days that are history. The same arguments, the same day.

    With `set_back` the gateway's clock is ahead for a while, and then set back.
    """
    site = quarter()
    origin = round(datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(site.timezone)).timestamp() * 1000)
    header: Header = {
        "format": FORMAT,
        "site": SITE,
        "timezone": site.timezone,
        "country": site.country,
        "window_s": _WINDOW_S,
        "hours": hours,
        "days": days,
        "seed": seed,
        "start_ms": origin,
        "plate_key": ["0a1b", "same" * 8],
        "places": places_geojson(),
    }
    return header, list(_events(site, hours, days, seed, origin, set_back=set_back))


def write(path: Path, header: Header, events: Iterable[Event]) -> None:
    """Write a recording; the same one gives the same bytes."""
    with path.open("wb") as file, gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
        for line in (header, *events):
            packed.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")


def message(received_ms: int, topic: str, payload: bytes, *, retained: bool = False) -> Event:
    """Return the event of a message."""
    return ["message", received_ms, topic, base64.b64encode(payload).decode(), retained]


def _events(
    site: Neighbourhood, hours: float, days: float, seed: int, origin: int, *, set_back: bool
) -> Iterator[Event]:
    rates = FaultRates()
    calendar = LocalDays(site.timezone, site.country)
    spared = frozenset(skews(site, rates, seed))
    schedule = Schedule(site, calendar, seed=seed, origin_ms=origin, spared=spared)
    post = Post(site, site_id=SITE, seed=seed, origin_ms=origin, rates=rates)
    world = World(site, calendar, seed=seed, origin_ms=origin, schedule=schedule)
    past = list(history(world, post, days=days, end_ms=origin)) if days else []
    portions = taught(past, site, _WINDOW_S * 1000)
    yield from _before(past, portions, site, origin)
    length = round(hours * 3_600_000)
    mishaps = Mishaps(SITE, site, origin, length, set_back=set_back)
    if days >= _MODEL_DAYS:
        mishaps.at(0.1, lambda now: [["model", now, model_rows(portions, origin)]])
    if portions:
        # Half of it is known by then: a site that is taught twice.
        mishaps.at(0.55, lambda now: [["history", now, portions[-1]]])
    messages = (one for one in live(world, post, origin + length) if one.course != "lost")
    yield from _through(messages, mishaps, origin)


def _before(
    past: list[SimulatedMessage], portions: list[dict[str, Any]], site: Neighbourhood, origin: int
) -> Iterator[Event]:
    """Teach the counts of the days before as history; gate passes and incidents are sent afterwards, backfilled."""
    for portion in portions:
        yield ["history", origin, portion]
    sent = 0
    for one in past:
        if one.device < 0 or site.specs[one.device].device.type != "camera":
            yield message(origin, one.topic, one.payload)
            sent += 1
            if sent % _AT_ONCE == 0:
                yield ["flush", origin]
    yield ["flush", origin]


def _through(messages: Iterable[SimulatedMessage], mishaps: Mishaps, origin: int) -> Iterator[Event]:
    due = origin + FLUSH_MS

    def shown() -> int:
        return due + mishaps.ahead_ms(due)

    def flush() -> Iterator[Event]:
        yield from mishaps.due(due, shown())
        yield ["flush", shown()]

    for one in messages:
        while one.at >= due:
            yield from flush()
            due += FLUSH_MS
        for payload in mishaps.on_the_way(one):
            yield message(shown(), one.topic, payload)
    yield from mishaps.due(due + _QUIET_MS, shown())
    yield ["flush", shown()]
    for now in range(due, due + _QUIET_MS, 60_000):
        yield ["tick", now]


def with_commands(events: Iterable[Event], alerts: Iterable[tuple[str, int]], commands_topic: str) -> Iterator[Event]:
    """Yield events with what people did about some of the alerts that a first pass raised.

    `alerts` are (id, when it was raised). Every third is acknowledged a minute later, every sixth twice, and every
    fifth is cleared four minutes after it was raised; then somebody wants to clear one that never was.
    """
    waiting = _orders(alerts)
    for event in events:
        if event[0] == "flush":
            while waiting and waiting[0][0] <= event[1]:
                _, said = waiting.pop(0)
                yield message(event[1], commands_topic, json.dumps({**said, "ts": event[1]}).encode())
        yield event


def _orders(alerts: Iterable[tuple[str, int]]) -> list[tuple[int, dict[str, str]]]:
    found: list[tuple[int, dict[str, str]]] = []
    add: Callable[[tuple[int, dict[str, str]]], None] = found.append
    for number, (alert, raised_ms) in enumerate(sorted(alerts, key=lambda one: (one[1], one[0]))):
        if number % 3 == 0:
            said = {"id": f"ack-{number}", "action": "acknowledge", "alert": alert, "by": "chen", "note": "on the way"}
            add((raised_ms + 60_000, said))
            if number % 6 == 0:
                add((raised_ms + 90_000, said))
        if number % 5 == 1:
            said = {"id": f"clear-{number}", "action": "clear", "alert": alert, "by": "ada", "note": "吉A12345 left"}
            add((raised_ms + 240_000, said))
        if number == 2:
            add((raised_ms + 60_000, {"id": "no-such", "action": "clear", "alert": "0" * 16, "by": "ada"}))
    return sorted(found, key=lambda one: one[0])
