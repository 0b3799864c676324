"""Grafana's JSON, piece by piece: panels, queries, variables. Knows nothing of what is shown."""

import math
from typing import Any, Final, TypedDict, Unpack

Json = dict[str, Any]
DATASOURCE: Final = {"type": "influxdb", "uid": "patrolgrid-influxdb"}
GREEN, YELLOW, RED, BLUE, GREY = "green", "#EAB839", "red", "blue", "rgba(140,140,140,0.35)"
CALM: Final = "#5c7a99"
"""What is as it should be, as far as was last heard. It stays on a wall when nothing is heard any more: never green."""
NOTHING: Final = "—"
"""What is shown for what is not known: not 0, which would be good news."""
COUNT: Final = "locale"
"""The unit of whole numbers: every digit, grouped as the reader is used to."""
_NO_TILES: Final = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
"""One transparent pixel as the base map: nothing is asked for from outside."""


def target(query: str, *, ref: str = "A", table: bool = False, alias: str = "") -> Json:
    """Return one InfluxQL query."""
    found: Json = {
        "refId": ref,
        "datasource": DATASOURCE,
        "query": query,
        "rawQuery": True,
        "resultFormat": "table" if table else "time_series",
    }
    return found | ({"alias": alias} if alias else {})


def thresholds(*steps: tuple[float | None, str]) -> Json:
    """Return colours by value: each from its value on, the first from the lowest."""
    return {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in steps]}


def known(*steps: tuple[float, str]) -> Json:
    """Return colours of a number that may be missing: grey then."""
    return thresholds((None, GREY), *steps)


RISK: Final = known((0, BLUE), (0.4, YELLOW), (0.75, RED))
"""Colours of a risk, as a share of the highest."""


def override(name: str, *, like: bool = False, **properties: object) -> Json:
    """Return properties of one column or series; ``custom_x`` stands for ``custom.x``.

    With `like` the name is a regular expression that is found in the series' names. What a cell looks like is written
    under both of its names: Grafana knows ``displayMode`` up to 9.4, and ``cellOptions`` since.
    """
    named = {key.replace("custom_", "custom."): value for key, value in properties.items()}
    cell = properties.get("custom_cellOptions")
    if isinstance(cell, dict) and cell["type"] != "auto":
        named["custom.displayMode"] = cell["mode"] if cell["type"] == "gauge" else cell["type"]
    return {
        "matcher": {"id": "byRegexp", "options": f"/{name}/"} if like else {"id": "byName", "options": name},
        "properties": [{"id": key, "value": value} for key, value in named.items()],
    }


class Look(TypedDict, total=False):
    """What a panel may be given besides its title and its queries."""

    size: tuple[int, int]
    """Width and height in Grafana's grid of 24 columns."""
    unit: str
    """Grafana's name of it; `COUNT` where there is none."""
    decimals: int
    steps: Json
    """Colours by value, see `thresholds`."""
    color: Json
    overrides: list[Json]
    custom: Json
    description: str
    links: list[Json]
    linked: str
    """The column of a table that leads on: links on every cell would underline them all."""
    interval: str
    transformations: list[Json]


def panel(kind: str, title: str, targets: list[Json], size: tuple[int, int], options: Json, look: Look) -> Json:
    """Return a panel; `lay_out` gives it its place. `size` is for a look that has none."""
    width, height = look.get("size", size)
    defaults: Json = {"unit": look.get("unit", COUNT), "noValue": NOTHING, "custom": look.get("custom", {})}
    if "decimals" in look or "unit" not in look:
        defaults["decimals"] = look.get("decimals", 0)
    if "steps" in look:
        defaults |= {"thresholds": look["steps"], "color": look.get("color", {"mode": "thresholds"})}
    if look.get("links"):
        defaults["links"] = look["links"]
    found: Json = {
        "type": kind,
        "title": title,
        "datasource": DATASOURCE,
        "targets": targets,
        "gridPos": {"w": width, "h": height, "x": 0, "y": 0},
        "fieldConfig": {"defaults": defaults, "overrides": look.get("overrides", [])},
        "options": options,
    }
    more = ("description", "interval", "transformations")
    return found | {key: value for key, value in look.items() if key in more and value}


