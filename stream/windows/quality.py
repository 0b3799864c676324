"""Data quality as a result: per device, what came, what was late, missing, repeated, and how its clock stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stream.results import DeviceHealth
from stream.state.arrays import grown
from stream.windows.catalog import Catalog

_COUNTERS: Final = ("received", "late", "duplicate", "missing")
_PERIODIC: Final = frozenset({"camera", "noise", "smoke", "heat", "water", "environment"})
"""Types that report at regular intervals; a gate or a door that says nothing may simply have had no visitor."""
_NEVER: Final = -1
_RHYTHM: Final = 5
"""Times a device must have been heard again before its rhythm is known."""


class Quality:
    """Counters per device since the last report, and when each was heard last; arrays of shape (devices,)."""

    def __init__(self, *, silent_s: float) -> None:
        self.silent_ms = silent_s * 1000
        self.size = 0
        self._counts = {name: np.zeros(0, dtype=np.int64) for name in _COUNTERS}
        self._skew_ms = np.zeros(0, dtype=np.float64)
        """Slow average of received less event time; old data sent on purpose is left out."""
        self._heard = np.full(0, _NEVER, dtype=np.int64)
        self._interval_ms = np.zeros(0, dtype=np.float64)
        self._reports = np.zeros(0, dtype=np.int64)
        self.silent = np.zeros(0, dtype=np.bool_)
        self.offline = np.zeros(0, dtype=np.bool_)
        self.quality = np.ones(0, dtype=np.float64)
        self._periodic = np.zeros(0, dtype=np.bool_)

    def grow(self, catalog: Catalog) -> None:
        """Make room for the catalogue's devices."""
        size = len(catalog.devices)
        if size <= self.size:
            return
        for name in _COUNTERS:
            self._counts[name] = grown(self._counts[name], size)
        self._skew_ms = grown(self._skew_ms, size)
        self._heard = grown(self._heard, size, _NEVER)
        self._interval_ms = grown(self._interval_ms, size)
        self._reports = grown(self._reports, size)
        self.silent = grown(self.silent, size)
        self.offline = grown(self.offline, size)
        self.quality = grown(self.quality, size, 1)
        self._periodic = grown(self._periodic, size)
        for index in range(self.size, size):
            place = catalog.places.devices.get(catalog.devices[index][1])
            self._periodic[index] = place is not None and (place.type in _PERIODIC or "silent_s" in place.overrides)
        self.size = size

    def count(self, name: str, devices: NDArray[np.int64], amount: NDArray[np.int64] | None = None) -> None:
        """Add one, or `amount`, per given device (repeats add up)."""
        if len(devices):
            self._counts[name] += np.bincount(devices, weights=amount, minlength=len(self._counts[name])).astype(
                np.int64
            )

    def heard(self, devices: NDArray[np.int64], ts: NDArray[np.int64], received: NDArray[np.int64]) -> list[int]:
        """Note live observations; return the devices that were silent until now."""
        if not len(devices):
            return []
        order = np.argsort(devices, kind="stable")
        device, skew = devices[order], (received - ts)[order].astype(np.float64)
        starts = np.flatnonzero(np.concatenate(([True], device[1:] != device[:-1])))
        touched = device[starts]
        sizes = np.diff(np.append(starts, len(device)))
        mean_skew = np.add.reduceat(skew, starts) / sizes
        newest = np.maximum.reduceat(ts[order], starts)
        last = self._heard[touched]
        known = last != _NEVER
        gap = np.maximum(newest - last, 0).astype(np.float64)
        usual = self._interval_ms[touched]
        # Rises at once and falls slowly, so that a device of uneven rhythm is not called silent for its pauses.
        usual = np.where(gap > usual, gap, 0.95 * usual + 0.05 * gap)
        back = touched[self.silent[touched]]
        self._interval_ms[touched] = np.where(known & ~self.silent[touched], usual, self._interval_ms[touched])
        self._skew_ms[touched] = np.where(known, 0.8 * self._skew_ms[touched] + 0.2 * mean_skew, mean_skew)
        self._heard[touched] = np.maximum(last, newest)
        self._reports[touched] += gap > 0
        self.silent[touched] = False
        return [int(index) for index in back]

    def set_back(self, now_ms: int) -> None:
        """Nothing can have been heard in the future: the clock was set back."""
        self._heard = np.minimum(self._heard, now_ms)

    def newly_silent(self, now_ms: int) -> list[int]:
        """Mark and return the devices that report regularly but have not for too long."""
        limit = np.maximum(self.silent_ms, 3 * self._interval_ms)
        late = self._periodic & ~self.silent & (self._reports >= _RHYTHM)
        late &= now_ms - self._heard > limit
        self.silent |= late
        return np.flatnonzero(late).tolist()

    def regular(self) -> NDArray[np.intp]:
        """Return the devices that have reported and are expected to go on doing so."""
        return np.flatnonzero(self._periodic & (self._heard != _NEVER))

    def heard_ms(self, device: int) -> int:
        """Return the newest event time of a device (epoch ms), -1 before the first."""
        return int(self._heard[device])

    def usual_s(self, device: int) -> float:
        """Return the usual interval between a device's messages, seconds."""
        return float(self._interval_ms[device]) / 1000

    def report(self, start_ms: int, catalog: Catalog, stuck: NDArray[np.bool_]) -> list[DeviceHealth]:
        """Return the health of every device heard of so far for the window that starts at `start_ms`; reset counts.

        The quality score is 1 less the shares of missing, late and repeated messages (at most .4, .2 and .1), less .3
        for a stuck value, .2 for a clock more than 30 s off; 0 for a silent device.
        """
        counts = {name: values[: self.size] for name, values in self._counts.items()}
        received = counts["received"]
        missing = np.maximum(counts["missing"], 0)
        due = np.maximum(received + missing, 1)
        skew_s = self._skew_ms[: self.size] / 1000
        quality = (
            1.0
            - 0.4 * np.minimum(1, 4 * missing / due)
            - 0.2 * np.minimum(1, 4 * counts["late"] / np.maximum(received, 1))
            - 0.1 * np.minimum(1, counts["duplicate"] / np.maximum(received, 1))
            - 0.3 * stuck[: self.size]
            - 0.2 * (np.abs(skew_s) > 30)
        )
        quality = np.where(self.silent[: self.size], 0.0, np.clip(quality, 0.0, 1.0))
        self.quality[: self.size] = quality
        rows = np.flatnonzero((self._heard[: self.size] != _NEVER) | (received > 0))
        columns = zip(
            rows.tolist(),
            received[rows].tolist(),
            counts["late"][rows].tolist(),
            missing[rows].tolist(),
            counts["duplicate"][rows].tolist(),
            stuck[rows].tolist(),
            self.silent[rows].tolist(),
            np.round(skew_s[rows], 1).tolist(),
            np.round(quality[rows], 3).tolist(),
            (~self.offline[rows]).tolist(),
            strict=True,
        )
        report = [
            DeviceHealth(
                beat=catalog.devices[index][0],
                device=catalog.devices[index][1],
                start=start_ms,
                received=came,
                late=late,
                missing=lost,
                duplicate=repeated,
                stuck=is_stuck,
                silent=is_silent,
                skew_s=skew,
                quality=score,
                online=online,
            )
            for index, came, late, lost, repeated, is_stuck, is_silent, skew, score, online in columns
        ]
        for values in self._counts.values():
            values[:] = 0
        return report

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the state as arrays."""
        state = {name: values[: self.size].copy() for name, values in self._counts.items()}
        for name in ("_skew_ms", "_heard", "_interval_ms", "_reports", "silent", "offline", "quality"):
            state[name.lstrip("_")] = getattr(self, name)[: self.size].copy()
        return state

    def load(self, arrays: Mapping[str, NDArray[Any]], catalog: Catalog) -> None:
        """Take back what `arrays` gave; devices new in the catalogue start empty."""
        for name in _COUNTERS:
            self._counts[name] = arrays[name].copy()
        for name in ("_skew_ms", "_heard", "_interval_ms", "_reports", "silent", "offline", "quality"):
            setattr(self, name, arrays[name.lstrip("_")].copy())
        self._periodic = np.zeros(len(self._heard), dtype=np.bool_)
        self.size = 0
        self.grow(catalog)
