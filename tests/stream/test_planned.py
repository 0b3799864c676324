"""What the site's calendar has planned: expected and not told, neither judged nor learned; hazards are always told."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

import msgspec
import numpy as np
import pytest

from ingest.days.site_calendar import CalendarSettings, SiteCalendar, encode_calendar, entries_of
from ingest.log import Record, RecordKind
from ingest.log.history import HistorySeries
from ingest.vocabulary import Kind, Reason
from stream.pipeline.pipeline import Pipeline
from tests.configs import pipeline_with
from tests.stream.build import MINUTE, NOON, HistoryBuilder, Writer, places, text_of

WINDOW = 5 * MINUTE
HOUR = 60 * MINUTE
DAY = 24 * HOUR
DEVICES = {"cam-1": "camera", "cam-2": "camera", "smoke-1": "smoke"}
MARKET = "2026-11-23 12:00-13:00 @ cam-1: market day"
"""It begins at `NOON`."""
WORK = "2026-11-23 12:00-13:00 @ cam-1 smoke-1: new mast"


CONFIG = pipeline_with(site="test", country="")


def history(position: int) -> Record:
    """About ten people in five minutes for three weeks, from ten to two o'clock."""
    built = HistoryBuilder(WINDOW)
    for step in range(21 * 48):
        number = NOON // WINDOW - (21 - step // 48) * 288 - 24 + step % 48
        for device in ("cam-1", "cam-2"):
            built.add(HistorySeries("b1", device, Kind.COUNT, "person"), number, 8 + step % 5)
    return Record(RecordKind.HISTORY, NOON, built.encode(), position=position)


@cache
def taught() -> bytes:
    pipeline = Pipeline(CONFIG, places(DEVICES))
    assert pipeline.process(history(1)).refusals == []
    return pipeline.snapshot()


class Site:
    """A site whose cameras know their noons."""

    def __init__(self, **calendar: tuple[str, ...]) -> None:
        self.pipeline = Pipeline(CONFIG, places(DEVICES))
        self.pipeline.restore(taught())
        self.writer, self.alerts, self.windows = Writer(), {}, []
        self.writer.position, self.now = 1, NOON
        if calendar:
            self.plan(**calendar)

    def record(self, kind: RecordKind, payload: bytes, received: int) -> Record:
        return self.writer._next(kind, payload, received)

    def plan(self, holidays: tuple[str, ...] = (), **calendar: tuple[str, ...]) -> None:
        found = SiteCalendar("", entries_of(msgspec.convert(calendar, CalendarSettings), holidays))
        self.put(self.record(RecordKind.CALENDAR, encode_calendar(found), NOON))

    def put(self, record: Record) -> None:
        result = self.pipeline.process(record)
        assert result.refusals == []
        self.alerts |= {(alert.device, alert.kind): alert for alert in result.alerts}
        self.windows += result.windows

    def minutes(self, count: int, **people: int) -> None:
        """Let cameras count so many people a minute."""
        for _ in range(count):
            self.now += MINUTE
            for device, counted in people.items():
                self.writer.count(device.replace("_", "-"), self.now, counted)
            self.put(self.writer.record(self.now + 2000))

    def told(self) -> set[tuple[str, str]]:
        return {key for key, alert in self.alerts.items() if alert.state != "cleared"}


def test_an_event_is_expected_and_a_fire_in_it_is_told():
    site = Site(events=(MARKET,))
    site.minutes(30, cam_1=40, cam_2=2)
    assert site.told() == set()
    site.writer.level("smoke-1", site.now, 9.0, metric="smoke")
    site.put(site.writer.record(site.now + 3000))
    assert site.told() == {("smoke-1", "smoke")}


def test_without_the_event_and_beside_its_place_and_time_the_same_crowd_is_told():
    assert ("cam-1", "surge") in told_of(Site())
    assert ("cam-1", "surge") in told_of(Site(events=("2026-11-23 13:00-14:00 @ cam-1: later",)))
    assert ("cam-1", "surge") in told_of(Site(events=("2026-11-23 12:00-13:00 @ cam-2: elsewhere",)))
    assert told_of(Site(events=("Mon 11:30-13:00 @ b1: a market of the beat",))) == set()


def told_of(site: Site) -> set[tuple[str, str]]:
    site.minutes(12, cam_1=40, cam_2=2)
    return site.told()


def test_what_an_event_counted_is_shown_with_its_usual_and_teaches_nothing():
    site = Site(events=(MARKET,))
    before = expected(site)
    site.minutes(55, cam_1=40, cam_2=2)
    rows = [rows for rows in site.windows if (rows.n > 0).any() and (rows.start >= NOON).all()]
    assert any((rows.expected > 0).any() for rows in rows)
    assert expected(site) == pytest.approx(before, rel=0.02)


