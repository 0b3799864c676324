"""History as bytes: what goes in comes out, and nothing else is taken for it."""

from __future__ import annotations

import math
import struct
import zlib
from array import array

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.log import history
from ingest.log.batch import Kind
from ingest.log.history import MAX_ROWS, History, HistoryError, HistorySeries, open_history

NAMES = st.builds(
    HistorySeries,
    st.text(max_size=8),
    st.text(max_size=8),
    st.sampled_from([0, 2]),
    st.sampled_from(["person", "噪声"]),
)
FLOATS = st.floats(width=32, allow_nan=False)
ROWS = st.lists(st.tuples(NAMES, st.integers(0, 2**31), FLOATS, st.floats(0, 1, width=32)), max_size=30)


def values(opened, name):
    column = array(history.COLUMNS[name])
    column.frombytes(opened.columns[name])
    return column.tolist()


def small() -> bytes:
    made = History(300_000)
    for number in range(50):
        made.add(HistorySeries("b1", "cam-1", Kind.COUNT, "person"), 5_900_000 + number, 12.0)
    return made.encode()


def framed(header: object, body: bytes) -> bytes:
    """A payload with a right frame and check sum around anything."""
    head = msgspec.msgpack.encode(header)
    raw = struct.pack("<3sBI", b"PGH", 1, len(head)) + head + body
    return raw + zlib.crc32(raw).to_bytes(4, "little")


@given(rows=ROWS, window_ms=st.integers(1, 86_400_000), again=st.booleans())
@settings(max_examples=60, deadline=None)
def test_what_goes_in_comes_out(rows, window_ms, again):
    made = History(window_ms, again=again)
    for row in rows:
        made.add(*row)
    opened = open_history(made.encode())
    assert (opened.window_ms, opened.again, opened.rows) == (window_ms, again, len(rows))
    found = zip(
        (opened.series[index] for index in values(opened, "series")),
        (opened.first + number for number in values(opened, "window")),
        values(opened, "value"),
        values(opened, "exposure"),
        strict=True,
    )
    assert list(found) == rows


def test_columns_go_in_as_rows_do():
    one, many = History(1000), History(1000)
    a, b = HistorySeries("b1", "a", 0, "person"), HistorySeries("b1", "b", 2, "noise")
    for row in ((a, 7, 1.0, 0.5), (b, 7, 2.0, 1.0), (a, 8, 3.0, 1.0)):
        one.add(*row)
    many.extend([a, b], [0, 1, 0], [7, 7, 8], [1.0, 2.0, 3.0], [0.5, 1.0, 1.0])
    assert one.encode() == many.encode()


def test_a_day_of_a_hundred_devices_is_small():
    made = History(300_000)
    names = [HistorySeries("b1", f"cam-{index}", 0, "person") for index in range(100)]
    for number in range(288):
        for index, name in enumerate(names):
            made.add(name, 5_900_000 + number, float((index * 7 + number) % 40))
    assert len(made.encode()) < 3 * len(made), "bytes a window"


@given(data=st.data())
@settings(max_examples=80, deadline=None)
def test_altered_bytes_are_refused(data):
    payload = bytearray(small())
    at = data.draw(st.integers(0, len(payload) - 1))
    payload[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(HistoryError):
        open_history(bytes(payload))


@given(payload=st.binary(max_size=200), cut=st.integers(0, 100))
@settings(max_examples=60, deadline=None)
def test_other_bytes_and_short_ones_are_refused(payload, cut):
    for hostile in (payload, small()[:cut], b"PGH" + payload):
        with pytest.raises(HistoryError):
            open_history(hostile)


HEADER = [300_000, 5, False, 1, [["b", "d", 0, "person"]]]


@pytest.mark.parametrize(
    ("header", "body", "error"),
    [
        ([300_000, 5, False, MAX_ROWS + 1, []], b"", "claims 1048577 windows"),
        ([300_000, 5, False, -1, []], b"", "claims -1 windows"),
        ([0, 5, False, 0, []], zlib.compress(b""), "windows of 0 ms"),
        ([300_000, -5, False, 0, []], zlib.compress(b""), "from number -5"),
        (HEADER, b"not zlib", "cannot be unpacked"),
        (HEADER, zlib.compress(bytes(19)), "other than the 20 bytes"),
        (HEADER, zlib.compress(bytes(1 << 22)), "other than the 20 bytes"),
        (HEADER, zlib.compress(bytes(20)) + b"more", "other than the 20 bytes"),
        (HEADER, zlib.compress(bytes(20))[:-3], "other than the 20 bytes"),
        ({"window_ms": 1}, b"", "header cannot be read"),
        ([300_000, 5, False, 1, [["b", "d"]]], zlib.compress(bytes(20)), "header cannot be read"),
    ],
)
def test_a_right_frame_around_something_wrong_is_refused(header, body, error):
    with pytest.raises(HistoryError, match=error):
        open_history(framed(header, body))


def test_a_later_version_says_what_to_do():
    raw = bytearray(small())
    raw[3] = 2
    raw[-4:] = zlib.crc32(raw[:-4]).to_bytes(4, "little")
    with pytest.raises(HistoryError, match="version 2, expected at most 1: upgrade"):
        open_history(bytes(raw))


def test_what_does_not_fit_is_not_written():
    series = HistorySeries("b", "d", 0, "person")
    far, early, uneven = History(1), History(1), History(1)
    far.add(series, 0, 1.0)
    far.add(series, 1 << 33, 1.0)
    early.add(series, -1, 1.0)
    uneven.extend([series], [0, 0], [1], [1.0], [1.0])
    for wrong in (far, early, uneven):
        with pytest.raises(HistoryError, match="expected"):
            wrong.encode()
    with pytest.raises(HistoryError, match="0 ms"):
        History(0)
    odd = History(1)
    odd.add(series, 1, math.inf)  # values are the reader's to judge, the frame only carries them
    assert open_history(odd.encode()).rows == 1
