"""Once in effect: which numbered observations were applied already.

Per source (a device and its boot) a ring of 16 words remembers the newest 1,024 numbers bit by bit, as the IPsec
anti-replay window does (RFC 6479). What leaves the ring unseen is kept as a list of gaps, so that a number that
arrives hours late is still told from a repeat, exactly: it is new if and only if it lies in a gap.

A number alone proves nothing: a device that lost its numbering begins again from 0, and what it then says is new. So
for the newest 1,024 numbers it is kept what was said under each (`stream.windows.proofs`), and for all numbers, in 16
blocks, the span of the times that were said under them. A number that was applied is a repeat where its content agrees
(or, further back, its time lies in the span), and otherwise *other*: it belongs to another boot, though its device
does not say so.

Fails when a source leaves more than `MAX_GAPS` separate gaps behind: the oldest are then given up, and a number from
such a gap, said at a time in the span, is reported as *unknown* instead of being guessed at. Further back than 1,024
numbers, another content at the same number and about the same time is taken for a repeat.
"""

from bisect import bisect_right
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.state import Saved, array, part, value
from stream.windows.axes import SLOT
from stream.windows.proofs import PROOFS, Proofs

WORDS: Final = 16
WORD_BITS: Final = 64
MAX_GAPS: Final = 256
_BLOCK_BITS: Final = 4
BLOCKS: Final = 1 << _BLOCK_BITS
_FULL: Final = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
_SEQ_BITS: Final = 43
_SEQ_MASK: Final = 2**_SEQ_BITS - 1
_NEVER, _ALWAYS = np.iinfo(np.int64).max, np.iinfo(np.int64).min
_UNSET_MS: Final = 946_684_800_000
"""2000-01-01: earlier times come from clocks that were never set, and say nothing."""


class NumberedRows(NamedTuple):
    """What devices said with a number, in the order of arrival; all of shape (rows,), repeats included."""

    slot: NDArray[np.int64]
    """Slots that there is room for."""
    seq: NDArray[np.int64]
    """Numbers from 0 to 2**43 - 1."""
    proof: NDArray[np.uint32]
    """What `stream.windows.proofs.contents` gives."""
    ts: NDArray[np.int64]
    """Event time, epoch ms."""

    def take(self, rows: NDArray[np.intp]) -> "NumberedRows":
        """Return some of them."""
        return NumberedRows(self.slot[rows], self.seq[rows], self.proof[rows], self.ts[rows])


class Verdict(NamedTuple):
    """What each row is, shape (rows,), exactly one of new, repeat, unknown or other; and what each slot's rows skip."""

    new: NDArray[np.bool_]
    unknown: NDArray[np.bool_]
    """Older than everything that is still remembered."""
    other: NDArray[np.bool_]
    """Its number was applied with another content."""
    row: NDArray[np.intp]
    """A row of each slot that occurs, shape (slots,)."""
    skipped: NDArray[np.int64]
    """How many numbers of that slot were skipped; fewer than none where some come after all."""


