"""How far the devices' clocks are off: of which people must be told, and what is doubted until then.

A difference is the time of receipt less the newest event time of a device in a record: what is delivered late only adds
to it, so one word says little. That of a device is found by the majority vote of Boyer and Moore (1991): words that
differ by about the same confirm it, others wear it down, and when nothing is left of it the next takes its place. A
backlog that is delivered late comes with ever smaller differences, and so is never taken for a clock.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.state import Saved, array
from stream.windows.axes import DEVICE

OFF_MS: Final = 120_000
"""A clock that is off by more is wrong; so far ahead, counts are refused."""
_SAME_MS: Final = 30_000
"""Differences that vary by no more are the same."""
_APART_MS: Final = 60_000
"""Words of a device that come closer together than this count as one."""
_SURE: Final = 3
"""So many words more for a difference than against it make it sure."""
_HALF_HOUR_MS: Final = 1_800_000
_ZONES: Final = range(1, 29)
"""Half hours by which a zone can be mistaken."""
_ZONE_SLACK_MS: Final = 240_000


class Found(NamedTuple):
    """Devices, by index, whose clocks have been found to be wrong, and those that are right again."""

    wrong: list[int]
    right: list[int]


class DeviceClocks(Saved):
    """The clocks of all devices; arrays of shape (devices,)."""

    behind_ms = array(np.float64, DEVICE)
    """How far a clock is behind the site's time; 0 before the first word."""
    _votes = array(np.int64, DEVICE)
    """How many words more have confirmed it than contradicted it, at most `_SURE`."""
    _last_ms = array(np.float64, DEVICE)
    """What the newest word says."""
    _voted_ms = array(np.int64, DEVICE)
    """When a word counted last, in the site's time."""
    _doubted = array(np.bool_, DEVICE)
    """The newest two words agree that it is off, and it may not be sure yet."""
    wrong = array(np.bool_, DEVICE)
    """Sure to be off by more than is allowed."""

    def learn(self, device: NDArray[np.int64], behind_ms: NDArray[np.float64], now_ms: NDArray[np.int64]) -> Found:
        """Take the differences of some devices, each given once, at a time of receipt; all of shape (n,)."""
        counts = (now_ms - self._voted_ms[device] >= _APART_MS) | (self._votes[device] == 0)
        device, said, now_ms = device[counts], behind_ms[counts], now_ms[counts]
        if not len(device):
            return Found([], [])
        before, votes = self.behind_ms[device], self._votes[device]
        begins, agrees = votes == 0, np.abs(said - before) <= _SAME_MS
        self.behind_ms[device] = np.where(begins, said, np.where(agrees, 0.8 * before + 0.2 * said, before))
        votes = np.where(begins, 1, np.minimum(votes + np.where(agrees, 1, -1), _SURE))
        self._votes[device] = votes
        again = (np.abs(said - self._last_ms[device]) <= _SAME_MS) & ~begins
        self._last_ms[device], self._voted_ms[device] = said, now_ms
        off = np.abs(self.behind_ms[device]) > OFF_MS
        was, sure = self.wrong[device], votes >= _SURE
        self.wrong[device] = now = np.where(sure, off, was)
        self._doubted[device] = (np.abs(said) > OFF_MS) & (again | now)
        return Found(device[now & ~was].tolist(), device[was & ~now].tolist())

    def doubts(self, device: NDArray[np.int64], behind_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell of which observations, each with its difference, the time is that of a wrong clock; shape (rows,)."""
        doubted = self._doubted | self.wrong
        if not doubted.any():
            return np.zeros(len(device), dtype=np.bool_)
        return doubted[device] & (np.abs(behind_ms) > OFF_MS)

    def known(self, device: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return how far the clocks of devices are behind, ms, where they are known to be wrong, else 0; shape (n,)."""
        return np.where(self.wrong[device], self.behind_ms[device], 0).astype(np.int64)

    def alike(self, device: int) -> tuple[int, int]:
        """Return how many clocks are wrong by about as much as that of a device, and of how many that is known."""
        known = self._votes >= _SURE
        return int((known & (np.abs(self.behind_ms - self.behind_ms[device]) <= OFF_MS)).sum()), int(known.sum())

    def set_back(self, now_ms: int) -> None:
        """No word can have counted in the future: the site's time was put back."""
        self._voted_ms = np.minimum(self._voted_ms, now_ms)


def zone_of(behind_ms: float) -> float:
    """Return by how many hours, in halves, a zone seems to be mistaken, above 0 for behind; 0 where it does not."""
    halves = round(behind_ms / _HALF_HOUR_MS)
    near = abs(behind_ms - halves * _HALF_HOUR_MS) <= _ZONE_SLACK_MS
    return halves / 2 if near and abs(halves) in _ZONES else 0.0
