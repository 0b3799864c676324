"""One layout for all that is written as bytes: batches, history, records on Kafka, results, state and models.

A frame is plain data: nothing in it is run, and nothing is trusted before it was checked. All numbers are
little-endian.

============  =====================================================================================
bytes         what
============  =====================================================================================
4             the kind's mark, see `FrameKind`
4             version of the kind
4             length of the header
8             length of the whole frame
header        MessagePack: a list of (name, code, shape) for every array, then the meta data
0-7           zeros up to a multiple of 8
arrays        one after another in the header's order, each filled up with zeros to a multiple of 8
4             CRC-32 of all bytes before it
============  =====================================================================================

An array's code is a letter for what its items are and their length in bytes: ``b1`` (true or false), ``i1`` to ``i8``,
``u1`` to ``u8``, ``f4``, ``f8``, and ``S`` for byte strings of one fixed length. The check sum is against accidents;
against malice every length, code and shape is checked as well. There is no numpy here: a device at the edge writes the
same frames with `array.array`. `models.frames` reads the arrays of a frame with numpy.
"""

import math
import re
import struct
import sys
import zlib
from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Any, Final, TypeVar

import msgspec

if sys.byteorder != "little":
    raise ImportError("frames are little-endian, and so must be the machine")

Buffer = bytes | bytearray | memoryview
"""What a frame is read from."""
Meta = TypeVar("Meta")

_HEAD: Final = struct.Struct("<4sIIQ")
_CHECK: Final = 4
_ZEROS: Final = bytes(8)
_CODES: Final = ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8")
FORMATS: Final = dict(zip(_CODES, "?bhiqBHIQfd", strict=True))
"""Code of numbers → their format in the buffer protocol, which is also the type code of `array.array`."""
_SIZES: Final = {code: int(code[1]) for code in FORMATS}
_BYTES: Final = re.compile(r"S[1-9][0-9]{0,4}\Z")
_CODE_OF: Final = {format_: code for code, format_ in FORMATS.items()}
_CODE_OF.update(
    {format_: f"{letter}{struct.calcsize(format_)}" for letter, format_ in zip("iuiu", "lLnN", strict=True)}
)
"""Format in the buffer protocol → code."""
_EXPECTED: Final = "expected numbers, booleans, or byte strings of one length"
_Axis = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]
_Shape = Annotated[tuple[_Axis, ...], msgspec.Meta(max_length=8)]
_HEADER: Final = msgspec.msgpack.Decoder(tuple[list[tuple[str, str, _Shape]], msgspec.Raw])
_FIRST_RELEASE: Final = re.compile(rb"PG[A-Z]\x01")
"""How everything that version 0.1 wrote begins."""


class FrameKind(Enum):
    """What a frame holds: the four characters it begins with, the version that is written and read, and its name."""

    BATCH = (b"PGba", 1, "the batch of observations")
    HISTORY = (b"PGhi", 1, "the record of history")
    RECORD = (b"PGre", 1, "the record on Kafka")
    RESULTS = (b"PGrs", 1, "the message of results")
    CHUNK = (b"PGch", 1, "the chunk of a message")
    SNAPSHOT = (b"PGsn", 1, "the snapshot")
    CHANGELOG = (b"PGcl", 1, "the meta entry of the changelog")
    FOREST = (b"PGfo", 1, "the trained forest")

    def __init__(self, mark: bytes, version: int, title: str) -> None:
        self.mark, self.version, self.title = mark, version, title


class FrameError(ValueError):
    """Bytes are not a frame of the expected kind, or what they hold cannot be; the text says what was expected."""


class NewerFrameError(FrameError):
    """The frame was written by a later version of the program. Nothing is wrong with it: upgrade this node."""


class FrameArray(msgspec.Struct, frozen=True, gc=False):
    """One array of a frame, not copied."""

    code: str
    shape: tuple[int, ...]
    data: memoryview
    """Its bytes, little-endian, the last axis fastest."""

    def values(self) -> memoryview:
        """Return the array's items, flat, as Python numbers; not for byte strings."""
        return self.data.cast(FORMATS[self.code])  # type: ignore[call-overload,no-any-return] # any of its formats


def encode(kind: FrameKind, meta: object, arrays: Mapping[str, Any]) -> bytes:
    """Return a frame; equal values give equal bytes.

    Parameters
    ----------
    kind
        What the frame holds.
    meta
        Anything that MessagePack can hold: a `msgspec.Struct`, a dictionary, or a `msgspec.Raw` of such a one.
    arrays
        Name → anything with the buffer protocol (`array.array`, bytes, numpy arrays), of booleans, numbers, or byte
        strings of one length.

    Raises
    ------
    FrameError
        For an array of anything else, such as objects, texts, times, or numbers with the big end first.
    """
    layout: list[tuple[str, str, tuple[int, ...] | None]] = []
    parts: list[Any] = [b"", b""]
    size = 0
    for name, values in arrays.items():
        try:
            view = memoryview(values)
        except (TypeError, ValueError) as error:
            raise FrameError(f"array {name!r} of {kind.title} cannot be written, {_EXPECTED}: {error}") from error
        code = _CODE_OF.get(view.format) or _other_code(kind, name, view)
        layout.append((name, code, view.shape))
        length = view.nbytes
        padding = -length % 8
        parts += (values if view.c_contiguous else view.tobytes(), _ZEROS[:padding])
        size += length + padding
    header = msgspec.msgpack.encode((layout, meta))
    padding = -(_HEAD.size + len(header)) % 8
    total = _HEAD.size + len(header) + padding + size + _CHECK
    parts[0] = _HEAD.pack(kind.mark, kind.version, len(header), total)
    parts[1] = header + bytes(padding)
    body = b"".join(parts)
    return body + zlib.crc32(body).to_bytes(_CHECK, "little")


