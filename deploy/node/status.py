"""What a node says of itself: ``node.json`` for other programs, and the store's ``status`` entry each second."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import msgspec

from deploy.node.trainer import Trainer
from deploy.settings.sections import Settings
from ingest.clock import Clock
from ingest.files import replace_json
from ingest.gateway.gateway import Gateway
from ingest.gateway.quarantine import Quarantine
from ingest.log.records import Log
from stream.engines.embedded import EmbeddedEngine
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.store_sink import StoreSink

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
        "version": program_version(),
    }  # fmt: skip
    replace_json(settings.site_dir / "node.json", document)


def program_version() -> str:
    """Return the installed version."""
    try:
        return version("patrolgrid")
    except PackageNotFoundError:
        return "unknown"


class Status:
    """Gathers the status of a node's parts. Totals go on from those of the node before."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        gateway: Gateway,
        engine: EmbeddedEngine,
        log: Log,
        store: StoreSink,
        quarantine: Quarantine,
        trainer: Trainer,
    ) -> None:
        self._settings, self._clock, self._trainer = settings, clock, trainer
        self._gateway, self._engine, self._log, self._store, self._quarantine = gateway, engine, log, store, quarantine
        self._reader = StoreReader(store.path)
        self._began = time.monotonic()
        self._base: dict[str, int] | None = None
        """Totals of the node before, once the store can be read."""
        self._counts: dict[str, Any] = {}
        self._count_at = 0.0
        self._trouble = ""
        self.listeners: list[Callable[[dict[str, Any]], None]] = []
        """Get every status that is put."""

    def put(self, *, last: bool = False) -> None:
        """Write the status, and the totals that the next node goes on from, into the store.

        A store that is locked, full or damaged is told in the log file; it must not end the node.
        """
        try:
            document = self.gather(last=last)
            self._store.put_meta("gateway_totals", self._gateway_totals())
            self._store.put_meta("status", document)
        except Exception as error:  # noqa: BLE001 - a damaged store may fail in any way
            if str(error) != self._trouble:
                _LOG.warning("the status cannot be written: %s", error)
            self._trouble = str(error)
            return
        self._trouble = ""
        for listener in self.listeners:
            listener(document)

    def gather(self, *, last: bool = False) -> dict[str, Any]:
        """Return the status. With `last`, rows are counted now, however long that takes."""
        engine, gateway, now_ms, now = self._engine.stats, self._gateway.stats(), self._clock.now_ms(), time.monotonic()
        totals, stored = self._gateway_totals(), self._reader.counters()
        if last or now >= self._count_at:
            self._counts = self._reader.counts()
            self._count_at = time.monotonic() + _COUNT_EVERY_S
        speed = self._settings.clock.speed if self._settings.clock.mode == "scaled" else 1.0
        behind = max(self._log.head() - self._engine.position, 0)
        behind_s = max(now_ms - engine.now_ms, 0) / 1000 / speed if behind and engine.now_ms else 0.0
        return {
            "now_ms": now_ms,
            "watermark_ms": engine.watermark_ms,
            "rates": {
                "observations_s": round(gateway.observations_per_s, 1),
                "messages_s": round(gateway.messages_per_s, 1),
            },
            "lag": {"records": behind, "seconds": round(behind_s, 2)},
            "counters": {
                "received": totals["received"],
                "messages": totals["messages"],
                "stored": stored["accepted"],
                "duplicates": totals["duplicates"] + stored["duplicates"],
                "late": stored["late"],
                **{key: self._counts[key] for key in ("windows", "anomalies", "alerts", "hotspots", "open_alerts")},
            },
            "budget": None if engine.budget is None else msgspec.to_builtins(engine.budget),
            "quarantined": self._quarantine.counts(),
            "connected": gateway.connected and not last,
            "waiting": gateway.waiting,
            "failing": {**self._engine.failing, **({"log": gateway.log_full} if gateway.log_full else {})},
            "learning": {
                "taught": engine.taught,
                "known": engine.known,
                "anew": msgspec.to_builtins(engine.cold_start),
            },
            "training": self._trainer.status(),
            "speed": speed,
            "wall_ms": time.time_ns() // 1_000_000,
            "uptime_s": round(now - self._began, 1),
        }

    def _gateway_totals(self) -> dict[str, int]:
        stats = self._gateway.stats()
        since = {
            "received": stats.appended + stats.repeats,
            "messages": stats.messages,
            "duplicates": stats.repeats,
        }
        if self._base is None:
            self._base = {key: int(value) for key, value in (self._reader.meta("gateway_totals") or {}).items()}
        return {key: self._base.get(key, 0) + value for key, value in since.items()}

    def close(self) -> None:
        """Release the reader."""
        self._reader.close()
