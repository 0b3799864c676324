"""CAP 1.2, the Common Alerting Protocol (OASIS, 2010): one file a message, and an Atom feed (RFC 4287) of the newest.

The life of an alert as CAP has it: what calls people first is an Alert, what calls them again or brings its numbers an
Update, taking it up an Ack, its end a Cancel; all of them name the messages before. Replays are Exercise.
"""

import math
from datetime import UTC, datetime, tzinfo
from html import unescape
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal
from xml.etree import ElementTree as ET

import msgspec

from console.deliver.channel import Channel, ChannelSettings, LaterError, Surroundings
from console.deliver.orders import Message
from console.deliver.wording import Writer, kind_of, place_of
from ingest.clock import wall_ms
from ingest.files import replace_file
from ingest.vocabulary import ALERT_KINDS, Severity
from stream.results import Alert
from stream.sentences import Why
from stream.sentences.languages import LANGUAGES

CAP: Final = "urn:oasis:names:tc:emergency:cap:1.2"
ATOM: Final = "http://www.w3.org/2005/Atom"
FEED: Final = "feed.xml"
_IN_FEED: Final = 100
_RADIUS_KM: Final = 0.1
_SEVERITIES: Final[dict[Severity, str]] = {"critical": "Severe", "warning": "Moderate", "info": "Minor"}
_CATEGORIES: Final = {
    "Fire": ("smoke", "heat", "fire"),
    "Security": (
        "stranger_vehicle", "tailgating", "circling", "overstay", "convoy", "tamper", "door_open", "burglary_series",
        "incident_series", "officer_help",
    ),
    "Transport": ("wrong_way",),
    "Infra": (
        "dead", "camera_fault", "gate_stuck", "level_stuck", "level_step", "level_drift", "device_fault", "silent",
        "feed_lost", "never_heard", "clock_wrong", "own_clock",
    ),
}  # fmt: skip
_CATEGORY_OF: Final = {kind: category for category, kinds in _CATEGORIES.items() for kind in kinds}
"""Kind of alert → category of CAP; Safety where it is not here."""


class CapSettings(ChannelSettings, frozen=True, kw_only=True, tag="cap"):
    """A folder that a web server, or another system, reads."""

    folder: str
    """Relative to the folder of the channels file."""
    sender: Annotated[str, msgspec.Meta(pattern=r"^[^\s,<&]{0,200}\Z")] = ""
    """Who sends, as CAP names it; empty: patrolgrid.SITE."""
    scope: Literal["Public", "Restricted", "Private"] = "Restricted"
    restriction: str = "For the police and those they inform"
    """To whom it is restricted, where the scope is Restricted."""
    addresses: str = ""
    """Whom it is for, where the scope is Private: addresses with spaces between."""
    keep: Annotated[int, msgspec.Meta(ge=10, le=100_000)] = 1_000
    """How many of the newest files are kept."""
    per_minute: int = 600

    SECRETS: ClassVar[tuple[str, ...]] = ("addresses",)
    FOLLOWS: ClassVar[bool] = True

    def mistake(self) -> str:
        """Return what cannot be meant; see `ChannelSettings.mistake`."""
        if self.scope == "Private" and not self.addresses:
            return "addresses is empty; expected addresses, which a private message has"
        return ""

    def open(self, writer: Writer, _name: str, around: Surroundings) -> Channel:
        """Return the channel; see `ChannelSettings.open`."""
        return Cap(self, writer, around)


