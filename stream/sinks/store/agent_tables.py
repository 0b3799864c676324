"""Edge agents in the store, each as it last said, and strangers that wait; written and read here."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from ingest.health import AgentHealth, AgentReport
from stream.results import Results

Row = dict[str, Any]
Query = Callable[[str, Sequence[object]], list[Any]]
_encode: Final = msgspec.json.Encoder(order="deterministic").encode
_MOST_STRANGERS: Final = 2_000
_KEPT_MS: Final = 7 * 86_400_000
"""So long after it was heard last a stranger waits."""
_AWAY_MS: Final = 150_000
"""An agent speaks once a minute: one that has said nothing for so long is away, however well it was."""


def write_agents(connection: sqlite3.Connection, results: Sequence[Results]) -> None:
    """Write what agents say of themselves, and whom they have met, in the transaction that has begun."""
    reports = [report for result in results for report in result.agents]
    if not reports:
        return
    connection.executemany(
        """INSERT INTO agents (device, beat, at_ms, body) VALUES (?, ?, ?, ?) ON CONFLICT (device) DO UPDATE
        SET beat = excluded.beat, at_ms = excluded.at_ms, body = excluded.body WHERE excluded.at_ms >= at_ms""",
        (
            (one.device, one.beat, one.ts, _encode(msgspec.structs.replace(one.health, strangers=())).decode())
            for one in reports
            if one.health is not None and one.health.ts
        ),
    )
    met = [(one, stranger) for one in reports for stranger in one.met]
    connection.executemany(
        """INSERT INTO strangers (codec, match, part, device, beat, guess, name, first_ms, last_ms)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (codec, match, part, device) DO UPDATE
        SET beat = excluded.beat, guess = excluded.guess, name = excluded.name, last_ms = excluded.last_ms""",
        (
            (who.codec, who.match, who.part, one.device, one.beat, who.guess, who.name, one.ts, one.ts)
            for one, who in met
        ),
    )
    if met:
        newest = max(one.ts for one, _ in met)
        connection.execute("DELETE FROM strangers WHERE last_ms < ?", (newest - _KEPT_MS,))
        connection.execute(
            "DELETE FROM strangers WHERE (codec, match, part, device) IN (SELECT codec, match, part, device "
            "FROM strangers ORDER BY last_ms DESC, codec, match, part, device LIMIT -1 OFFSET ?)",
            (_MOST_STRANGERS,),
        )


def read_agents(query: Query) -> list[Row]:
    """Return every edge agent as it last said (`ingest.health.AgentHealth`), by device.

    Beside that: ``device``, ``beat``, ``at_ms`` (when it said so), ``ahead_s`` (its clock less the station's) and
    ``troubles``: what, amount and side of each, the worst first; ``away`` and seconds where it is silent by now.
    """
    found, now_ms = [], max((row[0] for row in query("SELECT now_ms FROM progress", ())), default=0)
    for device, beat, at_ms, body in query("SELECT device, beat, at_ms, body FROM agents ORDER BY device", ()):
        health = msgspec.json.decode(body, type=AgentHealth)
        said = AgentReport(beat=beat, device=device, ts=at_ms, health=health)
        away = [{"what": "away", "amount": (now_ms - at_ms) // 1000, "side": ""}] if now_ms - at_ms > _AWAY_MS else []
        found.append(
            {
                **msgspec.structs.asdict(health),
                "device": device,
                "beat": beat,
                "at_ms": at_ms,
                "ahead_s": said.ahead_s,
                "troubles": [*away, *(one._asdict() for one in said.troubles())],
            }
        )
    return found


def read_strangers(query: Query) -> list[Row]:
    """Return what has spoken within the last days and was bound to no device then, in the order in which it came.

    ``codec, match, part, guess, name, device, beat, first_ms, last_ms``: see `ingest.health.Stranger`. ``device``
    is the one through whose agent, or on whose topic, it was heard; empty where nobody's.
    """
    names = ("codec", "match", "part", "guess", "name", "device", "beat", "first_ms", "last_ms")
    rows = query(f"SELECT {', '.join(names)} FROM strangers ORDER BY first_ms, codec, match, part, device", ())
    return [dict(zip(names, row, strict=True)) for row in rows]
