"""One device's flood costs a time that grows with its rows, and takes no names and no room from the others."""

from __future__ import annotations

import time

import pytest

from ingest.log.records import RecordKind
from ingest.places import Places
from stream.pipeline.pipeline import Pipeline
from stream.windows import catalog
from tests.stream.build import MINUTE, NOON, Writer, places, text_of
from tests.stream.test_pipeline import CONFIG, pipeline

FLOODS = {
    "boots": lambda log, n: log.count("cam-1", NOON + MINUTE, 1, seq=n, boot=f"b{n}"),
    "metrics": lambda log, n: log.level("noise-1", NOON + MINUTE, 1.0, metric=f"m{n}"),
    "units": lambda log, n: log.level("noise-1", NOON + MINUTE, 1.0, unit=f"u{n}"),
    "words": lambda log, n: log.state("door-1", NOON + n, f"w{n}"),
    "an alarm that flaps": lambda log, n: log.state("noise-1", NOON + n, ("alarm", "ok")[n % 2], metric="tamper"),
    "a level that flaps": lambda log, n: log.level("smoke-1", NOON + n, (90.0, 0.0)[n % 2], metric="smoke"),
    "gaps in the numbers": lambda log, n: log.count("cam-1", NOON + MINUTE, 1, seq=97 * n + 1),
    "numbers backwards": lambda log, n: log.count("cam-1", NOON + MINUTE, 1, seq=97 * (30_000 - n)),
    "strange vehicles": lambda log, n: log.gate("gate-1", NOON + n, plate=f"h1:k:{n}", allowed=0),
    "a month of windows": lambda log, n: log.count("cam-1", NOON - n % 8_600 * 5 * MINUTE, 1),
}


@pytest.mark.parametrize("add", FLOODS.values(), ids=FLOODS)
def test_a_record_full_of_one_devices_flood_does_not_delay_the_alarm_behind_it(add):
    pipe, log = pipeline(), Writer()
    pipe.process(log.count("cam-1", NOON, 1).record())
    for number in range(20_000):
        add(log, number)
    flood = log.record()
    alarm = log.state("smoke-2", NOON + 30_000, "alarm", metric="smoke").record()
    began = time.process_time()
    results = pipe.process(flood)
    told = pipe.process(alarm)
    # 0.4 s at most where this was written; thousands of boots took minutes. Two seconds is what an alarm may take.
    assert time.process_time() - began < 2
    assert [alert.kind for alert in told.alerts] == ["smoke"]
    assert results.accepted + sum(refusal.times for refusal in results.refusals) == 20_000
    assert len(results.refusals) < 100
    assert len(results.alerts) <= 100


def test_boots_of_a_flood_are_not_kept_for_good_and_those_of_others_stay():
    pipe, log = pipeline(), Writer()
    pipe.process(log.count("gate-1", NOON, 1, seq=7, boot="steady").record())
    for number in range(5_000):
        log.count("cam-1", NOON + MINUTE, 1, seq=1, boot=f"b{number}")
    assert pipe.process(log.record()).accepted == 5_000
    again = log.count("cam-1", NOON + MINUTE, 1, seq=1, boot="b4999").count("gate-1", NOON, 1, seq=7, boot="steady")
    resumed = pipeline()
    resumed.restore(pipe.snapshot())
    record = again.record()
    for one in (pipe, resumed):
        assert one.process(record).duplicates == 2
    assert pipe.snapshot() == resumed.snapshot()
    size = len(pipe.snapshot())
    for number in range(5_000, 10_000):
        log.count("cam-1", NOON + MINUTE, 1, seq=1, boot=f"b{number}")
    assert pipe.process(log.record()).accepted == 5_000
    assert len(pipe.snapshot()) < 1.1 * size


def _crowd(devices: int) -> Places:
    return places({f"n{number}": "noise" for number in range(devices)} | {"smoke-1": "smoke", "env-1": "environment"})


