"""Clocks that are wrong, devices that say nothing, and a node that was away: what people are told, and what not."""

from __future__ import annotations

import random

import pytest

from ingest.log import AWAY
from ingest.log.records import Record
from ingest.places import PlacesError
from ingest.vocabulary import WindowStatus
from stream.detect.rules_stage import check_overrides
from stream.pipeline.pipeline import Pipeline
from stream.windows.device_clocks import zone_of
from tests.configs import pipeline_with
from tests.stream.build import MINUTE, NOON, Writer, places, text_of

HOUR, DAY = 60 * MINUTE, 1_440 * MINUTE
CAMERAS = {f"cam-{n}": "camera" for n in range(1, 7)}


class Station:
    """Cameras that count each 20 s with clocks of their own, and a gateway with another that ticks meanwhile."""

    def __init__(self, devices=None, overrides=None, spoken=None):
        self.devices = devices or CAMERAS
        self.pipe = Pipeline(pipeline_with(site="t", country=""), places(self.devices, overrides))
        self.log, self.now, self.ahead = Writer(), NOON, 0
        self.speaks = dict.fromkeys(spoken or self.devices, 0)
        """Device → how far its clock is ahead."""
        self.results: list = []

    def process(self, record):
        self.results.append(self.pipe.process(record))
        return self.results[-1]

    def run(self, ms, *, step=20_000, ahead=None, away=False):
        self.ahead = self.ahead if ahead is None else ahead
        until = self.now + ms
        while self.now < until:
            self.now += step
            shown = self.now + self.ahead
            if away or not self.speaks:
                tick = self.log.tick(shown)
                self.process(Record(tick.kind, shown, AWAY if away else b"", position=tick.position))
                continue
            for device, off in self.speaks.items():
                self.log.count(device, self.now + off, 3, interval=20.0, received=shown)
            self.process(self.log.record(shown))
        return self

    def alarm(self, device="smoke-1", off=0, word="alarm"):
        shown = self.now + self.ahead
        self.log.state(device, self.now + off, word, metric="smoke", received=shown)
        return [alert.kind for alert in self.process(self.log.record(shown)).alerts]

    def told(self, *kinds):
        found = [alert for results in self.results for alert in results.alerts]
        return [(a.device, a.kind, a.state) for a in found if not kinds or a.kind in kinds]

    def said(self, kind):
        return [text_of(alert)["en"] for results in self.results for alert in results.alerts if alert.kind == kind]


@pytest.mark.parametrize(
    ("off", "says"),
    [
        (8 * HOUR, "8 h ahead: it probably sends local time as UTC"),
        (-8 * HOUR, "8 h behind: it probably sends UTC as local time"),
        (-330 * MINUTE, "5.5 h behind: it is probably set to a wrong time zone"),
        (-7 * MINUTE, "7 min behind. Its counts"),
        (400 * DAY, "400 days ahead. Its counts"),
    ],
)
def test_a_clock_that_is_wrong_is_told_in_words_until_it_is_right(off, says):
    station = Station().run(HOUR)
    station.speaks["cam-1"] = off
    station.run(20 * MINUTE)
    (text,) = station.said("clock_wrong")
    assert says in text
    station.speaks["cam-1"] = 0
    station.run(20 * MINUTE)
    assert station.told() == [("cam-1", "clock_wrong", "raised"), ("cam-1", "clock_wrong", "cleared")]


def test_a_backlog_is_not_a_wrong_clock():
    station = Station().run(HOUR)
    backlog = [station.now - 3 * HOUR + n * 20_000 for n in range(540)]
    for start in range(0, 540, 4):  # at five times the speed at which it was made, one message a record
        station.run(20_000)
        for ts in backlog[start : start + 4]:
            station.log.count("cam-1", ts, 3, interval=20.0, received=station.now, boot="spool")
            station.process(station.log.record(station.now))
    assert station.told() == []


