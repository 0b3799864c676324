"""What is to be told, on disk until a channel has accepted it: one SQLite file, `deliver.db` in the site's folder.

How nothing is lost, and what a SIGKILL can repeat
--------------------------------------------------
1. An alert's revision and the messages that follow from it are written in one transaction.
2. A worker sends one message at a time, and notes in a transaction of its own what became of it.
3. While the disk takes nothing (it is full, say), all goes on in memory, and is written when the disk takes it again.
4. So after a SIGKILL the one message of each channel that was on its way may go a second time. It bears the same alert
   id and revision, and the same idempotency key (`Message.key`), as the first time.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

import msgspec

from console.deliver.orders import Act, Message, MessageState, OpenCall, Order
from console.deliver.outbox_file import OutboxFile
from ingest.vocabulary import SEVERITY_RANK
from stream.results import Alert

_AHEAD_MS: Final = 2_000
"""So far ahead of the clock is no thread of ours."""
_AT_ONCE: Final = 500
"""Messages that are handed on in one go."""

Way = Callable[[str, Sequence[str]], Sequence[Order]]
"""(channel, persons) → where its message goes next."""


class MessageBox(OutboxFile):
    """What is to be told, and what became of it. Threads may share it. Times are the wall clock's (epoch ms).

    A file that is damaged is put aside, and a new one begins. Raises OSError where it cannot be opened, `sqlite3.Error`
    by every method where the disk does not let it be read or written.
    """

    def take(self, alert: Alert, orders: Sequence[Order], now_ms: int, *, silently: bool = False) -> set[str]:
        """Take a revision of an alert; return the channels that have something to do.

        One that calls people makes a message for every order, in the place of what still waits of earlier revisions.
        One that says that the alert is taken up or over drops all that waits. What only follows is told where the
        channel has accepted something of the alert before. A revision that is known already changes nothing. What is
        taken `silently` calls nobody, also not later.
        """
        if self.knows(alert.id, alert.revision):
            return set()
        body = msgspec.json.encode(alert)
        calls = alert.state == "raised" and not alert.quiet
        with self.together():
            before = self._db.execute(
                "SELECT state, called_ms, reminded, escalated, round, body FROM alerts WHERE id = ?", (alert.id,)
            ).fetchone()
            standing = (0 if silently else now_ms, 0, 0, 0) if calls or before is None else before[1:5]
            had = _had(before) if calls else ""
            self._db.execute(
                "INSERT OR REPLACE INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (alert.id, alert.revision, alert.state, now_ms, *standing, body),
            )
            if calls or alert.state != "raised":
                self._db.execute(
                    "UPDATE messages SET state = 'dropped', why = ?, at_ms = ? "
                    "WHERE alert = ? AND state IN ('waiting', 'failed')",
                    ("newer" if calls else alert.state, now_ms, alert.id),
                )
            put = {
                order.channel
                for order in orders
                if (calls or (order.follows and self._earlier(alert.id, order.channel, order.to, alert.revision)))
                and self._put(alert, order, now_ms, body, act="again" if had else "call", had=had)
            }
            self._fresh[alert.id] = alert.revision
        return put

    def _put(
        self, alert: Alert, order: Order, now_ms: int, body: bytes, *, chain: int = 0, act: str = "call",
        had: str = "", turn: int = 0,
    ) -> bool:  # fmt: skip
        due_ms = max(now_ms, order.due_ms)
        if due_ms > now_ms and act == "call":
            act = "held"
        cursor = self._db.execute(
            "INSERT OR IGNORE INTO messages (alert, revision, channel, address, persons, language, act, had, round, "
            "follows, chain, rank, queued_ms, due_ms, at_ms, body) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                alert.id, alert.revision, order.channel, order.to, " ".join(order.persons), order.language, act, had,
                turn, order.follows, chain, SEVERITY_RANK[alert.severity], due_ms, due_ms, now_ms, body,
            ),
        )  # fmt: skip
        if cursor.rowcount and not chain:
            self._db.execute("UPDATE messages SET chain = id WHERE id = ?", (cursor.lastrowid,))
        return bool(cursor.rowcount)

    def announce(self, alert: Alert, orders: Sequence[Order], now_ms: int) -> set[str]:
        """Take what is told once and asks for no answer; return the channels that have something to do.

        It is given as an alert that is over, so nobody is reminded. What is known already changes nothing.
        """
        if self.knows(alert.id, alert.revision):
            return set()
        body = msgspec.json.encode(alert)
        with self.together():
            self._db.execute(
                "INSERT OR REPLACE INTO alerts VALUES (?, ?, ?, ?, 0, 0, 0, 0, ?)",
                (alert.id, alert.revision, alert.state, now_ms, body),
            )
            put = {order.channel for order in orders if self._put(alert, order, now_ms, body, act="week")}
            self._fresh[alert.id] = alert.revision
        return put

    def called(self) -> list[OpenCall]:
        """Return the alerts that people were called for and that nobody has taken up."""
        with self._lock:
            rows = self._db.execute(
                "SELECT body, called_ms, reminded, escalated FROM alerts WHERE state = 'raised' AND called_ms > 0"
            ).fetchall()
        return [OpenCall(msgspec.json.decode(body, type=Alert), *rest) for body, *rest in rows]

    def call_again(self, called: OpenCall, orders: Sequence[Order], act: Act, now_ms: int) -> set[str]:
        """Remind, or ask somebody else; return the channels that have something to do.

        `called` has the counts that hold from now on. Nothing where the alert has changed meanwhile. What still waits
        on the same channel makes way, but for what is held back.
        """
        alert = called.alert
        body = msgspec.json.encode(alert)
        with self.together():
            row = self._db.execute(
                "UPDATE alerts SET reminded = ?, escalated = ?, round = round + 1 WHERE id = ? AND revision = ? "
                "RETURNING round",
                (called.reminded, called.escalated, alert.id, alert.revision),
            ).fetchone()
            if row is None:
                return set()
            for order in orders:
                self._db.execute(
                    "UPDATE messages SET state = 'dropped', why = 'newer', at_ms = ? WHERE alert = ? AND channel = ? "
                    "AND state IN ('waiting', 'failed') AND NOT (act = 'held' AND due_ms > ?)",
                    (now_ms, alert.id, order.channel, now_ms),
                )
            return {
                order.channel for order in orders if self._put(alert, order, now_ms, body, act=act, turn=int(row[0]))
            }

    def _earlier(self, alert: str, channel: str, to: str, before: int) -> tuple[tuple[int, int], ...]:
        rows = self._db.execute(
            "SELECT revision, json_extract(body, '$.changed_ms') FROM messages WHERE alert = ? AND channel = ? "
            "AND address = ? AND revision < ? AND state IN ('accepted', 'delivered') ORDER BY revision",
            (alert, channel, to, before),
        )
        return tuple((int(revision), int(changed_ms)) for revision, changed_ms in rows)

    def next(self, channel: str, now_ms: int) -> Message | None:
        """Return what a channel has to send now: the most severe first, then the oldest; None for nothing."""
        with self._lock:
            row = self._db.execute(
                "SELECT id, address, tries, queued_ms, act, round, had, persons, language, body "
                "FROM messages WHERE channel = ? "
                "AND state IN ('waiting', 'failed') AND due_ms <= ? ORDER BY rank DESC, queued_ms, id LIMIT 1",
                (channel, now_ms),
            ).fetchone()
            if row is None:
                return None
            identifier, to, tries, queued_ms, act, turn, had, persons, language, body = row
            alert = msgspec.json.decode(body, type=Alert)
            earlier = self._earlier(alert.id, channel, to, alert.revision)
        called = tuple(persons.split())
        return Message(
            identifier, channel, to, tries, queued_ms, alert, earlier, act, turn, had, called, language
        )  # fmt: skip

    def due_ms(self, channel: str) -> int | None:
        """Return when the next message of a channel is due; None where nothing waits."""
        with self._lock:
            found: int | None = self._db.execute(
                "SELECT min(due_ms) FROM messages WHERE channel = ? AND state IN ('waiting', 'failed')", (channel,)
            ).fetchone()[0]
        return found

    def accepted(self, message: Message, now_ms: int, said: str = "", *, delivered: bool = False) -> None:
        """Note that a channel has taken a message, also one that was dropped while it was on its way.

        Whatever was to stand in for it is dropped. Where the channel follows and the alert has changed meanwhile, that
        is told next.
        """
        state: MessageState = "delivered" if delivered else "accepted"
        alert = message.alert
        with self.together():
            row = self._db.execute(
                "UPDATE messages SET state = ?, why = '', said = ?, tries = tries + 1, at_ms = ? "
                "WHERE alert = ? AND revision = ? AND channel = ? AND address = ? AND round = ? "
                "RETURNING id, chain, follows",
                (state, said, now_ms, *_this(message)),
            ).fetchone()
            if row is None:
                return
            identifier, chain, follows = row
            self._db.execute(
                "UPDATE messages SET state = 'dropped', why = 'otherwise', said = ?, at_ms = ? "
                "WHERE chain = ? AND alert = ? AND id <> ? AND state IN ('waiting', 'failed')",
                (message.channel, now_ms, chain, alert.id, identifier),
            )
            newest = self._db.execute(
                "SELECT body FROM alerts WHERE id = ? AND revision > ?", (alert.id, alert.revision)
            ).fetchone()
            if follows and newest is not None:
                later = msgspec.json.decode(newest[0], type=Alert)
                self._put(later, Order(message.channel, message.to, follows=True), now_ms, newest[0])

    def delivered(self, alert: str, revision: int, channel: str, now_ms: int) -> None:
        """Note that a message has reached whom it was for: its link was opened, its receipt came back."""
        with self.together():
            self._db.execute(
                "UPDATE messages SET state = 'delivered', at_ms = ? "
                "WHERE alert = ? AND revision = ? AND channel = ? AND state = 'accepted'",
                (now_ms, alert, revision, channel),
            )

    def not_accepted(
        self, message: Message, now_ms: int, due_ms: int, why: str, said: str = "", *, refused: bool = False
    ) -> None:
        """Note that an attempt came to nothing, and when the next one is due; nothing where it was dropped meanwhile.

        A message that was `refused` has failed: it is handed on at once, and tried again now and then.
        """
        state: MessageState = "failed" if refused else "waiting"
        with self.together():
            self._db.execute(
                "UPDATE messages SET state = ?, why = ?, said = ?, tries = tries + 1, due_ms = ?, at_ms = ? "
                "WHERE alert = ? AND revision = ? AND channel = ? AND address = ? AND round = ? "
                "AND state IN ('waiting', 'failed')",
                (state, why, said, due_ms, now_ms, *_this(message)),
            )

    def hand_on(self, way: Way, after_ms: int, now_ms: int) -> set[str]:
        """Give what a channel has refused, or not accepted for `after_ms`, to the next one, too; return those.

        `way` tells where a channel's message for some persons goes next. The first channel goes on trying until one of
        them has it.
        """
        found = set()
        with self._lock:
            rows = self._db.execute(
                "SELECT id, channel, chain, persons, act, had, round, body FROM messages WHERE handed = 0 "
                "AND state IN ('waiting', 'failed') AND (state = 'failed' OR queued_ms <= ?) "
                "ORDER BY rank DESC, queued_ms LIMIT ?",
                (now_ms - after_ms, _AT_ONCE),
            ).fetchall()
            if rows:
                with self.together():
                    for identifier, channel, chain, persons, act, had, turn, body in rows:
                        alert = msgspec.json.decode(body, type=Alert)
                        self._db.execute("UPDATE messages SET handed = 1 WHERE id = ?", (identifier,))
                        for order in way(channel, persons.split()):
                            if self._put(alert, order, now_ms, body, chain=chain, act=act, had=had, turn=turn):
                                found.add(order.channel)
        return found

    def drop_channels(self, kept: Collection[str], now_ms: int) -> None:
        """Drop what waits for channels that are no longer there."""
        with self.together():
            rows = self._db.execute("SELECT DISTINCT channel FROM messages WHERE state IN ('waiting', 'failed')")
            gone = [(now_ms, row[0]) for row in rows.fetchall() if row[0] not in kept]
            self._db.executemany(
                "UPDATE messages SET state = 'dropped', why = 'no_channel', at_ms = ? "
                "WHERE channel = ? AND state IN ('waiting', 'failed')",
                gone,
            )

    def clock_set_back(self, now_ms: int) -> None:
        """Let what was noted at a time that is yet to come go now: the clock was set back, and nobody waits for it."""
        ahead_ms = now_ms + _AHEAD_MS
        with self.together():
            self._db.execute(
                "UPDATE messages SET due_ms = min(due_ms, ?), queued_ms = min(queued_ms, ?), at_ms = ? "
                "WHERE at_ms > ? AND state IN ('waiting', 'failed') AND (act <> 'held' OR tries > 0)",
                (now_ms, now_ms, now_ms, ahead_ms),
            )
            self._db.execute("UPDATE alerts SET called_ms = ? WHERE called_ms > ?", (now_ms, ahead_ms))

    def tried_since(self, channel: str, since_ms: int) -> list[int]:
        """Return when a channel's newest attempts were, oldest first: its rate goes on after a restart."""
        with self._lock:
            rows = self._db.execute(
                "SELECT at_ms FROM messages WHERE at_ms >= ? AND channel = ? AND tries > 0 ORDER BY at_ms",
                (since_ms, channel),
            ).fetchall()
        return [row[0] for row in rows]

    def prune(self, before_ms: int) -> None:
        """Forget what has been over for long."""
        with self.together():
            self._db.execute(
                "DELETE FROM messages WHERE at_ms < ? AND state NOT IN ('waiting', 'failed')", (before_ms,)
            )
            self._db.execute("DELETE FROM alerts WHERE seen_ms < ? AND state IN ('cleared', 'expired')", (before_ms,))
            self._known = dict(self._db.execute("SELECT id, revision FROM alerts").fetchall())


def _this(message: Message) -> tuple[str | int, ...]:
    """Return what a message is: its number is another one where the file had to be made anew."""
    alert = message.alert
    return alert.id, alert.revision, message.channel, message.to, message.round


def _had(before: tuple[Any, ...] | None) -> str:
    """Return who has taken an alert up, as it stood before; empty where nobody had."""
    if before is None or before[0] != "acknowledged":
        return ""
    return msgspec.json.decode(before[5], type=Alert).by or "?"
