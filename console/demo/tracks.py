"""What can be replayed, behind one face: a counts CSV, a recording, the street sensors of Auckland."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final, Protocol

from console.errors import CommandError
from ingest.login import BrokerAddress
from ingest.topics import ROOT, parse_device_topic
from simulators.replay.auckland import auckland_replay
from simulators.replay.count_files import Plan, csv_replay, identifier
from simulators.replay.recording import Recorded, Recording, replay

AUCKLAND: Final = "auckland"
_GZIP: Final = b"\x1f\x8b"


class Track(Protocol):
    """Something to replay."""

    site: str
    timezone: str
    total: int
    """How far progress goes."""
    unit: str
    interval_s: float
    """Seconds that each count covers; 0 where that differs."""

    def places_geojson(self) -> dict[str, Any]:
        """Return its places."""
        ...

    def publish(
        self,
        broker: BrokerAddress,
        speed: float,
        on_progress: Callable[[int, int], None] | None,
        stopped: Callable[[], bool],
    ) -> int:
        """Publish everything, and return how many messages the broker acknowledged."""
        ...


def open_track(
    what: str, *, site: str | None, timezone: str, of: str = "person", start: date | None = None, days: int = 28
) -> Track:
    """Return what `what` names: the word ``auckland``, a recording, or a counts CSV.

    Raises `CommandError` where there is no such file; SeriesError and RecordingError for files that are wrong.
    """
    if what == AUCKLAND:
        return _Series(auckland_replay(start, days, site_id=site or AUCKLAND))
    path = Path(what)
    if not path.is_file():
        raise CommandError(f"there is no file {what}; expected a counts CSV, a recording, or the word {AUCKLAND}")
    name = site or identifier(path.name.split(".", 1)[0])
    with path.open("rb") as file:
        if file.read(2) == _GZIP:
            return _Recorded(path, name, timezone)
    return _Series(csv_replay(path, timezone=timezone, site_id=name, of=of))


class _Series:
    """Counts as a track."""

    unit = "obs"

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.site, self.timezone, self.total = plan.site_id, plan.timezone, plan.total
        self.interval_s = plan.interval_s

    def places_geojson(self) -> dict[str, Any]:
        return self._plan.places_geojson()

    def publish(
        self,
        broker: BrokerAddress,
        speed: float,
        on_progress: Callable[[int, int], None] | None,
        stopped: Callable[[], bool],
    ) -> int:
        return self._plan.publish(broker, speed, on_progress or _nothing, stopped=stopped)


class _Recorded:
    """A recording as a track; its site's word in topics is replaced."""

    unit = "B"
    interval_s = 0.0

    def __init__(self, path: Path, site: str, timezone: str) -> None:
        self._path, self.site, self.timezone = path, site, timezone
        self.total = Recording(path).size

    def places_geojson(self) -> dict[str, Any]:
        """Return the devices that speak in it, on a grid: a recording does not say where they stand."""
        beats: dict[str, dict[str, None]] = {}
        for row in Recording(self._path):
            topic = parse_device_topic(row.topic)
            if topic is not None:
                beats.setdefault(topic.beat, {})[topic.device] = None
        return grid(beats)

    def publish(
        self,
        broker: BrokerAddress,
        speed: float,
        on_progress: Callable[[int, int], None] | None,
        stopped: Callable[[], bool],
    ) -> int:
        recording = _Renamed(Recording(self._path), self.site)
        return replay(
            recording,  # type: ignore[arg-type] # reads like one
            broker,
            speed=speed,
            on_progress=on_progress or _nothing,
            stopped=stopped,
        )


class _Renamed:
    """A recording whose topics name another site."""

    def __init__(self, recording: Recording, site: str) -> None:
        self._recording, self._site = recording, site
        self.size = recording.size

    @property
    def position(self) -> int:
        return self._recording.position

    def __iter__(self) -> Iterator[Recorded]:
        for row in self._recording:
            rest = row.topic.removeprefix(f"{ROOT}/")
            if rest == row.topic or "/" not in rest:
                yield row
            else:
                yield row._replace(topic=f"{ROOT}/{self._site}/{rest.split('/', 1)[1]}")


def grid(beats: dict[str, dict[str, None]]) -> dict[str, Any]:
    """Return a GeoJSON document with the devices of each beat on a square of its own, side by side."""
    features: list[dict[str, Any]] = []
    west, step = 0.0, 0.001
    for beat, devices in beats.items():
        side = max(1, round(len(devices) ** 0.5 + 0.499))
        east, north = west + side * step, side * step
        ring = [[west, 0.0], [east, 0.0], [east, north], [west, north], [west, 0.0]]
        features.append(_feature("Polygon", [ring], kind="beat", id=beat, name=beat))
        for number, device in enumerate(devices):
            spot = [west + (number % side + 0.5) * step, (number // side + 0.5) * step]
            properties = {"kind": "device", "id": device, "beat": beat, "type": "environment", "name": device}
            features.append(_feature("Point", spot, **properties))
        west = east + step
    return {"type": "FeatureCollection", "features": features}


def _feature(shape: str, coordinates: list[Any], /, **properties: object) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": {"type": shape, "coordinates": coordinates}}


def _nothing(_done: int, _total: int) -> None:
    """Show no progress."""
