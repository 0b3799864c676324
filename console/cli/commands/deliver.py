"""``patrolgrid deliver run|test|list``: alerts to chat groups, mail and other systems."""

import argparse
import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial
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
from console.deliver.channel import ChannelSettings, LaterError, RefusedError, Surroundings
from console.deliver.channel_file import Declared, open_channel, read_channels
from console.deliver.receipts import Receipts
from console.deliver.service import STATUS, Deliverer, Limits
from console.deliver.telling import SEVERITIES, Telling
from console.deliver.worker import FAULTS
from deploy.node.lock import is_locked, site_lock
from deploy.processes import StopRequest
from deploy.settings import Settings, at_broker
from ingest.files import read_json
from ingest.setup.settings import SettingsError
from stream.sentences.catalogue import Sentences

EXAMPLES: Final = """\
examples:
  patrolgrid deliver test                    try every channel with a test message; what is wrong, in words
  patrolgrid deliver test duty               only this one
  patrolgrid deliver run                     deliver until Ctrl-C or SIGTERM (patrolgrid up does it by itself)
  patrolgrid deliver list                    channels, what waits, and the newest receipts

Channels stand in a file of their own, with their keys (deliver.channels_file); [deliver] says which severity goes
where. docs/deliver.md has an example of every kind.
"""
_DAY_MS: Final = 86_400_000
_SHOWN: Final = 20


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
        ("list", "show the channels, what waits, and who has been told"),
    ):
        child = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        add_settings_arguments(child, site=True)
        if name == "test":
            child.add_argument("channels", nargs="*", metavar="CHANNEL", help="only these (default: all)")
        if name != "run":
            child.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Do what was asked for."""
    settings, site = settings_of_site(options, new=True)
    settings, texts = at_broker(settings, None, site.node()), texts_of(options, settings)
    declared = read_channels(settings.channels_file)
    if options.action == "list":
        return _list(options, settings, site, declared, texts)
    if not declared:
        print(texts("deliver-none", file=str(settings.channels_file)))
        return 1
    around = surroundings(settings, site)
    if options.action == "test":
        return _test(options, declared, around, texts)
    return _run(settings, declared, around, texts)


def surroundings(settings: Settings, site: FoundSite) -> Surroundings:
    """Return what channels need of a site."""
    deliver = settings.deliver
    exercise = settings.clock.mode != "system" if deliver.exercise == "auto" else deliver.exercise == "yes"
    zone, language = ZoneInfo(settings.site.timezone), settings.site.language
    return Surroundings(site.id, zone, language, settings.broker, exercise, settings.channels_file.parent)


def _run(settings: Settings, declared: Declared, around: Surroundings, texts: Sentences) -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    deliver = settings.deliver
    routes = {severity: getattr(deliver, severity) for severity in SEVERITIES}
    telling = Telling(routes, declared)
    limits = Limits(round(deliver.hand_on_s * 1000), round(deliver.keep_days * _DAY_MS))
    with StopRequest() as stop, site_lock(settings.site_dir, "deliver"):
        deliverer = Deliverer(settings.site_dir, declared, around, telling, limits)
        deliverer.start()
        try:
            for severity in SEVERITIES[:2]:
                if not routes[severity]:
                    print(texts("deliver-mute", severity=severity))
            print(texts("deliver-runs", channels=", ".join(declared)), flush=True)
            while not stop.asked:
                deliverer.step()
        finally:
            deliverer.close()
    return 0


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
            print(texts("deliver-test-ok", channel=one.channel, said=safe(one.said)))
        else:
            why, todo = texts("deliver-why", why=one.why), texts("deliver-do", why=one.why)
            print(texts("deliver-test-bad", channel=one.channel, why=why, said=safe(one.said), todo=todo))
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
    except (LaterError, RefusedError) as error:
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
            "severities": [severity for severity in SEVERITIES if name in getattr(settings.deliver, severity)],
            "next": one.next,
            "waiting": waiting.get(name, 0),
            "trouble": _trouble(status, name) if running else "",
        }
        for name, one in declared.items()
    ]
    if options.json:
        told = [{"alert": alert, **msgspec.to_builtins(receipt)} for alert, receipt in newest]
        print_json({"file": settings.channels_file, "running": running, "channels": channels, "receipts": told})
        return 0
    print(texts("deliver-running" if running else "deliver-stopped"))
    if not declared:
        print(texts("deliver-none", file=str(settings.channels_file)))
    columns = ("channel", "kind", "where", "severities", "next", "waits", "why")
    print_table(
        [texts(f"deliver-col-{name}") for name in columns],
        [
            (one["id"], one["kind"], one["where"], ", ".join(one["severities"]), one["next"], one["waiting"],
             safe(one["trouble"]))
            for one in channels
        ],
    )  # fmt: skip
    if not newest:
        print(texts("deliver-nothing"))
    zone = ZoneInfo(settings.site.timezone)
    print_table(
        [texts(f"deliver-col-{name}") for name in ("when", "alert", "channel", "state", "why")],
        [
            (local_time(one.at_ms, zone), f"{alert}/{one.revision}", one.channel,
             texts("deliver-state", state=one.state), _because(texts, one.why, one.said))
            for alert, one in newest
        ],
    )  # fmt: skip
    return 0


def _trouble(status: dict[str, Any], name: str) -> str:
    channels = status.get("channels")
    found = channels.get(name) if isinstance(channels, dict) else None
    return str(found.get("trouble") or "") if isinstance(found, dict) else ""


def _because(texts: Sentences, why: str, said: str) -> str:
    words = texts("deliver-why", why=why) if why else ""
    return safe(f"{words} ({said})" if words and said else words or said)
