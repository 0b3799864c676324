"""Devices that send more than their share, or codes for a fault, and edge agents that are not well.

They are told to people as that device's fault, while it lasts.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ingest.events import DeviceFault, Fault
from ingest.health import AgentReport
from models.state import Saved, value
from stream.detect.findings import Findings
from stream.sentences import Why
from stream.windows.columns import Columns

KIND: Final = "device_fault"
LASTS_MS: Final = 150_000
"""A fault that goes on is told every minute (`ingest.gateway.quotas`): after this long it is over."""
_CODES: Final = 3
"""So many codes, over at least `_CODES_MS`, are a fault: one alone is a glitch."""
_CODES_MS: Final = 600_000
_FORGOTTEN_MS: Final = 6 * 3_600_000
"""A code is forgotten after this long; codes that come more often are over after thrice their usual distance."""


class DeviceFaults(Saved):
    """The faults that go on."""

    _told_ms = value(dict[str, int])
    """Device → when its fault was told last, by time of receipt."""
    _coded = value(dict[str, tuple[int, int, int]])
    """Device → when the first and the last of its codes that still count came, and how many."""

    def __init__(self, findings: Findings, max_metrics: int) -> None:
        self.findings, self.max_metrics = findings, max_metrics
        super().__init__()

    def take(self, faults: Sequence[DeviceFault], now_ms: int) -> None:
        """Take what a gateway says of a device."""
        for one in faults:
            index = self.findings.catalog.known(one.device)
            if index is not None:  # else nothing was taken of it yet, and it is told again in a minute
                self._told(index, one.what, one.refused, one.limit, now_ms)

    def agents(self, reports: Sequence[AgentReport], now_ms: int) -> None:
        """Take what edge agents say of themselves; the worst of it is told."""
        for report in reports:
            index = self.findings.catalog.known(report.device)
            worst = next(iter(report.troubles()), None)
            if index is not None and worst is not None:
                self._told(index, worst.what, worst.amount, 0.0, now_ms, side=worst.side)

    def made_up(self, devices: NDArray[np.int64], now_ms: int) -> None:
        """Note the devices whose observations were refused because of too many metrics (repeats add up)."""
        for index, times in zip(*(some.tolist() for some in np.unique(devices, return_counts=True)), strict=True):
            self._told(index, "metrics", times, self.max_metrics, now_ms)

    def coded(self, columns: Columns, rows: NDArray[np.intp], series: NDArray[np.int64]) -> None:
        """Note the devices whose observations were refused as codes; `series` is of all rows."""
        catalog, now_ms = self.findings.catalog, self.findings.now_ms
        for row, index in zip(rows.tolist(), series[rows].tolist(), strict=True):
            name, metric = catalog.series[index].device, catalog.series[index].metric
            first_ms, _, times = self._coded.get(name, (now_ms, now_ms, 0))
            codes = self._coded[name] = first_ms, now_ms, times + 1
            if _many(codes):
                code = float(max(columns.a[row], columns.b[row], key=abs))
                self._told(
                    int(catalog.series_device[index]), "codes", times + 1, 0.0, now_ms, metric=metric, observed=code
                )

    def _told(self, device: int, what: Fault, refused: int, limit: float, now_ms: int, **more: str | float) -> None:
        findings = self.findings
        beat, name = findings.catalog.devices[device]
        begins = name not in self._told_ms
        self._told_ms[name] = now_ms
        if begins:
            why = Why(KIND, {"what": what, "refused": refused, "limit": limit, **more})
            findings.rise(beat, name, KIND, now_ms, why, cause_ms=now_ms, about=what)

    def tick(self, now_ms: int) -> None:
        """End the faults that were not told again."""
        for name in [name for name, codes in self._coded.items() if not 0 <= now_ms - codes[1] <= _lasts_ms(codes)]:
            del self._coded[name]
        over = [name for name, told_ms in self._told_ms.items() if not 0 <= now_ms - told_ms <= self._lasts_ms(name)]
        for name in over:
            del self._told_ms[name]
            device = self.findings.catalog.known(name)
            if device is not None:
                self.findings.fall(device, KIND, now_ms)

    def _lasts_ms(self, name: str) -> int:
        codes = self._coded.get(name)
        return LASTS_MS if codes is None or not _many(codes) else max(LASTS_MS, _lasts_ms(codes))


def _many(codes: tuple[int, int, int]) -> bool:
    """Tell whether a device's codes (the first, the last, how many) are a fault."""
    first_ms, last_ms, times = codes
    return times >= _CODES and last_ms - first_ms >= _CODES_MS


def _lasts_ms(codes: tuple[int, int, int]) -> int:
    """Return for how long after the last code its device's codes are not over."""
    first_ms, last_ms, times = codes
    often_ms = 3 * (last_ms - first_ms) // max(times - 1, 1)
    return min(max(often_ms, _CODES_MS), _FORGOTTEN_MS) if _many(codes) else _FORGOTTEN_MS
