"""The store's tables, their versions, and the errors of opening one.

The step at index i takes a store of version i to version i + 1, so a new store and an old one go the same way. A step
that was released is never changed; what is new is a further step.
"""

import sqlite3
from pathlib import Path
from typing import Final

APPLICATION_ID: Final = 0x50475354
"""``PGST``: marks a SQLite file as a store of ours."""


class StoreError(RuntimeError):
    """The store cannot be read or written; the text names the file and what was wrong."""


class StoreMissingError(StoreError):
    """There is no store yet: the node has not run here."""


class StoreDamagedError(StoreError):
    """The file is damaged, or the disk does not let it be opened: move it away, or bring a backup of it."""


class StoreVersionError(StoreError):
    """The store is of a version that this program does not know."""


class StoreMismatchError(StoreError):
    """The results do not belong to this store: it is of another site, or was written from another log."""


# Windows stand in the order of time, not of series: a write then touches few pages, and so does deleting old ones.
_STEPS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """CREATE TABLE series (
            id INTEGER PRIMARY KEY, beat TEXT NOT NULL, device TEXT NOT NULL, kind INTEGER NOT NULL,
            metric TEXT NOT NULL, newest INTEGER)""",
        "CREATE INDEX series_device ON series (device)",
        """CREATE TABLE windows (
            series INTEGER NOT NULL, start INTEGER NOT NULL, part INTEGER NOT NULL, status INTEGER NOT NULL,
            n INTEGER NOT NULL, sum_a REAL, sum_b REAL, low REAL, high REAL, exposure REAL, expected REAL,
            lower REAL, upper REAL, p REAL, state INTEGER NOT NULL,
            PRIMARY KEY (start, series, part)) WITHOUT ROWID""",
        """CREATE TABLE totals (
            series INTEGER PRIMARY KEY, windows INTEGER NOT NULL, n INTEGER NOT NULL,
            sum_a REAL NOT NULL, sum_b REAL NOT NULL)""",
        """CREATE TABLE gates (
            series INTEGER NOT NULL, boot TEXT NOT NULL, seq INTEGER NOT NULL, ts INTEGER NOT NULL,
            direction INTEGER NOT NULL, allowed INTEGER NOT NULL, vehicle TEXT NOT NULL, plate TEXT NOT NULL,
            PRIMARY KEY (series, boot, seq)) WITHOUT ROWID""",
        "CREATE INDEX gates_ts ON gates (ts)",
        "CREATE INDEX gates_series_ts ON gates (series, ts)",
        """CREATE TABLE states (
            series INTEGER NOT NULL, ts INTEGER NOT NULL, value TEXT NOT NULL,
            PRIMARY KEY (series, ts)) WITHOUT ROWID""",
        "CREATE INDEX states_ts ON states (ts)",
        """CREATE TABLE anomalies (
            device TEXT NOT NULL, metric TEXT NOT NULL, kind TEXT NOT NULL, ts INTEGER NOT NULL, body TEXT NOT NULL,
            PRIMARY KEY (device, metric, kind, ts)) WITHOUT ROWID""",
        "CREATE INDEX anomalies_ts ON anomalies (ts)",
        """CREATE TABLE alerts (
            id TEXT PRIMARY KEY, revision INTEGER NOT NULL, state TEXT NOT NULL, severity TEXT NOT NULL,
            raised_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID""",
        "CREATE INDEX alerts_changed ON alerts (changed_ms)",
        """CREATE TABLE alert_history (
            id TEXT NOT NULL, revision INTEGER NOT NULL, changed_ms INTEGER NOT NULL, body TEXT NOT NULL,
            PRIMARY KEY (id, revision)) WITHOUT ROWID""",
        """CREATE TABLE hotspot_maps (
            ts INTEGER PRIMARY KEY, horizon_s INTEGER NOT NULL, cell_m REAL NOT NULL)""",
        """CREATE TABLE hotspots (
            ts INTEGER NOT NULL, cell TEXT NOT NULL, rank INTEGER NOT NULL, body TEXT NOT NULL,
            PRIMARY KEY (ts, cell)) WITHOUT ROWID""",
        "CREATE INDEX hotspots_cell ON hotspots (cell, ts)",
        """CREATE TABLE health (
            start INTEGER NOT NULL, device TEXT NOT NULL, body TEXT NOT NULL,
            PRIMARY KEY (start, device)) WITHOUT ROWID""",
        """CREATE TABLE health_now (
            device TEXT PRIMARY KEY, start INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID""",
        """CREATE TABLE incidents (
            id TEXT PRIMARY KEY, ts INTEGER NOT NULL, seen_ms INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID""",
        "CREATE INDEX incidents_ts ON incidents (ts)",
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
        """CREATE TABLE progress (
            one INTEGER PRIMARY KEY CHECK (one = 1), site TEXT NOT NULL, reached INTEGER NOT NULL,
            now_ms INTEGER NOT NULL, watermark_ms INTEGER NOT NULL, accepted INTEGER NOT NULL,
            duplicates INTEGER NOT NULL, late INTEGER NOT NULL, pruned_ms INTEGER NOT NULL)""",
    ),
    (
        """CREATE TABLE officer_plans (
            shift TEXT NOT NULL, officer TEXT NOT NULL, begin_ms INTEGER NOT NULL, end_ms INTEGER NOT NULL,
            changed_ms INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (shift, officer)) WITHOUT ROWID""",
        "CREATE INDEX officer_plans_end ON officer_plans (end_ms)",
        """CREATE TABLE patrol_stops (
            id TEXT PRIMARY KEY, shift TEXT NOT NULL, officer TEXT NOT NULL, beat TEXT NOT NULL, cell TEXT NOT NULL,
            arrive_ms INTEGER NOT NULL, state TEXT NOT NULL, planned_min REAL NOT NULL, delivered_min REAL NOT NULL,
            body TEXT NOT NULL) WITHOUT ROWID""",
        "CREATE INDEX patrol_stops_arrive ON patrol_stops (arrive_ms)",
        "CREATE INDEX patrol_stops_shift ON patrol_stops (shift, officer)",
        """CREATE TABLE beat_shares (
            ts INTEGER NOT NULL, beat TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (ts, beat)) WITHOUT ROWID""",
    ),
    (  # edge agents, and what waits for a person's word
        """CREATE TABLE agents (
            device TEXT PRIMARY KEY, beat TEXT NOT NULL, at_ms INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID""",
        """CREATE TABLE strangers (
            codec TEXT NOT NULL, match TEXT NOT NULL, part TEXT NOT NULL, device TEXT NOT NULL, beat TEXT NOT NULL,
            guess TEXT NOT NULL, name TEXT NOT NULL, first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL,
            PRIMARY KEY (codec, match, part, device)) WITHOUT ROWID""",
    ),
    (  # what alerts are looked for by, see `stream.sinks.store.alert_tables`; of older ones, what SQL can tell
        """CREATE TABLE alert_search (
            id TEXT PRIMARY KEY, raised_ms INTEGER NOT NULL, kind TEXT NOT NULL, beat TEXT NOT NULL,
            devices TEXT NOT NULL, severity TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL,
            people TEXT NOT NULL, notes TEXT NOT NULL, words TEXT NOT NULL)""",
        """INSERT INTO alert_search SELECT id, raised_ms, json_extract(body, '$.kind'), json_extract(body, '$.beat'),
            (SELECT group_concat(char(10) || one || char(10), '') FROM (SELECT json_extract(body, '$.device') AS one
             UNION SELECT value FROM json_each(body, '$.devices'))),
            severity, state, coalesce(json_extract(body, '$.reason'), ''),
            coalesce((SELECT group_concat(char(10) || one || char(10), '') FROM (SELECT DISTINCT
             json_extract(h.body, '$.by') AS one FROM alert_history h WHERE h.id = alerts.id) WHERE one != ''), ''),
            coalesce((SELECT group_concat(char(10) || one || char(10), '') FROM (SELECT DISTINCT
             json_extract(h.body, '$.note') AS one FROM alert_history h WHERE h.id = alerts.id) WHERE one != ''), ''),
            coalesce(json_extract(body, '$.place'), '') || char(10)
             || coalesce(json_extract(body, '$.why'), json_extract(body, '$.text'), '') FROM alerts""",
        """CREATE INDEX alert_search_raised ON alert_search (
            raised_ms, id, severity, state, kind, beat, devices, reason, people)""",
        "CREATE INDEX alerts_open ON alerts (raised_ms) WHERE state IN ('raised', 'acknowledged')",
        # the shift book, and what changed in a shift
        """CREATE TABLE book (
            id TEXT PRIMARY KEY, ts INTEGER NOT NULL, action TEXT NOT NULL, alert TEXT NOT NULL, about TEXT NOT NULL,
            body TEXT NOT NULL) WITHOUT ROWID""",
        "CREATE INDEX book_ts ON book (ts)",
        "CREATE INDEX book_alert ON book (alert)",
        "CREATE INDEX book_about ON book (about)",
        "CREATE INDEX alert_history_changed ON alert_history (changed_ms)",
        # when somebody listened; of the time before this table it is taken that somebody did since the first alert
        "CREATE TABLE watched (since_ms INTEGER PRIMARY KEY, until_ms INTEGER NOT NULL)",
        """INSERT INTO watched SELECT (SELECT min(raised_ms) FROM alerts), now_ms FROM progress
            WHERE now_ms > (SELECT min(raised_ms) FROM alerts)""",
    ),
)
VERSION: Final = len(_STEPS)
"""The version this program writes."""


def stored_version(connection: sqlite3.Connection, path: Path) -> int:
    """Return the version of an open file, 0 for an empty one.

    Raises `StoreVersionError` for a later version than this program's, `StoreError` for a file of something else.
    """
    try:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        application = int(connection.execute("PRAGMA application_id").fetchone()[0])
        tables = int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    except sqlite3.Error as error:
        raise StoreDamagedError(f"{path}: cannot be read as a store: {error}") from error
    if application != APPLICATION_ID and (tables or version):
        raise StoreError(f"{path}: is a SQLite file of something else, expected a store of results")
    if version > VERSION:
        raise StoreVersionError(
            f"{path}: is a store of version {version}, and this program knows versions up to {VERSION}: upgrade it"
        )
    return version


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring an open file to `VERSION`, all steps or none. Raises as `stored_version` does."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = stored_version(connection, path)
        for step in _STEPS[version:]:
            for statement in step:
                connection.execute(statement)
        if version < VERSION:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
