"""How two beats lie beside each other: what both of them cover, and the strip between them that neither does.

Both are found by cutting the plane into strips at every corner and crossing of the two outlines: within a strip no side
begins, ends or crosses another, so what is inside is a row of trapezoids, and its area is exact.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from ingest.places.site_places import Beat, Point

METRES: Final = 111_320.0
"""In a degree of latitude."""
WIDEST_M: Final = 40.0
"""What is wider between two beats is meant: a river, a park, a railway."""
_LEAST_M: Final = 1.0
"""What is narrower is how coordinates are rounded."""
LEAST_M2: Final = 100.0
"""What is smaller is how outlines are drawn."""
_LONGER: Final = 4.0
"""A gap is so many times as long as it is wide; else it is where two outlines part."""
_MOST_STEPS: Final = 10_000_000
"""Sides that are looked at for all pairs of a site, about a second; further pairs are not looked at."""
_Ring = list[Point]
_Interval = tuple[float, float]


class BeatsBeside(NamedTuple):
    """What is wrong between two beats."""

    one: str
    other: str
    code: str
    """``overlap`` or ``gap``."""
    square_m: float
    metres: float
    """How wide it is, at its widest."""
    at: Point
    """Where that is: lon, lat."""


class _Strip(NamedTuple):
    """A piece of an overlap or a gap: its area, its width in the middle, and where that is."""

    square_m: float
    metres: float
    at: Point


def beside(beats: Sequence[Beat]) -> Iterator[BeatsBeside]:
    """Give the overlaps and gaps between the beats of a site, each with its area."""
    if not beats:
        return
    lon, lat = beats[0].polygon[0]
    scale = METRES * math.cos(math.radians(lat)), METRES
    rings = [[((x - lon) * scale[0], (y - lat) * scale[1]) for x, y in beat.polygon] for beat in beats]
    boxes = [_box(ring) for ring in rings]
    left = _MOST_STEPS
    for number, one in enumerate(beats):
        for further, other in enumerate(beats[number + 1 :], number + 1):
            if not _near(boxes[number], boxes[further]):
                continue
            pair = rings[number], rings[further]
            left -= 2 * (len(pair[0]) + len(pair[1])) ** 2
            if left < 0:
                return
            near = [
                ring for at, ring in enumerate(rings) if at not in {number, further} and _near(boxes[at], boxes[number])
            ]
            for code, strips in (("overlap", _shared(*pair)), ("gap", _between(*pair, near))):
                area = sum(strip.square_m for strip in strips)
                if area < LEAST_M2 or (code == "gap" and _is_corner(strips, area)):
                    continue
                widest = max(strips, key=lambda strip: strip.metres)
                at = lon + widest.at[0] / scale[0], lat + widest.at[1] / scale[1]
                yield BeatsBeside(one.id, other.id, code, area, widest.metres, at)
                break  # where two outlines cross, narrow strips follow that are none of their own


def _is_corner(strips: list[_Strip], area: float) -> bool:
    """Tell whether strips are about as wide as long."""
    length = sum(strip.square_m / strip.metres for strip in strips)
    return length < _LONGER * area / length


def _shared(one: _Ring, other: _Ring) -> list[_Strip]:
    """Return the strips that lie in both rings."""
    found = []
    for middle, height, mine, theirs in _strips(one, other):
        for a in mine:
            for b in theirs:
                begin, end = max(a[0], b[0]), min(a[1], b[1])
                if end > begin:
                    found.append(_Strip((end - begin) * height, min(end - begin, height), ((begin + end) / 2, middle)))
    return found


def _between(one: _Ring, other: _Ring, near: list[_Ring]) -> list[_Strip]:
    """Return the narrow strips between two rings, looked at along both axes; of two the greater, not both."""
    across = list(_gaps(one, other, near))
    turned = [_turned(ring) for ring in near]
    along = [strip._replace(at=(strip.at[1], strip.at[0])) for strip in _gaps(_turned(one), _turned(other), turned)]
    return max(across, along, key=lambda strips: sum(strip.square_m for strip in strips))


def _gaps(one: _Ring, other: _Ring, near: list[_Ring]) -> Iterator[_Strip]:
    for middle, height, mine, theirs in _strips(one, other):
        for a in mine:
            for b in theirs:
                begin, end = (a[1], b[0]) if a[1] <= b[0] else (b[1], a[0])
                width, centre = end - begin, ((begin + end) / 2, middle)
                if _LEAST_M < width <= WIDEST_M and not any(is_inside(ring, centre) for ring in near):
                    yield _Strip(width * height, width, centre)


def _strips(one: _Ring, other: _Ring) -> Iterator[tuple[float, float, list[_Interval], list[_Interval]]]:
    """Give each strip that both rings reach: the middle of it, its height, and what is inside of each there."""
    low = max(min(y for _, y in ring) for ring in (one, other))
    high = min(max(y for _, y in ring) for ring in (one, other))
    cuts = {low, high} | {y for ring in (one, other) for _, y in ring if low < y < high}
    cuts |= {y for y in _crossings(one, other) if low < y < high}
    for begin, end in pairwise(sorted(cuts)):
        if end - begin > 1e-6:
            middle = (begin + end) / 2
            yield middle, end - begin, _inside_at(one, middle), _inside_at(other, middle)


def _crossings(one: _Ring, other: _Ring) -> Iterator[float]:
    """Give the heights at which the sides of two rings cross."""
    for (ax, ay), (bx, by) in pairwise([*one, one[0]]):
        for (cx, cy), (dx, dy) in pairwise([*other, other[0]]):
            turn = (bx - ax) * (dy - cy) - (by - ay) * (dx - cx)
            if turn:
                share = ((cx - ax) * (dy - cy) - (cy - ay) * (dx - cx)) / turn
                if 0 <= share <= 1:
                    yield ay + share * (by - ay)


def _inside_at(ring: _Ring, height: float) -> list[_Interval]:
    """Return what of a line across lies in a ring, by the even-odd rule."""
    found = []
    for (ax, ay), (bx, by) in pairwise([*ring, ring[0]]):
        if (ay > height) != (by > height):
            found.append(ax + (height - ay) / (by - ay) * (bx - ax))
    found.sort()
    return list(zip(found[::2], found[1::2], strict=False))


def is_inside(ring: Sequence[Point], point: Point) -> bool:
    """Tell whether a point is inside a ring, by the even-odd rule."""
    inside = False
    for one, other in pairwise([*ring, ring[0]]):
        if (one[1] > point[1]) != (other[1] > point[1]):
            share = (point[1] - one[1]) / (other[1] - one[1])
            inside ^= point[0] < one[0] + share * (other[0] - one[0])
    return inside


def _turned(ring: _Ring) -> _Ring:
    return [(y, x) for x, y in ring]


def _box(ring: _Ring) -> tuple[float, float, float, float]:
    xs, ys = [x for x, _ in ring], [y for _, y in ring]
    return min(xs), min(ys), max(xs), max(ys)


def _near(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    apart = max(one[0] - other[2], other[0] - one[2], one[1] - other[3], other[1] - one[3])
    return apart <= WIDEST_M
