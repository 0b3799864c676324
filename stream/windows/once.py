"""Once each: which rows of a record are new, by their numbers, and where these prove nothing by their content.

1. A row that an earlier part of its boot has applied, with the same content, is a repeat.
2. `Sequences` tells of the others: new, a repeat, or *other* (its number was applied with another content).
3. What is other is looked up by its content (`Repeats`): a device may give every message the same number.
4. What is still new means that the device's numbers have begun again: its boot gets another slot, and it goes on at 2.
   After `_ROUNDS` times in one record its numbers mean nothing, and content alone decides.
5. What a gateway numbered is looked up by its content, because another gateway may have given it another number.

So every observation is applied once, or refused as *unknown*; see `Sequences` for how far back that can be told.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.vocabulary import Flag
from stream.windows.axes import SLOT
from stream.windows.catalog import Catalog
from stream.windows.columns import Columns
from stream.windows.proofs import contents
from stream.windows.repeats import Repeats, content_keys, numbered_keys
from stream.windows.sequences import Rows, Sequences

_ROUNDS: Final = 3


class Judged(NamedTuple):
    """What the rows of a record are; all of shape (rows,)."""

    device: NDArray[np.int64]
    new: NDArray[np.bool_]
    unknown: NDArray[np.bool_]
    """Older than everything that is still remembered."""
    skipped: list[tuple[NDArray[np.int64], NDArray[np.int64]]]
    """Devices, and how many numbers of each were skipped (fewer than none where some come after all)."""


def judge(columns: Columns, catalog: Catalog, sequences: Sequences, repeats: Repeats) -> Judged:
    """Tell which rows of a record are new, and remember them; `Columns.lives` is set where numbers began again."""
    source_slot, source_device = catalog.slots(columns.sources, sequences)
    sequences.proofs.room(sequences.size_of(SLOT), len(catalog.devices))
    device = source_device[columns.source]
    rows = Rows(source_slot[columns.source], columns.seq, contents(columns), columns.said)
    new, unknown = np.zeros(columns.rows, dtype=np.bool_), np.zeros(columns.rows, dtype=np.bool_)
    judged = Judged(device, new, unknown, [])
    left = np.arange(columns.rows)
    alone = left[:0]
    if (catalog.before[source_slot] >= 0).any():
        left = _not_applied(rows, left, catalog, sequences)
    for turn in range(_ROUNDS + 1):
        if not len(left):
            break
        part = rows if len(left) == columns.rows else rows.take(left)
        verdict = sequences.apply(part)
        new[left], unknown[left] = verdict.new, verdict.unknown
        judged.skipped.append((device[left[verdict.row]], verdict.skipped))
        if not verdict.other.any():
            break
        left = left[verdict.other]
        left = left[~sequences.applied(rows.take(left))]  # several with one number, of which one was applied before
        if turn == 0:
            left = left[~repeats.again(device[left], numbered_keys(columns, left))]
        if turn == _ROUNDS:
            new[left], alone = True, left
        elif len(left):
            boots, which = np.unique(columns.source[left], return_inverse=True)
            slots = catalog.again([columns.sources[index] for index in boots.tolist()], columns.sources, sequences)
            sequences.proofs.room(sequences.size_of(SLOT), len(catalog.devices))
            rows.slot[left] = np.array(slots, dtype=np.int64)[which]
        else:
            break
    lives = catalog.lives[rows.slot]
    if len(alone) or lives.any():
        columns.lives = lives
        lives[alone] = numbered_keys(columns, alone) >> np.uint64(2)  # each a boot by itself
    here = np.flatnonzero(columns.flags & Flag.NUMBERED_HERE)
    here = here[new[here]]
    if len(here):
        new[here] = ~repeats.again(device[here], content_keys(columns, here))
    return judged


def _not_applied(rows: Rows, left: NDArray[np.intp], catalog: Catalog, sequences: Sequences) -> NDArray[np.intp]:
    """Return those of some rows that no earlier slot of their boot has applied."""
    known = np.zeros(len(left), dtype=np.bool_)
    slot = catalog.before[rows.slot[left]]
    while len(earlier := np.flatnonzero((slot >= 0) & ~known)):
        known[earlier] = sequences.applied(rows.take(left[earlier])._replace(slot=slot[earlier]))
        slot[earlier] = catalog.before[slot[earlier]]
    return left[~known]
