"""The shift book in the store: notes, hand-overs, and who took them; written and read here."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from ingest.observations import epoch_ms
from stream.results import Results

Row = dict[str, Any]
Query = Callable[[str, Sequence[object]], list[Any]]
_encode: Final = msgspec.json.Encoder(order="deterministic").encode
_ABOUT: Final = "SELECT body FROM book WHERE about IN (SELECT value FROM json_each(?)) AND action = ?"
_AT: Final = "SELECT body FROM book WHERE alert IN (SELECT value FROM json_each(?)) AND action = 'note'"


def write_book(connection: sqlite3.Connection, results: Sequence[Results]) -> None:
    """Write what people said, in the transaction that has begun."""
    connection.executemany(
        "INSERT OR REPLACE INTO book (id, ts, action, alert, about, body) VALUES (?, ?, ?, ?, ?, ?)",
        (
            (one.id, epoch_ms(one.ts), one.action, one.alert, one.about, _encode(one).decode())
            for result in results
            for one in result.book
        ),
    )


def book_between(query: Query, since_ms: int, until_ms: int) -> list[Row]:
    """Return what was written in ``since_ms <= ts < until_ms``, oldest first; see `ingest.events.Command`."""
    return _bodies(query, "SELECT body FROM book WHERE ts >= ? AND ts < ?", (since_ms, until_ms))


def entry(query: Query, identifier: str) -> Row | None:
    """Return one entry, or None."""
    found = _bodies(query, "SELECT body FROM book WHERE id = ?", (identifier,))
    return found[0] if found else None


def handed_over(query: Query, shifts: Sequence[str]) -> list[Row]:
    """Return the hand-overs of some shifts, oldest first, each with ``taken``: the entry of who took it first."""
    found = _bodies(query, _ABOUT, (_listed(shifts), "hand_over"))
    taken: dict[str, Row] = {}
    for row in _bodies(query, _ABOUT, (_listed([row["id"] for row in found]), "take")):
        taken.setdefault(row["about"], row)
    return [{**row, "taken": taken.get(row["id"])} for row in found]


def notes_of(query: Query, alerts: Sequence[str]) -> dict[str, list[Row]]:
    """Return alert → the notes written at it, oldest first."""
    found: dict[str, list[Row]] = {}
    for row in _bodies(query, _AT, (_listed(alerts),)):
        found.setdefault(row["alert"], []).append(row)
    return found


def _listed(ids: Sequence[str]) -> str:
    return msgspec.json.encode(ids).decode()


def _bodies(query: Query, statement: str, values: Sequence[object]) -> list[Row]:
    return [msgspec.json.decode(body) for (body,) in query(f"{statement} ORDER BY ts, id", values)]