def test_a_setting_corrects_a_clock():
    station = Station(overrides={"cam-1": {"clock_offset_s": 8 * 3600}})
    station.speaks["cam-1"] = 8 * HOUR
    station.run(HOUR)
    assert station.told() == []
    assert sum(results.accepted for results in station.results) == 6 * 180
    assert sum(results.late for results in station.results) == 0


@pytest.mark.parametrize("given", ["8h", True, 1e9, [1]])
def test_a_correction_that_cannot_be_is_an_error_that_names_the_device(given):
    with pytest.raises(PlacesError, match=r"'cam-3'.*clock_offset_s.*seconds by which its clock is ahead"):
        check_overrides(places(CAMERAS, {"cam-3": {"clock_offset_s": given}}))


def test_most_clocks_wrong_alike_are_the_stations_own():
    station = Station()
    station.speaks = dict.fromkeys(CAMERAS, 2 * HOUR)
    station.run(30 * MINUTE)
    assert station.told() == [("b1", "own_clock", "raised")]
    assert "6 of 6 devices agree with each other, 2 h ahead of" in station.said("own_clock")[0]


def test_a_station_whose_clock_has_stepped_is_told_so_until_it_is_right():
    station = Station().run(HOUR).run(20 * MINUTE, ahead=-2 * HOUR)
    assert station.told() == [("b1", "own_clock", "raised")]
    assert "6 of 6 devices agree with each other, 120 min ahead of" in station.said("own_clock")[0]
    assert abs(station.results[-1].now_ms - station.now) <= MINUTE
    station.run(MINUTE, ahead=0)
    assert station.told()[1:] == [("b1", "own_clock", "cleared")]


@pytest.mark.parametrize(("ms", "hours"), [(8 * HOUR + MINUTE, 8.0), (-330 * MINUTE, -5.5), (7 * MINUTE, 0), (DAY, 0)])
def test_zones_are_whole_and_half_hours(ms, hours):
    assert zone_of(ms) == hours


def test_the_nodes_absence_is_not_the_devices_silence():
    station = Station().run(HOUR)
    station.now += 2 * HOUR  # the node was away, and what was said meanwhile is still at the broker
    station.speaks = dict.fromkeys(list(CAMERAS)[:1], 0)
    station.run(4 * MINUTE)
    station.speaks = dict.fromkeys(CAMERAS, 0)
    station.run(10 * MINUTE)
    assert station.told() == []


def test_a_gateway_without_a_connection_hears_no_silence():
    station = Station().run(HOUR).run(3 * HOUR, away=True).run(10 * MINUTE)
    assert station.told() == []


def test_who_is_silent_while_others_are_heard_is_told_all_the_same():
    station = Station().run(HOUR)
    del station.speaks["cam-1"]
    station.run(4 * MINUTE).run(HOUR, away=True).run(12 * MINUTE)
    assert station.told() == [("cam-1", "silent", "raised")]


def test_many_that_were_never_heard_are_one_alert_which_ends_when_all_are():
    station = Station({f"cam-{n}": "camera" for n in range(200)}, spoken=["cam-0"])
    station.run(19 * HOUR, step=MINUTE)
    assert station.told() == []
    station.run(2 * HOUR, step=MINUTE)
    assert station.told() == [("b1", "never_heard", "raised")]
    assert "cam-5 and 194 more are in the places file" in station.said("never_heard")[0]
    station.speaks = dict.fromkeys(station.devices, 0)
    station.run(30 * MINUTE, step=MINUTE)
    assert station.told()[1:] == [("b1", "never_heard", "cleared")]


def test_a_few_words_and_then_nothing_is_told_within_the_day():
    station = Station({"cam-1": "camera", "cam-2": "camera", "door-1": "door"}, spoken=["cam-1", "cam-2"])
    station.run(4 * MINUTE, step=MINUTE)
    del station.speaks["cam-2"]
    station.run(5 * HOUR, step=MINUTE)
    assert station.told() == []
    station.run(16 * HOUR, step=MINUTE)
    assert station.told() == [("cam-2", "silent", "raised"), ("door-1", "never_heard", "raised")]
    assert station.said("silent") == ["Heard 4 times in all, and nothing for 6 h since."]


