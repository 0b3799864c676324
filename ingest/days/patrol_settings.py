"""What a site's settings say of its patrols: officers, shifts, stops agreed upon beforehand."""

import re
from typing import Annotated, Final, NamedTuple

from msgspec import Meta

from ingest.days.site_calendar import CalendarEntry, CalendarError, timed_entry
from ingest.setup.settings import Section
from ingest.topics import ID_PATTERN

_SHIFT: Final = "'daily 06:00-14:00 @ p1 p2: early'"
_COMMITTED: Final = "'Mon-Fri 07:30-07:45 @ 121.4737 31.2304: school gate'"
_LONGEST_S: Final = 24 * 3600


class PatrolSettings(Section, frozen=True, kw_only=True):
    """Patrols: who is there when, and how their stops are planned (docs/patrols.md)."""

    officers: tuple[str, ...] = ()
    """Officers as ID: NAME, such as "p1: Li Wei". The id is the account's name at the broker, and stands in topics."""
    shifts: tuple[str, ...] = ()
    """Shifts as WHEN @ OFFICERS: NAME, such as "daily 06:00-14:00 @ p1 p2: early"; WHEN as in events of [calendar].
    Without shifts nothing is planned."""
    committed: tuple[str, ...] = ()
    """Stops agreed upon beforehand as WHEN @ LON LAT: NAME, such as "Mon-Fri 07:30-07:45 @ 121.47 31.23: school"."""
    station: str = ""
    """Where shifts begin and end, as LON LAT; empty: in the middle of the site."""
    stop_min: Annotated[float, Meta(ge=5, le=60)] = 12.0
    """How long a stop takes, in minutes; 10 to 15 is worth most (Koper 1995)."""
    break_min: Annotated[float, Meta(ge=0, le=120)] = 30.0
    """How long an officer's break in the middle of a shift is, in minutes; they take turns. 0: none."""
    beat_min: Annotated[float, Meta(ge=0, le=480)] = 15.0
    """Minutes that every beat gets in a shift at least, where there is time for it."""
    speed_kmh: Annotated[float, Meta(ge=1, le=100)] = 12.0
    """How fast officers get from stop to stop, in km/h; 4 is on foot."""
    exploration: Annotated[float, Meta(ge=0, le=1)] = 0.1
    """Share of the stops that are drawn at random over the site, so that the map also learns from where nobody was."""
    candidates: Annotated[int, Meta(ge=1, le=400)] = 40
    """Among how many places of the map the stops are chosen."""
    effort_s: Annotated[float, Meta(ge=0, le=60)] = 1.0
    """Seconds of processor time to look for a better plan than going where most is covered next; 0: none."""
    answer_min: Annotated[float, Meta(ge=1, le=480)] = 30.0
    """Officer-minutes that an alert takes to answer, where staff is reckoned."""
    routine_h: Annotated[float, Meta(ge=0, le=10)] = 0.1
    """Officer-hours of routine duty an hour and beat, where staff is reckoned."""
    least: Annotated[int, Meta(ge=0, le=1_000)] = 1
    """Officers there at any hour, at the least, where staff is reckoned."""
    dose_days: Annotated[float, Meta(ge=1, le=366)] = 28.0
    """After how many days delivered minutes count half, where shares of patrol are reckoned."""

    def mistake(self) -> str:
        """Return what cannot be meant; see `ingest.setup.settings.Section.mistake`."""
        try:
            roster_of(self)
        except CalendarError as error:
            return str(error)
        return ""


class Roster(NamedTuple):
    """What `PatrolSettings` say, taken apart."""

    officers: dict[str, str]
    """Id -> name."""
    shifts: tuple[CalendarEntry, ...]
    """With the officers' ids in ``at``."""
    committed: tuple[CalendarEntry, ...]
    """With longitude and latitude in ``at``."""
    station: tuple[float, float] | None
    """Longitude and latitude."""


def roster_of(settings: PatrolSettings) -> Roster:
    """Return officers, shifts and committed stops. Raises `CalendarError`, which names the key."""
    officers: dict[str, str] = {}
    for text in settings.officers:
        identifier, _, name = (part.strip() for part in text.partition(":"))
        if not ID_PATTERN.match(identifier) or identifier in officers:
            raise CalendarError(f"officers has {text!r}, expected ID: NAME, each id once, of letters, digits, - and _")
        officers[identifier] = name or identifier
    shifts = tuple(timed_entry("event", "shifts", text, _SHIFT) for text in settings.shifts)
    for entry, text in zip(shifts, settings.shifts, strict=True):
        strangers = [one for one in entry.at if one not in officers]
        if not entry.at or strangers or not entry.name or entry.seconds > _LONGEST_S:
            known = ", ".join(officers) or "none"
            raise CalendarError(
                f"shifts has {text!r}, expected ids of officers ({known}), a name, and a day at most, such as {_SHIFT}"
            )
    committed = tuple(timed_entry("event", "committed", text, _COMMITTED) for text in settings.committed)
    committed = tuple(
        CalendarEntry(one.kind, one.start, one.seconds, rule=one.rule, name=one.name, at=_point("committed", one.at))
        for one in committed
    )
    station = _point("station", tuple(settings.station.split())) if settings.station else None
    return Roster(officers, shifts, committed, station and (float(station[0]), float(station[1])))


def _point(key: str, at: tuple[str, ...]) -> tuple[str, str]:
    """Return longitude and latitude as they stand in a text, checked."""
    degrees = [float(one) for one in at if re.fullmatch(r"-?\d{1,3}(\.\d{1,12})?", one)]
    if len(at) != 2 or len(degrees) != 2 or abs(degrees[0]) > 180 or abs(degrees[1]) > 90:
        raise CalendarError(
            f"{key} has the place {' '.join(at)!r}, expected LON LAT in degrees, such as 121.4737 31.2304"
        )
    return at[0], at[1]
