"""One device's flood: what is over its share is refused and told, alarms are not, and nobody else notices."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import msgspec
import pytest

from ingest import topics
from ingest.events import DeviceFault
from ingest.gateway.gateway_settings import GatewaySettings
from ingest.gateway.intake import Intake
from ingest.gateway.plates import Plates
from ingest.gateway.quarantine import Quarantine
from ingest.gateway.routes import Routes
from ingest.log.batch import open_batch
from ingest.log.records import RecordKind
from ingest.vocabulary import WITH_RULES
from models.rules import defaults

PLATES = Plates([("aaaa", b"a" * 32)])
NOW = 1_795_406_400_000
OBS = topics.observations("s", "b", "loud")


NO_IN: dict[str, Any] = {"in": None}


class Hand:
    """A clock set by hand, and an intake that goes by it."""

    live = True

    def __init__(self, **settings) -> None:
        self.now = NOW
        self.intake = Intake(routes=Routes("s", None), clock=self, plates=PLATES, settings=GatewaySettings(**settings))
        self.seq = 0

    def now_ms(self) -> int:
        return self.now

    def observe(self, event_ms: int) -> None:
        pass

    def send(self, rows: int = 1, topic: str = OBS, **fields: Any) -> None:
        """Send one message of so many observations."""
        found = []
        for _ in range(rows):
            one = {"type": "count", "boot": "a", "seq": self.seq, "ts": self.now, "interval_s": 1, "in": 1} | fields
            found.append({name: value for name, value in one.items() if value is not None})
            self.seq += 1
        self.intake.take(topic, json.dumps(found).encode())

    def state(self, word: str, metric: str = "smoke", **fields: Any) -> None:
        fields = {"type": "state", "metric": metric, "value": word, "interval_s": None, "in": None} | fields
        self.send(**fields)

    def level(self, value: float, metric: str = "noise") -> None:
        self.send(type="level", metric=metric, value=value, interval_s=None, **NO_IN)

    def finish(self, later_s: float = 0):
        taken = self.intake.finish()
        self.now += round(later_s * 1000)
        self.intake.begin()
        return taken


def words(taken) -> list[str | float]:
    """What states and levels say, in order."""
    found = []
    for record in taken.records:
        if record.kind is RecordKind.OBSERVATIONS:
            batch = open_batch(record.payload)
            names = (batch.columns[name].values() for name in ("kind", "text", "a"))
            found += [batch.strings[text] if kind == 3 else a for kind, text, a in zip(*names, strict=True)]
    return found


def faults(taken) -> list[tuple[str, str, int]]:
    payloads = [one.payload for one in taken.records if one.kind is RecordKind.FAULT]
    found = [msgspec.json.decode(payload, type=DeviceFault) for payload in payloads]
    return [(one.device, one.what, one.refused) for one in found]


def refused(taken) -> Counter[str]:
    found: Counter[str] = Counter()
    for one in taken.refusals:
        found[one.reason] += one.times
    return found


def test_the_metrics_that_no_quota_may_lose_are_those_that_have_a_rule():
    assert set(defaults.WITH_RULES) == set(WITH_RULES)


def test_what_is_over_the_rate_is_refused_counted_and_told_and_others_go_on():
    hand = Hand(device_observations_s=10, device_burst_s=10)
    for _ in range(50):
        hand.send(rows=10)
    hand.send(topic=topics.observations("s", "b", "calm"))
    taken = hand.finish()
    assert taken.observations == 101
    assert refused(taken) == {"quota": 400}
    assert faults(taken) == [("loud", "rate", 400)]
    assert hand.intake.counts.quarantined == {"quota": 400}
    hand.finish(later_s=5)
    hand.send(rows=49)
    assert hand.finish().observations == 49, "seconds come back"


def test_the_rate_is_taken_not_less_while_a_device_sends_more():
    hand = Hand(device_observations_s=10, device_burst_s=10)
    took = 0
    for _ in range(600):
        for _ in range(10):
            hand.send()  # a hundred a second
        took += hand.finish(later_s=0.1).observations
    assert 600 <= took <= 600 + 100 + 10


def test_a_fault_that_lasts_is_told_every_minute_and_one_that_is_over_no_more():
    hand = Hand(device_observations_s=1, device_burst_s=1)
    told = []
    for second in range(150):
        hand.send(rows=5)
        told += [(second, *fault) for fault in faults(hand.finish(later_s=1))]
    assert [second for second, *_ in told] == [0, 60, 120]
    assert all(what == "rate" for *_, what, _ in told)
    assert faults(hand.finish(later_s=600)) == []


LEVEL: dict[str, Any] = {"type": "level", "metric": "noise", "value": 50}
COUNT: dict[str, Any] = {"type": "count", "interval_s": 1, "in": 1}


@pytest.mark.parametrize("said", [[COUNT] * 60, [LEVEL] * 30 + [COUNT] * 30], ids=["in order", "detectors first"])
def test_a_backlog_is_counted_by_its_own_times(said):
    """A device that was cut off for a week sends an observation of every second, as fast as it can."""
    hand = Hand(device_observations_s=2, device_burst_s=300)
    start = NOW - 70_000_000
    for number, one in enumerate(said):
        for row in range(0, 1_000, 100):
            at = start + (said[:number].count(one) * 1_000 + row) * 1_000
            payload = [{**one, "boot": "a", "seq": hand.seq + n, "ts": at + n * 1_000} for n in range(100)]
            hand.seq += 100
            hand.intake.take(OBS, json.dumps(payload).encode())
        hand.send()  # what is observed now comes between
        assert refused(hand.finish(later_s=0.2)) == {}
    assert hand.intake.counts.observations == 60_060


def test_many_bytes_are_too_many_but_a_hazard_in_them_is_read():
    hand = Hand(device_bytes_s=1_000, device_burst_s=10)
    long: dict[str, Any] = {"note": "x" * 8_000}
    hand.send(**long)
    hand.send(**long)
    hand.state("alarm", **long)
    hand.send(topic=topics.observations("s", "b", "calm"))
    taken = hand.finish()
    assert words(taken) == [1.0, 1.0, "alarm"]
    assert refused(taken) == {"quota": 1}
    assert faults(taken) == [("loud", "bytes", 1)]


def test_boots_without_number_are_too_many_and_known_ones_go_on():
    hand = Hand(device_boots_h=5)
    hand.send(boot="steady")
    for number in range(20):
        hand.send(boot=f"b{number}")
    hand.send(boot="steady")
    hand.state("alarm", boot="b99")
    taken = hand.finish(later_s=3600)
    assert taken.observations == 1 + 4 + 1 + 1
    assert words(taken)[-1] == "alarm"
    assert refused(taken) == {"quota": 16}
    assert faults(taken) == [("loud", "boots", 16)]
    hand.send(boot="b50")
    assert hand.finish().observations == 1


@pytest.mark.parametrize("numbered", [True, False])
def test_an_alarm_among_ten_thousand_words_over_the_quota_is_taken(numbered):
    hand = Hand(device_observations_s=1, device_burst_s=1)
    number: dict[str, Any] = {} if numbered else {"boot": None, "seq": None}
    for index in range(10_000):
        hand.state("alarm" if index == 5_000 else "ok", ts=NOW - 10_000 + index, **number)
    hand.state("closed", metric="door", **number)
    taken = hand.finish()
    assert words(taken) == ["ok", "alarm", "ok", "closed"]  # the first is within the quota
    assert taken.observations + refused(taken)["quota"] == 10_001


def test_the_newest_word_is_the_last_one_whatever_came_between():
    hand = Hand(device_observations_s=1, device_burst_s=1)
    for index in range(1_000):
        hand.state(("alarm", "ok")[index % 2])
    hand.state("alarm")
    assert words(hand.finish())[-1] == "alarm"
    for index in range(1_000):
        hand.state(f"made-up-{index}")
    hand.state("ok")
    found = words(hand.finish())
    assert found[-1] == "ok"
    assert len(found) < 12


def test_the_highest_and_the_newest_of_a_level_are_taken():
    hand = Hand(device_observations_s=1, device_burst_s=1)
    for index in range(1_000):
        hand.level(99.0 if index == 300 else 20.0 if index == 700 else 60.0 + index % 7)
    hand.level(61.5)
    assert words(hand.finish()) == [60.0, 99.0, 20.0, 61.5]


def test_statuses_are_condensed_to_the_newest():
    hand = Hand(device_burst_s=10)
    topic = topics.status("s", "b", "loud")
    for index in range(501):
        hand.intake.take(topic, json.dumps({"state": ("online", "offline")[index % 2]}).encode())
    taken = hand.finish()
    said = [json.loads(one.payload)["state"] for one in taken.records if one.kind is RecordKind.STATUS]
    assert len(said) == 11
    assert said[-1] == "online"
    assert refused(taken)["quota"] == 490


def test_refusals_of_a_flood_are_summed_and_counted_exactly(tmp_path):
    hand, quarantine = Hand(), Quarantine(tmp_path / "q.db")
    for second in range(5):
        for index in range(5_000):
            hand.intake.take(OBS, b'{"number": %d' % (second * 5_000 + index))
            hand.intake.take(f"patrolgrid/v1/s/b/un known {index}/obs", b"{}")
        hand.intake.take(topics.observations("s", "b", "calm"), b"not json at all")
        taken = hand.finish(later_s=1)
        assert len(taken.refusals) < 1_200
        assert ("loud", "refused") in [fault[:2] for fault in faults(taken)] or second
        quarantine.add_many(taken.refusals)
    assert quarantine.counts() == {"json": 25_005, "topic": 25_000}
    assert hand.intake.counts.quarantined == quarantine.counts()
    calm = [entry for entry in quarantine.list(limit=10_000) if "calm" in entry.topic]
    assert [(entry.count, entry.payload) for entry in calm] == [(5, b"not json at all")]
    sums = [entry for entry in quarantine.list(limit=10_000) if entry.count > 100]
    assert len(sums) == 2
    assert not any(entry.whole for entry in sums)
    quarantine.close()


def test_where_time_follows_the_data_nothing_is_limited():
    hand = Hand(device_observations_s=1, device_burst_s=1)
    hand.live = False
    hand.intake = Intake(routes=Routes("s", None), clock=hand, plates=PLATES)
    for _ in range(100):
        hand.send(rows=1_000)
    assert hand.finish().observations == 100_000
