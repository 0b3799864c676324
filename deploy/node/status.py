"""What a process tells of a site: ``node.json`` for other programs, and the store's ``status`` entry each second."""

import logging
import os
import time
from typing import Any, Final

import msgspec

from deploy.node.trainer import Trainer
from deploy.settings import Settings
from deploy.wiring import SiteSinks
from ingest.clock import Clock
from ingest.files import replace_json
from ingest.gateway.gateway import Gateway
from ingest.gateway.places_file import PlacesFile
from ingest.log import Log
from ingest.setup.extras import version
from stream.engines.embedded import EmbeddedEngine
from stream.sinks.store.reader import StoreReader

_LOG = logging.getLogger(__name__)
_COUNT_EVERY_S: Final = 5.0
"""Counting rows of the store takes longer than a second's status should."""


def write_node_file(settings: Settings, *, started_ms: int, stopped_ms: int | None = None) -> None:
    """Write the site's ``node.json``, whole or not at all."""
    clock, broker = settings.clock, settings.broker
    document = {
        "site": settings.site.id,
        "pid": os.getpid(),
        "started_ms": started_ms,
        "stopped_ms": stopped_ms,
        "timezone": settings.site.timezone,
        "broker": {"host": broker.host, "port": broker.port},
        "clock": {
            "mode": clock.mode, "origin_ms": clock.origin_ms, "started_ms": clock.started_ms, "speed": clock.speed,
        },
        "version": version(),
    }  # fmt: skip
    replace_json(settings.site_dir / "node.json", document)


class SiteStatus:
    """Writes the status of a site into its store, for the board and ``patrolgrid status``.

    A process that has the site's sinks says in `entries` what it knows.
    """

    def __init__(self, settings: Settings, sinks: SiteSinks) -> None:
        self._sinks, self._reader = sinks, StoreReader(sinks.store.path)
        self._speed = settings.clock.speed if settings.clock.mode == "scaled" else 1.0
        self._began = time.monotonic()
        self._counts: dict[str, Any] = {}
        self._count_at = 0.0
        self._trouble = ""
        self._closed = False

    def entries(self, *, last: bool) -> dict[str, Any]:
        """Return what is to be written: ``status``, and what else the next process wants to know."""
        raise NotImplementedError

    def put(self, *, last: bool = False) -> None:
        """Write the status, and give it to the sinks that want it.

        A store that is locked, full or damaged is noted in the log file; it must not end the process.
        """
        try:
            found = self.entries(last=last)
            for key, value in found.items():
                self._sinks.store.put_meta(key, value)
        except Exception as error:  # noqa: BLE001 - a damaged store may fail in any way
            if str(error) != self._trouble and not self._closed:
                _LOG.warning("the status cannot be written: %s", error)
            self._trouble = str(error)
            return
        self._trouble = ""
        for listener in self._sinks.listeners:
            listener(found["status"])

    def common(self, received: int, messages: int, duplicates: int, *, recount: bool = False) -> dict[str, Any]:
        """Return what every site tells. Rows are counted now and then, with `recount` now, however long that takes.

        `received`, `messages` and `duplicates` are what did not get as far as the store.
        """
        stored = self._reader.counters()
        if recount or time.monotonic() >= self._count_at:
            self._counts = self._reader.counts()
            self._count_at = time.monotonic() + _COUNT_EVERY_S
        return {
            "counters": {
                "received": received,
                "messages": messages,
                "stored": stored["accepted"],
                "duplicates": duplicates + stored["duplicates"],
                "late": stored["late"],
                **{key: self._counts[key] for key in ("windows", "anomalies", "alerts", "hotspots", "open_alerts")},
            },
            "quarantined": self._sinks.quarantine.counts(),
            "speed": self._speed,
            "wall_ms": time.time_ns() // 1_000_000,
            "uptime_s": round(time.monotonic() - self._began, 1),
        }

    def close(self) -> None:
        """Release the reader."""
        self._closed = True
        self._reader.close()


class NodeStatus(SiteStatus):
    """The status of a node's parts. Totals continue those of the node before."""

    def __init__(
        self,
        settings: Settings,
        sinks: SiteSinks,
        clock: Clock,
        gateway: Gateway,
        engine: EmbeddedEngine,
        log: Log,
        trainer: Trainer,
        file: PlacesFile,
    ) -> None:
        super().__init__(settings, sinks)
        self._file = file
        self._clock, self._gateway, self._engine, self._log, self._trainer = clock, gateway, engine, log, trainer
        self._base: dict[str, int] | None = None
        """Totals of the node before, once the store can be read."""

    def entries(self, *, last: bool) -> dict[str, Any]:
        """Return the status, and the totals that the next node continues."""
        engine, gateway, now_ms = self._engine.stats, self._gateway.stats(), self._clock.now_ms()
        since = {
            "received": gateway.appended + gateway.repeats,
            "messages": gateway.messages,
            "duplicates": gateway.repeats,
        }
        if self._base is None:
            self._base = {key: int(value) for key, value in (self._reader.meta("gateway_totals") or {}).items()}
        totals = {key: self._base.get(key, 0) + value for key, value in since.items()}
        behind = max(self._log.head() - self._engine.position, 0)
        behind_s = max(now_ms - engine.now_ms, 0) / 1000 / self._speed if behind and engine.now_ms else 0.0
        status = {
            **self.common(**totals, recount=last),
            "now_ms": now_ms,
            "watermark_ms": engine.watermark_ms,
            "rates": {
                "observations_s": round(gateway.observations_per_s, 1),
                "messages_s": round(gateway.messages_per_s, 1),
            },
            "lag": {"records": behind, "seconds": round(behind_s, 2)},
            "budget": msgspec.to_builtins(engine.budget),
            "connected": gateway.connected and not last,
            "waiting": gateway.waiting,
            "odd_units": gateway.odd_units,
            "broker": {
                "conflict": bool(gateway.conflict),
                "forgotten": gateway.forgotten,
                "restless": gateway.restless,
            },
            "failing": {
                **self._engine.failing,
                **({"log": gateway.log_full} if gateway.log_full else {}),
                # Without the client id: whoever knows it can take the session away.
                **({"broker": "another client uses the gateway's client id"} if gateway.conflict else {}),
            },
            "learning": {
                "taught": engine.taught,
                "known": engine.known,
                "anew": msgspec.to_builtins(engine.cold_start),
            },
            "training": self._trainer.status(),
            "places": {"problem": self._file.problem},
        }
        return {"gateway_totals": totals, "status": status}