class Cap:
    """Writes messages as files, whole or not at all, under names that stay the same."""

    def __init__(self, settings: CapSettings, writer: Writer, around: Surroundings) -> None:
        self._cap, self._writer, self._site, self._zone = settings, writer, around.site, around.zone
        self.folder = around.base / Path(settings.folder).expanduser()
        self._sender = settings.sender or f"patrolgrid.{around.site}"
        self._written: dict[str, None] | None = None
        """Names of the messages in the folder, oldest first; None before it was looked at."""
        self._entries: dict[str, ET.Element] = {}
        """The newest ones' entries in the feed."""

    def send(self, message: Message) -> str:
        """Write a message, and the feed."""
        name = f"{message.key}.xml"
        self._write(name, self.document(message))
        return name

    def check(self, text: str) -> str:
        """Write a message with the status Test, which is not in the feed."""
        root = self._head("test", _time(wall_ms(), self._zone), "Test", "Alert", [])
        _add(root, "note", text)
        self._write("test.xml", root, listed=False)
        return "test.xml"

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def document(self, message: Message) -> ET.Element:
        """Return a message as CAP."""
        alert, exercise = message.alert, self._writer.exercise
        kind = {"acknowledged": "Ack", "cleared": "Cancel", "expired": "Cancel"}.get(alert.state, "Alert")
        if kind == "Alert" and message.earlier:
            kind = "Update"
        before = [
            f"{self._sender},{alert.site}-{alert.id}-{revision},{_time(changed_ms, self._zone)}"
            for revision, changed_ms in message.earlier
        ]
        status = "Exercise" if exercise else "Actual"
        root = self._head(message.key, _time(alert.changed_ms, self._zone), status, kind, before)
        _add(root, "incidents", f"{alert.site}-{alert.id}")
        if kind != "Ack":
            first = self._writer.language
            for language in [first, *(other for other in LANGUAGES if other != first)]:
                self._info(root, alert, language, over=kind == "Cancel")
        return root

    def _head(self, identifier: str, sent: str, status: str, kind: str, before: list[str]) -> ET.Element:
        root = ET.Element("alert", {"xmlns": CAP})
        for name, text in (("identifier", identifier), ("sender", self._sender), ("sent", sent)):
            _add(root, name, text)
        for name, text in (("status", status), ("msgType", kind), ("scope", self._cap.scope)):
            _add(root, name, text)
        if self._cap.scope == "Restricted":
            _add(root, "restriction", self._cap.restriction)
        if self._cap.scope == "Private":
            _add(root, "addresses", self._cap.addresses)
        if before:
            _add(root, "references", " ".join(before))
        return root

    def _info(self, root: ET.Element, alert: Alert, language: str, *, over: bool) -> None:
        writer = Writer(language, self._zone, outside=self._writer.outside, exercise=self._writer.exercise)
        say, info = writer.say, ET.SubElement(root, "info")
        urgency = "Past" if over else "Immediate" if alert.severity == "critical" else "Expected"
        sure = "Likely" if alert.confidence >= 0.5 else "Possible"
        certainty = sure if ALERT_KINDS[alert.kind].by_model else "Observed"
        for name, text in (
            ("language", language),
            ("category", _CATEGORY_OF.get(alert.kind, "Safety")),
            ("event", say.why(kind_of(alert))),
            ("responseType", "AllClear" if over else "Assess"),
            ("urgency", urgency),
            ("severity", _SEVERITIES[alert.severity]),
            ("certainty", certainty),
            ("onset", _time(alert.cause_ms or alert.raised_ms, self._zone)),
            ("senderName", f"PatrolGrid {self._site}"),
            ("headline", writer.title(alert)),
        ):
            _add(info, name, text)
        if not self._writer.outside:
            _add(info, "description", say.why(alert.why))
        _add(info, "instruction", say.why(Why("advice", {"kind": alert.kind})))
        for name, text in (("patrolgrid.kind", alert.kind), ("patrolgrid.severity", alert.severity)):
            parameter = ET.SubElement(info, "parameter")
            _add(parameter, "valueName", name)
            _add(parameter, "value", text)
        area = ET.SubElement(info, "area")
        _add(area, "areaDesc", say.why(place_of(alert)))
        if (alert.lon or alert.lat) and math.isfinite(alert.lon) and math.isfinite(alert.lat):
            _add(area, "circle", f"{alert.lat:.6f},{alert.lon:.6f} {_RADIUS_KM:g}")

    def _write(self, name: str, root: ET.Element, *, listed: bool = True) -> None:
        try:
            replace_file(self.folder / name, _bytes(root))
            if listed:
                self._renew_feed(name)
        except OSError as error:
            self._written = None  # somebody else may have been at the folder
            raise LaterError("error", f"{error.strerror or error}") from error

    def _renew_feed(self, name: str) -> None:
        """Write the feed of the newest messages, with one that was just written, and remove the oldest files."""
        if self._written is None:
            found = [path for path in self.folder.glob(f"{self._site}-*.xml") if path.is_file()]
            found.sort(key=lambda path: (path.stat().st_mtime_ns, path.name))
            self._written, self._entries = dict.fromkeys(path.name for path in found), {}
        for names in (self._written, self._entries):
            names.pop(name, None)  # it may have been written anew
        self._written[name] = None
        for old in list(self._written)[: -self._cap.keep]:
            (self.folder / old).unlink(missing_ok=True)
            del self._written[old]
        newest = list(self._written)[: -min(_IN_FEED, self._cap.keep) - 1 : -1]
        known = self._entries
        self._entries = {one: known[one] if one in known else _entry(self.folder / one) for one in newest}
        replace_file(self.folder / FEED, _bytes(self._feed()))

    def _feed(self) -> ET.Element:
        feed = ET.Element("feed", {"xmlns": ATOM})
        _add(feed, "id", _iri(self._site))
        _add(feed, "title", f"PatrolGrid {self._site}")
        _add(feed, "updated", next((entry.findtext("updated", "") for entry in self._entries.values()), ""))
        _add(ET.SubElement(feed, "author"), "name", self._sender)
        feed.extend(self._entries.values())
        return feed


def _entry(path: Path) -> ET.Element:
    document = path.read_text(encoding="utf-8")
    sent, kind, headline = (_said(document, name) for name in ("sent", "msgType", "headline"))
    entry = ET.Element("entry")
    for name, text in (("id", _iri(path.stem)), ("title", f"{kind}: {headline or path.stem}"), ("updated", sent)):
        _add(entry, name, text)
    ET.SubElement(entry, "link", {"href": path.name, "type": "application/cap+xml"})
    return entry


def _add(parent: ET.Element, name: str, text: str) -> ET.Element:
    """Add an element with a text; what XML cannot have is left out of it."""
    child = ET.SubElement(parent, name)
    child.text = "".join(char for char in text if char.isprintable() or char in "\t\n")
    return child


def _bytes(root: ET.Element) -> bytes:
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _said(document: str, name: str) -> str:
    """Return the text of the first element of a name in a document that `_bytes` has written."""
    _, found, rest = document.partition(f"<{name}>")
    return unescape(rest.partition("<")[0]) if found else ""


def _time(ms: int, zone: tzinfo) -> str:
    """Return a time as CAP writes it: seconds, and the zone as hours and minutes."""
    try:
        return datetime.fromtimestamp(ms // 1000, zone).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC).isoformat(timespec="seconds")


def _iri(name: str) -> str:
    return f"tag:patrolgrid.invalid,2026:{name}"
