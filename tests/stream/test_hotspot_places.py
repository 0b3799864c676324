"""Hotspots as people think of them: neighbouring cells are one place with a name, hours, a number and its period."""

import msgspec
import numpy as np
import pytest

from ingest.places import Beat, Device, Landmark, Places, Street
from models.hotspots.grid import Grid
from stream.hotspots.place_names import PlaceNames
from stream.hotspots.spot_places import busy_hours, describe, joined
from stream.results import HotspotCell
from stream.sentences import Why, literal
from stream.sentences.catalogue import in_all_languages, spot_sentence, with_texts

LON, LAT = 121.47, 31.23
EAST, NORTH = 1 / (111_320 * np.cos(np.radians(LAT))), 1 / 111_320
"""Degrees of a metre."""


def at(east: float, north: float) -> tuple[float, float]:
    return LON + east * EAST, LAT + north * NORTH


def named(text: str) -> dict[str, str]:
    return {"en": text, "zh-CN": text}


SQUARE = Beat("b1", named("Beat"), (at(-500, -500), at(500, -500), at(500, 500), at(-500, 500), at(-500, -500)))
LANTERN = Street(named("Lantern Street"), (at(-400, 0), at(0, 0), at(400, 10)))
MILL = Street(named("Mill Street"), (at(200, -400), at(200, 400)))
MARKET = Landmark(named("the market"), *at(-100, 40))


def called(places: Places, east: float, north: float) -> str:
    return in_all_languages(PlaceNames(places).name(*at(east, north), "b1"))["en"]


@pytest.mark.parametrize(
    ("east", "north", "name"),
    [
        (-90, 10, "Lantern Street by the market"),
        (190, 20, "Mill Street at Lantern Street"),
        (210, 300, "Mill Street"),
        (-350, -60, "Lantern Street"),
        (-100, 160, "Around the market"),
        (-400, 400, "Beat, in the north-west"),
        (380, -420, "Near Gate 1"),
    ],
)
def test_a_place_is_called_by_what_people_know_there(east, north, name):
    gate = Device("g1", "b1", "gate", named("Gate 1"), *at(370, -400))
    assert called(Places({"b1": SQUARE}, {"g1": gate}, (LANTERN, MILL), {}, (MARKET,)), east, north) == name


def test_outside_the_beats_the_next_street_is_named():
    places = Places({"b1": SQUARE}, {}, (LANTERN,))
    assert in_all_languages(PlaceNames(places).name(*at(600, 300), ""))["en"] == "Around Lantern Street"
    assert PlaceNames(places).name(*at(2000, 0), "") == Why("outside")


def test_without_streets_and_devices_the_part_of_the_beat_is_named():
    places = Places({"b1": SQUARE}, {})
    assert [called(places, *point) for point in ((10, 10), (400, 0), (-300, -400))] == [
        "Beat, in the middle",
        "Beat, in the east",
        "Beat, in the south-west",
    ]
    assert PlaceNames(places).name(LON, LAT, "nowhere") == Why("outside")


def test_neighbouring_cells_are_one_place_as_far_as_one_stop_sees():
    grid = Grid((121.40, 31.20, 121.42, 31.22), 100.0)
    first = 5 * grid.columns + 5
    row = [first, first + 1, first + 2, first + 3, first + 4]
    apart, corner = first + 10, first + grid.columns + 1
    assert joined(grid, [*row, apart, corner]) == [[first, first + 1, first + 2, corner], [*row[3:]], [apart]]


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        ({20: 5.0, 21: 9.0, 22: 5.0}, (20, 23)),
        ({23: 9.0, 0: 9.0, 1: 9.0}, (23, 2)),
        (dict.fromkeys(range(24), 1.0), None),
        ({}, None),
    ],
)
def test_the_hours_of_a_place_are_the_fewest_in_a_row_that_hold_most(hours, expected):
    by_hour = np.array([hours.get(hour, 0.1 if hours else 0.0) for hour in range(24)])
    assert busy_hours(by_hour) == expected


def spot(per_cell: float, *, known: str = "own", drivers: dict[str, float] | None = None, cells: int = 2):
    grid = Grid((121.40, 31.20, 121.42, 31.22), 100.0)
    by_hour = np.zeros((cells, 24))
    by_hour[:, 20:23] = per_cell / 3
    return describe(
        grid,
        list(range(cells)),
        by_hour,
        np.full(24, per_cell / 18),
        spread=(0.5, 2.0),
        drivers=drivers or {"burglary": 1.0},
        known=known,
    )


def told(place) -> dict[str, str]:
    name = literal(named("Lantern Street"))
    why = Why("hotspot-earlier", {"category": "burglary", "count": 0, "share": 1.0})
    return in_all_languages(spot_sentence(name, place.hours, place.why_amount, why, place.why_sure))


def test_a_place_says_hours_number_period_and_how_much_more_than_usual():
    place = spot(0.2)
    assert (place.hours, place.expected, place.low, place.high, place.times) == ((20, 23), 0.4, 0.2, 0.8, 6.0)
    assert told(place) == {
        "en": "Lantern Street, 20–23 h: 0.4 burglaries expected in four weeks of such evenings, "
        "6 times the beat’s usual. Mostly earlier burglaries (100% of the risk). Probably 0.2 to 0.8.",
        "zh-CN": "Lantern Street，20–23时：未来四周的晚间预计入室盗窃0.4起，为本网格平常的6倍。"
        "主要来自以往入室盗窃（占风险100%）。大致范围：0.2至0.8起。",
    }


@pytest.mark.parametrize(
    ("per_cell", "more", "said"),
    [
        (0.5, {}, "20–23 h: 1 burglary expected in"),
        (0.01, {}, "20–23 h: fewer than 0.1 burglaries expected in"),
        (0.2, {"drivers": {"burglary": 0.4, "theft": 0.4, "surge": 0.2}}, "0.4 incidents expected in"),
        (0.2, {"drivers": {"burglary": 0.75, "theft": 0.25}}, "0.3 burglaries expected in"),
        (0.2, {"known": "young"}, "Little history yet: 0.2 to 0.8."),
        (0.2, {"drivers": {"surge": 0.9, "theft": 0.1}}, "From sensors only: no incidents known here yet."),
        (0.2, {"known": "sensors"}, "20–23 h: Raised risk: 6 times the beat’s usual. "),
        (0.2, {"known": "prior"}, "A first guess: no incidents known yet."),
    ],
)
def test_a_number_is_never_told_bare_nor_where_there_is_none(per_cell, more, said):
    assert said in told(spot(per_cell, **more))["en"]


def test_many_hours_are_no_evening():
    grid = Grid((121.40, 31.20, 121.42, 31.22), 100.0)
    by_hour = np.full((1, 24), 0.05)
    by_hour[:, 13:21] = 0.15
    place = describe(grid, [0], by_hour, by_hour[0], spread=(0.5, 2.0), drivers={"theft": 1.0}, known="own")
    assert place.hours == (13, 21)
    assert "1.2 thefts expected in four weeks of these hours." in told(place)["en"]


def test_an_edge_gives_the_first_cell_its_sentences():
    row = HotspotCell(
        cell="r1c1", beat="b1", lon=LON, lat=LAT, risk=1.0, rank=1, expected=0.1, why=Why("hotspot-nothing"),
        where=literal(named("Long Street")), lead="r1c1", spot=spot(0.2),
    )  # fmt: skip
    made = with_texts(msgspec.structs.asdict(row), name="drivers")
    assert made["place"] == named("Long Street")
    assert made["spot"]["text"]["en"].startswith("Long Street, 20–23 h: 0.4 burglaries")
