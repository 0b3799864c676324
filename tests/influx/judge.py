"""What Grafana shows of what InfluxDB answers: texts and colours, worked out as its panels do it.

Tiles, cells of tables and bars of state have texts and colours that say something is well; charts and maps have values.
Followed are Grafana's rules for reductions, the transformation ``merge``, overrides, mappings, thresholds (the one that
it has where a panel has none is green) and `noValue`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from tests.influx.servers import Server

Json = dict[str, Any]
_USUAL = [{"value": None, "color": "green"}, {"value": 80, "color": "red"}]
"""Grafana's own thresholds, for panels without any."""
_COLORED = {"color-background", "color-text", "gauge"}


class Shown(NamedTuple):
    """One thing that a panel shows."""

    kind: str
    """The panel's type."""
    panel: str
    """Its title."""
    name: str
    """The column or series."""
    text: str
    color: str
    """Empty where it has none that means something."""

    @property
    def good_news(self) -> bool:
        """Tell whether somebody who sees this thinks that all is well."""
        return "green" in self.color or self.text in {"0", "0.0"}


def shown(
    server: Server, database: str, panels: Iterable[Json], span_ms: tuple[int, int], **chosen: str
) -> list[Shown]:
    """Return all that panels show of the time from ``span_ms[0]`` to ``span_ms[1]``, with values of variables."""
    found = [(panel, target) for panel in panels for target in panel["targets"]]
    answers = server.series(
        database, *(filled(target["query"], panel.get("interval", "1m"), span_ms, chosen) for panel, target in found)
    )
    answered: dict[int, tuple[Json, list[list[Json]]]] = {}
    for (panel, _), series in zip(found, answers, strict=True):
        answered.setdefault(id(panel), (panel, []))[1].append(series)
    return [one for panel, frames in answered.values() for one in _SHOW[panel["type"]](panel, frames)]


def filled(query: str, interval: str, span_ms: tuple[int, int], chosen: Mapping[str, str]) -> str:
    """Fill in what Grafana would."""
    begin, end = span_ms
    query = query.replace("$timeFilter", f"time >= {begin}ms AND time <= {end}ms")
    query = query.replace("$__interval", interval).replace("${__to}", str(end))
    for name, value in ({"beat": ".*", "device": ".*"} | dict(chosen)).items():
        query = re.sub(rf"\${name}\b", value, query)
    assert not re.search(r"\$\w|\$\{", query), query
    return query


def _rows(series: list[Json]) -> list[Json]:
    """Return a table's rows: columns of all series one below the other, with their tags."""
    return [
        one.get("tags", {}) | dict(zip(one["columns"], values, strict=True))
        for one in series
        for values in one.get("values", [])
    ]


_REDUCED: dict[str, Callable[[list[Any]], Any]] = {
    "lastNotNull": lambda values: values[-1] if values else None,
    "max": lambda values: max(values, default=None),
    "sum": sum,
}
"""Grafana's reductions by name. Its sum of no numbers is 0."""


def _tile(panel: Json, frames: list[list[Json]]) -> list[Shown]:
    tables = [_rows(series) for series in frames]
    if [one["id"] for one in panel.get("transformations", [])] == ["merge"]:
        tables = [[row for table in tables for row in table]]
    options, out = panel["options"]["reduceOptions"], []
    assert not options["values"]
    assert options.get("fields", "") == ""
    for table in tables:
        for name in dict.fromkeys(name for row in table for name in row):
            values = [row[name] for row in table if row.get(name) is not None]
            if name != "time" and not any(isinstance(value, str) for value in values):
                out.append(_display(panel, name, _REDUCED[options["calcs"][0]](values), colored=True))
    return out or [_display(panel, "", None, colored=True)]


def _table(panel: Json, frames: list[list[Json]]) -> list[Shown]:
    out = []
    for row in _rows(frames[0]):
        for name, value in row.items():
            config = _config(panel, name)
            cell = config.get("custom.cellOptions", {}).get("type", "auto")
            if not config.get("custom.hidden") and name != "time":
                out.append(_display(panel, name, value, colored=cell in _COLORED))
    return out


def _timeline(panel: Json, frames: list[list[Json]]) -> list[Shown]:
    """Return each series' last state: it goes on to the right edge, whoever has died since."""
    return [
        _display(panel, " ".join(one.get("tags", {}).values()), one["values"][-1][1], colored=True)
        for series in frames
        for one in series
    ]


def _chart(panel: Json, frames: list[list[Json]]) -> list[Shown]:
    return [
        Shown(panel["type"], panel["title"], name, str(value), "")
        for series in frames
        for row in _rows(series)
        for name, value in row.items()
        if isinstance(value, int | float) and name != "time"
    ]


_SHOW = {
    "stat": _tile,
    "table": _table,
    "state-timeline": _timeline,
    "timeseries": _chart,
    "geomap": _chart,
}


def _config(panel: Json, name: str) -> Json:
    """Return the properties of a field: the panel's, and those of the overrides that match its name."""
    config = dict(panel["fieldConfig"]["defaults"])
    for one in panel["fieldConfig"]["overrides"]:
        options = one["matcher"]["options"]
        if re.search(options.strip("/"), name) if one["matcher"]["id"] == "byRegexp" else options == name:
            config |= {found["id"]: found["value"] for found in one["properties"]}
    return config


def _display(panel: Json, name: str, value: Any, *, colored: bool) -> Shown:
    """Return how one value is written and coloured."""
    config = _config(panel, name)
    steps = config.get("thresholds", {}).get("steps", _USUAL)
    color = steps[0]["color"]
    if isinstance(value, int | float):
        color = [step["color"] for step in steps if step["value"] is None or value >= step["value"]][-1]
    text = (
        config.get("noValue", "No data") if value is None else f"{value:g}" if isinstance(value, float) else str(value)
    )
    for mapping in config.get("mappings", []):
        assert mapping["type"] == "value"
        mapped = mapping["options"].get(text, {})
        text, color = mapped.get("text", text), mapped.get("color", color)
    return Shown(panel["type"], panel["title"], name, text, color if colored else "")
