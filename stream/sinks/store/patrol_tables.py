"""Patrols in the store: plans and stops as they stand, and the beats' shares; written and read here."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from stream.patrol_results import ComingRisk
from stream.results import Results

Row = dict[str, Any]
Query = Callable[[str, Sequence[object]], list[Any]]
_encode: Final = msgspec.json.Encoder(order="deterministic").encode
_STATES: Final = ("planned", "arrived", "done", "skipped", "missed")


def write_patrols(connection: sqlite3.Connection, results: Sequence[Results]) -> None:
    """Write what patrols are to do and have done, in the transaction that has begun."""
    for plan in (plan for result in results for plan in result.patrols):
        head = msgspec.structs.replace(plan, stops=[])
        connection.execute(
            "INSERT OR REPLACE INTO officer_plans (shift, officer, begin_ms, end_ms, changed_ms, body) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (plan.shift, plan.officer, plan.begin_ms, plan.end_ms, plan.changed_ms, _encode(head).decode()),
        )
        connection.executemany(
            "INSERT OR REPLACE INTO patrol_stops (id, shift, officer, beat, cell, arrive_ms, state, planned_min, "
            "delivered_min, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (stop.id, plan.shift, stop.officer, stop.beat, stop.cell, stop.arrive_ms, stop.state,
                 stop.planned_min, stop.delivered_min, _encode(stop).decode())
                for stop in plan.stops
            ),
        )  # fmt: skip
    coming = next((result.coming for result in reversed(results) if result.coming is not None), None)
    if coming is not None:
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('coming_risk', ?)", (_encode(coming).decode(),))
    connection.executemany(
        "INSERT OR REPLACE INTO beat_shares (ts, beat, body) VALUES (?, ?, ?)",
        ((one.ts, one.beat, _encode(one).decode()) for result in results for one in result.shares),
    )


def read_plans(query: Query, *, at_ms: int, officer: str | None = None, replaced: bool = False) -> list[Row]:
    """Return the plans of the shifts that run at a time, by officer, each with its ``stops`` in the order of time.

    Without a shift that runs then, those of the next one that is planned, else of the last one. Replaced stops are
    left out unless they are asked for.
    """
    (span,) = query(
        "SELECT min(begin_ms), max(begin_ms) FROM officer_plans WHERE begin_ms <= ? AND end_ms > ?", (at_ms, at_ms)
    )
    if span[0] is None:
        ((nearest,),) = query(
            "SELECT coalesce((SELECT min(begin_ms) FROM officer_plans WHERE begin_ms > ?), "
            "(SELECT max(begin_ms) FROM officer_plans))",
            (at_ms,),
        )
        span = nearest, nearest
    if span[0] is None:
        return []
    return plans_between(query, span[0], span[1] + 1, officer=officer, replaced=replaced)


def plans_between(
    query: Query, since_ms: int, until_ms: int, *, officer: str | None = None, replaced: bool = False
) -> list[Row]:
    """Return the plans that begin in ``since_ms <= begin < until_ms``, as `read_plans` does."""
    heads = query(
        """SELECT body FROM officer_plans WHERE begin_ms >= ? AND begin_ms < ? AND (? IS NULL OR officer = ?)
        ORDER BY begin_ms, officer, shift""",
        (since_ms, until_ms, officer, officer),
    )
    plans: list[Row] = [msgspec.json.decode(body) for (body,) in heads]
    for plan in plans:
        stops = query(
            f"""SELECT body FROM patrol_stops WHERE shift = ? AND officer = ?
            {"" if replaced else "AND state != 'replaced'"} ORDER BY arrive_ms, id""",
            (plan["shift"], plan["officer"]),
        )
        plan["stops"] = [msgspec.json.decode(body) for (body,) in stops]
    return plans


def delivered(query: Query, since_ms: int, until_ms: int, by: str = "beat") -> list[Row]:
    """Return planned against delivered by ``beat``, ``officer``, ``shift`` or ``cell``, of stops planned to begin then.

    Each is ``{by}, stops, planned_min, delivered_min`` and how many stops are ``planned, arrived, done, skipped,
    missed``. Replaced stops count where somebody was there.
    """
    if by not in {"beat", "officer", "shift", "cell"}:
        raise ValueError(f"by is {by!r}, expected beat, officer, shift or cell")
    counted = ", ".join(f"total(state = '{state}')" for state in _STATES)
    rows = query(
        f"""SELECT {by}, count(*), total(planned_min), total(delivered_min), {counted} FROM patrol_stops
        WHERE arrive_ms >= ? AND arrive_ms < ? AND state != 'replaced' GROUP BY {by} ORDER BY {by}""",
        (since_ms, until_ms),
    )
    return [
        {by: row[0], "stops": row[1], "planned_min": row[2], "delivered_min": row[3]}
        | {state: int(n) for state, n in zip(_STATES, row[4:], strict=True)}
        for row in rows
    ]


def coming_risk(query: Query) -> ComingRisk | None:
    """Return what the forecast newly expects of the coming day; None before the first."""
    rows = query("SELECT value FROM meta WHERE key = 'coming_risk'", ())
    return msgspec.json.decode(rows[0][0], type=ComingRisk) if rows else None


def shares(query: Query) -> list[Row]:
    """Return the newest shares of all beats: ``beat, ts, minutes, patrol, reports, reported``."""
    rows = query("SELECT body FROM beat_shares WHERE ts = (SELECT max(ts) FROM beat_shares) ORDER BY beat", ())
    return [msgspec.json.decode(body) for (body,) in rows]
