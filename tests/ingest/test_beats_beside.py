"""Beats that overlap, and gaps between them: found with their exact area, and not where there are none."""

from __future__ import annotations

import math

import pytest

from ingest.places import Beat
from ingest.places.beats_beside import METRES, beside

LON, LAT = 121.47, 31.23


def beat(own, *corners, tilt=0.0):
    """Return a beat with corners in metres from a point of Shanghai."""
    narrow = METRES * math.cos(math.radians(LAT))
    turned = [(x * math.cos(tilt) - y * math.sin(tilt), x * math.sin(tilt) + y * math.cos(tilt)) for x, y in corners]
    ring = tuple((LON + x / narrow, LAT + y / METRES) for x, y in turned)
    return Beat(own, {"en": own}, (*ring, ring[0]))


def box(own, west, south, east, north, tilt=0.0):
    return beat(own, (west, south), (east, south), (east, north), (west, north), tilt=tilt)


def found(*beats):
    return [(one.one, one.other, one.code) for one in beside(beats)]


@pytest.mark.parametrize("tilt", [0.0, 0.15, 0.7, 1.5])
def test_an_overlap_has_its_area_whatever_way_the_beats_lie(tilt):
    (one,) = beside([box("a", 0, 0, 300, 200, tilt), box("b", 280, -50, 600, 150, tilt)])
    assert (one.one, one.other, one.code) == ("a", "b", "overlap")
    assert one.square_m == pytest.approx(20 * 150, rel=1e-3)
    east, north = (one.at[0] - LON) * METRES * math.cos(math.radians(LAT)), (one.at[1] - LAT) * METRES
    along = east * math.cos(tilt) + north * math.sin(tilt)
    assert 280 <= along <= 300


def test_an_overlap_of_outlines_that_are_not_convex_is_exact():
    horseshoe = beat("u", (0, 0), (300, 0), (300, 200), (200, 200), (200, 100), (100, 100), (100, 200), (0, 200))
    (one,) = beside([horseshoe, box("bar", -50, 150, 350, 180)])
    assert one.square_m == pytest.approx(2 * 100 * 30, rel=1e-3)


def test_a_gap_has_its_area_and_its_width():
    (one,) = beside([box("a", 0, 0, 300, 200), box("b", 312, 0, 600, 200)])
    assert (one.code, round(one.metres)) == ("gap", 12)
    assert one.square_m == pytest.approx(12 * 200, rel=1e-3)
    (one,) = beside([box("a", 0, 0, 300, 200), box("b", 0, 215, 300, 400)])
    assert (one.code, round(one.metres)) == ("gap", 15)
    wedge = beat("b", (300, 0), (600, 0), (600, 200), (330, 200))
    (one,) = beside([box("a", 0, 0, 300, 200), wedge])
    assert one.square_m == pytest.approx(30 * 200 / 2, rel=1e-2)


def test_what_touches_is_apart_or_is_rounded_is_left_alone():
    assert found(box("a", 0, 0, 300, 200), box("b", 300, 0, 600, 200)) == []
    assert found(box("a", 0, 0, 300, 200), box("b", 345, 0, 600, 200)) == [], "a river between them is meant"
    assert found(box("a", 0, 0, 300, 200), box("b", 299.9, 0, 600, 200)) == [], "0.1 m is how coordinates are rounded"
    assert found(box("a", 0, 0, 300, 200), box("b", 300.5, 0, 600, 200)) == []
    assert found(box("a", 0, 0, 300, 200), box("b", 300, 200, 600, 400)) == [], "they touch at a corner"
    assert found() == found(box("a", 0, 0, 300, 200)) == []


def test_a_narrow_beat_between_two_others_is_no_gap():
    assert found(box("a", 0, 0, 300, 200), box("lane", 300, 0, 320, 200), box("b", 320, 0, 600, 200)) == []


@pytest.mark.parametrize("tilt", [0.2, 0.7])
def test_outlines_that_part_at_a_corner_leave_no_gap(tilt):
    assert found(box("a", 0, 0, 300, 200, tilt), box("b", 300, 200, 600, 400, tilt)) == []
    fan = beat("b", (300, 0), (600, 0), (600, 200), (300 + 200, 200), tilt=tilt)
    assert found(box("a", 0, 0, 300, 200, tilt), fan) == []
