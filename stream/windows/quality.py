"""Data quality as a result: per device, what came, what was late, missing, repeated, and how its clock stands."""

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from models.state import Axis, Saved, array, part
from stream.results import DeviceHealth
from stream.windows.awaited import AWAITED_MS, Awaited, Missed
from stream.windows.axes import DEVICE
from stream.windows.catalog import Catalog
from stream.windows.device_clocks import DeviceClocks, Found
from stream.windows.site_time import SiteTime

_PERIODIC: Final = frozenset({"camera", "noise", "smoke", "heat", "water", "environment"})
"""Types that report at regular intervals; a gate or a door that says nothing may simply have had no visitor."""
_NEVER: Final = -1
_OLD_MS: Final = 60_000
_FEW_MS: Final = 6 * 3_600_000
"""A device that was heard a few times is missed when it has said nothing for so long."""
_RHYTHM: Final = 5
"""Times a device must have been heard again before its rhythm is known."""


class Quality(Saved):
    """Counters per device since the last report, and when each was heard last; arrays of shape (devices,)."""

    _received = array(np.int64, DEVICE)
    _late = array(np.int64, DEVICE)
    _duplicate = array(np.int64, DEVICE)
    _missing = array(np.int64, DEVICE)
    clocks: DeviceClocks = part()
    _heard = array(np.int64, DEVICE, fill=_NEVER)
    _heard_at = array(np.int64, DEVICE)
    """When it was heard last, as `SiteTime.listened_ms`."""
    _interval_ms = array(np.float64, DEVICE)
    _reports = array(np.int64, DEVICE)
    silent = array(np.bool_, DEVICE)
    offline = array(np.bool_, DEVICE)
    quality = array(np.float64, DEVICE, fill=1.0)
    awaited: Awaited = part()
    _periodic = array(np.bool_, DEVICE, derived=True)

    def __init__(self, catalog: Catalog, *, silent_s: float, time: SiteTime | None = None) -> None:
        self.catalog, self.silent_ms, self.time = catalog, silent_s * 1000, time or SiteTime()
        self.clocks, self.awaited = DeviceClocks(), Awaited(catalog)
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
        behind: NDArray[np.int64],
        received: NDArray[np.int64],
        backfill: NDArray[np.bool_],
    ) -> tuple[list[int], Found]:
        """Take signs of life: everything new that devices sent, in time or late, whatever its event time.

        Parameters
        ----------
        devices, behind, received
            Shape (rows,), in the order of arrival: the device's index, by how much the event time is before the time of
            receipt (ms), and that time (epoch ms). When a device was heard, and how often it is, follows its times of
            receipt.
        backfill
            What was sent late on purpose; it says nothing of the device's clock.

        Returns
        -------
        The devices that were silent until now, and what was found of their clocks.
        """
        if not len(devices):
            return [], Found([], [])
        order = np.argsort(devices, kind="stable")
        device = devices[order]
        starts = np.flatnonzero(np.concatenate(([True], device[1:] != device[:-1])))
        touched = device[starts]
        timed = behind if not backfill.any() else np.where(backfill, np.inf, behind)
        least = np.minimum.reduceat(timed[order], starts).astype(np.float64)
        newest = np.maximum.reduceat(received[order], starts)
        # What one record took to be received may be long where time follows the data.
        listened = self.time.listened_ms - np.minimum(np.maximum(self.time.now_ms - newest, 0), self.time.listened_ms)
        last = self._heard[touched]
        known = last != _NEVER
        gap = np.where(known, np.maximum(listened - self._heard_at[touched], 0), 0).astype(np.float64)
        usual = self._interval_ms[touched]
        # Rises at once and falls slowly, so that a device of uneven rhythm is not called silent for its pauses.
        usual = np.where(gap > usual, gap, 0.95 * usual + 0.05 * gap)
        back = touched[self.silent[touched]]
        self._interval_ms[touched] = np.where(known & ~self.silent[touched], usual, self._interval_ms[touched])
        self._heard[touched] = np.maximum(last, newest)
        self._heard_at[touched] = np.where(known, np.maximum(self._heard_at[touched], listened), listened)
        self._reports[touched] += newest > last
        # Who speaks is there, whatever a last will said that the broker keeps.
        self.silent[touched] = self.offline[touched] = False
        measured = np.isfinite(least) & self.time.steady
        if 2 * np.count_nonzero(least - self.clocks.known(touched) > _OLD_MS) > len(touched):
            self.time.catching_up()
        return back.tolist(), self.clocks.learn(touched[measured], least[measured], newest[measured])

    def set_back(self, now_ms: int) -> None:
        """Nothing can have been heard in the future: the clock was set back."""
        self._heard = np.minimum(self._heard, now_ms)
        self.clocks.set_back(now_ms)

    def excuse(self, devices: NDArray[np.bool_]) -> None:
        """Count no silence of some devices (a mask) up to now: they are worked on; then each has its whole time."""
        mine = np.flatnonzero(devices)
        self._heard_at[mine] = np.where(self.silent[mine], self._heard_at[mine], self.time.listened_ms)

    def newly_silent(self) -> list[int]:
        """Mark and return the devices that report regularly but have not for too long.

        Only time in which a gateway listened counts, and none from before it was away, or its clock stepped: what the
        devices said meanwhile may still have to come. A device that was heard a few times, so that nobody knows its
        rhythm, is missed after hours.
        """
        quiet = self.time.listened_ms - self._heard_at
        late = np.flatnonzero((quiet > min(self.silent_ms, _FEW_MS)) & self._periodic & ~self.silent)
        if not len(late):
            return []
        quiet, reports, usual = quiet[late], self._reports[late], 3 * self._interval_ms[late]
        limit = np.maximum(self.silent_ms, usual)
        regular = (reports > _RHYTHM) & (self.time.listened_ms - self.time.even_ms > limit) & (quiet > limit)
        few = (reports > 0) & (reports <= _RHYTHM)
        few &= quiet > np.where(reports > 1, np.maximum(_FEW_MS, usual), AWAITED_MS)
        late = late[regular | few]
        self.silent[late] = True
        return late.tolist()

    def never_heard(self) -> Missed:
        """Return the devices of the places file that have not been heard for most of a day; see `Awaited.look`."""
        return self.awaited.look(self.time.listened_ms, self.names_heard)

    def names_heard(self) -> set[str]:
        """Return the ids of the devices that have ever been heard."""
        devices = self.catalog.devices
        return {devices[index][1] for index in np.flatnonzero(self._heard != _NEVER).tolist()}

    def regular(self) -> NDArray[np.intp]:
        """Return the devices that have reported and are expected to go on doing so."""
        return np.flatnonzero(self._periodic & (self._heard != _NEVER))

    def heard_ms(self, device: int) -> int:
        """Return when a device was heard last (epoch ms), -1 before the first time."""
        return int(self._heard[device])

    def few_words(self, device: int) -> int:
        """Return how many times a device was heard, 0 where so often that its rhythm is known."""
        reports = int(self._reports[device])
        return reports if reports <= _RHYTHM else 0

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
        skew_s = self.clocks.behind_ms[:size] / 1000
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
