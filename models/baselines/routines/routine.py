"""Routines: what came on most of the last visits is ordinary, at its own size and with its own spread.

The base (`models.baselines.seasonal`) is the lower of two habits, so a rush of every working day would be an event for
ever. Beside it stand the visits themselves (`models.baselines.routines.visits`). Which days a series goes by they say:
for each season (the weekday; the class of day; all days; every second week) it is asked whether nearly all of its last
visits reached what the base does not explain (a rise), or nearly none did what the base promises (a lull). The
narrowest season that can tell decides. Games that come on some days and not on others agree in no season, and stay
alarms.

What is ordinary is then an interval, from the least to the most that the visits showed: a count is strange by what it
lies outside of it. So a rush that jitters by ten minutes is wide at its edges and narrow in its middle, a rush that
stays away is a deficit, and one of twice the size a surge.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.baselines.count_judge import Prediction
from models.baselines.routines.visits import Around, Visits, agreement, busiest_by, decode, extent
from models.baselines.rows import Rows, picked
from models.calendar import Calendar, Day

Floats = NDArray[np.floating[Any]]

_MORE: Final = 1.2
"""A rise or lull is by this factor, and a standard deviation, and one count, away from the base."""
_FARTHEST: Final = 1.55
"""The most that is ordinary, relative to what nearly every visit reached."""
_EDGE: Final = 1.4
"""A slot whose neighbours usually differ by this factor is the edge of something."""
_PLAIN: Final = 3.0
"""Four visits of one weekday are few: home games come every second Friday for two months, and are no routine. A market
that multiplies what is there by so much is."""
_KNOWN: Final = 5
"""Visits from which days of a kind, such as those without school, have a routine of their own."""
_HIGHEST: Final = 2.5
"""So many deviations where the highest of some slots counts."""
_SLACK: Final = 1.04
"""Codes are as coarse as this."""


class Ordinary(NamedTuple):
    """What the routine makes ordinary, per window; arrays (found,)."""

    rows: NDArray[np.intp]
    """For which of the rows asked for it speaks."""
    least: Floats
    usual: Floats
    most: Floats


class _Season(NamedTuple):
    which: list[int]
    """Its visits, among those of the slot."""
    reached: Floats
    """As `models.baselines.routines.visits.Agreement`, counts a window, (series,)."""
    kept: Floats
    strange: bool = False
    """Whether these are visits of other kinds of day: how little came on them promises nothing."""


class _Slot(NamedTuple):
    """What the seasons of one slot say, counts a window; arrays (series,)."""

    around: Around
    seasons: list[_Season]
    """Narrowest first; the first is the weekday's."""
    never: Floats
    """What none of the weekday's last four visits exceeded: no wider season rises over it."""
    always: Floats
    """What all four reached."""
    before: Floats
    """What nearly all days of the class reached before the last three of them."""
    lately: list[int]
    """Those three. Where a rush of every day stays away, that is told twice."""


