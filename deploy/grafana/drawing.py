"""One panel as Grafana would show it, roughly: numbers, charts, tables, states, the map. With matplotlib."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Final
from urllib.parse import unquote

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, DateFormatter
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from deploy.grafana.asking import Influx, Series, Table, Value, View, interval_s
from deploy.grafana.panels import Json

INK, FAINT, LINE = "#ccccdc", "#8e8ea0", "#2c3235"
PALETTE: Final = (
    "#73BF69", "#F2CC0C", "#8AB8FF", "#FF780A", "#F2495C", "#5794F2", "#B877D9", "#96D98D", "#FFB357", "#CA95E5",
)  # fmt: skip
_COLORS: Final = {"green": "#73BF69", "red": "#F2495C", "blue": "#5794F2", "orange": "#FF9830", "transparent": "none"}
Shade = str | tuple[float, float, float, float]
_POINT: Final = 72 / 100
"""A pixel of a picture with 100 dots an inch, in matplotlib's points."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where on the picture a panel's content goes, in pixels, and how."""

    axes: Axes
    frame: Patch
    """What lies behind the whole panel."""
    width: float
    height: float
    zone: tzinfo
    small: float = 11.0
    """Size of the text, in pixels."""


def draw(panel: Json, influx: Influx, view: View, place: Place) -> bool:
    """Draw a panel's content; tell whether there was any."""
    axes = place.axes
    for spine in axes.spines.values():
        spine.set_visible(False)
    if panel["type"] == "timeseries":
        return _lines(panel, influx.series(panel, view, points=round(place.width)), view, place)
    if panel["type"] == "state-timeline":
        return _states(panel, influx.series(panel, view), view, place)
    axes.set_axis_off()
    axes.set_xlim(0, place.width)
    axes.set_ylim(place.height, 0)
    found = influx.table(panel, view)
    known: dict[str, Callable[[Json, Table, Place], None]] = {"stat": _stat, "table": _table, "geomap": _map}
    known[panel["type"]](panel, found, place)
    return bool(len(found)) or panel["type"] == "stat"


# -- what Grafana's JSON says --------------------------------------------------------------------------------------


def configured(panel: Json, name: str) -> Json:
    """Return how a column or series is shown: the panel's defaults, and what goes over them."""
    defaults = panel["fieldConfig"]["defaults"]
    found = {key: value for key, value in defaults.items() if key != "custom"}
    found |= {f"custom.{key}": value for key, value in defaults.get("custom", {}).items()}
    for override in panel["fieldConfig"]["overrides"]:
        matcher = override["matcher"]
        if (
            matcher["options"] == name
            if matcher["id"] == "byName"
            else re.search(matcher["options"].strip("/"), name) is not None
        ):
            found |= {one["id"]: one["value"] for one in override["properties"]}
    return found


def shown(value: Value, config: Json) -> tuple[str, str | None]:
    """Return a value as text, and the colour that a mapping gives it."""
    if value is None:
        return "", None
    for mapping in config.get("mappings", []):
        hit = mapping.get("options", {}).get(_plain(value))
        if hit is not None:
            return str(hit.get("text", value)), hit.get("color")
    if isinstance(value, str):
        return value, None
    return _number(float(value), config.get("unit", "short"), config.get("decimals")), None


def _plain(value: Value) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _number(value: float, unit: str, decimals: int | None = None) -> str:
    if unit == "percentunit":
        return f"{value * 100:.{0 if decimals is None else decimals}f}%"
    if unit == "s":
        for size, word in ((86_400, "d"), (3600, "h"), (60, "min")):
            if abs(value) >= size:
                return f"{value / size:.1f} {word}"
        return f"{value:.3g} s" if abs(value) >= 1 or not value else f"{value * 1000:.3g} ms"
    for thousands, word in ((1e9, " Bil"), (1e6, " Mil"), (1e3, " K")):
        if unit == "short" and abs(value) >= thousands:
            return f"{value / thousands:.3g}{word}"
    suffix = {"short": "", "none": "", "celsius": " °C", "ops": " ops/s"}.get(unit, unit.removeprefix("suffix:"))
    if not unit.startswith("suffix:") and suffix == unit:
        suffix = f" {suffix}"
    return f"{value:.3g}{suffix}" if abs(value) < 1e3 else f"{value:.0f}{suffix}"


