"""History as bytes: what goes in comes out, and nothing else is taken for it."""

from __future__ import annotations

import math
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import frame
from ingest.frame import FrameError, FrameKind
from ingest.log.history import MAX_ROWS, HistorySeries, encode_history, open_history
from ingest.vocabulary import Kind
from tests.stream.build import HistoryBuilder
from tests.support import examples

NAMES = st.builds(
    HistorySeries,
    st.text(max_size=8),
    st.text(max_size=8),
    st.sampled_from([0, 2]),
    st.sampled_from(["person", "噪声"]),
)
FLOATS = st.floats(width=32, allow_nan=False)
ROWS = st.lists(st.tuples(NAMES, st.integers(0, 2**31), FLOATS, st.floats(0, 1, width=32)), max_size=30)


def small() -> bytes:
    made = HistoryBuilder(300_000)
    for number in range(50):
        made.add(HistorySeries("b1", "cam-1", Kind.COUNT, "person"), 5_900_000 + number, 12.0)
    return made.encode()


@given(rows=ROWS, window_ms=st.integers(1, 86_400_000), again=st.booleans())
@settings(max_examples=examples(60))
def test_what_goes_in_comes_out(rows, window_ms, again):
    made = HistoryBuilder(window_ms, again=again)
    for row in rows:
        made.add(*row)
    opened, columns = open_history(made.encode())
    assert (opened.window_ms, opened.again, opened.rows) == (window_ms, again, len(rows))
    found = zip(
        (opened.series[index] for index in columns["series"].values()),
        (opened.first + number for number in columns["window"].values()),
        columns["value"].values(),
        columns["exposure"].values(),
        strict=True,
    )
    assert list(found) == rows


def test_a_day_of_a_hundred_devices_is_small():
    made = HistoryBuilder(300_000)
    names = [HistorySeries("b1", f"cam-{index}", 0, "person") for index in range(100)]
    for number in range(288):
        for index, name in enumerate(names):
            made.add(name, 5_900_000 + number, float((index * 7 + number) % 40))
    assert len(made.encode()) < 3 * len(made.number), "bytes a window"


META = [300_000, 5, False, 1, [["b", "d", 0, "person"]]]
EIGHT = zlib.compress(bytes(8))


@pytest.mark.parametrize(
    ("meta", "value", "error"),
    [
        ([300_000, 5, False, MAX_ROWS + 1, []], EIGHT, "claims 1048577 windows"),
        ([300_000, 5, False, -1, []], EIGHT, "claims -1 windows"),
        ([0, 5, False, 0, []], EIGHT, "windows of 0 ms"),
        ([300_000, -5, False, 0, []], EIGHT, "from number -5"),
        (META, b"not zlib", "'value' of the record of history cannot be unpacked"),
        (META, zlib.compress(bytes(7)), "unpacks to 7 bytes, expected 8"),
        (META, zlib.compress(bytes(1 << 22)), "at most 8 bytes"),
        (META, EIGHT + b"more", "at most 8 bytes"),
        (META, EIGHT[:-3], "at most 8 bytes"),
        (META, None, "column 'value' of the record of history is missing"),
        ({"window_ms": 1}, EIGHT, "cannot be read"),
        ([300_000, 5, False, 1, [["b", "d"]]], EIGHT, "cannot be read"),
    ],
)
def test_a_right_frame_around_something_wrong_is_refused(meta, value, error):
    four = zlib.compress(bytes(4))
    columns = {"series": four, "window": four, "value": value, "exposure": four}
    present = {name: column for name, column in columns.items() if column is not None}
    with pytest.raises(FrameError, match=error):
        open_history(frame.encode(FrameKind.HISTORY, meta, present))


SERIES = HistorySeries("b", "d", 0, "person")


@pytest.mark.parametrize(
    ("window_ms", "number", "value"),
    [(1, [0, 1 << 33], [1.0, 1.0]), (1, [-1], [1.0]), (1, [1], [1.0, 1.0]), (0, [1], [1.0])],
    ids=["far apart", "before 1970", "columns of different lengths", "no time"],
)
def test_what_does_not_fit_is_not_written(window_ms, number, value):
    with pytest.raises(FrameError, match="expected"):
        encode_history(window_ms, [SERIES], [0] * len(number), number, value, value)


def test_values_are_the_readers_to_judge():
    assert open_history(encode_history(1, [SERIES], [0], [1], [math.inf], [1.0]))[0].rows == 1
