"""The columnar batch: what goes in comes out, and columns that do not fit are refused."""

from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import frame
from ingest.frame import FrameError, FrameKind
from ingest.log.batch import COLUMNS, Batch, Source, open_batch
from ingest.observations import MAX_SEQ
from ingest.vocabulary import Kind
from tests.support import examples

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


@settings(max_examples=examples(80))
@given(st.lists(rows, max_size=30))
def test_round_trip(items):
    opened = open_batch(build(items).encode())
    assert opened.rows == len(items)

    def column(name):
        return opened.columns[name].values().tolist()

    assert [Kind(kind) for kind in column("kind")] == [item[0] for item in items]
    assert [opened.sources[index] for index in column("source")] == [item[1] for item in items]
    assert column("seq") == [item[2] for item in items]
    assert column("ts") == [item[3] for item in items]
    assert column("a") == [item[4] for item in items]
    assert [opened.strings[index] for index in column("text")] == [item[5] for item in items]


def test_columns_of_unequal_length_are_not_written():
    batch = build([(Kind.LEVEL, Source("b", "d", "x"), 1, 2, 3.0, "noise")])
    batch.columns["a"].append(1.0)
    with pytest.raises(FrameError, match="'a' of a batch has 2 rows, expected 1"):
        batch.encode()


def test_columns_that_are_missing_or_of_another_type_are_refused():
    good = build([(Kind.LEVEL, Source("b", "d", "x"), 1, 2, 3.0, "noise")])
    with pytest.raises(FrameError, match=r"column 'a' of the batch is of type f4 and shape \(1,\), expected f8"):
        open_batch(frame.encode(FrameKind.BATCH, [[], []], good.columns | {"a": array("f", [1.0])}))
    with pytest.raises(FrameError, match=r"shape \(2,\), expected f8 and \(1,\)"):
        open_batch(frame.encode(FrameKind.BATCH, [[], []], good.columns | {"a": array("d", [1.0, 2.0])}))
    with pytest.raises(FrameError, match="'kind' of the batch is missing"):
        open_batch(frame.encode(FrameKind.BATCH, [[], []], {}))
    more = frame.encode(FrameKind.BATCH, [[], []], good.columns | {"later": array("d")})
    assert open_batch(more).rows == 1, "columns of a later program are passed over"
