"""Replays counts: a CSV of anybody's, one column of times, one of devices, one of counts."""

import re
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from heapq import merge
from math import isnan
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from ingest import topics
from ingest.codecs.csv_files import BadRows, CsvError
from ingest.codecs.csv_series import read_series
from simulators.replay.track import TimedMessage
from simulators.world import ground

BEAT: Final = "replay"
_OUT: Final = re.compile(r"[-_ ](out|出|出口|离开)$", re.IGNORECASE)


_LATE_MS: Final = 30_000
"""A count that comes so long after the end of its window is late, by default."""


class CountRow(NamedTuple):
    """One observation to be published."""

    ts: int
    """End of the interval, epoch ms."""
    device: str
    seq: int
    came: int
    went: int
    of: str
    interval_s: float
    boot: str


@dataclass(slots=True)
class CountedSeries:
    """The counts of one device."""

    device: str
    """Its id."""
    interval_ms: int
    starts: "array[int]"
    """Beginnings of intervals, epoch ms; they rise."""
    counts: "array[int]"
    of: str = "person"
    out: bool = False
    """Whether they went out, else came in."""

    def row_keys(self) -> Iterator[int]:
        """Give for each row a hash of all that it says."""
        about = f"{self.device} {self.interval_ms} {self.of} {self.out} "
        for start, n in zip(self.starts, self.counts, strict=True):
            yield int.from_bytes(blake2b(f"{about}{start} {n}".encode(), digest_size=8).digest(), "big")

    def rows(self) -> Iterator[CountRow]:
        """Give the observations in the order of time.

        The numbering's id (`boot`) follows from what was counted: the same counts once more are repeats of the same
        numbering, and those of another file have one of their own.
        """
        content = blake2b(f"{self.interval_ms} {self.of} {self.out} ".encode(), digest_size=10)
        content.update(self.starts)
        content.update(self.counts)
        interval_s, boot = self.interval_ms / 1000, f"csv-{content.hexdigest()}"
        for seq, (start, n) in enumerate(zip(self.starts, self.counts, strict=True)):
            came, went = (0, n) if self.out else (n, 0)
            yield CountRow(start + self.interval_ms, self.device, seq, came, went, self.of, interval_s, boot)


@dataclass(slots=True)
class CountsTrack:
    """Counts that are ready to be replayed; a `simulators.replay.track.Track`."""

    site: str
    timezone: str
    series: list[CountedSeries]
    document: dict[str, Any]
    """The places, as GeoJSON."""
    missing: int
    """Values that the source lacks; nothing is published for them."""
    bad: BadRows = field(default_factory=BadRows)
    """Rows of the source that cannot be used."""
    unit: str = "obs"
    total: int = field(init=False)
    """Observations to be published."""
    interval_s: float = field(init=False)
    """The shortest time that a count covers; 0 where such counts would end after the windows of that length that they
    belong to, as those of a device that reports at minutes 2, 17, 32 and 47: they would all come late."""

    def __post_init__(self) -> None:
        self.total = sum(len(one.starts) for one in self.series)
        shortest = min(one.interval_ms for one in self.series)
        late = any(
            _LATE_MS < one.starts[0] % shortest < shortest / 2 for one in self.series if one.interval_ms == shortest
        )
        self.interval_s = 0.0 if late else shortest / 1000

    def places_geojson(self) -> dict[str, Any]:
        """Return the places of this replay."""
        return self.document

    def beside(self, document: dict[str, Any]) -> None:
        """Add the places of earlier replays into the same site."""
        found: dict[object, dict[str, Any]] = {}
        for place, one in enumerate([*document.get("features", ()), *self.document["features"]]):
            found[one["properties"].get("kind"), one["properties"].get("id", place)] = one
        names = {one["properties"]["id"]: one["properties"]["name"] for one in found.values() if _on_grid(one)}
        beat = found.get(("beat", BEAT))
        others = [one for one in found.values() if one is not beat and not _on_grid(one)]
        self.document = ground.collection([*(_grid(names, beat["properties"]["name"]) if beat else ()), *others])

    def leave_out(self, known: Sequence[int]) -> int:
        """Leave out the rows with these keys, which rise, and return how many these were.

        What a file has in common with one that was replayed before is known by its content, however long ago it was.
        """
        before = self.total
        for one in self.series:
            new = [at for at, key in enumerate(one.row_keys()) if not _is_in(key, known)]
            if len(new) < len(one.starts):
                one.starts = array("q", map(one.starts.__getitem__, new))
                one.counts = array("q", map(one.counts.__getitem__, new))
        self.total = sum(len(one.starts) for one in self.series)
        return before - self.total

    def keys(self) -> "array[int]":
        """Return the keys of the rows, 64 bits each; they rise."""
        return array("Q", sorted(key for one in self.series for key in one.row_keys()))

    def rows(self) -> Iterator[CountRow]:
        """Give the observations, in order of time, then of devices."""
        return merge(*(series.rows() for series in self.series))

    def messages(self) -> Iterator[tuple[int, TimedMessage]]:
        """Give one message an observation; progress is in observations."""
        devices = (feature["properties"] for feature in self.document["features"])
        topic = {
            device["id"]: topics.observations(self.site, device["beat"], device["id"])
            for device in devices
            if device["kind"] == "device"
        }
        first = min((one.starts[0] + one.interval_ms for one in self.series if one.starts), default=0)
        for done, row in enumerate(self.rows(), 1):
            payload = msgspec.json.encode({
                "type": "count", "boot": row.boot, "seq": row.seq, "ts": row.ts,
                "interval_s": row.interval_s, "in": row.came, "out": row.went, "of": row.of,
            })  # fmt: skip
            yield done, TimedMessage((row.ts - first) / 1000, topic[row.device], payload)


