"""The configuration that a Mosquitto of this machine runs with, where the doctor may read it."""

import re
from pathlib import Path
from typing import Final

from ingest.login import BrokerAddress, is_loopback

_LEAST: Final = {
    "max_queued_messages": (100_000, 1_000),
    "max_queued_bytes": (64 << 20, 0),
    "max_packet_size": (1 << 20, 0),
    "max_inflight_messages": (100, 20),
}
"""Key → the least that a station wants, and Mosquitto's default; 0 stands for no limit."""
_LONGEST_SAVE_S: Final = 60
_SAVE_DEFAULT_S: Final = 1_800
_PROCESSES: Final = Path("/proc")
_PORTS: Final = re.compile(r"^(?:listener|port)\s{1,40}(\d{1,5})\b", re.MULTILINE)


def running_conf(broker: BrokerAddress, processes: Path = _PROCESSES) -> Path | None:
    """Return the file that the Mosquitto on the broker's port was started with; None where nobody can tell."""
    if not is_loopback(broker.host):
        return None
    for entry in sorted(processes.glob("[0-9]*")):
        try:
            words = [one.decode("utf-8", "replace") for one in (entry / "cmdline").read_bytes().split(b"\0")]
            if not words[0].endswith("mosquitto") or "-c" not in words[:-1]:
                continue
            path = (entry / "cwd").resolve() / words[words.index("-c") + 1]
            if str(broker.port) in _PORTS.findall(path.read_text(encoding="utf-8", errors="replace")):
                return path
        except OSError:  # it has ended, or is not ours to read
            continue
    return None


def short_of(conf: Path) -> list[str]:
    """Return what of a configuration loses messages that the shipped one keeps, as lines to change."""
    found: dict[str, str] = {}
    for line in conf.read_text(encoding="utf-8", errors="replace").splitlines():
        key, _, value = line.strip().partition(" ")
        if key and not key.startswith("#"):
            found[key] = value.strip()
    short = []
    for key, (least, default) in _LEAST.items():
        set_to = int(found[key]) if found.get(key, "").isdecimal() else default
        if 0 < set_to < least:
            short.append(f"{key} {set_to}")
    if found.get("persistence", "false") != "true":
        short.append("persistence false")
    saved_s = found.get("autosave_interval", str(_SAVE_DEFAULT_S))
    if saved_s.isdecimal() and not 0 < int(saved_s) <= _LONGEST_SAVE_S:
        short.append(f"autosave_interval {saved_s}")
    return short
