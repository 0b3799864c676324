"""``patrolgrid deliver run|test|list``: alerts to chat groups, mail and other systems."""

import argparse
import getpass
import logging
import re
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple
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
from console.deliver.channel import ChannelRefusedError, ChannelSettings, LaterError, Surroundings
from console.deliver.channel_file import Declared, open_channel, read_channels
from console.deliver.message_links import MessageLinks
from console.deliver.mutes import LONGEST_MS, Mute, Mutes, mutes_of
from console.deliver.outbox_file import STATUS
from console.deliver.receipts import Receipts
from console.deliver.service import Deliverer, Limits
from console.deliver.telling import RecentPeople, Telling
from console.deliver.worker import FAULTS
from console.errors import CommandError
from console.people.people import People
from console.report.monday import WeekTeller, attached
from deploy.node.lock import is_locked, site_lock
from deploy.processes import StopRequest
from deploy.settings import Settings, at_broker
from ingest.clock import wall_ms
from ingest.days.telling_settings import rules_of, with_file
from ingest.files import read_json
from ingest.setup.settings import SettingsError
from ingest.vocabulary import ALERT_KINDS
from stream.sentences.catalogue import Sentences

EXAMPLES: Final = """\
examples:
  patrolgrid deliver test                    try every channel with a test message; what is wrong, in words
  patrolgrid deliver test duty               only this one
  patrolgrid deliver run                     deliver until Ctrl-C or SIGTERM (patrolgrid up does so by itself)
  patrolgrid deliver list                    channels, what waits, the newest receipts, how often each person was told
  patrolgrid deliver mute --device smoke-3 --for 2h --why "painting"

Channels stand in a file of their own, with their keys (deliver.channels_file); [telling] says who is told of what.
docs/deliver.md has an example of every kind.
"""
_LOG: Final = logging.getLogger(__name__)
_DAY_MS: Final = 86_400_000
_SHOWN: Final = 20
_PEOPLE_S: Final = 10.0
_EDITS_S: Final = 1.0


class _Tried(NamedTuple):
    """How the test of a channel ended."""

    channel: str
    ok: bool
    why: str
    said: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in (
        ("run", "deliver alerts until asked to stop"),
        ("test", "send a test through every channel, and say what is wrong"),
        ("list", "show the channels, what waits, who has been told, and how often each person was"),
        ("mute", "tell nobody of some alerts for a while; what still holds at the end is told"),
        ("unmute", "end a mute"),
    ):
        child = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        add_settings_arguments(child, site=True)
        if name == "test":
            child.add_argument("channels", nargs="*", metavar="CHANNEL", help="only these (default: all)")
        if name == "mute":
            for part in ("beat", "kind", "device"):
                child.add_argument(f"--{part}", default="", metavar="ID", help=f"only alerts of this {part}")
            child.add_argument("--for", dest="span", required=True, metavar="TIME", help="such as 90m, 2h or 1d")
            child.add_argument("--why", required=True, metavar="TEXT", help="what is done there")
        if name == "unmute":
            child.add_argument("number", type=int, metavar="N", help="its number in the list")
        if name in {"test", "list"}:
            child.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Do what was asked for."""
    settings, site = settings_of_site(options, new=True)
    settings, texts = at_broker(settings, None, site.node()), texts_of(options, settings)
    if options.action in {"mute", "unmute"}:
        return _mute(options, settings, site, texts)
    declared = read_channels(settings.channels_file)
    if options.action == "list":
        return _list(options, settings, site, declared, texts)
    if not declared:
        print(texts("deliver-none", file=str(settings.channels_file)))
        return 1
    around = surroundings(settings, site)
    if options.action == "test":
        return _test(options, declared, around, texts)
    report = [sys.executable, "-m", "console.cli", "report", "week"]
    report += ["--data-dir", str(settings.data.dir), "--site", site.id]
    report += ["--config", str(options.config)] if options.config else []
    return _run(settings, declared, around, texts, report)


def surroundings(settings: Settings, site: FoundSite) -> Surroundings:
    """Return what channels need of a site."""
    deliver = settings.deliver
    exercise = settings.clock.mode != "system" if deliver.exercise == "auto" else deliver.exercise == "yes"
    zone, language = ZoneInfo(settings.site.timezone), settings.site.language
    links = MessageLinks(deliver.board_url, People(site.folder))
    base, files = settings.channels_file.parent, partial(attached, site.folder)
    return Surroundings(site.id, zone, language, settings.broker, exercise, base, links, files)


def telling_of(settings: Settings, declared: Declared) -> Telling:
    """Return the rules of telling, with the site's people as they are at most ten seconds ago."""
    people, known = People(settings.site_dir), RecentPeople(_PEOPLE_S)
    zone = ZoneInfo(settings.site.timezone)
    return Telling(rules_of(with_file(settings.telling)), declared, zone, lambda: known.of(people.all))


