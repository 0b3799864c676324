"""The site's calendar: what its settings and its iCalendar file may say, and what becomes of the file while in use."""

from __future__ import annotations

import logging
import os
from zoneinfo import ZoneInfo

import pytest

from ingest.days.calendar_file import CalendarFile, last_calendar
from ingest.days.ics_file import read_ics
from ingest.days.site_calendar import CalendarError, CalendarSettings, SiteCalendar, decode_calendar, entries_of

SHANGHAI = ZoneInfo("Asia/Shanghai")


def ics(*events: str) -> bytes:
    body = "".join(f"BEGIN:VEVENT\n{event.strip()}\nEND:VEVENT\n" for event in events)
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//t//t//EN\n{body}END:VCALENDAR\n".replace("\n", "\r\n").encode()


MARKET = """
UID:market
SUMMARY:Market day
CATEGORIES:EVENT
LOCATION:beat-3\\, cam-7
DTSTART;TZID=Asia/Shanghai:20261128T090000
DTEND;TZID=Asia/Shanghai:20261128T130000
RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=SA;UNTIL=20270630T160000Z
EXDATE;TZID=Asia/Shanghai:20261212T090000
"""


def read(*events: str):
    return read_ics(ics(*events), "days.ics", SHANGHAI)


def test_an_event_of_every_second_week_without_one_and_with_one_moved():
    moved = """
UID:market
RECURRENCE-ID;TZID=Asia/Shanghai:20261226T090000
CATEGORIES:EVENT
DTSTART;TZID=Asia/Shanghai:20261227T090000
DURATION:PT4H
"""
    market, sunday = read(MARKET, moved)
    assert (market.kind, market.at, market.name, market.seconds) == ("event", ("beat-3", "cam-7"), "Market day", 14_400)
    assert (market.start, market.zone) == ("2026-11-28T09:00:00", "")
    assert "UNTIL=20270701T000000" in market.rule
    assert market.but == ("2026-12-12T09:00:00", "2026-12-26T09:00:00")
    assert (sunday.start, sunday.rule) == ("2026-12-27T09:00:00", "")


def test_days_of_every_kind_and_what_apples_calendar_of_china_says():
    found = read(
        "UID:1\nSUMMARY:春节\nDTSTART;VALUE=DATE:20270205\nDTEND;VALUE=DATE:20270213\nX-APPLE-SPECIAL-DAY:WORK-HOLIDAY",
        "UID:2\nSUMMARY:班\nDTSTART;VALUE=DATE:20270220\nX-APPLE-SPECIAL-DAY:ALTERNATE-WORKDAY",
        "UID:3\nCATEGORIES:寒暑假\nDTSTART;VALUE=DATE:20270123\nDTEND;VALUE=DATE:20270222",
        "UID:4\nCATEGORIES:Maintenance,Team\nLOCATION:cam-1\nDTSTART:20261201T010000Z\nDTEND:20261201T030000Z",
        "UID:5\nSTATUS:CANCELLED\nCATEGORIES:EVENT\nDTSTART:20261201T010000Z\nDTEND:20261201T030000Z",
    )
    assert [(one.kind, one.start[:10], one.seconds // 3600, one.zone) for one in found] == [
        ("rest", "2027-02-05", 192, ""),
        ("worked", "2027-02-20", 24, ""),
        ("school", "2027-01-23", 720, ""),
        ("maintenance", "2026-12-01", 2, "UTC"),
    ]


@pytest.mark.parametrize(
    ("event", "says"),
    [
        ("UID:1\nSUMMARY:Party\nDTSTART;VALUE=DATE:20261201", ["'Party'", "CATEGORIES none", "EVENT"]),
        ("UID:1\nCATEGORIES:EVENT,HOLIDAY\nDTSTART;VALUE=DATE:20261201", ["EVENT, HOLIDAY", "expected one of"]),
        ("UID:1\nCATEGORIES:EVENT\nDTSTART:2026-12-01", ["DTSTART"]),
        ("UID:1\nCATEGORIES:EVENT\nSUMMARY:x", ["no DTSTART"]),
        ("UID:1\nCATEGORIES:EVENT\nDTSTART:20261201T030000Z\nDTEND:20261201T010000Z", ["lasts -7200 s"]),
        ("UID:1\nCATEGORIES:MAINTENANCE\nDTSTART;VALUE=DATE:20261201", ["LOCATION", "ids"]),
        ("UID:1\nCATEGORIES:MAINTENANCE\nLOCATION: \\, \nDTSTART;VALUE=DATE:20261201", ["LOCATION", "ids"]),
        ("UID:1\nCATEGORIES:EVENT\nDTSTART;VALUE=DATE:20261201\nRRULE:FREQ=SECONDLY", ["SECONDLY", "DAILY"]),
        ("UID:1\nCATEGORIES:EVENT\nDTSTART;VALUE=DATE:20261201\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", ["never"]),
    ],
)  # fmt: skip
def test_an_event_that_cannot_be_used_is_named_with_what_was_expected(event, says):
    with pytest.raises(CalendarError) as caught:
        read(MARKET, event)
    for part in ("days.ics: event 2", *says):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"\x00" * 100, ics(MARKET)[:-40], b"BEGIN:VEVENT\r\nEND:VCALENDAR"]
)
def test_what_is_no_calendar_is_refused(content):
    with pytest.raises(CalendarError, match=r"days\.ics"):
        read_ics(content, "days.ics", SHANGHAI)