def stat(title: str, query: str, *more: str, **look: Unpack[Look]) -> Json:
    """Return one large number: the greatest that its queries answer, grey and `NOTHING` where none answers.

    (The sum of no numbers is 0 to Grafana.)
    """
    options = {
        "reduceOptions": {"calcs": ["max" if more else "lastNotNull"], "fields": "", "values": False},
        "colorMode": "background",
        "graphMode": "none",
    }
    look.setdefault("steps", known((0, BLUE)))
    if more:
        look["transformations"] = [{"id": "merge", "options": {}}]
    targets = [target(one, ref="ABC"[number], table=True) for number, one in enumerate((query, *more))]
    return panel("stat", title, targets, (4, 4), options, look)


def lines(title: str, targets: list[Json], **look: Unpack[Look]) -> Json:
    """Return a chart over time, in which nothing is drawn where nothing is known: its queries fill with null.

    What stands alone between two gaps is a dot.
    """
    options = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}
    look["custom"] = {"lineWidth": 2, "showPoints": "auto", "spanNulls": False} | look.get("custom", {})
    return panel("timeseries", title, targets, (12, 8), options, look)


def bars(title: str, targets: list[Json], **look: Unpack[Look]) -> Json:
    """Return stacked bars over time: what was counted in each period, which the title names."""
    look["custom"] = {
        "drawStyle": "bars",
        "fillOpacity": 70,
        "showPoints": "never",
        "stacking": {"mode": "normal"},
        # The axis has whole numbers on it also where there is one alert in an hour.
        "axisSoftMin": 0,
        "axisSoftMax": 5,
    }
    return lines(title, targets, **look)


def table(title: str, query: str, **look: Unpack[Look]) -> Json:
    """Return a table; `Look.links` stand on its column `Look.linked`."""
    if look.get("links"):
        look["overrides"] = [*look.get("overrides", []), override(look["linked"], links=look.pop("links"))]
    return panel("table", title, [target(query, table=True)], (12, 8), {"showHeader": True}, look)


def timeline(title: str, targets: list[Json], **look: Unpack[Look]) -> Json:
    """Return what state each thing was in, over time; the last one goes on, also of what has died: it is not green."""
    options = {"mergeValues": True, "showValue": "auto", "legend": {"showLegend": False}}
    look["custom"] = {"fillOpacity": 70}
    look["steps"] = thresholds((None, GREY))
    return panel("state-timeline", title, targets, (24, 8), options, look)


def risk_map(title: str, query: str, **look: Unpack[Look]) -> Json:
    """Return cells on a map without tiles: the columns lon, lat and risk place, colour and size them.

    Under them lie the beats and streets of `OUTLINES`; where Grafana does not have that file, only the cells are shown.
    `with_site` puts a site's own outlines, names and view in.
    """
    style = {
        "color": {"field": "risk", "fixed": "red"},
        # Cells lie 100 m apart: larger marks would hide each other, smaller ones would not hold their rank.
        "size": {"field": "risk", "fixed": 10, "min": 9, "max": 14},
        # Grafana writes the rank in the marker's own colour: it can only be read on a pale one.
        "opacity": 0.15,
        "lineWidth": 1,
        "symbol": {"mode": "fixed", "fixed": "img/icons/marker/square.svg"},
        "text": {"field": "rank", "mode": "field", "fixed": ""},
        "textConfig": _TEXT,
    }
    options = {
        "basemap": {"type": "xyz", "name": "", "config": {"url": _NO_TILES, "attribution": ""}},
        "layers": [
            outlines_layer(OUTLINES, label="id"),
            {
                "type": "markers",
                "name": "risk",
                "location": {"mode": "coords", "longitude": "lon", "latitude": "lat"},
                "config": {"style": style, "showLegend": False},
                "tooltip": True,
            },
        ],
        # Where nobody says where the site lies: as near as all of it can be seen.
        "view": {"id": "fit", "allLayers": True, "padding": 5, "lat": 0, "lon": 0, "zoom": 19},
        "controls": {"showZoom": True, "mouseWheelZoom": False, "showScale": True, "showAttribution": False},
        "tooltip": {"mode": "details"},
    }
    look["steps"] = RISK
    return panel("geomap", title, [target(query, table=True)], (12, 12), options, look)


OUTLINES: Final = "public/maps/patrolgrid.geojson"
"""A places file where Grafana has its own maps; the compose file mounts the site's there."""
_TEXT: Final = {"fontSize": 12, "textAlign": "center", "textBaseline": "middle", "offsetX": 0, "offsetY": 0}


