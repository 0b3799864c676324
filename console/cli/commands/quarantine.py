"""``patrolgrid quarantine``: what could not be accepted, and sending it again once the cause is gone."""

from __future__ import annotations

import argparse
import base64
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from console.common import (
    FoundSite,
    add_settings_arguments,
    chosen_site,
    print_json,
    print_table,
    safe,
    settings_of,
    texts_of,
)
from console.errors import CommandError
from deploy.settings.load import at_broker
from deploy.settings.sections import Settings
from ingest.gateway.quarantine import Entry, Quarantine
from ingest.mqtt.publisher import publish_all
from ingest.topics import MAX_TOPIC, ROOT
from stream.sentences.catalogue import Sentences

EXAMPLES: Final = """\
examples:
  patrolgrid quarantine counts                           how many of each reason
  patrolgrid quarantine list --reason clock --limit 20
  patrolgrid quarantine show 17                          all that is known of one, with its bytes
  patrolgrid quarantine replay 17 18                     publish them again, as they came
  patrolgrid quarantine replay --reason places           all of one reason, after the places file was corrected

What is replayed goes through the gateway again: what is accepted now is stored, the rest comes back.
"""
_DETAIL_WIDTH: Final = 60
_PAGE: Final = 500


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, summary in (
        ("list", "entries, oldest first"),
        ("show", "one entry with its bytes"),
        ("counts", "how many came for each reason"),
        ("replay", "publish entries again"),
    ):
        child = actions.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        add_settings_arguments(child, site=True)
        child.add_argument("--json", action="store_true", help="print JSON")
        if name in {"list", "replay"}:
            child.add_argument("--reason", metavar="WORD", help="only entries with this reason")
        if name == "list":
            child.add_argument("--limit", type=int, default=50, metavar="N", help="most entries (default: 50)")
            child.add_argument("--after", type=int, default=0, metavar="ID", help="begin behind this entry")
            child.add_argument("--waiting", action="store_true", help="leave out what was replayed already")
        if name == "show":
            child.add_argument("id", type=int)
        if name == "replay":
            child.add_argument("id", type=int, nargs="*")
            child.add_argument("--all", action="store_true", help="everything that was not replayed yet")
            child.add_argument("--broker", metavar="HOST:PORT", help="broker (default: the running node's)")


def run(options: argparse.Namespace) -> int:
    """Do what is asked with the quarantine of a site."""
    settings = settings_of(options)
    site = chosen_site(settings, options.site)
    texts = texts_of(options, settings)
    path = site.folder / "quarantine.db"
    if not path.exists():
        raise CommandError(f"there is no quarantine in {site.folder}")
    quarantine = Quarantine(path)
    try:
        match options.action:
            case "counts":
                return _counts(quarantine, site, texts, as_json=options.json)
            case "show":
                return _show(quarantine, site, options.id, as_json=options.json)
            case "replay":
                return _replay(quarantine, site, settings, options, texts)
            case _:
                return _list(quarantine, site, settings, options, texts)
    finally:
        quarantine.close()


def _document(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "received_ms": entry.received_ms,
        "last_ms": entry.last_ms,
        "topic": entry.topic,
        "reason": entry.reason,
        "detail": entry.detail,
        "count": entry.count,
        "size": entry.size,
        "whole": entry.whole,
        "replayed_ms": entry.replayed_ms,
        "payload_base64": base64.b64encode(entry.payload).decode("ascii"),
    }


def _list(
    quarantine: Quarantine, site: FoundSite, settings: Settings, options: argparse.Namespace, texts: Sentences
) -> int:
    entries = quarantine.list(reason=options.reason, limit=options.limit, after=options.after, waiting=options.waiting)
    if options.json:
        print_json([_document(entry) for entry in entries])
        return 0
    if not entries:
        print(texts("quarantine-empty", site=site.id))
        return 0
    zone = ZoneInfo(str(site.node().get("timezone") or settings.site.timezone))
    print_table(
        [texts(f"quarantine-col-{name}") for name in ("id", "time", "reason", "count", "topic", "detail")],
        [
            (
                entry.id,
                datetime.fromtimestamp(entry.received_ms / 1000, zone).strftime("%Y-%m-%d %H:%M:%S"),
                entry.reason,
                entry.count,
                safe(entry.topic)[:_DETAIL_WIDTH],
                safe(entry.detail)[:_DETAIL_WIDTH],
            )
            for entry in entries
        ],
        indent="",
    )
    return 0


