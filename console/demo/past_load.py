"""What the demo's station had to do in the weeks before: made up, so that there is a staffing sheet to look at."""

from pathlib import Path
from typing import Final

import numpy as np

from console.training.offered_load import rules_of
from deploy.settings import Settings
from deploy.wiring import days_of
from ingest.places import Places
from stream.patrol.staffing_sheet import SERVED, PastLoad, keep_sheet, monday_of, staffing_sheet

_DAYS: Final = 56
_PER_1000: Final = 0.25
"""Officer-hours that a thousand residents ask for in an hour of medium trouble."""
_BY_HOUR: Final = (
    1.2, 0.9, 0.6, 0.4, 0.3, 0.3, 0.5, 0.9, 1.0, 0.9, 0.8, 0.9, 1.0, 0.9, 0.8, 0.8, 1.0, 1.2, 1.4, 1.7, 1.9, 2.0, 1.9,
    1.6,
)  # fmt: skip


def write_staffing(settings: Settings, places: Places, folder: Path, now_ms: int, seed: int) -> None:
    """Write the staffing sheet of the coming week, from weeks that depend on the seed alone.

    Evenings ask for most, those before days off for more, a beat for as much as it has residents.
    """
    calendar = days_of(settings)
    first = calendar.day_number(now_ms) - _DAYS
    chance = np.random.default_rng([seed, _DAYS])
    residents = np.array([max(beat.residents, 200) for beat in places.beats.values()]) / 1000
    late = np.array([1.4 if calendar.day(first + n).weekday in {4, 5} else 1.0 for n in range(_DAYS)])
    mean = _PER_1000 * late[:, None, None] * np.array(_BY_HOUR)[None, :, None] * residents[None, None, :]
    load = settings.patrol.routine_h + chance.poisson(4 * mean) / 4
    rules = rules_of("8", 5, settings.patrol.least)
    past = PastLoad(tuple(places.beats), first, load)
    sheet = staffing_sheet(past, calendar, monday_of(calendar, now_ms), rules, share=SERVED)
    keep_sheet(folder, sheet | {"made_ms": now_ms})
