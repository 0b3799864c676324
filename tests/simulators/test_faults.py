"""Everything that goes wrong is counted, and nothing else goes wrong."""

from collections import Counter

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.devices.faults import SPOILT, FaultRates
from simulators.devices.messages import live
from tests.simulators.worlds import DECODER, EVENING, SITE, world
from tests.support import examples

MINUTE = 60_000
SMALL = SITE.only([spec.device.id for spec in SITE.specs if spec.device.beat == "academy"])
SHARE = st.floats(0.0, 0.25)


@settings(max_examples=examples(12))
@given(loss=SHARE, duplicate=SHARE, late=SHARE, spoilt=SHARE, seed=st.integers(0, 1_000))
def test_every_number_is_sent_once_or_lost_once(loss, duplicate, late, spoilt, seed):
    rates = FaultRates(loss=loss, duplicate=duplicate, late=late, spoilt=spoilt)
    made, post = world(seed=seed, rates=rates, site=SMALL)
    numbers = {"sent": Counter(), "lost": Counter(), "repeated": Counter()}
    payloads = set()
    for message in live(made, post, EVENING + 15 * MINUTE):
        if message.course == "sent":
            payloads.add((message.topic, message.payload))
        elif message.course == "repeated":
            assert message.payload in {payload for topic, payload in payloads if topic == message.topic} or late
        if message.course in numbers:
            for body in message.observations:
                if "seq" in body:
                    numbers[message.course][message.device, body["seq"]] += 1
    assert max(numbers["sent"].values(), default=1) == 1
    assert not numbers["sent"].keys() & numbers["lost"].keys()
    assert numbers["repeated"].keys() <= numbers["sent"].keys()
    assert bool(numbers["lost"]) <= (loss > 0)
    assert bool(numbers["repeated"]) <= (duplicate > 0)


def test_without_faults_every_message_leaves_once_and_in_order():
    made, post = world(site=SMALL, scenarios=False)
    messages = list(live(made, post, EVENING + 10 * MINUTE))
    assert {message.course for message in messages} <= {"sent", "incident"}
    assert [m.at for m in messages] == sorted(m.at for m in messages)
    for position in range(len(SMALL.specs)):
        numbers = [b["seq"] for m in messages if m.device == position for b in m.observations if "seq" in b]
        assert numbers == list(range(len(numbers)))


def test_what_shows_a_scenario_is_never_lost_or_late():
    made, post = world(rates=FaultRates(loss=0.5, late=0.5))
    for message in live(made, post, EVENING + 50 * MINUTE):
        if message.causes:
            assert message.course in {"sent", "repeated"}
            assert not message.late


def test_late_messages_leave_out_of_order():
    made, post = world(rates=FaultRates(loss=0, duplicate=0, spoilt=0, skewed=0, late=0.1), site=SMALL)
    messages = [m for m in live(made, post, EVENING + 20 * MINUTE) if m.course == "sent"]
    late = [m for m in messages if m.late]
    assert late
    for message in late:
        times = [b["ts"] for b in message.observations if isinstance(b["ts"], int)]
        assert not times or 0 < message.at - max(times) <= 200_000
    numbers = [b["seq"] for m in messages if m.device == late[0].device for b in m.observations]
    assert numbers != sorted(numbers)
    assert [m.at for m in messages] == sorted(m.at for m in messages)


def test_clocks_are_wrong_within_bounds_and_stay_wrong():
    rates = FaultRates(loss=0, duplicate=0, late=0, spoilt=0, skewed=0.1)
    made, post = world(rates=rates, scenarios=False)
    errors = {}
    for message in live(made, post, EVENING + 5 * MINUTE):
        spec = SITE.specs[message.device]
        if message.observations and not spec.batch_ms and not spec.text_time:
            errors.setdefault(spec.device.id, set()).update(b["ts"] - message.at for b in message.observations)
    wrong = {device: found for device, found in errors.items() if max(abs(e) for e in found) >= 1_000}
    assert 3 <= len(wrong) <= 10
    for found in wrong.values():
        assert len({round(e / 1000) for e in found}) <= 2
        assert 15_000 <= max(abs(e) for e in found) <= 101_000


def test_spoilt_messages_are_spoilt_and_take_nothing_away():
    made, post = world(rates=FaultRates(loss=0, duplicate=0, late=0, spoilt=0.2), site=SMALL)
    kinds = Counter()
    for message in live(made, post, EVENING + 30 * MINUTE):
        if message.course != "spoilt":
            continue
        kinds[message.spoilt] += 1
        hazard = b'"level"' in message.payload or b'"state"' in message.payload
        if message.spoilt.startswith("clock") and not hazard and b"horoscope" not in message.payload:
            ts = DECODER.decode(message.payload).ts
            assert ts > message.at + 3_600_000 or ts < 4_000_000_000
        else:
            with pytest.raises(msgspec.DecodeError):
                DECODER.decode(message.payload)
    assert set(kinds) == set(SPOILT)


@pytest.mark.parametrize("wrong", [{"loss": -0.1}, {"late": 1.5}, {"skew_max_s": 119.0}])
def test_rates_are_checked(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        FaultRates(**wrong)
