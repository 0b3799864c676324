"""The store's numbers of series: given once, kept for as long as the store, whatever order a pipeline knows them in.

A pipeline numbers series as it meets them. One that had a cold start (its state could not be read, and the log holds
no more than the last days) meets them in another order, and a device may be moved to another beat; both must go on in
the same store. So a series is identified by device, kind and metric, and its beat is what the newest results say.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.results import SeriesKey


class SeriesMatch(NamedTuple):
    """How a catalogue's indices lie in the store."""

    catalog: list[SeriesKey]
    ids: NDArray[np.int32]
    """Catalogue index → number in the store."""
    added: list[tuple[int, SeriesKey]]
    """Series that the store does not know yet, with the numbers they get."""
    moved: list[tuple[int, SeriesKey]]
    """Series whose device is in another beat now."""


class SeriesIds:
    """Knows the store's series, in the order of their numbers, which count from 0."""

    def __init__(self, stored: Sequence[SeriesKey]) -> None:
        self._numbers = {_identity(key): number for number, key in enumerate(stored)}
        self._beats = [key.beat for key in stored]
        self._last = SeriesMatch([], np.zeros(0, dtype=np.int32), [], [])

    def match(self, catalog: list[SeriesKey]) -> SeriesMatch:
        """Return how a catalogue lies in the store. Changes nothing: `accept` does, when the rows are in."""
        known = self._last.ids if catalog is self._last.catalog else self._last.ids[:0]
        fresh = catalog[len(known) :]  # taken once: the pipeline may add to it meanwhile
        if not fresh:
            return SeriesMatch(catalog, known, [], [])
        ids: list[int] = []
        added: dict[tuple[str, int, str], tuple[int, SeriesKey]] = {}
        moved: list[tuple[int, SeriesKey]] = []
        for key in fresh:
            identity = _identity(key)
            number = self._numbers.get(identity)
            if number is None:
                number, _ = added.setdefault(identity, (len(self._beats) + len(added), key))
            elif self._beats[number] != key.beat:
                moved.append((number, key))
            ids.append(number)
        return SeriesMatch(catalog, np.concatenate([known, np.array(ids, dtype=np.int32)]), [*added.values()], moved)

    def accept(self, match: SeriesMatch) -> None:
        """Remember what was written."""
        for number, key in match.added:
            self._numbers[_identity(key)] = number
            self._beats.append(key.beat)
        for number, key in match.moved:
            self._beats[number] = key.beat
        self._last = match


def _identity(key: SeriesKey) -> tuple[str, int, str]:
    return key.device, int(key.kind), key.metric
