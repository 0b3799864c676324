"""``patrolgrid quarantine``: what could not be accepted, and sending it again once the cause is gone."""

import argparse
import base64
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any, Final

import msgspec

from console.common import (
    FoundSite,
    add_settings_arguments,
    chosen_site,
    local_time,
    print_json,
    print_table,
    reason_in_words,
    safe,
    settings_and_texts,
)
from console.errors import CommandError
from deploy.settings import Settings, at_broker
from ingest.clock import wall_ms
from ingest.gateway.quarantine import Entry, Quarantine
from ingest.mqtt import Outbound, publish_all
from ingest.topics import MAX_TOPIC, ROOT, commands, officer_of
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
    settings, texts = settings_and_texts(options)
    site = chosen_site(settings, options.site)
    if not site.quarantine.exists():
        raise CommandError(f"there is no quarantine in {site.folder}")
    with closing(Quarantine(site.quarantine)) as quarantine:
        match options.action:
            case "counts":
                _counts(quarantine, site, texts, as_json=options.json)
            case "show":
                _show(quarantine, site, options.id, texts, as_json=options.json)
            case "replay":
                _replay(quarantine, site, settings, options, texts)
            case _:
                _list(quarantine, site, settings, options, texts)
    return 0


def _document(entry: Entry) -> dict[str, Any]:
    names = ("id", "received_ms", "last_ms", "topic", "reason", "detail", "count", "size", "whole", "replayed_ms")
    payload = base64.b64encode(entry.payload).decode("ascii")
    return {name: getattr(entry, name) for name in names} | {"payload_base64": payload}


def _list(
    quarantine: Quarantine, site: FoundSite, settings: Settings, options: argparse.Namespace, texts: Sentences
) -> None:
    entries = quarantine.list(reason=options.reason, limit=options.limit, after=options.after, waiting=options.waiting)
    if options.json:
        print_json([_document(entry) for entry in entries])
    elif not entries:
        print(texts("quarantine-empty", site=site.id))
    else:
        zone = site.zone(settings)
        header = [texts(f"quarantine-col-{name}") for name in ("id", "time", "reason", "count", "topic", "detail")]
        rows = [
            (
                entry.id,
                local_time(entry.received_ms, zone),
                f"{entry.reason}: {reason_in_words(texts, entry.reason)}",
                entry.count,
                safe(entry.topic)[:_DETAIL_WIDTH],
                safe(texts.told(entry.detail))[:_DETAIL_WIDTH],
            )
            for entry in entries
        ]
        print_table(header, rows, indent="")


def _show(quarantine: Quarantine, site: FoundSite, number: int, texts: Sentences, *, as_json: bool) -> None:
    entry = quarantine.get(number)
    if entry is None:
        raise CommandError(f"site {site.id} has no entry {number} in quarantine")
    document = _document(entry)
    if as_json:
        print_json(document)
        return
    del document["payload_base64"]
    document["detail"] = texts.told(entry.detail)
    document["meaning"], document["to_do"] = reason_in_words(texts, entry.reason), texts(f"reason-do-{entry.reason}")
    for key, value in document.items():
        print(f"{key:<12} {safe(value)}")
    print(safe(entry.payload.decode("utf-8", "backslashreplace")))


def _counts(quarantine: Quarantine, site: FoundSite, texts: Sentences, *, as_json: bool) -> None:
    totals = quarantine.totals()
    if as_json:
        print_json(msgspec.to_builtins(totals))
    elif not totals:
        print(texts("quarantine-empty", site=site.id))
    else:
        header = [texts("quarantine-col-reason"), texts("quarantine-col-count")]
        print_table(
            header,
            [(f"{reason}: {reason_in_words(texts, reason)}", t.total) for reason, t in totals.items()],
            indent="",
        )
        print(texts("quarantine-total", count=sum(t.total for t in totals.values())))


def _replay(
    quarantine: Quarantine, site: FoundSite, settings: Settings, options: argparse.Namespace, texts: Sentences
) -> None:
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
        quarantine.mark_replayed(ids, wall_ms())
        try:
            _publish(whole, site.id, settings)
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


def _publish(entries: Sequence[Entry], site: str, settings: Settings) -> None:
    """Send entries once more: what people said by the account that it may come by, all else by the node's."""
    said = {entry.id for entry in entries if entry.topic == commands(site) or officer_of(entry.topic, site)}
    for broker, ours in ((settings.broker, False), (settings.people_login(), True)):
        messages = [Outbound(entry.topic, entry.payload) for entry in entries if (entry.id in said) is ours]
        if messages:
            publish_all(broker, messages)


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
    while page := quarantine.list(reason=options.reason, limit=_PAGE, after=after, waiting=True):
        yield page
        after = page[-1].id


def _publishable(topic: str) -> bool:
    """Tell whether a topic is one of ours: not a place in the log, and nothing that a broker would close on."""
    return (
        topic.startswith(f"{ROOT}/") and not set(topic) & set("#+") and topic.isprintable() and len(topic) <= MAX_TOPIC
    )
