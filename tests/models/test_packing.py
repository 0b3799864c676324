import zlib

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.packing import PackError, pack, unpack

ARRAYS = {"a": np.arange(6).reshape(2, 3), "b": np.array([True, False]), "c": np.zeros((0, 4), dtype=np.float32)}
GOOD = pack(b"ABC", 2, {"name": "x"}, ARRAYS)


def sealed(body: bytes) -> bytes:
    """Give bytes a right check sum, as somebody who means harm would."""
    return body + zlib.crc32(body).to_bytes(4, "little")


def crafted(layout: list[object], meta: object = None) -> bytes:
    header = msgspec.msgpack.encode(({} if meta is None else meta, layout))
    head = b"ABC\x01" + len(header).to_bytes(4, "little") + header
    return sealed(head + b"\0" * (-len(head) % 8) + bytes(range(64)))


def test_what_was_packed_comes_back() -> None:
    meta, arrays = unpack(b"ABC", 2, GOOD)
    assert meta == {"name": "x"}
    assert list(arrays) == list(ARRAYS)
    for name, values in arrays.items():
        assert values.dtype == ARRAYS[name].dtype
        assert np.array_equal(values, ARRAYS[name])
        assert values.flags.writeable
    assert pack(b"ABC", 2, meta, arrays) == GOOD


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "too few"),
        (b"XYZ" + GOOD[3:], "starts with"),
        (sealed(b"ABC\x03" + GOOD[4:-4]), "newer program"),
        (sealed(b"ABC\x00" + GOOD[4:-4]), "version 0"),
        (GOOD[:-9], "check sum"),
        (GOOD[:40] + b"!" + GOOD[41:], "check sum"),
        (sealed(b"ABC\x01\xff\xff\xff\x7f" + bytes(16)), "header of 2147483647"),
        (sealed(b"ABC\x01\x04\0\0\0" + b"\xc1\xc1\xc1\xc1"), "cannot be read"),
        (crafted([("a", "|O", [1], 0)]), "type '|O'"),
        (crafted([("a", "<U4", [1], 0)]), "type '<U4'"),
        (crafted([("a", "nonsense", [1], 0)]), "type 'nonsense'"),
        (crafted([("a", "<f8", [-1], 0)]), "shape"),
        (crafted([("a", "<f8", [1] * 40, 0)]), "shape"),
        (crafted([("a", "<f8", [2**31, 2**31, 2**31], 0)]), "reaches to byte"),
        (crafted([("a", "<f8", [1], -8)]), "reaches to byte"),
        (crafted([("a", "<f8", [9], 0)]), "reaches to byte 72 of 64"),
        (crafted([("a", "|b1", [4], 0)]), "neither true nor false"),
        (crafted([("a", "<f8", [1], 0), ("a", "<f8", [1], 0)]), "twice"),
        (crafted([], meta=[1]), "cannot be read"),
    ],
)
def test_other_bytes_are_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(PackError, match=complaint):
        unpack(b"ABC", 2, data)


def test_objects_cannot_be_packed() -> None:
    with pytest.raises(PackError, match="'a' is of type object"):
        pack(b"ABC", 1, {}, {"a": np.array([{}])})


@settings(max_examples=80, deadline=None)
@given(st.integers(0, len(GOOD) - 5), st.binary(min_size=1, max_size=6))
def test_altered_bytes_with_a_right_check_sum_give_arrays_or_an_error(at: int, patch: bytes) -> None:
    body = bytearray(GOOD[:-4])
    body[at : at + len(patch)] = patch
    try:
        _, arrays = unpack(b"ABC", 2, sealed(bytes(body)))
    except PackError:
        return
    assert all(values.dtype.kind in "biuf" for values in arrays.values())
