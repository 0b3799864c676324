"""The pipeline's state as bytes: a version, JSON-like meta data, arrays, a check sum. No pickle: loading runs no code.

Layout (little-endian): ``b"PGS"``, one version byte, ``u32`` header length, a MessagePack header
``[meta, [[name, dtype, shape, offset], …]]``, padding to 8 bytes, the arrays (each padded to 8), ``u32`` CRC-32.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

MAGIC: Final = b"PGS"
VERSION: Final = 1
_PREFIX: Final = struct.Struct("<3sBI")
_KINDS: Final = frozenset("biufS")
"""Booleans, numbers and byte strings of fixed length: nothing that could hold an object."""
_HEADER = msgspec.msgpack.Decoder(tuple[dict[str, Any], list[tuple[str, str, list[int], int]]])


class SnapshotError(ValueError):
    """Bytes are no snapshot, were cut short or altered, or are of a version not known here."""


def pack(meta: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return a snapshot. Arrays are boolean, integer or floating point; `meta` is what MessagePack can hold."""
    layout, parts, offset = [], [], 0
    for name, array in arrays.items():
        if array.dtype.kind not in _KINDS:
            raise SnapshotError(f"array {name!r} is of type {array.dtype}, expected numbers, booleans or bytes")
        little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        raw = little.tobytes()
        layout.append((name, little.dtype.str, list(array.shape), offset))
        padding = -len(raw) % 8
        parts += [raw, b"\0" * padding]
        offset += len(raw) + padding
    header = msgspec.msgpack.encode((dict(meta), layout))
    head = _PREFIX.pack(MAGIC, VERSION, len(header)) + header
    body = b"".join([head, b"\0" * (-len(head) % 8), *parts])
    return body + zlib.crc32(body).to_bytes(4, "little")


def unpack(data: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return (meta, arrays) of a snapshot; the arrays are writable copies. Raises `SnapshotError`."""
    if len(data) < _PREFIX.size + 4:
        raise SnapshotError(f"{len(data)} bytes are too few for a snapshot")
    magic, version, length = _PREFIX.unpack_from(data)
    if magic != MAGIC:
        raise SnapshotError(f"starts with {magic!r}, expected {MAGIC!r}")
    if version > VERSION:
        raise SnapshotError(f"is of version {version}, expected at most {VERSION}: it was written by a newer node")
    view = memoryview(data)
    if zlib.crc32(view[:-4]) != int.from_bytes(view[-4:], "little"):
        raise SnapshotError("check sum differs: the snapshot was cut short or altered")
    meta, layout = _HEADER.decode(view[_PREFIX.size : _PREFIX.size + length])
    start = _PREFIX.size + length
    start += -start % 8
    arrays: dict[str, NDArray[Any]] = {}
    for name, dtype_text, shape, offset in layout:
        dtype = np.dtype(dtype_text)
        if dtype.kind not in _KINDS:
            raise SnapshotError(f"array {name!r} is of type {dtype_text!r}, expected numbers, booleans or bytes")
        count = int(np.prod(shape, dtype=np.int64))
        flat = np.frombuffer(view, dtype=dtype, count=count, offset=start + offset)
        arrays[name] = flat.reshape(shape).astype(dtype.newbyteorder("="), copy=True)
    return meta, arrays
