"""Backtest of staffing: weeks planned one after the other from earlier weeks only, against three equal shifts."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.patrols.staffing import LoadForecast, Shift, ShiftRules, cover, equal_shifts, served, there_of

_AHEAD = 8
"""Days that are planned for a week: those who begin on its last evening are of use on the morning after."""


@dataclass(frozen=True, slots=True)
class StaffingScore:
    """What two ways of staffing a year came to."""

    officers: int
    """Of each equal shift."""
    first_h: int
    """Hour at which the first equal shift of a day begins: the best there is."""
    hours: float
    """Officer-hours of the shifts chosen."""
    equal_hours: float
    share: float
    """Of the load that really came, what the shifts chosen served."""
    equal_share: float
    expected_share: float
    """What the forecast had the chosen shifts serve."""


def staffing(
    load: NDArray[np.float64],
    kinds: NDArray[np.int64],
    officers: int,
    rules: ShiftRules,
    *,
    learn_weeks: int = 8,
    first_hours: tuple[int, ...] = (0, 6, 7),
    progress: Callable[[int, int], None] | None = None,
) -> StaffingScore:
    """Plan every week after the first ones so that it serves what equal shifts would, by the forecast of that day.

    Parameters
    ----------
    load
        Officer-hours, (days, 24, beats), the first day a Monday's or not; NaN where unknown.
    kinds
        Kind of each day (`models.patrols.staffing`), (days,): known ahead, as calendars are.
    officers
        Of each equal shift. It begins at that one of `first_hours` which would have served most; a week's plan knows
        nothing of its own week, and the choice of the hour is the only thing that knows the year.
    """
    weeks = range(learn_weeks, (len(load) - 1) // 7)
    total = load.sum(axis=2)
    chosen: list[Shift] = []
    equals: dict[int, list[NDArray[np.float64]]] = {first: [] for first in first_hours}
    expected: list[tuple[float, float]] = []
    spill = np.zeros(_AHEAD * 24)
    base = weeks.start * 7
    over = 0.0
    for number, week in enumerate(weeks):
        begin = week * 7
        known = LoadForecast(load[:begin], kinds[:begin])
        likely = known.likely(known.of(kinds[begin : begin + _AHEAD]).sum(axis=2).ravel())
        plans = {first: equal_shifts(likely, officers, first, rules) for first in first_hours}
        for first, plan in plans.items():
            equals[first].append(plan.there[: 7 * 24])
        share = max(plan.served for plan in plans.values())
        # Officers come whole: what was served beyond its share in earlier weeks, as it came out, need not be now.
        share -= over / float(likely.mean(axis=1).sum())
        before = spill[: len(likely)]
        made = cover(likely, share, rules, before=before)
        week_s = [one for one in made.shifts if one.begin < 7 * 24]
        there = there_of(week_s, before)
        expected.append((served(likely[: 7 * 24], there[: 7 * 24]), float(likely[: 7 * 24].mean(axis=1).sum())))
        came = np.nan_to_num(total[begin : begin + 7]).ravel()
        over += float(np.minimum(came, there[: 7 * 24]).sum())
        over -= max(float(np.minimum(came, plan.there[: 7 * 24]).sum()) for plan in plans.values())
        spill = np.zeros(_AHEAD * 24)
        spill[: len(likely) - 7 * 24] = there[7 * 24 :]
        chosen += [
            msgspec.structs.replace(
                one,
                begin=one.begin + (begin - base) * 24,
                breaks=tuple((hour + (begin - base) * 24, n) for hour, n in one.breaks),
            )
            for one in week_s
        ]
        if progress is not None:
            progress(number + 1, len(weeks))
    hours = len(weeks) * 7 * 24
    year = np.nan_to_num(total[base : base + len(weeks) * 7]).ravel()[:, None]
    there = there_of(chosen, np.zeros(hours + 24))[:hours]
    shares = {first: served(year, np.concatenate(parts)) for first, parts in equals.items()}
    best = max(shares, key=lambda first: shares[first])
    weight = np.array(expected)
    return StaffingScore(
        officers=officers,
        first_h=best,
        hours=float(sum(one.officers * one.length_h for one in chosen)),
        equal_hours=float(len(weeks) * 7 * 24 * officers),
        share=served(year, there),
        equal_share=shares[best],
        expected_share=float((weight[:, 0] * weight[:, 1]).sum() / weight[:, 1].sum()),
    )
