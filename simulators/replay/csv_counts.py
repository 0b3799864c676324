"""Replays counts: a CSV of anybody's, one column of times, one of devices, one of counts."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from ingest import topics
from ingest.codecs.csv_files import CsvError, RowError, commonest_step, epoch_ms, instant, number, read_rows
from simulators.replay.track import TimedMessage
from simulators.world import ground

_OUT: Final = re.compile(r"[-_ ]out$", re.IGNORECASE)
_BOOT: Final = "replay"
"""The numbering's id. The same file a second time changes nothing in a node's store."""
_MOST: Final = 1_000_000


class CountRow(NamedTuple):
    """One observation to be published."""

    ts: int
    """End of the interval, epoch ms."""
    device: str
    came: int
    went: int


@dataclass(slots=True)
class CountsTrack:
    """Counts that are ready to be replayed; a `simulators.replay.track.Track`."""

    site: str
    timezone: str
    interval_s: float
    rows: list[CountRow]
    """In order of time, then of devices."""
    document: dict[str, Any]
    """The places, as GeoJSON."""
    missing: int
    """Values that the source lacks, or gives for an hour that the clocks skipped; nothing is published for them."""
    of: str = "person"
    unit: str = "obs"
    total: int = field(init=False)
    """Observations to be published."""

    def __post_init__(self) -> None:
        self.total = len(self.rows)

    def places_geojson(self) -> dict[str, Any]:
        """Return the places of this replay."""
        return self.document

    def messages(self) -> Iterator[tuple[int, TimedMessage]]:
        """Give one message an observation; progress is in observations."""
        devices = (feature["properties"] for feature in self.document["features"])
        topic = {
            device["id"]: topics.observations(self.site, device["beat"], device["id"])
            for device in devices
            if device["kind"] == "device"
        }
        numbers: Counter[str] = Counter()
        for done, row in enumerate(self.rows, 1):
            payload = msgspec.json.encode({
                "type": "count", "boot": _BOOT, "seq": numbers[row.device], "ts": row.ts,
                "interval_s": self.interval_s, "in": row.came, "out": row.went, "of": self.of,
            })  # fmt: skip
            numbers[row.device] += 1
            yield done, TimedMessage((row.ts - self.rows[0].ts) / 1000, topic[row.device], payload)


def csv_track(path: Path, *, timezone: str = "UTC", site: str = "replay", of: str = "person") -> CountsTrack:
    """Read ``timestamp,device,count`` and return it as a track.

    Empty counts are missing. Times are the starts of intervals, local where they name no zone; the interval is the
    commonest step between a device's times. A device whose name ends in ``-out`` (``door-out``) counts out, any other
    counts in. Devices stand on a small grid.

    Raises `ingest.codecs.csv_files.CsvError` naming file and line, OSError where it cannot be read.
    """
    zone = ZoneInfo(timezone)
    times: dict[str, dict[int, int]] = {}
    missing = 0

    def parse(_line: int, row: dict[str, str]) -> tuple[str, int | None, int | None]:
        name, start = row["device"], epoch_ms(instant(row["timestamp"]), zone)
        value = int(number(row["count"], "count", most=_MOST, whole=True)) if row["count"] else None
        if start is not None and start in times.get(name, ()):
            raise RowError(f"{name!r} has a second value for {row['timestamp']}")
        return name, start, value

    for name, start, value in read_rows(path, ("timestamp", "device", "count"), parse):
        known = times.setdefault(name, {})
        if start is None or value is None:
            missing += 1
        if start is not None:
            known[start] = -1 if value is None else value
    if not any(times.values()):
        raise CsvError(f"{path}: has no rows")
    interval_ms = commonest_step(times.values())
    if not 1_000 <= interval_ms <= 86_400_000:
        raise CsvError(f"{path}: the commonest step between times is {interval_ms / 1000:g} s, expected 1 s to a day")
    devices = {name: identifier(name) for name in times}
    if len(set(devices.values())) < len(devices):
        raise CsvError(f"{path}: two of its devices have the same name once it is made fit for a topic")
    rows = [
        CountRow(start + interval_ms, devices[name], *((0, value) if _OUT.search(name) else (value, 0)))
        for name, values in times.items()
        for start, value in values.items()
        if value >= 0
    ]
    features, _ = ground.square(
        "replay", list(devices.values()), (0.0, 0.0), device_type="camera", name=path.stem, officers=1
    )
    return CountsTrack(site, timezone, interval_ms / 1000, sorted(rows), ground.collection(features), missing, of)


def identifier(name: str) -> str:
    """Return a name made fit for topics."""
    return re.sub(r"[^A-Za-z0-9_-]{1,256}", "-", name).strip("-_")[:48] or "device"
