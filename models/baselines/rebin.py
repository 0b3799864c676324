"""What a count baseline has learned with windows of one length, for windows of another.

Sums by the time of day are dealt out to the new bins by how much of an old bin lies in each; exposures, which count
windows, are counted anew. So the expected count of an hour, and how sure the baseline is of it, stay what they were.
The dispersion of a time scale is that of the nearest one that was known. A visit's new slots are what the old ones
around their middles counted, in windows of the new length. The newest windows, which the scan for long events looks
at, and how far each hour strayed, are not kept.

Fails where windows become much shorter than the bins were: all new bins of an old one then begin alike.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.baselines.routines.strays import Strays
from models.baselines.routines.visits import Visits, decode, encode
from models.baselines.scan import Ring, scales_for
from models.baselines.seasonal import DAY_S, SeasonalRates
from models.state import ROW, State

_EXPOSURE: Final = 1
"""Which of a bin's sums is the exposure; after the amounts."""


def rebin_counts(state: State, before_s: int, after_s: int) -> State:
    """Return the state of a `models.baselines.counts.CountBaseline` for windows of `after_s` instead of `before_s`."""
    new = State(dict(state.values), dict(state.arrays), dict(state.columns))
    arrays = new.arrays
    old, young = SeasonalRates(before_s), SeasonalRates(after_s)
    windows = before_s / after_s
    arrays["rates/fine"] = _dealt(arrays["rates/fine"], _shares(old.bin_s, young.bin_s), windows)
    hours = _shares(old.coarse_s, young.coarse_s)
    arrays["rates/coarse"] = _dealt(arrays["rates/coarse"], hours, windows)
    arrays["rates/holiday"] = _dealt(arrays["rates/holiday"][:, None], hours, windows)[:, 0]
    overall = arrays["rates/overall"].copy()
    overall[_EXPOSURE:] *= windows
    arrays["rates/overall"] = overall
    for name in ("shown", "fresh"):  # a window in a quarter of an hour, whatever its length
        arrays[f"rates/kinds/{name}"] = _dealt(arrays[f"rates/kinds/{name}"], hours, 1.0)
    lengths = np.array([scale * before_s for scale in scales_for(before_s)], dtype=np.float64)
    nearest = [int(np.abs(np.log(lengths / (scale * after_s))).argmin()) for scale in scales_for(after_s)]
    arrays["spread"] = np.ascontiguousarray(arrays["spread"][:, nearest])
    size = arrays["ring/start"].shape[-1]
    for name in ("code", "past"):
        held = arrays[f"visits/{name}"]
        slots = _visits(held.reshape(-1, held.shape[-2], size), before_s, after_s)
        arrays[f"visits/{name}"] = slots.reshape(*held.shape[:-2], -1, size)
    strays = Strays(after_s, len(scales_for(after_s)))
    strays.grow(ROW, size)
    arrays |= {f"strays/{name}": values for name, values in strays.capture().arrays.items()}
    ring = Ring(after_s, size).capture()
    arrays |= {f"ring/{name}": values for name, values in ring.arrays.items()}
    return new


def _shares(before_s: int, after_s: int) -> NDArray[np.float64]:
    """Return how much of each old bin of a day lies in each new one, (new bins, old bins)."""
    old, new = (np.minimum(np.arange(-(-DAY_S // size) + 1) * size, DAY_S) for size in (before_s, after_s))
    overlap = np.minimum(new[1:, None], old[None, 1:]) - np.maximum(new[:-1, None], old[None, :-1])
    shares: NDArray[np.float64] = np.maximum(overlap, 0) / np.diff(old)
    return shares


def _visits(codes: NDArray[np.uint8], before_s: int, after_s: int) -> NDArray[np.uint8]:
    """Return remembered visits (days, slots, series) in slots for windows of another length."""
    before, after = Visits(before_s), Visits(after_s)
    middle = np.minimum((np.arange(after.slots) + 0.5) * after.slot_s, DAY_S - 1)
    held = codes[:, (middle // before.slot_s).astype(np.int64)]
    counts = decode(held) * (after_s / before_s)
    return np.where(held > 0, encode(counts), 0).astype(np.uint8)


def _dealt(sums: NDArray[Any], shares: NDArray[np.float64], windows: float) -> NDArray[Any]:
    """Return sums (amount or exposure, classes, bins, series) in other bins, exposures counted in other windows."""
    dealt = np.einsum("ij,kcjs->kcis", shares, sums.astype(np.float64))
    dealt[_EXPOSURE] *= windows
    return np.ascontiguousarray(dealt, dtype=sums.dtype)