def _show(quarantine: Quarantine, site: FoundSite, number: int, *, as_json: bool) -> int:
    entry = quarantine.get(number)
    if entry is None:
        raise CommandError(f"site {site.id} has no entry {number} in quarantine")
    document = _document(entry)
    if as_json:
        print_json(document)
        return 0
    del document["payload_base64"]
    for key, value in document.items():
        print(f"{key:<12} {safe(value)}")
    print(safe(entry.payload.decode("utf-8", "backslashreplace")))
    return 0


def _counts(quarantine: Quarantine, site: FoundSite, texts: Sentences, *, as_json: bool) -> int:
    totals = quarantine.totals()
    if as_json:
        print_json(
            {reason: {"total": t.total, "dropped": t.dropped, "replayed": t.replayed} for reason, t in totals.items()}
        )
    elif not totals:
        print(texts("quarantine-empty", site=site.id))
    else:
        header = [texts("quarantine-col-reason"), texts("quarantine-col-count")]
        print_table(header, [(reason, t.total) for reason, t in totals.items()], indent="")
        print(texts("quarantine-total", count=sum(t.total for t in totals.values())))
    return 0


def _replay(
    quarantine: Quarantine, site: FoundSite, settings: Settings, options: argparse.Namespace, texts: Sentences
) -> int:
    if not options.id and not options.reason and not options.all:
        raise CommandError("name entries, or --reason WORD, or --all", code=2)
    node = site.node()
    settings = at_broker(settings, options.broker, node if node["running"] else None)
    sent = passed_by = 0
    for batch in _chosen(quarantine, site, options):
        whole = [entry for entry in batch if entry.whole and _publishable(entry.topic)]
        passed_by += len(batch) - len(whole)
        # Marked first: whatever is wrong still comes back as the same entry, and is waiting again.
        ids = [entry.id for entry in whole]
        quarantine.mark_replayed(ids, time.time_ns() // 1_000_000)
        try:
            publish_all(settings.broker, ((entry.topic, entry.payload) for entry in whole))
        except BaseException:  # also Ctrl-C: what may not have been sent has to wait for the next attempt
            quarantine.mark_replayed(ids, None)
            raise
        sent += len(whole)
    if options.json:
        print_json({"sent": sent, "passed_by": passed_by})
    else:
        print(texts("quarantine-replayed", count=sent, host=settings.broker.host, port=str(settings.broker.port)))
        if passed_by:
            print(texts("quarantine-cut", count=passed_by))
    return 0


def _chosen(quarantine: Quarantine, site: FoundSite, options: argparse.Namespace) -> Iterator[Sequence[Entry]]:
    """Yield the entries to replay, in pages. What comes back meanwhile is behind them and not taken again."""
    if options.id:
        found = [(number, quarantine.get(number)) for number in options.id]
        unknown = [str(number) for number, entry in found if entry is None]
        if unknown:
            raise CommandError(f"site {site.id} has no entry {', '.join(unknown)} in quarantine")
        yield [entry for _, entry in found if entry is not None]
        return
    after = 0
    while True:
        page = quarantine.list(reason=options.reason, limit=_PAGE, after=after, waiting=True)
        if not page:
            return
        yield page
        after = page[-1].id


def _publishable(topic: str) -> bool:
    """Tell whether a topic is one of ours: not a place in the log, and nothing that a broker would close on."""
    return (
        topic.startswith(f"{ROOT}/") and not set(topic) & set("#+") and topic.isprintable() and len(topic) <= MAX_TOPIC
    )
