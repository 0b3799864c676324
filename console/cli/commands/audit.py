"""``patrolgrid audit``: who saw and did what, and whether the log of it is whole."""

import argparse
import sys
from contextlib import closing
from typing import Final

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
from console.people.audit import Audit, AuditFault, Head, read_head
from console.people.caretaker import KeptHead
from console.people.people_file import PeopleFile, has_file
from deploy.settings import Settings, at_broker
from ingest.login import BrokerAddress
from ingest.mqtt import Session
from ingest.topics import audit_head
from stream.sentences.catalogue import Sentences

EXAMPLES: Final = """\
examples:
  patrolgrid audit list --limit 20                       the newest entries
  patrolgrid audit list --by li                          what one person saw and did
  patrolgrid audit verify                                is the log whole, and does it go as far as the broker knows?
  patrolgrid audit verify --head "118: 9f3c 21ab 00ff ee00 1234"    and as far as somebody wrote down?

Whoever may write the site's files could cut the log off, or make all of it anew. That shows by a head of it that was
kept elsewhere: `verify` prints one, a shift's sheet has one, and the broker keeps the newest. Exit code 1: something is
wrong with the log.
"""
_ANSWER_S: Final = 1.5
"""How long to wait for what the broker keeps; it comes right behind the subscription."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in (("list", "show entries, newest first"), ("verify", "tell whether the log is whole")):
        child = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        add_settings_arguments(child, site=True)
        child.add_argument("--json", action="store_true", help="print JSON")
        if name == "list":
            child.add_argument("--by", default="", metavar="ID", help="only what this person did")
            child.add_argument("--about", default="", metavar="ID", help="only what was done to this")
            child.add_argument("--before", type=int, default=1 << 62, metavar="N", help="begin before this entry")
            child.add_argument("--limit", type=int, default=50, metavar="N", help="most entries (default: 50)")
        else:
            child.add_argument("--head", action="append", default=[], metavar="HEAD", help="a head that was kept")
            child.add_argument("--after", type=int, default=0, metavar="N", help="faults up to this entry are known")
            child.add_argument("--no-broker", action="store_true", help="do not ask the broker for the head it keeps")


def run(options: argparse.Namespace) -> int:
    """List or verify. Raises `CommandError` where there is no log."""
    settings, site = settings_of_site(options)
    texts = texts_of(options, settings)
    if not has_file(site.folder):
        raise CommandError(texts("audit-none", site=site.id))
    with closing(PeopleFile(site.folder)) as file:
        audit = Audit(file)
        if options.action == "verify":
            return _verify(audit, options, settings, site, texts)
        _list(audit, options, settings, site, texts)
    return 0


def _verify(audit: Audit, options: argparse.Namespace, settings: Settings, site: FoundSite, texts: Sentences) -> int:
    try:
        kept = [read_head(text) for text in options.head]
    except ValueError as error:
        raise CommandError(str(error), 2) from error
    node = site.node()
    broker = at_broker(settings, None, node if node["running"] else None).people_login()
    asked = "unasked" if options.no_broker else "asked"
    if asked == "asked":
        try:
            found = _kept_at(broker, site.id)
        except (OSError, ValueError) as error:
            asked, found = "away", None
            print(texts("audit-broker-away", error=safe(error)), file=sys.stderr)
        kept += [found] if found else []
        asked = "nothing" if asked == "asked" and not found else asked
    faults = [fault for fault in audit.verify(*kept) if fault.number > options.after or fault.name]
    head = audit.head()
    if options.json:
        shown = [fault._asdict() for fault in faults]
        heads = [head._asdict() for head in kept]
        print_json({"whole": not faults, "faults": shown, "head": head._asdict(), "compared": heads, "broker": asked})
    else:
        _tell(faults, head, kept, asked, texts)
    return 1 if faults else 0


def _tell(faults: list[AuditFault], head: Head, kept: list[Head], asked: str, texts: Sentences) -> None:
    for fault in faults:
        print(texts(f"audit-fault-{fault.kind}", number=str(fault.number), name=safe(fault.name)))
    print(texts("audit-whole" if not faults else "audit-broken", count=head.number))
    if kept:
        print(texts("audit-compared", heads=", ".join(str(one.number) for one in kept)))
    if asked == "nothing":
        print(texts("audit-broker-nothing"))
    print(texts("audit-head", head=str(head)))


def _kept_at(broker: BrokerAddress, site: str) -> Head | None:
    """Return the head that the broker keeps, None where it keeps none. Raises ConnectionError, OSError, ValueError."""
    heard: list[bytes] = []
    session = Session(broker, "", filters=[audit_head(site)], on_message=lambda one: heard.append(one.payload))
    session.connect(timeout_s=5.0)
    try:
        waited = 0.0
        while not heard and waited < _ANSWER_S:
            session.wait(0.05)
            waited += 0.05
    finally:
        session.close()
    if not heard:
        return None
    found = msgspec.json.decode(heard[0], type=KeptHead)
    return Head(found.number, found.hash)


def _list(audit: Audit, options: argparse.Namespace, settings: Settings, site: FoundSite, texts: Sentences) -> None:
    found = audit.entries(limit=options.limit, by=options.by, about=options.about, before=options.before)
    if options.json:
        print_json([entry._asdict() for entry in found])
        return
    zone = site.zone(settings)
    header = [texts(f"audit-col-{name}") for name in ("number", "time", "by", "what", "about", "detail")]
    rows = [
        (
            entry.number,
            local_time(entry.at_ms, zone),
            safe(entry.by) or "-",
            texts("audit-what", what=entry.what),
            safe(entry.about),
            safe(", ".join(f"{key}={value}" for key, value in entry.detail.items() if value not in ("", None))),
        )
        for entry in found
    ]
    print_table(header, rows, indent="")
