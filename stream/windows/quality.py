"""Data quality as a result: per device, what came, what was late, missing, repeated, and how its clock stands."""

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from models.state import Axis, Saved, array
from stream.results import DeviceHealth
from stream.windows.axes import DEVICE
from stream.windows.catalog import Catalog

_PERIODIC: Final = frozenset({"camera", "noise", "smoke", "heat", "water", "environment"})
"""Types that report at regular intervals; a gate or a door that says nothing may simply have had no visitor."""
_NEVER: Final = -1
_RHYTHM: Final = 5
"""Times a device must have been heard again before its rhythm is known."""


class Quality(Saved):
    """Counters per device since the last report, and when each was heard last; arrays of shape (devices,)."""

    _received = array(np.int64, DEVICE)
    _late = array(np.int64, DEVICE)
    _duplicate = array(np.int64, DEVICE)
    _missing = array(np.int64, DEVICE)
    _skew_ms = array(np.float64, DEVICE)
    """Slow average of received less event time; old data sent on purpose is left out."""
    _heard = array(np.int64, DEVICE, fill=_NEVER)
    _interval_ms = array(np.float64, DEVICE)
    _reports = array(np.int64, DEVICE)
    silent = array(np.bool_, DEVICE)
    offline = array(np.bool_, DEVICE)
    quality = array(np.float64, DEVICE, fill=1.0)
    _periodic = array(np.bool_, DEVICE, derived=True)

    def __init__(self, catalog: Catalog, *, silent_s: float) -> None:
        self.catalog, self.silent_ms = catalog, silent_s * 1000
        super().__init__()
        self.grow(DEVICE, len(catalog.devices))

    def grow(self, axis: Axis, size: int) -> None:
        """Make room for the catalogue's devices; see `Saved.grow`."""
        before = self.size_of(DEVICE)
        super().grow(axis, size)
        self._find_periodic(before)

    def restored(self) -> None:
        """Find which devices report at regular intervals."""
        self._find_periodic(0)

    def _find_periodic(self, first: int) -> None:
        for index in range(first, self.size_of(DEVICE)):
            place = self.catalog.places.devices.get(self.catalog.devices[index][1])
            self._periodic[index] = place is not None and (place.type in _PERIODIC or "silent_s" in place.overrides)

    def count(
        self,
        name: Literal["received", "late", "duplicate", "missing"],
        devices: NDArray[np.int64],
        amount: NDArray[np.int64] | None = None,
    ) -> None:
        """Add one, or `amount`, per given device (repeats add up)."""
        if len(devices):
            counter = getattr(self, f"_{name}")
            counter += np.bincount(devices, weights=amount, minlength=len(counter)).astype(np.int64)

    def heard(
        self,
        devices: NDArray[np.int64],
        ts: NDArray[np.int64],
        received: NDArray[np.int64],
        backfill: NDArray[np.bool_],
    ) -> list[int]:
        """Take signs of life: everything new that devices sent, in time or late, whatever its event time.

        Parameters
        ----------
        devices, ts, received
            Shape (rows,), in the order of arrival: the device's index, event time and time of receipt (epoch ms). When
            a device was heard, and how often it is, follows its times of receipt.
        backfill
            What was sent late on purpose; it says nothing of the device's clock.

        Returns
        -------
        The devices that were silent until now.
        """
        if not len(devices):
            return []
        order = np.argsort(devices, kind="stable")
        device = devices[order]
        starts = np.flatnonzero(np.concatenate(([True], device[1:] != device[:-1])))
        touched = device[starts]
        timed = ~backfill[order]
        skew = np.where(timed, (received - ts)[order], 0).astype(np.float64)
        measured = np.add.reduceat(timed, starts, dtype=np.int64)
        mean_skew = np.add.reduceat(skew, starts) / np.maximum(measured, 1)
        newest = np.maximum.reduceat(received[order], starts)
        last = self._heard[touched]
        known = last != _NEVER
        gap = np.maximum(newest - last, 0).astype(np.float64)
        usual = self._interval_ms[touched]
        # Rises at once and falls slowly, so that a device of uneven rhythm is not called silent for its pauses.
        usual = np.where(gap > usual, gap, 0.95 * usual + 0.05 * gap)
        back = touched[self.silent[touched]]
        self._interval_ms[touched] = np.where(known & ~self.silent[touched], usual, self._interval_ms[touched])
        before = self._skew_ms[touched]
        slow = np.where(known, 0.8 * before + 0.2 * mean_skew, mean_skew)
        self._skew_ms[touched] = np.where(measured > 0, slow, before)
        self._heard[touched] = np.maximum(last, newest)
        self._reports[touched] += gap > 0
        # Who speaks is there, whatever a last will said that the broker keeps.
        self.silent[touched] = self.offline[touched] = False
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
        """Return when a device was heard last (epoch ms), -1 before the first time."""
        return int(self._heard[device])

    def usual_s(self, device: int) -> float:
        """Return the usual interval between a device's messages, seconds."""
        return float(self._interval_ms[device]) / 1000

    def report(self, start_ms: int, stuck: NDArray[np.bool_]) -> list[DeviceHealth]:
        """Return the health of every device heard of so far for the window that starts at `start_ms`; reset counts.

        The quality score is 1 less the shares of missing, late and repeated messages (at most .4, .2 and .1), less .3
        for a stuck value, .2 for a clock more than 30 s off; 0 for a silent device.
        """
        size, devices = self.size_of(DEVICE), self.catalog.devices
        received, late, duplicate = self._received[:size], self._late[:size], self._duplicate[:size]
        missing = np.maximum(self._missing[:size], 0)
        due = np.maximum(received + missing, 1)
        skew_s = self._skew_ms[:size] / 1000
        quality = (
            1.0
            - 0.4 * np.minimum(1, 4 * missing / due)
            - 0.2 * np.minimum(1, 4 * late / np.maximum(received, 1))
            - 0.1 * np.minimum(1, duplicate / np.maximum(received, 1))
            - 0.3 * stuck[:size]
            - 0.2 * (np.abs(skew_s) > 30)
        )
        quality = np.where(self.silent[:size], 0.0, np.clip(quality, 0.0, 1.0))
        self.quality[:size] = quality
        rows = np.flatnonzero((self._heard[:size] != _NEVER) | (received > 0))
        report = [
            DeviceHealth(
                beat=devices[index][0],
                device=devices[index][1],
                start=start_ms,
                received=came,
                late=came_late,
                missing=lost,
                duplicate=repeated,
                stuck=is_stuck,
                silent=is_silent,
                skew_s=skew,
                quality=score,
                online=online,
            )
            for index, came, came_late, lost, repeated, is_stuck, is_silent, skew, score, online in zip(
                rows.tolist(),
                received[rows].tolist(),
                late[rows].tolist(),
                missing[rows].tolist(),
                duplicate[rows].tolist(),
                stuck[rows].tolist(),
                self.silent[rows].tolist(),
                np.round(skew_s[rows], 1).tolist(),
                np.round(quality[rows], 3).tolist(),
                (~self.offline[rows]).tolist(),
                strict=True,
            )
        ]
        for counter in (self._received, self._late, self._duplicate, self._missing):
            counter[:] = 0
        return report