def _mute(options: argparse.Namespace, settings: Settings, site: FoundSite, texts: Sentences) -> int:
    by, people = f"cli:{getpass.getuser()}", People(site.folder)
    with closing(Mutes(site.folder)) as mutes:
        if options.action == "unmute":
            if not mutes.remove(options.number, wall_ms()):
                raise CommandError(f"there is no mute {options.number}; `patrolgrid deliver list` shows them")
            about, what = str(options.number), {}
            print(texts("deliver-unmuted", number=about))
        else:
            if options.kind and options.kind not in ALERT_KINDS:
                raise CommandError(f"--kind {options.kind!r} is not known, expected one of {', '.join(ALERT_KINDS)}", 2)
            until_ms = wall_ms() + _span_ms(options.span)
            what = {"beat": options.beat, "kind": options.kind, "device": options.device}
            about = str(mutes.add(Mute(0, until_ms, options.beat, options.kind, options.device, by, options.why)))
            until = local_time(until_ms, ZoneInfo(settings.site.timezone), "%Y-%m-%d %H:%M")
            print(texts("deliver-muted", number=about, until=until))
    if people.anybody():
        people.audit.note(by, options.action, about, **what)
    return 0


def _span_ms(text: str) -> int:
    """Return the milliseconds of ``90m``, ``2h`` or ``1d``. Raises `CommandError` above a week."""
    found = re.fullmatch(r"(\d{1,5})([mhd])", text)
    span_ms = int(found[1]) * {"m": 60_000, "h": 3_600_000, "d": _DAY_MS}[found[2]] if found else 0
    if not 0 < span_ms <= LONGEST_MS:
        raise CommandError(f"--for {text!r}: expected a time of up to a week, such as 90m, 2h or 1d", 2)
    return span_ms


def _run(settings: Settings, declared: Declared, around: Surroundings, texts: Sentences, report: Sequence[str]) -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    deliver = settings.deliver
    telling = telling_of(settings, declared)
    zone = ZoneInfo(settings.site.timezone)
    limits = Limits(round(deliver.hand_on_s * 1000), round(deliver.keep_days * _DAY_MS))
    with StopRequest() as stop, site_lock(settings.site_dir, "deliver"):
        if not with_file(settings.telling).rules:
            print(texts("deliver-no_rules"))
        while not stop.asked:
            edits = _Edits(*filter(None, (settings.channels_file, settings.telling.file)))
            with ExitStack() as stack:
                made = Deliverer(settings.site_dir, declared, around, telling, limits)
                deliverer = stack.enter_context(closing(made))
                week = WeekTeller(settings.site_dir, around.site, zone, telling, deliverer, report)
                stack.enter_context(closing(week))
                deliverer.start()
                week.start()
                print(texts("deliver-runs", channels=", ".join(declared)), flush=True)
                while not (edits.came() or stop.asked):
                    deliverer.step()
            if not stop.asked:
                declared, telling = _edited(settings, declared, telling)
    return 0


class _Edits:
    """Tells whether files were edited since; looked at now and then."""

    def __init__(self, *paths: Path) -> None:
        self._paths, self._next = paths, 0.0
        self._seen = self._stamps()

    def came(self) -> bool:
        """Tell whether it is another one by now; a file that is gone for a moment is still the same."""
        if time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + _EDITS_S
        return any(now is not None and now != seen for now, seen in zip(self._stamps(), self._seen, strict=True))

    def _stamps(self) -> list[tuple[int, int, int] | None]:
        return [_stamp(path) for path in self._paths]


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_mode


def _edited(settings: Settings, declared: Declared, telling: Telling) -> tuple[Declared, Telling]:
    """Return channels and rules as they were edited; those before where the edit is a mistake, which is said."""
    try:
        found = read_channels(settings.channels_file)
        return found, telling_of(settings, found)
    except SettingsError as error:
        _LOG.warning("what was before stays in use: %s", error)
        return declared, telling


def _test(options: argparse.Namespace, declared: Declared, around: Surroundings, texts: Sentences) -> int:
    unknown = [name for name in options.channels if name not in declared]
    if unknown:
        raise ValueError(f"there is no channel {unknown[0]!r}; there is: {', '.join(declared)}")
    chosen = {name: declared[name] for name in options.channels or declared}
    with ThreadPoolExecutor(max_workers=len(chosen)) as pool:  # one that hangs holds up no other
        tried = list(pool.map(partial(_try, around), chosen, chosen.values()))
    failed = [one for one in tried if not one.ok]
    if options.json:
        print_json({"ok": not failed, "channels": [one._asdict() for one in tried]})
        return 1 if failed else 0
    for one in tried:
        if declared[one.channel].in_clear():
            print(texts("deliver-clear", channel=one.channel))
        if one.ok:
            print(texts("deliver-test-ok", channel=one.channel, said=safe(texts.told(one.said))))
        else:
            why, todo = texts("deliver-why", why=one.why), texts("deliver-do", why=one.why)
            said = safe(texts.told(one.said))
            print(texts("deliver-test-bad", channel=one.channel, why=why, said=said, todo=todo))
    return 1 if failed else 0


