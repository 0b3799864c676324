"""The doctor on this computer: Python, packages, clock, time zone, disk."""

import ctypes
import importlib.util
import os
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from console.deliver.channel_file import read_channels
from console.doctor.verdicts import Finding, fail, ok, or_ok, warn
from deploy.settings import Settings
from ingest.setup.extras import EXTRAS, install
from ingest.setup.settings import SettingsError

_EARLIEST: Final = datetime(2025, 1, 1, tzinfo=UTC)
"""This program did not exist before: an earlier clock is a clock without a battery."""
_LATEST: Final = datetime(2090, 1, 1, tzinfo=UTC)
_BACK_S: Final = 120.0
"""A file of the site that is so much newer than now was written before the clock was set back."""
_MIB: Final = 1_048_576
_FEW_FILES: Final = 1_000
_UNSYNCHRONISED: Final = 5
"""What adjtimex(2) answers where nobody has set the kernel's clock lately (TIME_ERROR)."""


def python() -> Finding:
    """Look at the version of Python."""
    shown = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < (3, 11):  # noqa: UP036 - the doctor also speaks to who started it with the wrong one
        return fail("old", "do", version=shown)
    return ok("ok", version=shown)


def _is_here(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ValueError:  # it is imported, and has put something without a specification in its place, as Faust does
        return True


def packages(settings: Settings | None, *, station: bool) -> Finding:
    """Look for the packages that a node and its board need, with all that the settings ask for.

    Without a `station`'s settings this may be an edge device, which needs none of them.
    """
    wanted = {"stream", "console"} if settings is None else _extras(settings)
    needed = {name: extra for name, extra in EXTRAS.items() if extra in wanted and not _is_here(name)}
    if not needed:
        return ok("ok")
    shown = {"names": ", ".join(needed), "command": install(*dict.fromkeys(needed.values()))}
    return fail("missing", "do", **shown) if station else warn("edge", "do", **shown)


def _extras(settings: Settings) -> set[str]:
    found = {"stream", "console"}
    for extra, needs in (
        ("influx", settings.influx.url or settings.grafana.url),
        ("kafka", settings.kafka.bootstrap),
        ("seal", settings.seal_key_file.exists()),
        ("deliver", _long_tail(settings)),
    ):
        if needs:
            found.add(extra)
    return found


def _long_tail(settings: Settings) -> bool:
    try:
        return any(type(one).__name__ == "AppriseSettings" for one in read_channels(settings.channels_file).values())
    except SettingsError:  # the check of delivery tells it
        return False


def clock(settings: Settings | None) -> Finding:
    """Look whether the clock can be right, and whether anything keeps it so."""
    now = datetime.now(UTC)
    shown = now.strftime("%Y-%m-%d %H:%M:%S UTC")
    if not _EARLIEST < now < _LATEST:
        return fail("bad", "bad-do", time=shown)
    newest = 0.0 if settings is None else _newest(settings.site_dir)
    if newest - now.timestamp() > _BACK_S:
        written = datetime.fromtimestamp(newest, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        return fail("back", "bad-do", time=shown, newest=written)
    kept = _synchronised()
    if kept:
        return ok("ok", time=shown)
    return warn("unknown" if kept is None else "loose", "unknown-do", time=shown)


def _newest(folder: Path) -> float:
    """Return when the node last wrote, epoch seconds; 0 where it never did."""
    found = [folder / name for name in ("log.db", "log.db-wal", "store.db", "store.db-wal", "status.json")]
    return max((path.stat().st_mtime for path in found if path.exists()), default=0.0)


def _synchronised() -> bool | None:
    """Tell whether a time service keeps the kernel's clock right; None where nobody can tell."""
    try:
        state = int(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512)))  # a struct timex of zeros: only ask
    except (AttributeError, OSError, TypeError):  # no Linux
        return None
    return None if state < 0 else state != _UNSYNCHRONISED


def zone(settings: Settings) -> Finding:
    """Look whether the site's time zone is known here."""
    name = settings.site.timezone
    try:
        there = datetime.now(ZoneInfo(name)).strftime("%Y-%m-%d %H:%M %z")
    except (KeyError, ValueError, OSError):
        return fail("bad", "do", zone=name)
    return ok("ok", zone=name, time=there)


def disk(settings: Settings) -> list[Finding]:
    """Look whether the site's folder can be written to, and how much room there is."""
    folder = settings.site_dir
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=existing) as probe:
            probe.write(b"patrolgrid")
            probe.flush()
            os.fsync(probe.fileno())
        free, names = shutil.disk_usage(existing).free, os.statvfs(existing)
    except OSError as error:
        return [fail("bad", "bad-do", folder=existing, error=error.strerror or error)]
    log, found = settings.log, list[Finding]()
    shown: dict[str, object] = {"free": f"{free / 1e9:.1f} GB", "folder": existing}
    if free < log.min_free_mb * _MIB:
        found.append(fail("low", "low-do", need=f"{log.min_free_mb * _MIB / 1e9:.1f} GB", **shown))
    elif free < (log.min_free_mb + log.max_mb) * _MIB:
        found.append(warn("low", "low-do", need=f"{log.max_mb * _MIB / 1e9:.1f} GB", **shown))
    if names.f_files and names.f_favail < _FEW_FILES:
        found.append(fail("names", "names-do", count=names.f_favail, folder=existing))
    return or_ok(found, "ok", **shown)
