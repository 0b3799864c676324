"""A week's report as a whole: from the store and what stands beside it; kept in the site's folder when it is over."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from console.deliver.receipts import Receipts
from console.people.people import People
from console.people.people_file import has_file
from console.report.alerts_part import alert_part, answer_part, false_part, raised_between, stories_between
from console.report.devices_part import device_parts
from console.report.document import SPANS, PastWeek, ToldSums, UnknownPart, WeekReport
from console.report.known_hours import MOST_UNKNOWN_H, Known, hours_of, known_of, most_in
from console.report.learnt_part import Rhythms, accepted_words, known_rushes, learnt_part
from console.report.patrols_part import patrol_part, staff_part
from console.report.plain_names import PlainNames
from console.report.week import HOUR_MS, Week, week_of
from console.training.rushes import rushes
from console.training.saved_state import read_saved
from deploy.settings import Settings
from deploy.wiring import days_of
from ingest.days.patrol_settings import roster_of
from ingest.files import replace_file
from ingest.places import Places
from ingest.sqlite import StorageError
from stream.sinks.store.reader import StoreReader

FOLDER: Final = "reports"
"""In a site's folder: reports of weeks that are over, as JSON; what they rest on is not kept for ever."""
_DAY_MS: Final = 24 * HOUR_MS
_MOST_AWAY: Final = 50
_MOST_WEEKS: Final = 60
_LOG: Final = logging.getLogger(__name__)


class WeekSource(NamedTuple):
    """What a report is made from."""

    reader: StoreReader
    settings: Settings
    places: Places
    zone: ZoneInfo
    folder: Path
    """The site's."""

    def now_ms(self) -> int:
        """Return the site's time. Raises `stream.sinks.store.tables.StoreError`, where there is no store."""
        return int(self.reader.progress()["now_ms"])

    def usual_week(self) -> Week:
        """Return the newest week that is over, the running one where the site has begun in it."""
        return self.weeks()[:2][-1]

    def began_ms(self) -> int | None:
        """Return when somebody listened first; None where nobody knows."""
        ((first_ms,),) = self.reader.query("SELECT min(since_ms) FROM watched")
        return None if first_ms is None else int(first_ms)

    def weeks(self) -> list[Week]:
        """Return all weeks, the running one first, back to the first in which somebody listened; 60 at most."""
        newest = week_of(self.now_ms(), self.zone)
        first_ms = self.began_ms()
        found = [newest]
        while len(found) < _MOST_WEEKS and first_ms is not None and found[-1].begin_ms(self.zone) > first_ms:
            found.append(found[-1].shifted(-1))
        return found


def kept_report(folder: Path, week: Week) -> WeekReport | None:
    """Return the report of a week that is kept; None where there is none that this program can read."""
    try:
        return msgspec.json.decode((folder / FOLDER / f"{week}.json").read_bytes(), type=WeekReport)
    except (OSError, msgspec.MsgspecError):
        return None


def is_final(report: WeekReport) -> bool:
    """Tell whether a report changes no more: it was made a day after the week's end, or later."""
    return report.made_ms >= report.end_ms + _DAY_MS


def week_report(source: WeekSource, week: Week, check: Callable[[], None] = lambda: None) -> WeekReport:
    """Return the report of a week: the one that is kept where it was made a day after the week's end, else a new one.

    One of a week that is over is kept. `check` is called now and then, and may raise to end it.

    Raises
    ------
    stream.sinks.store.tables.StoreError
        Where the store cannot be read.
    ValueError
        For a week to come.
    """
    kept = kept_report(source.folder, week)
    if kept is not None and is_final(kept):
        return kept
    report = reckon(source, week, check)
    if report.state == "over" and report.unknown.hours < report.unknown.week_h:  # of one without data nothing is kept
        path = source.folder / FOLDER / f"{week}.json"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, msgspec.json.encode(report))
        except OSError as error:
            _LOG.warning("the report of %s cannot be kept: %s", week, error)
    return report


