"""One alert for one cause: who joins, what the alert says of it, how it lives."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import numpy as np
import pytest

from ingest.events import Command
from ingest.places import parse_places
from ingest.vocabulary import ALERT_KINDS
from stream.pipeline.pipeline import Pipeline
from stream.pipeline.site import SiteStage
from stream.results import Notice, ShardOutput
from stream.sentences import Why, literal
from tests.configs import pipeline_with
from tests.stream import build
from tests.stream.build import MINUTE, NOON, text_of

EAST_M = 0.0000105
"""Degrees of longitude in a metre at the latitude of Shanghai."""


def town(east_m, beats=None, kinds=None):
    """Devices d0, d1, … so many metres east of the first; beats b0 and b1."""
    ring = [[121.445, 31.225], [121.46, 31.225], [121.46, 31.235], [121.445, 31.235], [121.445, 31.225]]
    features = [
        {
            "type": "Feature",
            "properties": {"kind": "beat", "id": beat},
            "geometry": {"type": "Polygon", "coordinates": [ring]},
        }
        for beat in ("b0", "b1")
    ]
    features += [
        {
            "type": "Feature",
            "properties": {
                "kind": "device",
                "id": f"d{number}",
                "name": {"en": f"Place {number}", "zh-CN": f"{number}号点"},
                "beat": (beats or {}).get(number, "b0"),
                "type": (kinds or {}).get(number, "camera"),
            },
            "geometry": {"type": "Point", "coordinates": [121.45 + metres * EAST_M, 31.23]},
        }
        for number, metres in enumerate(east_m)
    ]
    return parse_places({"type": "FeatureCollection", "features": features})


class Site:
    """A site of one shard, told what models find."""

    def __init__(self, places, **more):
        self.places, self.position = places, 0
        self.stage = SiteStage(pipeline_with(site="test", country="", **more), places)

    def _apply(self, minute, notices=(), commands=()):
        self.position += 1
        out = ShardOutput(self.position, NOON + round(minute * MINUTE), 0, [])
        out.notices, out.commands = list(notices), list(commands)
        return self.stage.apply(out).alerts

    def rise(self, number, minute, surprise=6.0, kind="surge", **more):
        device = self.places.devices[f"d{number}"]
        notice = Notice(
            act="rise",
            beat=device.beat,
            device=device.id,
            kind=kind,
            at_ms=NOON + round(minute * MINUTE),
            lonlat=(device.lon, device.lat),
            place=device.name,
            why=literal({"en": f"{surprise:g} seen.", "zh-CN": f"看到{surprise:g}。"}),
            surprise=surprise,
            cause_ms=NOON + round(minute * MINUTE) - MINUTE,
        )
        return self._apply(minute, [msgspec.structs.replace(notice, **more)])

    def fall(self, number, minute, kind="surge"):
        device = self.places.devices[f"d{number}"]
        at = NOON + round(minute * MINUTE)
        return self._apply(
            minute,
            [Notice(act="fall", beat=device.beat, device=device.id, kind=kind, at_ms=at, cause_ms=at)],
        )

    def acknowledge(self, alert, minute):
        command = Command(id=f"c{minute}", action="acknowledge", alert=alert.id, by="li", ts=NOON, note="on my way")
        return self._apply(minute, commands=[command])


def test_neighbours_join_one_alert_that_names_them():
    site = Site(town([0, 60, 120]))
    (first,) = site.rise(0, 0)
    (second,) = site.rise(1, 4, surprise=9.0)
    (third,) = site.rise(2, 9)
    assert (first.id, first.revision, first.devices) == (second.id, 1, ())
    assert (third.id, third.revision, third.device, third.devices) == (first.id, 3, "d0", ("d0", "d1", "d2"))
    assert text_of(third) == {
        "en": "3 cameras within 120 m: Place 0, Place 1, Place 2. Strongest at Place 1: 9 seen.",
        "zh-CN": "120米范围内3个摄像头同时异常：0号点、1号点、2号点。1号点最为明显：看到9。",
    }
    assert third.cause_ms == first.cause_ms
    assert site.rise(1, 10, surprise=9.5) == []


def test_an_alert_of_neighbours_clears_when_all_have_settled_and_says_how_long_it_was():
    site = Site(town([0, 60]))
    (first,) = site.rise(0, 0)
    site.rise(1, 4)
    assert site.fall(0, 20) == []
    (cleared,) = site.fall(1, 24)
    assert (cleared.id, cleared.state, cleared.revision) == (first.id, "cleared", 3)
    assert text_of(cleared)["en"].endswith("Over after 25 min.")
    assert text_of(cleared)["zh-CN"].endswith("现已结束，共持续25分钟。")
    (after,) = site.rise(1, 60)
    assert after.device == "d1"


@pytest.mark.parametrize(
    ("east_m", "beats", "minute", "kind"),
    [
        ([0, 250], {}, 1, "surge"),
        ([0, 60], {1: "b1"}, 1, "surge"),
        ([0, 60], {}, 11, "surge"),
        ([0, 60], {}, 1, "deficit"),
    ],
    ids=["too far", "another beat", "too late", "another kind"],
)
def test_others_have_an_alert_of_their_own(east_m, beats, minute, kind):
    site = Site(town(east_m, beats))
    (first,) = site.rise(0, 0)
    (second,) = site.rise(1, minute, kind=kind)
    assert first.id != second.id


def test_all_devices_of_a_cause_are_near_each_other():
    site = Site(town([0, 150, 300]))
    (first,), (second,), (third,) = site.rise(0, 0), site.rise(1, 1), site.rise(2, 2)
    assert first.id == second.id != third.id


def test_kinds_that_neighbours_do_not_share_and_devices_without_a_place_stay_alone():
    site = Site(town([0, 60]))
    assert site.rise(0, 0, kind="smoke")[0].id != site.rise(1, 0, kind="smoke")[0].id
    assert site.rise(0, 0, device="x", lonlat=(0.0, 0.0))[0].id != site.rise(1, 0, device="y", lonlat=(0.0, 0.0))[0].id
    alone = Site(town([0, 0]), group_m=0.0)
    assert alone.rise(0, 0)[0].id != alone.rise(1, 0)[0].id


def test_different_devices_are_called_devices_and_many_are_counted():
    site = Site(town([10 * number for number in range(8)], kinds={3: "gate"}))
    for number in range(8):
        site.rise(number, number * 0.1)
    (said,) = site._apply(2)
    assert text_of(said)["en"].startswith(
        "8 devices within 70 m: Place 0, Place 1, Place 2, Place 3, Place 4 and 3 more. Strongest at Place 0:"
    )
    assert text_of(said)["zh-CN"].startswith("70米范围内8台设备同时异常：0号点、1号点、2号点、3号点、4号点等。")


def test_who_has_acknowledged_is_told_again_when_it_has_doubled():
    site = Site(town([0, 20, 40, 60, 80]))
    site.rise(0, 0)
    (alert,) = site.rise(1, 1)
    site.acknowledge(alert, 2)
    (third,) = site.rise(2, 3)
    assert (third.state, third.by, third.note, len(third.devices)) == ("acknowledged", "li", "on my way", 3)
    (fourth,) = site.rise(3, 4)
    assert (fourth.state, fourth.by, len(fourth.devices)) == ("raised", "", 4)
    site.acknowledge(fourth, 5)
    assert site.rise(4, 6)[0].state == "acknowledged"


def test_an_alert_that_a_person_has_cleared_comes_back_as_a_new_one():
    site = Site(town([0, 20]))
    (alert,) = site.rise(0, 0)
    command = Command(id="c", action="clear", alert=alert.id, by="li", ts=NOON, name="李伟")
    (cleared,) = site._apply(1, commands=[command])
    assert cleared.by == "李伟", "people read a name, not an account"
    (again,) = site.rise(1, 2)
    assert again.id != alert.id
    assert again.devices == ("d0", "d1")


def test_why_it_was_a_false_alarm_stays_with_an_alert_until_it_is_raised_anew():
    site = Site(town([0, 20, 40, 60, 80]))
    site.rise(0, 0)
    (alert,) = site.rise(1, 1)
    command = Command(id="c", action="acknowledge", alert=alert.id, by="li", ts=NOON, reason="weather", note="storm")
    (taken,) = site._apply(2, commands=[command])
    assert (taken.reason, taken.note) == ("weather", "storm")
    (joined,) = site.rise(2, 3)
    assert (joined.state, joined.reason) == ("acknowledged", "weather")
    (more,) = site.rise(3, 4)
    assert (more.state, more.reason) == ("raised", ""), "something else may have happened"
    clear = Command(id="d", action="clear", alert=alert.id, by="li", ts=NOON, reason="animal")
    (cleared,) = site._apply(5, commands=[clear])
    assert (cleared.state, cleared.reason, cleared.note) == ("cleared", "animal", "")


def test_a_reason_stays_when_the_alert_ends_by_itself():
    site = Site(town([0, 900]))
    (alert,) = site.rise(0, 0)
    command = Command(id="c", action="acknowledge", alert=alert.id, by="li", ts=NOON, reason="works")
    site._apply(1, commands=[command])
    (over,) = site.fall(0, 10) or site._apply(30)
    assert (over.state, over.by, over.reason) == ("cleared", "", "works")


def test_what_the_budget_holds_back_is_told_with_its_neighbours_when_it_grows():
    site = Site(town([0, 60, 900]), per_day=1)
    for day in range(1, 9):  # eight days with four findings of 8 each
        for number in range(4):
            site.rise(2, day * 1440 + 60 * number, surprise=8.0)
            site.fall(2, day * 1440 + 60 * number + 20)
    evening = 9 * 1440
    assert site.rise(0, evening, surprise=6.0) == []
    assert site.rise(1, evening + 1, surprise=7.0) == []
    assert site.stage.budget.state().held == 1
    (alert,) = site.rise(0, evening + 6, surprise=12.0)
    assert (alert.state, alert.revision, alert.devices) == ("raised", 1, ("d0", "d1"))
    assert "Strongest at Place 0: 12 seen." in text_of(alert)["en"]
    assert site.stage.budget.state().held == 0
    assert site.fall(0, evening + 20) == []
    assert site.fall(1, evening + 20)[0].state == "cleared"


def test_the_end_of_what_was_never_told_is_not_told_either():
    site = Site(town([0]))
    assert site.fall(0, 0) == []


def test_a_crowd_before_two_cameras_is_one_alert_through_the_whole_pipeline():
    pipe = Pipeline(pipeline_with(site="test", country=""), build.places({"cam-1": "camera", "cam-2": "camera"}))
    log, rng, cameras = build.Writer(), np.random.default_rng(1), ("cam-1", "cam-2")
    for window in range(-6 * 288, 0):
        for camera in cameras:
            log.count(camera, NOON + window * 5 * MINUTE, rng.poisson(20), interval=300.0, received=NOON - MINUTE)
    pipe.process(log.record(NOON - MINUTE))
    changes, anomalies = [], []
    for minute in range(1, 40):
        for camera in cameras:
            crowd = 5 if camera == "cam-1" and minute <= 15 else 4 if 5 < minute <= 15 else 1
            log.count(camera, NOON + minute * MINUTE, 4 * crowd)
        out = pipe.process(log.record())
        changes += out.alerts
        anomalies += out.anomalies
    called = [one for one in changes if not one.quiet]
    assert [(one.kind, one.state, len(one.devices)) for one in called] == [
        ("surge", "raised", 0),
        ("surge", "raised", 2),
        ("surge", "cleared", 2),
    ]
    assert len(changes) <= 6
    assert {one.id for one in changes} == {changes[0].id}
    assert re.match(
        r"2 cameras within 10 m: cam-1, cam-2; together 1[3-8]\d people in 5 min, (29|3\d|4\d) expected\. "
        r"Strongest at cam-1: 100 people in 5 min, (19|2\d) expected; ",
        text_of(called[1])["en"],
    )
    assert {one.device for one in anomalies} == set(cameras)


def test_fireworks_over_a_beat_are_one_alert_that_says_how_often():
    site = Site(town([100 * number for number in range(10)], kinds=dict.fromkeys(range(10), "noise")))
    told = []
    for burst in range(34):
        for number in range(10):
            told += site.rise(number, 7 * burst + 0.05 * number, kind="noise_high", surprise=0.0)
        for number in range(10):
            told += site.fall(number, 7 * burst + 1 + 0.05 * number, kind="noise_high")
    assert len({alert.id for alert in told}) == 1
    assert len(told) <= 20
    assert told[-1].devices == tuple(f"d{number}" for number in range(10))
    assert told[-1].state == "raised"
    (cleared,) = site._apply(34 * 7 + 60)
    assert "34 times since" in text_of(cleared)["en"]


def test_what_comes_and_goes_is_one_alert_that_stays_open_until_it_has_not_come_for_the_flap_time():
    site = Site(town([0]))
    changes = [
        (site.rise(0, 15 * turn, kind="silent"), site.fall(0, 15 * turn + 2, kind="silent")) for turn in range(7)
    ]
    states = [[alert.state for alert in (*rise, *fall)] for rise, fall in changes]
    assert states == [["raised", "cleared"], ["raised", "cleared"], ["raised"], [], [], ["raised"], []]
    assert len({alert.id for rise, fall in changes for alert in (*rise, *fall)}) == 1
    assert site._apply(7 * 15 + 16) == []
    (cleared,) = site._apply(7 * 15 + 18)
    assert (cleared.state, cleared.changed_ms) == ("cleared", NOON + (6 * 15 + 2 + 30) * MINUTE)
    assert text_of(cleared)["en"].startswith("Unreliable: silent 7 times since 11:59.")
    assert text_of(cleared)["en"].endswith("Over after 93 min.")


def test_who_acknowledged_what_comes_and_goes_hears_of_it_when_it_has_come_twice_as_often():
    site = Site(town([0]))
    for turn in range(3):
        (alert,) = site.rise(0, 10 * turn, kind="noise_high")
        site.fall(0, 10 * turn + 2, kind="noise_high")
    site.acknowledge(alert, 25)
    again = []
    for turn in (3, 4, 5):
        again.append([one.state for one in site.rise(0, 10 * turn, kind="noise_high")])
        assert site.fall(0, 10 * turn + 2, kind="noise_high") == []
    assert again == [[], [], ["raised"]]


def test_every_smoke_is_told_and_never_part_of_another():
    site = Site(town([0, 10]))
    first = site.rise(0, 0, kind="smoke") + site.rise(1, 0.1, kind="smoke")
    assert [len(alert.devices) for alert in first] == [0, 0]
    assert first[0].id != first[1].id
    for turn in range(1, 6):
        assert [alert.state for alert in site.fall(0, 5 * turn - 3, kind="smoke")] == ["cleared"]
        assert [(alert.state, alert.id) for alert in site.rise(0, 5 * turn, kind="smoke")] == [("raised", first[0].id)]


def test_devices_that_join_within_a_minute_are_one_call():
    site = Site(town([10 * number for number in range(5)]))
    told = [site.rise(number, 0.01 * number, kind="door_open") for number in range(5)]
    assert [[len(alert.devices) for alert in changes] for changes in told] == [[0], [], [], [], []]
    (last,) = site._apply(2)
    assert (last.state, last.quiet, len(last.devices), last.changed_ms) == ("raised", False, 5, NOON + MINUTE)


def test_a_call_that_waits_is_not_lost_when_one_of_the_devices_settles_meanwhile():
    site = Site(town([10 * number for number in range(5)]))
    for number in range(5):
        site.rise(number, 0.01 * number, kind="door_open")
    assert site.fall(2, 0.3, kind="door_open") == []
    (last,) = site._apply(2)
    assert (last.quiet, len(last.devices)) == (False, 5)
    assert text_of(last)["en"].startswith("Still at Place 0, Place 1, Place 3, Place 4; over at 1 of 5 devices.")


def test_a_command_meets_the_alert_as_it_stands_by_then():
    site = Site(town([10 * number for number in range(5)]))
    for number in range(5):
        site.rise(number, 0.01 * number, kind="door_open")
    (alert,) = site.stage.book.open()
    told = site.acknowledge(alert, 2)
    assert [(one.state, len(one.devices)) for one in told] == [("raised", 5), ("acknowledged", 5)]
    assert told[1].revision == told[0].revision + 1
    for number in range(5):
        site.fall(number, 3, kind="door_open")
    assert site.stage.book.open() == []


def test_neighbours_hazards_tell_the_highest_reading_and_call_again_when_it_is_twice_as_loud():
    site = Site(town([0, 10, 20], kinds=dict.fromkeys(range(3), "noise")))

    def noise(number, minute, value):
        args = {"kind": "noise_high", "metric": "noise", "observed": value, "limit": 85.0, "since_ms": NOON, "most": 0}
        return site.rise(number, minute, kind="noise_high", surprise=0.0, why=Why("threshold", args))

    noise(0, 0, 94.0)
    (joined,) = noise(1, 2, 88.0)
    assert text_of(joined)["en"].endswith("At Place 0: Noise 94 dB, limit 85 dB; since 12:00.")
    assert noise(2, 4, 100.0)[0].quiet
    (louder,) = noise(1, 5, 105.0)
    assert (louder.state, louder.quiet) == ("raised", False)
    assert "At Place 1: Noise 105 dB" in text_of(louder)["en"]


@pytest.mark.parametrize("page", ["alerts.md", "alerts.zh-CN.md"])
def test_the_documentation_says_of_every_kind_whether_it_joins(page):
    rows = (Path(__file__).parents[2] / "docs" / page).read_text(encoding="utf-8").split("\n\n")
    (table,) = [
        part.splitlines()[2:] for part in rows if part.startswith("|") and "`tailgating`" in part and "`smoke`" in part
    ]
    said = {kind: place for place, line in enumerate(table) for kind in re.findall(r"`([a-z_]+)`", line.split("|")[2])}
    places = {"alone": {0}, "near": {1}, "beat": {2, 3}}
    assert said.keys() == ALERT_KINDS.keys()
    assert all(said[kind] in places[one.together] for kind, one in ALERT_KINDS.items())


def test_high_readings_of_different_metrics_are_not_one_cause():
    site = Site(town([0, 10, 20], kinds=dict.fromkeys(range(3), "environment")))
    (noise,) = site.rise(0, 0, kind="level_high", about="noise")
    (water,) = site.rise(1, 1, kind="level_high", about="water")
    (both,) = site.rise(2, 2, kind="level_high", about="noise")
    assert (noise.id, len(both.devices)) == (both.id, 2)
    assert water.id != noise.id
