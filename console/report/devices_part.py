"""Devices of a week: how long they were dark or stuck, and the quality of what came."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

from console.report.document import DevicesPart, DeviceWeek, QualityPart
from console.report.plain_names import PlainNames
from console.report.week import HOUR_MS

Query = Callable[[str, Sequence[object]], list[Any]]
_POOR: Final = 0.8
"""A device whose quality is below is shown although it was never dark."""
_SUMS: Final = """
SELECT device, min(json_extract(body, '$.beat')), count(*), max(start), total(json_extract(body, '$.received')),
    total(json_extract(body, '$.late')), total(json_extract(body, '$.duplicate')),
    total(json_extract(body, '$.missing')), total(json_extract(body, '$.stuck')),
    total(json_extract(body, '$.quality'))
FROM health WHERE start >= ? AND start < ? GROUP BY device ORDER BY device
"""
_DARK: Final = """
SELECT device, start FROM health WHERE start >= ? AND start < ?
    AND (json_extract(body, '$.silent') OR NOT json_extract(body, '$.online')) ORDER BY device, start
"""


class _Dark(NamedTuple):
    """Windows in which a device was dark."""

    windows: int
    longest: int
    longest_ms: int
    last_ms: int


def device_parts(
    query: Query, span: tuple[int, int], window_ms: int, devices: Iterable[str], names: PlainNames
) -> tuple[DevicesPart | None, QualityPart | None]:
    """Return the devices' troubles, and the quality of what came; None where nothing of it is kept.

    `devices` are the ids of all that are in the places file.
    """
    begin_ms, until_ms = span
    rows = query(_SUMS, span)
    if not rows:
        return None, None
    ((since_ms,),) = query("SELECT min(start) FROM health WHERE start >= ? AND start < ?", span)
    dark = _dark(query(_DARK, (begin_ms, until_ms)), window_ms)
    found = [_device(row, dark.get(row[0]), window_ms, names) for row in rows]
    shown = [one for one in found if one.dark_h or one.stuck_h or one.quality < _POOR]
    windows = sum(row[2] for row in rows)
    received, late, duplicate, missing = (int(sum(row[column] for row in rows)) for column in range(4, 8))
    known = {row[0] for row in query("SELECT device FROM health_now UNION SELECT device FROM series", ())}
    return (
        DevicesPart(
            known=len(rows),
            since_ms=since_ms if since_ms - begin_ms >= HOUR_MS else None,
            dark_h=round(sum(one.dark_h for one in found), 3),
            rows=sorted(shown, key=lambda one: (-one.longest_h, -one.dark_h, one.quality, one.device)),
            never=[names.text(device) for device in devices if device not in known],
        ),
        QualityPart(
            received=received,
            late=late,
            duplicate=duplicate,
            missing=missing,
            late_share=_share(late, received),
            duplicate_share=_share(duplicate, received),
            missing_share=_share(missing, received + missing),
            quality=round(sum(row[9] for row in rows) / windows, 4) if windows else None,
        ),
    )


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None


def _dark(rows: Iterable[tuple[str, int]], window_ms: int) -> dict[str, _Dark]:
    """Return how long each device was dark, from its dark windows in order."""
    found: dict[str, _Dark] = {}
    device, begin, length, last = "", 0, 0, 0
    for name, start in rows:
        if name == device and start - last <= window_ms:
            length += 1
        else:
            device, begin, length = name, start, 1
        last = start
        before = found.get(name, _Dark(0, 0, 0, 0))
        longest, longest_ms = max((before.longest, -before.longest_ms), (length, -begin))
        found[name] = _Dark(before.windows + 1, longest, -longest_ms, start)
    return found


def _device(row: tuple[Any, ...], dark: _Dark | None, window_ms: int, names: PlainNames) -> DeviceWeek:
    device, beat, windows, newest_ms, *_, stuck, quality = row
    hours = window_ms / HOUR_MS
    return DeviceWeek(
        device=names.text(device),
        name=names.device(device),
        beat=beat,
        dark_h=round(dark.windows * hours, 3) if dark else 0.0,
        longest_h=round(dark.longest * hours, 3) if dark else 0.0,
        longest_ms=dark.longest_ms if dark else None,
        still=dark is not None and dark.last_ms == newest_ms,
        stuck_h=round(stuck * hours, 3),
        quality=round(quality / windows, 4),
    )
