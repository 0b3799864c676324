"""What is ordered to happen while a simulator runs: it happens, it is the truth, and nothing else changes by it."""

import contextlib
import time

import msgspec
import pytest

from ingest import topics
from ingest.login import BrokerAddress
from ingest.mqtt.signing import signed
from simulators.devices.ordered import Happening, OrderDesk, taking_orders
from simulators.world.asked import orders_of
from simulators.world.ordered_scenario import OrderedScenario, OrderRefusedError
from simulators.world.rhythm import MINUTE_MS, LocalDays
from simulators.world.scenarios import KINDS, Schedule
from tests.simulators.worlds import EVENING, SITE, Ear, at, world
from tests.support import wait_for

NOON = at("2026-11-20 12:05")
KEY = b"secret"
CAMERA = next(spec.device for spec in SITE.specs if spec.device.type == "camera" and spec.people_h > 300)
NOISE = next(spec.device for spec in SITE.specs if spec.device.type == "noise")


def schedule(*, origin=NOON, alone=False):
    return Schedule(SITE, LocalDays(SITE.timezone, SITE.country), seed=3, origin_ms=origin, alone=alone)


def order(scenario, **more):
    return OrderedScenario(id=more.pop("id", "o1"), scenario=scenario, **more)


def minutes(made, n):
    return [event for _ in range(n) for event in made.minute()]


def test_a_crowd_comes_where_and_when_it_was_ordered_and_the_rest_of_the_site_lives_as_before():
    plain, _ = world(origin=NOON, scenarios=False)
    made, _ = world(origin=NOON, scenarios=False)
    made.schedule = schedule()
    first = minutes(made, 2)
    truth = made.schedule.take(order("crowd_surge", device=CAMERA.id, strength=9.0, minutes=5.0))
    assert truth.start == NOON + 2 * MINUTE_MS + 2_000, "with the next minute that nobody has lived yet"
    assert (truth.end, truth.devices, truth.order, truth.strength) == (
        truth.start + 5 * MINUTE_MS, (CAMERA.id,), "o1", 9.0,
    )  # fmt: skip
    assert made.schedule.truths == [truth]
    then, usual = minutes(made, 6), minutes(plain, 8)
    me = next(n for n, spec in enumerate(SITE.specs) if spec.device.id == CAMERA.id)

    def others(events):
        return [event for event in events if event.device != me]

    def people(events):
        bodies = [event.body for event in events if event.device == me and event.body.get("of") == "person"]
        return sum(body["in"] + body["out"] for body in bodies)

    assert others(first + then) == others(usual)
    assert people(then) > 4 * people(usual[len(first) :]) > 0


def test_what_happens_by_itself_is_what_would_have_happened_without_the_order():
    alone, ordered = schedule(alone=True), schedule(alone=True)
    ordered.take(order("fire_door_open"))
    ordered.take(order("crowd_surge", id="o2"))
    for one in (alone, ordered):
        one.until(NOON + 3 * MINUTE_MS)
    assert alone.rng.getstate() == ordered.rng.getstate()


def test_a_fight_that_is_ordered_to_be_quiet_is_quiet():
    made, _ = world(origin=NOON, scenarios=False)
    made.schedule = schedule()
    made.schedule.take(order("fight", device=NOISE.id, strength=65.0, minutes=3.0))
    loud = [event.body["value"] for event in minutes(made, 3) if event.cause]
    assert loud
    assert max(loud) < 80.0, "also weaker than anything that is found"


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"scenario": "earthquake"}, "unknown"),
        ({"scenario": "smoke", "at": NOON + 25 * 60 * MINUTE_MS}, "too_late"),
        ({"scenario": "stranger_vehicle"}, "by_day"),
        ({"scenario": "manhole_open", "strength": 2.0}, "no_strength"),
        ({"scenario": "crowd_surge", "strength": 99.0}, "strength"),
        ({"scenario": "tailgating", "minutes": 5.0}, "no_minutes"),
        ({"scenario": "smoke", "minutes": float("nan")}, "minutes"),
        ({"scenario": "smoke", "beat": "nowhere"}, "no_beat"),
        ({"scenario": "smoke", "device": CAMERA.id}, "no_device"),
        ({"scenario": "burglary_series", "device": CAMERA.id}, "no_device"),
        ({"scenario": "crowd_surge", "device": CAMERA.id, "beat": "elsewhere"}, "other_beat"),
        ({"scenario": "crowd_surge", "device": NOISE.id}, "no_device"),
    ],
)
def test_what_cannot_happen_is_refused_with_its_reason_and_changes_nothing(wanted, code):
    beats = {**wanted}
    if beats.get("beat") == "elsewhere":
        beats["beat"] = next(beat for beat in SITE.places.beats if beat != CAMERA.beat)
    made = schedule()
    with pytest.raises(OrderRefusedError) as refused:
        made.take(order(**beats))
    assert refused.value.code == code
    assert (made.truths, dict(made.effects), made.busy) == ([], {}, {})


