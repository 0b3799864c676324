"""Pictures of the dashboards' content, drawn from their own queries: for people who have no Grafana at hand.

They are not screenshots: layout, colours, units and texts are those of the dashboards, the drawing is matplotlib's.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from datetime import tzinfo
from typing import Final

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from deploy.grafana.asking import Influx, QueryError, View, seconds
from deploy.grafana.dashboards import dashboards
from deploy.grafana.drawing import FAINT, INK, Place, draw
from deploy.grafana.panels import Json

WIDTH: Final = 1600
_ROW, _GAP, _HEAD, _TITLE = 30, 8, 44, 26
"""Pixels: a row of Grafana's grid and the gap below it, the page's head, a panel's title."""
_DPI: Final = 100
_WINDOW_MS: Final = 300_000
_COLORS: Final = 96
_CHINESE: Final = (
    "Noto Sans CJK SC", "Source Han Sans SC", "Noto Sans SC", "Microsoft YaHei", "PingFang SC", "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei", "Noto Sans CJK JP", "Noto Sans CJK TC", "Droid Sans Fallback",
)  # fmt: skip


class NoFontError(RuntimeError):
    """No font on this machine has Chinese characters; the text says how to get one."""


def fonts(language: str) -> list[str]:
    """Return the fonts to write with. Raises `NoFontError`."""
    known = {font.name for font in font_manager.fontManager.ttflist}
    chinese = [name for name in _CHINESE if name in known]
    if language == "zh-CN" and not chinese:
        raise NoFontError(
            "no font here has Chinese characters; on Debian: apt-get install fonts-noto-cjk, then remove the folder "
            f"{mpl.get_cachedir()}"
        )
    return ["DejaVu Sans", *chinese[:1]]


def newest_ms(influx: Influx) -> int:
    """Return the end of the newest window there is, epoch ms. Raises `QueryError` where there is none."""
    found = influx.ask('SELECT last("quality") FROM "device_health"')
    if not found:
        raise QueryError("there is nothing in InfluxDB yet: run `patrolgrid demo --influx`, or a node")
    return int(found[0]["values"][0][0]) + _WINDOW_MS


def busiest_beat(influx: Influx, end_ms: int) -> str:
    """Return the beat that had the most changes of alerts in the day before; empty where there was none."""
    span = f"time > {end_ms - 86_400_000}ms AND time <= {end_ms}ms"
    found = influx.ask(f'SELECT count("id") FROM "alert" WHERE {span} GROUP BY "beat"')  # noqa: S608 - numbers
    return str(max(found, key=lambda one: one["values"][0][1])["tags"]["beat"]) if found else ""


def pictures(
    influx: Influx,
    language: str,
    end_ms: int,
    zone: tzinfo,
    *,
    outlines: str | None = None,
    chosen: Mapping[str, Mapping[str, str]] | None = None,
) -> Iterator[tuple[str, bytes]]:
    """Give each dashboard's name and its picture, a PNG.

    Parameters
    ----------
    influx
        Answers the queries.
    language
        ``en`` or ``zh-CN``.
    end_ms
        What is *now* to Grafana; each dashboard looks back from there as it says itself.
    zone
        In which times are written.
    outlines
        The beats for the map (`deploy.grafana.outlines`).
    chosen
        Dashboard's name → variables, for those that are looked at more closely.

    Raises
    ------
    NoFontError
        There are no Chinese characters on this machine.
    deploy.grafana.asking.QueryError
        InfluxDB does not answer.
    """
    with mpl.rc_context({"font.family": fonts(language)}):
        for uid, dashboard in dashboards(language, outlines).items():
            name = uid.removeprefix("patrolgrid-").rpartition("-")[0]
            back_ms = 1000 * seconds(dashboard["time"]["from"].removeprefix("now-"))
            view = View(end_ms - back_ms, end_ms, dict((chosen or {}).get(name, {})))
            yield name, _picture(dashboard, influx, view, zone)


def _picture(dashboard: Json, influx: Influx, view: View, zone: tzinfo) -> bytes:
    column = (WIDTH - _GAP) / 24
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
    height = _HEAD + rows * (_ROW + _GAP) + _GAP
    figure = Figure(figsize=(WIDTH / _DPI, height / _DPI), dpi=_DPI, facecolor="#111217")

    def text(x: float, y: float, words: str, size: float, ink: str, **more: str) -> None:
        figure.text(x / WIDTH, 1 - y / height, words, fontsize=size * 0.72, color=ink, va="center", **more)  # type: ignore[arg-type]

    text(16, _HEAD / 2, dashboard["title"], 20, INK, weight="bold")
    chosen = "   ".join(f"{name} = {value}" for name, value in view.variables.items())
    text(WIDTH - 16, _HEAD / 2, chosen, 13, FAINT, ha="right")
    for panel in dashboard["panels"]:
        grid = panel["gridPos"]
        x, y = _GAP + grid["x"] * column, _HEAD + grid["y"] * (_ROW + _GAP)
        width, tall = grid["w"] * column - _GAP, grid["h"] * (_ROW + _GAP) - _GAP
        box = (x / WIDTH, 1 - (y + tall) / height)
        frame = FancyBboxPatch(
            box, width / WIDTH, tall / height, boxstyle="square,pad=0", facecolor="#181b1f", edgecolor="#2c3235",
            linewidth=0.6, transform=figure.transFigure, zorder=-1,
        )  # fmt: skip
        figure.add_artist(frame)
        text(x + 8, y + 14, panel["title"], 13, "white" if panel["type"] == "stat" else INK)
        left, top, right, below = _margins(panel, width)
        inside, deep = width - left - right, tall - top - below
        axes = figure.add_axes(((x + left) / WIDTH, 1 - (y + tall - below) / height, inside / WIDTH, deep / height))
        if not draw(panel, influx, view, Place(axes, frame, inside, deep, zone)):
            text(x + width / 2, y + tall / 2, "—", 20, FAINT, ha="center")
    return _png(figure)


def _margins(panel: Json, width: float) -> tuple[float, float, float, float]:
    """Return the pixels left, above, right and below a panel's content."""
    if panel["type"] == "timeseries":
        return 56, _TITLE + 6, 14, 74
    if panel["type"] == "state-timeline":
        return min(230, width / 3), _TITLE, 14, 26
    return 8, _TITLE, 8, 8


def _png(figure: Figure) -> bytes:
    """Return a figure as a PNG of few colours: a third of the size, and nobody sees it."""
    from PIL import Image  # noqa: PLC0415 - comes with matplotlib

    whole = io.BytesIO()
    figure.savefig(whole, format="png")
    whole.seek(0)
    small = io.BytesIO()
    with Image.open(whole) as image:
        image.convert("RGB").quantize(_COLORS).save(small, format="png", optimize=True)
    return small.getvalue()