class Routine:
    """Finds what is ordinary at a slot; keeps what it found until the next one, or until the memory changes."""

    def __init__(self, visits: Visits, calendar: Calendar) -> None:
        self._visits, self._calendar = visits, calendar
        self._known: tuple[int, int, int] | None = None
        self._slot: _Slot | None = None

    def find(self, rows: slice | NDArray[np.intp], start_ms: int, rate: Floats, spread: Floats) -> Ordinary | None:
        """Return what is ordinary in a window where it is not what the base says.

        Parameters
        ----------
        rows
            Series.
        rate, spread
            What the base expects of a whole window, and its dispersion, (rows,).
        """
        day, second = self._calendar.day_number(start_ms), self._calendar.instant(start_ms)[1]
        slot = second // self._visits.slot_s
        if self._known != (day, slot, self._visits.version):
            self._known = day, slot, self._visits.version
            self._slot = self._look(self._calendar.day(day), slot)
        found = self._slot
        if found is None:
            return None
        mean = rate
        deviation = np.sqrt(mean + spread * mean * mean)
        if self._visits.pooled:
            deviation = deviation * _HIGHEST
        above, below = mean * _MORE + deviation + 1.0, mean * (1.0 / _MORE)
        if not self._visits.pooled:  # the highest of many is below the mean only if it is lower
            below = below - deviation
        least, usual, most = np.zeros((3, len(mean)), dtype=np.float32)
        may_rise, may_fall = found.never[rows] >= above, found.always[rows] <= below
        told, high = np.zeros((2, len(mean)), dtype=np.bool_)
        for rank, season in enumerate(found.seasons):
            rises, falls = season.reached[rows] > above, season.kept[rows] < below
            if rank:
                rises &= may_rise
                falls &= may_fall
            falls &= ~told
            new = ((rises & ~told) | falls).nonzero()[0]
            if len(new):
                least[new], usual[new], most[new] = _extent(found, season, picked(rows, new))
            higher = (rises & high).nonzero()[0]
            if len(higher):  # a wider season is the first to see that a rush has grown
                most[higher] = np.maximum(most[higher], _extent(found, season, picked(rows, higher))[2])
            high |= rises & ~(told & ~high)
            told |= rises | falls
        place = told.nonzero()[0]
        if not len(place):
            return None
        least, usual, most = (values[place] for values in (least, usual, most))
        # The busiest of some windows is that by chance, too, and chance is reckoned with apart.
        if self._visits.several:
            least -= busiest_by(0.5, least)
            usual -= busiest_by(0.5, usual)
        if self._visits.pooled:
            most -= busiest_by(1.0, most)
        base, up = rate[place], high[place]
        gone = (up & (found.before[rows][place] > above[place])).nonzero()[0]
        if len(gone):
            last = decode(extent(found.around.of(found.lately, picked(rows, place[gone]))).usual)
            least[gone] = np.where(last < above[place[gone]], np.minimum(least[gone], last), least[gone])
        # A rise is over the base, a lull below it, whatever one visit was.
        least = np.where(up, np.maximum(least * (1.0 / _SLACK), base), least)
        usual = np.maximum(usual, least)
        # (one count where nobody comes is no crowd)
        low = np.minimum(np.maximum(most * _SLACK, 1.0), base)
        most = np.maximum(np.where(up, most * _SLACK, low), usual)
        return Ordinary(place, least, usual, most)

    def speak(
        self,
        prediction: Prediction,
        rows: Rows,
        start_ms: int,
        shares: tuple[Floats, Floats],
        lately: NDArray[np.bool_],
    ) -> None:
        """Put into a prediction what is ordinary, where it is not what the base says or was not `lately` (rows,)."""
        rate, exposure = shares
        wide = prediction.group[0] / np.maximum(rate, 1e-3) + prediction.busy[0] + prediction.misfit
        found = self.find(rows, start_ms, rate, wide)
        if found is not None:
            some, share = found.rows, exposure[found.rows]
            prediction.least, prediction.usual, prediction.most = (prediction.mean.copy() for _ in range(3))
            # A warm evening moves the routine as it does the base, to either side of what it was on other days.
            slow = prediction.mean[some] / prediction.base[some]
            prediction.least[some] = found.least * share * np.minimum(slow, 1.0)
            prediction.usual[some] = found.usual * share
            prediction.most[some] = found.most * share * np.maximum(slow, 1.0)
            lately[some] = True
            prediction.spoke = some
        prediction.routine = lately.nonzero()[0]

    def _look(self, today: Day, slot: int) -> _Slot | None:
        """Ask the seasons. None where nothing is remembered."""
        held = self._visits.day
        past = np.sort(held[(held >= 0) & (held < today.number) & (held >= today.number - self._visits.days)])[::-1]
        if not len(past):
            return None
        days = [self._calendar.day(number) for number in past.tolist()]
        # Feasts are days apart, and so are those without school: they neither make a routine of others nor break one.
        usual = [one for one in days if (one.holiday, one.school) == (today.holiday, today.school)]
        alike = [one for one in usual if one.day_class == today.day_class]
        same = [one for one in alike if one.weekday == today.weekday and one.as_usual == today.as_usual]
        turn = [one for one in alike if (one.week - today.week) % 2 == 0]
        other = [one for one in alike if (one.week - today.week) % 2 == 1]

        around = self._visits.at(past.tolist(), slot)
        place = {one.number: at for at, one in enumerate(days)}

        def of(some: list[Day], last: int, all_of: int = 0) -> _Season:
            which = [place[one.number] for one in some[:last]]
            if not which:
                nothing = np.zeros(self._visits.size, dtype=np.float32)
                return _Season(which, nothing, nothing + np.float32(np.inf))
            found = agreement(around.high[which], all_of)
            return _Season(which, decode(found.reached), decode(found.kept))

        weekday, four = of(same, 6), of(same, 4, all_of=4)
        seasons = [weekday, of(alike, 10)]
        if len(alike) > 1 and len(usual) > 4:
            # All days are alike, and this class has shown it, too.
            every, two = of(usual, 10), of(alike, 2, all_of=2)
            seasons.append(
                every._replace(reached=np.minimum(every.reached, two.reached), kept=np.maximum(every.kept, two.kept))
            )
        if len(alike) < _KNOWN:
            # What such a day does to the others' routine is not known: neither its rush nor its absence is strange.
            others = of([one for one in days if one.day_class == today.day_class], 10)
            seasons.append(others._replace(kept=others.kept + np.float32(np.inf), strange=True))
        if len(turn) >= 3 and len(other) >= 3:
            seasons.append(_apart(of(turn, 8, all_of=6), of(other, 8, all_of=6)))
            mine = of([one for one in turn if one in same], 4, all_of=3)
            seasons.append(_apart(mine, of([one for one in other if one in same], 4, all_of=3), by=_PLAIN))
        lately = [place[one.number] for one in alike[:3]]
        return _Slot(around, seasons, four.kept, four.reached, of(alike[3:], 10).reached, lately)


def _apart(mine: _Season, others: _Season, *, by: float = 1.0) -> _Season:
    """Every second week: only where the weeks between do not do the same, or are apart by a factor."""
    return mine._replace(
        reached=np.where(others.kept * by < mine.reached, mine.reached, 0.0).astype(np.float32),
        kept=np.where(others.reached > mine.kept * by, mine.kept, np.inf).astype(np.float32),
    )


def _extent(slot: _Slot, season: _Season, series: NDArray[np.intp]) -> tuple[Floats, Floats, Floats]:
    """Return what a season's visits showed at least, usually and at most, counts a window, each (series,)."""
    least, usual, most, usual_high, high = (decode(codes) for codes in extent(slot.around.of(season.which, series)))
    # Where the neighbours have more, it is an edge, and visits are early or late; elsewhere they only add to chance.
    most = np.where(usual_high > usual * _EDGE + 2.0, high, most)
    # One visit in five may have been an event: it is not what all the others have in common.
    most = np.minimum(most, season.reached[series] * _FARTHEST + 2.0)
    return (np.zeros_like(least) if season.strange else least), usual, most
