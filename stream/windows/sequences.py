"""Once in effect: which numbered observations were applied already.

Per source (a device and its boot) a ring of 16 words remembers the newest 1,024 numbers bit by bit, as the IPsec
anti-replay window does (RFC 6479). What leaves the ring unseen is kept as a list of gaps, so that a number that
arrives hours late is still told from a repeat, exactly: it is new if and only if it lies in a gap.

Fails when a source leaves more than `MAX_GAPS` separate gaps behind: the oldest are then given up, and a number from
such a gap is reported as *unknown* instead of being guessed at.
"""

from bisect import bisect_right
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.state import Saved, array, value
from stream.windows.axes import SLOT

WORDS: Final = 16
WORD_BITS: Final = 64
MAX_GAPS: Final = 256
_FULL: Final = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
_SEQ_BITS: Final = 43


class Verdict(NamedTuple):
    """What each row is; all shape (rows,). A row is exactly one of new, repeat or unknown."""

    new: NDArray[np.bool_]
    unknown: NDArray[np.bool_]
    """Older than everything that is still remembered."""


class Sequences(Saved):
    """Numbers applied, per slot; a slot is one (device, boot)."""

    _highest = array(np.int64, SLOT, fill=-1)
    _words = array(np.uint64, SLOT, WORDS)
    _forgotten = array(np.int64, SLOT, fill=-1)
    """Gaps at or below this number were given up."""
    _gaps = value(list[list[tuple[int, int]]], axis=SLOT, each=list)

    def forget(self, slot: int) -> None:
        """Make a slot as new, for another boot."""
        self.wipe(slot)
        self._gaps[slot] = []

    def apply_with_gaps(
        self, slots: NDArray[np.int64], seqs: NDArray[np.int64]
    ) -> tuple[Verdict, NDArray[np.intp], NDArray[np.int64]]:
        """Do as `apply`, and count the numbers that were skipped (fewer than none where some come after all).

        Returns the verdict, for each slot that occurs the first of its rows, and how many numbers of it were skipped.
        """
        touched, first, place = np.unique(slots, return_index=True, return_inverse=True)
        before = self._highest[touched]
        unseen = before < 0
        if unseen.any():
            lowest = np.full(len(before), np.iinfo(np.int64).max)
            np.minimum.at(lowest, place, seqs)
            before[unseen] = lowest[unseen] - 1
        verdict = self.apply(slots, seqs)
        fresh = np.bincount(place[verdict.new], minlength=len(touched))
        return verdict, first, self._highest[touched] - before - fresh

    def apply(self, slots: NDArray[np.int64], seqs: NDArray[np.int64]) -> Verdict:
        """Tell which rows are new, and remember them.

        Parameters
        ----------
        slots, seqs
            Shape (rows,); slots that there is room for, numbers from 0 to 2**43 - 1. Rows may repeat and come in any
            order; of equal rows the first is the new one.
        """
        rows = len(slots)
        new = np.zeros(rows, dtype=np.bool_)
        unknown = np.zeros(rows, dtype=np.bool_)
        if not rows:
            return Verdict(new, unknown)
        key = (slots << _SEQ_BITS) | seqs
        order = np.argsort(key, kind="stable")
        key = key[order]
        first = np.empty(rows, dtype=np.bool_)
        first[0] = True
        np.not_equal(key[1:], key[:-1], out=first[1:])
        order = order[first]
        slot, seq = slots[order], seqs[order]

        top = self._highest[slot]
        ahead = seq > top
        word = seq >> 6
        bit = np.uint64(1) << (seq & 63).astype(np.uint64)
        behind = np.flatnonzero(~ahead)
        fresh = ahead.copy()
        if len(behind):
            in_ring = word[behind] > (top[behind] >> 6) - WORDS
            ringed = behind[in_ring]
            seen = self._words[slot[ringed], word[ringed] % WORDS] & bit[ringed]
            fresh[ringed] = seen == 0
            for row in behind[~in_ring].tolist():
                filled = self._fill_gap(int(slot[row]), int(seq[row]))
                fresh[row] = filled is True
                unknown[order[row]] = filled is None
            old = ringed[fresh[ringed]]
            self._set_bits(slot[old], word[old], bit[old])
        if ahead.any():
            self._advance(slot[ahead], seq[ahead], word[ahead], bit[ahead])
        new[order] = fresh
        return Verdict(new, unknown)

    def _set_bits(self, slot: NDArray[np.int64], word: NDArray[np.int64], bit: NDArray[np.uint64]) -> None:
        """Set bits of rows sorted by slot and number; the words lie in the ring."""
        if not len(slot):
            return
        place = slot * WORDS + word % WORDS
        starts = np.flatnonzero(np.concatenate(([True], place[1:] != place[:-1])))
        flat = self._words.reshape(-1)
        flat[place[starts]] |= np.bitwise_or.reduceat(bit, starts)

    def _advance(
        self, slot: NDArray[np.int64], seq: NDArray[np.int64], word: NDArray[np.int64], bit: NDArray[np.uint64]
    ) -> None:
        """Apply rows above their slot's highest number, sorted by slot and number."""
        starts = np.flatnonzero(np.concatenate(([True], slot[1:] != slot[:-1])))
        ends = np.append(starts[1:], len(slot))
        touched, newest = slot[starts], seq[ends - 1]
        old_word, new_word = self._highest[touched] >> 6, newest >> 6
        steps = new_word - old_word
        far = steps >= WORDS
        for group in np.flatnonzero(far).tolist():
            self._leap(int(touched[group]), seq[starts[group] : ends[group]])
        moving = np.flatnonzero((steps > 0) & ~far)
        step = 1
        while len(moving):
            leaving = touched[moving], (old_word[moving] + step) % WORDS
            # The ring starts with word -1, so the words below 0 leave it first; no number lies in them.
            holes = np.flatnonzero((self._words[leaving] != _FULL) & (old_word[moving] + step >= WORDS))
            for hole in holes.tolist():
                group = int(moving[hole])
                base = (int(old_word[group]) + step - WORDS) * WORD_BITS
                self._remember_holes(int(touched[group]), base, int(self._words[touched[group], leaving[1][hole]]))
            self._words[leaving] = 0
            step += 1
            moving = moving[steps[moving] >= step]
        near = np.repeat(~far, ends - starts)
        self._set_bits(slot[near], word[near], bit[near])
        self._highest[touched] = newest

    def _leap(self, slot: int, seqs: NDArray[np.int64]) -> None:
        """Advance a slot past its whole ring: unseen numbers between become gaps, the newest words the ring."""
        top = int(self._highest[slot])
        ring_start = (int(seqs[-1]) >> 6) - WORDS + 1
        for word in range(max((top >> 6) - WORDS + 1, 0), (top >> 6) + 1):
            bits = int(self._words[slot, word % WORDS])
            if word == top >> 6:  # numbers above the highest are dealt with below
                bits |= ~((1 << ((top & 63) + 1)) - 1) & int(_FULL)
            if bits != int(_FULL):
                self._remember_holes(slot, word * WORD_BITS, bits)
        before = np.concatenate(([top], seqs[:-1]))
        for index in np.flatnonzero(seqs - before > 1).tolist():
            low, high = int(before[index]) + 1, min(int(seqs[index]) - 1, ring_start * WORD_BITS - 1)
            if low <= high:
                self._add_gap(slot, low, high)
        self._words[slot] = 0
        kept = seqs[seqs >> 6 >= ring_start]
        self._set_bits(
            np.full(len(kept), slot, dtype=np.int64), kept >> 6, np.uint64(1) << (kept & 63).astype(np.uint64)
        )

    def _remember_holes(self, slot: int, base: int, bits: int) -> None:
        """Keep the unset bits of a word that leaves the ring, as gaps."""
        start = -1
        for offset in range(WORD_BITS + 1):
            unseen = offset < WORD_BITS and not bits >> offset & 1
            if unseen and start < 0:
                start = offset
            elif not unseen and start >= 0:
                self._add_gap(slot, base + start, base + offset - 1)
                start = -1

    def _add_gap(self, slot: int, low: int, high: int) -> None:
        """Append a gap above all gaps of the slot."""
        gaps = self._gaps[slot]
        if gaps and gaps[-1][1] == low - 1:
            gaps[-1] = (gaps[-1][0], high)
        else:
            gaps.append((low, high))
        if len(gaps) > MAX_GAPS:
            self._forgotten[slot] = gaps.pop(0)[1]

    def _fill_gap(self, slot: int, seq: int) -> bool | None:
        """Take a number out of its gap. True: it was missing; False: applied before; None: not remembered."""
        gaps = self._gaps[slot]
        index = bisect_right(gaps, seq, key=lambda gap: gap[0]) - 1
        if index >= 0 and gaps[index][1] >= seq:
            low, high = gaps[index]
            gaps[index : index + 1] = [gap for gap in ((low, seq - 1), (seq + 1, high)) if gap[0] <= gap[1]]
            return True
        return None if seq <= self._forgotten[slot] else False
