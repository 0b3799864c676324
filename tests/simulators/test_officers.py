"""Simulated officers go by the published plan, say what they did, are called away and come back."""

import itertools

import msgspec

from ingest.events import PatrolStop
from simulators.devices.officers import Beatwalkers

MINUTE = 60_000
T0 = 1_795_438_800_000


def plan(officer: str, count: int) -> bytes:
    stops = [
        PatrolStop(
            id=f"{officer}-{n}", officer=officer, lon=0.0, lat=0.0,
            arrive_ms=T0 + 15 * n * MINUTE, leave_ms=T0 + (15 * n + 12) * MINUTE,
        )
        for n in range(count)
    ]  # fmt: skip
    return msgspec.json.encode({"officer": officer, "shift": "late", "stops": stops})


def walked(walkers: Beatwalkers, minutes: int):
    return [did for minute in range(minutes) for did in walkers.act(T0 + minute * MINUTE)]


def test_every_stop_is_reached_or_skipped_and_left_in_order():
    walkers = Beatwalkers(7)
    walkers.take(plan("p1", 60))
    walkers.take(b"no plan")
    said = walked(walkers, 60 * 15 + 60)
    kinds = [did.what for did in said]
    assert {"arrived", "done", "skipped", "away", "back"} == set(kinds)
    assert kinds.count("arrived") == kinds.count("done") > 40
    assert kinds.count("away") == kinds.count("back")
    for before, after in itertools.pairwise(said):
        if before.what == "arrived":
            assert (after.what, after.stop) == ("done", before.stop)
        if before.what == "away":
            assert after.what == "back"
    assert all(did.note for did in said if did.what in {"skipped", "away"})
    assert said == walked_again()


def walked_again():
    walkers = Beatwalkers(7)
    walkers.take(plan("p1", 60))
    return walked(walkers, 60 * 15 + 60)


def test_a_newer_plan_goes_on_where_the_officer_is():
    walkers = Beatwalkers(1)
    walkers.take(plan("p1", 3))
    minute = next(m for m in range(10) if any(did.what == "arrived" for did in walkers.act(T0 + m * MINUTE)))
    walkers.take(msgspec.json.encode({"officer": "p1", "stops": []}))
    said = [did for later in range(minute, 40) for did in walkers.act(T0 + later * MINUTE)]
    assert (said[0].what, said[0].stop) == ("done", "p1-0")


def test_what_has_passed_before_the_plan_came_is_not_told():
    walkers = Beatwalkers(1)
    walkers.take(plan("p1", 2))
    assert walkers.act(T0 + 14 * MINUTE) == []
