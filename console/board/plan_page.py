"""What the plan page shows: the running shift's stops, planned against delivered minutes, and the staffing sheet."""

from pathlib import Path
from typing import Any, Final

import msgspec

from stream.patrol.staffing_sheet import SHEET
from stream.sinks.store.patrol_tables import delivered, read_plans, shares
from stream.sinks.store.reader import StoreReader

Row = dict[str, Any]
_HEAD: Final = ("shift", "name", "begin_ms", "end_ms", "made_ms", "solver")
_MINUTE_MS: Final = 60_000


def plan_document(reader: StoreReader, now_ms: int, names: dict[str, str], folder: Path) -> Row:
    """Return the plan of the shift that runs at a time, else of the next one, else of the last one.

    `names` are the officers' by id. ``shift`` is None where nothing was ever planned, ``staffing`` where no sheet is.
    ``failed`` says why no new plan can be made: officers have the one before then.
    """
    plans = read_plans(reader.query, at_ms=now_ms)
    found: Row = {"now_ms": now_ms, "shift": None, "officers": [], "beats": [], "staffing": staffing(folder)}
    planning = (reader.meta("status", None) or {}).get("planning") or {}
    found["failed"] = str(planning["detail"]) if planning.get("state") == "failed" else ""
    if not plans:
        return found
    newest = max(plans, key=lambda plan: plan["made_ms"])
    begin_ms, end_ms = min(plan["begin_ms"] for plan in plans), max(plan["end_ms"] for plan in plans)
    found["shift"] = {name: newest[name] for name in _HEAD} | {"begin_ms": begin_ms, "end_ms": end_ms}
    for plan in plans:
        stops = plan["stops"]
        found["officers"].append(
            {
                "id": plan["officer"],
                "name": names.get(plan["officer"], plan["officer"]),
                "away_ms": plan["away_ms"] or None,
                "planned_min": sum((stop["leave_ms"] - stop["arrive_ms"]) / _MINUTE_MS for stop in stops),
                "delivered_min": sum(_spent(stop, now_ms) for stop in stops),
                "stops": stops,
            }
        )
    under_way: dict[str, float] = {}
    for stop in (stop for plan in plans for stop in plan["stops"] if stop["state"] == "arrived"):
        under_way[stop["beat"]] = under_way.get(stop["beat"], 0.0) + _spent(stop, now_ms)
    share = {row["beat"]: row for row in shares(reader.query)}
    for row in delivered(reader.query, begin_ms, end_ms):
        beat = row.pop("beat")
        row["delivered_min"] += under_way.get(beat, 0.0)
        mine = share.get(beat, {})
        found["beats"].append({"id": beat, **row, "patrol": mine.get("patrol"), "reported": mine.get("reported")})
    return found


def _spent(stop: Row, now_ms: int) -> float:
    """Return minutes spent at a stop, so far where the officer is still there."""
    if stop["state"] == "arrived":
        return max(now_ms - int(stop["arrived_ms"]), 0) / _MINUTE_MS
    return float(stop["delivered_min"])


def staffing(folder: Path) -> Row | None:
    """Return the staffing sheet; None where there is none, or none that can be read."""
    try:
        sheet = msgspec.json.decode((folder / SHEET).read_bytes())
    except (OSError, ValueError):  # not made yet, or being made by hand
        return None
    return sheet if isinstance(sheet, dict) else None
