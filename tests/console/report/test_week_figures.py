"""The figures of a week's report, each against what was put into the store."""

from datetime import date
from zoneinfo import ZoneInfo

import msgspec
import pytest

from console.report import reckoning
from console.report.document import Spread, WeekReport
from console.report.known_hours import most_in
from console.report.plain_names import PlainNames
from console.report.reckoning import WeekSource, kept_report, week_report
from console.report.week import Week, read_week, spread, table, week_of
from console.training.rushes import Rush
from console.training.saved_state import SavedState
from models.state import State
from tests.console import stores
from tests.console.report import report_site as site


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory):
    found = site.build(tmp_path_factory.mktemp("week"))
    yield found
    found.reader.close()


@pytest.fixture(scope="module")
def report(source: WeekSource) -> WeekReport:
    return week_report(source, site.WEEK)


def test_alerts_by_place_and_hour_against_the_weeks_before(report: WeekReport):
    alerts = report.alerts
    assert (report.week, report.state, alerts.total) == ("2026-W48", "over", 5)
    assert alerts.severities == {"critical": 2, "warning": 2, "info": 1}
    assert alerts.states == {"cleared": 4, "expired": 1}
    assert {one.beat: one.count for one in alerts.beats} == {"b1": 4, "b2": 1}
    assert {(day, hour): n for day, row in enumerate(alerts.days) for hour, n in enumerate(row) if n} == {
        (0, 8): 2, (2, 22): 1, (3, 3): 1, (6, 23): 1,
    }  # fmt: skip
    # The weeks before had 2, 3, 4, (5, not known), 6 and 7.
    four, eight = alerts.before
    assert (four.known, four.mean, four.least, four.most) == (3, 3.0, 2, 4)
    assert (eight.known, eight.mean, eight.least, eight.most) == (5, 4.4, 2, 7)
    assert [one.week for one in report.left_out] == ["2026-W44", "2026-W41", "2026-W40"]
    assert report.left_out[0].unknown_h == 30
    assert alerts.mean_days is not None
    assert alerts.mean_days[0][8] == 4.4
    first = alerts.beats[0]
    assert first.hours[8] == 2
    assert first.mean_hours is not None
    assert first.mean_hours[8] == 4.4
    assert next((one.kind, one.count) for one in alerts.kinds) == ("cover_open", 1)


def test_answers_and_who_was_not_answered(report: WeekReport):
    answers = report.answers
    assert answers.acknowledge == Spread(n=3, median_s=360.0, p90_s=552.0)
    assert answers.clear == Spread(n=4, median_s=1500.0, p90_s=3060.0)
    assert answers.severities["critical"] == Spread(n=1, median_s=120.0, p90_s=120.0)
    assert answers.severities["info"] == Spread(n=0)
    assert (answers.unanswered, [one.id for one in answers.named], answers.told) == (2, ["a4"], None)


def test_false_alarms_by_reason(report: WeekReport):
    false = report.false_alarms
    assert {reason: n for reason, n in false.reasons.items() if n} == {"nothing": 1, "animal": 1}
    assert list(false.reasons) == ["nothing", "ordinary", "weather", "animal", "works", "device"]
    assert (false.total, false.ended, false.without) == (2, 3, 1)


def test_patrol_and_officers(report: WeekReport):
    patrol, staffing = report.patrol, report.staffing
    assert [(one.id, one.stops, one.planned_min, one.delivered_min, one.missed) for one in patrol.beats] == [
        ("b1", 2, 60.0, 28.0, 1),
        ("b2", 1, 30.0, 0.0, 0),
    ]
    assert [(one.stops, one.done, one.skipped, one.missed) for one in patrol.shifts] == [(3, 1, 1, 1)]
    assert staffing.asked is None
    assert staffing.there is not None
    assert staffing.there[1] == [1.0 if 8 <= hour < 16 else 0.0 for hour in range(24)]
    assert staffing.there_h == 8
    # Two beats at 0.1 officers an hour, and half an hour for each alert.
    assert staffing.needed_h == pytest.approx(168 * 0.2 + 5 * 0.5)
    assert staffing.needed[0][8] == pytest.approx(1.2)
    # Of the time before the first plan, Tuesday at 8, nobody knows who was there; two of the alerts came in it.
    assert staffing.since_ms == site.at(1, 8)
    assert staffing.short_h == pytest.approx((168 - 32) * 0.2 + 3 * 0.5 - 8 * 0.2)


def test_devices_and_data(report: WeekReport):
    devices, quality = report.devices, report.quality
    assert devices is not None
    assert quality is not None
    (noise,) = devices.rows
    assert (noise.device, noise.longest_h, noise.longest_ms, noise.still) == ("noise-1", 3.0, site.at(0, 2), False)
    assert noise.dark_h == pytest.approx(37 / 12, abs=1e-3)
    assert (devices.known, devices.never) == (2, ["gate-1", "door-1"])
    windows = 2 * 12 * 24
    assert (quality.received, quality.late, quality.missing) == (10 * windows, windows, 2 * windows)
    assert (quality.late_share, quality.duplicate_share) == (0.1, 0.0)
    assert quality.missing_share == pytest.approx(1 / 6, abs=1e-6)
    assert quality.quality == pytest.approx(0.45)