def expected(site: Site) -> float:
    """What the first camera is expected to count in a window tomorrow at noon."""
    stage = site.pipeline.shards[0].detection.counting
    test = stage.baseline.test([stage._row[0]], NOON + 86_400_000, [0.0], [1.0])
    return float(test.expected[0])


def test_a_surge_that_an_event_explains_ends_with_its_beginning():
    site = Site(events=("2026-11-23 12:30-13:30 @ cam-1: parade",))
    site.minutes(28, cam_1=40, cam_2=2)
    assert site.told() == {("cam-1", "surge")}
    site.minutes(14, cam_1=40, cam_2=2)
    assert site.told() == set()


def test_silence_under_maintenance_is_no_alarm_and_a_hazard_is_told_with_a_mark():
    site, other = Site(maintenance=(WORK,)), Site()
    for one in (site, other):
        one.minutes(10, cam_1=2, cam_2=2)
        one.minutes(42, cam_2=2)
    assert (site.told(), other.told()) == (set(), {("cam-1", "silent")})
    site.writer.level("smoke-1", site.now, 9.0, metric="smoke")
    site.put(site.writer.record(site.now + 3000))
    smoke = site.alerts["smoke-1", "smoke"]
    assert "new mast" in text_of(smoke)["en"]
    assert "new mast" in text_of(smoke)["zh-CN"]
    assert smoke.confidence < 1
    site.minutes(9, cam_2=2)  # the work is over at one o'clock
    assert site.told() == {("smoke-1", "smoke")}
    site.minutes(30, cam_2=2)
    assert ("cam-1", "silent") in site.told()


def test_history_of_a_planned_time_teaches_nothing():
    pipeline = Pipeline(CONFIG, places(DEVICES))
    roadworks = SiteCalendar("", entries_of(CalendarSettings(events=("daily @ cam-1: roadworks",)), ()))
    pipeline.process(Record(RecordKind.CALENDAR, NOON, encode_calendar(roadworks), position=1))
    pipeline.process(history(2))
    learned = pipeline.shards[0].detection.counting.baseline.rates.overall[1, :2]
    assert (learned[0], learned[1] > 0) == (0, True)
    noise = HistoryBuilder(WINDOW)
    noise.add(HistorySeries("b1", "cam-1", Kind.LEVEL, "noise"), NOON // WINDOW - 288, 50.0)
    taught = pipeline.process(Record(RecordKind.HISTORY, NOON, noise.encode(), position=3)).taught
    assert taught is not None
    assert taught.learned == 1, "nothing of it is left to be learned, and it is not asked for again"


def test_the_map_goes_by_an_edited_calendar_also_after_a_restart():
    """Thefts come on Sundays at three in the night; a Tuesday that becomes a day of rest is like them."""
    site = Site()
    thefts = [
        {"id": f"i{week}-{at}", "ts": NOON - (7 * week + 1) * DAY - 9 * HOUR, "category": "theft", "lon": 121.474,
         "lat": 31.232, "provenance": "reported", "backfill": True} for week in range(30) for at in range(5)
    ]  # fmt: skip
    site.put(site.record(RecordKind.INCIDENT, msgspec.json.encode(thefts), NOON))

    def coming() -> np.ndarray:
        """Return what is expected by hour of the day of the 24 hours from Monday noon on."""
        site.now += 15 * MINUTE
        found = site.pipeline.process(site.writer.tick(site.now)).coming
        assert found is not None
        return np.frombuffer(found.hours, "<f4").reshape(-1, 24).sum(axis=0)

    before = coming()
    site.plan(holidays=("2026-11-24",))
    again = Pipeline(CONFIG, places(DEVICES))
    again.restore(site.pipeline.snapshot())
    assert again.snapshot() == site.pipeline.snapshot()
    site.pipeline = again
    after = coming()
    assert after[3] > 3 * before[3], "the small hours of the free day"
    assert after[19] == pytest.approx(before[19], rel=0.05), "the evening before it"
    sundays = tuple(f"{date(2026, 11, 22) - timedelta(weeks=week)}" for week in range(30))
    site.plan(worked_days=sundays)  # then the thefts came on working days, as the Tuesday is one again
    assert coming()[3] > 3 * before[3]


def test_the_calendar_of_the_log_stays_over_a_restart_and_a_broken_one_is_refused():
    site = Site(events=(MARKET,))
    broken = site.pipeline.process(site.record(RecordKind.CALENDAR, b"{", NOON))
    assert [refusal.reason for refusal in broken.refusals] == [Reason.CALENDAR]
    again = Pipeline(site.pipeline.config, places(DEVICES))
    again.restore(site.pipeline.snapshot())
    assert again.snapshot() == site.pipeline.snapshot()
    site.pipeline = again
    assert told_of(site) == set()
