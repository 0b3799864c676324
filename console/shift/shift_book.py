"""What a shift's page shows: what happened in it, what was told and done, what is open, and who handed over to whom.

Of a shift that runs, everything up to now; of one that is over, everything up to its end, as it was known then: what
happened later belongs to a later shift.
"""

from collections.abc import Mapping
from datetime import tzinfo
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from console.deliver.mutes import mutes_of
from console.device_trouble import agent_trouble, trouble
from console.people.people import People
from console.shift.happened import (
    BookAlert,
    Patrolled,
    alerts_as_they_were,
    changed_alerts,
    gaps,
    incidents,
    open_alerts,
    patrolled,
    silent,
    urgent_first,
)
from console.shift.shift_times import ShiftSpan, ShiftTimes, times_of
from deploy.settings import Settings
from deploy.wiring import open_calendar
from ingest.clock import wall_ms
from ingest.days.calendar_file import LAST_CALENDAR, last_calendar
from ingest.days.site_calendar import CalendarEntry
from ingest.events import MOST_HANDED, StillOpen
from ingest.vocabulary import DEVICE_TROUBLES
from models.occurrences import Occurrences
from stream.sentences.catalogue import with_texts
from stream.sinks.store.book_table import book_between, handed_over, notes_of
from stream.sinks.store.reader import StoreReader

Row = dict[str, Any]
_SETTLES_MS: Final = 660_000
"""So long ago it is in the store whether a window has any data: it is closed."""
_PLANNED: Final = frozenset({"event", "maintenance"})
_TROUBLES: Final = frozenset({"offline", "silent", "stuck", "skew"})
"""What is wrong with a device for good, until somebody does something about it."""


class ShiftNow(msgspec.Struct, kw_only=True):
    """A shift."""

    id: str
    name: str
    usual: str
    """``day`` or ``night`` where the plan has no name for it, else empty."""
    begin_ms: int
    end_ms: int
    officers: list[str] = []
    """Names of those who patrol in it."""
    state: Literal["coming", "running", "over"] = "over"


class Note(msgspec.Struct, kw_only=True):
    """What somebody wrote into the book."""

    id: str
    ts: int
    by: str
    """Id of the account, or without accounts the name."""
    name: str
    """What people read."""
    note: str
    alert: str = ""
    """At which alert; empty: at none."""


class OpenThing(msgspec.Struct, kw_only=True):
    """What the next shift has to know of, beside alerts: a device without data, a mute, planned works."""

    what: Literal["device", "mute", "works"]
    id: str = ""
    where: list[str] = []
    """Ids of beats and devices; empty: all."""
    kind: str = ""
    """Of the alerts that are muted; empty: all."""
    trouble: list[str] = []
    """What is wrong with a device, as words of the catalogue."""
    text: str = ""
    by: str = ""
    begin_ms: int | None = None
    until_ms: int | None = None


class HandedThing(msgspec.Struct, kw_only=True):
    """What was open when a shift was handed over, see `ingest.events.StillOpen`."""

    what: str
    id: str
    where: str
    until_ms: int
    text: str
    words: dict[str, str] = {}
    """Of an alert: what it is, by language."""


class HandOver(msgspec.Struct, kw_only=True):
    """A shift handed over."""

    id: str
    shift: str
    ts: int
    by: str
    name: str
    to: str
    note: str
    handed: list[HandedThing]
    more: int
    """How much more was open."""
    taken_ms: int | None = None
    taken_by: str = ""
    """Name of who has read and taken it."""


