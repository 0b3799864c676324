"""One alert for one cause: findings of models at neighbouring devices that begin together.

A finding joins an open cause of its kind where every device of that cause stands in the same beat and no further away
than `near_m`, and where the last of them joined no longer than `within_ms` ago; otherwise it begins a cause of its own.
A cause is over when the findings of all its devices are. It is named after the device that began it.

Fails where a crowd is larger than `near_m`: it is then a few causes side by side; and where two things happen at once
in one place.
"""

from typing import Final

import msgspec

from ingest.places import Places
from ingest.vocabulary import COUNT_ALERTS
from models.hotspots.grid import distance_m
from models.state import Saved, value
from stream.alerts.budget import Noted
from stream.alerts.standing import in_place_of, says_more, together
from stream.results import Notice
from stream.sentences import Why, literal

NAMED: Final = 5
"""So many devices of a cause are called by their names; the others are counted."""


class Cause(msgspec.Struct, kw_only=True):
    """One cause, and the findings that it shows in."""

    kind: str
    members: dict[str, Notice]
    """Device → the finding that says most, with the surprise of its strangest, in the order in which they joined."""
    active: list[str]
    """Devices whose finding is not over."""
    newest_ms: int
    """When the last one joined."""
    noted: Noted = msgspec.field(default_factory=Noted)

    @property
    def first(self) -> Notice:
        """The finding that began it."""
        return next(iter(self.members.values()))

    @property
    def strangest(self) -> Notice:
        """The strangest finding; of equal ones the first."""
        return max(self.members.values(), key=lambda notice: notice.surprise)

    @property
    def devices(self) -> tuple[str, ...]:
        """All devices, in the order in which they joined; empty where there is only one."""
        return tuple(self.members) if len(self.members) > 1 else ()

    @property
    def cause_ms(self) -> int:
        """Event time of the earliest beginning."""
        return min(notice.cause_ms for notice in self.members.values())


class Causes(Saved):
    """The open causes of a site.

    Parameters
    ----------
    places
        For what devices are called on a map; their places stand in the notices.
    near_m
        How far apart devices of one cause may be, metres; 0: every finding is a cause of its own.
    within_ms
        How long after the last one a device may join.
    """

    _open = value(list[Cause])

    def __init__(self, places: Places, near_m: float, within_ms: int) -> None:
        self.places, self.near_m, self.within_ms = places, near_m, within_ms
        super().__init__()
        self.restored()

    def restored(self) -> None:
        """Find the causes of devices."""
        self._of = {(device, cause.kind): cause for cause in self._open for device in cause.members}

    def rise(self, notice: Notice) -> Cause:
        """Return the cause that a finding belongs to, with the finding in it."""
        key = (notice.device, notice.kind)
        cause = self._of.get(key) or self._near(notice)
        if cause is None:
            cause = Cause(kind=notice.kind, members={}, active=[], newest_ms=notice.at_ms)
            if notice.ends:
                self._open.append(cause)
        before = cause.members.get(notice.device)
        if before is None:
            cause.newest_ms = notice.at_ms
        cause.members[notice.device] = notice if before is None else _newest(before, notice)
        if notice.ends:
            self._of[key] = cause
            if notice.device not in cause.active:
                cause.active.append(notice.device)
        return cause

    def fall(self, notice: Notice) -> Cause | None:
        """Take note that a device's finding is over; return its cause where that was the last one of it."""
        cause = self._of.get((notice.device, notice.kind))
        if cause is None:
            return None
        if notice.device in cause.active:
            cause.active.remove(notice.device)
        if cause.active:
            return None
        self._open = [other for other in self._open if other is not cause]
        for device in cause.members:
            del self._of[device, cause.kind]
        return cause

    def _near(self, notice: Notice) -> Cause | None:
        """Return the oldest cause that a new finding joins, or None."""
        known = notice.device in self.places.devices
        if self.near_m <= 0 or not known or notice.kind not in COUNT_ALERTS.values() or not notice.ends:
            return None
        return next((cause for cause in self._open if self._fits(cause, notice)), None)

    def _fits(self, cause: Cause, notice: Notice) -> bool:
        return (
            cause.kind == notice.kind
            and cause.first.beat == notice.beat
            and 0 <= notice.at_ms - cause.newest_ms <= self.within_ms
            and _farthest(notice, list(cause.members.values())) <= self.near_m
        )

    def why(self, cause: Cause) -> Why:
        """Return the reason of a cause: as its only device says, or in one sentence for all of them."""
        strangest, found = cause.strangest, list(cause.members.values())
        if len(found) == 1:
            return strangest.why
        types = {self.places.devices[name].type if name in self.places.devices else "" for name in cause.members}
        return Why(
            "together",
            {
                "type": types.pop() if len(types) == 1 else "",
                "count": len(found),
                "metres": max(_farthest(one, found) for one in found),
                "names": [literal(one.place) for one in found[:NAMED]],
                "more": max(len(found) - NAMED, 0),
                "place": literal(strangest.place),
                "strongest": Why(strangest.why.code, {**strangest.why.args, "most": 0}),
                **together(strangest.why, [one.why for one in found]),
            },
        )


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
