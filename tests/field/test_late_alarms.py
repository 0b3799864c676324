"""A detector's newest word is acted upon, whatever its event time."""

import json

import pytest

from tests.field.station import FakeClock, Station, now_ms


def test_alarms_that_come_minutes_after_they_were_given(tmp_path):
    with Station(tmp_path, ["smoke-1", "smoke-2", "smoke-3", "man-1", "heat-1", "cam-1"]) as site:
        site.broker().node().phone()
        for device, late_s in (("smoke-1", 0), ("smoke-2", 420), ("smoke-3", 0)):
            site.state(device, "smoke", "ok", 1, late_s=late_s)
        site.state("man-1", "cover", "closed", 1)
        site.count("cam-1", 1, 0, 1)
        site.state("smoke-1", "smoke", "alarm", 2)
        site.state("smoke-2", "smoke", "alarm", 2, late_s=420)
        site.state("man-1", "cover", "open", 2, late_s=400)
        site.level("heat-1", "temperature", "°C", 80.0, 1, late_s=400)
        site.hears(("smoke", "smoke-1"), ("smoke", "smoke-2"), ("cover_open", "man-1"), ("heat", "heat-1"))
        assert site.end("node") == 0
        site.state("smoke-3", "smoke", "alarm", 2, late_s=400)
        site.node()
        site.hears(("smoke", "smoke-3"))
        late = {one["device"]: one["confidence"] for one, _ in site.heard if one["kind"] == "smoke"}
        assert late["smoke-2"] < late["smoke-1"], "told as late, with lower confidence"


def test_an_alarm_right_after_the_node_stopped_and_400_s_before_it_is_back(tmp_path):
    with Station(tmp_path, ["smoke-1", "man-1", "cam-1"]) as site:
        clock = FakeClock(tmp_path)
        site.broker().node(clock).phone()
        site.state("smoke-1", "smoke", "ok", 1)
        site.state("man-1", "cover", "closed", 1)
        site.count("cam-1", 1, 0, 1)
        site.counted("cam-1", (1, 1, 0))
        assert site.end("node") == 0
        site.state("smoke-1", "smoke", "alarm", 2)
        site.state("man-1", "cover", "open", 2)
        clock.set(400)
        site.node(clock)
        site.hears(("smoke", "smoke-1"), ("cover_open", "man-1"))


@pytest.mark.parametrize("slow_s", [120, 420, 28_800, -90, -28_800, 400 * 86_400, -400 * 86_400])
def test_a_detector_whose_clock_is_off_alarms_at_once(slow_s, tmp_path):
    with Station(tmp_path, ["smoke-1", "smoke-2", "cam-1"]) as site:
        site.broker().node().phone()
        site.count("cam-1", 1, 0, 1)
        site.state("smoke-1", "smoke", "ok", 1, late_s=slow_s)
        site.level("smoke-2", "smoke", "%/m", 0.1, 1, late_s=slow_s)
        site.state("smoke-1", "smoke", "alarm", 2, late_s=slow_s)
        site.level("smoke-2", "smoke", "%/m", 12.0, 2, late_s=slow_s)
        site.hears(("smoke", "smoke-1"), ("smoke", "smoke-2"))
        site.state("smoke-1", "smoke", "ok", 3, late_s=slow_s)
        site.hears(("smoke", "smoke-1"), state="cleared")


def test_a_clock_that_was_ahead_is_corrected_and_then_there_is_smoke(tmp_path):
    with Station(tmp_path, ["smoke-1", "smoke-2", "man-1"]) as site:
        site.broker().node().phone()
        site.state("smoke-1", "smoke", "ok", 1, late_s=-100)
        site.level("smoke-2", "smoke", "%/m", 0.1, 1, late_s=-100)
        site.state("man-1", "cover", "closed", 1, late_s=-100)
        site.state("smoke-1", "smoke", "alarm", 2)
        site.level("smoke-2", "smoke", "%/m", 9.0, 2)
        site.state("man-1", "cover", "open", 2)
        site.hears(("smoke", "smoke-1"), ("smoke", "smoke-2"), ("cover_open", "man-1"))


def test_a_backfilled_alarm_that_is_over_is_told_as_over(tmp_path):
    with Station(tmp_path, ["smoke-1", "cam-1"]) as site:
        site.broker().node().phone()
        site.state("smoke-1", "smoke", "ok", 1)
        hour_ago, one = now_ms() - 3_600_000, {"type": "state", "metric": "smoke", "boot": "b"}
        words = [one | {"value": word, "ts": hour_ago + seq, "seq": seq} for seq, word in ((2, "alarm"), (3, "ok"))]
        site.say("smoke-1", json.dumps(words).encode())
        site.hears(("smoke", "smoke-1"))
        site.hears(("smoke", "smoke-1"), state="cleared")


def test_units_as_chinese_devices_write_them(tmp_path):
    with Station(tmp_path, ["heat-1", "heat-2", "heat-3", "noise-1", "noise-2"]) as site:
        site.broker().node().phone()
        said = {"heat-1": ("temperature", "℃"), "heat-2": ("temperature", "°C"), "heat-3": ("temperature", "°Ｃ")}
        said |= {"noise-1": ("noise", "dB(A)"), "noise-2": ("noise", "ｄＢ")}
        for device, (metric, unit) in said.items():
            for seq in range(3):
                site.level(device, metric, unit, 95.0, seq, late_s=20 - 10 * seq)
        site.hears(*(("heat" if device.startswith("heat") else "noise_high", device) for device in said))
