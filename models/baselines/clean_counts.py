"""What of counts can be used: whole numbers that were seen, and that something can have counted."""

from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from ingest.vocabulary import HiddenState
from models.baselines.count_judge import CountTest
from models.codes import are_small, cannot_pass, may_be_count_code

Floats = NDArray[np.floating[Any]]
Doubles = NDArray[np.float64]

MAX_TOTAL: Final = 1e9
"""Larger totals are cut: no place on earth passes a thousand million people in a window."""
_FAR: Final = 10.0
"""So many times what is expected a count that has the value of a code is one."""


def clean(total: Doubles, exposure: Doubles) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return usable totals and exposures, and which windows were seen at all; ValueError where the shapes differ."""
    if total.shape != exposure.shape:
        raise ValueError(f"total has the shape {total.shape} and exposure {exposure.shape}, expected the same")
    seen = (total >= 0) & (total < np.inf) & (exposure > 0) & (exposure < np.inf)
    if not seen.all():
        total, exposure = np.where(seen, total, 0.0), np.where(seen, exposure, 0.0)
    y, e = np.minimum(np.rint(total), MAX_TOTAL), np.minimum(exposure, 1.0)
    return y.astype(np.float32), e.astype(np.float32), seen


class _Baseline(Protocol):
    """What is expected of series."""

    window_s: int

    def test(self, rows: NDArray[np.intp], start_ms: int, total: Floats, exposure: Floats) -> CountTest: ...


def not_counted(
    baseline: _Baseline,
    rows: NDArray[np.intp],
    start_ms: int,
    total: Floats,
    exposure: Floats,
    said: Floats | None = None,
) -> NDArray[np.bool_]:
    """Return which totals (rows,) of a window nobody has counted: more than can pass, or a device's code for a fault.

    A code is one where a series that is known expects far less. What the device `said` is not `total` where its own
    interval covers several windows.
    """
    if are_small(total) and (said is None or are_small(said)):
        return np.zeros(len(total), dtype=np.bool_)
    out = cannot_pass(total, baseline.window_s)
    at = np.flatnonzero(may_be_count_code(total if said is None else said) & ~out)
    if len(at):
        known = baseline.test(rows[at], start_ms, np.zeros(len(at)), exposure[at])
        out[at] = (known.state != HiddenState.YOUNG) & (total[at] > _FAR * known.expected)
    return out