def csv_track(path: Path, *, timezone: str = "UTC", site: str = "replay", of: str = "person") -> CountsTrack:
    """Read ``timestamp,device,count`` (see docs/csv.md) and return it as a track.

    Empty counts are missing. Times are the starts of intervals, local where they name no zone; each device's interval
    is the commonest step between its times. A device whose name ends in ``-out`` (``door-out``) counts out, any other
    counts in. Devices stand on a small grid.

    Raises `ingest.codecs.csv_files.CsvError` naming file and line, OSError where it cannot be read.
    """
    found = read_series(path, ZoneInfo(timezone), kinds=("count",), metric=of)
    ids: dict[str, str] = {}
    series: list[CountedSeries] = []
    for one in found.series:
        name, interval_ms = one.name.device, one.interval_ms
        ids[name] = topics.id_of(name)
        if not 1_000 <= interval_ms <= 86_400_000:
            step = f"the commonest step between the times of {name!r} is {interval_ms / 1000:g} s"
            why = step if interval_ms else "there is one time only, and no commonest step between times"
            raise CsvError(f"{path}: {why}, expected 1 s to a day")
        used = [at for at, value in enumerate(one.values) if not isnan(value)]
        if used:
            starts = array("q", map(one.times.__getitem__, used))
            counts = array("q", (int(one.values[at]) for at in used))
            series.append(
                CountedSeries(ids[name], interval_ms, starts, counts, one.name.metric, bool(_OUT.search(name)))
            )
    if len(set(ids.values())) < len(ids):
        raise CsvError(f"{path}: two of its devices have the same id, {_twice(ids)}")
    names = {ids[one.name.device]: one.title for one in found.series}
    return CountsTrack(site, timezone, series, ground.collection(_grid(names, path.stem)), found.missing, found.bad)


def _grid(names: dict[str, str], title: str) -> list[dict[str, Any]]:
    return ground.square(BEAT, names, (0.0, 0.0), device_type="camera", name=title, officers=1)[0]


def _on_grid(feature: dict[str, Any]) -> bool:
    """Tell whether a feature is a device of which only the name is known."""
    return bool(feature["properties"].get("kind") == "device" and feature["properties"].get("beat") == BEAT)


def _is_in(key: int, known: Sequence[int]) -> bool:
    at = bisect_left(known, key)
    return at < len(known) and known[at] == key


def _twice(ids: dict[str, str]) -> str:
    """Return which id two names have, and the names."""
    made = Counter(ids.values()).most_common(1)[0][0]
    return f"{made!r}: {', '.join(repr(name) for name, one in ids.items() if one == made)}"


def site_of(name: str) -> str:
    """Return what a site is called after a file's name: of Chinese names, no two are called the same.

    >>> site_of("my counts"), site_of("counts"), site_of("人流")
    ('my-counts', 'counts', 'site-b5cedff460')
    """
    plain = slug(name)
    return plain if name.isascii() and plain else topics.id_of(name, "site")


def slug(name: str) -> str:
    """Return the letters and digits of a name, fit for topics; nothing where it has none."""
    return re.sub(r"[^A-Za-z0-9_-]{1,256}", "-", name).strip("-_")[:48]
