"""The life of an alert: raised, acknowledged, cleared or expired. One open alert a device and kind.

What happens to one (device, kind) depends only on the notices of it, in order, and not on other alerts or on when the
book was asked: so the shards of a site may be faster or slower, and the alerts are the same. (An alert that takes the
place of others, as a fire does of smoke and heat, does so within one shard.)
"""

import hashlib
from typing import Any, Final

import msgspec

from models.state import Saved, value
from stream.alerts.standing import fuller, growth
from stream.results import Alert, Notice
from stream.sentences import Why

MAX_REMEMBERED: Final = 10_000
"""Command ids and ended alerts kept, so that repeats and returns are recognised."""


QUIET_MS: Final = 300_000
"""Numbers that have grown by less than double are told no more often."""
_GROWN: Final = 1.25
"""How much more there must be for that."""


class Standing(msgspec.Struct, frozen=True):
    """What people know of an open alert's numbers."""

    heard: Why
    """When they were last called, or took it up."""
    shown: Why
    """In the newest revision."""


class AlertBook(Saved):
    """All alerts of a site. Every method returns the changes it made, in order; replays give the same ones."""

    _open = value(dict[tuple[str, str], Alert])
    _ended = value(dict[tuple[str, str], Alert])
    """The oldest first."""
    _ending = value(dict[tuple[str, str], None])
    """Open alerts that have a condition whose end clears them (the others expire)."""
    _heard = value(dict[tuple[str, str], int])
    """How many devices an open alert had when people last heard of it."""
    _standing = value(dict[tuple[str, str], Standing])
    _commands = value(dict[str, None])

    def __init__(self, site: str, *, ttl_ms: int, flap_ms: int) -> None:
        self.site, self.ttl_ms, self.flap_ms = site, ttl_ms, flap_ms
        super().__init__()

    def open(self) -> list[Alert]:
        """Return the open alerts, oldest first."""
        return list(self._open.values())

    def rise(self, notice: Notice) -> list[Alert]:
        """Raise an alert, or raise an acknowledged one again for a further event.

        Where the notice `ends`, `fall` will clear the alert, and until then it is one event. Otherwise the alert
        expires, and every notice is a further event: who acknowledged the first stranger's car has not heard of the
        second.

        An alert that ended less than the flap time ago comes back under its old id, unless a person cleared it: then
        the person gets a new one.

        A condition that goes on makes a revision where it shows at further `devices`, or where its numbers have grown
        (`stream.alerts.standing`): people are called again when these or those have doubled since they last heard;
        what is less leaves state, name and note as they are, and numbers come at most every five minutes. The alerts
        that the notice `takes` the place of are cleared, and say so.
        """
        key, now_ms = (notice.device, notice.kind), notice.at_ms
        changes = self.expire(now_ms, key)
        news = {name: getattr(notice, name) for name in ("why", "cause_ms", "cause_seq", "devices")}
        before = self._open.get(key)
        if before is not None:
            alert = self._further(before, notice, news)
            if alert is None:
                return []
        else:
            ended = self._ended.pop(key, None)
            if notice.ends:
                self._ending[key] = None
            if ended is not None and not ended.by and now_ms - ended.changed_ms < self.flap_ms:
                alert = _next(ended, now_ms, state="raised", **news)
            else:
                alert = self._new(notice)
            self._hear(key, alert, notice.why)
        changes.append(self._put(key, alert))
        return changes + [
            self._end(
                taken,
                _next(other, now_ms, state="cleared", why=Why("taken_over", {"why": other.why, "kind": notice.kind})),
            )
            for taken in notice.takes
            if (other := self._open.get(taken)) is not None
        ]

    def _further(self, before: Alert, notice: Notice, news: dict[str, Any]) -> Alert | None:
        """Return the revision that a further notice makes of an open alert; None where it says nothing new."""
        key, now_ms, why = (notice.device, notice.kind), notice.at_ms, notice.why
        standing = self._standing.get(key) or Standing(before.why, before.why)
        another = key not in self._ending and before.state == "acknowledged"
        joined = len(notice.devices) > max(len(before.devices), 1)
        doubled = growth(notice.kind, why, standing.heard) >= 2.0
        if another or doubled or (joined and len(notice.devices) >= 2 * self._heard.get(key, 1)):
            if doubled:
                news["why"] = Why("doubled", {"why": why, "kind": notice.kind})
            alert = _next(before, now_ms, state="raised", **news)
            self._hear(key, alert, why)
            return alert
        grown = growth(notice.kind, why, standing.shown) >= _GROWN and now_ms - before.changed_ms >= QUIET_MS
        if not (joined or grown or fuller(why, standing.shown)):
            return None
        self._standing[key] = Standing(standing.heard, why)
        return _next(before, now_ms, by=before.by, note=before.note, heard_ms=before.heard_ms, **news)

    def _hear(self, key: tuple[str, str], alert: Alert, why: Why) -> None:
        """Note what people know now."""
        self._heard[key] = max(len(alert.devices), 1)
        self._standing[key] = Standing(why, why)

    def _new(self, notice: Notice) -> Alert:
        return Alert(
            id=_alert_id(self.site, notice.device, notice.kind, notice.at_ms),
            revision=1,
            site=self.site,
            beat=notice.beat,
            device=notice.device,
            kind=notice.kind,
            state="raised",
            severity=notice.severity,
            raised_ms=notice.at_ms,
            changed_ms=notice.at_ms,
            heard_ms=notice.at_ms,
            lon=notice.lonlat[0],
            lat=notice.lonlat[1],
            place=notice.place,
            why=notice.why,
            confidence=notice.confidence,
            cause_ms=notice.cause_ms,
            cause_seq=notice.cause_seq,
            devices=notice.devices,
        )

    def fall(self, device: str, kind: str, now_ms: int, end_ms: int = 0, why: Why | None = None) -> list[Alert]:
        """Clear an alert whose condition is over; nothing where none is open.

        `end_ms` is the event time of the end, where it is known: the alert says how long it went on, and in `why` what
        it came to, where that is more than its newest revision says.
        """
        key = (device, kind)
        alert = self._open.get(key)
        if alert is None:
            return []
        lasted_s = max((end_ms or now_ms) - (alert.cause_ms or alert.raised_ms), 0) / 1000
        why = Why("over", {"why": why or alert.why, "lasted_s": lasted_s})
        return [self._end(key, _next(alert, now_ms, state="cleared", why=why))]

    def expire(self, now_ms: int, *keys: tuple[str, str]) -> list[Alert]:
        """End the open alerts (or those of some keys) that have no end of their own and have outlived their time.

        They end when that time was over, counted from their last change, whenever this is asked.
        """
        expired = []
        for key in keys or list(self._open):
            alert = self._open.get(key)
            if alert is not None and key not in self._ending and now_ms - alert.changed_ms >= self.ttl_ms:
                expired.append(self._end(key, _next(alert, alert.changed_ms + self.ttl_ms, state="expired")))
        return expired

    def command(self, command_id: str, action: str, alert_id: str, by: str, note: str, now_ms: int) -> list[Alert]:
        """Carry out what a person said. A repeated command changes nothing.

        Raises KeyError with a text for people where no open alert has that id.
        """
        if command_id in self._commands:
            return []
        found = next((item for item in self._open.items() if item[1].id == alert_id), None)
        if found is None:
            raise KeyError(f"alert {alert_id!r} is not open, so it cannot be {action}d")
        self._commands[command_id] = None
        if len(self._commands) > MAX_REMEMBERED:
            del self._commands[next(iter(self._commands))]
        key, alert = found
        if action == "clear":
            return [self._end(key, _next(alert, now_ms, state="cleared", by=by, note=note))]
        if alert.state == "acknowledged":
            return []
        self._heard[key] = max(len(alert.devices), 1)
        if key in self._standing:
            self._standing[key] = Standing(self._standing[key].shown, self._standing[key].shown)
        return [self._put(key, _next(alert, now_ms, state="acknowledged", by=by, note=note))]

    def _put(self, key: tuple[str, str], alert: Alert) -> Alert:
        self._open[key] = alert
        return alert

    def _end(self, key: tuple[str, str], alert: Alert) -> Alert:
        del self._open[key]
        self._ending.pop(key, None)
        self._heard.pop(key, None)
        self._standing.pop(key, None)
        self._ended[key] = alert
        if len(self._ended) > MAX_REMEMBERED:
            del self._ended[next(iter(self._ended))]
        return alert


def _next(alert: Alert, now_ms: int, **changes: Any) -> Alert:  # noqa: ANN401 - fields of `Alert`
    """Return the next revision of an alert: nobody is named in it, and people hear of it, unless `changes` says so."""
    changes = {"by": "", "note": "", "heard_ms": now_ms, **changes}
    return msgspec.structs.replace(alert, revision=alert.revision + 1, changed_ms=now_ms, **changes)


def _alert_id(site: str, device: str, kind: str, raised_ms: int) -> str:
    """Return an id that is the same when the log is read again."""
    return hashlib.blake2b(f"{site}\n{device}\n{kind}\n{raised_ms}".encode(), digest_size=8).hexdigest()
