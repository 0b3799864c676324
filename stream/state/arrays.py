"""Small helpers for state that lives in arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def grown(array: NDArray[Any], size: int, fill: float = 0, axis: int = 0) -> NDArray[Any]:
    """Return `array` with `axis` at least `size` long, new places holding `fill`; room doubles so growth is cheap."""
    if array.shape[axis] >= size:
        return array
    shape = list(array.shape)
    shape[axis] = max(size, 2 * shape[axis], 16)
    bigger = np.full(shape, fill, dtype=array.dtype)
    bigger[tuple(slice(length) for length in array.shape)] = array
    return bigger
