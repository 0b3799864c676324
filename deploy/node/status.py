"""What a process tells of a site: ``node.json`` for other programs, and its status each second.

The status is written into a file of its own first (`deploy.node.status_file`), and then into the store. Nothing that
fails, least of all the store, keeps it from being written: what cannot be asked is as it last was, and ``failing`` says
so.
"""

import logging
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, TypeVar

import msgspec

from deploy.node.status_file import StatusFile
from deploy.settings import Settings
from deploy.wiring import SiteFiles, SiteSinks
from ingest.clock import Clock, wall_ms
from ingest.files import all_put_aside, replace_json
from ingest.gateway.gateway import Gateway
from ingest.log import Log
from ingest.setup.extras import version
from stream.engines.embedded import EmbeddedEngine
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.tables import StoreError, StoreMissingError

T = TypeVar("T")
_LOG = logging.getLogger(__name__)
_COUNTED: Final = ("windows", "anomalies", "alerts", "hotspots", "open_alerts")
_CALM_S: Final = 4.5
"""Seconds between two statuses that say the same: the board takes a node for silent after fifteen."""
_PASSING: Final = frozenset({"now_ms", "watermark_ms", "wall_ms", "uptime_s", "rates", "lag", "counters", "waiting"})
"""What of a status changes all the time and is no news."""
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
    try:
        replace_json(settings.site_dir / "node.json", document)
    except OSError as error:
        _LOG.warning("node.json cannot be written: %s", error)


class SiteStatus:
    """Writes the status of a site, for the board and ``patrolgrid status``.

    A process that has the site's sinks says in `entries` what it knows.
    """

    def __init__(self, settings: Settings, sinks: SiteSinks) -> None:
        self._sinks, self._reader = sinks, StoreReader(sinks.store.path)
        self._speed = settings.clock.speed if settings.clock.mode == "scaled" else 1.0
        self._in_clear = settings.in_clear()
        if self._in_clear:
            _LOG.warning(
                "passwords or tokens of %s go over the network in clear: use TLS (tls = true, or an https address)",
                ", ".join(f"[{section}]" for section in self._in_clear),
            )
        self._began = time.monotonic()
        self._calm = settings.clock.mode == "system"
        self._news: dict[str, Any] = {}
        """What was written last, without what changes all the time."""
        self._write_at = self._retry_at = 0.0
        self._counts: dict[str, Any] = dict.fromkeys(_COUNTED, 0)
        self._stored: dict[str, Any] = {"accepted": 0, "duplicates": 0, "late": 0}
        self._quarantined: dict[str, int] = {}
        self._damaged: list[dict[str, Any]] = []
        self._count_at = 0.0
        self._file = StatusFile(settings.site_dir)
        self._folder = settings.site_dir
        self._trouble = ""
        self._closed = False
        self._failing: dict[str, str] = {}
        """What the status itself has found to fail."""

    def entries(self, *, last: bool) -> dict[str, Any]:
        """Return what is to be written: ``status``, and what else the next process wants to know."""
        raise NotImplementedError

    def put(self, *, last: bool = False) -> None:
        """Write the status, and give it to the sinks that want it.

        A store that is locked, full or damaged is noted in the log file; it must not end the process.
        """
        self._failing = {}
        found = self.entries(last=last)
        status = found["status"]
        status["failing"] = self._failing | status["failing"]
        if self._file.trouble:
            status["failing"] |= {"status": self._file.trouble}
        for listener in self._sinks.listeners:
            listener(status)
        if not self._is_due(status) and not last:
            return
        self._file.put(status)
        if self._trouble and not last and time.monotonic() < self._retry_at:
            return  # a store that is locked takes its time to say so
        try:
            self._sinks.store.put_metas(found)
        except Exception as error:  # noqa: BLE001 - a damaged store may fail in any way
            if str(error) != self._trouble and not self._closed:
                _LOG.warning("the status cannot be written into the store: %s", error)
            self._trouble = str(error)
            self._retry_at = time.monotonic() + _COUNT_EVERY_S
        else:
            self._trouble = ""

    def asked(self, part: str, question: Callable[[], T], before: T) -> T:
        """Return an answer, or the one before where a part fails: that is then told."""
        try:
            return question()
        except Exception as error:  # noqa: BLE001 - junk on a disk may fail in any way
            if not self._closed and not isinstance(error, StoreMissingError):
                self._failing[part] = f"{type(error).__name__}: {error}"
                if part == "store":
                    self._mend(error)
            return before

    def _mend(self, error: Exception) -> None:
        """Damage that a reader has found is none that the sink would come upon soon."""
        try:
            self._sinks.store.mend(error)
        except StoreError as trouble:
            self._failing["store"] = str(trouble)

    def _is_due(self, status: dict[str, Any]) -> bool:
        """Tell whether to write: at once where something has changed, else every few seconds, for the disk's sake.

        A site whose clock is not the system's is no station's: those who wait for a replay want to know each second.
        """
        news = {key: value for key, value in status.items() if key not in _PASSING}
        news["failing"] = sorted(status["failing"])  # why it fails may have another number in it each time
        now = time.monotonic()
        if self._calm and news == self._news and now < self._write_at:
            return False
        self._news, self._write_at = news, now + _CALM_S
        return True

    def common(self, received: int, messages: int, duplicates: int, *, recount: bool = False) -> dict[str, Any]:
        """Return what every site tells. Rows are counted now and then, with `recount` now, however long that takes.

        `received`, `messages` and `duplicates` are what did not get as far as the store.
        """
        stored = self._stored = self.asked("store", self._reader.counters, self._stored)
        if recount or time.monotonic() >= self._count_at:
            self._counts = self.asked("store", self._reader.counts, self._counts)
            self._damaged = [msgspec.to_builtins(one) for one in all_put_aside(self._folder)]
            self._count_at = time.monotonic() + _COUNT_EVERY_S
        self._quarantined = self.asked("quarantine", self._sinks.quarantine.counts, self._quarantined)
        return {
            "counters": {
                "received": received,
                "messages": messages,
                "stored": stored["accepted"],
                "duplicates": duplicates + stored["duplicates"],
                "late": stored["late"],
                **{key: self._counts[key] for key in _COUNTED},
            },
            "quarantined": self._quarantined,
            "damaged": self._damaged,
            "speed": self._speed,
            "in_clear": self._in_clear,
            "wall_ms": wall_ms(),
            "uptime_s": round(time.monotonic() - self._began, 1),
        }

    def close(self) -> None:
        """Release the reader."""
        self._closed = True
        self._reader.close()


