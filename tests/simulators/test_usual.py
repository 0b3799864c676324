"""What is called usual of a simulated device is what it really does, on average, on every kind of day."""

from collections import defaultdict
from typing import Any

import pytest

from simulators.devices.warm_start import history
from simulators.world.rhythm import LocalDays
from simulators.world.usual import usual_days
from tests.simulators.worlds import SITE, at, world

DAYS = 14
END = at("2026-11-23 00:00")


def named(profile):
    return next(spec for spec in SITE.specs if spec.device.type == "camera" and spec.profile == profile)


@pytest.fixture(scope="module")
def counted():
    """(device, kind of day, hour of the day) → people on average, of a fortnight."""
    cameras = [named(profile).device.id for profile in ("school", "market", "shifts")]
    site, days = SITE.only(cameras), LocalDays(SITE.timezone, SITE.country)
    made, post = world(origin=END, scenarios=False, site=site)
    sums, seen = defaultdict(float), defaultdict(set)
    for message in history(made, post, days=DAYS, end_ms=END):
        for body in message.observations:
            if body.get("of") != "person":
                continue
            middle = at_ms(body["ts"]) - 150_000
            day = days.day_of(middle)
            key = site.specs[message.device].device.id, days.day_class(day), int(days.minute_of_day(middle) // 60)
            sums[key] += body["in"] + body["out"]
            seen[key].add(day)
    return {key: total / len(seen[key]) for key, total in sums.items()}


def at_ms(ts):
    return ts if isinstance(ts, int) else at(ts.removesuffix("Z")) + 8 * 3_600_000


@pytest.mark.parametrize("profile", ["school", "market", "shifts"])
def test_a_fortnight_of_history_is_as_usual(counted, profile):
    spec = named(profile)
    for usual in usual_days(spec):
        if usual.metric != "person":
            continue
        hours = [sum(usual.expected[12 * hour : 12 * hour + 12]) for hour in range(24)]
        real = [counted[spec.device.id, usual.day_class, hour] for hour in range(24)]
        assert sum(real) == pytest.approx(sum(hours), rel=0.1)
        busiest = max(range(24), key=hours.__getitem__)
        assert real[busiest] == pytest.approx(hours[busiest], rel=0.25)


def test_shifts_change_three_times_a_day_every_day():
    (*_, rest) = (one for one in usual_days(named("shifts")) if one.metric == "person")
    hours = [sum(rest.expected[12 * hour : 12 * hour + 12]) for hour in range(24)]
    peaks = [h for h in range(24) if hours[h] > 2 * max(hours[(h - 2) % 24], hours[(h + 2) % 24])]
    assert peaks == [5, 13, 21]


def test_the_days_before_have_readings_and_doors_that_raise_nothing():
    types: list[Any] = ["noise", "heat", "smoke", "water", "door"]
    wanted = [next(spec.device.id for spec in SITE.specs if spec.device.type == one) for one in types]
    site = SITE.only(wanted)
    made, post = world(origin=END, scenarios=False, site=site)
    said: defaultdict[str, list[Any]] = defaultdict(list)
    for message in history(made, post, days=2, end_ms=END):
        if message.course != "sent":
            continue
        assert message.observations[-1].get("value") != "open", "no door stays open from one message to the next"
        said[site.specs[message.device].device.type] += message.observations
    assert {one: len(said[one]) for one in types[:4]} == dict.fromkeys(types[:4], 2 * 144)
    assert len(said["door"]) > 40
    open_s = [(after["ts"] - before["ts"]) / 1000 for before, after in zip(*[iter(said["door"])] * 2, strict=True)]
    assert 0 < min(open_s) <= max(open_s) < 41
    assert max(one["value"] for one in said["noise"]) < 65
    assert max(one["value"] for one in said["smoke"]) < 0.5
    saturday = next(one for one in usual_days(site.specs[0]) if one.kind == "level" and one.day_class == 1)
    noise = [one["value"] for one in said["noise"][:144]]
    assert sum(noise) / 144 == pytest.approx(sum(saturday.expected) / len(saturday.expected), abs=0.2)
