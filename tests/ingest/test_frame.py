"""The frame for bytes: what goes in comes out, without a copy, and everything else is refused with a reason."""

from __future__ import annotations

import re
import zlib
from array import array

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import frame
from ingest.frame import FrameError, FrameKind, NewerFrameError
from models.frames import to_numpy, unpack
from tests.support import examples

ARRAYS = {
    "numbers": np.arange(6).reshape(2, 3),
    "switches": np.array([True, False]),
    "none": np.zeros((0, 4), dtype=np.float32),
    "names": np.array([b"ab", b"c"]),
    "one": np.array(3.5),
    "turned": np.arange(12, dtype=np.uint16).reshape(3, 4).T,
}
KIND = FrameKind.SNAPSHOT
GOOD = frame.encode(KIND, {"name": "x", "list": [1, 2.5, None]}, ARRAYS)
DTYPES = ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", "S1", "S7")

shapes = st.lists(st.integers(0, 4), max_size=4)
arrays = st.dictionaries(st.text(max_size=6), st.tuples(st.sampled_from(DTYPES), shapes, st.binary(max_size=64)))
leaves = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(max_size=5)
metas = st.dictionaries(
    st.text(max_size=5), st.recursive(leaves, lambda inner: st.lists(inner, max_size=3)), max_size=5
)


def filled(dtype: str, shape: list[int], content: bytes) -> np.ndarray:
    whole = np.zeros(shape, dtype=dtype)
    raw = np.frombuffer(whole.tobytes(), dtype=np.uint8).copy()
    given_bytes = np.frombuffer(content[: len(raw)], dtype=np.uint8)
    raw[: len(given_bytes)] = given_bytes > 127 if dtype == "?" else given_bytes
    return raw.view(dtype).reshape(shape)


def sealed(body: bytes) -> bytes:
    """Give bytes a right check sum, as somebody who means harm would."""
    return body + zlib.crc32(body).to_bytes(4, "little")


def crafted(layout: object, meta: object = None, body: bytes = bytes(range(64)), version: int = 1) -> bytes:
    """A frame with right lengths and a right check sum around anything."""
    header = msgspec.msgpack.encode((layout, {} if meta is None else meta))
    padding = bytes(-(20 + len(header)) % 8)
    total = 20 + len(header) + len(padding) + len(body) + 4
    head = KIND.mark + version.to_bytes(4, "little") + len(header).to_bytes(4, "little") + total.to_bytes(8, "little")
    return sealed(head + header + padding + body)


@settings(max_examples=examples(150))
@given(meta=metas, described=arrays, kind=st.sampled_from(FrameKind))
def test_what_goes_in_comes_out(meta, described, kind):
    written = {name: filled(*parts) for name, parts in described.items()}
    data = frame.encode(kind, meta, written)
    found, read = frame.decode(kind, data, dict)
    assert found == meta
    assert list(read) == list(written)
    for name, values in to_numpy(read).items():
        assert (values.dtype, values.shape) == (written[name].dtype, written[name].shape)
        assert values.tobytes() == written[name].tobytes()
        assert not values.flags.writeable
        assert values.base is not None, "a view of the frame, not a copy"
    assert frame.encode(kind, found, to_numpy(read)) == data, "equal values give equal bytes"


@pytest.mark.parametrize("code", "bBhHiIlLqQfd")
def test_arrays_of_plain_python_come_out_as_numbers(code):
    values = array(code, [1, 2, 3])
    _, read = frame.decode(KIND, frame.encode(KIND, {}, {"a": values, "b": array(code)}), dict)
    assert read["a"].values().tolist() == values.tolist()
    assert read["b"].values().tolist() == []


def test_every_array_begins_at_a_multiple_of_eight_bytes():
    for name, found in frame.decode(KIND, GOOD, dict)[1].items():
        at = GOOD.find(found.data.tobytes()) if found.data.nbytes > 4 else 0
        assert at % 8 == 0, name


def test_unpacked_arrays_are_copies_that_may_be_written_to():
    meta, read = unpack(KIND, GOOD)
    assert meta == {"name": "x", "list": [1, 2.5, None]}
    for name, values in read.items():
        assert np.array_equal(values, ARRAYS[name])
        assert values.flags.writeable


def test_every_altered_byte_is_refused():
    for at in range(len(GOOD)):
        for flip in (1, 0x80, 0xFF):
            damaged = bytearray(GOOD)
            damaged[at] ^= flip
            with pytest.raises(FrameError):
                frame.decode(KIND, damaged, dict)


def test_every_cut_is_refused_as_such():
    for length in range(1, len(GOOD)):
        with pytest.raises(FrameError, match="cut short"):
            frame.decode(KIND, GOOD[:length], dict)


@settings(max_examples=examples(150))
@given(at=st.integers(0, len(GOOD) - 5), patch=st.binary(min_size=1, max_size=6))
def test_altered_bytes_with_a_right_check_sum_give_arrays_or_an_error(at, patch):
    body = bytearray(GOOD[:-4])
    body[at : at + len(patch)] = patch
    try:
        _, read = unpack(KIND, sealed(bytes(body)))
    except FrameError:
        return
    assert all(values.dtype.kind in "biufS" for values in read.values())


