"""Grafana's JSON, piece by piece: panels, queries, variables. Knows nothing of what is shown."""

from __future__ import annotations

from typing import Any, Final

Json = dict[str, Any]
DATASOURCE: Final = {"type": "influxdb", "uid": "patrolgrid-influxdb"}
GREEN, YELLOW, RED, BLUE, GREY = "green", "#EAB839", "red", "blue", "rgba(140,140,140,0.35)"
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


def override(name: str, *, like: bool = False, **properties: Any) -> Json:  # noqa: ANN401 - Grafana's properties are of any type
    """Return properties of one column or series; ``custom_x`` stands for ``custom.x``.

    With `like` the name is a regular expression that is found in the series' names.
    """
    named = {key.replace("custom_", "custom."): value for key, value in properties.items()}
    return {
        "matcher": {"id": "byRegexp", "options": f"/{name}/"} if like else {"id": "byName", "options": name},
        "properties": [{"id": key, "value": value} for key, value in named.items()],
    }


def panel(
    kind: str,
    title: str,
    targets: list[Json],
    *,
    size: tuple[int, int],
    unit: str = "short",
    steps: Json | None = None,
    color: Json | None = None,
    overrides: list[Json] | None = None,
    options: Json | None = None,
    custom: Json | None = None,
    description: str = "",
    no_value: str = "",
    links: list[Json] | None = None,
    interval: str = "",
    transformations: list[Json] | None = None,
) -> Json:
    """Return a panel; `lay_out` gives it its place. `size` is (width, height) in Grafana's grid of 24 columns."""
    defaults: Json = {"unit": unit, "custom": custom or {}}
    if steps is not None:
        defaults |= {"thresholds": steps, "color": color or {"mode": "thresholds"}}
    if no_value:
        defaults["noValue"] = no_value
    if links:
        defaults["links"] = links
    found: Json = {
        "type": kind,
        "title": title,
        "datasource": DATASOURCE,
        "targets": targets,
        "gridPos": {"w": size[0], "h": size[1], "x": 0, "y": 0},
        "fieldConfig": {"defaults": defaults, "overrides": overrides or []},
        "options": options or {},
    }
    for key, value in (("description", description), ("interval", interval), ("transformations", transformations)):
        if value:
            found[key] = value
    return found


def stat(title: str, query: str, *, size: tuple[int, int] = (4, 4), **more: Any) -> Json:  # noqa: ANN401 - `panel`'s
    """Return one large number."""
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "values": False},
        "colorMode": "background",
        "graphMode": "none",
    }
    more.setdefault("steps", thresholds((None, BLUE)))
    more.setdefault("no_value", "0")
    return panel("stat", title, [target(query, table=True)], size=size, options=options, **more)


def lines(title: str, targets: list[Json], *, size: tuple[int, int] = (12, 8), **more: Any) -> Json:  # noqa: ANN401 - `panel`'s
    """Return a chart over time."""
    options = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}
    custom = {"lineWidth": 2, "showPoints": "never", "spanNulls": 1_200_000} | more.pop("custom", {})
    return panel("timeseries", title, targets, size=size, options=options, custom=custom, **more)


def bars(title: str, targets: list[Json], *, size: tuple[int, int] = (12, 8), **more: Any) -> Json:  # noqa: ANN401 - `panel`'s
    """Return stacked bars over time."""
    custom = {"drawStyle": "bars", "fillOpacity": 70, "stacking": {"mode": "normal"}}
    return lines(title, targets, size=size, custom=custom, **more)


def table(title: str, query: str, *, size: tuple[int, int] = (12, 8), **more: Any) -> Json:  # noqa: ANN401 - `panel`'s
    """Return a table."""
    return panel("table", title, [target(query, table=True)], size=size, options={"showHeader": True}, **more)


def timeline(title: str, targets: list[Json], *, size: tuple[int, int] = (24, 8), **more: Any) -> Json:  # noqa: ANN401 - `panel`'s
    """Return what state each thing was in, over time."""
    options = {"mergeValues": True, "showValue": "auto", "legend": {"showLegend": False}}
    return panel("state-timeline", title, targets, size=size, options=options, custom={"fillOpacity": 70}, **more)


