"""Combinations of hazards: smoke and heat close together are a fire, which neither proves alone.

Steam, dust and a cigarette make smoke detectors speak, the sun and a stove make heat detectors speak; both together in
one place are hardly ever false, which is why fire detection systems ask for two kinds before they act (EN 54-13 calls
it coincidence detection).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from models.hotspots.grid import distance_m
from models.state import Saved, value

Key = tuple[str, str]
"""(device, kind)."""

FIRE_KINDS: Final = frozenset({"smoke", "heat"})
WITHIN_M: Final = 50.0
WITHIN_S: Final = 300.0
"""A detector that has fallen silent no longer ago than this still counts: fires destroy detectors."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a detector is, and what may be combined with it."""

    device: str
    beat: str
    lon: float
    lat: float
    room: str = ""
    """Name of a room or zone; detectors of one room belong together whatever their distance."""
    within_m: float = WITHIN_M

    def near(self, other: "Spot") -> bool:
        """Tell whether two detectors watch one place. The wider of the two distances counts."""
        if self.beat != other.beat:
            return False
        if self.room and self.room == other.room:
            return True
        return self.metres(other) <= max(self.within_m, other.within_m)

    def metres(self, other: "Spot") -> float:
        """Return the distance to another detector."""
        return float(distance_m(self.lon, self.lat, other.lon, other.lat))


@dataclass(slots=True)
class FirePart:
    """One detector's finding."""

    spot: Spot
    kind: str
    since_ms: int
    why: dict[str, Any]
    """Why it was found, as plain data."""
    until_ms: int | None = None
    """When it was over; None while it goes on."""

    @property
    def key(self) -> Key:
        """What it is called."""
        return self.spot.device, self.kind

    def meets(self, other: "FirePart") -> bool:
        """Tell whether two findings may be of one fire: close in place and in time, in whatever order they came."""
        first, second = sorted((self, other), key=lambda one: one.since_ms)
        soon = first.until_ms is None or second.since_ms <= first.until_ms + round(WITHIN_S * 1000)
        return soon and self.spot.near(other.spot)


@dataclass(slots=True)
class Fire:
    """Findings that make a fire together, oldest first."""

    parts: list[FirePart] = field(default_factory=list)

    @property
    def over(self) -> bool:
        """Whether nothing of it goes on."""
        return all(part.until_ms is not None for part in self.parts)

    @property
    def until_ms(self) -> int:
        """When the last of it that is over was over."""
        return max((part.until_ms for part in self.parts if part.until_ms is not None), default=0)

    @property
    def metres(self) -> float:
        """How far apart its detectors are at most."""
        return max(one.spot.metres(other.spot) for one in self.parts for other in self.parts)


class FireWatch(Saved):
    """Joins findings of smoke and heat into fires; memory is bounded by the detectors there are."""

    _parts = value(dict[Key, FirePart])
    """Findings that go on or were over just now, and belong to no fire, in order of their beginning."""
    _fires = value(list[Fire])
    """Those that go on or were over just now: a fire that flares up again is the same one."""

    def on(self, spot: Spot, kind: str, since_ms: int, why: dict[str, Any], until_ms: int | None = None) -> Fire | None:
        """Take a finding that begins, is said again, or was over at `until_ms` before it became known.

        Returns the fire it makes or belongs to, or None.
        """
        part = FirePart(spot, kind, since_ms, why, until_ms)
        self._forget(since_ms)
        fire = self._fire_of(part.key)
        if fire is not None:
            known = next(one for one in fire.parts if one.key == part.key)
            if until_ms is not None and not part.meets(known):
                return None
            known.until_ms = until_ms
            return fire
        before = self._parts.pop(part.key, part)
        joined = next((fire for fire in self._fires if any(part.meets(one) for one in fire.parts)), None)
        if joined is not None:
            joined.parts.append(part)
            return joined
        others = [one for one in self._parts.values() if one.kind != kind and part.meets(one)]
        if not others:
            self._parts[part.key] = max(before, part, key=lambda one: one.since_ms)
            return None
        for one in others:
            del self._parts[one.key]
        made = Fire([*others, part])
        self._fires.append(made)
        return made

    def off(self, device: str, kind: str, until_ms: int) -> Fire | None:
        """Take note that a finding is over; return the fire that it is part of, or None."""
        key = (device, kind)
        fire = self._fire_of(key)
        part = self._parts.get(key) if fire is None else next(one for one in fire.parts if one.key == key)
        if part is not None and part.until_ms is None:
            part.until_ms = until_ms
        return fire

    def _fire_of(self, key: Key) -> Fire | None:
        return next((fire for fire in self._fires if any(one.key == key for one in fire.parts)), None)

    def _forget(self, now_ms: int) -> None:
        """Forget what was over too long ago."""
        oldest = now_ms - round(WITHIN_S * 1000)
        self._parts = {
            key: part for key, part in self._parts.items() if part.until_ms is None or part.until_ms >= oldest
        }
        self._fires = [fire for fire in self._fires if not fire.over or fire.until_ms >= oldest]


def spot_of(
    device: str, beat: str, lonlat: tuple[float, float], overrides: Mapping[str, Any] | None = None
) -> Spot | None:
    """Return a detector's spot, None where its combinations are switched off.

    Parameters
    ----------
    device, beat, lonlat
        Which it is, and where.
    overrides
        Of the device: ``fire_rule: false`` switches combinations off, ``fire_m`` is the distance within which others
        are combined with it, ``room`` the name of its room or zone.

    Raises
    ------
    ValueError
        Where an override is of the wrong type; the text names the key.
    """
    given = overrides or {}
    switch, room, metres = given.get("fire_rule", True), given.get("room", ""), given.get("fire_m", WITHIN_M)
    if not isinstance(switch, bool):
        raise ValueError(f"override 'fire_rule' is {switch!r}, expected true or false")  # noqa: TRY004 - a setting
    if not isinstance(room, str):
        raise ValueError(f"override 'room' is {room!r}, expected text")  # noqa: TRY004 - a setting
    if isinstance(metres, bool) or not isinstance(metres, int | float) or not 0 <= metres <= 10_000:
        raise ValueError(f"override 'fire_m' is {metres!r}, expected metres from 0 to 10000")
    return Spot(device, beat, *lonlat, room=room, within_m=float(metres)) if switch else None