def test_devices_that_use_up_all_names_leave_the_others_theirs():
    """Also names that nobody foresaw, and also after a restart."""
    crowd = _crowd(60)
    pipe, log = Pipeline(CONFIG, crowd), Writer()
    for device in range(60):
        for number in range(CONFIG.max_metrics + 4):
            log.level(f"n{device}", NOON, 1.0, metric=f"made-up-{device}-{number}")
    flood = pipe.process(log.record())
    assert flood.accepted == 60 * CONFIG.max_metrics > catalog.MAX_NAMES
    assert {refusal.reason for refusal in flood.refusals} == {"metrics"}
    resumed = Pipeline(CONFIG, crowd)
    resumed.restore(pipe.snapshot())
    log.level("smoke-1", NOON + 1, 9.0, metric="smoke").level("env-1", NOON + 1, 12.0, metric="ozone")
    log.state("n3", NOON + 1, "alarm", metric="tamper").level("n3", NOON + 1, 1.0, metric="made-up-3-2")
    record = log.record()
    for one in (pipe, resumed):
        results = one.process(record)
        assert (results.accepted, results.refusals) == (4, [])
        assert {alert.kind for alert in results.alerts} == {"smoke", "tamper"}
    assert pipe.snapshot() == resumed.snapshot()
    assert pipe.process(log.level("env-1", NOON + 2, 13.0, metric="ozone").record()).accepted == 1
    names = [(key.device, key.metric) for key in pipe.shards[0].catalog.series]
    assert len(names) == len(set(names))


def _fault(log, at, what="rate"):
    """What a gateway says of a device that floods."""
    fault = {"beat": "b1", "device": "cam-1", "what": what, "refused": 700, "limit": 200.0}
    return log.json(RecordKind.FAULT, at, **fault)


def test_a_flood_is_told_as_the_devices_fault_until_it_is_over():
    pipe, log = pipeline(), Writer()
    out = [pipe.process(log.count("cam-1", NOON, 1).record())]
    out += [pipe.process(_fault(log, NOON + minute * MINUTE)) for minute in range(4)]
    resumed = pipeline()
    resumed.restore(pipe.snapshot())
    (raised,) = [alert for one in out for alert in one.alerts]
    assert (raised.kind, raised.device, raised.state, raised.severity) == ("device_fault", "cam-1", "raised", "warning")
    said = text_of(raised)
    assert said["en"].startswith("It sends more than 200 observations a second; 700 were not taken")
    assert "每秒上报超过200条" in said["zh-CN"]
    for one in (pipe, resumed):
        later = [one.process(record) for record in (log.tick(NOON + 5 * MINUTE), log.tick(NOON + 6 * MINUTE))]
        assert [(alert.kind, alert.state) for results in later for alert in results.alerts] == [
            ("device_fault", "cleared")
        ]


def test_made_up_metrics_are_told_as_the_devices_fault():
    pipe, log = pipeline(), Writer()
    for number in range(50):
        log.level("noise-1", NOON, 1.0, metric=f"m{number}")
    results = pipe.process(log.record())
    assert [(alert.kind, alert.device) for alert in results.alerts] == [("device_fault", "noise-1")]
    assert "more than 16 different metrics; 34 observations were not taken" in text_of(results.alerts[0])["en"]


COUNTS = (
    lambda log, at, value: log.count("cam-1", at, value),
    65_535,
    "65,535 in place of the number of people",
    "人数为65535",
)
READS = (lambda log, at, value: log.level("noise-1", at, float(value)), -999, "-999 in place of noise", "噪声为-999")


@pytest.mark.parametrize(("say", "code", "english", "chinese"), [COUNTS, READS], ids=["counts", "readings"])
def test_codes_that_keep_coming_are_told_as_the_devices_fault_until_they_are_over(say, code, english, chinese):
    pipe, log = pipeline(), Writer()

    def lives(minute: int, value: int):
        return pipe.process(say(log, NOON + minute * MINUTE, value).record())

    for minute, value in enumerate((code, 50, 51, 50, 52)):
        assert not lives(minute, value).alerts, "one code is a glitch"
    out = [lives(minute, code) for minute in range(5, 20)]
    assert all([refusal.reason for refusal in one.refusals] == ["range"] for one in out)
    (raised,) = [alert for one in out for alert in one.alerts]
    assert (raised.kind, raised.state) == ("device_fault", "raised")
    said = text_of(raised)
    assert said["en"].startswith(f"It sends {english}: a code for a fault")
    assert chinese in said["zh-CN"]
    resumed = pipeline()
    resumed.restore(pipe.snapshot())
    for one in (pipe, resumed):
        ended = [one.process(log.tick(NOON + minute * MINUTE)).alerts for minute in (24, 31)]
        told = [[alert.state for alert in alerts if alert.kind == "device_fault"] for alerts in ended]
        assert told == [[], ["cleared"]]


def test_a_fault_of_a_device_that_is_not_known_or_that_cannot_be_read_ends_nothing():
    pipe, log = pipeline(), Writer()
    assert pipe.process(log.json(RecordKind.FAULT, NOON, device="nobody")).refusals
    strange = {"beat": "b1", "device": "nobody", "what": "rate", "refused": 1, "limit": 1.0}
    assert pipe.process(log.json(RecordKind.FAULT, NOON, **strange)).alerts == []
