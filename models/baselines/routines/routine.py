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

from models.baselines import negbin
from models.baselines.count_judge import Prediction
from models.baselines.routines.visits import (
    NEVER,
    Codes,
    Extent,
    Visits,
    agreement,
    bounds,
    busiest_by,
    decode,
    extent,
    kindred,
    needed,
)
from models.baselines.rows import Rows, Seen, picked
from models.calendar import Calendar, Day

Floats = NDArray[np.floating[Any]]
Flags = NDArray[np.bool_]

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
_FEWEST, _MANY = 4, 7
"""No season is made of fewer visits that agree, if it does not say so; none of before of fewer than many."""
_BREAK: Final = 5
"""So many visits in a row that all stay below what a routine reached are its end, for now."""
_NEARLY: Final = np.uint8(4)
"""A visit that reached a fifth less, in codes, reached it."""
_FOUR, _BEFORE, _TWO, _SEASONS = range(4)
"""What is asked of a slot: the weekday's last four visits, those of the class before its last three, these last two,
and then the seasons."""


class Ordinary(NamedTuple):
    """What the routine makes ordinary, per window; arrays (found,)."""

    rows: NDArray[np.intp]
    """For which of the rows asked for it speaks."""
    least: Floats
    usual: Floats
    most: Floats


class _Season(NamedTuple):
    """Visits to a slot, and what they must do to make a routine."""

    which: list[int]
    """The visits, by their places among those of the slot."""
    all_of: int = 0
    """See `models.baselines.routines.visits.needed`."""
    also: list[int] | None = None
    """Visits that must all have shown it, too."""
    unlike: list[int] | None = None
    """Visits that must not do the same, as they are of the weeks between."""
    by: float = 1.0
    """By this factor."""
    until: list[int] | None = None
    """Visits since then, newest first, of which some in a row must have stayed below it: it has ended."""
    strange: bool = False
    """Whether these are visits of other kinds of day: how little came on them promises nothing."""

    def agreed(self, high: Codes) -> tuple[Floats, Floats]:
        """Return what they reached and kept, counts a window, by the highest (visits of the slot, rows)."""
        reached, kept = (decode(codes) for codes in agreement(high[self.which], self.all_of))
        if self.also is not None:
            more = agreement(high[self.also], len(self.also))
            reached, kept = np.minimum(reached, decode(more.reached)), np.maximum(kept, decode(more.kept))
        if self.unlike is not None:
            others = agreement(high[self.unlike], self.all_of)
            reached = np.where(decode(others.kept) * self.by < reached, reached, np.float32(0.0))
            kept = np.where(decode(others.reached) > kept * self.by, kept, np.float32(np.inf))
        if self.until is not None:
            since = high[self.until]
            runs = [since[first : first + _BREAK].max(axis=0) for first in range(len(since) - _BREAK + 1)]
            reached = np.where(decode(np.min(runs, axis=0)) < reached, reached, np.float32(0.0))
        return reached, kept