def test_what_settings_may_say():
    found = entries_of(
        CalendarSettings(
            events=("Mon-Wed,Fri 22:00-02:00 @ b1 cam-2: night shift", "daily: fair", "2026-12-24: eve"),
            maintenance=("2026-12-01 09:00/2026-12-03 17:00 @ cam-3: new mast",),
        ),
        ("2026-10-08",),
    )
    assert [(one.kind, one.start, one.seconds // 3600, one.rule.partition("BYDAY=")[2], one.at) for one in found] == [
        ("rest", "2026-10-08T00:00:00", 24, "", ()),
        ("event", "2001-01-01T22:00:00", 4, "MO,TU,WE,FR", ("b1", "cam-2")),
        ("event", "2001-01-01T00:00:00", 24, "MO,TU,WE,TH,FR,SA,SU", ()),
        ("event", "2026-12-24T00:00:00", 24, "", ()),
        ("maintenance", "2026-12-01T09:00:00", 56, "", ("cam-3",)),
    ]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"events": ("Sat 9-13: market",)}, "events has 'Sat 9-13: market', expected WHEN @ WHERE: NAME"),
        ({"events": ("Sonntag 09:00-13:00: x",)}, "events has"),
        ({"events": ("2026-02-30: x",)}, "events has"),
        ({"events": ("2026-12-02/2026-12-01: x",)}, "events has"),
        ({"maintenance": ("2026-12-01: all of it",)}, "expected the ids of beats or devices"),
        ({"school_holidays": ("2027",)}, "school_holidays has '2027', expected YYYY-MM-DD"),
    ],
)
def test_a_text_that_cannot_be_meant_is_named(settings, says):
    assert says in CalendarSettings(**settings).mistake()


class Taker:
    """A gateway whose log has room, or has none."""

    def __init__(self) -> None:
        self.calendar, self.room, self.logged = b"", True, []

    def change_calendar(self, payload: bytes) -> None:
        if self.room:
            self.calendar = payload
            self.logged.append(decode_calendar(payload))


def watched(tmp_path, content: bytes | None = None) -> CalendarFile:
    path = tmp_path / "days.ics"
    if content is not None:
        path.write_bytes(content)
    return CalendarFile(SiteCalendar("CN"), path, tmp_path / "good.json", SHANGHAI)


def edit(file: CalendarFile, content: bytes | None) -> None:
    assert file.path is not None
    before = file.path.stat().st_mtime_ns if file.path.exists() else 0
    if content is None:
        file.path.unlink()
        return
    file.path.write_bytes(content)
    os.utime(file.path, ns=(before + 10**9, before + 10**9))


def test_an_edited_file_goes_into_the_log_and_a_broken_or_missing_one_changes_nothing(tmp_path, caplog):
    file, gateway = watched(tmp_path, ics(MARKET)), Taker()
    whole = file.load()
    file.begin(gateway, log_is_new=True)
    file.follow(gateway)
    assert gateway.logged == [whole] == [last_calendar(tmp_path / "good.json")]
    for broken in (ics(MARKET)[:-30], None):
        edit(file, broken)
        with caplog.at_level(logging.ERROR):
            for _ in range(3):
                file.follow(gateway)
        assert "days.ics" in file.problem
        assert file.calendar == whole
        again = watched(tmp_path)
        assert again.load() == whole
        assert again.problem == file.problem
    assert caplog.text.count("the last good content is used") == 4
    edit(file, ics(MARKET.replace("T130000", "T140000")))
    file.follow(gateway)
    assert (file.problem, len(gateway.logged)) == ("", 2)
    assert gateway.logged[-1].entries[0].seconds == 18_000


def test_a_calendar_is_kept_as_the_last_good_one_only_when_the_log_has_it(tmp_path):
    file, gateway = watched(tmp_path, ics(MARKET)), Taker()
    gateway.room = False
    file.load()
    file.begin(gateway, log_is_new=True)
    file.follow(gateway)
    assert last_calendar(tmp_path / "good.json") is None
    gateway.change_calendar = Taker.change_calendar.__get__(gateway)
    gateway.room = True
    gateway.change_calendar(file._due)
    file.follow(gateway)
    assert last_calendar(tmp_path / "good.json") == file.calendar


def test_a_start_with_the_same_calendar_logs_nothing_and_with_another_it_does(tmp_path):
    first, gateway = watched(tmp_path, ics(MARKET)), Taker()
    first.load()
    first.begin(gateway, log_is_new=True)
    first.follow(gateway)
    second = Taker()
    same = watched(tmp_path)
    same.load()
    same.begin(second, log_is_new=False)
    assert second.logged == []
    other = CalendarFile(SiteCalendar("US"), first.path, tmp_path / "good.json", SHANGHAI)
    other.load()
    other.begin(second, log_is_new=False)
    assert [one.country for one in second.logged] == ["US"]


def test_country_and_rest_days_alone_need_no_record_in_a_new_log(tmp_path):
    fixed = SiteCalendar("CN", entries_of(CalendarSettings(), ("2026-10-08",)))
    file, gateway = CalendarFile(fixed, None, tmp_path / "good.json", SHANGHAI), Taker()
    file.load()
    file.begin(gateway, log_is_new=True)
    file.follow(gateway)
    assert (gateway.logged, last_calendar(tmp_path / "good.json")) == ([], fixed)


@pytest.mark.parametrize("content", [b"", b'{"a":' * 100_000, b"\xff"], ids=["nothing", "deep", "no text"])
def test_a_last_good_calendar_that_cannot_be_read_is_none(tmp_path, content):
    (tmp_path / "good.json").write_bytes(content)
    assert last_calendar(tmp_path / "good.json") is None
