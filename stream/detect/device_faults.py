"""Devices that send more than their share: told to people as that device's fault, for as long as it lasts."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ingest.events import DeviceFault, Fault
from models.state import Saved, value
from stream.detect.findings import Findings
from stream.sentences import Why

KIND: Final = "device_fault"
LASTS_MS: Final = 150_000
"""A fault that goes on is told every minute (`ingest.gateway.quotas`): after this long it is over."""


class DeviceFaults(Saved):
    """The faults that go on."""

    _told_ms = value(dict[str, int])
    """Device → when its fault was told last, by time of receipt."""

    def __init__(self, findings: Findings, max_metrics: int) -> None:
        self.findings, self.max_metrics = findings, max_metrics
        super().__init__()

    def take(self, faults: Sequence[DeviceFault], now_ms: int) -> None:
        """Take what a gateway says of a device."""
        for one in faults:
            index = self.findings.catalog.known(one.device)
            if index is not None:  # else nothing was taken of it yet, and it is told again in a minute
                self._told(index, one.what, one.refused, one.limit, now_ms)

    def made_up(self, devices: NDArray[np.int64], now_ms: int) -> None:
        """Note the devices whose observations were refused because of too many metrics (repeats add up)."""
        for index, times in zip(*(some.tolist() for some in np.unique(devices, return_counts=True)), strict=True):
            self._told(index, "metrics", times, self.max_metrics, now_ms)

    def _told(self, device: int, what: Fault, refused: int, limit: float, now_ms: int) -> None:
        findings = self.findings
        beat, name = findings.catalog.devices[device]
        begins = name not in self._told_ms
        self._told_ms[name] = now_ms
        if begins:
            why = Why(KIND, {"what": what, "refused": refused, "limit": limit})
            findings.rise(beat, name, KIND, now_ms, why, cause_ms=now_ms, about=what)

    def tick(self, now_ms: int) -> None:
        """End the faults that were not told again."""
        over = [name for name, told_ms in self._told_ms.items() if not 0 <= now_ms - told_ms <= LASTS_MS]
        for name in over:
            del self._told_ms[name]
            device = self.findings.catalog.known(name)
            if device is not None:
                self.findings.fall(device, KIND, now_ms)