class _Slot:
    """The visits to one slot, and the seasons that they make.

    Hardly any series has a routine at any one slot. So for all series it is only counted how many visits reached more
    than the base explains, or less than it promises; where that can be enough, the seasons are asked.
    """

    def __init__(self, days: list[int], asked: list[_Season], earlier: list[_Season], newest: list[int]) -> None:
        self.days, self.seasons, self.earlier, self.newest = days, asked[_SEASONS:], earlier, newest
        """The days of its visits; seasons, narrowest first; those of before, which may come back; the last visits."""
        self.lately: list[int] = []
        """The last visits of an ordinary day's class."""
        self.number = -1
        """Which slot of the day it is."""
        self._near = 1 + max((one for season in asked for one in season.which), default=-1)
        agree = ((season.all_of or _FEWEST, len(season.which)) for season in self.seasons)
        self._fewest = np.uint8(min((need for need, visits in agree if need <= visits), default=NEVER))
        asked = [*asked, *earlier]
        self._member = np.zeros((len(asked), len(days)), dtype=np.float32)
        for member, season in zip(self._member, asked, strict=True):
            member[season.which] = 1.0
        counts = np.arange(len(days) + 1)
        self._need = np.stack([needed(counts, season.all_of) for season in asked])

    def move(self, visits: Visits, today: Day, second: int) -> None:
        """Go to the slot of a second of the day; all have the same seasons."""
        number = second // visits.slot_s
        if number != self.number:
            self.number = number
            self.high, self._calm = visits.highest(self.days, number)
            self._seen = _how_many(self.high[: self._near] > 0)
            # What was a routine months ago is one again when it has come once. (While it is one, the weekday that it
            # leaves out is out of it.)
            once = visits.once(today, number)
            came = self.high[self.lately] > np.maximum(once, _NEARLY) - _NEARLY
            again = (_how_many(came[:_BREAK]) > 0) & (_how_many(came) < needed(np.array(len(came)), 0))
            self.back = np.where(again, once, np.uint8(0))

    def around(self, visits: Visits, which: list[int], series: NDArray[np.intp]) -> Extent:
        """Return what some of its visits showed, of some series."""
        return extent(visits.around([self.days[one] for one in which], self.number, series))

    def doubtful(self, rows: Rows, more: Codes, less: Codes) -> NDArray[np.intp]:
        """Return the places among rows where enough visits for any season were beyond `more` or short of `less`."""
        high, before = self.high[: self._near, rows], self.high[self._near :, rows]
        beyond = _how_many(high > more)
        short = self._seen[rows] - _how_many(self._calm[: self._near, rows] >= less)
        doubt = np.maximum(beyond, short) >= self._fewest
        if self.earlier:
            doubt |= beyond + _how_many(before > more) >= _MANY
        doubt |= self.back[rows] > more
        places: NDArray[np.intp] = doubt.nonzero()[0]
        return places

    def ask(self, series: NDArray[np.intp], more: Codes, less: Codes) -> tuple[Flags, Flags, Flags, Flags]:
        """Ask all seasons whether there is a rise, or a lull, in some series; both (seasons, series).

        And whether there was a rise on nearly all days of the class before the last three of them, or in a season that
        has ended; both (series,).
        """
        high, calm, one = self.high[:, series], self._calm[:, series], np.uint8(1)
        # (what was not seen, 0, becomes the largest)
        facts = (high > 0, high > more, calm - one < less - one)
        seen, beyond, short = (self._member @ fact.astype(np.float32) for fact in facts)
        need = self._need[np.arange(len(self._need))[:, None], seen.astype(np.intp)]
        rises, falls = beyond >= need, short >= need
        # No wider season rises over what the weekday's last four visits did not reach.
        few = need[_FOUR] == NEVER
        end = _SEASONS + len(self.seasons)
        up, down = rises[_SEASONS:end], falls[_SEASONS:end]
        up[1:] &= few | (beyond[_FOUR] > 0)
        down[1:] &= few | (short[_FOUR] > 0)
        for season, rise, fall in zip(self.seasons, up, down, strict=True):
            if season.also is not None:
                np.logical_and(rise, rises[_TWO], out=rise)
                np.logical_and(fall, falls[_TWO], out=fall)
            if season.strange:
                fall[:] = False
            if season.unlike is not None and len(some := (rise | fall).nonzero()[0]):
                reached, kept = season.agreed(high[:, some])
                rise[some] &= reached > 0
                fall[some] &= np.isfinite(kept)
        return up, down, rises[_BEFORE], np.logical_or.reduce(rises[end:], axis=0) | (self.back[series] > more)


def _how_many(visits: Flags) -> Codes:
    """Return of how many visits something holds, (rows,)."""
    counts: Codes = np.add.reduce(visits.view(np.uint8), axis=0, dtype=np.uint8)
    return counts


