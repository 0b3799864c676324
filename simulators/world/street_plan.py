"""The street plan of an invented quarter: a grid bent by an old creek, cut by lanes, drawn in metres and set on a map.

Nothing here is random: the same plan comes out on every machine. The quarter, its streets and its people are
invented; only the spot on the globe is real, so that a map can show it.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

Point = tuple[float, float]
Name = tuple[str, str]
"""(English, Simplified Chinese)."""

ORIGIN: Final[Point] = (121.4700, 31.2300)
"""(lon, lat) of the plan's centre."""
_METRES_PER_DEGREE: Final = 111_320.0
_TURN: Final = math.radians(-9.0)
_EAST: Final = (-760.0, -480.0, -190.0, 120.0, 410.0, 700.0)
_NORTH: Final = (-520.0, -270.0, 10.0, 290.0, 560.0)

AVENUES: Final[tuple[Name, ...]] = (
    ("West Dike Road", "西堤路"),
    ("Plum Lane", "梅子巷"),
    ("Bell Tower Road", "钟楼路"),
    ("Station Road", "站前路"),
    ("Willow Road", "垂柳路"),
    ("East Gate Road", "东门路"),
)
"""Streets from south to north, west first."""
STREETS: Final[tuple[Name, ...]] = (
    ("Creek Street", "溪滨街"),
    ("Lantern Street", "灯笼街"),
    ("Market Street", "菜市街"),
    ("Academy Street", "学府街"),
    ("Garden Street", "花园街"),
)
"""Streets from west to east, south first."""


class Line(NamedTuple):
    """A named street as (east, north) metres from the centre."""

    name: Name
    points: tuple[Point, ...]


def node(column: float, row: float) -> Point:
    """Return the crossing of avenue `column` and street `row`, in metres; fractions lie between crossings."""
    x, y = _between(_EAST, column), _between(_NORTH, row)
    bent_x = x + 26.0 * math.sin(y / 230.0 + 0.6) + 0.06 * y
    bent_y = y + 22.0 * math.sin(x / 290.0 - 0.4) - 34.0 * math.exp(-(((x - 60.0) / 260.0) ** 2)) * (y < -400.0)
    return bent_x, bent_y


def _between(stops: tuple[float, ...], position: float) -> float:
    low = min(max(math.floor(position), 0), len(stops) - 2)
    return stops[low] + (stops[low + 1] - stops[low]) * (position - low)


def to_lonlat(point: Point, origin: Point = ORIGIN) -> Point:
    """Return (lon, lat) in degrees of a point in metres, turned as the quarter lies, rounded to a decimetre."""
    x, y = point
    east = x * math.cos(_TURN) - y * math.sin(_TURN)
    north = x * math.sin(_TURN) + y * math.cos(_TURN)
    scale = _METRES_PER_DEGREE * math.cos(math.radians(origin[1]))
    return round(origin[0] + east / scale, 6), round(origin[1] + north / _METRES_PER_DEGREE, 6)


def lines() -> list[Line]:
    """Return every street: the six avenues, the five streets, an elevated diagonal, the creek path and the lanes."""
    columns, rows = len(AVENUES), len(STREETS)
    fine = 4
    found = [
        Line(name, tuple(node(column, step / fine) for step in range((rows - 1) * fine + 1)))
        for column, name in enumerate(AVENUES)
    ]
    found += [
        Line(name, tuple(node(step / fine, row) for step in range((columns - 1) * fine + 1)))
        for row, name in enumerate(STREETS)
    ]
    found.append(Line(("Ring Flyover", "环路高架"), tuple(node(0.4 + t * 0.46, 4.0 - t * 0.4) for t in range(11))))
    found.append(
        Line(
            ("Creek Path", "小溪步道"),
            tuple((x, node(_column(x), 0)[1] - 46.0 + 14.0 * math.sin(x / 140.0)) for x in range(-790, 741, 90)),
        )
    )
    lanes: tuple[tuple[Name, Point, Point], ...] = (
        (("Tea Lane", "茶馆弄"), (0.0, 1.5), (2.0, 1.5)),
        (("Silk Lane", "绸缎弄"), (1.5, 1.0), (1.5, 2.0)),
        (("Noodle Lane", "面馆弄"), (2.5, 0.0), (2.5, 1.0)),
        (("Well Lane", "古井弄"), (2.0, 2.5), (3.0, 2.5)),
        (("Library Lane", "书院弄"), (3.5, 2.0), (3.5, 3.0)),
        (("Osmanthus Lane", "桂花弄"), (0.0, 3.5), (2.0, 3.5)),
        (("Magnolia Lane", "玉兰弄"), (1.5, 3.0), (1.5, 4.0)),
        (("Ferry Lane", "渡口弄"), (4.5, 0.0), (4.5, 1.0)),
        (("Depot Lane", "车场弄"), (4.0, 2.5), (5.0, 2.5)),
        (("Maple Lane", "枫叶弄"), (4.5, 3.0), (4.5, 4.0)),
        (("Carp Lane", "锦鲤弄"), (0.5, 0.0), (0.5, 1.0)),
        (("Swallow Lane", "燕子弄"), (3.0, 3.5), (4.0, 3.5)),
    )
    found += [Line(name, (node(*start), _middle(start, end), node(*end))) for name, start, end in lanes]
    return found


def _middle(start: Point, end: Point) -> Point:
    x, y = node((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    return x + 9.0 * math.sin(x), y + 9.0 * math.cos(y)


def _column(x: float) -> float:
    for index in range(len(_EAST) - 1):
        if x <= _EAST[index + 1] or index == len(_EAST) - 2:
            return index + (x - _EAST[index]) / (_EAST[index + 1] - _EAST[index])
    return 0.0


def block(west: int, south: int, east: int, north: int) -> tuple[Point, ...]:
    """Return the closed ring around the blocks between two avenues and two streets, counter-clockwise, in metres."""
    half = 2
    ring = [node(west + step / half, south) for step in range((east - west) * half)]
    ring += [node(east, south + step / half) for step in range((north - south) * half)]
    ring += [node(east - step / half, north) for step in range((east - west) * half)]
    ring += [node(west, north - step / half) for step in range((north - south) * half)]
    return (*ring, ring[0])


def address(column: float, row: float) -> Name:
    """Return where a spot is, in words: a crossing, or the stretch of a street between two crossings."""
    whole_column, whole_row = column == int(column), row == int(row)
    if whole_column and whole_row:
        (avenue_en, avenue_zh), (street_en, street_zh) = AVENUES[int(column)], STREETS[int(row)]
        return f"{street_en} at {avenue_en}", f"{street_zh}{avenue_zh}口"
    if whole_row:
        low, high = AVENUES[int(column)], AVENUES[int(column) + 1]
        name = STREETS[int(row)]
    elif whole_column:
        low, high = STREETS[int(row)], STREETS[int(row) + 1]
        name = AVENUES[int(column)]
    else:
        avenue, street = AVENUES[round(column)], STREETS[round(row)]
        return f"block at {avenue[0]} and {street[0]}", f"{avenue[1]}{street[1]}街坊"
    return f"{name[0]}, {low[0]} to {high[0]}", f"{name[1]}({low[1]}至{high[1]}段)"