class ShiftBook(msgspec.Struct, kw_only=True):
    """All of a shift's page."""

    now_ms: int
    shift: ShiftNow
    before: ShiftNow | None
    after: ShiftNow | None
    alerts: list[BookAlert]
    """What happened in the streets: the worst first, then the newest."""
    devices: list[BookAlert]
    """What happened to devices."""
    left_out: int
    """How many more alerts there were."""
    incidents: list[Row]
    """What was reported: ``id, ts, category, beat, text, provenance``, and ``words`` of the category by language."""
    patrols: list[Patrolled]
    undone: list[Row]
    """Stops that were skipped or missed: ``officer, name, place, beat, arrive_ms, state, note``."""
    gaps: list[tuple[int, int]] | None
    """From when until when (epoch ms) no data came at all; None where that is not known (any more)."""
    silent: list[Row] | None
    """Devices that sent nothing for a while: ``device, minutes``, the longest first; None where it is not known."""
    notes: list[Note]
    """Of the shift, oldest first, those at alerts included."""
    open: list[BookAlert]
    """Alerts that were still open at the end, or are: first those that nobody has taken up."""
    things: list[OpenThing]
    """What else is open; of a shift that is over its hand-over has it."""
    received: list[HandOver]
    """What the shift before has handed over to this one."""
    hand_overs: list[HandOver]
    """What this one has handed over."""


class ShiftSite(msgspec.Struct, frozen=True, kw_only=True):
    """What is the same for all shifts of a site."""

    folder: Path
    times: ShiftTimes
    zone: tzinfo
    calendar: tuple[CalendarEntry, ...] = ()
    names: Mapping[str, str] = {}
    """Id of a person or an officer → name."""


def read_site(folder: Path, settings: Settings, officers: Mapping[str, str]) -> ShiftSite:
    """Return what is the same for all shifts, from a site's settings and the files in its folder."""
    people, calendar = People(folder), last_calendar(folder / LAST_CALENDAR)
    if calendar is None:  # no node has run here yet
        calendar = open_calendar(settings, folder).calendar
    times = times_of(settings.patrol, settings.site.timezone)
    accounts = {one.id: one.name for one in people.all()} if people.anybody() else {}
    return ShiftSite(
        folder=folder, times=times, zone=times.zone, calendar=calendar.entries, names={**officers, **accounts}
    )


def shift_now(shift: ShiftSpan, site: ShiftSite, now_ms: int) -> ShiftNow:
    """Return a shift as it is told."""
    officers = [site.names.get(one, one) for one in shift.officers]
    told = ShiftNow(
        id=shift.id, name=shift.name, usual=shift.usual, begin_ms=shift.begin_ms, end_ms=shift.end_ms, officers=officers
    )
    if now_ms < shift.end_ms:
        told.state = "coming" if now_ms < shift.begin_ms else "running"
    return told


def shift_book(reader: StoreReader, site: ShiftSite, shift: ShiftSpan, now_ms: int) -> ShiftBook:
    """Return all of a shift's page, as of `now_ms` (the site's time, epoch ms). Raises `StoreError`."""
    told = shift_now(shift, site, now_ms)
    begin, until = shift.begin_ms, shift.begin_ms if told.state == "coming" else shift.end_ms
    reached = min(until, now_ms)
    before, after = site.times.beside(shift)
    changed, left_out = changed_alerts(reader.query, begin, until)
    still = [] if told.state == "coming" else open_alerts(reader.query, until)
    alerts = alerts_as_they_were(reader.query, [*changed, *still], until, site)
    notes = notes_of(reader.query, list(alerts))
    for identifier, one in alerts.items():
        one.notes = len([note for note in notes.get(identifier, []) if note["ts"] < until])
    happened = [alerts[identifier] for identifier in changed if identifier in alerts]
    patrols, undone = patrolled(reader.query, begin, reached, now_ms, site.names)
    return ShiftBook(
        now_ms=now_ms,
        shift=told,
        before=None if before is None else shift_now(before, site, now_ms),
        after=None if after is None else shift_now(after, site, now_ms),
        alerts=[one for one in happened if one.kind not in DEVICE_TROUBLES],
        devices=[one for one in happened if one.kind in DEVICE_TROUBLES],
        left_out=left_out,
        incidents=incidents(reader.query, begin, until),
        patrols=patrols,
        undone=undone,
        gaps=gaps(reader, begin, min(reached, now_ms - _SETTLES_MS)),
        silent=silent(reader, begin, until),
        notes=[note_of(row) for row in book_between(reader.query, begin, until) if row["action"] == "note"],
        open=urgent_first(alerts[one] for one in still if one in alerts and alerts[one].ended_ms is None),
        things=open_things(reader, site, shift, now_ms) if told.state == "running" else [],
        received=[] if before is None else _hand_overs(reader, site, before.id),
        hand_overs=_hand_overs(reader, site, shift.id),
    )


