"""The days before the recording: windows for the baselines, and beats' sums for a forest, as plain numbers."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from simulators.devices.messages import SimulatedMessage
from simulators.world.neighbourhood import Neighbourhood

_DAY_MS: Final = 86_400_000
_CHANNELS: Final = {"person": "people", "vehicle": "vehicles"}

Portion = dict[str, Any]


def taught(past: Iterable[SimulatedMessage], site: Neighbourhood, window_ms: int) -> list[Portion]:
    """Return the cameras' counts by window, a portion a day, as columns beside a list of series."""
    days: dict[int, dict[tuple[int, tuple[str, str, str, str]], float]] = defaultdict(dict)
    for one in past:
        device = site.specs[one.device].device if one.device >= 0 else None
        if device is None or device.type != "camera":
            continue
        for said in msgspec.json.decode(one.payload):
            ts = _ms(said["ts"])
            key = ((ts - 1) // window_ms, (device.beat, device.id, "count", said["of"]))
            day = days[(ts - 1) // _DAY_MS]
            day[key] = day.get(key, 0.0) + said["in"] + said["out"]
    return [_portion(days[day], window_ms) for day in sorted(days)]


def _portion(windows: dict[tuple[int, tuple[str, str, str, str]], float], window_ms: int) -> Portion:
    series = sorted({name for _, name in windows})
    place = {name: index for index, name in enumerate(series)}
    rows = sorted((number, place[name], value) for (number, name), value in windows.items())
    return {
        "window_ms": window_ms,
        "series": series,
        "which": [which for _, which, _ in rows],
        "number": [number for number, _, _ in rows],
        "value": [value for *_, value in rows],
        "exposure": [1.0] * len(rows),
    }


def model_rows(portions: Sequence[Portion], now_ms: int) -> list[list[Any]]:
    """Return what a forest is trained on: ``[start_ms, beat, channel, observed, expected, variance, devices]``.

    Expected is the mean of the same time of all days: no baseline of any tree has a part in it.
    """
    seen: dict[tuple[int, str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    window_ms = portions[0]["window_ms"]
    for portion in portions:
        for which, number, value in zip(portion["which"], portion["number"], portion["value"], strict=True):
            beat, _, _, metric = portion["series"][which]
            cell = seen[number, beat, _CHANNELS[metric]]
            cell[0] += value
            cell[1] += 1
    usual: dict[tuple[int, str, str], list[float]] = defaultdict(list)
    for (number, beat, channel), (value, _) in seen.items():
        usual[number % (_DAY_MS // window_ms), beat, channel].append(value)
    rows = []
    for (number, beat, channel), (value, devices) in sorted(seen.items()):
        same = usual[number % (_DAY_MS // window_ms), beat, channel]
        mean = sum(same) / len(same)
        spread = sum((one - mean) ** 2 for one in same) / max(len(same) - 1, 1)
        start_ms = number * window_ms
        if start_ms < now_ms:
            rows.append([start_ms, beat, channel, value, round(mean, 3), round(max(spread, mean), 3), devices])
    return rows


def _ms(said: int | str) -> int:
    return said if isinstance(said, int) else round(msgspec.convert(said, datetime).timestamp() * 1000)