def color(name: str) -> Shade:
    """Return a colour as matplotlib names it."""
    parts = re.fullmatch(r"rgba\((\d+),(\d+),(\d+),([\d.]+)\)", name)
    if parts is not None:
        red, green, blue = (int(parts[number]) / 255 for number in (1, 2, 3))
        return red, green, blue, float(parts[4])
    return _COLORS.get(name, name)


def _step_color(value: Value, config: Json) -> Shade:
    steps = config.get("thresholds", {}).get("steps", [])
    number = float(value) if isinstance(value, int | float) else -np.inf
    found = [step["color"] for step in steps if step["value"] is None or number >= step["value"]]
    return color(found[-1]) if found else INK


# -- panels --------------------------------------------------------------------------------------------------------


def _stat(panel: Json, table: Table, place: Place) -> None:
    names = [name for name in table.columns if name != "Time"]
    value = table.columns[names[-1]][-1] if names and len(table) else None
    config = configured(panel, names[-1] if names else "")
    text = config.get("noValue", "") if value is None else shown(value, config)[0]
    place.frame.set_facecolor(_step_color(value, config))
    size = min(place.height * 0.62, place.width / max(len(text), 3) * 1.3)
    _write(place, place.width / 2, place.height / 2, text, size, "white", ha="center", weight="bold")


def _lines(panel: Json, found: list[Series], view: View, place: Place) -> bool:
    axes = place.axes
    _time_axis(axes, view, place)
    sides: dict[str, Axes] = {}
    bars = panel["fieldConfig"]["defaults"]["custom"].get("drawStyle") == "bars"
    step_s = interval_s(view, least=panel.get("interval", ""), points=round(place.width))
    bottoms: dict[int, float] = {}
    drawn: dict[str, tuple[Any, Any]] = {}
    for number, series in enumerate(found):
        config = configured(panel, series.name)
        side = _side(sides, config["unit"], axes, place)
        fixed = config.get("color", {}).get("fixedColor")
        shade = color(fixed) if fixed else PALETTE[number % len(PALETTE)]
        label = config.get("displayName", series.name)
        if config.get("custom.hideFrom", {}).get("legend"):
            label = f"_{label}"
        times = np.array([_day(at) for at in series.times])
        values = np.array([np.nan if one is None else one for one in series.values], float)
        if bars:
            below = np.array([bottoms.get(at, 0.0) for at in series.times])
            side.bar(times, values, width=_day(step_s * 850), bottom=below, color=shade, alpha=0.8, label=label)
            bottoms |= dict(zip(series.times, below + np.nan_to_num(values), strict=True))
            continue
        times, values = _broken(times, values, _day(config.get("custom.spanNulls", 0)))
        dash = "--" if "dash" in json.dumps(config.get("custom.lineStyle", "")) else "-"
        side.plot(times, values, dash, color=shade, linewidth=config.get("custom.lineWidth", 1) * 0.7, label=label)
        drawn[series.name] = (times, values)
        low = drawn.get(config.get("custom.fillBelowTo", ""))
        if low is not None and len(low[0]) == len(times):
            side.fill_between(times, low[1], values, color="#8c8c8c", alpha=0.25, linewidth=0)
    for side in sides.values():
        side.set_ylim(bottom=min(0.0, side.get_ylim()[0]))
    if "dashed" in json.dumps(panel["fieldConfig"]["defaults"]["custom"].get("thresholdsStyle", "")):
        for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"][1:]:
            axes.axhline(step["value"], color=color(step["color"]), linestyle=":", linewidth=1)
    if found:
        _legend(list(sides.values()), place)
    return bool(found)


def _side(sides: dict[str, Axes], unit: str, axes: Axes, place: Place) -> Axes:
    """Return the axes for a unit: each has its own scale, as in Grafana; the second one's stands at the right."""
    if unit not in sides:
        side = axes if not sides else axes.twinx()
        side.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _number(value, unit)))
        side.yaxis.set_major_locator(MaxNLocator(5))
        side.tick_params(colors=FAINT, labelsize=place.small * _POINT, length=0)
        for spine in side.spines.values():
            spine.set_visible(False)
        sides[unit] = side
    return sides[unit]


def _broken(times: Any, values: Any, most: float) -> tuple[Any, Any]:  # noqa: ANN401 - arrays
    """Return a line that is interrupted where nothing came for longer than `most` days."""
    gaps = np.flatnonzero(np.diff(times) > most) + 1 if most else np.array([], int)
    return np.insert(times, gaps, np.nan), np.insert(values, gaps, np.nan)