def handed(book: ShiftBook) -> tuple[tuple[StillOpen, ...], int]:
    """Return what a hand-over says is open, and how much more there is than it can hold."""
    things = [
        StillOpen(
            what=one.what,
            id=one.id or one.kind,
            where=" ".join(one.where)[:120],
            until_ms=one.until_ms or 0,
            text=(one.text or " ".join(one.trouble))[:80],
        )
        for one in book.things
    ]
    alerts = [StillOpen(what="alert", id=one.id) for one in book.open]
    found = [*things[: MOST_HANDED // 2], *alerts, *things[MOST_HANDED // 2 :]]
    return tuple(found[:MOST_HANDED]), max(len(found) - MOST_HANDED, 0)


def open_things(reader: StoreReader, site: ShiftSite, shift: ShiftSpan, now_ms: int) -> list[OpenThing]:
    """Return what else is open now: devices without data, mutes, what is planned up to the end of the next shift."""
    wrong: dict[tuple[str, str], list[str]] = {}
    for row in reader.health():
        wrong[row["device"], row["beat"]] = [word for word in trouble(row) if word in _TROUBLES]
    for row in reader.agents():
        wrong.setdefault((row["device"], row["beat"]), []).extend(agent_trouble(row))
    mutes = [
        OpenThing(
            what="mute",
            where=[one for one in (mute.beat, mute.device) if one],
            kind=mute.kind,
            text=mute.why,
            by=site.names.get(mute.by, mute.by),
            until_ms=mute.until_ms,
        )
        for mute in mutes_of(site.folder, wall_ms())
    ]
    after = site.times.beside(shift)[1]
    planned = Occurrences((one for one in site.calendar if one.kind in _PLANNED), site.times.zone)
    works = [
        OpenThing(what="works", where=[*one.entry.at], text=one.entry.name, begin_ms=one.start_ms, until_ms=one.end_ms)
        for one in planned.between(now_ms, after.end_ms if after else shift.end_ms)
    ]
    devices = [
        OpenThing(what="device", id=device, where=[beat], trouble=words)
        for (device, beat), words in wrong.items()
        if words
    ]
    return [*mutes, *works, *devices]


def _hand_overs(reader: StoreReader, site: ShiftSite, shift: str) -> list[HandOver]:
    rows = handed_over(reader.query, [shift])
    ids = [one["id"] for row in rows for one in row.get("handed", ()) if one["what"] == "alert"]
    bodies = reader.query(
        "SELECT id, body FROM alerts WHERE id IN (SELECT value FROM json_each(?))", (msgspec.json.encode(ids).decode(),)
    )
    words = {identifier: with_texts(msgspec.json.decode(body), site.zone)["text"] for identifier, body in bodies}
    return [
        HandOver(
            id=row["id"],
            shift=row["about"],
            ts=row["ts"],
            by=row["by"],
            name=row["name"] or row["by"],
            to=row["to"],
            note=row["note"],
            handed=[
                HandedThing(
                    what=one.what,
                    id=one.id,
                    where=one.where,
                    until_ms=one.until_ms,
                    text=one.text,
                    words=words.get(one.id, {}) if one.what == "alert" else {},
                )
                for one in msgspec.convert(row.get("handed", []), list[StillOpen])
            ],
            more=row.get("more", 0),
            taken_ms=None if row["taken"] is None else row["taken"]["ts"],
            taken_by="" if row["taken"] is None else row["taken"]["name"] or row["taken"]["by"],
        )
        for row in rows
    ]


def note_of(row: Row) -> Note:
    """Return a note as it is told, from its row in the book."""
    name = row["name"] or row["by"]
    return Note(id=row["id"], ts=row["ts"], by=row["by"], name=name, note=row["note"], alert=row["alert"])
