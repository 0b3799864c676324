"""Which of the words of a series is its newest, whatever their times say.

A device's clock may be hours off, or be corrected; several gateways share its messages; what was kept while the network
was away comes after what is new. So the newest word is found without clocks: within one boot it is the one with the
highest number, across boots the one that came last. What is marked as sent late on purpose (backfill), or is shown by
a broker once more (retained), is newer only where, by the device's own clock, it was also said later.

Fails where a device counts on from a lower number under the same boot (`Sequences` is there for that), and for a boot
that comes back after `BOOTS` others: what it says is then new by its receipt.
"""

import hashlib
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.state import Saved, array
from stream.windows.axes import SERIES

BOOTS: Final = 4
"""Boots remembered of each series."""
_NARROW: Final = 1 << 16
_NONE: Final = -1
NO_TIME: Final = -(2**62)


class Words(NamedTuple):
    """What some series say, in the order of arrival; all arrays of shape (rows,)."""

    series: NDArray[np.int64]
    boot: NDArray[np.int64]
    """A code of the boot, 0 or more."""
    seq: NDArray[np.int64]
    ts: NDArray[np.int64]
    """Event time, epoch ms."""
    received: NDArray[np.int64]
    backfill: NDArray[np.bool_]
    retained: NDArray[np.bool_]


class Arranged(NamedTuple):
    """In which order to take words, and what each is; all arrays of shape (rows,), in that order."""

    order: NDArray[np.intp]
    """Positions in the arrays given: by arrival, and neighbours of one boot of a series by number."""
    newest: NDArray[np.bool_]
    """Whether it is the newest word of its series so far; otherwise it is over, whatever it says."""
    until: NDArray[np.int64]
    """Event time of what was the newest word of its series by then; `NO_TIME` before the first."""


class WordOrder(Saved):
    """The newest word of every series, by number and receipt."""

    _boot = array(np.int64, SERIES, BOOTS, fill=_NONE)
    """Boots of which words were acted upon, that of the newest word first."""
    _number = array(np.int64, SERIES, BOOTS, fill=_NONE)
    """Highest number of each that was acted upon."""
    _said = array(np.int64, SERIES, fill=NO_TIME)
    """Event time of the newest word."""

    def arrange(self, words: Words) -> Arranged:
        """Tell the order in which to take one or more words that were not given before, and remember them."""
        count = len(words.series)
        # Sorting by 16 bits is several times as fast; few sites have more series than that.
        key = words.series.astype(np.uint16) if self.size_of(SERIES) <= _NARROW else words.series
        place = np.argsort(key, kind="stable")
        series, boot, seq, ts = words.series[place], words.boot[place], words.seq[place], words.ts[place]
        first = np.concatenate(([True], series[1:] != series[:-1]))
        # Nearly always a series goes on with its boot, and its numbers rise: then nothing needs to be looked at.
        plain = (boot == self._boot[series, 0]) & ~(words.backfill | words.retained)[place]
        plain &= seq > np.where(first, self._number[series, 0], np.concatenate(([0], seq[:-1])))
        starts = np.flatnonzero(first)
        ends = np.append(starts[1:], count)
        even = np.logical_and.reduceat(plain, starts)
        found = Arranged(np.arange(count), np.ones(count, dtype=np.bool_), np.empty(count, dtype=np.int64))
        found.until[place] = np.where(first, self._said[series], np.concatenate(([0], ts[:-1])))
        last = ends[even] - 1
        self._number[series[last], 0], self._said[series[last]] = seq[last], ts[last]
        for group in np.flatnonzero(~even).tolist():
            self._one_by_one(words, place[starts[group] : ends[group]], found)
        return found

    def _one_by_one(self, words: Words, rows: NDArray[np.intp], found: Arranged) -> None:
        """Judge the words of one series, `rows` being their positions in the order of arrival."""
        at, places = int(words.series[rows[0]]), rows.tolist()
        known = {
            boot: number
            for boot, number in zip(self._boot[at, ::-1].tolist(), self._number[at, ::-1].tolist(), strict=True)
            if boot != _NONE
        }
        said = int(self._said[at])
        boots = words.boot[rows].tolist()
        columns = (words.seq, words.ts, words.received, words.backfill, words.retained)
        said_of = list(zip(places, *(column[rows].tolist() for column in columns), strict=True))
        # Only neighbours of one boot change places: another boot's word between them is newer than what came before.
        turn = list(accumulate((now != before for now, before in pairwise(boots)), initial=0))
        taken = sorted(range(len(places)), key=lambda one: (turn[one], said_of[one][1]))
        for index, place, boot in zip(taken, places, boots, strict=True):
            row, seq, ts, received, backfill, retained = said_of[index]
            later = said == NO_TIME or (said < ts and (retained or ts <= received))
            newest = seq > known.get(boot, _NONE) and (later or not (backfill or retained))
            found.order[place], found.newest[place], found.until[place] = row, newest, said
            if newest:
                known.pop(boot, None)
                known[boot], said = seq, ts
        self._boot[at], self._number[at], self._said[at] = _NONE, _NONE, said
        for column, boot in enumerate(list(known)[: -BOOTS - 1 : -1]):
            self._boot[at, column], self._number[at, column] = boot, known[boot]


@lru_cache(maxsize=65_536)
def word_code(word: str) -> int:
    """Return a hash of a word or a name, from 0 to 2**63 - 1."""
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little") >> 1