def test_a_device_is_ordered_once_at_a_time_and_by_night_nobody_is_busy():
    made = schedule()
    made.take(order("crowd_surge", device=CAMERA.id))
    with pytest.raises(OrderRefusedError) as refused:
        made.take(order("camera_dead", device=CAMERA.id))
    assert refused.value.code == "busy"
    night = schedule(origin=at("2026-11-20 03:30"))
    with pytest.raises(OrderRefusedError) as refused:
        night.take(order("crowd_surge"))
    assert refused.value.code == "nowhere"
    assert night.take(order("crowd_surge", device=CAMERA.id)).devices == (CAMERA.id,), "named, it is taken as it is"
    assert night.take(order("stranger_vehicle")).name == "stranger_vehicle"


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_kind_can_be_ordered_in_a_beat(name):
    made = schedule(origin=EVENING + 60 * MINUTE_MS)
    kind = KINDS[name]
    beats = {spec.device.beat for spec in SITE.specs if spec.device.type == kind.device} or set(SITE.places.beats)
    found = {}
    for beat in sorted(beats):
        with contextlib.suppress(OrderRefusedError):  # by this time not every beat has a camera that sees enough
            found[beat] = made.take(order(name, beat=beat))
    assert found
    assert {beat: truth.beat for beat, truth in found.items()} == {beat: beat for beat in found}


def sent(document, key=KEY):
    return signed(msgspec.json.encode(document), topics.simulate("quarter"), key)


def test_only_signed_orders_are_taken_and_each_once():
    made = schedule()
    desk = OrderDesk(made, "quarter", (KEY,))
    crowd = {"id": "a", "scenario": "crowd_surge", "device": CAMERA.id}
    for payload in (msgspec.json.encode(crowd), sent(crowd, b"another"), sent(crowd | {"wish": 1}), sent([]), b""):
        desk.take(payload)
    assert made.truths == []
    desk.take(sent(crowd))
    desk.take(sent(crowd))
    desk.take(sent({"id": "b", "scenario": "smoke", "strength": 99}))
    desk.take(sent({"id": "b", "scenario": "smoke", "strength": 99}))
    told = desk.happening(NOON)
    assert [truth.order for truth in told.truths] == ["a"]
    assert [(one.order, one.code, one.values) for one in told.refused] == [
        ("b", "strength", {"least": 1.0, "most": 20.0})
    ]


def test_what_is_said_fits_a_message_and_keeps_the_newest():
    made = schedule(alone=True)
    made.until(NOON + 72 * 60 * MINUTE_MS)
    told = OrderDesk(made, "quarter", (KEY,)).happening(NOON + 72 * 60 * MINUTE_MS)
    assert 10 < len(told.truths) < len(made.truths)
    assert len(msgspec.json.encode(told)) <= 8_000
    assert told.truths[-1].start == max(truth.start for truth in made.truths)
    early = OrderDesk(made, "quarter", (KEY,)).happening(NOON + MINUTE_MS)
    assert early.truths == [], "what chance will do is not told before it is done"


def test_an_order_over_the_broker_is_answered_retained_and_the_end_is_said(broker):
    made, address = schedule(), BrokerAddress(port=broker.port)
    with Ear(broker.port, topics.simulated("quarter")) as ear:

        def said():
            return msgspec.json.decode(ear.heard[-1].payload, type=Happening) if ear.heard else None

        with taking_orders(made, address, "quarter", (KEY,), lambda: NOON):
            wait_for(lambda: said() is not None, "it says that it runs")
            assert not said().silent()
            ear._client.publish(topics.simulate("quarter"), sent({"id": "a", "scenario": "smoke"}), 1)
            wait_for(lambda: [truth.order for truth in said().truths] == ["a"], "it says what was ordered")
            assert said().now_ms == NOON
        wait_for(lambda: said().ended, "it says that it has ended")
        assert said().silent()


def test_times_of_a_command_line_are_local_or_after_the_start():
    zone = LocalDays(SITE.timezone, SITE.country).zone
    times = ["", "+5", "12:10", "12:00", "2026-11-21 08:00", "2026-11-20T12:10:00Z"]
    asked = orders_of([{"scenario": "smoke", "at": text} for text in times], NOON, zone)
    tomorrow = at("2026-11-21 12:00")
    expected = [
        0,
        NOON + 5 * MINUTE_MS,
        at("2026-11-20 12:10"),
        tomorrow,
        at("2026-11-21 08:00"),
        at("2026-11-20 20:10"),
    ]
    assert [one.at for one in asked] == expected
    for text in ("later", "+", "25:00", "12:60:00", "2026-13-01 08:00"):
        with pytest.raises(ValueError, match="expected minutes such as"):
            orders_of([{"scenario": "smoke", "at": text}], NOON, zone)


def test_a_simulator_that_says_nothing_does_not_run():
    now = round(time.time() * 1000)
    assert Happening(wall_ms=now - 60_000).silent()
    assert not Happening(wall_ms=now).silent()
