"""What one look at the store gives: everything the page shows at a glance, gathered in one go."""

from dataclasses import dataclass, field
from typing import Any, Final

from console.device_trouble import agent_trouble, trouble
from stream.sentences.plain import in_all
from stream.sinks.store.reader import StoreReader

Row = dict[str, Any]
MAX_OPEN_ALERTS: Final = 200
"""Open alerts, the most severe and newest, that a page gets with their sentences."""
MAX_MORE: Final = 2000
"""Further ones, with what a list and the map need; of those beyond, a page says how many there are."""
_MORE_KEYS: Final = (
    "id", "revision", "kind", "beat", "device", "devices", "severity", "state", "raised_ms", "changed_ms", "heard_ms",
    "by", "place", "lon", "lat",
)  # fmt: skip
_SERIES_KEYS: Final = (
    "metric", "kind", "start", "status", "n", "in", "out", "mean", "low", "high", "expected", "lower", "upper",
    "p", "state",
)  # fmt: skip
_HEALTH_KEYS: Final = (
    "start", "received", "late", "missing", "duplicate", "stuck", "silent", "skew_s", "quality", "online",
)  # fmt: skip
ENDED_MS: Final = 24 * 3_600_000
"""How long a critical alert that nobody saw is shown after its end."""


@dataclass(slots=True)
class Overview:
    """One look at the store."""

    version: int
    status: Row | None
    alerts: list[Row]
    hotspots: Row | None
    more_alerts: list[Row] = field(default_factory=list)
    """Open alerts behind those, without sentences."""
    open_alerts: int = 0
    """How many there are in all."""
    ended: list[Row] = field(default_factory=list)
    """Critical alerts of the last hours that ended without anybody having taken them up."""
    devices: dict[str, Row] = field(default_factory=dict)
    """Device id → ``series`` (its newest windows) and ``health``, with ``trouble``: reasons in words of the locale."""


def take(reader: StoreReader) -> Overview:
    """Gather an overview. The version is read first: what changes meanwhile is shown by the next one."""
    version = reader.version()
    devices: dict[str, Row] = {}
    for row in reader.latest():
        entry = devices.setdefault(str(row["device"]), {"series": [], "health": None, "trouble": []})
        entry["series"].append({key: row.get(key) for key in _SERIES_KEYS})
    for row in reader.health():
        entry = devices.setdefault(str(row["device"]), {"series": [], "health": None, "trouble": []})
        entry["health"] = {key: row.get(key) for key in _HEALTH_KEYS}
        entry["trouble"] = trouble(row)
    agents = reader.agents()
    for row in agents:
        entry = devices.setdefault(str(row["device"]), {"series": [], "health": None, "trouble": []})
        entry["trouble"] += agent_trouble(row)
    status = reader.meta("status", None)
    if status and agents:
        status = {**status, "agents_ms": max(row["at_ms"] for row in agents)}
    alerts, more, total = reader.alerts(open_only=True, limit=MAX_OPEN_ALERTS), list[Row](), 0
    if len(alerts) == MAX_OPEN_ALERTS:
        more, total = reader.more_open_alerts(MAX_OPEN_ALERTS, MAX_MORE)
    return Overview(
        version=version,
        status=status,
        alerts=alerts,
        more_alerts=[{key: row.get(key) for key in _MORE_KEYS} for row in more],
        open_alerts=max(total, len(alerts)),
        hotspots=reader.hotspots(),
        ended=reader.ended_alone(int((status or {}).get("now_ms") or 0) - ENDED_MS),
        devices=devices,
    )


def with_told(status: Row | None) -> Row | None:
    """Return a status with what is wrong with its files in all languages: a page may change its own."""
    files = {name: found for name in ("places", "calendar") if isinstance(found := (status or {}).get(name), dict)}
    told = {name: {**found, "told": in_all(str(found.get("problem") or ""))} for name, found in files.items()}
    return status and {**status, **told}