def risk_map(title: str, query: str, *, size: tuple[int, int] = (12, 12), **more: Any) -> Json:  # noqa: ANN401 - `panel`'s
    """Return cells on a map without tiles: the columns lon, lat and risk place, colour and size them.

    Under them lie the beats and streets of `OUTLINES`; where Grafana does not have that file, only the cells are shown.
    """
    style = {
        "color": {"field": "risk", "fixed": "red"},
        "size": {"field": "risk", "fixed": 8, "min": 6, "max": 20},
        # Grafana writes the rank in the marker's own colour: it can only be read on a pale one.
        "opacity": 0.3,
        "lineWidth": 2,
        "symbol": {"mode": "fixed", "fixed": "img/icons/marker/square.svg"},
        "text": {"field": "rank", "mode": "field", "fixed": ""},
        "textConfig": _TEXT,
    }
    options = {
        "basemap": {"type": "xyz", "name": "", "config": {"url": _NO_TILES, "attribution": ""}},
        "layers": [
            outlines_layer(OUTLINES, "id"),
            {
                "type": "markers",
                "name": "risk",
                "location": {"mode": "coords", "longitude": "lon", "latitude": "lat"},
                "config": {"style": style, "showLegend": True},
                "tooltip": True,
            },
        ],
        "view": {"id": "fit", "allLayers": True, "padding": 15, "lat": 0, "lon": 0, "zoom": 14},
        "controls": {"showZoom": True, "mouseWheelZoom": False, "showScale": True, "showAttribution": False},
        "tooltip": {"mode": "details"},
    }
    steps = thresholds((None, GREEN), (0.4, YELLOW), (0.75, RED))
    return panel("geomap", title, [target(query, table=True)], size=size, options=options, steps=steps, **more)


OUTLINES: Final = "public/maps/patrolgrid.geojson"
"""A places file where Grafana has its own maps; the compose file mounts the site's there."""
_TEXT: Final = {"fontSize": 12, "textAlign": "center", "textBaseline": "middle", "offsetX": 0, "offsetY": 0}


def outlines_layer(source: str, label: str) -> Json:
    """Return the layer of beats, streets and devices of a GeoJSON file, beats with the property `label` on them."""

    def named(kind: str, **style: Any) -> Json:  # noqa: ANN401 - Grafana's properties are of any type
        return {"check": {"property": "kind", "operation": "eq", "value": kind}, "style": style}

    return {
        "type": "geojson",
        "name": "beats",
        "config": {
            "src": source,
            "style": {
                "color": {"fixed": "#6e7f96"},
                "opacity": 0.06,
                "lineWidth": 2,
                "text": {"field": label, "mode": "field", "fixed": ""},
                "textConfig": _TEXT,
            },
            "rules": [
                named("street", color={"fixed": "#8a8a8a"}, opacity=0, lineWidth=1),
                named("device", color={"fixed": "#8a8a8a"}, opacity=0.5, lineWidth=0, size={"fixed": 2}),
            ],
        },
        "tooltip": False,
    }


def with_outlines(panel: Json, source: str, label: str) -> Json:
    """Return a panel, with other outlines where it is a map."""
    if panel["type"] == "geomap":
        panel["options"]["layers"][0] = outlines_layer(source, label)
    return panel


def newest_first(name: str = "Time") -> Json:
    """Return the transformation that sorts a table by a column, the greatest first."""
    return {"id": "sortBy", "options": {"sort": [{"field": name, "desc": True}]}}


def smallest_first(name: str) -> Json:
    """Return the transformation that sorts a table by a column, the smallest first."""
    return {"id": "sortBy", "options": {"sort": [{"field": name}]}}


def ordered(*names: str) -> Json:
    """Return the transformation that puts a table's columns into an order."""
    order = {name: number for number, name in enumerate(names)}
    return {"id": "organize", "options": {"indexByName": order, "excludeByName": {}, "renameByName": {}}}


def variable(name: str, label: str, query: str, *, many: bool = True) -> Json:
    """Return a variable whose values InfluxDB knows."""
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
        "current": {"text": "All", "value": "$__all"} if many else {},
    }
    return found | ({"allValue": ".*"} if many else {})


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
