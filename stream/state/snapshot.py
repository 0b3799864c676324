"""The pipeline's state as bytes, in the format of `models.packing`: no pickle, loading runs no code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from numpy.typing import NDArray

from models import packing

MAGIC: Final = b"PGS"
VERSION: Final = 1


class SnapshotError(ValueError):
    """Bytes are no snapshot, were cut short or altered, or are of a version not known here."""


def pack(meta: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return a snapshot: `meta` is what MessagePack can hold, arrays are as `models.packing.pack` takes them.

    Raises `SnapshotError` for an array of anything else.
    """
    try:
        return packing.pack(MAGIC, VERSION, meta, arrays)
    except packing.PackError as error:
        raise SnapshotError(f"the snapshot's {error}") from error


def unpack(data: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return (meta, arrays) of a snapshot; the arrays are writable copies. Raises `SnapshotError`."""
    try:
        return packing.unpack(MAGIC, VERSION, data)
    except packing.PackError as error:
        raise SnapshotError(f"the snapshot {error}") from error
