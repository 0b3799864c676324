"""Once in effect, held against a plain set."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.windows.axes import SLOT
from stream.windows.sequences import MAX_GAPS, Sequences
from tests.support import examples

numbers = st.one_of(
    st.integers(0, 200),
    st.integers(900, 1300),
    st.integers(5_000, 5_100),
    st.integers(2**42, 2**42 + 70),
)
batches = st.lists(st.lists(st.tuples(st.integers(0, 3), numbers), max_size=60), min_size=1, max_size=12)


def apply(sequences, rows):
    slots = np.array([slot for slot, _ in rows], dtype=np.int64)
    seqs = np.array([seq for _, seq in rows], dtype=np.int64)
    return sequences.apply(slots, seqs)


@settings(max_examples=examples(150))
@given(batches)
def test_tells_new_from_repeated_as_a_set_does(batches):
    sequences, seen = Sequences(), set()
    sequences.grow(SLOT, 4)
    for rows in batches:
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
    before.grow(SLOT, 4)
    resumed = Sequences()
    for rows in batches[:cut]:
        apply(whole, rows)
        apply(before, rows)
    resumed.restore(before.capture())
    for rows in batches[cut:]:
        assert np.array_equal(apply(whole, rows).new, apply(resumed, rows).new)


def test_long_contiguous_runs_leave_no_gaps():
    sequences = Sequences()
    sequences.grow(SLOT, 1)
    for start in range(0, 100_000, 700):
        assert apply(sequences, [(0, start + i) for i in range(700)]).new.all()
    assert sequences.capture().get("gaps") == [[]]


def test_random_order_with_loss_is_exact():
    rng = np.random.default_rng(3)
    sequences = Sequences()
    sequences.grow(SLOT, 2)
    sent = rng.permutation(np.repeat(np.arange(4_000), 2))
    sent = sent[rng.random(len(sent)) > 0.2]
    late = np.argsort(sent + rng.integers(0, 300, len(sent)), kind="stable")
    total = 0
    for chunk in np.array_split(sent[late], 37):
        total += int(sequences.apply(np.ones(len(chunk), dtype=np.int64), chunk).new.sum())
    assert total == len(set(sent.tolist()))


def test_numbers_from_gaps_given_up_are_unknown_not_guessed():
    sequences = Sequences()
    sequences.grow(SLOT, 1)
    apply(sequences, [(0, 2 * i) for i in range(MAX_GAPS + 2_000)])
    verdict = apply(sequences, [(0, 1), (0, 2)])
    assert verdict.unknown.tolist() == [True, True]
    assert not verdict.new.any()