def test_the_alerts_of_a_device_that_is_taken_out_end_at_the_next_start():
    station = Station().run(HOUR)
    del station.speaks["cam-1"]
    station.run(HOUR)
    assert station.told() == [("cam-1", "silent", "raised")]
    after = Station({name: kind for name, kind in CAMERAS.items() if name != "cam-1"})
    after.pipe.restore(station.pipe.snapshot())
    after.log, after.now = station.log, station.now
    after.run(MINUTE)
    assert after.told() == [("cam-1", "silent", "cleared")]


@pytest.mark.parametrize("ahead", [400 * DAY, -9 * MINUTE, -DAY, 8 * HOUR])
def test_a_clock_that_steps_within_a_record_loses_nothing(ahead):
    station = Station().run(HOUR)
    for n, off in enumerate((0, ahead, ahead, 0, 0)):
        at = station.now + n * 1000
        for device in CAMERAS:
            station.log.count(device, at, 3, interval=1.0, received=at + off)
    out = station.process(station.log.record(station.now + 4000))
    assert (out.accepted, out.late, out.refusals) == (30, 0, [])
    station.now += 4000
    station.run(10 * MINUTE)
    assert station.told() == []
    assert abs(station.results[-1].now_ms - station.now) <= MINUTE


@pytest.mark.parametrize("seed", range(6))
def test_clocks_that_step_at_random_silence_end_and_hide_nothing(seed):
    """The node's clock and two devices' step every few minutes; an alarm in each time is told at once."""
    rng = random.Random(seed)
    station = Station(CAMERAS | {"smoke-1": "smoke", "door-1": "door"}, spoken=CAMERAS).run(10 * MINUTE)
    station.log.state("door-1", station.now, "open")
    station.process(station.log.record(station.now))
    station.run(3 * MINUTE)
    assert station.told() == [("door-1", "door_open", "raised")]
    steps = [0, -2 * HOUR, -9 * MINUTE, -DAY, 400 * DAY, 8 * HOUR, 50 * MINUTE]
    for _ in range(15):
        station.speaks |= {"cam-1": rng.choice(steps), "cam-2": rng.randrange(-DAY, DAY)}
        station.run(rng.randrange(MINUTE, 8 * MINUTE), ahead=rng.choice([*steps, rng.randrange(-DAY, DAY)]))
        assert "smoke" in station.alarm()
        station.run(MINUTE)
        station.alarm(word="ok")
        station.run(6 * MINUTE)
    assert station.told("silent", "feed_lost", "never_heard") == []
    assert station.told("door_open") == [("door-1", "door_open", "raised")]
    assert {state for _, _, state in station.told()} <= {"raised", "cleared"}
    station.run(10 * MINUTE, ahead=0)
    assert abs(station.results[-1].now_ms - station.now) <= MINUTE
    assert station.results[-1].sure


def test_windows_after_the_time_was_put_back_and_additions_of_the_same_record_have_keys_of_their_own():
    """A record in which the clock is put right holds words of the window at hand, some of before what is in memory."""
    station = Station()
    station.run(20 * MINUTE, ahead=2 * DAY)
    station.now += 20_000
    for seconds in range(0, 4 * 3600, 60):
        station.log.count("cam-1", station.now - seconds * 1000, 1, interval=60.0, received=station.now, boot="spool")
    station.process(station.log.record(station.now))
    station.run(20 * MINUTE)
    stored = {}
    for results in station.results:
        for rows in results.windows:
            keys = zip(rows.series.tolist(), rows.start.tolist(), rows.part.tolist(), strict=True)
            stored |= dict(zip(keys, rows.n.tolist(), strict=True))
    assert any(results.put_back for results in station.results)
    assert any(rows.status[0] == WindowStatus.LATE for results in station.results for rows in results.windows)
    assert sum(stored.values()) == sum(results.accepted for results in station.results)
