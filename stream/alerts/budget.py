"""The alert budget: how many findings of models a day people are asked to look at.

Every finding of a model has a surprise, about -log10 of the probability that ordinary days bring something as strange.
The models' own threshold is shipped; where it gives more alerts than a shift can handle, the budget raises it, and what
stays below is still written down as an anomaly and shown on the map. It never lowers it: a budget invents no alarms.
What a rule finds (smoke, an open manhole, a stranger's car) has no budget.

The threshold of a local day is chosen at its midnight from the fortnight before. With N_d(t) the findings of day d that
reach the surprise t (each counted once, with its highest) and w_d = 2^-((age - 1) / 7), it is the lowest t with

    sum_d w_d min(N_d(t), 2 B)  <=  B max(sum_d w_d, 3)

The cap of twice the budget B makes a wild day count no more than a busy one: days that hold less than half of the
weight cannot drive the threshold up by themselves, however much happened on them, so the evening after a fair is
watched as ever. The floor of three days keeps the first day of a site from deciding alone.

Fails where most days are wild (a fairground in season): then only the strangest findings become alerts, as was asked.
"""

from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from models.state import Saved, array, value
from stream.results import BudgetState

STEP: Final = 0.25
"""Width of a bin of surprise: less than a factor of two in probability."""
BINS: Final = 400
"""Up to a surprise of 100; what is stranger still is in the last bin, and always an alert."""
DAYS: Final = 14
HALF_LIFE_DAYS: Final = 7.0
_CAP: Final = 2
_LEAST_DAYS: Final = 3.0


class Noted(msgspec.Struct):
    """What the budget knows of one finding while it goes on."""

    day: int = 0
    """Day it began on, a proleptic ordinal."""
    bin: int = -1
    """Where it counts in that day's histogram; -1: nowhere yet."""
    alerted: bool = False
    """Whether it has become an alert."""


class AlertBudget(Saved):
    """Chooses each day's threshold and counts what it holds back.

    Memory and state are of fixed size: a histogram of surprises for each of the last days.

    Parameters
    ----------
    per_day
        Alerts a day; 0 for no budget.
    zone
        The site's time zone: its midnight begins a day.
    """

    _counts = array(np.int32, DAYS + 1, BINS)
    """Findings per day and bin; a day's row is its number modulo the rows."""
    _days = array(np.int64, DAYS + 1, fill=-1)
    """Day of each row, as a proleptic ordinal; -1: none."""
    _today = value(int, -1)
    _least = value(int)
    """The first bin that is alerted today."""
    _raised = value(int)
    _held = value(int)

    def __init__(self, per_day: int, zone: ZoneInfo) -> None:
        self.per_day, self._zone = per_day, zone
        super().__init__()
        self.restored()

    def restored(self) -> None:
        """Go on with the day; another budget than before counts from the next midnight on."""
        self._least = self._least if self.per_day > 0 else 0
        known = self._today > 0
        self._from_ms, self._until_ms = _bounds(date.fromordinal(self._today), self._zone) if known else (0, 0)

    def roll(self, now_ms: int) -> None:
        """Begin a new day where midnight has passed, or where the clock was put back to an earlier day."""
        if self._from_ms <= now_ms < self._until_ms:
            return
        today = datetime.fromtimestamp(now_ms / 1000, self._zone).date()
        self._from_ms, self._until_ms = _bounds(today, self._zone)
        self._today = today.toordinal()
        # Days that are yet to come were noted by a clock that ran ahead.
        self._days[self._days > self._today] = -1
        row = self._today % len(self._days)
        if self._days[row] != self._today:
            self._days[row], self._counts[row] = self._today, 0
        self._least = self._choose()
        self._raised, self._held = 0, 0

    def _choose(self) -> int:
        """Return the first bin that is alerted today."""
        age = self._today - self._days
        past = np.flatnonzero((self._days >= 0) & (age >= 1) & (age <= DAYS))
        if self.per_day <= 0 or not len(past):
            return 0
        weight = 0.5 ** ((age[past] - 1) / HALF_LIFE_DAYS)
        capped = np.minimum(np.cumsum(self._counts[past, ::-1], axis=1)[:, ::-1], _CAP * self.per_day)
        expected = weight @ capped / max(weight.sum(), _LEAST_DAYS)
        fitting = np.flatnonzero(expected <= self.per_day + 1e-9)
        return int(fitting[0]) if len(fitting) else BINS - 1

    def choose_anew(self) -> None:
        """Go by the budget from now on, not only from the next midnight: as if it had been this one all the time."""
        self._least = self._choose()

    def note(self, noted: Noted, surprise: float) -> bool:
        """Note how strange a finding has become at most, and tell whether it is an alert; what is one stays one."""
        # What is no number is taken for ordinary; what is infinitely strange has a bin too.
        bin_ = int(min(surprise / STEP, BINS - 1)) if surprise > 0 else 0
        if noted.bin < 0:
            noted.day = self._today
            self._held += 1
        if bin_ > noted.bin:
            row = noted.day % len(self._days)
            if self._days[row] == noted.day:
                if noted.bin >= 0:
                    self._counts[row, noted.bin] -= 1
                self._counts[row, bin_] += 1
            noted.bin = bin_
        if not noted.alerted and noted.bin >= self._least:
            noted.alerted = True
            self._raised += 1
            self._held -= noted.day == self._today
        return noted.alerted

    def state(self) -> BudgetState:
        """Return how the budget stands today."""
        day = date.fromordinal(self._today).isoformat() if self._today > 0 else ""
        return BudgetState(
            per_day=self.per_day, day=day, threshold=self._least * STEP, raised=self._raised, held=self._held
        )


def _bounds(day: date, zone: ZoneInfo) -> tuple[int, int]:
    """Return the midnights that a day begins and ends with, epoch ms."""
    return _midnight(day, zone), _midnight(day + timedelta(days=1), zone)


def _midnight(day: date, zone: ZoneInfo) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1000)
