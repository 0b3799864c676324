"""Arrays and plain values as bytes that are safe to load: no pickle, no code, nothing trusted before it was checked.

Layout (little-endian): a magic of three bytes, one version byte, ``u32`` header length, a MessagePack header
``[meta, [[name, dtype, shape, offset], …]]``, padding to 8 bytes, the arrays (each padded to 8), ``u32`` CRC-32 of all
that stands before it. The check sum is against accidents; against malice every length and type is checked as well.
"""

from __future__ import annotations

import math
import re
import struct
import zlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

_PREFIX: Final = struct.Struct("<3sBI")
_DTYPES: Final = frozenset(
    np.dtype(name).newbyteorder("<").str for name in ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8")
)
"""Booleans and numbers: nothing that could hold an object."""
_BYTES: Final = re.compile(r"\|S[1-9][0-9]{0,4}\Z")
"""Byte strings of a fixed length; nor do these."""
_EXPECTED: Final = "numbers, booleans or bytes of a fixed length"
_MOST_AXES: Final = 8
_HEADER = msgspec.msgpack.Decoder(tuple[dict[str, Any], list[tuple[str, str, list[int], int]]])


class PackError(ValueError):
    """Bytes are not of the format, were cut short or altered, or are of a version not known here."""


def pack(magic: bytes, version: int, meta: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return `meta` (what MessagePack can hold) and arrays of booleans, numbers or byte strings as bytes.

    Equal values give equal bytes. Raises `PackError` for an array of anything else.
    """
    layout, parts, offset = [], [], 0
    for name, array in arrays.items():
        little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        if not _is_plain(little.dtype.str):
            raise PackError(f"array {name!r} is of type {array.dtype}, expected {_EXPECTED}")
        raw = little.tobytes()
        layout.append((name, little.dtype.str, list(array.shape), offset))
        padding = -len(raw) % 8
        parts += [raw, b"\0" * padding]
        offset += len(raw) + padding
    header = msgspec.msgpack.encode((dict(meta), layout))
    head = _PREFIX.pack(magic, version, len(header)) + header
    body = b"".join([head, b"\0" * (-len(head) % 8), *parts])
    return body + zlib.crc32(body).to_bytes(4, "little")


def unpack(magic: bytes, version: int, data: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return (meta, arrays) of what `pack` made with this magic and at most this version; arrays are writable copies.

    Raises `PackError`, and nothing else, for any other bytes. Takes no more memory than a small multiple of `data`.
    """
    if len(data) < _PREFIX.size + 4:
        raise PackError(f"{len(data)} bytes are too few")
    found, number, length = _PREFIX.unpack_from(data)
    if found != magic:
        raise PackError(f"starts with {found!r}, expected {magic!r}")
    if not 1 <= number <= version:
        raise PackError(f"is of version {number}, expected 1 to {version}: a newer program wrote it")
    view = memoryview(data)[:-4]
    if zlib.crc32(view) != int.from_bytes(data[-4:], "little"):
        raise PackError("check sum differs: it was cut short or altered")
    if length > len(view) - _PREFIX.size:
        raise PackError(f"names a header of {length} bytes, more than there are")
    try:
        meta, layout = _HEADER.decode(view[_PREFIX.size : _PREFIX.size + length])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise PackError(f"its header cannot be read: {error}") from error
    start = _PREFIX.size + length
    body = view[min(start + -start % 8, len(view)) :]
    arrays: dict[str, NDArray[Any]] = {}
    for name, dtype, shape, offset in layout:
        if name in arrays:
            raise PackError(f"array {name!r} stands in it twice")
        arrays[name] = _array(body, name, dtype, shape, offset)
    return meta, arrays


def _is_plain(dtype: str) -> bool:
    return dtype in _DTYPES or _BYTES.match(dtype) is not None


def _array(body: memoryview, name: str, dtype: str, shape: list[int], offset: int) -> NDArray[Any]:
    if not _is_plain(dtype):
        raise PackError(f"array {name!r} is of type {dtype!r}, expected {_EXPECTED}")
    if len(shape) > _MOST_AXES or any(size < 0 for size in shape):
        raise PackError(f"array {name!r} has the shape {shape}, which no array has")
    kind, count = np.dtype(dtype), math.prod(shape)
    end = offset + count * kind.itemsize
    if offset < 0 or end > len(body):
        raise PackError(f"array {name!r} reaches to byte {end} of {len(body)}")
    # One byte that is neither 0 nor 1 would be a boolean that numpy does not know.
    raw = np.frombuffer(body, dtype="u1" if kind.kind == "b" else kind, count=count, offset=offset)
    if kind.kind == "b" and raw.size and raw.max() > 1:
        raise PackError(f"array {name!r} holds booleans that are neither true nor false")
    return raw.reshape(shape).astype(kind.newbyteorder("="), copy=True)