class Routine:
    """Finds what is ordinary at a slot; keeps what it looks at until it changes."""

    def __init__(self, visits: Visits, calendar: Calendar, window_s: int) -> None:
        self._visits, self._calendar, self._window_s = visits, calendar, window_s
        self._known: tuple[int, int, int] | None = None
        self._slot: _Slot | None = None

    def find(self, rows: Rows, start_ms: int, rate: Floats, spread: Floats) -> Ordinary | None:
        """Return what is ordinary in a window where it is not what the base says.

        Parameters
        ----------
        rows
            Series.
        rate, spread
            What the base expects of a whole window, and its dispersion, (rows,).
        """
        key = self._calendar.day_number(start_ms), self._calendar.edition, self._visits.version
        if self._known != key:
            self._known, self._slot = key, self._look(self._calendar.day(key[0]))
        found = self._slot
        if found is None:
            return None
        found.move(self._visits, self._calendar.day(key[0]), self._calendar.instant(start_ms)[1])
        pooled = self._visits.reach > 0
        deviation = np.sqrt(negbin.variance(rate, spread))
        if pooled:
            deviation *= _HIGHEST
        above, below = rate * _MORE + deviation + 1.0, rate * (1.0 / _MORE)
        if not pooled:  # the highest of many is below the mean only if it is lower
            below = below - deviation
        more, less = bounds(above, below)
        place = found.doubtful(rows, more, less)
        if not len(place):
            return None
        rises, lulls, before, ended = found.ask(picked(rows, place), more[place], less[place])
        told = np.flatnonzero((rises | lulls).any(axis=0) | ended)
        if not len(told):
            return None
        place, rises, lulls = place[told], rises[:, told], lulls[:, told]
        series, base, above, below = picked(rows, place), rate[place], above[place], below[place]
        least, usual, most = np.zeros((3, len(place)), dtype=np.float32)
        known, up = np.zeros((2, len(place)), dtype=np.bool_)
        for season, rise, lull in zip(found.seasons, rises, lulls, strict=True):
            fall = lull & ~known
            new = ((rise & ~known) | fall).nonzero()[0]
            if len(new):
                least[new], usual[new], most[new] = self._extent(found, season, series[new])
            higher = (rise & up).nonzero()[0]
            if len(higher):  # a wider season is the first to see that a rush has grown
                most[higher] = np.maximum(most[higher], self._extent(found, season, series[higher])[2])
            up |= rise & ~(known & ~up)
            known |= rise | fall
        again = self._again(found, series, np.maximum(np.where(known & ~up, below, above), most))
        new = ~known
        least[new], usual[new], most[new], up[new] = base[new], base[new], base[new], True
        # The busiest of some windows is that by chance, too, and chance is reckoned with apart.
        if self._visits.several:
            least -= busiest_by(0.5, least)
            usual -= busiest_by(0.5, usual)
        if pooled:
            most -= busiest_by(1.0, most)
        gone = (up & before[told]).nonzero()[0]
        if len(gone):
            # Where a rush of every day stays away, that is told twice.
            last = decode(found.around(self._visits, found.newest, series[gone]).usual)
            least[gone] = np.where(last < above[gone], np.minimum(least[gone], last), least[gone])
        # A rise is over the base, a lull below it, whatever one visit was.
        least = np.where(up, np.maximum(least * (1.0 / _SLACK), base), least)
        usual = np.maximum(usual, least)
        # (one count where nobody comes is no crowd)
        low = np.minimum(np.maximum(most * _SLACK, 1.0), base)
        most = np.maximum(np.where(up, most * _SLACK, low), np.maximum(usual, again * _SLACK))
        some = (known | (again > 0)).nonzero()[0]
        return Ordinary(place[some], least[some], usual[some], most[some]) if len(some) else None

    def keep(self, rows: Rows, start_ms: int, seen: Seen) -> None:
        """Keep for longer what the visits have in common; to be told of each window, and done where a slot ends."""
        second, slot_s = self._calendar.instant(start_ms)[1], self._visits.slot_s
        today = self._calendar.day(self._calendar.day_number(start_ms))
        if (second + self._window_s) // slot_s == second // slot_s or today.holiday or today.school or today.bridge:
            return
        days = [self._calendar.day(number) for number in self._visits.before(today.number)]
        self._visits.keep(rows, today, kindred(days, today)[1], second // slot_s, seen)

    def speak(
        self,
        prediction: Prediction,
        rows: Rows,
        start_ms: int,
        shares: tuple[Floats, Floats],
        lately: NDArray[np.bool_],
        resting: Floats | None,
    ) -> None:
        """Put into a prediction what is ordinary, where it is not what the base says or was not `lately` (rows,).

        `resting` is what a rest day would show (rows,), on days that may be as one.
        """
        rate, exposure = shares
        wide = prediction.group[0] / np.maximum(rate, 1e-3)
        wide += prediction.busy[0]
        wide += prediction.misfit
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
        if resting is not None:
            prediction.least = np.minimum(prediction.least, resting)
            prediction.most = np.maximum(prediction.most, resting)
            lately[:] = True
            prediction.spoke = np.arange(len(rate))
        prediction.routine = lately.nonzero()[0]

    def _look(self, today: Day) -> _Slot | None:
        """Say which seasons a day has. None where nothing is remembered."""
        days = [self._calendar.day(number) for number in self._visits.before(today.number)]
        if not days:
            return None
        usual, alike = kindred(days, today)
        same = [one for one in alike if one.weekday == today.weekday and one.as_usual == today.as_usual]
        turn = [one for one in alike if (one.week - today.week) % 2 == 0]
        other = [one for one in alike if (one.week - today.week) % 2 == 1]
        place: dict[int, int] = {}

        def of(some: list[Day]) -> list[int]:
            """Return the places of days that are asked for, from now on."""
            return [place.setdefault(one.number, len(place)) for one in some]

        seasons = [_Season(of(same[:6])), _Season(of(alike[:10]))]
        if len(alike) > 1 and len(usual) > 4:
            # All days are alike, and this class has shown it, too.
            seasons.append(_Season(of(usual[:10]), also=of(alike[:2])))
        if len(alike) < _KNOWN:
            # What such a day does to the others' routine is not known: neither its rush nor its absence is strange.
            seasons.append(_Season(of([one for one in days if one.day_class == today.day_class][:10]), strange=True))
        if len(turn) >= 3 and len(other) >= 3:
            seasons.append(_Season(of(turn[:8]), all_of=6, unlike=of(other[:8])))
            mine, theirs = ([one for one in week if one in same][:4] for week in (turn, other))
            seasons.append(_Season(of(mine), all_of=3, unlike=of(theirs), by=_PLAIN))
        rest = [_Season(of(same[:4]), all_of=4), _Season(of(alike[3:13])), _Season(of(alike[:2]), all_of=2)]
        # (what stayed away between two feasts has not come back yet on the day after)
        like = today.holiday, today.school, today.day_class
        newest = of([one for one in days if (one.holiday, one.school, one.day_class) == like][:3])
        firsts = range(_BREAK, len(alike) - _MANY, _BREAK)
        earlier = [_Season(of(alike[one : one + 10]), until=of(alike[:one])) for one in firsts]
        slot = _Slot(list(place), [*rest, *seasons], earlier, newest)
        if not (today.holiday or today.school or today.bridge):
            slot.lately = [place[one.number] for one in alike[:10]]
        return slot

    def _again(self, slot: _Slot, series: NDArray[np.intp], beyond: Floats) -> Floats:
        """Return up to what the routines of before went where that was `beyond` something; (series,), 0 elsewhere."""
        reached = decode(slot.back[series])
        again = np.where(reached > beyond, reached * _FARTHEST + 2.0, 0.0).astype(np.float32)
        for season in slot.earlier:
            back = (season.agreed(slot.high[:, series])[0] > beyond).nonzero()[0]
            if len(back):
                again[back] = np.maximum(again[back], self._extent(slot, season, series[back])[2])
        return again

    def _extent(self, slot: _Slot, season: _Season, series: NDArray[np.intp]) -> tuple[Floats, Floats, Floats]:
        """Return what a season's visits showed at least, usually and at most, counts a window, each (series,)."""
        shown = slot.around(self._visits, season.which, series)
        least, usual, most, usual_high, high = (decode(codes) for codes in shown)
        # Where the neighbours have more it is an edge, and visits are early or late; elsewhere they only add to chance.
        most = np.where(usual_high > usual * _EDGE + 2.0, high, most)
        # One visit in five may have been an event: it is not what all the others have in common.
        reached, _ = season.agreed(slot.high[:, series])
        most = np.minimum(most, reached * _FARTHEST + 2.0)
        return (np.zeros_like(least) if season.strange else least), usual, most
