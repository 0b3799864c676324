"""Devices that connect again and again: two agents under one device id, or a network that breaks."""

import logging
from collections import deque
from typing import Final

_LOG: Final = logging.getLogger(__name__)
_TIMES: Final = 6
_WITHIN_MS: Final = 600_000
_DEVICES: Final = 50_000


class Restless:
    """Notes when each device says that it has connected; names those that do so too often."""

    def __init__(self) -> None:
        self._connected: dict[str, deque[int]] = {}
        self._named: set[str] = set()

    def note(self, device: str, now_ms: int) -> None:
        """Note that a device has connected now."""
        times = self._connected.get(device)
        if times is None:
            if len(self._connected) >= _DEVICES:
                return
            times = self._connected[device] = deque(maxlen=_TIMES)
        times.append(now_ms)
        if not self._often(times, now_ms):
            self._named.discard(device)
        elif device not in self._named:
            self._named.add(device)
            _LOG.warning(
                "device %s has connected %d times within %d s: a second agent uses its id (a copied card?), or its "
                "network breaks; each agent needs a device id of its own",
                device, _TIMES, (now_ms - times[0]) // 1000,
            )  # fmt: skip

    def devices(self, now_ms: int) -> list[str]:
        """Return the devices that have connected too often of late."""
        return sorted(device for device in self._named.copy() if self._often(self._connected[device], now_ms))

    @staticmethod
    def _often(times: deque[int], now_ms: int) -> bool:
        return len(times) == _TIMES and now_ms - times[0] <= _WITHIN_MS