def test_what_was_learnt_and_what_is_not_known(report: WeekReport):
    assert [(one.device, one.metric) for one in report.learnt.grown] == [("cam-1", "person")]
    assert (report.learnt.young, report.learnt.accepted, report.learnt.rhythms) == (0, [], None)
    unknown = report.unknown
    assert (unknown.week_h, unknown.hours, unknown.away_h, unknown.blank_h) == (168, 8, 5, 3)
    assert unknown.away == [(site.at(4, 10), site.at(4, 15))]
    # 22 alerts in five weeks before: in eight hours there may have been one more, or two.
    assert report.alerts.high == 5 + most_in(22, 5 * 168, 8)
    assert most_in(22, 5 * 168, 8) == 1


def test_neither_people_nor_plates_nor_notes_are_in_it(report: WeekReport):
    text = msgspec.json.encode(report).decode()
    assert "Camera of …" in text
    for word in (site.PLATE, site.OFFICER, "李伟", site.NOTE, '"li"', "wang", "p1"):
        assert word not in text


def test_a_week_that_is_over_is_kept_and_one_that_runs_is_not(source: WeekSource, report: WeekReport):
    assert kept_report(source.folder, site.WEEK) == report
    assert week_report(source, site.WEEK) == report
    running = week_report(source, site.WEEK.shifted(1))
    assert (running.state, running.until_ms) == ("running", site.at(8, 9))
    assert kept_report(source.folder, site.WEEK.shifted(1)) is None
    # A week that runs is compared with others as far as it has come: of those the alerts of Monday at 8 count.
    assert [one.until_ms - one.begin_ms for one in running.compared] == [33 * site.HOUR_MS] * 6
    assert running.alerts.before[0].mean == pytest.approx((2 + 2 + 3 + 4) / 4)
    with pytest.raises(ValueError, match="2026-W50 is a week to come; the site's time is in 2026-W49"):
        week_report(source, Week(2026, 50))


@pytest.mark.parametrize("text", ["2026-W54", "2026-48", "W48", "2026-W00", "3000-W01", "2025-W53", ""])
def test_what_is_no_week_is_refused(text: str):
    with pytest.raises(ValueError, match="expected a week such as 2026-W48"):
        read_week(text)


def test_weeks_are_those_of_the_zone():
    london = ZoneInfo("Europe/London")
    change = read_week("2026-w13")
    assert change.monday == date(2026, 3, 23)
    assert change.end_ms(london) - change.begin_ms(london) == 167 * site.HOUR_MS
    hours = table()
    spread(hours, change.begin_ms(london), change.end_ms(london), london)
    assert (sum(map(sum, hours)), hours[6][1], hours[6][2]) == (167, 0, 1)
    assert week_of(site.BEGIN_MS, site.ZONE) == site.WEEK
    assert week_of(site.BEGIN_MS - 1, site.ZONE) == Week(2026, 47)
    assert week_of(site.BEGIN_MS, london) == Week(2026, 47)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Camera of LI WEI's shop", "Camera of …'s shop"),
        ("Liwei Li Weiss", "Liwei Li Weiss"),
        ("李伟小卖部 京A12345 门", "…小卖部 … 门"),
        ("Street of 王", "Street of 王"),
        ("Li Wei and Li Wei", "… and …"),
    ],
)
def test_names_of_people_who_are_known_and_plates_are_cut_out_of_places(name, shown):
    plain = PlainNames(stores.places(), ["Li Wei 李伟", "王", "Li"])
    assert plain.text(name) == shown


def test_a_rush_is_new_where_the_report_of_the_week_before_had_it_not(tmp_path, monkeypatch: pytest.MonkeyPatch):
    source = site.build(tmp_path)
    market, school = (Rush(begin=begin, end="09:00", weekdays=(5,), expected=40.0) for begin in ("06:00", "07:30"))
    known = {("cam-1", 0, "person"): [market]}
    monkeypatch.setattr(reckoning, "read_saved", lambda *_: SavedState(counting=[([], State())]))
    monkeypatch.setattr(reckoning, "rushes", lambda *_: known)
    before = reckoning.reckon(source, site.WEEK)
    assert before.learnt.rhythms is not None
    assert ([one.new for one in before.learnt.rhythms], before.learnt.compared) == ([False], False)
    earlier = msgspec.structs.replace(before, week="2026-W47")
    (source.folder / reckoning.FOLDER).mkdir()
    (source.folder / reckoning.FOLDER / "2026-W47.json").write_bytes(msgspec.json.encode(earlier))
    known["cam-1", 0, "person"].append(school)
    found = week_report(source, site.WEEK).learnt
    assert found.rhythms is not None
    assert ([(one.begin, one.new) for one in found.rhythms], found.compared) == (
        [("06:00", False), ("07:30", True)],
        True,
    )
    monkeypatch.setattr(reckoning, "rushes", None)  # those that are kept with the report are not looked for again
    assert reckoning.reckon(source, site.WEEK).learnt == found
    assert reckoning.reckon(source, site.WEEK.shifted(1)).learnt.rhythms is None
    source.reader.close()
