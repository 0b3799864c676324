"""The life of an alert: raised, acknowledged, cleared or expired. One open alert a device and kind.

What happens to one (device, kind) depends only on the notices of it, in order, and not on other alerts or on when the
book was asked: so the shards of a site may be faster or slower, and the alerts are the same. (An alert that takes the
place of others, as a fire does of smoke and heat, does so within one shard.) What needs only time to pass has a time of
its own, and bears it whenever the book is asked.

What comes and goes (a bad link, fireworks) is one alert: it returns under its old id, and from the third time on it
stays open and says so, until nothing has come for the flap time. Of what must not be overlooked (kinds that stand
`alone`) every beginning and every end is told.
"""

import hashlib
from typing import Any, Final

import msgspec

from ingest.events import Command
from ingest.vocabulary import ALERT_KINDS
from models.state import Saved, value
from stream.alerts.standing import fuller, growth
from stream.results import Alert, Notice
from stream.sentences import Why

MAX_REMEMBERED: Final = 10_000
"""Command ids and ended alerts kept, so that repeats and returns are recognised."""
_HELD_FROM: Final = 3
"""What has come so many times is not told as over in every pause."""
_GATHER_MS: Final = 60_000
"""What is said of further devices is said so long after the change before, with all that came meanwhile. What stops for
less has not stopped."""

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
    most: Why | None = None
    """What is more than that, and not told yet."""


