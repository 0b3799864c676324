"""``patrolgrid patrol``: what a phone would say of an officer's stops, and what was planned and delivered."""

import argparse
from collections.abc import Sequence
from contextlib import closing
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from console.common import (
    FoundSite,
    add_settings_arguments,
    local_time,
    print_json,
    print_table,
    safe,
    settings_of_site,
    texts_of,
)
from console.errors import CommandError
from deploy.settings import Settings, at_broker
from deploy.wiring import make_clock
from ingest import topics
from ingest.days.patrol_settings import roster_of
from ingest.events import DidWhat, PatrolDid
from ingest.mqtt import Outbound, publish_all
from ingest.topics import ID_PATTERN
from stream.sentences.catalogue import Sentences
from stream.sinks.store.patrol_tables import delivered, read_plans, shares
from stream.sinks.store.reader import StoreReader

EXAMPLES: Final = """\
examples:
  patrolgrid patrol list                                 the running shift: planned and delivered, stop by stop
  patrolgrid patrol arrive p1 p1-0735-3fa2
  patrolgrid patrol done p1 p1-0735-3fa2 --note "all quiet"
  patrolgrid patrol skip p1 p1-0735-3fa2 --note "street closed"
  patrolgrid patrol help p1                              raises an alert at once
  patrolgrid patrol away p1 / patrol back p1             called away: the plan is made again
  patrolgrid patrol share                                each beat's share of patrol beside its share of reports
"""
_DID: Final[dict[str, tuple[DidWhat, str]]] = {
    "arrive": ("arrived", "an officer has arrived at a stop"),
    "done": ("done", "an officer is done with a stop"),
    "skip": ("skipped", "an officer skips a stop; say why with --note"),
    "help": ("help", "an officer needs help: an alert is raised"),
    "away": ("away", "an officer is called away"),
    "back": ("back", "an officer is back"),
}
_OF_STOPS: Final = frozenset({"arrive", "done", "skip"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, (_, summary) in _DID.items():
        child = actions.add_parser(name, help=summary)
        add_settings_arguments(child, site=True)
        child.add_argument("officer", metavar="OFFICER")
        if name in _OF_STOPS:
            child.add_argument("stop", metavar="STOP")
        child.add_argument("--note", default="", metavar="TEXT", help="what is going on, or why")
        child.add_argument("--broker", metavar="HOST:PORT", help="broker (default: the running node's)")
    for name, summary in (
        ("list", "the running shift's stops, or the next one's, planned and delivered"),
        ("share", "each beat's share of patrol beside its share of reports"),
    ):
        child = actions.add_parser(name, help=summary)
        add_settings_arguments(child, site=True)
        child.add_argument("--json", action="store_true", help="print JSON")
        if name == "list":
            child.add_argument("--officer", metavar="OFFICER", help="only this officer's")


def run(options: argparse.Namespace) -> int:
    """Say what was done, or show it. Raises `CommandError`."""
    settings, site = settings_of_site(options)
    texts = texts_of(options, settings)
    match options.action:
        case "list":
            _list(options, settings, site, texts)
        case "share":
            _share(options, site, texts)
        case _:
            _say(options, settings, site, texts)
    return 0


def _say(options: argparse.Namespace, settings: Settings, site: FoundSite, texts: Sentences) -> None:
    officer, what = options.officer, _DID[options.action][0]
    known = roster_of(settings.patrol).officers
    if not ID_PATTERN.match(officer) or (known and officer not in known):
        raise CommandError(f"there is no officer {officer!r}; known are {', '.join(known) or 'none'} (patrol.officers)")
    stop = getattr(options, "stop", "")
    clock = make_clock(settings)
    now_ms = clock.now_ms() if clock.live else None
    try:
        did = msgspec.convert({"what": what, "stop": stop, "ts": now_ms, "note": options.note}, PatrolDid)
    except msgspec.ValidationError as error:
        raise CommandError(str(error), 2) from error
    if stop:
        with closing(StoreReader(site.store)) as reader:
            found = reader.query("SELECT officer FROM patrol_stops WHERE id = ?", (stop,))
        if found != [(officer,)]:
            raise CommandError(f"officer {officer} has no stop {stop!r}; `patrolgrid patrol list` shows the stops")
    node = site.node()
    settings = at_broker(settings, options.broker, node if node["running"] else None)
    said = {name: value for name, value in msgspec.to_builtins(did).items() if value and name != "officer"}
    publish_all(settings.people_login(), [Outbound(topics.patrol_did(site.id, officer), msgspec.json.encode(said))])
    print(texts("patrol-said", officer=known.get(officer, officer), what=texts(f"patrol-{what}"), stop=stop))


def _list(options: argparse.Namespace, settings: Settings, site: FoundSite, texts: Sentences) -> None:
    zone = site.zone(settings)
    with closing(StoreReader(site.store)) as reader:
        plans = read_plans(reader.query, at_ms=reader.progress()["now_ms"], officer=options.officer)
        begin, end = (min(p["begin_ms"] for p in plans), max(p["end_ms"] for p in plans)) if plans else (0, 0)
        sums = delivered(reader.query, begin, end, by="officer")
    if options.json:
        print_json({"plans": plans, "delivered": sums})
        return
    if not plans:
        print(texts("plan-none", site=site.id))
        return
    for plan in plans:
        name = roster_of(settings.patrol).officers.get(plan["officer"], plan["officer"])
        print(texts("plan-of-shift", **_shift(plan, zone)) + f" · {safe(name)}")
        header = [texts(f"patrol-col-{one}") for one in ("stop", "time", "place", "kind", "state", "minutes", "note")]
        print_table(header, [_row(stop, zone, texts) for stop in plan["stops"]])
    for one in sums:
        if options.officer in {None, one["officer"]}:
            print(_sum(one, texts))


def _shift(plan: dict[str, Any], zone: ZoneInfo) -> dict[str, str]:
    begin, end = (local_time(plan[f"{one}_ms"], zone, "%Y-%m-%d %H:%M") for one in ("begin", "end"))
    return {"name": safe(plan["name"]), "begin": begin, "end": end, "solver": plan["solver"]}


def _row(stop: dict[str, Any], zone: ZoneInfo, texts: Sentences) -> Sequence[str]:
    place = stop["place"].get(texts.language) or stop["place"].get("en", "")
    planned = (stop["leave_ms"] - stop["arrive_ms"]) / 60_000
    return (
        stop["id"],
        f"{local_time(stop['arrive_ms'], zone, '%H:%M')}-{local_time(stop['leave_ms'], zone, '%H:%M')}",
        safe(place),
        texts(f"stop-{stop['kind']}"),
        texts(f"stop-{stop['state']}"),
        f"{stop['delivered_min']:.0f}/{planned:.0f}",
        safe(stop["note"]),
    )


def _sum(one: dict[str, Any], texts: Sentences) -> str:
    return texts(
        "patrol-sum",
        officer=safe(one["officer"]),
        done=one["done"],
        stops=one["stops"],
        delivered=round(one["delivered_min"]),
        planned=round(one["planned_min"]),
    )


def _share(options: argparse.Namespace, site: FoundSite, texts: Sentences) -> None:
    with closing(StoreReader(site.store)) as reader:
        found = shares(reader.query)
    if options.json:
        print_json(found)
    elif not found:
        print(texts("patrol-no-share", site=site.id))
    else:
        header = [texts(f"patrol-col-{one}") for one in ("beat", "patrol", "reported", "minutes")]
        rows = [
            (one["beat"], f"{one['patrol']:.0%}", f"{one['reported']:.0%}", f"{one['minutes']:.0f}") for one in found
        ]
        print_table(header, rows, indent="")
        print(texts("patrol-share-means"))
