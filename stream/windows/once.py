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
from stream.windows.sequences import NumberedRows, Sequences

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
    source_slot, source_device = catalog.slots(columns, sequences)
    sequences.proofs.room(sequences.size_of(SLOT), len(catalog.devices))
    device = source_device.take(columns.source)
    rows = NumberedRows(source_slot.take(columns.source), columns.seq, contents(columns), columns.said)
    left = np.arange(columns.rows)
    if (catalog.before[source_slot] >= 0).any():
        left = _not_applied(rows, left, catalog, sequences)
    verdict = sequences.apply(rows if len(left) == columns.rows else rows.take(left))
    new, unknown = _spread(verdict.new, left, columns.rows), _spread(verdict.unknown, left, columns.rows)
    judged = Judged(device, new, unknown, [(device[left[verdict.row]], verdict.skipped)])
    if verdict.other.any():
        _begun_again(columns, rows, left[verdict.other], judged, catalog, sequences, repeats)
    elif (catalog.lives[source_slot] > 0).any():
        columns.lives = catalog.lives[rows.slot]
    if columns.any(Flag.NUMBERED_HERE):
        here = np.flatnonzero(new & (columns.flags & Flag.NUMBERED_HERE != 0))
        new[here] = ~repeats.again(device[here], content_keys(columns, here))
    return judged


def _begun_again(
    columns: Columns,
    rows: NumberedRows,
    left: NDArray[np.intp],
    judged: Judged,
    catalog: Catalog,
    sequences: Sequences,
    repeats: Repeats,
) -> None:
    """Judge rows whose numbers were applied with another content."""
    left = left[~sequences.applied(rows.take(left))]  # several with one number, of which one was applied before
    left = left[~repeats.again(judged.device[left], numbered_keys(columns, left))]
    for _ in range(_ROUNDS):
        if not len(left):
            break
        boots, which = np.unique(columns.source[left], return_inverse=True)
        slots = catalog.again([columns.sources[index] for index in boots.tolist()], columns.sources, sequences)
        sequences.proofs.room(sequences.size_of(SLOT), len(catalog.devices))
        rows.slot[left] = np.array(slots, dtype=np.int64)[which]
        verdict = sequences.apply(rows.take(left))
        judged.new[left], judged.unknown[left] = verdict.new, verdict.unknown
        judged.skipped.append((judged.device[left[verdict.row]], verdict.skipped))
        left = left[verdict.other]
    judged.new[left] = True
    columns.lives = catalog.lives[rows.slot]
    columns.lives[left] = numbered_keys(columns, left) >> np.uint64(2)  # each a boot by itself


def _spread(found: NDArray[np.bool_], rows: NDArray[np.intp], count: int) -> NDArray[np.bool_]:
    """Return what was found of some rows as an array for all `count` of them."""
    if len(found) == count:
        return found
    spread = np.zeros(count, dtype=np.bool_)
    spread[rows] = found
    return spread


def _not_applied(
    rows: NumberedRows, left: NDArray[np.intp], catalog: Catalog, sequences: Sequences
) -> NDArray[np.intp]:
    """Return those of some rows that no earlier slot of their boot has applied."""
    known = np.zeros(len(left), dtype=np.bool_)
    slot = catalog.before[rows.slot[left]]
    while len(earlier := np.flatnonzero((slot >= 0) & ~known)):
        known[earlier] = sequences.applied(rows.take(left[earlier])._replace(slot=slot[earlier]))
        slot[earlier] = catalog.before[slot[earlier]]
    return left[~known]
