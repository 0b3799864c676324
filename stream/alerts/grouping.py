"""One alert for one cause: findings of a kind at devices of one beat that begin together.

A finding joins a cause of its kind where the last of its devices joined, or was over, no longer than `within_ms` ago;
of kinds that are about one place (a crowd, an open door) only where every device of the cause is no further away than
`near_m`, of those that come over a whole beat (fireworks, fog, a network that is down) wherever it is. What must never
be hidden behind another (smoke, an open manhole) is not shown to this. `ingest.vocabulary.ALERT_KINDS` says which.

A cause is named after the device that began it, and over when the findings of all its devices are. It is remembered
for `returns_ms`: what returns to one of its devices in that time is the same cause.

Fails where a crowd is larger than `near_m`: it is then a few causes side by side; and where two things happen at once
in one place.
"""

from functools import reduce
from typing import Any, Final

import msgspec

from ingest.places import Places
from ingest.vocabulary import ALERT_KINDS
from models.hotspots.grid import distance_m
from models.state import Saved, value
from stream.alerts.budget import Noted
from stream.alerts.standing import growth, in_place_of, says_more, together
from stream.results import Notice
from stream.sentences import Why, literal

NAMED: Final = 5
"""So many devices of a cause are called by their names; the others are counted."""


class Cause(msgspec.Struct, kw_only=True):
    """One cause, and the findings that it shows in."""

    kind: str
    members: dict[str, Notice]
    """Device → its finding, in the order in which they joined: of a rule the newest, of a model the one that says most,
    with the surprise of its strangest."""
    active: list[str]
    """Devices whose finding is not over."""
    newest_ms: int
    """When the last one joined, or came back."""
    over_ms: int = 0
    """When all were over; 0: they are not."""
    past: list[str] = msgspec.field(default_factory=list)
    """Devices that took part before it was over for the last time, and have not since."""
    noted: Noted = msgspec.field(default_factory=Noted)

    @property
    def first(self) -> Notice:
        """The finding that began it."""
        return next(iter(self.members.values()))

    @property
    def now(self) -> list[Notice]:
        """The findings since it was over for the last time; all of them where it never was."""
        return [notice for device, notice in self.members.items() if device not in self.past]

    @property
    def strangest(self) -> Notice:
        """The strangest of these; of rules' that are not over the highest reading, or the newest."""
        if self.first.by_model:
            return max(self.now, key=lambda notice: notice.surprise)
        found = [self.members[name] for name in self.active] or self.now
        return reduce(lambda most, one: most if growth(self.kind, one.why, most.why) < 1.0 else one, found)

    @property
    def over(self) -> int:
        """At how many devices it is over while it goes on at others."""
        return len(self.now) - len(self.active) if self.active else 0

    @property
    def devices(self) -> tuple[str, ...]:
        """All devices, in the order in which they joined; empty where there is only one."""
        return tuple(self.members) if len(self.members) > 1 else ()

    @property
    def cause_ms(self) -> int:
        """Event time of the earliest beginning."""
        return min(notice.cause_ms for notice in self.now)


