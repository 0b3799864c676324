"""Exact repeats of observations that a gateway numbered, whichever gateway that was.

A gateway recognises by its content what a device without numbers sends twice (`ingest.gateway.numbering`). Where
several gateways share a site's messages, the second copy may reach another one, which has not seen the first and gives
it a number of its own; only where the records of a shard come together can it be told. Here each such device's newest
observations are remembered, as 64-bit hashes of kind, time and values: what is among them has been applied.

Fails for a copy that comes after `KEPT` other observations of its device, and takes two different observations of a
device for one with a probability below 1e-17.
"""

import hashlib
from typing import Any, Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ingest.vocabulary import Flag
from models.state import Saved, array
from stream.windows.axes import DEVICE, SERIES, UNNUMBERED
from stream.windows.columns import Columns
from stream.windows.word_order import NO_TIME

KEPT: Final = 128
"""Observations remembered of a device without numbers: 1 kB."""
_SHOWN: Final = Flag.RETAINED | Flag.NUMBERED_HERE
_CHUNK: Final = 4_096
"""Rows compared at once: 0.5 MB of verdicts."""


class Repeats(Saved):
    """The newest observations of every device that does not number them."""

    _device = array(np.int64, UNNUMBERED, of=DEVICE)
    _keys = array(np.uint64, UNNUMBERED, KEPT)
    _next = array(np.int64, UNNUMBERED)
    _shown = array(np.int64, SERIES, fill=NO_TIME)
    """Newest event time of each series among what gateways numbered and what brokers kept (retained), epoch ms."""
    _row = array(np.int64, DEVICE, fill=-1, derived=True)
    """Device → row of `_keys`, -1 for devices that number."""

    def restored(self) -> None:
        """Find the rows of devices."""
        self.grow(DEVICE, int(self._device.max(initial=-1)) + 1)
        self._row[self._device] = np.arange(len(self._device))

    def again(self, device: NDArray[np.int64], keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Tell which observations were given before, and remember the others.

        Parameters
        ----------
        device, keys
            Shape (rows,), in the order of arrival: the device's index, and what `content_keys` gives. Of equal rows the
            first is new.

        Returns
        -------
        Shape (rows,).
        """
        rows = self._rows_of(device)
        order = np.lexsort((keys, rows))
        known = np.zeros(len(keys), dtype=np.bool_)
        known[order[1:]] = (rows[order[1:]] == rows[order[:-1]]) & (keys[order[1:]] == keys[order[:-1]])
        fresh = np.flatnonzero(~known)
        for start in range(0, len(fresh), _CHUNK):
            chunk = fresh[start : start + _CHUNK]
            known[chunk] = (self._keys[rows[chunk]] == keys[chunk, None]).any(axis=1)
        fresh = fresh[~known[fresh]]
        self._remember(rows[fresh], keys[fresh])
        return known

    def drop_shown(self, columns: Columns, series: NDArray[np.int64], new: NDArray[np.bool_]) -> None:
        """Take from what is `new` what a broker has shown before; all of shape (rows,)."""
        if columns.any(_SHOWN):
            rows = np.flatnonzero(new & (columns.flags & np.uint8(_SHOWN) != 0) & (series >= 0))
            new[rows] = ~self.retained(series[rows], columns.ts[rows], columns.flags[rows])

    def retained(
        self, series: NDArray[np.int64], ts: NDArray[np.int64], flags: NDArray[np.integer[Any]]
    ) -> NDArray[np.bool_]:
        """Tell which retained observations were applied before, at whatever subscription the broker showed them.

        A broker keeps a device's newest; so what is not newer than what is known of its series has been seen, also
        when every other memory of it is gone. One that does not know its time is only taken as a series' first.

        Parameters
        ----------
        series, ts, flags
            Shape (rows,), in the order of arrival; new rows that were kept, or that a gateway numbered.

        Returns
        -------
        Shape (rows,).
        """
        self.grow(SERIES, int(series.max(initial=-1)) + 1)
        at = np.where(flags & Flag.TIMELESS, NO_TIME + 1, ts)
        again: NDArray[np.bool_] = ((flags & Flag.RETAINED) != 0) & (at <= self._shown[series])
        np.maximum.at(self._shown, series, ts)
        return again

    def _rows_of(self, device: NDArray[np.int64]) -> NDArray[np.int64]:
        self.grow(DEVICE, int(device.max(initial=-1)) + 1)
        unseen = np.unique(device[self._row[device] < 0])
        if len(unseen):
            rows = self.size_of(UNNUMBERED) + np.arange(len(unseen))
            self.grow(UNNUMBERED, int(rows[-1]) + 1)
            self._row[unseen], self._device[rows] = rows, unseen
        return self._row[device]

    def _remember(self, rows: NDArray[np.int64], keys: NDArray[np.uint64]) -> None:
        """Put keys over the oldest of their rows, in the order of arrival."""
        order = np.argsort(rows, kind="stable")
        rows, keys = rows[order], keys[order]
        touched, start, count = np.unique(rows, return_index=True, return_counts=True)
        place = np.arange(len(rows)) - np.repeat(start, count)
        kept = place >= np.repeat(count, count) - KEPT
        at = (self._next[rows] + place) % KEPT
        self._keys[rows[kept], at[kept]] = keys[kept]
        self._next[touched] = (self._next[touched] + count) % KEPT


def content_keys(columns: Columns, rows: NDArray[np.intp]) -> NDArray[np.uint64]:
    """Return a hash of what makes two observations of a device the same: kind, time, values, metric and text.

    The interval is left out, as `ingest.gateway.numbering.repeat_key` does. Never 0, which stands for nothing.
    """
    texts = np.zeros(len(columns.strings), dtype=np.uint64)
    for index in np.unique(np.concatenate((columns.metric[rows], columns.text[rows]))).tolist():
        digest = hashlib.blake2b(columns.strings[index].encode(), digest_size=8).digest()
        texts[index] = int.from_bytes(digest, "little")
    keys = _mixed(columns.said[rows].astype(np.uint64))
    for part in (
        columns.kind[rows].astype(np.uint64),
        (columns.a[rows] + 0.0).view(np.uint64),  # + 0.0: -0.0 is 0.0
        (columns.b[rows] + 0.0).view(np.uint64),
        texts[columns.metric[rows]],
        texts[columns.text[rows]],
    ):
        keys = _mixed(keys ^ part)
    return np.maximum(keys, np.uint64(1))


def numbered_keys(columns: Columns, rows: NDArray[np.intp]) -> NDArray[np.uint64]:
    """Return a hash of what makes two observations with a number the same: content, boot and number. Never 0."""
    boots = np.array([crc32(source.boot.encode("utf-8", "surrogatepass")) for source in columns.sources], np.uint64)
    keys = content_keys(columns, rows) ^ boots[columns.source[rows]]
    return np.maximum(_mixed(keys ^ _mixed(columns.seq[rows].astype(np.uint64))), np.uint64(1))


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread every bit over all: the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
