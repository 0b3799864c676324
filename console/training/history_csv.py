"""Reads a file of past counts or readings for `patrolgrid train`; rows that cannot be used are listed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from console.errors import CommandError
from ingest.codecs.csv_files import BadRows, RowError
from ingest.codecs.csv_series import SeriesName, read_series
from ingest.log import HistorySeries
from ingest.places import Device, Places
from ingest.topics import id_of
from ingest.vocabulary import Kind

_LONGEST_S: Final = 6 * 3600
"""Rows over longer intervals say nothing of the time of day."""
_METRICS: Final = {"noise": "noise", "smoke": "smoke", "heat": "temperature", "water": "water"}
"""Type of device → what it measures, where nothing else is given."""


@dataclass(slots=True)
class HistoryFile:
    """The rows of a file that can be used; arrays of shape (rows,)."""

    names: list[HistorySeries]
    which: NDArray[np.int64]
    """Index into `names`."""
    start_ms: NDArray[np.int64]
    value: NDArray[np.float64]
    interval_ms: NDArray[np.int64]
    """What a row covers."""
    missing: int
    """Rows with an empty value."""
    bad: BadRows


def read_history(
    path: Path, places: Places, zone: ZoneInfo, *, metric: str | None = None, interval_s: float | None = None
) -> HistoryFile:
    """Read ``timestamp,device,count`` or ``timestamp,device,value``; docs/csv.md describes the format.

    Parameters
    ----------
    places
        Whose devices the rows may be of: by their ids, by the ids that `replay` makes of names, or by their names.
    zone
        Of times that name none.
    metric
        What is counted or measured; by default persons, or what the device's type measures. A column ``metric`` is
        used before both.
    interval_s
        Seconds that a row covers from its time on; by default the commonest step between the times of its device.

    Raises
    ------
    CommandError
        For a file with an interval that cannot be found, or is too long.
    ingest.codecs.csv_files.CsvError
        For a file whose columns are others, or that has no usable row.
    OSError
        Where it cannot be read.
    """
    named = _by_name(places)

    def resolve(name: SeriesName) -> SeriesName:
        device = places.devices.get(name.device) or places.devices.get(id_of(name.device)) or named.get(name.device)
        if device is None:
            raise RowError(f"device {name.device!r} is not in the places file")
        measured = name.metric or _METRICS.get(device.type, "")
        if not measured:
            raise RowError(f"device {name.device!r} is a {device.type}: say what it measures with --metric")
        return SeriesName(device.id, measured)

    found = read_series(path, zone, metric=metric or "", resolve=resolve)
    for one in found.series:
        seconds = interval_s if interval_s is not None else one.interval_ms / 1000
        if not seconds:
            raise CommandError(f"{path}: every device has one row only: say with --interval what it covers", 2)
        if not 1 <= seconds <= _LONGEST_S:
            raise CommandError(
                f"{path}: a row of {one.name.device!r} covers {seconds:g} seconds, expected 1 to {_LONGEST_S}: longer "
                f"counts say nothing of the time of day (--interval tells it, where it was guessed wrongly)",
                2,
            )
        one.interval_ms = round(seconds * 1000)
    kind = int(Kind.COUNT if found.counts else Kind.LEVEL)
    names: dict[SeriesName, int] = {}
    which = [names.setdefault(one.name, len(names)) for one in found.series]
    lengths = [len(one.times) for one in found.series]
    value = np.concatenate([np.frombuffer(one.values, dtype=np.float64) for one in found.series])
    usable = np.isfinite(value)
    return HistoryFile(
        names=[HistorySeries(places.devices[name.device].beat, name.device, kind, name.metric) for name in names],
        which=np.repeat(np.array(which, dtype=np.int64), lengths)[usable],
        start_ms=np.concatenate([np.frombuffer(one.times, dtype=np.int64) for one in found.series])[usable],
        value=value[usable],
        interval_ms=np.repeat(np.array([one.interval_ms for one in found.series]), lengths)[usable],
        missing=found.missing,
        bad=found.bad,
    )


def _by_name(places: Places) -> dict[str, Device]:
    """Return the devices by their names in every language, without names that several have."""
    found: dict[str, Device | None] = {}
    for device in places.devices.values():
        for name in set(device.name.values()):
            found[name] = None if name in found else device
    return {name: device for name, device in found.items() if device is not None}
