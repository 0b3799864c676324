"""Normal life trips none of the rules of docs/architecture.md; scenarios really show; the same seed says the same."""

from collections import defaultdict
from datetime import datetime
from hashlib import sha256
from itertools import pairwise
from random import Random
from statistics import mean, variance

import pytest

from ingest.observations import epoch_ms
from simulators.devices.messages import live
from simulators.devices.warm_start import history
from simulators.world.rhythm import DISPERSION, LocalDays, curve, poisson, spread
from simulators.world.scenarios import KINDS, Schedule
from tests.simulators.worlds import EVENING, SITE, at, observations, world

MINUTE = 60_000
HOUR = 60 * MINUTE


def digest(seed, origin=EVENING, **rest):
    made, post = world(seed=seed, origin=origin, **rest)
    total = sha256()
    for message in live(made, post, origin + 20 * MINUTE):
        total.update(f"{message.at} {message.topic} {message.course} ".encode() + message.payload)
    return total.hexdigest()


def test_the_same_seed_gives_the_same_stream_and_another_seed_another():
    assert digest(7) == digest(7)
    assert digest(7) != digest(8)


def test_a_device_says_the_same_whoever_else_speaks():
    def said(site):
        made, post = world(site=site, scenarios=False)
        return [m.payload for m in live(made, post, EVENING + 10 * MINUTE) if m.topic.endswith("/camera-07/obs")]

    assert said(SITE) == said(SITE.only(["camera-07"]))


def test_history_is_the_same_again_and_in_order_of_six_hour_steps():
    def told():
        made, post = world(scenarios=False)
        return list(history(made, post, days=0.5, end_ms=EVENING))

    first = told()
    assert first == told()
    counts = [o for m in first for o in m.observations if o["type"] == "count"]
    assert {o["interval_s"] for o in counts} == {300}
    assert max(len(m.observations) for m in first) <= 200
    assert max(len(m.payload) for m in first) <= 9_100
    series = defaultdict(list)
    for message in first:
        for o in message.observations:
            if o["type"] == "count":
                series[message.topic, o["of"]].append(o["ts"])
    for times in series.values():
        if isinstance(times[0], int):
            assert len(times) == 144
            assert all(later - earlier == 300_000 for earlier, later in pairwise(times))


@pytest.fixture(scope="module")
def quiet_day():
    """Every event of a whole quiet day."""
    origin = at("2026-11-20 12:00")
    made, _ = world(scenarios=False, origin=origin)
    rows = defaultdict(list)
    for _ in range(24 * 60):
        for event in made.minute():
            rows[SITE.specs[event.device].device.id].append((event.ts, event.body))
    return rows


def test_normal_levels_stay_below_the_rules(quiet_day):
    limits = {"noise": 80.0, "smoke": 2.0, "temperature": 50.0, "water": 20.0}
    for device, rows in quiet_day.items():
        for _, body in rows:
            if body["type"] == "level":
                assert body["value"] < limits[body["metric"]], device


def test_normal_doors_close_within_a_minute_and_covers_stay_shut(quiet_day):
    opened = 0
    for device, rows in quiet_day.items():
        since = None
        for ts, body in rows:
            if body.get("metric") == "cover":
                assert body["value"] == "closed"
            if body.get("metric") != "door":
                continue
            if body["value"] == "open":
                opened += since is None
                since = ts if since is None else since
                assert ts - since < MINUTE, device
            else:
                since = None
    assert opened > 20


def test_normal_gates_are_never_tailgated_stuck_or_passed_by_strangers_at_night(quiet_day):
    calendar = LocalDays(SITE.timezone, SITE.country)
    passes = 0
    for device, rows in quiet_day.items():
        last = {}
        up = None
        for ts, body in rows:
            if body["type"] == "gate":
                passes += 1
                assert ts - last.get(body["direction"], 0) > 3_500, device
                last[body["direction"]] = ts
                if calendar.minute_of_day(ts) >= 22 * 60 or calendar.minute_of_day(ts) // 60 < 6:
                    assert body["allowed"] is True, device
            elif body.get("metric") == "barrier":
                assert body["value"] in {"up", "down"}
                up = None if body["value"] == "down" else up or ts
                assert up is None or ts - up < 120_000, device
    assert passes > 300


def test_no_device_is_silent_for_five_minutes(quiet_day):
    assert set(quiet_day) == {spec.device.id for spec in SITE.specs}
    for device, rows in quiet_day.items():
        times = [ts for ts, _ in rows]
        assert max(later - earlier for earlier, later in pairwise(times)) <= 120_000, device


def test_counts_are_overdispersed_as_promised():
    rng = Random(1)
    draws = [poisson(rng, 50.0 * spread(rng)) for _ in range(8_000)]
    assert mean(draws) == pytest.approx(50, rel=0.02)
    assert variance(draws) == pytest.approx(50 + DISPERSION * 50**2, rel=0.08)


@pytest.mark.parametrize("mu", [0.0, 0.3, 4.0, 15.9, 40.0, 900.0])
def test_poisson_has_its_mean_and_variance(mu):
    rng = Random(2)
    draws = [poisson(rng, mu) for _ in range(6_000)]
    assert mean(draws) == pytest.approx(mu, rel=0.06, abs=0.001)
    assert variance(draws) == pytest.approx(mu, rel=0.08, abs=0.001)


