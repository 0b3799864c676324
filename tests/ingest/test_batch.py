"""The columnar batch: what goes in comes out, and damage is told."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.log.batch import COLUMNS, Batch, BatchError, Kind, Source, open_batch
from ingest.observations import MAX_SEQ

texts = st.text(max_size=20)
rows = st.tuples(
    st.sampled_from(list(Kind)),
    st.builds(Source, texts, texts, texts),
    st.integers(0, MAX_SEQ),
    st.integers(0, 2**52),
    st.floats(allow_nan=False),
    texts,
)


def build(items):
    batch = Batch()
    for kind, source, seq, ts, value, text in items:
        index = batch.string_index(text)
        for name, entry in zip(
            COLUMNS,
            (kind, batch.source_index(source), seq, ts, ts + 1, value, -value, 1.5, index, index, 0),
            strict=True,
        ):
            batch.columns[name].append(entry)
    return batch


@settings(deadline=None, max_examples=80)
@given(st.lists(rows, max_size=30))
def test_round_trip(items):
    opened = open_batch(build(items).encode())
    assert opened.rows == len(items)

    def column(name):
        code, view = opened.columns[name]
        return view.cast("B").cast(code).tolist() if len(view) else []

    assert [Kind(kind) for kind in column("kind")] == [item[0] for item in items]
    assert [opened.sources[index] for index in column("source")] == [item[1] for item in items]
    assert column("seq") == [item[2] for item in items]
    assert column("ts") == [item[3] for item in items]
    assert column("a") == [item[4] for item in items]
    assert [opened.strings[index] for index in column("text")] == [item[5] for item in items]


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_any_damage_is_an_error_of_its_kind(data):
    good = build([(Kind.LEVEL, Source("b", "d", "x"), 1, 2, 3.0, "noise")] * 3).encode()
    at = data.draw(st.integers(0, len(good) - 1))
    damaged = bytearray(good)
    damaged[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(BatchError):
        open_batch(bytes(damaged))
    with pytest.raises(BatchError):
        open_batch(good[: data.draw(st.integers(0, len(good) - 1))])


def test_a_later_version_says_so():
    good = build([]).encode()
    with pytest.raises(BatchError, match="version 2, expected at most 1"):
        open_batch(good[:3] + b"\x02" + good[4:])


def test_columns_of_unequal_length_are_not_written():
    batch = build([(Kind.LEVEL, Source("b", "d", "x"), 1, 2, 3.0, "noise")])
    batch.columns["a"].append(1.0)
    with pytest.raises(BatchError, match="'a' has 2 rows, expected 1"):
        batch.encode()