class Beside(Protocol):
    """What works beside the pipeline, in a thread of its own."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End; the thread is gone when this returns."""

    def status(self) -> dict[str, Any]:
        """Return how it is."""


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
        beside: Mapping[str, Beside],
        files: SiteFiles,
    ) -> None:
        super().__init__(settings, sinks)
        self._files = files
        self._head = 0
        self._clock, self._gateway, self._engine, self._log, self._beside = clock, gateway, engine, log, beside
        self._base: dict[str, int] | None = None
        """Totals of the node before, once the store can be read."""

    def _before(self) -> dict[str, int] | None:
        return {key: int(value) for key, value in (self._reader.meta("gateway_totals") or {}).items()}

    def entries(self, *, last: bool) -> dict[str, Any]:
        """Return the status, and the totals that the next node continues."""
        engine, gateway = self._engine.stats, self._gateway.stats()
        ahead_ms = self._engine.pipeline.clock_ahead_ms
        now_ms = self._clock.now_ms() - ahead_ms
        since = {
            "received": gateway.appended + gateway.repeats,
            "messages": gateway.messages,
            "duplicates": gateway.repeats,
        }
        if self._base is None:
            self._base = self.asked("store", self._before, None)
        totals = {key: (self._base or {}).get(key, 0) + value for key, value in since.items()}
        self._head = self.asked("log", self._log.head, self._head)
        behind = max(self._head - self._engine.position, 0)
        behind_s = max(now_ms - engine.now_ms, 0) / 1000 / self._speed if behind and engine.now_ms else 0.0
        status = {
            **self.common(**totals, recount=last),
            "now_ms": now_ms,
            "clock_ahead_s": round(ahead_ms / 1000),
            "watermark_ms": engine.watermark_ms,
            "rates": {
                "observations_s": round(gateway.observations_per_s, 1),
                "messages_s": round(gateway.messages_per_s, 1),
            },
            "lag": {"records": behind, "seconds": round(behind_s, 2)},
            "again": self._engine.delivery.catching_up,
            "budget": msgspec.to_builtins(engine.budget),
            "connected": gateway.connected and not last,
            "waiting": gateway.waiting,
            "odd_units": gateway.odd_units,
            "dialects": dict(gateway.told),
            "broker": {
                "conflict": bool(gateway.conflict),
                "forgotten": gateway.forgotten,
                "restless": gateway.restless,
            },
            "failing": {
                **self._engine.failing,
                **({"log": gateway.log_full} if gateway.log_full else {}),
                **({"quarantine": gateway.quarantine_full} if gateway.quarantine_full else {}),
                # Without the client id: whoever knows it can take the session away.
                **({"broker": "another client uses the gateway's client id"} if gateway.conflict else {}),
            },
            "learning": {
                "taught": engine.taught,
                "known": engine.known,
                "anew": msgspec.to_builtins(engine.cold_start),
            },
            **{name: one.status() for name, one in self._beside.items()},
            "places": {"problem": self._files.places.problem},
            "calendar": {"problem": self._files.calendar.problem},
        }
        # Without the totals of before, those of now would take their place.
        return {"status": status} if self._base is None else {"gateway_totals": totals, "status": status}
