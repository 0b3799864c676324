"""Once in effect, held against a plain set."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.windows.axes import SLOT
from stream.windows.proofs import PROOFS
from stream.windows.sequences import MAX_GAPS, NumberedRows, Sequences
from tests.stream.build import NOON
from tests.support import examples

numbers = st.one_of(
    st.integers(0, 200),
    st.integers(900, 1300),
    st.integers(5_000, 5_100),
    st.integers(2**42, 2**42 + 70),
)
batches = st.lists(st.lists(st.tuples(st.integers(0, 3), numbers), max_size=60), min_size=1, max_size=12)


def numbered(slots, seqs, *, content=7, ts=NOON) -> NumberedRows:
    """NumberedRows of numbers, by default all of one content and one time, so that only the number matters."""
    rows = len(seqs)
    return NumberedRows(
        np.asarray(slots, dtype=np.int64),
        np.asarray(seqs, dtype=np.int64),
        np.broadcast_to(np.asarray(content, dtype=np.uint32), rows),
        np.broadcast_to(np.asarray(ts, dtype=np.int64), rows),
    )


def apply(sequences, rows, **said):
    return sequences.apply(numbered([slot for slot, _ in rows], [seq for _, seq in rows], **said))


@settings(max_examples=examples(150))
@given(batches)
def test_tells_new_from_repeated_as_a_set_does(batches):
    sequences, seen = Sequences(), set()
    sequences.grow(SLOT, 4)
    sequences.proofs.room(4, 1)
    for rows in filter(None, batches):
        verdict = apply(sequences, rows)
        for row, new, unknown in zip(rows, verdict.new, verdict.unknown, strict=True):
            assert not unknown
            assert new == (row not in seen)
            seen.add(row)


@settings(max_examples=examples(60))
@given(batches, st.integers(0, 11))
def test_state_goes_through_arrays_unchanged(batches, cut):
    whole, before = Sequences(), Sequences()
    whole.grow(SLOT, 4)
    whole.proofs.room(4, 1)
    before.grow(SLOT, 4)
    before.proofs.room(4, 1)
    resumed = Sequences()
    for rows in filter(None, batches[:cut]):
        apply(whole, rows)
        apply(before, rows)
    resumed.restore(before.capture())
    for rows in filter(None, batches[cut:]):
        assert np.array_equal(apply(whole, rows).new, apply(resumed, rows).new)


def test_long_contiguous_runs_leave_no_gaps():
    sequences = Sequences()
    sequences.grow(SLOT, 1)
    sequences.proofs.room(1, 1)
    for start in range(0, 100_000, 700):
        assert apply(sequences, [(0, start + i) for i in range(700)]).new.all()
    assert sequences.capture().get("gaps") == [[]]


def test_random_order_with_loss_is_exact():
    rng = np.random.default_rng(3)
    sequences = Sequences()
    sequences.grow(SLOT, 2)
    sequences.proofs.room(2, 1)
    sent = rng.permutation(np.repeat(np.arange(4_000), 2))
    sent = sent[rng.random(len(sent)) > 0.2]
    late = np.argsort(sent + rng.integers(0, 300, len(sent)), kind="stable")
    total = 0
    for chunk in np.array_split(sent[late], 37):
        total += int(sequences.apply(numbered(np.ones(len(chunk)), chunk)).new.sum())
    assert total == len(set(sent.tolist()))


def test_numbers_from_gaps_given_up_are_unknown_not_guessed():
    sequences = Sequences()
    sequences.grow(SLOT, 1)
    sequences.proofs.room(1, 1)
    apply(sequences, [(0, 2 * i) for i in range(MAX_GAPS + 2_000)])
    verdict = apply(sequences, [(0, 1), (0, 2)])
    assert verdict.unknown.tolist() == [True, True]
    assert not verdict.new.any()


def test_the_same_number_with_another_content_is_other():
    sequences = Sequences()
    sequences.grow(SLOT, 2)
    sequences.proofs.room(2, 1)
    assert apply(sequences, [(1, seq) for seq in range(20)]).new.all()
    verdict = apply(sequences, [(1, 3), (1, 4), (1, 20)], content=[7, 8, 8])
    assert (verdict.new.tolist(), verdict.other.tolist()) == ([False, False, True], [False, True, False])
    again = apply(sequences, [(1, 4), (1, 20)], content=[7, 8])
    assert not (again.new | again.other | again.unknown).any()


def test_rows_of_one_number_in_one_call_are_told_apart_by_their_content():
    sequences = Sequences()
    sequences.grow(SLOT, 1)
    sequences.proofs.room(1, 1)
    verdict = apply(sequences, [(0, 5)] * 4, content=[1, 2, 1, 2])
    assert verdict.new.tolist() == [True, False, False, False]
    assert verdict.other.tolist() == [False, True, False, True]


@pytest.mark.parametrize("count", [1_500, 5_000, 100_000])
def test_further_back_a_number_is_proven_by_the_time_at_which_it_was_said(count):
    sequences = Sequences()
    sequences.grow(SLOT, 1)
    sequences.proofs.room(1, 1)
    seqs = np.arange(count)
    for part in np.array_split(seqs, 50):
        assert sequences.apply(numbered(np.zeros(len(part)), part, ts=NOON + part * 1000)).new.all()
    back = seqs[: count - PROOFS : 7]
    zeros = np.zeros(len(back))
    repeated = sequences.apply(numbered(zeros, back, ts=NOON + back * 1000))
    assert not (repeated.new | repeated.other | repeated.unknown).any()
    later = NOON + count * 1000 + back
    assert sequences.apply(numbered(zeros, back, ts=later)).other.all()
    # A clock that goes on from an hour before, as on a machine that saves the time now and then.
    early = back[back < count // 2]
    said = sequences.apply(numbered(np.zeros(len(early)), early, ts=NOON + count * 900 + early))
    assert said.other.all()


def test_times_of_a_clock_that_was_never_set_prove_nothing():
    sequences = Sequences()
    sequences.grow(SLOT, 1)
    sequences.proofs.room(1, 1)
    sequences.apply(numbered(np.zeros(3_000), np.arange(3_000), ts=np.where(np.arange(3_000) < 5, 1_000, NOON)))
    assert apply(sequences, [(0, 3)], ts=2_000).other.all()


def test_what_was_applied_is_told_without_applying_anything():
    sequences = Sequences()
    sequences.grow(SLOT, 1)
    sequences.proofs.room(1, 1)
    said = [(0, seq) for seq in range(3_000) if seq % 100]
    apply(sequences, said)
    asked = numbered(np.zeros(5), [1, 100, 2_901, 2_900, 3_000])
    for _ in range(2):
        assert sequences.applied(asked).tolist() == [True, False, True, False, False]


@settings(max_examples=examples(60))
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2**42)), min_size=1, max_size=40, unique=True))
def test_a_number_that_was_said_lies_in_the_span_of_its_block_however_far_the_numbers_leap(said):
    sequences = Sequences()
    sequences.grow(SLOT, 3)
    for number, (slot, seq) in enumerate(said):
        apply(sequences, [(slot, seq)], ts=NOON + number)
    for number, row in enumerate(said):
        again = apply(sequences, [row], ts=NOON + number)
        assert not (again.new | again.other | again.unknown).any()