def test_days_differ_as_weeks_do():
    calendar = LocalDays("Asia/Shanghai", "CN")
    day = calendar.day_of
    assert calendar.day_class(day(at("2026-11-20 12:00"))) == 0
    assert calendar.day_class(day(at("2026-11-21 12:00"))) == 1
    assert calendar.day_class(day(at("2026-11-22 12:00"))) == 2
    assert calendar.day_class(day(at("2026-10-01 12:00"))) == 2  # National Day, a Thursday
    assert calendar.day_class(day(at("2026-02-14 12:00"))) == 0  # a Saturday worked in exchange for a holiday
    assert max(curve("school", 0)) > 4 * max(curve("school", 2))


# Scenarios ------------------------------------------------------------------------------------------------------------


def observed(body):
    """Return when an observation says it was made."""
    return body["ts"] if isinstance(body["ts"], int) else datetime.fromisoformat(body["ts"])


def shown(seed):
    """Play an evening's first hour and a quarter; return schedule, device → rows, and incidents."""
    made, post = world(seed=seed)
    rows, incidents = defaultdict(list), []
    for message in live(made, post, EVENING + 75 * MINUTE):
        if message.course == "incident":
            incidents.append(message)
        for body in message.observations:
            rows[SITE.specs[message.device].device.id].append((epoch_ms(observed(body)), body))
    return made.schedule, rows, incidents


@pytest.mark.parametrize("seed", [1, 7, 42])
def test_each_of_the_ten_happens_within_55_minutes_and_really_shows(seed):
    schedule, rows, incidents = shown(seed)
    first = {}
    for truth in schedule.truths:
        first.setdefault(truth.name, truth)
    assert set(first) == set(KINDS)
    for truth in first.values():
        assert EVENING <= truth.start < truth.end <= EVENING + 55 * MINUTE, truth.name
    calendar = LocalDays(SITE.timezone)

    def during(truth, device=None):
        found = rows[device or truth.devices[0]]
        return [(ts, body) for ts, body in found if truth.start <= ts < truth.end]

    truth = first["crowd_surge"]
    spec = next(spec for spec in SITE.specs if spec.device.id == truth.devices[0])
    seen = [body["in"] + body["out"] for _, body in during(truth) if body.get("of") == "person"]
    expected = calendar.share(spec.profile, truth.start) * spec.people_h / 60 * len(seen)
    assert len(seen) >= 15
    assert sum(seen) >= 3 * expected
    truth = first["fight"]
    loud = [body["value"] for _, body in during(truth)]
    assert min(loud) > 85
    assert len(loud) >= 20
    truth = first["smoke"]
    assert max(body["value"] for _, body in during(truth) if body["type"] == "level") > 6
    assert any(body["value"] == "alarm" for _, body in during(truth) if body["type"] == "state")
    truth = first["fire_door_open"]
    assert {body["value"] for _, body in during(truth)} == {"open"}
    assert truth.end - truth.start > 300_000
    truth = first["manhole_open"]
    assert {body["value"] for _, body in during(truth)} == {"open"}
    truth = first["gate_stuck"]
    assert {body.get("value") for _, body in during(truth)} == {"stuck"}
    truth = first["camera_dead"]
    assert all(body.get("in", 0) == 0 == body.get("out", 0) for _, body in during(truth))
    truth = first["stranger_vehicle"]
    [stranger] = [b for _, b in during(truth) if b["type"] == "gate"]
    assert stranger["allowed"] is False
    assert calendar.minute_of_day(truth.start) >= 22 * 60
    assert sum(b.get("plate") == stranger["plate"] for found in rows.values() for _, b in found) == 1
    truth = first["tailgating"]
    (one, host), (two, guest) = [(ts, b) for ts, b in during(truth) if b["type"] == "gate"][:2]
    assert (host["allowed"], guest["allowed"]) == (True, False)
    assert 0 < two - one < 3_000
    assert host["direction"] == guest["direction"]
    series = [
        m for m in incidents if b"burglary-" in m.payload and str(first["burglary_series"].start).encode() in m.payload
    ]
    assert len(series) == 4


def test_scenarios_go_on_for_days_without_overlapping_on_a_device_and_in_any_step():
    def laid_out(step):
        schedule = Schedule(SITE, LocalDays(SITE.timezone, SITE.country), seed=3, origin_ms=EVENING)
        for hour in range(0, 120, step):
            schedule.until(EVENING + (hour + step) * HOUR)
        return schedule.truths

    truths = laid_out(1)
    assert truths == laid_out(120)
    assert len(truths) > 50
    busy = defaultdict(list)
    for truth in truths:
        for device in truth.devices:
            busy[device].append((truth.start, truth.end))
    for spans in busy.values():
        spans.sort()
        assert all(later[0] > earlier[1] for earlier, later in pairwise(spans))


def test_everything_that_is_said_can_be_decoded():
    made, post = world()
    kinds = set()
    for message in live(made, post, EVENING + 30 * MINUTE):
        if message.observations:
            found = observations(message.payload)
            assert len(found) == len(message.observations)
            kinds |= {type(o).__name__ for o in found}
    assert kinds == {"Count", "Gate", "Level", "State"}
