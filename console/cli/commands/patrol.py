"""``patrolgrid patrol``: what a phone would say of an officer's stops, and what was planned and delivered."""

import argparse
import getpass
from contextlib import closing
from typing import Final

import msgspec

from console.common import (
    FoundSite,
    add_settings_arguments,
    print_json,
    print_table,
    settings_of_site,
    texts_of,
)
from console.errors import CommandError
from console.people.audit import Audit
from console.people.people_file import PeopleFile, has_file
from deploy.settings import Settings, at_broker
from deploy.wiring import make_clock
from ingest import topics
from ingest.days.patrol_settings import roster_of
from ingest.events import DidWhat, PatrolDid
from ingest.mqtt import Outbound, publish_all
from ingest.topics import ID_PATTERN
from stream.sentences.catalogue import Sentences
from stream.sinks.store.patrol_tables import shares
from stream.sinks.store.reader import StoreReader

EXAMPLES: Final = """\
examples:
  patrolgrid plan shift                                  shows the stops: planned and delivered
  patrolgrid patrol arrive p1 p1-0735-3fa2
  patrolgrid patrol done p1 p1-0735-3fa2 --note "all quiet"
  patrolgrid patrol skip p1 p1-0735-3fa2 --note "street closed"
  patrolgrid patrol help p1                              raises an alert at once
  patrolgrid patrol away p1                              called away: the plan is made again
  patrolgrid patrol back p1
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
    child = actions.add_parser("share", help="each beat's share of patrol beside its share of reports")
    add_settings_arguments(child, site=True)
    child.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Say what was done, or show it. Raises `CommandError`."""
    settings, site = settings_of_site(options)
    texts = texts_of(options, settings)
    if options.action == "share":
        _share(options, site, texts)
    else:
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
            raise CommandError(f"officer {officer} has no stop {stop!r}; `patrolgrid plan shift` shows the stops")
    node = site.node()
    settings = at_broker(settings, options.broker, node if node["running"] else None)
    said = {name: value for name, value in msgspec.to_builtins(did).items() if value and name != "officer"}
    publish_all(settings.people_login(), [Outbound(topics.patrol_did(site.id, officer), msgspec.json.encode(said))])
    if has_file(site.folder):
        with closing(PeopleFile(site.folder)) as file:
            Audit(file).note(f"cli:{getpass.getuser()}", "did", stop or officer, done=what, officer=officer)
    print(texts("patrol-said", officer=known.get(officer, officer), what=texts(f"patrol-{what}"), stop=stop))


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
