"""Who has been told of an alert: what became of its messages, as board, API and command line show it."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec

from console.deliver.orders import MessageState
from console.deliver.outbox_file import FILE
from ingest.sqlite import read_only
from ingest.vocabulary import SEVERITY_RANK
from stream.sentences import Why
from stream.sentences.catalogue import in_all_languages


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one message."""

    channel: str
    to: str
    """Ids of the persons whom it calls; empty: whoever the channel reaches. Their addresses are nobody's business."""
    state: MessageState
    at_ms: int
    """When that was, by the wall clock (epoch ms)."""
    why: str
    """A code (``deliver-why`` in the catalogue has the words) of why it has not been accepted, or was dropped."""
    revision: int
    """Of the alert."""
    said: str = ""
    """What the channel said to it, or for ``otherwise`` the channel that has told it instead."""
    tries: int = 0


class Receipts:
    """The receipts in a site's folder; nothing is opened, and nothing is there, before somebody delivers."""

    def __init__(self, site_dir: Path) -> None:
        self._path = site_dir / FILE

    def of(self, alert: str) -> list[Receipt]:
        """Return the receipts of an alert, the newest revision first. Raises OSError where they cannot be read."""
        return self._ask(
            "SELECT channel, persons, state, at_ms, why, revision, said, tries FROM messages WHERE alert = ? "
            "ORDER BY revision DESC, id",
            (alert,),
        )

    def stamp(self) -> tuple[int, ...]:
        """Return what changes whenever a receipt does."""
        parts = (self._path, self._path.with_name(f"{self._path.name}-wal"))
        return tuple(part.stat().st_mtime_ns if part.exists() else 0 for part in parts)

    def told(self, alerts: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """Return, for alerts that have receipts, the newest of each channel, with its reason in words, by language.

        What was dropped for a newer message is left out. Raises OSError where they cannot be read.
        """
        found: dict[str, dict[str, dict[str, Any]]] = {}
        rows = self._rows(
            "SELECT alert, channel, state, at_ms, why FROM messages WHERE state != 'dropped' "
            "AND alert IN (SELECT value FROM json_each(?)) ORDER BY revision, id",
            (msgspec.json.encode(alerts).decode(),),
        )
        for alert, channel, state, at_ms, why in rows:
            reason = in_all_languages(Why("deliver-why", {"why": why})) if why else {}
            one = {"channel": channel, "state": state, "at_ms": at_ms, "reason": reason}
            found.setdefault(alert, {})[channel] = one
        return {alert: list(channels.values()) for alert, channels in found.items()}

    def sums(self, alerts: Sequence[str]) -> tuple[int, int, int] | None:
        """Return how many of some alerts were told, and how many messages of them were accepted, and were not.

        None where nobody has delivered here. Raises OSError where they cannot be read.
        """
        if not self._path.exists():
            return None
        rows = self._rows(
            "SELECT count(DISTINCT alert) FILTER (WHERE state IN ('accepted', 'delivered')), "
            "count(*) FILTER (WHERE state IN ('accepted', 'delivered')), "
            "count(*) FILTER (WHERE state IN ('waiting', 'failed')) FROM messages "
            "WHERE alert IN (SELECT value FROM json_each(?))",
            (msgspec.json.encode(alerts).decode(),),
        )
        return (int(rows[0][0]), int(rows[0][1]), int(rows[0][2])) if rows else None

    def persons(self, alerts: Sequence[str]) -> dict[str, list[tuple[str, list[str], MessageState, int]]]:
        """Return alert → the newest word of each channel to the same persons: channel, their ids, state and time.

        What was dropped for a newer message is left out. Raises OSError where they cannot be read.
        """
        found: dict[str, dict[tuple[str, str], tuple[str, list[str], MessageState, int]]] = {}
        rows = self._rows(
            "SELECT alert, channel, persons, state, at_ms FROM messages WHERE state != 'dropped' "
            "AND alert IN (SELECT value FROM json_each(?)) ORDER BY revision, id",
            (msgspec.json.encode(alerts).decode(),),
        )
        for alert, channel, persons, state, at_ms in rows:
            found.setdefault(alert, {})[channel, persons] = channel, persons.split(), state, at_ms
        return {alert: list(told.values()) for alert, told in found.items()}

    def waiting(self) -> dict[str, int]:
        """Return how many messages wait, by channel. Raises OSError where they cannot be read."""
        rows = self._rows(
            "SELECT channel, count(*) FROM messages WHERE state IN ('waiting', 'failed') GROUP BY channel", ()
        )
        return dict(rows)

    def newest(self, limit: int = 50) -> list[tuple[str, Receipt]]:
        """Return the newest receipts with their alerts' ids. Raises OSError where they cannot be read."""
        rows = self._rows(
            "SELECT alert, channel, persons, state, at_ms, why, revision, said, tries FROM messages "
            "ORDER BY at_ms DESC, id DESC LIMIT ?",
            (limit,),
        )
        return [(row[0], _receipt(row[1:])) for row in rows]

    def by_person(self, since_ms: int) -> dict[str, tuple[int, int]]:
        """Return person → (messages accepted, critical ones among them) since a time. Raises OSError."""
        found: dict[str, tuple[int, int]] = {}
        rows = self._rows(
            "SELECT persons, count(*), sum(rank = ?) FROM messages WHERE at_ms >= ? AND persons <> '' "
            "AND state IN ('accepted', 'delivered') GROUP BY persons",
            (SEVERITY_RANK["critical"], since_ms),
        )
        for persons, messages, critical in rows:
            for person in persons.split():
                before = found.get(person, (0, 0))
                found[person] = before[0] + messages, before[1] + critical
        return found

    def _ask(self, statement: str, values: tuple[object, ...]) -> list[Receipt]:
        return [_receipt(row) for row in self._rows(statement, values)]

    def _rows(self, statement: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        if not self._path.exists():
            return []
        try:
            with closing(read_only(self._path)) as connection:
                return connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            if str(error).startswith("no such table"):  # it is being made
                return []
            raise OSError(f"{self._path}: the receipts cannot be read: {error}") from error


_NAMES: Final = ("channel", "to", "state", "at_ms", "why", "revision", "said", "tries")


def _receipt(row: tuple[Any, ...]) -> Receipt:
    return msgspec.convert(dict(zip(_NAMES, row, strict=True)), Receipt)
