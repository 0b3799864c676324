"""What the computer of an agent says of itself: disk, heat, power, clock, and how long its certificates last."""

import base64
import contextlib
import ctypes
import math
import re
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

_TIME_ERROR: Final = 5
"""adjtimex(2): the clock is not synchronized."""
_TIMEX_BYTES: Final = 512
"""More than `struct timex` has on any system."""
_PAGE_KB: Final = 4
_PEM: Final = re.compile(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]{1,100000})-----END CERTIFICATE-----")
_DAY_S: Final = 86_400


class Disk(NamedTuple):
    """Room where the agent's folder lies."""

    free_mb: float
    free: float
    """As a share of the whole."""


class Computer:
    """Reads what the system tells; what it does not tell is None.

    Parameters
    ----------
    root
        Of the file system, for tests.
    """

    def __init__(self, folder: Path, root: Path = Path("/")) -> None:
        self._folder, self._root = folder, root
        self._weak: bool | None = None

    def look(self) -> None:
        """Take note of the power supply: a dip is short, so that this is asked more often than it is told."""
        weak = self._is_weak()
        if weak is not None:
            self._weak = bool(self._weak) or weak

    def undervoltage(self) -> bool | None:
        """Return whether the supply was too weak at one of the looks since the last call."""
        self.look()
        found = self._weak
        self._weak = None if found is None else False
        return found

    def disk(self) -> Disk | None:
        """Return the room where the folder lies."""
        try:
            usage = shutil.disk_usage(self._folder)
        except OSError:
            return None
        return Disk(usage.free / 1e6, usage.free / max(usage.total, 1))

    def temperature_c(self) -> float | None:
        """Return the hottest of the sensors that the kernel calls thermal zones."""
        found = [self._number(path) for path in sorted(self._root.glob("sys/class/thermal/thermal_zone*/temp"))]
        hot = [value / 1_000 for value in found if value is not None and -100_000 < value < 200_000]
        return max(hot, default=None)

    def memory_mb(self) -> float | None:
        """Return the memory that this process takes."""
        text = self._text(self._root / "proc/self/statm").split()
        return int(text[1]) * _PAGE_KB / 1_000 if len(text) > 1 and text[1].isdecimal() else None

    def written_mb(self) -> float | None:
        """Return what this process has written to disks since it started."""
        for line in self._text(self._root / "proc/self/io").splitlines():
            name, _, value = line.partition(":")
            if name == "write_bytes" and value.strip().isdecimal():
                return int(value) / 1e6
        return None

    @staticmethod
    def clock_synced() -> bool | None:
        """Return whether the system's clock is set by another one. Source: adjtimex(2), which changes nothing here."""
        try:
            state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
        except (OSError, AttributeError):
            return None
        return None if state < 0 else bool(state != _TIME_ERROR)

    def _is_weak(self) -> bool | None:
        """Read a Pi's own word: of the driver of newer kernels, else of the firmware."""
        for name in self._root.glob("sys/class/hwmon/hwmon*/name"):
            if self._text(name).strip() == "rpi_volt":
                value = self._number(name.with_name("in0_lcrit_alarm"))
                return None if value is None else value != 0
        value = self._number(self._root / "sys/devices/platform/soc/soc:firmware/get_throttled", 16)
        return None if value is None else bool(value & 1)

    def _number(self, path: Path, base: int = 10) -> int | None:
        try:
            return int(self._text(path).strip(), base)
        except ValueError:
            return None

    @staticmethod
    def _text(path: Path) -> str:
        try:
            return path.read_text(encoding="ascii", errors="replace")
        except OSError:
            return ""


def certificate_days(files: Iterable[Path | None], now_s: float) -> int | None:
    """Return whole days until the first of some certificates ends; None where none of them can be read."""
    ends: list[float] = []
    for path in files:
        if path is not None:
            with contextlib.suppress(OSError, ValueError, IndexError):
                ends.append(ends_s(path.read_bytes()))
    return math.floor((min(ends) - now_s) / _DAY_S) if ends else None


def ends_s(pem: bytes) -> float:
    """Return when the first certificate of a PEM file ends, epoch seconds.

    Raises ValueError or IndexError for one that cannot be read. Source: RFC 5280, section 4.1.
    """
    found = _PEM.search(pem)
    if found is None:
        raise ValueError("no certificate")
    certificate = _inside(base64.b64decode(found[1]), 0)
    parts = _parts(_inside(certificate, 0))
    # An explicit version (tag 0xA0) may stand before: serial number, algorithm, issuer, validity.
    validity = parts[4 if parts[0][0] == 0xA0 else 3]
    tag, text = _parts(validity[1])[1]
    form = "%y%m%d%H%M%SZ" if tag == 0x17 else "%Y%m%d%H%M%SZ"
    return datetime.strptime(text.decode("ascii"), form).replace(tzinfo=UTC).timestamp()


def _inside(data: bytes, at: int) -> bytes:
    return _element(data, at)[1]


def _parts(data: bytes) -> list[tuple[int, bytes]]:
    found, at = [], 0
    while at < len(data):
        tag, content, at = _element(data, at)
        found.append((tag, content))
    return found


def _element(data: bytes, at: int) -> tuple[int, bytes, int]:
    """Return tag, content and end of one element (DER, X.690)."""
    tag, length, at = data[at], data[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length, at = int.from_bytes(data[at : at + count], "big"), at + count
    if at + length > len(data):
        raise ValueError("it breaks off")
    return tag, data[at : at + length], at + length