def reckon(source: WeekSource, week: Week, check: Callable[[], None] = lambda: None) -> WeekReport:
    """Return a report that is made now; see `week_report`."""
    reader, settings, places, zone, folder = source
    query, now_ms = reader.query, source.now_ms()
    begin_ms, end_ms = week.begin_ms(zone), week.end_ms(zone)
    if now_ms <= begin_ms:
        raise ValueError(f"{week} is a week to come; the site's time is in {week_of(now_ms, zone)}")
    span = begin_ms, min(end_ms, now_ms)
    names = PlainNames(places, _persons(source))
    known = known_of(query, *span)
    check()
    length_ms = now_ms - begin_ms if now_ms < end_ms else None
    past = [_past_week(source, week.shifted(-back), length_ms) for back in range(1, max(SPANS) + 1)]
    check()
    stories = stories_between(query, *span)
    counts = [raised_between(query, *one.span) if _counts(one) else None for _, one in past]
    check()
    devices, quality = device_parts(query, span, settings.pipeline.window_s * 1000, places.devices, names)
    check()
    learnt = learnt_part(query, span, names, accepted_words(folder, span, names), _rhythms(source, week, now_ms, names))
    weeks = [
        PastWeek(
            week=str(name),
            begin_ms=one.span[0],
            until_ms=one.span[1],
            unknown_h=round(one.unknown_h, 3),
            alerts=None if count is None else len(count),
        )
        for (name, one), count in zip(past, counts, strict=True)
    ]
    return WeekReport(
        site=settings.site.id,
        name={language: names.text(text) for language, text in places.name.items()},
        timezone=str(zone),
        week=str(week),
        begin_ms=begin_ms,
        end_ms=end_ms,
        until_ms=span[1],
        made_ms=now_ms,
        began_ms=source.began_ms(),
        state="over" if now_ms >= end_ms else "running",
        simulated=settings.clock.mode != "system",
        compared=[one for one in weeks if one.alerts is not None],
        left_out=[one for one in weeks if one.alerts is None],
        unknown=_unknown(known),
        alerts=alert_part(
            stories, counts, names, places.beats, zone, _high(len(stories), known, [one for _, one in past], counts)
        ),
        answers=answer_part(stories, names, _told(source, [one.newest.id for one in stories], span, now_ms)),
        false_alarms=false_part(stories),
        patrol=patrol_part(query, *span, names),
        staffing=staff_part(query, span, stories, len(places.beats), settings.patrol, zone, folder),
        devices=devices,
        quality=quality,
        learnt=learnt,
    )


def _persons(source: WeekSource) -> list[str]:
    """Return the names of all who are known, so that they can be left out."""
    found = [*roster_of(source.settings.patrol).officers.values()]
    if has_file(source.folder):
        try:
            found += [person.name for person in People(source.folder).all()]
        except StorageError as error:
            _LOG.warning("the accounts cannot be read, and no name of theirs is looked for: %s", error)
    return found


def _past_week(source: WeekSource, week: Week, length_ms: int | None) -> tuple[Week, Known]:
    """Return what is known of a week before: as far into it as the one that is reckoned, which may still run."""
    begin_ms, end_ms = week.begin_ms(source.zone), week.end_ms(source.zone)
    until_ms = end_ms if length_ms is None else min(begin_ms + length_ms, end_ms)
    return week, known_of(source.reader.query, begin_ms, until_ms)


def _counts(known: Known) -> bool:
    return known.unknown_h <= MOST_UNKNOWN_H


def _high(total: int, now: Known, past: list[Known], counts: list[list[Any] | None]) -> int | None:
    """Return how many alerts there may have been; None where all hours are known, or less than half of them are."""
    unknown_h = now.unknown_h
    if not unknown_h or 2 * unknown_h > now.whole_h:
        return None
    known = [
        (len(count), one.whole_h - one.unknown_h) for count, one in zip(counts, past, strict=True) if count is not None
    ] or [(total, now.whole_h - unknown_h)]
    return total + most_in(sum(count for count, _ in known), sum(hours for _, hours in known), unknown_h)


def _unknown(known: Known) -> UnknownPart:
    longest = sorted(known.away, key=lambda span: span[0] - span[1])[:_MOST_AWAY]
    return UnknownPart(
        week_h=round(known.whole_h, 3),
        hours=round(known.unknown_h, 3),
        away_h=round(hours_of(known.away), 3),
        blank_h=round(hours_of(known.blank), 3),
        away=sorted(longest),
    )


def _told(source: WeekSource, alerts: list[str], span: tuple[int, int], now_ms: int) -> ToldSums | None:
    """Return who was told; None where nobody delivers, or receipts are not kept so long."""
    if span[0] < now_ms - source.settings.deliver.keep_days * _DAY_MS:
        return None
    try:
        sums = Receipts(source.folder).sums(alerts)
    except OSError as error:
        _LOG.warning("the report of a week does not say who was told: %s", error)
        return None
    return None if sums is None else ToldSums(alerts=sums[0], messages=sums[1], open=sums[2])


def _rhythms(source: WeekSource, week: Week, now_ms: int, names: PlainNames) -> Rhythms:
    """Return the rushes that the models know; those that an earlier making of the report has found, where there is one.

    They cost more than all else. While the week runs they are not looked for, and later than a week after it not any
    more: what the models know then is not the week's.
    """
    before = kept_report(source.folder, week.shifted(-1))
    earlier = None if before is None else before.learnt.rhythms
    kept, end_ms = kept_report(source.folder, week), week.end_ms(source.zone)
    if kept is not None and kept.learnt.rhythms is not None:
        return Rhythms(kept.learnt.rhythms, earlier is not None)
    if not end_ms <= now_ms < end_ms + 7 * _DAY_MS:
        return Rhythms(None, earlier is not None)
    saved = read_saved(source.folder / "state", source.settings.pipeline.window_s)
    if not saved.counting:
        return Rhythms(None, earlier is not None)
    found = rushes(saved, days_of(source.settings), source.settings.pipeline.window_s)
    return Rhythms(known_rushes(found, earlier, names), earlier is not None)
