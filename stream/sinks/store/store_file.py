"""The store's file: opened whenever it is needed and not open, and put aside where it cannot be used."""

import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from ingest.files import put_aside
from ingest.sqlite import UnusableError, is_damaged, opened, transaction
from stream.sinks.store.tables import StoreDamagedError, StoreError, StoreVersionError

_BUSY_S: Final = 10.0
"""How long to wait for another writer; there is none but a second node started by mistake, or a backup."""
_META: Final = "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"


class StoreFile:
    """The connection to a store, which is made again after every failure. Not for use by several threads at once.

    Parameters
    ----------
    path
        The file; made, with its folder, where there is none.
    prepare
        Brings a new connection to where it can be used.
    mends
        Whether a file that cannot be used is put aside, so that a new one begins.
    """

    def __init__(self, path: Path, prepare: Callable[[sqlite3.Connection], None], *, mends: bool) -> None:
        self.path, self._prepare, self._mends = path, prepare, mends
        self._connection: sqlite3.Connection | None = None
        self._closed = False

    def opened(self) -> sqlite3.Connection:
        """Return the connection. Raises `StoreError` where there can be none."""
        if self._closed:
            raise StoreError(f"{self.path}: is closed")
        if self._connection is not None:
            return self._connection
        try:
            return self._open()
        except (StoreError, OSError) as error:
            if self._mends and _unusable(error):
                self._put_aside(error)
                return self._open()
            if isinstance(error, OSError):
                raise StoreDamagedError(f"{self.path}: cannot be opened: {error}") from error
            raise

    def _open(self) -> sqlite3.Connection:
        try:
            self._connection = opened(self.path, self._prepare, wait_s=_BUSY_S, whole=self._mends)
        except sqlite3.Error as error:
            raise StoreDamagedError(f"{self.path}: cannot be opened: {error}") from error
        return self._connection

    def put_metas(self, bodies: Mapping[str, str], *, wait_s: float) -> None:
        """Keep JSON texts, which need not survive a power cut, and wait for other writers only so long.

        A text of the length of the one before is written over it, in place: so they get blanks behind them.
        """
        connection = self.opened()
        try:
            connection.execute(f"PRAGMA busy_timeout = {wait_s * 1000:.0f}")
            connection.execute("PRAGMA synchronous = NORMAL")
            with transaction(connection):
                rows = [(key, body.ljust(-(-len(body) // 512) * 512)) for key, body in bodies.items()]
                connection.executemany(_META, rows)
        except sqlite3.Error as error:
            self.failed(error)
            raise StoreError(f"{self.path}: meta {[*bodies]} could not be written: {error}") from error
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_S * 1000:.0f}")

    def failed(self, error: sqlite3.Error) -> None:
        """Let go of the file after an error, and put it aside where that says that it is damaged."""
        self._drop()
        if self._mends and is_damaged(error):
            self._put_aside(error)

    def mend(self, error: BaseException) -> None:
        """Put the file aside where an error of somebody who read it says that it is damaged."""
        cause = error.__cause__
        if self._mends and not self._closed and isinstance(cause, sqlite3.Error) and is_damaged(cause):
            self._drop()
            self._put_aside(error)

    def close(self) -> None:
        """Close the file for good. A second call does nothing."""
        self._closed = True
        self._drop()

    def _put_aside(self, error: BaseException) -> None:
        why = str(error.strerror if isinstance(error, UnusableError) else error).removeprefix(f"{self.path}: ")
        try:
            put_aside(self.path, why)
        except OSError as trouble:
            raise StoreDamagedError(f"{self.path}: {why}, and cannot be put aside: {trouble}") from trouble

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _unusable(error: BaseException) -> bool:
    """Tell whether an error is about the file itself, which stays as it is, and not about the disk."""
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        return is_damaged(cause)
    return isinstance(error, StoreDamagedError | StoreVersionError | UnusableError) or type(error) is StoreError
