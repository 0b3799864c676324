"""How rare a reading must be in each series to be told, by how often the series was strange before.

What a season and its tails do not know of a series (bursts, showers, modes) makes it strange too often, however rare
the tails say each window is. So the series' own *episodes* are watched: how many there were a week over the shipped
threshold, and by how much the highest surprise of each exceeded it. The bar is where, by that, about one is left a
week: peaks over a threshold, with the maxima of clusters and an exponential tail (Davison and Smith, 1990), which in
surprises, logarithms of probabilities, is a Pareto tail. A series that is seldom strange has no bar at all.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.levels.level_tails import Doubles, Places
from models.state import ROW, Saved, array

THRESHOLD: Final = 3.5
"""Surprise from which a window is strange; told where it also passes the bar."""
QUIET_MS: Final = 3_600_000
"""An episode goes on until nothing strange was seen for so long."""
_WEEK_S: Final = 7 * 86_400.0
_HALF_LIFE_WEEKS: Final = 3.0
_WANTED: Final = 0.5
"""Episodes a week that each statistic may tell of."""
_PRIOR_EPISODES: Final = 0.5
_PRIOR_WEEKS: Final = 1.0
_PRIOR_EXCESS: Final = 0.5
"""What exact tails would have by themselves is 1 / ln 10; it weighs one episode."""
_EARLY_MS: Final = 4 * 3_600_000
"""An alarm is of the beginning of an episode: what lasts longer, and is no stranger, was told."""


class LevelBars(Saved):
    """Episodes of each series, and what was told of the one that goes on."""

    seen = array(np.float64, 3, 2, ROW)
    """Episodes, sum of their highest surprises over the threshold, forgotten alike; and that of the one that goes on.
    Of the window, and of the mean of the last ones."""
    weeks = array(np.float64, ROW)
    """How long the series was watched, forgotten alike."""
    told = array(np.float64, 3, ROW)
    """Of the episode that goes on: the highest surprise told; when it was told first, and last."""

    def __init__(self, window_s: int) -> None:
        self._weeks = window_s / _WEEK_S
        self._keep = 0.5 ** (self._weeks / _HALF_LIFE_WEEKS)
        super().__init__()

    def judge(
        self, at: Places, surprise: Doubles, strange_ms: NDArray[np.int64], start_ms: int
    ) -> tuple[Doubles, NDArray[np.bool_]]:
        """Return how strange a window is for this series, (rows,), and whether it is an alarm; once a window.

        Parameters
        ----------
        surprise
            By the tails, of the window and of the mean of the last ones; (2, rows).
        strange_ms
            When each series was last strange before.
        start_ms
            Start of the window.
        """
        count, total, peak = self.seen[:, :, at]
        told, first_ms, last_ms = self.told[:, at]
        weeks = self.weeks[at]
        ended = start_ms - strange_ms > QUIET_MS
        over = ended & (peak > 0)
        count, total = (count + over) * self._keep, (total + np.where(over, peak, 0.0)) * self._keep
        peak = np.where(ended, 0.0, peak)
        told = np.where(ended, 0.0, told)
        rate = (count + _PRIOR_EPISODES) / (weeks + _PRIOR_WEEKS)
        excess = (total + _PRIOR_EXCESS) / (count + 1.0)
        own = (surprise - np.maximum(excess * np.log(rate / _WANTED), 0.0)).max(axis=0)
        strange = own >= THRESHOLD
        # Once an episode, early in it: again where it is stranger than before.
        news = (told == 0) | (own > told)
        alarm = strange & (news | ((start_ms - last_ms <= QUIET_MS) & (start_ms - first_ms < _EARLY_MS)))
        first_ms = np.where(alarm & (told == 0), start_ms, first_ms)
        self.told[:, at] = np.where(alarm, np.maximum(told, own), told), first_ms, np.where(alarm, start_ms, last_ms)
        self.seen[:, :, at] = count, total, np.maximum(peak, surprise - THRESHOLD)
        self.weeks[at] = weeks * self._keep + self._weeks
        return own, alarm

    def forgive(self, rows: NDArray[np.intp]) -> None:
        """Do not count the episode that goes on: it was a lasting change, or a person has said that it is usual."""
        self.seen[2][:, rows] = self.told[0, rows] = 0.0