def _try(around: Surroundings, name: str, settings: ChannelSettings) -> _Tried:
    said, why = "", ""
    try:
        channel = open_channel(name, settings, around)
        try:
            language = settings.language or around.language
            said = channel.check(Sentences(language)("deliver-test-words", site=around.site))
        finally:
            channel.close()
    except (LaterError, ChannelRefusedError) as error:
        why, said = error.why, error.said
    except SettingsError as error:
        why, said = "refused", str(error)
    except FAULTS as error:
        why, said = "fault", f"{type(error).__name__}: {error}"
    for secret in settings.secrets():
        said = said.replace(secret, "…")
    return _Tried(name, not why, why, said)


def _list(
    options: argparse.Namespace, settings: Settings, site: FoundSite, declared: Declared, texts: Sentences
) -> int:
    receipts, status = Receipts(site.folder), read_json(site.folder / STATUS)
    waiting, newest = receipts.waiting(), receipts.newest(_SHOWN)
    running = is_locked(site.folder, "deliver")
    channels: list[dict[str, Any]] = [
        {
            "id": name,
            "kind": str(one.__struct_config__.tag),
            "where": one.where,
            "next": one.next,
            "waiting": waiting.get(name, 0),
            "trouble": _trouble(status, name) if running else "",
        }
        for name, one in declared.items()
    ]
    persons = _persons(settings, site, declared) if declared else []
    mutes = mutes_of(site.folder, wall_ms())
    if options.json:
        told = [{"alert": alert, **msgspec.to_builtins(receipt)} for alert, receipt in newest]
        document = {"file": settings.channels_file, "running": running, "channels": channels, "receipts": told}
        print_json({**document, "persons": persons, "mutes": [mute._asdict() for mute in mutes]})
        return 0
    print(texts("deliver-running" if running else "deliver-stopped"))
    if not declared:
        print(texts("deliver-none", file=str(settings.channels_file)))
    columns = ("channel", "kind", "where", "next", "waits", "why")
    print_table(
        [texts(f"deliver-col-{name}") for name in columns],
        [
            (
                *(one["id"], one["kind"], texts(f"deliver-where-{one['where']}"), one["next"], one["waiting"]),
                safe(texts.told(one["trouble"])),
            )
            for one in channels
        ],
    )  # fmt: skip
    if not with_file(settings.telling).rules:
        print(texts("deliver-no_rules"))
    if not newest:
        print(texts("deliver-nothing"))
    zone = ZoneInfo(settings.site.timezone)
    for mute in mutes:
        only = " ".join(part for part in (mute.beat, mute.kind, mute.device) if part)
        until = local_time(mute.until_ms, zone, "%Y-%m-%d %H:%M")
        print(texts("deliver-mute", number=str(mute.number), only=only, until=until, by=mute.by, why=safe(mute.why)))
    print_table(
        [texts(f"deliver-col-{name}") for name in ("person", "messages", "hours", "rate", "critical", "budget")],
        [
            (one["id"], one["messages"], f"{one['hours']:.1f}", f"{one['per_hour']:.2f}", one["critical"],
             texts("deliver-over") if one["over"] else "")
            for one in persons
        ],
    )  # fmt: skip
    print_table(
        [texts(f"deliver-col-{name}") for name in ("when", "alert", "channel", "state", "why")],
        [
            (local_time(one.at_ms, zone), f"{alert}/{one.revision}", one.channel,
             texts("deliver-state", state=one.state), _because(texts, one.why, one.said))
            for alert, one in newest
        ],
    )  # fmt: skip
    return 0


def _persons(settings: Settings, site: FoundSite, declared: Declared) -> list[dict[str, Any]]:
    """Return how often each person was told in the last day, and whether that is more than can be answered."""
    now_ms = wall_ms()
    since_ms, found = now_ms - _DAY_MS, []
    telling = telling_of(settings, declared)
    for person, (messages, critical) in sorted(Receipts(site.folder).by_person(since_ms).items()):
        hours = (telling.on_duty_ms(person, since_ms, now_ms) or _DAY_MS) / 3_600_000
        rate = messages / hours
        found.append(
            {
                "id": person,
                "messages": messages,
                "critical": critical,
                "hours": round(hours, 2),
                "per_hour": round(rate, 3),
                "over": rate > settings.telling.per_hour,
            }
        )
    return found


def _trouble(status: dict[str, Any], name: str) -> str:
    channels = status.get("channels")
    found = channels.get(name) if isinstance(channels, dict) else None
    return str(found.get("trouble") or "") if isinstance(found, dict) else ""


def _because(texts: Sentences, why: str, said: str) -> str:
    words, said = texts("deliver-why", why=why) if why else "", texts.told(said)
    return safe(f"{words} ({said})" if words and said else words or said)
