"""The figures as pictures: SVG for the page, a file and paper.

Colours stand as attributes, for paper and files; a page puts its own in their place by the classes (report.css). One
hue carries an amount, by how much ink there is: that can be read in grey, and by those who see colours otherwise.
Numbers stand in the pictures, so no legend has to be looked up.
"""

from collections.abc import Sequence
from html import escape
from typing import Final, NamedTuple

INK: Final = "#1f4e79"
SOFT: Final = "#555"
LINE: Final = "#999"
ALARM: Final = "#b35900"
_FONT: Final = 'font-family="Noto Sans CJK SC, Noto Sans, sans-serif"'
_FEWEST: Final = 9
_OVER: Final = 0.75
"""From this much ink on a number stands in white."""


class Bar(NamedTuple):
    """One bar of a row of bars."""

    label: str
    value: float | None
    """None for what is not known."""
    text: str
    marked: bool = False


class Pair(NamedTuple):
    """What was wanted, and how much of it there was."""

    label: str
    wanted: float
    got: float
    text: str


def _svg(width: float, height: float, label: str, parts: Sequence[str]) -> str:
    return (
        f'<svg class="pic" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'aria-label="{escape(label)}" {_FONT}>{"".join(parts)}</svg>'
    )


def _text(x: float, y: float, text: str, *, size: float = 9, anchor: str = "start", kind: str = "soft") -> str:
    fill = {"soft": SOFT, "ink": "#000", "over": "#fff", "alarm": ALARM}[kind]
    return (
        f'<text class="pic-{kind}" x="{x:g}" y="{y:g}" font-size="{size:g}" text-anchor="{anchor}" '
        f'fill="{fill}">{escape(text)}</text>'
    )


