"""Smoke and heat in one place are a fire; elsewhere, or at another time, they are not."""

import pytest

from models.rules.fires import Fire, FireWatch, Spot, spot_of

MINUTE = 60_000
EAST_M = 0.0000105
TEXT = {"code": "state", "args": {"kind": "smoke"}}


def spot(device, east_m=0.0, **more):
    return Spot(device, more.pop("beat", "b1"), 121.47 + east_m * EAST_M, 31.23, **more)


def found(fire):
    return None if fire is None else [part.key for part in fire.parts]


def over(fire: Fire | None) -> bool:
    assert fire is not None
    return fire.over


def test_smoke_and_heat_close_together_are_a_fire_that_ends_with_both():
    watch = FireWatch()
    assert watch.on(spot("s"), "smoke", 0, TEXT) is None
    fire = watch.on(spot("h", 30), "heat", MINUTE, TEXT)
    assert found(fire) == [("s", "smoke"), ("h", "heat")]
    assert fire is not None
    assert fire.metres == pytest.approx(30, rel=0.02)
    assert not over(watch.off("s", "smoke", 2 * MINUTE))
    assert over(watch.off("h", "heat", 3 * MINUTE))


@pytest.mark.parametrize(
    ("other", "kind", "at"),
    [
        (spot("h", 60), "heat", 0),
        (spot("h", 10, beat="b2"), "heat", 0),
        (spot("h", 10), "smoke", 0),
        (spot("h", 10), "heat", 20 * MINUTE),
    ],
    ids=["too far", "another beat", "the same kind", "long after"],
)
def test_what_is_not_together_is_no_fire(other, kind, at):
    watch = FireWatch()
    watch.on(spot("s"), "smoke", 0, TEXT)
    if at:
        watch.off("s", "smoke", MINUTE)
    assert watch.on(other, kind, at, TEXT) is None


def test_a_detector_that_fell_silent_just_now_still_counts():
    watch = FireWatch()
    watch.on(spot("s"), "smoke", 0, TEXT)
    watch.off("s", "smoke", MINUTE)
    fire = watch.on(spot("h", 5), "heat", 4 * MINUTE, TEXT)
    assert found(fire) == [("s", "smoke"), ("h", "heat")]
    assert over(watch.off("h", "heat", 5 * MINUTE))


def test_one_room_is_one_place_whatever_the_distance_and_a_device_may_reach_further():
    watch = FireWatch()
    watch.on(spot("s", room="hall"), "smoke", 0, TEXT)
    assert watch.on(spot("h", 90, room="hall"), "heat", 1, TEXT) is not None
    watch = FireWatch()
    watch.on(spot("s"), "smoke", 0, TEXT)
    assert watch.on(spot("h", 90, within_m=100.0), "heat", 1, TEXT) is not None


def test_more_detectors_join_and_one_that_flares_up_again_is_the_same_fire():
    watch = FireWatch()
    watch.on(spot("s"), "smoke", 0, TEXT)
    fire = watch.on(spot("s"), "heat", 1, TEXT)
    assert watch.on(spot("s2", 20), "smoke", 2, TEXT) is fire
    for key in (("s", "smoke"), ("s", "heat"), ("s2", "smoke")):
        watch.off(*key, MINUTE)
    assert over(fire)
    assert watch.on(spot("s2", 20), "smoke", 3 * MINUTE, TEXT) is fire
    assert not over(fire)
    watch.off("s2", "smoke", 4 * MINUTE)
    assert watch.on(spot("s"), "smoke", 30 * MINUTE, TEXT) is None


def test_goes_on_from_its_state():
    watch, other = FireWatch(), FireWatch()
    watch.on(spot("s"), "smoke", 0, TEXT)
    watch.on(spot("h", 5), "heat", 1, TEXT)
    watch.on(spot("x", 500), "smoke", 2, TEXT)
    other.restore(watch.capture())
    assert other.capture() == watch.capture()
    assert found(other.on(spot("y", 505), "heat", 3, TEXT)) == [("x", "smoke"), ("y", "heat")]
    assert not over(other.off("h", "heat", 4))


def test_overrides_of_the_places_file():
    assert spot_of("d", "b", (1.0, 2.0), {"fire_rule": False}) is None
    assert spot_of("d", "b", (1.0, 2.0), {"room": "hall", "fire_m": 20}) == Spot("d", "b", 1.0, 2.0, "hall", 20.0)
    for key, value in (("fire_rule", 1), ("room", 3), ("fire_m", -1), ("fire_m", True), ("fire_m", "far")):
        with pytest.raises(ValueError, match=key):
            spot_of("d", "b", (1.0, 2.0), {key: value})


def test_findings_that_come_late_are_a_fire_where_they_were_together():
    for order in (("s", "h"), ("h", "s")):
        watch = FireWatch()
        parts = {
            "s": (spot("s"), "smoke", 10 * MINUTE, 11 * MINUTE),
            "h": (spot("h", 5), "heat", 14 * MINUTE, 15 * MINUTE),
        }
        first, second = (parts[name] for name in order)
        assert watch.on(*first[:3], TEXT, first[3]) is None
        fire = watch.on(*second[:3], TEXT, second[3])
        assert over(fire)
    watch = FireWatch()
    watch.on(spot("h", 5), "heat", 300 * MINUTE, TEXT)
    assert watch.on(spot("s"), "smoke", 10 * MINUTE, TEXT, 11 * MINUTE) is None
    assert found(watch.on(spot("s"), "smoke", 301 * MINUTE, TEXT)) == [("h", "heat"), ("s", "smoke")]