class Causes(Saved):
    """The causes of a site that are open, or were until lately.

    What becomes of a finding depends on those of its beat only, so it is no matter which shard of a site is faster.

    Parameters
    ----------
    places
        For what devices are called on a map; their places stand in the notices.
    near_m
        How far apart devices of one cause may be, metres; 0: every finding is a cause of its own.
    within_ms
        How long after the last one a device may join.
    returns_ms
        How long after its end a cause may return to one of its devices.
    """

    _open = value(list[Cause])
    """Those that are over are among them until one of their beat is asked for."""

    def __init__(self, places: Places, near_m: float, within_ms: int, returns_ms: int) -> None:
        self.places, self.near_m, self.within_ms, self.returns_ms = places, near_m, within_ms, returns_ms
        super().__init__()
        self.restored()

    def restored(self) -> None:
        """Find the causes of devices."""
        self._of = {(device, cause.kind): cause for cause in self._open for device in cause.members}

    def rise(self, notice: Notice) -> Cause:
        """Return the cause that a finding belongs to, with the finding in it."""
        self._forget(notice)
        device, key = notice.device, (notice.device, notice.kind)
        cause = self._of.get(key) or self._near(notice)
        if cause is None:
            cause = Cause(kind=notice.kind, members={}, active=[], newest_ms=notice.at_ms)
            self._open.append(cause)
        self._of[key] = cause
        if cause.over_ms:
            cause.over_ms, cause.past = 0, list(cause.members)
        before = None if device in cause.past else cause.members.get(device)
        if device in cause.past:
            cause.past.remove(device)
        if before is None or device not in cause.active:
            cause.newest_ms = notice.at_ms
        cause.members[device] = notice if before is None or not notice.by_model else _newest(before, notice)
        if not notice.ends:
            cause.over_ms = notice.at_ms
        elif device not in cause.active:
            cause.active.append(device)
        return cause

    def fall(self, device: str, kind: str, at_ms: int) -> Cause | None:
        """Take note that a device's finding is over; return its cause, where it has one that was not over."""
        cause = self._of.get((device, kind))
        if cause is None or device not in cause.active:
            return None
        cause.active.remove(device)
        if not cause.active:
            cause.over_ms = at_ms
        return cause

    def knows(self, device: str, kind: str) -> bool:
        """Tell whether a device's finding is part of a cause, be it over or not."""
        return (device, kind) in self._of

    def _forget(self, notice: Notice) -> None:
        """Forget what was over for so long in a notice's beat that it does not return.

        What models find waits for slower shards and what rules find does not, so neither tells the time of the other.
        """
        kept: list[Cause] = []
        for cause in self._open:
            ago_ms = notice.at_ms - cause.over_ms
            alike = cause.first.beat == notice.beat and cause.first.by_model == notice.by_model
            if not cause.over_ms or not alike or 0 <= ago_ms < self.returns_ms:
                kept.append(cause)
                continue
            for device in cause.members:
                del self._of[device, cause.kind]
        self._open = kept

    def _near(self, notice: Notice) -> Cause | None:
        """Return the oldest cause that a new finding joins, or None."""
        if self.near_m <= 0 or notice.device not in self.places.devices:
            return None
        return next((cause for cause in self._open if self._fits(cause, notice)), None)

    def _fits(self, cause: Cause, notice: Notice) -> bool:
        last_ms = max(cause.newest_ms, cause.over_ms)
        return (
            cause.kind == notice.kind
            and cause.first.beat == notice.beat
            and cause.first.about == notice.about
            and cause.first.device in self.places.devices
            and 0 <= notice.at_ms - last_ms <= self.within_ms
            and (
                ALERT_KINDS[notice.kind].together == "beat"
                or _farthest(notice, list(cause.members.values())) <= self.near_m
            )
        )

    def why(self, cause: Cause) -> Why:
        """Return the reason of a cause: as its only device says, or in one sentence for all of them."""
        strangest, found = cause.strangest, list(cause.members.values())
        if len(found) == 1:
            return strangest.why
        if cause.over and not strangest.by_model:
            left = [cause.members[name] for name in cause.active]
            return Why("still", {**_named(left), "over": cause.over, "count": len(found), "why": strangest.why})
        types = {self.places.devices[name].type if name in self.places.devices else "" for name in cause.members}
        said: dict[str, Any] = {
            **_named(found),
            "type": types.pop() if len(types) == 1 else "",
            "count": len(found),
            "metres": max(_farthest(one, found) for one in found),
            "place": literal(strangest.place),
            "strongest": strangest.why,
        }
        if not strangest.by_model:
            return Why("alike", said)
        said["strongest"] = Why(strangest.why.code, {**strangest.why.args, "most": 0})
        return Why("together", {**said, **together(strangest.why, [one.why for one in cause.now])})


def _named(found: list[Notice]) -> dict[str, Any]:
    """Return what a sentence says of some devices: the first by their names, and how many there are besides."""
    return {"names": [literal(one.place) for one in found[:NAMED]], "more": max(len(found) - NAMED, 0)}


def _newest(before: Notice, notice: Notice) -> Notice:
    """Return how a finding stands after a further notice of it: with the numbers of the one that says more."""
    more = says_more(notice.kind, notice.why, before.why)
    if more is None:
        return notice if notice.surprise > before.surprise else before
    surprise = max(notice.surprise, before.surprise)
    if not more:
        return msgspec.structs.replace(before, surprise=surprise)
    why = in_place_of(notice.why, before.why)
    return msgspec.structs.replace(notice, why=why, cause_ms=min(notice.cause_ms, before.cause_ms), surprise=surprise)


def _farthest(one: Notice, others: list[Notice]) -> float:
    lon, lat = [other.lonlat[0] for other in others], [other.lonlat[1] for other in others]
    return float(distance_m(lon, lat, *one.lonlat).max())
