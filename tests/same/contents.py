"""What a store says as plain rows: keys and fields that are compared exactly, and texts for people apart from them.

Left out is what belongs to the way of running: numbers of rows and series, positions in a log, a node's own status.
"""

import gzip
import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

Key = tuple[Any, ...]
Fields = dict[str, Any]
Texts = dict[str, dict[str, str]]
"""Name of a field → language code → what it says to people."""
Said = Callable[[str, Fields], Texts]
"""Table and fields of a row → its texts."""
_TABLES: Final[dict[str, tuple[int, str]]] = {
    "windows": (
        6,
        """SELECT s.beat, s.device, s.kind, s.metric, start, part, status, n, sum_a, sum_b, low, high, exposure,
        expected, lower, upper, p, state FROM windows w JOIN series s ON s.id = w.series""",
    ),
    "gates": (
        6,
        """SELECT s.beat, s.device, s.kind, s.metric, boot, seq, ts, direction, allowed, vehicle, plate
        FROM gates g JOIN series s ON s.id = g.series""",
    ),
    "states": (
        5,
        """SELECT s.beat, s.device, s.kind, s.metric, ts, value
        FROM states t JOIN series s ON s.id = t.series""",
    ),
    "series totals": (
        4,
        """SELECT s.beat, s.device, s.kind, s.metric, t.windows, t.n, t.sum_a, t.sum_b
        FROM totals t JOIN series s ON s.id = t.series""",
    ),
    "anomalies": (4, "SELECT device, metric, kind, ts, body FROM anomalies"),
    "alerts": (1, "SELECT id, state, severity, raised_ms, changed_ms, body FROM alerts"),
    "alert revisions": (2, "SELECT id, revision, changed_ms, body FROM alert_history"),
    "hotspot maps": (1, "SELECT ts, horizon_s, cell_m FROM hotspot_maps"),
    "hotspots": (2, "SELECT ts, cell, rank, body FROM hotspots"),
    "incidents": (1, "SELECT id, ts, seen_ms, body FROM incidents"),
    "health": (2, "SELECT device, start, body FROM health"),
    "agents": (1, "SELECT device, beat, at_ms, body FROM agents"),
    "strangers": (4, "SELECT codec, match, part, device, beat, guess, name, first_ms, last_ms FROM strangers"),
    "health now": (1, "SELECT device, start, body FROM health_now"),
    "totals": (1, "SELECT site, now_ms, watermark_ms, accepted, duplicates, late FROM progress"),
}
"""What is compared → how many of its columns are the key, and how it is read."""
STORED: Final = frozenset(_TABLES)


class Dump:
    """Rows by what they are and by key, and the texts of rows. Keys and fields are JSON's types."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[Key, Fields]] = defaultdict(dict)
        self.texts: dict[tuple[str, Key, str], dict[str, str]] = {}

    def put(self, table: str, key: Key, fields: Fields, texts: Texts | None = None) -> None:
        """Keep a row, in the place of one with the same key."""
        self.rows[table][key] = fields
        for name, text in (texts or {}).items():
            self.texts[table, key, name] = text

    def add_next(self, table: str, key: Key, fields: Fields, texts: Texts | None = None) -> None:
        """Keep a row beside those with the same key: the first, the second and so on."""
        there = self.rows[table]
        number = 1
        while (*key, number) in there:
            number += 1
        self.put(table, (*key, number), fields, texts)

    def update(self, other: "Dump") -> None:
        """Take over another's tables."""
        self.rows.update(other.rows)
        self.texts.update(other.texts)


def read_store(path: Path, said: Said | None = None) -> Dump:
    """Return all that a store says; `said` makes the texts of rows that do not hold any."""
    dump = Dump()
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        for table, (keys, query) in _TABLES.items():
            for key, fields in _rows(connection, table, keys, query):
                texts = {name: value for name, value in fields.items() if _is_text(value)}
                kept = {name: value for name, value in fields.items() if name not in texts}
                dump.put(table, key, kept, texts | (said(table, fields) if said else {}))
    finally:
        connection.close()
    return dump


def _rows(connection: sqlite3.Connection, table: str, keys: int, query: str) -> Iterator[tuple[Key, Fields]]:
    cursor = connection.execute(query)
    columns = [column[0] for column in cursor.description][keys:]
    rows = cursor.fetchall()
    for row in _own_words(table, rows):
        fields = dict(zip(columns, row[keys:], strict=True))
        if "body" in fields:
            fields |= json.loads(fields.pop("body"))
        yield row[:keys], fields


def _own_words(table: str, rows: list[Key]) -> list[Key]:
    """Return rows without what two runs must differ in: positions of a log, and boots that a gateway has made up."""
    if table == "windows":  # additions are told apart by the position they came from: the first, the second …
        parts: dict[Key, list[int]] = defaultdict(list)
        for row in rows:
            if row[5] > 0:
                parts[row[:5]].append(row[5])
        order = {key: {part: n for n, part in enumerate(sorted(found), 1)} for key, found in parts.items()}
        return [(*row[:5], order[row[:5]][row[5]] if row[5] > 0 else row[5], *row[6:]) for row in rows]
    if table == "gates":  # boots of a device in the order of time
        first: dict[tuple[str, str], int] = {}
        for _, device, _, _, boot, _, ts, *_ in rows:
            if boot.startswith("gw-"):
                first[device, boot] = min(first.get((device, boot), ts), ts)
        turn = {key: f"gw-{n}" for n, key in enumerate(sorted(first, key=lambda key: (key[0], first[key])), 1)}
        return [(*row[:4], turn.get((row[1], row[4]), row[4]), *row[5:]) for row in rows]
    return rows


def _is_text(value: object) -> bool:
    return isinstance(value, dict) and "en" in value


def write_dump(path: Path, dump: Dump) -> None:
    """Write a dump as JSON lines, sorted by table and key."""
    with path.open("wb") as file, gzip.GzipFile("", "wb", 3, file, mtime=0) as packed:

        def put(line: list[Any]) -> None:
            packed.write(json.dumps(line, separators=(",", ":"), ensure_ascii=False, sort_keys=True).encode() + b"\n")

        for table in sorted(dump.rows):
            for key in sorted(dump.rows[table]):
                put([table, key, dump.rows[table][key]])
        for (table, key, name), text in sorted(dump.texts.items(), key=lambda one: one[0]):
            put(["text", [table, key, name], text])


def read_dump(path: Path) -> Dump:
    """Read what `write_dump` wrote."""
    dump = Dump()
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            table, key, fields = json.loads(line)
            if table == "text":
                dump.texts[key[0], tuple(key[1]), key[2]] = fields
            else:
                dump.rows[table][tuple(key)] = fields
    return dump
