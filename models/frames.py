"""Frames with numpy: the arrays of `ingest.frame` as numpy arrays."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest import frame
from ingest.frame import Buffer, FrameArray, FrameError, FrameKind


def to_numpy(arrays: Mapping[str, FrameArray]) -> dict[str, NDArray[Any]]:
    """Return the arrays of a frame as read-only numpy arrays, without a copy.

    Raises `ingest.frame.FrameError` for a boolean that is neither true nor false, which numpy does not know.
    """
    found: dict[str, NDArray[Any]] = {}
    for name, array in arrays.items():
        if array.code == "b1" and array.data.nbytes and np.frombuffer(array.data, dtype=np.uint8).max() > 1:
            raise FrameError(f"array {name!r} holds booleans that are neither true nor false")
        try:
            found[name] = np.ndarray(array.shape, _dtype(array.code), array.data)
        except ValueError as error:
            raise FrameError(f"array {name!r} has the shape {array.shape}, which no array has") from error
    return found


def unpack(kind: FrameKind, data: Buffer | None) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the meta data and the arrays of a frame whose meta data is a dictionary; the arrays are writable copies.

    Raises `ingest.frame.FrameError`, and nothing else, for any other bytes.
    """
    meta, arrays = frame.decode(kind, data, dict[str, Any])
    return meta, {name: values.copy() for name, values in to_numpy(arrays).items()}


@lru_cache(maxsize=64)
def _dtype(code: str) -> np.dtype[Any]:
    return np.dtype(code)