def outlines_layer(source: str, label: str = "") -> Json:
    """Return the layer of beats, streets and devices of a GeoJSON file, with the property `label` on them."""

    def named(kind: str, **style: object) -> Json:
        return {"check": {"property": "kind", "operation": "eq", "value": kind}, "style": style}

    style: Json = {"color": {"fixed": "#6e7f96"}, "opacity": 0.06, "lineWidth": 2}
    return {
        "type": "geojson",
        "name": "beats",
        "config": {
            "src": source,
            "style": style | (_labelled(label) if label else {}),
            "rules": [
                named("street", color={"fixed": "#8a8a8a"}, opacity=0, lineWidth=1),
                named("device", color={"fixed": "#8a8a8a"}, opacity=0.5, lineWidth=0, size={"fixed": 2}),
            ],
        },
        "tooltip": False,
    }


def _labelled(label: str) -> Json:
    return {"text": {"field": label, "mode": "field", "fixed": ""}, "textConfig": _TEXT | {"fontSize": 13}}


def names_layer(source: str, label: str) -> Json:
    """Return the layer that writes the property `label` of points: seen through the cells, whose ranks come first."""
    # Grafana leaves out the name of an area that is narrower than the name; that of a point it always writes, and
    # without a symbol nothing but that.
    style: Json = {"color": {"fixed": "#8797ad"}, **_labelled(label)}
    config = {"src": source, "style": style, "rules": []}
    return {"type": "geojson", "name": "names", "config": config, "tooltip": False}


def with_site(panel: Json, outlines: str, names: str, label: str, bounds: tuple[float, float, float, float]) -> Json:
    """Return a map with a site's outlines and names, seen so that `bounds` (west, south, east, north) fill it."""
    options, place = panel["options"], panel["gridPos"]
    risk = options["layers"][1]
    options["layers"] = [outlines_layer(outlines), names_layer(names, label), risk]
    west, south, east, north = bounds
    lat = (south + north) / 2
    # The world of zoom 0 is 256 pixels wide; a row of Grafana's grid is 38 high, a column 52 wide on a small screen.
    wide = place["w"] * 52 * 360 / (256 * max(east - west, 1e-4))
    high = (place["h"] * 38 - 50) * 360 * math.cos(math.radians(lat)) / (256 * max(north - south, 1e-4))
    options["view"] = {
        "id": "coords",
        "lat": round(lat, 5),
        "lon": round((west + east) / 2, 5),
        "zoom": round(math.log2(min(wide, high)) - 0.1, 2),
    }
    return panel


def sorted_by(name: str, **order: bool) -> Json:
    """Return the transformation that sorts a table by a column: the smallest first, with ``desc=True`` the greatest."""
    return {"id": "sortBy", "options": {"sort": [{"field": name, **order}]}}


def ordered(*names: str) -> Json:
    """Return the transformation that puts a table's columns into an order."""
    return {
        "id": "organize",
        "options": {
            "indexByName": {name: number for number, name in enumerate(names)},
            "excludeByName": {},
            "renameByName": {},
        },
    }


def variable(name: str, label: str, query: str, *, many: bool = True) -> Json:
    """Return a variable whose values InfluxDB knows; of many values or, without `many`, of one."""
    found: Json = {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": DATASOURCE,
        "query": query,
        "definition": query,
        "refresh": 2,
        "sort": 1,
        "multi": many,
        "includeAll": many,
        "options": [],
        "current": _ALL if many else {},
    }
    return found | ({"allValue": ".*"} if many else {})


def named_variable(name: str, label: str, named: dict[str, str], *, many: bool = True) -> Json:
    """Return a variable whose values are known, with names for people: `named` has value → name."""
    options = [{"text": text, "value": value, "selected": False} for value, text in named.items()]
    if many:
        options.insert(0, _ALL | {"selected": True})
    found: Json = {
        "type": "custom",
        "name": name,
        "label": label,
        # What Grafana splits at: a comma is escaped, and a name has no colon between blanks.
        "query": ", ".join(f"{_plain(text)} : {value}" for value, text in named.items()),
        "multi": many,
        "includeAll": many,
        "options": options,
        "current": _ALL if many else options[0] | {"selected": True},
    }
    return found | ({"allValue": ".*"} if many else {})


def _plain(text: str) -> str:
    return text.replace(" : ", ": ").replace(",", "\\,")


_ALL: Final = {"text": "All", "value": "$__all"}


def lay_out(panels: list[Json]) -> list[Json]:
    """Put panels side by side, row by row, in a grid of 24 columns, and number them."""
    x = y = tallest = 0
    for number, one in enumerate(panels, 1):
        place = one["gridPos"]
        if x + place["w"] > 24:
            x, y, tallest = 0, y + tallest, 0
        one["id"], place["x"], place["y"] = number, x, y
        x, tallest = x + place["w"], max(tallest, place["h"])
    return panels