@settings(max_examples=examples(150))
@given(data=st.binary(max_size=80), kind=st.sampled_from(FrameKind))
def test_other_bytes_raise_nothing_but_frame_errors(data, kind):
    for hostile in (data, kind.mark + data, kind.mark + b"\1\0\0\0" + data, sealed(kind.mark + b"\1\0\0\0" + data)):
        with pytest.raises(FrameError):
            frame.decode(kind, hostile, dict)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (None, "the snapshot is missing: there is no value"),
        (b"", "starts with b'', expected b'PGsn'"),
        (b"XYZ" + GOOD[3:], "starts with b'XYZn', expected b'PGsn'"),
        (GOOD[:10], "has 10 bytes, expected at least 20: it was cut short"),
        (GOOD[:-1], f"has {len(GOOD) - 1} bytes, expected {len(GOOD)}: it was cut short"),
        (GOOD + b"\0", "something follows it"),
        (GOOD[:40] + b"!" + GOOD[41:], "the check sum of the snapshot differs"),
        (frame.encode(FrameKind.BATCH, {}, {}), "found the batch of observations, expected the snapshot"),
        (b"PGS\x01 and what version 0.1 wrote", "written by version 0.1.*`patrolgrid train --from-store`"),
        (crafted([], version=0), "is of version 0, expected 1"),
        (sealed(GOOD[:8] + b"\xff\xff\xff\x7f" + GOOD[12:-4]), "names a header of 2147483647 bytes"),
        (sealed(GOOD[:12] + b"\xff\xff\xff\xff\xff\xff\xff\xff" + GOOD[20:-4]), "it was cut short"),
        (sealed(GOOD[:20] + b"\xc1" + GOOD[21:-4]), "header of the snapshot cannot be read"),
        (crafted([("a", "O8", [1])]), "the code 'O8'"),
        (crafted([("a", "U4", [1])]), "the code 'U4'"),
        (crafted([("a", "S0", [1])]), "the code 'S0'"),
        (crafted([("a", "S999999", [1])]), "the code 'S999999'"),
        (crafted([("a", "f8", [-1])]), "cannot be read: Expected `int` >= 0"),
        (crafted([("a", "f8", [1] * 40)]), "cannot be read: Expected `array` of length <= 8"),
        (crafted([("a", "f8", [2**31, 2**31, 2**31])]), "reaches to byte"),
        (crafted([("a", "f8", [0, 2**60])]), "cannot be read: Expected `int` <= 4294967295"),
        (crafted([("a", "f8", [0, 2**31, 2**31, 2**31])], body=b""), "the shape .* which no array has"),
        (crafted([("a", "f8", [9])]), "array 'a' of the snapshot reaches to byte"),
        (crafted([("a", "f8", [2**31])]), "array 'a' of the snapshot reaches to byte"),
        (crafted([("a", "f8", [4]), ("b", "f8", [5])]), "array 'b' of the snapshot reaches to byte"),
        (crafted([("a", "f8", [7])]), "holds 8 bytes more than its arrays"),
        (crafted([("a", "b1", [64])]), "neither true nor false"),
        (crafted([("a", "f8", [1]), ("a", "f8", [7])]), "two arrays 'a'"),
        (crafted([("a", "f8", "8")]), "cannot be read"),
        (crafted([], meta=[1]), "cannot be read: Expected `object`, got `array`"),
    ],
)
def test_what_is_no_frame_is_refused_with_a_reason(data, complaint):
    with pytest.raises(FrameError, match=complaint):
        unpack(KIND, data)


def test_meta_data_of_another_type_is_refused():
    class Wanted(msgspec.Struct):
        count: int

    with pytest.raises(FrameError, match=r"cannot be read: Expected `int`, got `str` - at `\$.count`"):
        frame.decode(KIND, frame.encode(KIND, {"count": "many"}, {}), Wanted)
    deep = frame.encode(KIND, msgspec.Raw(b"\x91" * 100_000 + b"\xc0"), {})
    with pytest.raises(FrameError, match="cannot be read"):
        frame.decode(KIND, deep, dict)


def test_a_later_version_asks_for_an_upgrade():
    later = KIND.mark + (9).to_bytes(4, "little") + bytes(20)  # its layout may be another one
    with pytest.raises(NewerFrameError, match="the snapshot is of version 9, expected at most 1: a newer program"):
        frame.decode(KIND, later, dict)


@pytest.mark.parametrize(
    "values",
    [
        np.array([{}]),
        np.array(["text"]),
        np.zeros(2, dtype="M8[s]"),
        np.zeros(2, dtype=">i8"),
        np.zeros(2, dtype=complex),
        np.zeros(2, dtype=np.float16),
        np.zeros(2, dtype="i4,i8"),
        [1, 2],
    ],
    ids=["objects", "texts", "times", "big end first", "complex", "half", "fields", "list"],
)
def test_other_arrays_are_not_written(values):
    with pytest.raises(FrameError, match=r"array 'a' of the snapshot .* expected numbers, booleans"):
        frame.encode(KIND, {}, {"a": values})


def test_every_kind_has_a_mark_of_its_own():
    assert len({kind.mark for kind in FrameKind}) == len(FrameKind)
    assert all(re.fullmatch(rb"PG[a-z]{2}", kind.mark) for kind in FrameKind)
