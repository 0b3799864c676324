"""``patrolgrid listen DEVICE``: what a device sends, as it comes, and what becomes of it."""

import argparse
import json
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from console.common import (
    FoundSite,
    add_settings_arguments,
    local_time,
    print_table,
    reason_in_words,
    safe,
    settings_of_site,
    texts_of,
)
from console.errors import CommandError
from console.hearing import DeviceTally, Heard, HeardRow, Hearing, concerns, zone_of
from console.width import cells
from deploy.processes import StopRequest
from deploy.settings import Settings, at_broker
from deploy.wiring import make_clock
from ingest import topics
from ingest.clock import wall_ms
from ingest.gateway.places_file import LAST_GOOD, PlacesFile
from ingest.gateway.plate_keys import FilePlates, command_keys
from ingest.gateway.plates import PlateKeyError, Plates
from ingest.mqtt import Inbound, Session
from ingest.mqtt.inbox import Inbox
from ingest.places import CLOCK_OFFSET, PlacesError
from ingest.setup.extras import MissingExtraError

EXAMPLES: Final = """\
examples:
  patrolgrid listen camera-01                            until Ctrl-C, which sums it up
  patrolgrid listen camera-01 --count 3                  three messages
  patrolgrid listen --all --seconds 60                   every device for a minute
  patrolgrid listen --all --json | jq -c '.refused'      one line of JSON a message

It works before the places file knows the device: then it says what that file needs. Nothing is stored or kept; number
plates are shown as tokens. docs/devices.md says what a device may send.
"""
_SHOWN: Final = 400
_MISSED: Final = 20
_QUIET_S: Final = 20.0
_DOUBT_S: Final = 120.0
_ANY: Final = "#"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_settings_arguments(parser, site=True)
    parser.add_argument("device", nargs="?", metavar="DEVICE", help="id of a device, or of an officer")
    parser.add_argument("--all", action="store_true", help="every device of the site")
    parser.add_argument("--seconds", type=float, metavar="S", help="stop after so many seconds (default: on Ctrl-C)")
    parser.add_argument("--count", type=int, metavar="N", help="stop after so many messages")
    parser.add_argument("--broker", metavar="HOST:PORT", help="broker (default: the running node's, or the settings')")
    parser.add_argument("--json", action="store_true", help="print a line of JSON for each message")


def run(options: argparse.Namespace) -> int:
    """Listen until asked to stop; return 1 where nothing came."""
    if bool(options.device) == options.all:
        raise CommandError("name one device, or --all", code=2)
    settings, site = settings_of_site(options, new=True)
    node = site.node()
    settings = at_broker(settings, options.broker, node if node["running"] else None)
    with _said_here():
        return _listen(options, settings, site, running=node["running"])


@contextmanager
def _said_here() -> Iterator[None]:
    """Keep the log quiet: what it would warn of is said here, in the reader's language."""
    log = logging.getLogger("ingest")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def _listen(options: argparse.Namespace, settings: Settings, site: FoundSite, *, running: bool) -> int:
    inbox = Inbox(settings.gateway.max_payload_bytes, settings.gateway.max_payload_bytes * 64)
    with closing(_subscribed(settings, inbox, options.device)) as session, StopRequest() as stop:
        listener = _Listener(options, settings, site)
        listener.begin(str(settings.broker), running=running)
        until = time.monotonic() + (options.seconds or 1e9)
        while not stop.asked and time.monotonic() < until and listener.left != 0:
            message = inbox.take()
            if message is None:
                listener.quiet(session)
                inbox.wait(min(0.3, max(until - time.monotonic(), 0.0)))
            else:
                listener.take(message)
        inbox.close()
    listener.end()
    return 0 if listener.tallies else 1


def _subscribed(settings: Settings, inbox: Inbox, device: str | None) -> Session:
    """Return a running session that hears all the broker has: a device may publish where it should not.

    Of the brokers that do not allow that, one asks for what is below the site. Raises ConnectionError.
    """
    below, misses = topics.everything(settings.site.id), topics.near_misses(settings.site.id)
    narrow = Session(settings.broker, "", filters=[below], also=misses, on_message=inbox.put)
    session = narrow if device is None else Session(settings.broker, "", filters=[_ANY], on_message=inbox.put)
    try:
        session.connect()
    except ConnectionError:
        if session is narrow or not session.refused:
            raise
        session = narrow
        session.connect()
    session.start()
    return session


