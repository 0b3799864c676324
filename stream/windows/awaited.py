"""Devices of the places file that are still to be heard for the first time, and those that were taken out of it."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

from ingest.places import Places
from models.state import Saved, value
from stream.windows.catalog import Catalog

AWAITED_MS: Final = 20 * 3_600_000
"""A device is missed when nothing was heard of it for so long: within a day, and not in the hours of a new site."""
_EVERY_MS: Final = 600_000


class Missed(NamedTuple):
    """Ids of devices."""

    new: list[str]
    """Not heard for too long, and not told of before."""
    over: list[str]
    """Told of, and heard by now, or taken out of the places file."""
    all: list[str]
    """Told of and still not heard, the new ones included."""


class Awaited(Saved):
    """Which devices of the places file were never heard, and since when they have been listened to."""

    _since = value(dict[str, int])
    """Device → `SiteTime.listened_ms` when it was first listened to."""
    _told = value(dict[str, None])
    _placed = value(list[str])
    """The devices of the places file, as of the last look."""
    _looked_ms = value(int, -_EVERY_MS)

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        super().__init__()
        self._known: Places | None = None

    def removed(self) -> set[str]:
        """Return the devices that were taken out of the places file while the node was away."""
        places = self._catalog.places
        if self._known is places:
            return set()
        self._known = places
        return {device for device in self._placed if device not in places.devices}

    def look(self, listened_ms: int, heard: Callable[[], AbstractSet[str]]) -> Missed:
        """Look, every few minutes, who has not been heard after `AWAITED_MS` of listening.

        `heard` gives the devices that have ever been.
        """
        if listened_ms < self._looked_ms + _EVERY_MS:
            return Missed([], [], [])
        self._looked_ms = listened_ms
        places = self._catalog.places.devices
        self._placed = list(places)
        known = heard()
        self._since = {device: self._since.get(device, listened_ms) for device in places if device not in known}
        late = [device for device, since_ms in self._since.items() if listened_ms - since_ms >= AWAITED_MS]
        new = [device for device in late if device not in self._told]
        over = [device for device in self._told if device not in self._since]
        self._told = dict.fromkeys(late)
        return Missed(new, over, late)
