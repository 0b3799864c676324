"""Replays real counts through MQTT: a CSV of anybody's, or the street sensors of Auckland.

Both give a `Plan`: places for the map, and observations in order of time, published through one connection so that
this order holds all the way.
"""

from __future__ import annotations

import csv
import math
import re
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from ingest import topics
from ingest.login import BrokerAddress
from ingest.mqtt.publisher import Publisher

_OUT: Final = re.compile(r"[-_ ]out$", re.IGNORECASE)
_BOOT: Final = "replay"


class SeriesError(ValueError):
    """A counts file is wrong; the text names the file, the line, what was found and what was expected."""


class Row(NamedTuple):
    """One observation to be published."""

    ts: int
    """End of the interval, epoch ms."""
    device: str
    came: int
    went: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A replay that is ready to run."""

    site_id: str
    timezone: str
    interval_s: float
    rows: list[Row]
    """In order of time, then of devices."""
    document: dict[str, Any]
    missing: int
    """Values that the source lacks, or gives for an hour that the clocks skipped; nothing is published for them."""
    of: str = "person"

    @property
    def total(self) -> int:
        """Observations to be published."""
        return len(self.rows)

    def places_geojson(self) -> dict[str, Any]:
        """Return the places of this replay, as `ingest.places.parse_places` reads them."""
        return self.document

    def span_ms(self) -> tuple[int, int]:
        """Return the event time of the first and the last observation; (0, 0) for none."""
        return (self.rows[0].ts, self.rows[-1].ts) if self.rows else (0, 0)

    def totals(self) -> dict[str, tuple[int, int, int]]:
        """Return device → (observations, sum in, sum out): what the store must hold in the end."""
        found: dict[str, tuple[int, int, int]] = {}
        for row in self.rows:
            n, came, went = found.get(row.device, (0, 0, 0))
            found[row.device] = (n + 1, came + row.came, went + row.went)
        return found

    def publish(
        self,
        broker: BrokerAddress,
        speed: float = math.inf,
        on_progress: Callable[[int, int], None] = lambda _done, _total: None,
        *,
        boot: str = _BOOT,
        stopped: Callable[[], bool] = lambda: False,
    ) -> int:
        """Publish everything, and return how many observations went out; all of them are acknowledged on return.

        Parameters
        ----------
        speed
            Event seconds in a second; infinity for as fast as the broker takes it.
        on_progress
            Called with observations done and in all.
        boot
            The numbering's id. The same file under the same id a second time changes nothing in a node's store.

        Raises
        ------
        ConnectionError
            No broker answers, or it does not acknowledge within 30 s.
        """
        beat = {
            feature["properties"]["id"]: feature["properties"].get("beat", "")
            for feature in self.document["features"]
            if feature["properties"]["kind"] == "device"
        }
        numbers: Counter[str] = Counter()
        begun, first, done = time.monotonic(), self.span_ms()[0], 0
        with Publisher(broker, f"replay-{secrets.token_hex(4)}") as publisher:
            for row in self.rows:
                due = begun + (row.ts - first) / 1000 / speed
                while (wait := due - time.monotonic()) > 0 and not stopped():
                    publisher.serve(min(wait, 0.05))
                payload = msgspec.json.encode({
                    "type": "count", "boot": boot, "seq": numbers[row.device], "ts": row.ts,
                    "interval_s": self.interval_s, "in": row.came, "out": row.went, "of": self.of,
                })  # fmt: skip
                topic = topics.observations(self.site_id, beat[row.device], row.device)
                if stopped() or not publisher.publish(topic, payload, stopped=stopped):
                    break
                numbers[row.device] += 1
                done += 1
                on_progress(done, len(self.rows))
            if not publisher.drain() and not stopped():
                raise ConnectionError(f"the MQTT broker at {broker} did not acknowledge everything within 30 s")
        return done


def csv_replay(
    path: Path,
    *,
    timezone: str = "UTC",
    site_id: str = "replay",
    of: str = "person",
    centre: tuple[float, float] = (0, 0),
) -> Plan:
    """Read ``timestamp,device,count`` and make a plan of it.

    Empty counts are missing. Times are the starts of intervals, local and without zone; the interval is the commonest
    step between a device's times. A device whose name ends in ``-out`` (``door-out``) counts out, any
    other counts in. Devices stand on a small grid around `centre` (lon, lat).

    Raises `SeriesError` naming file and line, OSError where it cannot be read.
    """
    names: dict[str, list[datetime]] = {}
    values: dict[tuple[datetime, str], int | None] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        head = next(reader, [])
        if [column.strip() for column in head] != ["timestamp", "device", "count"]:
            raise SeriesError(f"{path}: line 1: has the columns {','.join(head)!r}, expected timestamp,device,count")
        for fields in reader:
            if not fields:
                continue
            when, name, value = _fields(path, reader.line_num, fields)
            if (when, name) in values:
                raise SeriesError(f"{path}: line {reader.line_num}: {name!r} has a second value for {when}")
            names.setdefault(name, []).append(when)
            values[when, name] = value
    if not values:
        raise SeriesError(f"{path}: has no rows")
    interval_s = _interval(path, names.values())
    zone = _zone(timezone)
    devices = {name: identifier(name) for name in names}
    if len(set(devices.values())) < len(devices):
        raise SeriesError(f"{path}: two of its devices have the same name once it is made fit for a topic")
    rows: list[Row] = []
    missing = 0
    for (when, name), value in values.items():
        start = instant(when, zone)
        if value is None or start is None:
            missing += 1
            continue
        outward = _OUT.search(name) is not None
        rows.append(
            Row(
                start + round(interval_s * 1000),
                devices[name],
                0 if outward else value,
                value if outward else 0,
            )
        )
    rows.sort()
    document = _grid(list(devices.values()), path.stem, centre)
    return Plan(site_id, timezone, interval_s, rows, document, missing, of)


def _fields(path: Path, line: int, fields: Sequence[str]) -> tuple[datetime, str, int | None]:
    if len(fields) != 3:
        raise SeriesError(f"{path}: line {line}: has {len(fields)} fields, expected 3")
    try:
        when = datetime.fromisoformat(fields[0].strip())
    except ValueError as error:
        raise SeriesError(
            f"{path}: line {line}: timestamp is {fields[0]!r}, expected local time like 2005-07-24 00:30:00"
        ) from error
    if when.tzinfo is not None:
        raise SeriesError(f"{path}: line {line}: timestamp {fields[0]!r} has a zone, expected local time without one")
    text = fields[2].strip()
    try:
        value = None if not text else int(float(text))
        if value is not None and not 0 <= value <= 1_000_000:
            raise ValueError  # noqa: TRY301 - one message for all that is no count
    except (ValueError, OverflowError) as error:
        raise SeriesError(
            f"{path}: line {line}: count is {fields[2]!r}, expected a whole number from 0, or nothing"
        ) from error
    return when, fields[1].strip(), value


def _interval(path: Path, times: Iterable[list[datetime]]) -> float:
    steps: Counter[float] = Counter()
    for found in times:
        steps.update((second - first).total_seconds() for first, second in pairwise(found))
    interval, _ = max(steps.items(), key=lambda item: item[1], default=(0.0, 0))
    if not 1 <= interval <= 86_400:
        raise SeriesError(f"{path}: the commonest step between times is {interval:g} s, expected 1 s to a day, rising")
    return interval


def _zone(timezone: str) -> ZoneInfo:
    try:
        return ZoneInfo(timezone)
    except (KeyError, ValueError, OSError) as error:
        raise SeriesError(f"time zone {timezone!r} is not known, expected a name like Asia/Shanghai") from error


def instant(when: datetime, zone: ZoneInfo) -> int | None:
    """Return a local time as epoch ms, or None for one that the clocks skipped that day."""
    aware = when.replace(tzinfo=zone)
    if aware.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != when:
        return None
    return round(aware.timestamp() * 1000)


def identifier(name: str) -> str:
    """Return a name made fit for topics."""
    clean = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-_")[:48]
    return clean or "device"


def _grid(devices: Sequence[str], title: str, centre: tuple[float, float]) -> dict[str, Any]:
    side = max(math.ceil(math.sqrt(len(devices))), 1)
    step, half = 0.001, side * 0.0005
    west, south = centre[0] - half, centre[1] - half
    ring = [[west, south], [west + side * step, south], [west + side * step, south + side * step],
            [west, south + side * step], [west, south]]  # fmt: skip
    features = [feature("Polygon", [ring], kind="beat", id="replay", name=title, residents=0, officers=1)]
    features += [
        feature(
            "Point",
            [west + (number % side + 0.5) * step, south + (number // side + 0.5) * step],
            kind="device", id=device, beat="replay", type="camera", name=device,
        )
        for number, device in enumerate(devices)
    ]  # fmt: skip
    return {"type": "FeatureCollection", "features": features}


def feature(shape: str, coordinates: list[Any], /, **properties: object) -> dict[str, Any]:
    """Return one GeoJSON feature."""
    return {"type": "Feature", "properties": properties, "geometry": {"type": shape, "coordinates": coordinates}}