class _Listener:
    """Says what is heard, in the reader's language or as JSON."""

    def __init__(self, options: argparse.Namespace, settings: Settings, site: FoundSite) -> None:
        self.device, self._json, self.left = options.device, options.json, options.count
        self._settings, self._zone = settings, site.zone(settings)
        self._texts = texts_of(options, settings)
        clock = make_clock(settings)
        zone = ZoneInfo(settings.site.timezone)
        self._hearing = Hearing(settings.site.id, settings.gateway, clock, _plates(settings), _keys(settings), zone)
        self._places = PlacesFile(settings.places_file, site.folder / LAST_GOOD)
        self.tallies: dict[str, DeviceTally] = {}
        self._asked_for: set[tuple[str, str]] = set()
        self._heard_at = time.monotonic()
        self._trouble = ""
        try:
            self._hearing.go_by(self._places.load())
        except (PlacesError, OSError) as error:
            self._say("listen-no_places", problem=str(error))

    def begin(self, broker: str, *, running: bool) -> None:
        """Say what is listened for, and where it belongs."""
        site, places = self._settings.site.id, self._hearing.places
        if self.device is None:
            self._say("listen-begin-all", site=site, broker=broker, devices=len(places.devices))
        else:
            place = self._hearing.known(self.device)
            self.device = place.id if place else self.device
            topic = topics.observations(site, place.beat if place else "BEAT", self.device)
            self._say("listen-begin", device=self.device, broker=broker, topic=topic)
            officers = {one.partition(":")[0].strip() for one in self._settings.patrol.officers}
            if place is None and self.device not in officers:
                self._say("listen-unknown", device=self.device, file=str(self._places.path))
        if not running:
            self._say("listen-no_node")

    def quiet(self, session: Session) -> None:
        """Say what to look for when nothing has come for a while, and when the connection breaks."""
        if session.trouble != self._trouble:
            self._trouble = session.trouble
            if self._trouble:
                self._say("listen-trouble", trouble=self._trouble)
        if time.monotonic() - self._heard_at > _QUIET_S and not self.tallies:
            self._heard_at = float("inf")
            self._say("listen-quiet", device=self.device or "DEVICE", seconds=_QUIET_S)

    def take(self, message: Inbound) -> None:
        """Say what has come, and what becomes of it."""
        topic = message.topic.decode("utf-8", "replace")
        if topics.is_output(topic, self._hearing.site) and not topic.endswith("/health"):
            return
        if self.device is not None and not concerns(topic, self.device):
            return
        edited = self._places.look()
        if edited is not None:
            self._hearing.go_by(edited)
            self._say("listen-places", devices=len(edited.devices))
        heard = self._hearing.hear(topic, message.payload, retained=message.retain)
        tally = self.tallies.setdefault(heard.device or heard.leaf, DeviceTally(heard.at_ms))
        tally.add(heard)
        self._heard_at = time.monotonic()
        self.left = None if self.left is None else self.left - 1
        if self._json:
            found = msgspec.to_builtins(heard) | {"offset_s": heard.offset_s, "feature": self._hearing.feature(heard)}
            print(json.dumps(found, ensure_ascii=False), flush=True)
            return
        self._tell(heard)
        sys.stdout.flush()

    def end(self) -> None:
        """Sum up by device."""
        if self._json or not self.tallies:
            return
        texts = self._texts
        columns = ("device", "messages", "stored", "rate", "clock", "refused")
        print_table(
            [texts(f"listen-col-{name}") for name in columns],
            [
                (
                    safe(device), tally.messages, tally.observations,
                    "—" if tally.per_minute is None else f"{tally.per_minute:.1f}",
                    "—" if tally.offset_s is None else f"{tally.offset_s:+.1f} s",
                    ", ".join(f"{reason_in_words(texts, one)} {count}" for one, count in tally.refused.items()) or "—",
                )
                for device, tally in sorted(self.tallies.items())
            ],
            indent="",
        )  # fmt: skip
        missed = [] if self.device else [name for name in self._hearing.places.devices if name not in self.tallies]
        if missed:
            self._say("listen-missed", count=len(missed), devices=", ".join(missed[:_MISSED]))

    # -- one message ---------------------------------------------------------------------------------------------------

    def _tell(self, heard: Heard) -> None:
        texts = self._texts
        head = [local_time(heard.at_ms, self._zone, "%H:%M:%S"), safe(heard.topic)]
        head.append(texts("listen-size", bytes=heard.size))
        print(*head, *([texts("listen-kept")] if heard.retained else []))
        if self.device is not None or heard.refused:
            raw = heard.payload if len(heard.payload) <= _SHOWN else heard.payload[:_SHOWN] + "…"
            self._line("raw", safe(raw))
        for one in dict.fromkeys(heard.refused):
            self._line(
                "refused", texts("listen-why", reason=reason_in_words(texts, one.reason), detail=safe(one.detail))
            )
            if not heard.belongs:
                self._line("do", texts(f"reason-do-{one.reason}"))
        for row in heard.rows:
            said = texts("listen-row", row=self._row(row), when=self._when(heard, row), number=self._number(row))
            self._line("if" if heard.unknown else "stored", said)
        for kind in heard.other:
            self._line("taken", texts(f"listen-{kind}"))
        if heard.repeats:
            self._line("stored", texts("listen-repeats", count=heard.repeats))
        if heard.ignored:
            self._line("ignored", texts("listen-nobody"))
        self._advise(heard)

    def _advise(self, heard: Heard) -> None:
        """Say what the places file needs, and what is odd about the clock and the units; each once."""
        if heard.belongs and self._first("belongs", heard.topic):
            self._line("do", self._texts("listen-belongs", topic=heard.belongs))
        feature = self._hearing.feature(heard)
        if feature is not None and self._first("feature", f"{heard.beat} {heard.device}"):
            if heard.beat not in self._hearing.places.beats:
                known = ", ".join(self._hearing.places.beats) or "—"
                self._line("do", self._texts("listen-beat", beat=heard.beat, known=known))
            self._line("do", self._texts("listen-feature", file=str(self._places.path)))
            print("  " + json.dumps(feature, ensure_ascii=False))
        for row in heard.rows:
            if row.odd_unit and self._first("unit", f"{heard.device} {row.metric}"):
                metric = self._word("metric", row.metric)
                self._line("note", self._texts("listen-unit", unit=safe(row.text), metric=metric))
        offset_s = heard.offset_s
        if offset_s is None or abs(offset_s) <= _DOUBT_S:
            return
        zone = zone_of(offset_s)
        if self._first("clock", f"{heard.device} {zone}"):
            code = "listen-clock-ahead" if offset_s > 0 else "listen-clock-behind"
            self._line("note", self._texts(code, off_s=abs(offset_s)))
            if zone is not None:
                setting = f'"{CLOCK_OFFSET}": {zone:.0f}'
                self._line("do", self._texts("listen-clock-zone", hours=abs(zone) / 3600, setting=setting))

    def _row(self, row: HeardRow) -> str:
        texts = self._texts
        if row.kind == "count":
            return texts(
                "listen-row-count",
                of=texts("counted", metric=row.metric),
                **{"in": row.a, "out": row.b},
                interval=f"{row.interval_s:g}",
            )
        if row.kind == "gate":
            vehicle, way = self._word("vehicle", row.metric), self._word("direction", row.direction)
            return texts("listen-row-gate", vehicle=vehicle, direction=way, token=row.text or "—")
        if row.kind == "level":
            unit = row.text or self._word("unit", row.metric, known=True)
            return texts("listen-row-level", metric=self._word("metric", row.metric), value=f"{row.a:g}", unit=unit)
        return texts("listen-row-state", metric=self._word("metric", row.metric), word=self._word("value", row.text))

    def _when(self, heard: Heard, row: HeardRow) -> str:
        texts = self._texts
        if row.timeless:
            return texts("listen-when-none")
        gone_s = (heard.at_ms - row.ts_ms) / 1000
        time_of_day = local_time(row.ts_ms, self._zone, "%H:%M:%S" if abs(gone_s) < 43_200 else "%Y-%m-%d %H:%M:%S")
        code = "listen-when-behind" if gone_s >= 0 else "listen-when-ahead"
        return texts(code, time=time_of_day, gone_s=abs(gone_s))

    def _number(self, row: HeardRow) -> str:
        if row.seq is None:
            return self._texts("listen-unnumbered")
        return self._texts("listen-number", seq=str(row.seq), boot=safe(row.boot) or "—")

    def _word(self, group: str, word: str, *, known: bool = False) -> str:
        """Return a code in words: itself where it has none, or nothing where only a `known` one will do."""
        found = self._texts(f"board-{group}-{word}")
        return found if found != f"board-{group}-{word}" else "" if known else safe(word)

    def _line(self, label: str, text: str) -> None:
        head = self._texts(f"listen-label-{label}")
        print(f"  {head}{' ' * (9 - cells(head))}{text}")

    def _say(self, code: str, **args: object) -> None:
        print(self._texts(code, **args), file=sys.stderr if self._json else sys.stdout, flush=True)

    def _first(self, what: str, about: str) -> bool:
        known = (what, about) in self._asked_for
        self._asked_for.add((what, about))
        return not known


def _plates(settings: Settings) -> Plates | None:
    """Return what makes the tokens that the store has, None where the keys cannot be read or there are none yet."""
    try:
        return FilePlates(settings.plate_key_file, wall_ms(), settings.seal_key_file)
    except (PlateKeyError, OSError, MissingExtraError):
        return None


def _keys(settings: Settings) -> tuple[bytes, ...]:
    try:
        return command_keys(settings.command_key_file) if settings.command_key_file.exists() else ()
    except (PlateKeyError, OSError):
        return ()