def _legend(sides: list[Axes], place: Place) -> None:
    every = [one for side in sides for one in zip(*side.get_legend_handles_labels(), strict=True)]
    widest = max((_em(label) for _, label in every), default=1)
    columns = max(1, min(len(every), int(place.width / (widest * 7 + 46))))
    most = 2 * columns
    left = len(every) - most
    handles, labels = [one for one, _ in every[:most]], [label for _, label in every[:most]]
    if left > 0:
        labels[-1] = f"… {left + 1}"
    sides[0].legend(
        handles, labels, loc="upper left", bbox_to_anchor=(0, -30 / place.height), ncols=columns, frameon=False,
        fontsize=place.small * _POINT, labelcolor=INK, borderaxespad=0, handlelength=1.2, columnspacing=1.2,
        labelspacing=0.3,
    )  # fmt: skip


def _day(at_ms: float) -> float:
    """Return a time as matplotlib counts it, in days."""
    return at_ms / 86_400_000


def _time_axis(axes: Axes, view: View, place: Place) -> None:
    axes.set_xlim(_day(view.begin_ms), _day(view.end_ms))
    ticks = AutoDateLocator(tz=place.zone, minticks=3, maxticks=max(4, int(place.width / 90)))  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(ticks)
    long = view.end_ms - view.begin_ms > 2 * 86_400_000
    axes.xaxis.set_major_formatter(DateFormatter("%m-%d" if long else "%H:%M", tz=place.zone))  # type: ignore[no-untyped-call]
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.tick_params(colors=FAINT, labelsize=place.small * _POINT, length=0)
    axes.grid(color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_facecolor("none")


def _states(panel: Json, found: list[Series], view: View, place: Place) -> bool:
    axes = place.axes
    _time_axis(axes, view, place)
    axes.grid(visible=False)
    colors: dict[str, str] = {}
    for row, series in enumerate(found):
        config = configured(panel, series.name)
        ends = [*series.times[1:], view.end_ms]
        for at, end, value in zip(series.times, ends, series.values, strict=True):
            text, mapped = shown(value, config)
            shade = color(mapped) if mapped else colors.setdefault(text, PALETTE[len(colors) % len(PALETTE)])
            if shade == "none" or value is None:
                continue
            left, right = _day(at), _day(end)
            axes.barh(row, right - left, left=left, height=0.7, color=shade, alpha=0.7)
            share = (right - left) / (axes.get_xlim()[1] - axes.get_xlim()[0]) * place.width
            if text.strip() and share > len(text) * 8:
                axes.text(
                    max(left, axes.get_xlim()[0]), row, f" {text}", va="center", color="white", clip_on=True,
                    fontsize=min(place.small, place.height / len(found) * 0.6) * _POINT,
                )  # fmt: skip
    names = [configured(panel, one.name).get("displayName", one.name) for one in found]
    size = min(place.small, place.height / max(len(found), 1) * 0.8) * _POINT
    axes.set_yticks(range(len(found)), names, fontsize=size)
    axes.set_ylim(len(found) - 0.4, -0.6)
    return bool(found)


def _table(panel: Json, table: Table, place: Place) -> None:
    row_height = place.small * 2.3
    columns = [name for name in table.columns if not configured(panel, name).get("custom.hidden")]
    configs = {name: configured(panel, name) for name in columns}
    most = int(place.height / row_height) - 1
    cells = {
        name: [_cell(name, value, configs[name], place) for value in table.columns[name][:most]] for name in columns
    }
    heads = {name: configs[name].get("displayName", name) for name in columns}
    fixed = {name: config["custom.width"] for name, config in configs.items() if "custom.width" in config}
    share = (place.width - sum(fixed.values())) / max(len(columns) - len(fixed), 1)
    widths = {name: fixed.get(name, share) for name in columns}
    x = 0.0
    for name in columns:
        width = widths[name]
        fits = int((width - 8) / place.small / 0.54)
        _write(place, x + 6, row_height / 2, _cut(heads[name], fits), place.small, "#6ea6ff", weight="bold")
        for number, (text, shade, part) in enumerate(cells[name]):
            y = (number + 1) * row_height
            if shade is not None:
                length = width - 4 if part is None else (width - 60) * part
                _box(place, x + 2, y + 2, length, row_height - 4, shade)
            inside = "white" if shade is not None and part is None else INK
            at = x + 6 if part is None else x + width - 52
            _write(place, at, y + row_height / 2, _cut(text, fits), place.small, inside)
        x += width
    for number in range(min(len(table), most) + 1):
        place.axes.plot([0, place.width], [(number + 1) * row_height] * 2, color=LINE, linewidth=0.6)
    if len(table) > most:
        _write(place, place.width - 4, place.height - 2, f"+ {len(table) - most}", place.small, FAINT, ha="right")


def _cell(name: str, value: Value, config: Json, place: Place) -> tuple[str, Shade | None, float | None]:
    """Return a cell's text, its colour where it has one, and the length of its bar where it is one."""
    if name == "Time" and isinstance(value, int | float):
        return datetime.fromtimestamp(value / 1000, place.zone).strftime("%m-%d %H:%M:%S"), None, None
    text, mapped = shown(value, config)
    kind = config.get("custom.cellOptions", {}).get("type", "")
    if kind == "color-background":
        shade = color(mapped) if mapped else _step_color(value, config) if "thresholds" in config else None
        return text, shade, None
    if kind == "gauge" and isinstance(value, int | float):
        return text, color("blue"), min(max(float(value), 0.0), 1.0)
    return text, None, None


def _em(text: str) -> float:
    """Return about how many narrow characters wide a text is."""
    return sum(1.8 if ord(one) > 0x2E80 else 1.0 for one in text)


def _cut(text: str, most: int) -> str:
    if _em(text) <= most:
        return text
    while text and _em(text) > most - 1:
        text = text[:-1]
    return text + "…"


def _map(panel: Json, table: Table, place: Place) -> None:
    source = panel["options"]["layers"][0]["config"]["src"]
    features = json.loads(unquote(source.partition(",")[2]))["features"] if source.startswith("data:") else []
    lines = [(one, np.array(_points(one["geometry"]))) for one in features if one["geometry"]["type"] != "Point"]
    cells = np.array([table.columns.get("lon", []), table.columns.get("lat", [])], float).T.reshape(-1, 2)
    every = np.concatenate([cells, *(points for _, points in lines)]) if lines or len(cells) else np.zeros((1, 2))
    middle = (every.min(axis=0) + every.max(axis=0)) / 2
    stretch = np.array([np.cos(np.radians(middle[1])), 1.0])
    size = np.maximum((every.max(axis=0) - every.min(axis=0)) * stretch, 1e-4)
    scale = 0.94 * min(place.width / size[0], place.height / size[1])

    def at(points: Any) -> Any:  # noqa: ANN401 - arrays of (lon, lat)
        moved = (points - middle) * stretch * scale
        return np.array([place.width / 2, place.height / 2]) + moved * [1, -1]

    for feature, points in lines:
        x, y = at(points).T
        if feature["geometry"]["type"] == "Polygon":
            place.axes.fill(x, y, facecolor="#6e7f9610", edgecolor="#6e7f96", linewidth=1.2)
            label = feature["properties"]["label"]
            _write(place, x[:-1].mean(), y[:-1].mean(), label, place.small, "#8fa0b8", ha="center")
        else:
            place.axes.plot(x, y, color="#5a5a5a", linewidth=0.6)
    for row, spot in enumerate(at(cells)):
        risk = table.columns["risk"][row]
        shade = _step_color(risk, configured(panel, "risk"))
        side = 12 + 28 * float(risk or 0)
        _box(place, spot[0] - side / 2, spot[1] - side / 2, side, side, shade, edge=shade, alpha=0.35)
        _write(
            place, spot[0], spot[1], _plain(table.columns["rank"][row]), place.small, shade, ha="center", weight="bold"
        )


def _points(geometry: Json) -> list[list[float]]:
    found: list[Any] = geometry["coordinates"]
    return found[0] if geometry["type"] == "Polygon" else found


def _write(place: Place, x: float, y: float, text: str, size: float, ink: Shade, **more: Any) -> None:  # noqa: ANN401 - matplotlib's
    place.axes.text(x, y, text, fontsize=size * _POINT, color=ink, va="center", clip_on=True, parse_math=False, **more)


def _box(
    place: Place,
    x: float,
    y: float,
    width: float,
    height: float,
    face: Shade,
    *,
    edge: Shade = "none",
    alpha: float = 0.75,
) -> None:
    place.axes.fill(
        [x, x + width, x + width, x], [y, y, y + height, y + height], facecolor=face, edgecolor=edge, alpha=alpha,
        linewidth=1,
    )  # fmt: skip
