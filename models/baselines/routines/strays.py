"""How far each hour of the last days strayed from the base: bursts that come hour after hour are ordinary.

A train each half hour, a bus each 43 minutes, a lift: they come at other minutes than yesterday, or a little early or
late, so no time of day is theirs, and a base of one rate fits neither the burst nor the lull between two. What they
have in common is that *every day, hour after hour*, some window strays about as far. So the largest residuals of each
hour of the last days are kept, of single windows and of each of the longer sums. Where several of the hours around one
had such a residual on nearly all of the last visits, it is how the series is, and counts are compared with what they
usually stray to. A lone rush shows in an hour or two, a crowd on a few days, and neither is lost in the half hour
around its busiest window: these are no rhythm.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.baselines.count_judge import Rhythm
from models.baselines.routines.visits import agreement, kindred, nearly_most, needed
from models.baselines.rows import Rows, Seen, put
from models.calendar import Calendar, Day
from models.state import ROW, Axis, Saved, array

Floats = NDArray[np.floating[Any]]
Codes = NDArray[np.uint8]

_DAYS: Final = 16
_HOUR_S: Final = 3600
_STEPS: Final = 10.0
"""Codes a unit of the residual."""
_REACH: Final = 2
"""So many hours to either side are asked."""
_HOURS: Final = 3
"""In so many of them it must show."""
_FEWEST: Final = 4
"""Fewer visits say nothing."""
_LEAST: Final = 1.8
"""From such a residual on it is a rhythm. By chance three of five hours reach it on less than half of all days, and
hardly ever on eight of ten."""
_LOST: Final = 0.85
"""A burst strays less far in the sum of a quarter or half an hour, relative to chance; what lasts, further."""
_CHANCE: Final = 1.5
"""By so much the largest of many is large by chance, and chance is reckoned with apart."""
_LONGEST_S: Final = 900
"""In longer windows there are bursts in each, and the base knows them."""


class Strays(Saved):
    """The largest residual of each hour of the last days, by scale; a day lives in row (day % days)."""

    code = array(np.uint8, "days", "hours", "scales", ROW)
    """0 for not seen, else 1 + 10 times the residual; nothing below zero."""
    day = array(np.int64, "days", fill=-1)
    """Which local day (since 1970) a row holds."""

    def __init__(self, window_s: int, scales: int) -> None:
        self.days, self.scales = _DAYS, scales
        self.hours = 86_400 // _HOUR_S if window_s <= _LONGEST_S else 0
        super().__init__()
        self.restored()

    def grow(self, axis: Axis, size: int) -> None:
        """Make room for series; see `Saved.grow`."""
        super().grow(axis, size)
        self.restored()

    def restored(self) -> None:
        """Forget what was found in another state."""
        self._known: tuple[int, int, int] | None = None
        self._found: Floats | None = None

    def put(self, rows: Rows, local: tuple[int, int], residuals: Floats, seen: Seen) -> None:
        """Take the residuals (scales, rows) of a window and the sums it ends; `local` is its day and second of that."""
        day, second = local
        place = day % self.days
        if not self.hours or self.day[place] > day:
            return
        if self.day[place] < day:
            self.code[place] = 0
            self.day[place] = day
        if self._known is not None and day < self._known[0]:
            self._known = None
        new = np.maximum(residuals, 0.0)
        new *= np.float32(_STEPS)
        new += np.float32(1.0)
        codes = np.minimum(new, 255.0, out=new).astype(np.uint8)
        held = self.code[place, second // _HOUR_S]
        put(held, rows, np.maximum(held[:, rows], codes, out=codes), seen)

    def usual(self, rows: Rows, calendar: Calendar, start_ms: int) -> Rhythm | None:
        """Return which rows usually stray at a time, and how far. None where none does."""
        if not self.hours:
            return None
        day, hour = calendar.day_number(start_ms), calendar.instant(start_ms)[1] // _HOUR_S
        key = day, hour, calendar.edition
        if self._known != key:
            self._known, self._found = key, self._look(calendar, day, hour)
        if self._found is None:
            return None
        found = self._found[:, rows]
        some = (found[0] != 0).nonzero()[0]
        return Rhythm(some, found[:, some]) if len(some) else None

    def _look(self, calendar: Calendar, today: int, hour: int) -> Floats | None:
        past = np.sort(self.day[(self.day >= 0) & (self.day < today) & (self.day > today - self.days)])[::-1]
        usual, same = kindred([calendar.day(one) for one in past.tolist()], calendar.day(today))
        # (Saturdays and Sundays are few; what all days have, these do too, if the last two did)
        seasons = [(same[:10], same[:1])]
        if len(usual) > len(same) > 1:
            seasons.append((usual[:10], same[:2]))
        least, size = np.uint8(1.0 + _LEAST * _STEPS), self.size_of(ROW)
        found = np.zeros((self.scales, size), dtype=np.float32)
        for which, also in seasons:
            # Hardly any series has a rhythm: of the others only single windows are looked at.
            if len(which) < _FEWEST or not len(some := self._several(which, hour, least, size)):
                continue
            reached = agreement(self._shown(which, hour, some)).reached
            reached = np.minimum(reached, self._shown(also, hour, some).min(axis=0)).reshape(self.scales, -1)
            place = np.array([one.number for one in which], dtype=np.intp) % self.days
            codes = self.code[place, max(hour - 1, 0) : hour + 2][..., some].max(axis=1)
            most = nearly_most(codes.reshape(len(which), -1)).reshape(self.scales, -1).astype(np.float32)
            bar = (most - 1.0) * np.float32(1.0 / _STEPS) - np.float32(_CHANCE)
            bar *= (reached[0] >= least) & (reached >= least) & (most[1:3].min(axis=0) < most[0] * _LOST)
            found[:, some] = np.maximum(found[:, some], bar)
        return found if found.any() else None

    def _several(self, days: list[Day], hour: int, least: np.uint8, size: int) -> NDArray[np.intp]:
        """Return the series whose single windows strayed so far in three hours around one, on days enough."""
        far, all_seen = np.zeros(size, dtype=np.uint8), True
        for one in days:
            held = self.code[one.number % self.days, self._around(hour), 0, :size]
            hours = np.add.reduce((held >= least).view(np.uint8), axis=0, dtype=np.uint8)
            far += hours >= _HOURS
            all_seen &= bool(held.min(initial=1))
        found: NDArray[np.intp] = (far >= (needed(np.array(len(days)), 0) if all_seen else _FEWEST)).nonzero()[0]
        return found

    def _around(self, hour: int) -> slice:
        return slice(max(hour - _REACH - 1, 0), min(hour + _REACH + 2, self.hours))

    def _shown(self, days: list[Day], hour: int, some: NDArray[np.intp]) -> Codes:
        """Return the third largest code of five hours around one, (days, scales x series), of some series.

        Of the five that lie evenly around it, or begin an hour earlier or later, those that show most: a service
        begins, and ends.
        """
        place = np.array([one.number for one in days], dtype=np.intp) % self.days
        around = self._around(hour)
        every = [self.code[place, one][..., some] for one in range(around.start, around.stop)]
        shown = np.zeros((len(days), self.scales, len(some)), dtype=np.uint8)
        for begin in range(max(len(every) - 2 * _REACH, 1)):
            first, second, third = np.zeros((3, *shown.shape), dtype=np.uint8)
            for new in every[begin : begin + 2 * _REACH + 1]:
                lower = np.minimum(first, new)
                first = np.maximum(first, new)
                lowest = np.minimum(second, lower)
                second = np.maximum(second, lower)
                third = np.maximum(third, lowest)
            shown = np.maximum(shown, third)
        return shown.reshape(len(days), -1)