class Sequences(Saved):
    """Numbers applied, per slot; a slot is one (device, boot)."""

    _highest = array(np.int64, SLOT, fill=-1)
    _words = array(np.uint64, SLOT, WORDS)
    _forgotten = array(np.int64, SLOT, fill=-1)
    """Gaps at or below this number were given up."""
    _gaps = value(list[list[tuple[int, int]]], axis=SLOT, each=list)
    proofs: Proofs = part()
    _base = array(np.int64, SLOT, fill=-1)
    """The number at which the first block begins, -1 before there is one."""
    _width = array(np.uint8, SLOT, fill=8)
    """Each block has 2**width numbers."""
    _since = array(np.int64, SLOT, BLOCKS, fill=_NEVER)
    _until = array(np.int64, SLOT, BLOCKS, fill=_ALWAYS)
    """Earliest and latest time said under the numbers of a block, epoch ms."""

    def __init__(self) -> None:
        self.proofs = Proofs()
        super().__init__()

    def forget(self, slot: int) -> None:
        """Make a slot as new, for another boot."""
        self.wipe(slot)
        self.proofs.forget(slot)
        self._gaps[slot] = []

    def apply(self, given: NumberedRows) -> Verdict:
        """Tell which rows are new, and remember them. Of equal rows the first is the new one."""
        new, unknown, other = (np.zeros(len(given.slot), dtype=np.bool_) for _ in range(3))
        if not len(new):
            return Verdict(new, unknown, other, np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.int64))
        key = (given.slot << _SEQ_BITS) | given.seq
        order = np.argsort(key, kind="stable")
        key = key[order]
        first = np.empty(len(key), dtype=np.bool_)
        first[0] = True
        np.not_equal(key[1:], key[:-1], out=first[1:])
        if not first.all():
            # Of rows with one number, those with the first one's content repeat it, here or at another time.
            proof = given.proof[order]
            leader = proof[first][np.cumsum(first) - 1]
            other[order[proof != leader]] = True
            order, key = order[first], key[first]
        slot, seq = key >> _SEQ_BITS, key & _SEQ_MASK
        starts = np.flatnonzero(np.concatenate(([True], slot[1:] != slot[:-1])))
        touched, one_each = slot[starts], order[starts]
        before = self._highest[touched]
        before = np.where(before < 0, seq[starts] - 1, before)

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
            lost: list[int] = []
            for row in behind[~in_ring].tolist():
                filled = self._fill_gap(int(slot[row]), int(seq[row]))
                fresh[row] = filled is True
                lost += [row] if filled is None else []
            said = behind[~fresh[behind]]
            other[order[said]] = ~self._agrees(given.take(order[said]))
            unknown[order[lost]] = ~other[order[lost]]
            old = ringed[fresh[ringed]]
            self._set_bits(slot[old], word[old], bit[old])
        if ahead.any():
            self._advance(slot[ahead], seq[ahead], word[ahead], bit[ahead])
        new[order] = fresh
        skipped = self._highest[touched] - before - np.add.reduceat(fresh, starts, dtype=np.int64)
        if len(behind):
            order, slot, seq = order[fresh], slot[fresh], seq[fresh]
            starts = np.flatnonzero(np.concatenate(([True], slot[1:] != slot[:-1])))[: len(slot)]
        if len(slot):
            self._remember(slot, seq, starts, given.proof[order], given.ts[order])
        return Verdict(new, unknown, other, one_each, skipped)

    def applied(self, given: NumberedRows) -> NDArray[np.bool_]:
        """Tell which rows were applied with their content; nothing is remembered. Shape (rows,)."""
        slot, seq = given.slot, given.seq
        top = self._highest[slot]
        known = seq <= top
        word, bit = seq >> 6, np.uint64(1) << (seq & 63).astype(np.uint64)
        in_ring = word > (top >> 6) - WORDS
        known &= ~in_ring | ((self._words[slot, word % WORDS] & bit) != 0)
        for row in np.flatnonzero(known & ~in_ring).tolist():
            known[row] = self._gap_of(int(slot[row]), int(seq[row])) is None and seq[row] > self._forgotten[slot[row]]
        rows = np.flatnonzero(known)
        known[rows] = self._agrees(given.take(rows))
        return known

    def _agrees(self, rows: NumberedRows) -> NDArray[np.bool_]:
        """Tell which rows, all of numbers that were applied, have the content or the time they were applied with."""
        slot, seq, proof, ts = rows
        held = self.proofs.held(slot, seq)
        proven = (seq > self._highest[slot] - PROOFS) & (held != 0)
        block = self._block(slot, seq)
        in_span = (ts >= self._since[slot, block]) & (ts <= self._until[slot, block])
        return np.where(proven, held == proof, in_span)

    def _block(self, slot: NDArray[np.int64], seq: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the block that each number lies in."""
        block: NDArray[np.int64] = np.maximum(seq - self._base[slot], 0) >> self._width[slot]
        return np.minimum(block, BLOCKS - 1, out=block)

    def _remember(
        self,
        slot: NDArray[np.int64],
        seq: NDArray[np.int64],
        starts: NDArray[np.intp],
        proof: NDArray[np.uint32],
        ts: NDArray[np.int64],
    ) -> None:
        """Keep the contents and the times of new rows, sorted by slot and number; those of a slot start at `starts`."""
        touched, ends = slot[starts], np.append(starts[1:], len(slot))
        low, high, top = seq[starts], seq[ends - 1], self._highest[touched]
        if (low > top - PROOFS).all():
            self.proofs.keep(slot, seq, proof)
        else:
            recent = np.flatnonzero(seq > np.repeat(top, ends - starts) - PROOFS)
            if len(recent):
                self.proofs.keep(slot[recent], seq[recent], proof[recent])
        self._widen(touched, low, top)
        block, unset = self._block(touched, low), ts.min() < _UNSET_MS
        if not unset and (block == self._block(touched, high)).all():
            touched = touched * BLOCKS + block
        else:  # several blocks of a slot
            if unset:
                told = np.flatnonzero(ts >= _UNSET_MS)
                slot, seq, ts = slot[told], seq[told], ts[told]
            place = slot * BLOCKS + self._block(slot, seq)
            starts = np.flatnonzero(np.concatenate(([True], place[1:] != place[:-1])))[: len(place)]
            touched = place[starts]
        if len(touched):
            since, until = self._since.reshape(-1), self._until.reshape(-1)
            since[touched] = np.minimum(since[touched], np.minimum.reduceat(ts, starts))
            until[touched] = np.maximum(until[touched], np.maximum.reduceat(ts, starts))

    def _widen(self, slot: NDArray[np.int64], low: NDArray[np.int64], top: NDArray[np.int64]) -> None:
        """Begin the blocks of slots, each given once, at their lowest number, and make them hold `top`."""
        base = self._base[slot]
        base = self._base[slot] = np.where(base < 0, low, base)
        reach, width = top - base, self._width[slot]
        far = np.flatnonzero(reach >> width >= BLOCKS)
        if not len(far):
            return
        needed = np.frexp(reach[far].astype(np.float64))[1] - _BLOCK_BITS  # so many bits a number in a block has
        joined = np.minimum(needed - width[far], _BLOCK_BITS)
        self._width[slot[far]] = needed
        for bits in np.unique(joined).tolist():  # 2**bits blocks become one
            those, kept = slot[far[joined == bits]], BLOCKS >> bits
            for spans, join, empty in ((self._since, np.minimum, _NEVER), (self._until, np.maximum, _ALWAYS)):
                fewer = join.reduce(spans[those].reshape(len(those), kept, 1 << bits), axis=2)
                spans[those] = empty
                spans[those, :kept] = fewer

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
        gaps, index = self._gaps[slot], self._gap_of(slot, seq)
        if index is not None:
            low, high = gaps[index]
            gaps[index : index + 1] = [gap for gap in ((low, seq - 1), (seq + 1, high)) if gap[0] <= gap[1]]
            return True
        return None if seq <= self._forgotten[slot] else False

    def _gap_of(self, slot: int, seq: int) -> int | None:
        """Return which of a slot's gaps a number lies in."""
        gaps = self._gaps[slot]
        index = bisect_right(gaps, seq, key=lambda gap: gap[0]) - 1
        return index if index >= 0 and gaps[index][1] >= seq else None
