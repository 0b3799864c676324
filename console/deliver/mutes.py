"""Mutes: for a while nobody is told of some alerts, because somebody works there; what holds at the end is told."""

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

from console.deliver.outbox_file import FILE, open_outbox
from ingest.sqlite import transaction
from stream.results import Alert

LONGEST_MS: Final = 7 * 86_400_000
"""A mute ends by itself: nobody remembers in a month that a sensor was switched off."""


class Mute(NamedTuple):
    """Which alerts are muted until when; an empty field means all."""

    number: int
    until_ms: int
    beat: str
    kind: str
    device: str
    by: str
    why: str

    def meant(self, alert: Alert) -> bool:
        """Tell whether an alert is muted by it."""
        there = not self.device or {alert.device, *alert.devices} == {self.device}
        return there and self.beat in {"", alert.beat} and self.kind in {"", alert.kind}


class Mutes:
    """The mutes of a site. Raises OSError and sqlite3.Error as the outbox does."""

    def __init__(self, site_dir: Path) -> None:
        self._db = open_outbox(site_dir / FILE)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def add(self, mute: Mute) -> int:
        """Add a mute and return its number. Raises ValueError where it would mute everything."""
        if not (mute.beat or mute.kind or mute.device):
            raise ValueError("a mute needs a beat, a kind or a device: everything is never muted")
        with transaction(self._db):
            cursor = self._db.execute(
                "INSERT INTO mutes (until_ms, beat, kind, device, by, why) VALUES (?, ?, ?, ?, ?, ?)", mute[1:]
            )
        return int(cursor.lastrowid or 0)

    def remove(self, number: int, now_ms: int) -> bool:
        """End a mute, and let go what it has held back; tell whether there was one."""
        with transaction(self._db):
            row = self._db.execute("DELETE FROM mutes WHERE number = ? RETURNING until_ms", (number,)).fetchone()
            if row is not None:
                self._db.execute(
                    "UPDATE messages SET due_ms = ?, queued_ms = ? "
                    "WHERE due_ms = ? AND act = 'held' AND state = 'waiting'",
                    (now_ms, now_ms, row[0]),
                )
        return row is not None

    def now(self, now_ms: int) -> list[Mute]:
        """Return the mutes that hold."""
        rows = self._db.execute(
            "SELECT number, until_ms, beat, kind, device, by, why FROM mutes WHERE until_ms > ? ORDER BY number",
            (now_ms,),
        )
        return [Mute(*row) for row in rows.fetchall()]


def muted_until(mutes: Iterable[Mute], alert: Alert) -> int:
    """Return until when an alert is muted; 0 for not at all."""
    return max((mute.until_ms for mute in mutes if mute.meant(alert)), default=0)


def mutes_of(site_dir: Path, now_ms: int) -> list[Mute]:
    """Return the mutes that hold at a site where somebody may never have delivered."""
    if not (site_dir / FILE).exists():
        return []
    with closing(Mutes(site_dir)) as mutes:
        return mutes.now(now_ms)
