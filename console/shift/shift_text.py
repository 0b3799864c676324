"""A shift's book as text, in the words of its page."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Final

from console.common import safe
from console.shift.happened import BookAlert
from console.shift.shift_book import HandOver, OpenThing, ShiftBook
from ingest.places import Places
from stream.sentences.catalogue import Sentences

_MOST: Final = 40


class ShiftText:
    """Writes the lines of a book in one language, with the times of a zone."""

    def __init__(self, texts: Sentences, zone: tzinfo, places: Places) -> None:
        self._texts, self._zone, self._places = texts, zone, places

    def lines(self, book: ShiftBook) -> Iterator[str]:
        """Yield the lines of a book."""
        page, shift = self._page, book.shift
        name = shift.name or self._texts(f"board-shiftname-{shift.usual}")
        begin, end = self._time(shift.begin_ms), self._time(shift.end_ms)
        yield page("title", name=safe(name), day=f"{self._at(shift.begin_ms):%Y-%m-%d}", begin=begin, end=end)
        yield page(f"state_{shift.state}", time=self._time(book.now_ms))
        yield from (line for one in book.received for line in self._hand_over(one))
        title = page("was_open_title" if shift.state == "over" else "open")
        things = [self._thing(one) for one in book.things]
        yield from self._list(title, [*map(self._alert, book.open), *things], page("nothing_open"))
        notes = [f"{self._time(one.ts)}  {safe(one.name)}: {_on_one_line(one.note)}" for one in book.notes]
        yield from self._list(page("notes"), notes, page("no_notes"))
        yield from self._list(page("alerts"), [*map(self._alert, book.alerts)], page("no_alerts"), book.left_out)
        reports = [
            f"{self._time(row['ts'])}  {safe(self._texts.pick(row['words']))} {safe(row['text'])}".rstrip()
            for row in book.incidents
        ]
        yield from self._list(page("reports"), reports, page("no_reports"))
        patrols = [
            f"{safe(one.name)}: "
            + page("patrol", done=one.done, stops=one.stops, missed=one.missed, skipped=one.skipped,
                  delivered=round(one.delivered_min), planned=round(one.planned_min))
            for one in book.patrols
        ]  # fmt: skip
        yield from self._list(page("patrols"), patrols, page("no_patrols"))
        yield from self._list(page("devices"), [*map(self._alert, book.devices)], page("no_devices"))
        gaps = [
            f"{self._time(begin)}–{self._time(end)}  " + page("gap", span=self._minutes((end - begin) / 60_000))
            for begin, end in book.gaps or ()
        ]
        silent = [
            f"{self._device(row['device'])}: " + page("silent", span=self._minutes(row["minutes"]))
            for row in book.silent or ()
        ]
        unknown = "data_unknown" if book.gaps is None else "silent_unknown" if book.silent is None else "no_gaps"
        yield from self._list(page("data"), [*gaps, *silent], page(unknown))
        for one in book.hand_overs:
            yield from self._hand_over(one)

    def _list(self, title: str, rows: Sequence[str], empty: str, more: int = 0) -> Iterator[str]:
        yield f"{title}: {empty}" if not rows else f"{title} ({len(rows) + more})"
        yield from (f"  {row}" for row in rows[:_MOST])
        if len(rows) + more > _MOST and rows:
            yield "  " + self._page("further", n=len(rows) + more - min(len(rows), _MOST))

    def _alert(self, one: BookAlert) -> str:
        page = self._page
        severity = self._texts(f"board-severity-{one.severity}")
        place = self._texts.pick(one.place) or self._device(one.device)
        kind = self._texts("kind", kind=one.kind)
        parts = [f"{self._time(one.raised_ms)}  {severity}: {kind}, {safe(place)}"]
        if one.acknowledged_ms:
            parts.append(page("taken", by=safe(one.acknowledged_by), time=self._time(one.acknowledged_ms)))
        if one.ended_ms and one.ended_by:
            parts.append(page("cleared", by=safe(one.ended_by), time=self._time(one.ended_ms)))
        elif one.ended_ms:
            parts.append(page("ended", time=self._time(one.ended_ms)))
        elif not one.acknowledged_ms:
            parts.append(page("unanswered"))
        if one.reason:
            parts.append(self._texts(f"board-false-{one.reason}"))
        if one.note:
            parts.append(safe(f"“{one.note}”"))
        return " · ".join(parts)

    def _thing(self, one: OpenThing) -> str:
        texts, page = self._texts, self._page
        where = texts("board-list-comma").join(map(self._name, one.where)) or page("everywhere")
        if one.what == "device":
            trouble = texts("board-list-comma").join(texts(f"board-trouble-{word}") for word in one.trouble)
            return page("open_device", device=self._device(one.id), trouble=trouble)
        end = self._time(one.until_ms or 0)
        if one.what == "mute":
            kind = texts("kind", kind=one.kind) if one.kind else page("all_kinds")
            return page(
                "open_mute", kind=kind, where=where, time=end, why=safe(one.text) or "—", by=safe(one.by) or "—"
            )
        return page("open_works", name=safe(one.text), where=where, begin=self._time(one.begin_ms or 0), end=end)

    def _hand_over(self, one: HandOver) -> Iterator[str]:
        page, time = self._page, self._time(one.ts)
        if one.to:
            yield page("handed_to", by=safe(one.name), to=safe(one.to), time=time)
        else:
            yield page("handed", by=safe(one.name), time=time)
        yield "  " + (_on_one_line(one.note) or page("no_words"))
        if one.handed:
            yield "  " + page("was_open", n=len(one.handed) + one.more)
        if one.taken_ms is None:
            yield "  " + page("not_taken")
        else:
            yield "  " + page("taken_by", by=safe(one.taken_by), time=self._time(one.taken_ms))

    def _page(self, name: str, /, **values: object) -> str:
        return self._texts(f"board-shift-{name}", **values)

    def _at(self, ms: int) -> datetime:
        return datetime.fromtimestamp(ms / 1000, UTC).astimezone(self._zone)

    def _time(self, ms: int) -> str:
        return f"{self._at(ms):%H:%M}"

    def _minutes(self, minutes: float) -> str:
        return self._texts("board-span-m", n=round(minutes))

    def _device(self, identifier: str) -> str:
        device = self._places.devices.get(identifier)
        return safe(self._texts.pick(device.name) or identifier) if device is not None else safe(identifier)

    def _name(self, identifier: str) -> str:
        beat = self._places.beats.get(identifier)
        return safe(self._texts.pick(beat.name) or identifier) if beat is not None else self._device(identifier)


def _on_one_line(note: str) -> str:
    return safe(" / ".join(note.splitlines()))