def _rect(x: float, y: float, width: float, height: float, *, ink: float = 1.0, kind: str = "fill") -> str:
    fill = {"fill": INK, "heat": INK, "alarm": ALARM, "past": LINE}[kind]
    return (
        f'<rect class="pic-{kind}" x="{x:g}" y="{y:g}" width="{max(width, 0):.4g}" height="{max(height, 0):.4g}" '
        f'fill="{fill}" fill-opacity="{ink:.3g}"/>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, *, dash: str = "") -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<line class="pic-line" x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="{LINE}"{dashed}/>'


def fitting(text: str, most: int) -> str:
    """Return a label in at most so many columns, a Chinese character taking two.

    >>> fitting("Riverside market hall", 12), fitting("滨河市场北门", 8)
    ('Riverside m…', '滨河市…')
    """
    width, kept = 0, ""
    for sign in text:
        width += 2 if ord(sign) > 0x2E7F else 1
        if width > most:
            while kept and sum(2 if ord(one) > 0x2E7F else 1 for one in kept) >= most:
                kept = kept[:-1]
            return f"{kept}…"
        kept += sign
    return kept


def heat(label: str, rows: Sequence[str], values: Sequence[Sequence[float]], most: float) -> str:
    """Return a table of amounts by row and hour as a picture, (rows, 24); `most` has the most ink.

    Amounts are written into their fields, means in tenths; nothing where there is nothing.
    """
    left, cell, high = 84.0, 13.0, 16.0
    parts = [_text(left + (hour + 0.5) * cell, 9, str(hour), size=8.5, anchor="middle") for hour in range(0, 24, 3)]
    for row, (name, amounts) in enumerate(zip(rows, values, strict=True)):
        y = 13 + row * high
        parts.append(_text(left - 5, y + 12, fitting(name, 15), size=10, anchor="end", kind="ink"))
        for hour, amount in enumerate(amounts):
            share = amount / most if most else 0.0
            ink = 0.06 if not amount else 0.18 + 0.82 * min(share, 1.0)
            parts.append(_rect(left + hour * cell, y, cell - 1, high - 1, ink=ink, kind="heat"))
            shown = _short(amount)
            if shown:
                kind = "over" if ink >= _OVER else "ink"
                x = left + (hour + 0.5) * cell - 0.5
                parts.append(_text(x, y + 11.5, shown, size=9 if len(shown) < 3 else 7, anchor="middle", kind=kind))
    return _svg(left + 24 * cell, 15 + len(rows) * high, label, parts)


def _short(amount: float) -> str:
    """Return an amount in at most three signs; nothing for nothing."""
    if amount < 0.05:
        return ""
    if amount == round(amount):
        return f"{amount:.0f}" if amount < 1000 else "∞"
    return f"{amount:.1f}".removeprefix("0") if amount < 9.95 else f"{amount:.0f}"


def weeks(label: str, bars: Sequence[Bar], mean: float | None) -> str:
    """Return a row of upright bars, one a week, with the mean of those before as a line; what is unknown is a mark."""
    width, high, base, step = 41.0, 84.0, 100.0, 8.0
    most = max([bar.value or 0.0 for bar in bars] + [mean or 0.0, 1.0])
    parts = []
    for number, bar in enumerate(bars):
        x = 4 + number * width
        middle = x + (width - step) / 2
        if bar.value is None:
            parts.append(_text(middle, base - 4, "?", size=12, anchor="middle"))
        else:
            height = bar.value / most * high
            parts.append(_rect(x, base - height, width - step, height, kind="fill" if bar.marked else "past"))
            parts.append(_text(middle, base - height - 3, bar.text, anchor="middle", kind="ink"))
        parts.append(_text(middle, base + 11, bar.label, size=8.5, anchor="middle"))
    whole = 4 + max(len(bars), _FEWEST) * width  # few weeks make no wider bars
    parts.append(_line(0, base, 4 + len(bars) * width, base))
    if mean is not None:
        y = base - mean / most * high
        parts.append(_line(0, y, 4 + len(bars) * width - step, y, dash="4 3"))
    return _svg(whole, base + 16, label, parts)


def pairs(label: str, rows: Sequence[Pair]) -> str:
    """Return lying bars: an open one for what was wanted, and in it a full one for what there was."""
    left, length, high = 94.0, 180.0, 18.0
    most = max([row.wanted for row in rows] + [row.got for row in rows] + [1e-9])
    parts = []
    for number, row in enumerate(rows):
        y = 2 + number * high
        parts.append(_text(left - 5, y + 11, fitting(row.label, 17), size=8.5, anchor="end", kind="ink"))
        wanted, got = row.wanted / most * length, row.got / most * length
        parts.append(
            f'<rect class="pic-open" x="{left:g}" y="{y:g}" width="{wanted:.4g}" height="14" fill="none" '
            f'stroke="{LINE}"/>'
        )
        parts.append(_rect(left, y + 3, got, 8))
        parts.append(_text(left + max(wanted, got) + 5, y + 11, row.text, size=8))
    return _svg(left + length + 100, 4 + len(rows) * high, label, parts)


def bars(label: str, rows: Sequence[Bar]) -> str:
    """Return lying bars with their amounts."""
    left, length, high = 124.0, 190.0, 16.0
    most = max([row.value or 0.0 for row in rows] + [1e-9])
    parts = []
    for number, row in enumerate(rows):
        y, width = 2 + number * high, (row.value or 0.0) / most * length
        parts.append(_text(left - 5, y + 10, fitting(row.label, 24), size=8.5, anchor="end", kind="ink"))
        parts.append(_rect(left, y, width, 12, kind="alarm" if row.marked else "fill"))
        parts.append(_text(left + width + 5, y + 10, row.text, size=8.5))
    return _svg(left + length + 100, 4 + len(rows) * high, label, parts)


def staff(
    label: str,
    days: Sequence[str],
    wanted: Sequence[Sequence[float]],
    there: Sequence[Sequence[float]] | None,
    known: Sequence[Sequence[float]],
) -> str:
    """Return seven days of officer-hours by hour: who was there as bars, what was wanted as a line over them.

    What is missing below the line is filled in another colour, in hours that are `known`.
    """
    wide, high, base = 46.0, 60.0, 74.0
    step = wide / 24
    flat = [amount for day in wanted for amount in day] + [amount for day in there or () for amount in day]
    most = max([*flat, 1e-9])
    parts = [_text(0, 9, f"{most:.1f}", size=7.5)]
    for day, name in enumerate(days):
        x0 = 24 + day * (wide + 4)
        parts.append(_text(x0 + wide / 2, base + 12, name, size=8.5, anchor="middle"))
        for hour in range(24):
            if there is None:
                continue
            got, need = there[day][hour] / most * high, wanted[day][hour] / most * high
            x = x0 + hour * step
            parts += [_rect(x, base - got, step - 0.3, got, kind="past")] if got else []
            if got < need and known[day][hour]:
                parts.append(_rect(x, base - need, step - 0.3, need - got, kind="alarm", ink=0.75))
        points = " ".join(
            f"{x0 + (hour + side) * step:.4g},{base - wanted[day][hour] / most * high:.4g}"
            for hour in range(24)
            for side in (0, 1)
        )
        parts.append(f'<polyline class="pic-edge" points="{points}" fill="none" stroke="{INK}" stroke-width="1.4"/>')
        parts.append(_line(x0, base, x0 + wide, base))
    return _svg(24 + 7 * (wide + 4), base + 17, label, parts)
