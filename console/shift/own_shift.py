"""Whose shift it is: by the rota of those who are told, by the patrol's plan, else the one in which somebody came."""

from typing import Final
from zoneinfo import ZoneInfo

from console.people.people import Person
from console.shift.shift_times import ShiftSpan, ShiftTimes
from ingest.days.telling_settings import TellingSettings, rules_of, with_file
from ingest.setup.settings import SettingsError
from models.occurrences import Occurrences

_EARLY_MS: Final = 3_600_000
"""So long before a shift people sign in for it."""


def own_shift(times: ShiftTimes, telling: TellingSettings, person: Person, since_ms: int) -> ShiftSpan | None:
    """Return the shift for which somebody signed in at a time (epoch ms, the site's time); None where it is nobody's.

    Who is on the rota is there for what it says, officers for their shift of the plan. Of a duty officer whom neither
    names, it is the shift that ran then, or that began soon after.
    """
    planned = [shift for shift in times.between(since_ms, since_ms + _EARLY_MS) if person.officer in shift.officers]
    duties = [*_on_rota(times.zone, telling, person.id, since_ms), *planned]
    if duties:
        return max(duties, key=lambda shift: (shift.begin_ms, shift.end_ms))
    return times.at(since_ms + _EARLY_MS) if person.role == "duty" else None


def _on_rota(zone: ZoneInfo, telling: TellingSettings, person: str, since_ms: int) -> list[ShiftSpan]:
    try:
        rota = rules_of(with_file(telling)).rota
    except SettingsError:  # being edited; the doctor says what is wrong with it
        return []
    mine = Occurrences((entry for entry in rota if person in entry.at), zone)
    return [
        ShiftSpan("", one.entry.name, "", one.start_ms, one.end_ms)
        for one in mine.between(since_ms, since_ms + _EARLY_MS)
    ]
