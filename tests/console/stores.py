"""A small store as a node writes it, and the places that belong to it, for tests of the board."""

import json
import time
from pathlib import Path
from typing import Any

from ingest.places import Places, parse_places
from ingest.vocabulary import WindowStatus
from stream.sinks.store.store_sink import StoreSink
from tests.stream import make_results as make

SITE = "s1"
HOSTILE = '<img src=x onerror="window.hacked=1">'


def places_document(camera_name: str = "West gate camera") -> dict[str, Any]:
    """Two beats and four devices in Beijing."""

    def square(identifier: str, lon: float, zh: str) -> dict[str, Any]:
        ring = [[lon, 39.9], [lon + 0.01, 39.9], [lon + 0.01, 39.908], [lon, 39.908], [lon, 39.9]]
        properties = {"kind": "beat", "id": identifier, "name": {"en": f"Beat {identifier}", "zh-CN": zh}}
        return {"properties": properties, "geometry": {"type": "Polygon", "coordinates": [ring]}}

    def device(identifier: str, beat: str, kind: str, lon: float, name: str) -> dict[str, Any]:
        properties = {"kind": "device", "id": identifier, "beat": beat, "type": kind, "name": name}
        return {"properties": properties, "geometry": {"type": "Point", "coordinates": [lon, 39.904]}}

    street = {"kind": "street", "name": {"en": "Long Street", "zh-CN": "长街"}}
    line = {"type": "LineString", "coordinates": [[116.4, 39.903], [116.42, 39.903]]}
    features = [
        square("b1", 116.40, "一号网格"),
        square("b2", 116.41, "二号网格"),
        device("cam-1", "b1", "camera", 116.403, camera_name),
        device("gate-1", "b1", "gate", 116.407, "East gate"),
        device("noise-1", "b2", "noise", 116.413, "Noise"),
        device("door-1", "b2", "door", 116.417, "Door"),
        {"properties": street, "geometry": line},
    ]
    return {"type": "FeatureCollection", "features": features}


def places(camera_name: str = "West gate camera") -> Places:
    """The same, checked."""
    return parse_places(places_document(camera_name))


class Node:
    """Writes a store as a node would: results by `write`, its status by `status`."""

    def __init__(self, folder: Path, camera_name: str = "West gate camera") -> None:
        self.store_path, self.places_path = folder / "store.db", folder / "places.geojson"
        self.places_path.write_text(json.dumps(places_document(camera_name)), encoding="utf-8")
        self.sink = StoreSink(self.store_path, SITE)
        self.position = 0

    def write(self, **more: Any) -> None:
        self.position += 1
        self.sink.write([make.results(self.position, **more)])
        self.sink.flush()

    def fill(self) -> None:
        """Two hours of a camera, one surge, one open alert, one ended, hotspots, a passage, an open door, bad data."""
        start = make.T0 - 24 * make.WINDOW_MS
        rows = [
            {"start": start + i * make.WINDOW_MS, "status": WindowStatus.CLOSED, "sum_a": 5.0, "sum_b": 4.0, "n": 5}
            | {"expected": 10.0, "lower": 4.0, "upper": 18.0, "p": 0.4, "state": 0}
            for i in range(23)
        ]
        surge = rows[-1] | {"start": start + 23 * make.WINDOW_MS, "sum_a": 40.0, "p": 1e-8, "state": 1}
        level = {"series": 3, "start": start, "sum_a": 120.0, "n": 2, "low": 58.0, "high": 62.0}
        self.write(
            windows=[make.windows(*rows, surge, level)],
            gates=[make.gates({"ts": make.T0 - 1000, "allowed": 0})],
            states=[make.states((4, make.T0 - 2000, "open"))],
            maps=[make.hotspot_map(make.T0, ("r1c1", "b1"), ("r2c2", "b2"))],
            health=[make.health(), make.health("noise-1", online=False, quality=0.0)],
            alerts=[
                make.alert("al-1", 1, severity="critical"),
                make.alert("al-0", 1, device="door-1", beat="b2", kind="door_open", raised_ms=make.T0 - 60_000),
                make.alert("al-0", 2, device="door-1", beat="b2", kind="door_open", state="cleared", by="Li Na"),
            ],
        )
        self.status()

    def status(self, *, age_s: float = 0.0, **more: Any) -> None:
        """The node's status, written `age_s` ago."""
        usual: dict[str, Any] = {
            "now_ms": make.T0 + 60_000,
            "watermark_ms": make.T0 + 30_000,
            "rates": {"observations_s": 80.0, "messages_s": 40.0},
            "lag": {"records": 1, "seconds": 0.2},
            "counters": {"received": 200 + self.position, "stored": 190, "duplicates": 6, "late": 4}
            | {"windows": 25, "anomalies": 1, "alerts": 2},
            "quarantined": {"clock": 3},
            "connected": True,
            "speed": 1.0,
            "wall_ms": round((time.time() - age_s) * 1000),
            "uptime_s": 90.0,
        }
        self.sink.put_meta("status", usual | more)

    def close(self) -> None:
        self.sink.close()
