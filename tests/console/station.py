"""A small site with data in it, and its node as the engine alone, for tests of commands that teach and report."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

import msgspec
import numpy as np

from deploy.node.lock import site_lock
from ingest.gateway.quarantine import Quarantine
from ingest.log.records import Record
from ingest.log.sqlite_log import SqliteLog
from stream.engines.embedded import EmbeddedEngine
from stream.pipeline.pipeline import Pipeline
from stream.sinks.store.store_sink import StoreSink
from stream.sinks.store.tables import StoreError
from tests.configs import pipeline_with
from tests.stream.build import MINUTE, NOON, Writer, places

WINDOW = 30 * MINUTE
SITE = "s1"
_SQUARE = [[121.47, 31.23], [121.48, 31.23], [121.48, 31.24], [121.47, 31.24], [121.47, 31.23]]


class Station:
    """A site's folder below `folder`, with a camera and a noise sensor."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "patrolgrid.toml"
        self.config.write_text(
            f'[site]\nid = "{SITE}"\ncountry = ""\nplaces = "places.geojson"\n'
            f'[data]\ndir = "data"\n[pipeline]\nwindow_s = {WINDOW // 1000}\n[log]\nmin_free_mb = 0\n'
        )
        features = [_feature("Polygon", [_SQUARE], kind="beat", id="b1", name="Beat 1")]
        features += [
            _feature("Point", _SQUARE[0], kind="device", id=name, beat="b1", type=kind, name=name)
            for name, kind in (("cam-1", "camera"), ("noise-1", "noise"))
        ]
        (folder / "places.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
        self.folder = folder / "data" / SITE
        self.writer = Writer()

    def node(self) -> RunningNode:
        """The node, running inside a ``with`` block."""
        return RunningNode(self.folder)

    def live(self, days: float, *, until: int = NOON, crowds: Mapping[int, int] | None = None) -> None:
        """Let so many days go by up to `until`: people at 40 a window and noise, a record each hour.

        `crowds` are other numbers of people, by the end of their window.
        """
        rng = np.random.default_rng(3)
        start = until - round(days * 1440) * MINUTE
        log = SqliteLog(self.folder / "log.db")
        for end in range(start + WINDOW, until + 1, WINDOW):
            people = int(rng.poisson(40))
            self.writer.count("cam-1", end, (crowds or {}).get(end, people), interval=1800.0)
            self.writer.level("noise-1", end - MINUTE, 50.0 + rng.normal())
            if (end - start) % (2 * WINDOW) == 0:
                record = self.writer.record()
                log.append([Record(record.kind, record.received_ms, record.payload)])
        log.close()

    def lose_state(self) -> None:
        """Damage every snapshot, and let the log forget everything: only the store still knows."""
        for path in (self.folder / "state").glob("*.pgs"):
            path.write_bytes(path.read_bytes()[:-9])
        log = SqliteLog(self.folder / "log.db")
        log._writer.execute("DELETE FROM records")
        log.close()


class RunningNode:
    """Engine, store and status of a node, without gateway; started and drained by a ``with`` block."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> Self:
        self.lock = ExitStack()
        self.lock.enter_context(site_lock(self.folder))
        self.log = SqliteLog(self.folder / "log.db")
        self.store = StoreSink(self.folder / "store.db", SITE)
        self.quarantine = Quarantine(self.folder / "quarantine.db")
        config = pipeline_with(site=SITE, country="", window_s=WINDOW // 1000)
        self.engine = EmbeddedEngine(
            self.log,
            lambda: Pipeline(config, places(devices={"cam-1": "camera", "noise-1": "noise"})),
            [self.store],
            self.folder / "state",
            quarantine=self.quarantine.add_many,
        )
        self.engine.start()
        self._over = threading.Event()
        self._teller = threading.Thread(target=self._tell)
        self._teller.start()
        return self

    def quiet(self) -> None:
        """Tell no more: from now on the node writes only what the log makes it write."""
        self._over.set()
        self._teller.join()

    def _tell(self) -> None:
        while not self._over.wait(0.05):
            with suppress(StoreError):  # on a busy machine a write may be under way for long: it is told again
                self._put()

    def _put(self) -> None:
        stats = self.engine.stats
        anew = msgspec.to_builtins(stats.cold_start)
        learning = {"taught": stats.taught, "known": stats.known, "anew": anew}
        self.store.put_meta("status", {"wall_ms": time.time_ns() // 1_000_000, "learning": learning})

    def __exit__(self, *_: object) -> None:
        self.engine.stop()
        self._over.set()
        self._teller.join()
        self._put()
        for part in (self.store, self.quarantine, self.log, self.lock):
            part.close()
        assert self.engine.failure is None


def _feature(shape: str, coordinates: object, **properties: object) -> dict[str, object]:
    return {"type": "Feature", "properties": properties, "geometry": {"type": shape, "coordinates": coordinates}}
