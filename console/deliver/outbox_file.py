"""The outbox's file, `deliver.db` in the site's folder."""

import sqlite3
from pathlib import Path
from typing import Final

from ingest.sqlite import connect

APPLICATION_ID: Final = 0x5047444C
"""``PGDL``: marks a SQLite file as an outbox of ours."""
VERSION: Final = 1
FILE: Final = "deliver.db"

SCHEMA: Final = """
CREATE TABLE alerts (
    id TEXT PRIMARY KEY, revision INTEGER NOT NULL, state TEXT NOT NULL, seen_ms INTEGER NOT NULL,
    called_ms INTEGER NOT NULL, reminded INTEGER NOT NULL, escalated INTEGER NOT NULL, round INTEGER NOT NULL,
    body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE messages (
    id INTEGER PRIMARY KEY, alert TEXT NOT NULL, revision INTEGER NOT NULL, channel TEXT NOT NULL,
    address TEXT NOT NULL, persons TEXT NOT NULL DEFAULT '', language TEXT NOT NULL DEFAULT '',
    act TEXT NOT NULL DEFAULT 'call', had TEXT NOT NULL DEFAULT '', round INTEGER NOT NULL DEFAULT 0,
    follows INTEGER NOT NULL, chain INTEGER NOT NULL, handed INTEGER NOT NULL DEFAULT 0,
    rank INTEGER NOT NULL, state TEXT NOT NULL DEFAULT 'waiting', why TEXT NOT NULL DEFAULT '',
    said TEXT NOT NULL DEFAULT '', tries INTEGER NOT NULL DEFAULT 0, queued_ms INTEGER NOT NULL,
    due_ms INTEGER NOT NULL, at_ms INTEGER NOT NULL, body BLOB NOT NULL,
    UNIQUE (alert, revision, channel, address, round));
CREATE INDEX messages_open ON messages (channel, rank, queued_ms) WHERE state IN ('waiting', 'failed');
CREATE INDEX messages_at ON messages (at_ms);
CREATE TABLE mutes (
    number INTEGER PRIMARY KEY, until_ms INTEGER NOT NULL, beat TEXT NOT NULL, kind TEXT NOT NULL,
    device TEXT NOT NULL, by TEXT NOT NULL, why TEXT NOT NULL);
CREATE TABLE begun (one INTEGER PRIMARY KEY CHECK (one = 1))
"""


def open_outbox(path: Path) -> sqlite3.Connection:
    """Open the file, or make it; one that is damaged is put aside. Raises OSError where it cannot be opened."""
    connection = connect(
        path,
        application_id=APPLICATION_ID,
        version=VERSION,
        schema=SCHEMA,
        rescue=lambda _new, _old: (0, "what was to be told and is not yet; alerts that are open are told again"),
    )
    path.chmod(0o600)
    return connection
