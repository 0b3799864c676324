"""A hazard's newest word is acted upon whatever its event time; what was over before it came is told as over."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.vocabulary import Flag
from stream.pipeline.pipeline import Pipeline
from tests.configs import pipeline_with
from tests.stream.build import MINUTE, NOON, Writer, places, text_of
from tests.support import examples

SECOND = 1000
HOUR, DAY = 60 * MINUTE, 1440 * MINUTE
CAMERAS = ("cam-1", "cam-2", "cam-3")
DEVICES = {"smoke-1": "smoke", "heat-1": "heat", "door-1": "door", "man-1": "manhole", "gate-1": "gate"}
DEVICES |= {"noise-1": "noise"} | dict.fromkeys(CAMERAS, "camera")
OF_DEVICES = {"clock_wrong", "silent", "feed_lost", "never_heard"}


class Site:
    """A pipeline and its log. Time is minutes from noon, of the site."""

    def __init__(self, **config):
        self.config = pipeline_with(site="test", country="", **config)
        self.pipe, self.log = Pipeline(self.config, places(DEVICES)), Writer()
        self.told, self.states = [], {}

    def says(self, device, word, at, *, off=0, late=0, metric=None, boot="a", seq=None, flags=0):
        """Add a word said at minute `at` by a clock that is `off` minutes ahead; it came `late` minutes later."""
        metric = metric or {"smoke": "smoke", "door": "door", "man": "cover", "gate": "barrier"}[device.split("-")[0]]
        now = NOON + round((at + late) * MINUTE)
        ts = NOON + round((at + off) * MINUTE)
        self.log.state(device, ts, word, metric=metric, received=now, boot=boot, seq=seq)
        self.log.batch.columns["flags"][-1] = flags
        return self

    def reads(self, device, value, at, *, off=0, late=0, metric, seq=None, boot="a", flags=0):
        now = NOON + round((at + late) * MINUTE)
        self.log.level(
            device, NOON + round((at + off) * MINUTE), value, metric=metric, received=now, seq=seq, boot=boot
        )
        self.log.batch.columns["flags"][-1] = flags
        return self

    def go(self, minute):
        """Let a record come at this minute: what was added, and words of cameras whose clocks are right.

        Returns what is told of hazards; that clocks are wrong and devices silent is not of this page.
        """
        now = NOON + round(minute * MINUTE)
        for camera in CAMERAS:
            self.log.count(camera, now, 1, received=now)
        out = self.pipe.process(self.log.record(now))
        for rows in out.states:
            for series, ts, word in zip(rows.series.tolist(), rows.ts.tolist(), rows.value, strict=True):
                # As a store keeps them: by series and time.
                self.states.setdefault(out.catalog[series].device, {})[ts] = word
        told = [alert for alert in out.alerts if alert.kind not in OF_DEVICES]
        self.told += told
        return told

    def now(self, device):
        """What a device is, as who reads the stored states sees it."""
        return max(self.states[device].items())[1]

    def restart(self):
        state = self.pipe.snapshot()
        self.pipe = Pipeline(self.config, places(DEVICES))
        self.pipe.restore(state)


def kinds(alerts):
    return [(alert.device, alert.kind, alert.state) for alert in alerts]


OFFS = [0, -2, -7, -61, 100 / 60, 61, 8 * 60, -8 * 60, -40 * 1440, 400 * 1440, -NOON / MINUTE]


@pytest.mark.parametrize("late", [0, 7, 3 * 60, 45 * 1440])
@pytest.mark.parametrize("off", OFFS)
@pytest.mark.parametrize("heard", [False, True])
def test_an_alarm_is_told_once_and_at_once_whatever_the_clock_says(off, late, heard):
    site = Site()
    if heard:
        site.says("smoke-1", "ok", -10, off=off).go(-10)
    site.says("smoke-1", "alarm", 0, off=off, late=late)
    (alert,) = site.go(late)
    assert kinds([alert]) == [("smoke-1", "smoke", "raised")]
    assert site.now("smoke-1") == "alarm"
    told = [(0, "en"), (1, "zh-CN")]
    delay_s = (late - off) * 60
    texts = [text_of(alert)[language] for _, language in told]
    if delay_s >= 60:
        assert "Told late" in texts[0]
        assert "迟报" in texts[1]
        assert alert.why.args["late_s"] == pytest.approx(delay_s)
        assert alert.confidence < 1
    elif delay_s <= -60:
        assert alert.why.code == "ahead"
        assert "after its receipt" in texts[0]
        assert "超前" in texts[1]
        assert alert.confidence < 1
    else:
        assert (alert.why.code, alert.confidence) == ("state", 1.0)
    for minute in range(1, 30):
        assert not [one for one in site.go(late + minute) if one.kind == "smoke"]
    site.says("smoke-1", "ok", late + 30, off=off)
    assert kinds(site.go(late + 30)) == [("smoke-1", "smoke", "cleared")]
    assert site.now("smoke-1") == "ok"


@pytest.mark.parametrize("off", OFFS)
@pytest.mark.parametrize("then", [-100 / 60, 0, 60, -8 * 60])
def test_nothing_is_silent_after_a_clock_is_put_right_or_wrong(off, then):
    site = Site()
    site.says("smoke-1", "ok", 0, off=off).says("man-1", "closed", 0, off=off)
    site.reads("heat-1", 20.0, 0, off=off, metric="temperature").go(0)
    site.says("smoke-1", "alarm", 0.1, off=then).says("man-1", "open", 0.1, off=then)
    site.reads("heat-1", 80.0, 0.1, off=then, metric="temperature")
    found = kinds(site.go(0.1))
    assert ("man-1", "cover_open", "raised") in found
    assert {("smoke-1", "fire", "raised"), ("heat-1", "fire", "raised")} & set(found)
    assert [site.now("smoke-1"), site.now("man-1")] == ["alarm", "open"]
    site.says("man-1", "closed", 0.2, off=off).go(0.2)
    assert kinds(site.told)[-1] == ("man-1", "cover_open", "cleared")
    assert site.now("man-1") == "closed"


@pytest.mark.parametrize("window_s", [60, 300])
def test_an_alarm_that_waited_for_the_node_is_told_with_all_that_was_said_around_it(window_s):
    site = Site(window_s=window_s)
    site.says("smoke-1", "ok", 0).says("man-1", "closed", 0).go(0)
    for word, at in (("alarm", 1), ("ok", 2), ("alarm", 3)):
        site.says("smoke-1", word, at, late=8 - at)
    site.says("man-1", "open", 1.5, late=6.5)
    found = site.go(8)
    assert kinds(found) == [
        ("smoke-1", "smoke", "raised"),
        ("smoke-1", "smoke", "cleared"),
        ("smoke-1", "smoke", "raised"),
        ("man-1", "cover_open", "raised"),
    ]
    assert text_of(found[1])["en"].endswith("Over after 60 s.")


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("flags", [0, Flag.BACKFILL])
def test_an_alarm_whose_end_came_first_is_told_as_over(flags, apart):
    site = Site()
    site.says("smoke-1", "ok", 0, seq=1).go(0)
    site.says("smoke-1", "ok", 3, seq=3)
    if apart:
        site.go(3)
    site.says("smoke-1", "alarm", 2, late=2, seq=2, flags=flags)
    found = site.go(4)
    assert kinds(found) == [("smoke-1", "smoke", "raised"), ("smoke-1", "smoke", "cleared")]
    if apart:
        assert text_of(found[0])["en"].endswith("Told late, 2 min after it began, when it was over.")
        assert text_of(found[0])["zh-CN"].endswith("收到时已结束。")
    assert text_of(found[1])["en"].endswith("Over after 60 s.")
    assert site.now("smoke-1") == "ok"
    site.restart()
    assert [one for minute in range(5, 60) for one in site.go(minute)] == []


def test_backfill_never_ends_a_newer_condition_and_its_own_end_does_end_it():
    site = Site()
    site.says("smoke-1", "alarm", 0, seq=10).go(0)
    site.says("smoke-1", "ok", -5, late=6, seq=11, flags=Flag.BACKFILL)  # numbered when it was sent
    site.says("smoke-1", "ok", -3, late=4, seq=0, boot="b", flags=Flag.BACKFILL)
    assert site.go(1) == []
    site.says("smoke-1", "ok", 2, seq=12)
    assert kinds(site.go(2)) == [("smoke-1", "smoke", "cleared")]
    # Cut off after that: an alarm and its end, kept and sent later, newer than all that is known.
    site.says("smoke-1", "alarm", 20, late=40, seq=13, flags=Flag.BACKFILL)
    assert kinds(site.go(60)) == [("smoke-1", "smoke", "raised")]
    assert site.now("smoke-1") == "alarm"
    site.says("smoke-1", "ok", 21, late=40, seq=14, flags=Flag.BACKFILL)
    assert kinds(site.go(61)) == [("smoke-1", "smoke", "cleared")]


def test_a_condition_that_goes_on_is_not_ended_by_one_that_was_before():
    site = Site()
    site.says("smoke-1", "ok", 0, seq=0).says("smoke-1", "alarm", 10, seq=9).go(10)
    site.says("smoke-1", "alarm", 5, late=6, seq=4)
    assert site.go(11) == []
    assert len(site.told) == 1


def test_a_hundred_backfilled_readings_of_one_condition_are_told_once():
    site = Site()
    site.reads("smoke-1", 0.1, 60, metric="smoke", seq=1000).go(60)
    for second in range(100):
        late = 1 + second / 600
        site.reads("smoke-1", 12.0, 10 + second / 60, late=50 + late, metric="smoke", seq=second, flags=Flag.BACKFILL)
        site.go(61 + second / 60 / 10)
    assert kinds(site.told) == [("smoke-1", "smoke", "raised"), ("smoke-1", "smoke", "cleared")]


@pytest.mark.parametrize("off", [0, -7, 61, 400 * 1440])
def test_a_repeat_alarms_nobody_again(off):
    site = Site()
    site.says("smoke-1", "alarm", 0, off=off, seq=5).go(0)
    site.says("smoke-1", "ok", 1, off=off, seq=6).go(1)
    before = len(site.told)
    for boot, seq in (("a", 5), ("a", 6), ("a", 5)):
        site.says("smoke-1", "alarm" if seq == 5 else "ok", 0, off=off, late=20, seq=seq, boot=boot)
    assert site.go(20) == []
    site.says("smoke-1", "alarm", 0, off=off, late=600, seq=0, boot="gw", flags=Flag.NUMBERED_HERE | Flag.RETAINED)
    assert site.go(600) == []  # a broker shows once more what was said long ago
    assert len(site.told) == before


def test_between_two_boots_what_came_last_is_newest():
    site = Site()
    site.says("smoke-1", "alarm", 0, seq=5).go(0)
    site.says("smoke-1", "ok", 1, seq=0, boot="b").go(1)
    assert kinds(site.told)[-1] == ("smoke-1", "smoke", "cleared")
    site.says("smoke-1", "alarm", 0.5, late=1.5, seq=6).go(2)  # the old boot's, from its queue
    assert kinds(site.told)[-1] == ("smoke-1", "smoke", "raised")
    site.says("smoke-1", "ok", -1, late=4, seq=4).go(3)  # its numbers say that this one was before
    assert kinds(site.told)[-1] == ("smoke-1", "smoke", "raised")
    site.says("smoke-1", "ok", 4, seq=1, boot="b").go(4)
    assert kinds(site.told)[-1] == ("smoke-1", "smoke", "cleared")


@pytest.mark.parametrize("off", [0, 90 / 60, 61, 8 * 60])
def test_a_door_is_open_as_long_as_it_is_open(off):
    """A clock that is right or fast; a slow one looks like a delay, until the door has spoken twice."""
    site = Site()
    site.says("door-1", "closed", 0, off=off).go(0)
    site.says("door-1", "open", 5, off=off).go(5)
    assert [site.go(minute) for minute in (6, 6.9)] == [[], []]
    assert kinds(site.go(7.1)) == [("door-1", "door_open", "raised")]
    site.says("door-1", "closed", 10, off=off)
    (over,) = site.go(10)
    assert text_of(over)["en"].endswith("Over after 5 min.")


@pytest.mark.parametrize("off", [-7, -60, -8 * 60])
def test_a_slow_clock_is_known_by_the_second_word(off):
    site = Site()
    site.says("door-1", "closed", 0, off=off).go(0)
    site.says("door-1", "open", 5, off=off)
    assert site.go(5) == []
    assert site.go(6.9) == []
    assert kinds(site.go(7.1)) == [("door-1", "door_open", "raised")]


def test_a_door_reported_open_late_has_been_open_since():
    site = Site()
    site.says("door-1", "closed", 0).go(0)
    site.says("door-1", "open", 5, late=400 / 60)
    (alert,) = site.go(5 + 400 / 60)
    assert (alert.kind, alert.state, alert.cause_ms) == ("door_open", "raised", NOON + 5 * MINUTE)
    assert text_of(alert)["en"].endswith("Told late, by 5 min: delayed on its way, or the device's clock is slow.")
    assert alert.why.args["late_s"] == pytest.approx(280)
    site = Site()
    site.says("door-1", "closed", 0).go(0)
    site.says("door-1", "open", 5, late=1)
    assert site.go(6) == []
    assert site.go(6.9) == []
    assert kinds(site.go(7.1)) == [("door-1", "door_open", "raised")]


@pytest.mark.parametrize("off", OFFS)
@pytest.mark.parametrize(("open_for", "told"), [(1, False), (4, True)])
def test_a_door_that_was_open_and_shut_in_one_late_batch(off, open_for, told):
    site = Site()
    site.says("door-1", "closed", 0, off=off).go(0)
    site.says("door-1", "open", 5, off=off, late=30).says("door-1", "closed", 5 + open_for, off=off, late=30 - open_for)
    found = kinds(site.go(35))
    assert found == [("door-1", "door_open", "raised"), ("door-1", "door_open", "cleared")] * told
    assert site.now("door-1") == "closed"


def test_a_backfilled_door_waits_for_the_word_that_shut_it():
    site = Site()
    site.says("door-1", "closed", 60, seq=100).go(60)
    for seq, (word, at) in enumerate([("open", 10), ("closed", 10.5), ("open", 20), ("closed", 25)]):
        site.says("door-1", word, at, late=61 - at + seq / 100, seq=seq, flags=Flag.BACKFILL).go(61 + seq / 100)
    assert kinds(site.told) == [("door-1", "door_open", "raised"), ("door-1", "door_open", "cleared")]
    assert text_of(site.told[1])["en"].endswith("Over after 5 min.")
    assert site.go(70) == []


@pytest.mark.parametrize("off", [0, -7, 61, -8 * 60])
def test_a_level_must_stay_whatever_its_clock(off):
    site = Site()
    site.log.seqs.clear()
    for second, value in ((0, 50.0), (1, 90.0), (3, 60.0), (20, 91.0), (25, 92.0)):
        site.reads("noise-1", value, second / 60, off=off, metric="noise").go(second / 60)
    assert site.told == []
    site.reads("noise-1", 92.0, 31 / 60, off=off, metric="noise")
    assert kinds(site.go(31 / 60)) == [("noise-1", "noise_high", "raised")]


@pytest.mark.parametrize("late", [0, 6])
def test_smoke_and_heat_of_one_late_batch_are_a_fire(late):
    site = Site()
    site.says("smoke-1", "ok", 0).reads("heat-1", 20, 0, metric="temperature").go(0)
    site.says("smoke-1", "alarm", 1, late=late).reads("heat-1", 80, 2, late=late - 1, metric="temperature")
    found = kinds(site.go(1 + late))
    assert ("smoke-1", "fire", "raised") in found or ("heat-1", "fire", "raised") in found


def test_an_old_alarm_that_is_told_late_makes_no_fire_of_one_that_goes_on():
    site = Site()
    site.says("smoke-1", "ok", 0, seq=1).reads("heat-1", 80.0, 300, metric="temperature").go(300)
    site.says("smoke-1", "ok", 301, seq=9).go(301)
    site.says("smoke-1", "alarm", 10, late=292, seq=3)
    assert kinds(site.go(302)) == [("smoke-1", "smoke", "raised"), ("smoke-1", "smoke", "cleared")]


def test_a_gate_whose_clock_was_put_back_is_still_watched():
    site = Site()
    site.log.gate("gate-1", NOON + 100 * SECOND, allowed=0, received=NOON).record(NOON)
    site.log.gate("gate-1", NOON + 100 * SECOND, allowed=0, plate="h1:k:a", received=NOON)
    site.go(0)
    night = 11 * 60
    site.log.gate("gate-1", NOON + night * MINUTE + 100 * SECOND, allowed=1, received=NOON + night * MINUTE)
    site.go(night)
    site.log.gate(
        "gate-1", NOON + night * MINUTE + SECOND, plate="h1:k:b", allowed=0, received=NOON + night * MINUTE + SECOND
    )
    assert kinds(site.go(night + 1 / 60)) == [("gate-1", "stranger_vehicle", "raised")]


def test_counts_that_come_late_stay_silent():
    site = Site()
    for minute in range(-3 * 1440, 0, 5):
        site.log.count("cam-1", NOON + minute * MINUTE, 10, interval=300.0, received=NOON)
    site.go(0)
    site.log.count("cam-1", NOON + 5 * MINUTE, 10, interval=300.0, received=NOON + 15 * MINUTE)
    site.log.count("cam-1", NOON + 10 * MINUTE, 900, interval=300.0, received=NOON + 15 * MINUTE)
    assert site.go(15) == []


WORD = st.tuples(
    st.sampled_from(["alarm", "ok", "ok"]),
    st.sampled_from([0, 0, -1, -7, 2, 61, -8 * 60, 8 * 60, 400 * 1440, -NOON / MINUTE]),
    st.integers(0, 30),
)


@settings(max_examples=examples(120), deadline=None)
@given(words=st.lists(WORD, min_size=1, max_size=12), cut=st.integers(0, 12), flags=st.sampled_from([0, Flag.BACKFILL]))
def test_the_rule_ends_as_the_newest_word_says_and_no_alarm_is_lost(words, cut, flags):
    """Any words, ten minutes apart, by clocks that are off by anything, in any order; some after a restart."""
    site = Site(flap_s=0)
    coming = sorted((number * 10 + late * 3, number) for number, (_, _, late) in enumerate(words))
    for index, (at, number) in enumerate(coming):
        word, off, _ = words[number]
        if index == cut:
            site.restart()
        site.says(
            "smoke-1",
            word,
            number * 10,
            off=off,
            late=at - number * 10,
            seq=number,
            flags=flags if number % 3 == 2 else 0,
        )
        before = [one.state for one in site.told if one.kind == "smoke"]
        found = [one.state for one in site.go(at) if one.kind == "smoke"]
        standing = before[-1:] == ["raised"]
        if word == "alarm":
            # Told at once, unless people know of an alarm that goes on.
            assert standing or "raised" in found
        assert "raised" not in found or word == "alarm"
    if not flags:
        assert site.now("smoke-1") == words[-1][0]
        told = [one.state for one in site.told if one.kind == "smoke"]
        assert (told[-1:] == ["raised"]) == (words[-1][0] == "alarm")
    assert [one for one in site.told if one.state == "raised" and one.revision > 1] == []