def decode(kind: FrameKind, data: Buffer | None, meta: type[Meta]) -> tuple[Meta, dict[str, FrameArray]]:
    """Return the meta data and the arrays of a frame; the arrays are views of `data`.

    Parameters
    ----------
    kind
        What the frame has to hold.
    data
        The frame; None (where a value is missing) is refused as well.
    meta
        Type of the meta data, as `msgspec` takes it.

    Raises
    ------
    NewerFrameError
        For a frame of a later version.
    FrameError
        For any other bytes, and nothing else. Takes no more memory than a small multiple of `data`.
    """
    title = kind.title
    header_length, total = _checked_head(kind, data)
    view = memoryview(data)  # type: ignore[arg-type]
    if zlib.crc32(view[:-_CHECK]) != int.from_bytes(view[-_CHECK:], "little"):
        raise FrameError(f"the check sum of {title} differs: it was altered")
    start = _HEAD.size + header_length
    if start > total - _CHECK:
        raise FrameError(f"{title} names a header of {header_length} bytes, more than there are")
    try:
        layout, raw = _HEADER.decode(view[_HEAD.size : start])
        found = msgspec.msgpack.decode(raw, type=meta)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise FrameError(f"the header of {title} cannot be read: {error}") from error
    arrays: dict[str, FrameArray] = {}
    start += -start % 8
    for name, code, shape in layout:
        if name in arrays:
            raise FrameError(f"{title} has two arrays {name!r}")
        size = _SIZES.get(code, 0)
        if not size:
            if not _BYTES.match(code):
                raise FrameError(f"array {name!r} of {title} has items of the code {code!r}, {_EXPECTED}")
            size = int(code[1:])
        end = start + size * math.prod(shape)
        if end > total - _CHECK:
            raise FrameError(f"array {name!r} of {title} reaches to byte {end} of {total - _CHECK}")
        arrays[name] = FrameArray(code, shape, view[start:end])
        start = end + -end % 8
    if start != total - _CHECK:
        raise FrameError(f"{title} holds {total - _CHECK - start} bytes more than its arrays")
    return found, arrays


def _checked_head(kind: FrameKind, data: Buffer | None) -> tuple[int, int]:
    """Return the lengths of the header and of the whole frame."""
    title = kind.title
    if data is None:
        raise FrameError(f"{title} is missing: there is no value (a tombstone)")
    if (mark := bytes(data[:4])) != kind.mark[: len(mark)] or not mark:
        raise FrameError(_other(kind, mark))
    if len(data) < _HEAD.size:
        raise FrameError(f"{title} has {len(data)} bytes, expected at least {_HEAD.size}: it was cut short")
    _, version, header_length, total = _HEAD.unpack_from(data)
    if version > kind.version:
        raise NewerFrameError(
            f"{title} is of version {version}, expected at most {kind.version}: "
            "a newer program wrote it, upgrade this node"
        )
    if version < kind.version:
        raise FrameError(f"{title} is of version {version}, expected {kind.version}")
    if len(data) < total or total < _HEAD.size + _CHECK:
        raise FrameError(f"{title} has {len(data)} bytes, expected {total}: it was cut short")
    if len(data) > total:
        raise FrameError(f"{title} has {len(data)} bytes, expected {total}: something follows it")
    return header_length, total


def _other(kind: FrameKind, mark: bytes) -> str:
    """Say what bytes are that begin with another mark."""
    if _FIRST_RELEASE.match(mark):
        return (
            f"{kind.title} was written by version 0.1, which this version does not read; "
            "`patrolgrid train --from-store` learns again from what the store holds"
        )
    for other in FrameKind:
        if other.mark == mark:
            return f"found {other.title}, expected {kind.title}"
    return f"{kind.title} starts with {mark!r}, expected {kind.mark!r}"


def _other_code(kind: FrameKind, name: str, view: memoryview) -> str:
    """Return the code of a buffer whose format is not a plain native one."""
    plain = view.format.lstrip("@=<")
    code = f"S{view.itemsize}" if plain.endswith("s") else _CODE_OF.get(plain)
    if code is None:
        raise FrameError(f"array {name!r} of {kind.title} has items of the format {view.format!r}, {_EXPECTED}")
    return code