class _Turns(msgspec.Struct):
    """How often what an alert tells of has come, and what waits to be said of it."""

    since_ms: int
    """Event time of the first beginning."""
    count: int = 1
    told: int = 1
    """The count that people have heard of."""
    over_ms: int = 0
    """When it was over for the last time, while the alert stays open all the same; 0: it goes on."""
    end_ms: int = 0
    """Event time of that end; 0: not known."""
    news: Notice | None = None
    """What the next quiet revision says."""


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
    _turns = value(dict[tuple[str, str], _Turns])
    """Of open and of ended alerts."""
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
        the person gets a new one. One that stays open because it comes and goes is raised again when it has come twice
        as often as people have heard.

        A condition that goes on makes a revision where it shows at other `devices`, or where its numbers have grown
        (`stream.alerts.standing`): people are called again when these or those have doubled since they last heard;
        what is less leaves state, name and note as they are, and numbers come at most every five minutes. The alerts
        that the notice `takes` the place of are cleared, and say so.
        """
        key, now_ms = (notice.device, notice.kind), notice.at_ms
        changes = self.expire(now_ms, key)
        before = self._open.get(key)
        if before is None:
            changes.append(self._put(key, self._begun(key, notice)))
        else:
            changes += self._gone_on(key, before, notice)
        for taken in notice.takes:
            changes += self.expire(now_ms, taken)  # what was due before it ended
            other = self._open.get(taken)
            if other is not None:
                why = Why("taken_over", {"why": other.why, "kind": notice.kind})
                changes.append(self._end(taken, _next(other, now_ms, state="cleared", why=why)))
        return changes

    def _begun(self, key: tuple[str, str], notice: Notice) -> Alert:
        """Return the alert of what has begun: a new one, or one that comes back."""
        if notice.ends:
            self._ending[key] = None
        ended, turns = self._ended.pop(key, None), self._turns.pop(key, None)
        if ended is None or ended.by or notice.at_ms - ended.changed_ms >= self.flap_ms:
            turns, alert = _Turns(since_ms=notice.cause_ms), self._new(notice)
        else:
            turns = turns or _Turns(since_ms=ended.cause_ms)
            turns.count += 1
            alert = _next(ended, notice.at_ms, state="raised", **_says(notice, turns))
        self._turns[key] = turns
        self._hear(key, alert, notice.why)
        return alert

    def _gone_on(self, key: tuple[str, str], before: Alert, notice: Notice) -> list[Alert]:
        """Return the changes of an open alert: it is raised again, or revised now or later, or nothing is new."""
        now_ms, why = notice.at_ms, notice.why
        turns = self._turns.setdefault(key, _Turns(since_ms=before.cause_ms))
        if turns.over_ms:
            turns.count += now_ms - turns.over_ms >= _GATHER_MS
            turns.over_ms, turns.news = 0, None
        standing = self._standing.get(key) or Standing(before.why, before.why)
        another = key not in self._ending and before.state == "acknowledged"
        doubled = growth(notice.kind, why, standing.heard) >= 2.0
        more = self._twice(key, notice, now_ms) or turns.count >= 2 * turns.told
        if not notice.quiet and (another or doubled or more):
            return [self._again(key, before, notice, now_ms, doubled=doubled)]
        others = set(notice.devices or (notice.device,)) != set(before.devices or (before.device,))
        grown = growth(notice.kind, why, standing.shown) >= _GROWN and now_ms - before.changed_ms >= QUIET_MS
        changes: list[Alert] = []
        waits = turns.news is not None
        call = not notice.quiet or (turns.news is not None and not turns.news.quiet)
        if grown or fuller(why, standing.shown):
            changes.append(self._revised(key, before, notice, now_ms))
            others = len(notice.devices) >= 2 * self._heard.get(key, 1)  # of which people are still to be told
        elif growth(notice.kind, why, standing.most or standing.shown) > 1.0:
            self._standing[key] = msgspec.structs.replace(standing, most=why)
        if others or (waits and not changes) or (notice.quiet and turns.count < _HELD_FROM):
            turns.news = msgspec.structs.replace(notice, quiet=not call)
        return changes + self._quietly(key, now_ms)

    def _quietly(self, key: tuple[str, str], now_ms: int) -> list[Alert]:
        """Revise an alert where something waits to be said and its time has come."""
        alert, turns = self._open.get(key), self._turns.get(key)
        if alert is None or turns is None or turns.news is None or turns.over_ms:
            return []
        # What is only said otherwise waits for what else comes with it: it may be the end.
        news = turns.news
        at_ms = max(alert.changed_ms + _GATHER_MS, news.at_ms + news.quiet)
        if at_ms > now_ms:
            return []
        if news.quiet or not self._twice(key, news, at_ms):
            return [self._revised(key, alert, news, at_ms)]
        return [self._again(key, alert, news, at_ms)]

    def _twice(self, key: tuple[str, str], notice: Notice, at_ms: int) -> bool:
        """Tell whether there are twice as many devices as people know of, and they were not called just now."""
        called = self._open[key].heard_ms
        return len(notice.devices) >= 2 * self._heard.get(key, 1) and not 0 <= at_ms - called < _GATHER_MS

    def _again(self, key: tuple[str, str], alert: Alert, notice: Notice, at_ms: int, *, doubled: bool = False) -> Alert:
        """Call people again."""
        says = _says(notice, self._turns[key])
        if doubled:
            says["why"] = Why("doubled", {"why": says["why"], "kind": notice.kind})
        alert = _next(alert, at_ms, state="raised", **says)
        self._hear(key, alert, notice.why)
        return self._put(key, alert)

    def _revised(self, key: tuple[str, str], alert: Alert, notice: Notice, at_ms: int) -> Alert:
        """Say what a notice says, calling nobody: state, name and note stay."""
        turns = self._turns[key]
        turns.news = None
        standing = self._standing.get(key) or Standing(alert.why, alert.why)
        self._standing[key] = Standing(standing.heard, notice.why)
        says = _says(notice, turns)
        return self._put(key, _next(alert, at_ms, by=alert.by, note=alert.note, heard_ms=alert.heard_ms, **says))

    def _hear(self, key: tuple[str, str], alert: Alert, why: Why) -> None:
        """Note what people know now."""
        turns = self._turns[key]
        turns.told, turns.news = turns.count, None
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

    def fall(
        self, device: str, kind: str, now_ms: int, end_ms: int = 0, told: Notice | None = None, by: str = ""
    ) -> list[Alert]:
        """Clear an alert whose condition is over; nothing where none is open.

        `end_ms` is the event time of the end, where it is known: the alert says how long it went on. `told` is what it
        came to, where that is more than its newest revision says. What comes and goes stays open until it has not come
        for the flap time, unless somebody (`by`) has said that this is how it is now.
        """
        key = (device, kind)
        changes = self.expire(now_ms, key)
        alert = self._open.get(key)
        if alert is None:
            return changes
        turns = self._turns.setdefault(key, _Turns(since_ms=alert.cause_ms))
        turns.news = told or turns.news
        if turns.count >= _HELD_FROM and ALERT_KINDS[kind].together != "alone" and not by:
            turns.over_ms, turns.end_ms = now_ms, end_ms
            return changes
        return [*changes, self._over(key, alert, turns, now_ms, end_ms or now_ms, by)]

    def _over(self, key: tuple[str, str], alert: Alert, turns: _Turns, now_ms: int, end_ms: int, by: str = "") -> Alert:
        """End an alert with how long it went on, and with what was still to be said."""
        says: dict[str, Any] = {"why": alert.why, "devices": alert.devices}
        standing = self._standing.get(key)
        if turns.news is not None:
            says = _says(turns.news, turns)
        elif standing is not None and standing.most is not None and turns.count == 1:
            says["why"] = standing.most
        since_ms = turns.since_ms if turns.count > 1 else alert.cause_ms
        lasted_s = max(end_ms - (since_ms or alert.raised_ms), 0) / 1000
        said = {"by": by} if by else {"lasted_s": lasted_s}
        why = Why("believed" if by else "over", {"why": says["why"], **said})
        return self._end(key, _next(alert, now_ms, state="cleared", why=why, devices=says["devices"], by=by))

    def expire(self, now_ms: int, *keys: tuple[str, str]) -> list[Alert]:
        """Do what time has brought for the open alerts (or those of some keys).

        What waits to be said is said; what comes and goes, and has not come for the flap time, is cleared; what has no
        end of its own and has outlived its time expires. Each bears the time at which it was due, whenever this is
        asked.
        """
        changes: list[Alert] = []
        for key in keys or list(self._open):
            changes += self._quietly(key, now_ms)
            alert, turns = self._open.get(key), self._turns.get(key)
            if alert is None:
                continue
            if turns is not None and turns.over_ms and now_ms - turns.over_ms >= self.flap_ms:
                changes.append(
                    self._over(key, alert, turns, turns.over_ms + self.flap_ms, turns.end_ms or turns.over_ms)
                )
            elif key not in self._ending and now_ms - alert.changed_ms >= self.ttl_ms:
                changes.append(self._end(key, _next(alert, alert.changed_ms + self.ttl_ms, state="expired")))
        return changes

    def command(self, command: Command, now_ms: int, due_ms: int) -> list[Alert]:
        """Carry out what a person said, of the alert as it stands at `due_ms`: up to then it is known what came.

        A repeated command changes nothing.

        Raises KeyError with a text for people where no open alert has that id.
        """
        if command.id in self._commands:
            return []
        found = next((item for item in self._open.items() if item[1].id == command.alert), None)
        if found is None:
            raise KeyError(f"alert {command.alert!r} is not open, so it cannot be {command.action}d")
        self.new(command)
        key = found[0]
        changes = self.expire(due_ms, key)
        alert = self._open.get(key)
        if alert is None:  # it was over by then
            return changes
        says = {"by": command.shown, "note": command.note, "reason": command.reason or alert.reason}
        if command.action == "clear":
            return [*changes, self._end(key, _next(alert, now_ms, state="cleared", **says))]
        if alert.state == "acknowledged":
            return changes
        self._heard[key] = max(len(alert.devices), 1)
        if key in self._standing:
            self._standing[key] = Standing(self._standing[key].shown, self._standing[key].shown)
        return [*changes, self._put(key, _next(alert, now_ms, state="acknowledged", **says))]

    def new(self, command: Command) -> bool:
        """Remember a command by its id; tell whether it came for the first time."""
        if command.id in self._commands:
            return False
        self._commands[command.id] = None
        if len(self._commands) > MAX_REMEMBERED:
            del self._commands[next(iter(self._commands))]
        return True

    def _put(self, key: tuple[str, str], alert: Alert) -> Alert:
        self._open[key] = alert
        return alert

    def _end(self, key: tuple[str, str], alert: Alert) -> Alert:
        del self._open[key]
        self._ending.pop(key, None)
        self._heard.pop(key, None)
        self._standing.pop(key, None)
        self._ended[key] = alert
        turns = self._turns.get(key)
        if turns is not None:
            turns.over_ms, turns.news = 0, None
        if len(self._ended) > MAX_REMEMBERED:
            oldest = next(iter(self._ended))
            del self._ended[oldest]
            self._turns.pop(oldest, None)
        return alert


def _says(notice: Notice, turns: _Turns) -> dict[str, Any]:
    """Return what an alert says of a notice: the fields that it changes."""
    why = notice.why
    if turns.count > 1:
        why = Why("comes_and_goes", {"kind": notice.kind, "count": turns.count, "since_ms": turns.since_ms, "why": why})
    return {"why": why} | {name: getattr(notice, name) for name in ("cause_ms", "cause_seq", "devices")}


def _next(alert: Alert, now_ms: int, **changes: Any) -> Alert:  # noqa: ANN401 - fields of `Alert`
    """Return the next revision of an alert: nobody is named in it, and people hear of it, unless `changes` says so."""
    reason = "" if changes.get("state") == "raised" else alert.reason
    changes = {"by": "", "note": "", "reason": reason, "heard_ms": now_ms, **changes}
    return msgspec.structs.replace(alert, revision=alert.revision + 1, changed_ms=now_ms, **changes)


def _alert_id(site: str, device: str, kind: str, raised_ms: int) -> str:
    """Return an id that is the same when the log is read again."""
    return hashlib.blake2b(f"{site}\n{device}\n{kind}\n{raised_ms}".encode(), digest_size=8).hexdigest()
