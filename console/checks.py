"""The doctor's checks: each looks at one thing and says ok, warn or fail, and what to do."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo

from console.common import FoundSite
from deploy.processes.supervisor import free_port, listening
from deploy.settings.sections import SECRET_FILES, Settings
from ingest.extras import EXTRAS, load
from ingest.mqtt.session import Session
from ingest.places import PlacesError, load_places
from ingest.settings import SettingsError
from stream.sentences.catalogue import Sentences
from stream.sinks.store.tables import StoreError

_EXTRAS: Final = {"stream", "console"}
"""What a node and its board need."""
_EARLIEST: Final = datetime(2025, 1, 1, tzinfo=UTC)
"""This program did not exist before: an earlier clock is a clock without a battery."""
_LATEST: Final = datetime(2090, 1, 1, tzinfo=UTC)
_BEHIND_S: Final = 60.0
_MIB: Final = 1_048_576


@dataclass(frozen=True, slots=True)
class Check:
    """What one check found."""

    id: str
    state: Literal["ok", "warn", "fail"]
    name: str
    text: str
    todo: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return it for JSON."""
        return {"check": self.id, "state": self.state, "text": self.text, "do": self.todo}


def machine(texts: Sentences) -> list[Check]:
    """Check Python, the packages and the clock."""
    return [_python(texts), _packages(texts), _clock(texts)]


def settings(texts: Sentences, path: Path | None, wrong: SettingsError | None) -> Check:
    """Report on reading the settings."""
    name = texts("doctor-settings")
    if wrong is not None:
        return Check("settings", "fail", name, str(wrong), texts("doctor-settings-do"))
    text = texts("doctor-settings-default") if path is None else texts("doctor-settings-ok", file=path)
    return Check("settings", "ok", name, text)


def site(texts: Sentences, settings: Settings) -> list[Check]:
    """Check what a site's settings name: zone, places, disk, secrets, broker, port, node."""
    return [
        _zone(texts, settings),
        _places(texts, settings),
        _disk(texts, settings),
        _secrets(texts, settings),
        _broker(texts, settings),
        _port(texts, settings),
        _node(texts, settings),
    ]


def _python(texts: Sentences) -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < (3, 11):  # noqa: UP036 - the doctor also speaks to who started it with the wrong one
        text = texts("doctor-python-old", version=version)
        return Check("python", "fail", texts("doctor-python"), text, texts("doctor-python-do"))
    return Check("python", "ok", texts("doctor-python"), texts("doctor-python-ok", version=version))


def _packages(texts: Sentences) -> Check:
    needed = {
        name: extra for name, extra in EXTRAS.items() if extra in _EXTRAS and importlib.util.find_spec(name) is None
    }
    if not needed:
        return Check("packages", "ok", texts("doctor-packages"), texts("doctor-packages-ok"))
    text = texts("doctor-packages-edge", names=", ".join(needed))
    extras = ",".join(dict.fromkeys(needed.values()))
    return Check("packages", "warn", texts("doctor-packages"), text, texts("doctor-packages-do", extras=extras))


def _clock(texts: Sentences) -> Check:
    now = datetime.now(UTC)
    name, shown = texts("doctor-clock"), now.strftime("%Y-%m-%d %H:%M:%S UTC")
    if not _EARLIEST < now < _LATEST:
        return Check("clock", "fail", name, texts("doctor-clock-bad", time=shown), texts("doctor-clock-bad-do"))
    kept = _time_service()
    if kept:
        return Check("clock", "ok", name, texts("doctor-clock-ok", time=shown))
    key = "doctor-clock-unknown" if kept is None else "doctor-clock-loose"
    return Check("clock", "warn", name, texts(key, time=shown), texts("doctor-clock-unknown-do"))


def _time_service() -> bool | None:
    """Tell whether a time service keeps the clock right; None where nobody can tell."""
    for command, good in (
        (["chronyc", "-c", "tracking"], lambda out: bool(out) and not out.startswith("00000000")),
        (["timedatectl", "show", "--property=NTPSynchronized", "--value"], lambda out: out.strip() == "yes"),
    ):
        if shutil.which(command[0]) is None:
            continue
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=3, check=False)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0 and done.stdout.strip():
            return good(done.stdout)
    return None


def _zone(texts: Sentences, settings: Settings) -> Check:
    name, zone = texts("doctor-zone"), settings.site.timezone
    try:
        there = datetime.now(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M %z")
    except (KeyError, ValueError, OSError):
        return Check("zone", "fail", name, texts("doctor-zone-bad", zone=zone), texts("doctor-zone-do"))
    return Check("zone", "ok", name, texts("doctor-zone-ok", zone=zone, time=there))


def _places(texts: Sentences, settings: Settings) -> Check:
    name, path = texts("doctor-places"), settings.places_file
    if not path.exists():
        # A demo writes its own; only a file that somebody named has to be there.
        state: Literal["warn", "fail"] = "fail" if settings.site.places is not None else "warn"
        text = texts("doctor-places-none", file=path)
        return Check("places", state, name, text, texts("doctor-places-none-do"))
    try:
        places = load_places(path)
    except (PlacesError, OSError) as error:
        return Check("places", "fail", name, str(error), texts("doctor-places-do"))
    text = texts("doctor-places-ok", beats=len(places.beats), devices=len(places.devices), file=path)
    return Check("places", "ok", name, text)


def _disk(texts: Sentences, settings: Settings) -> Check:
    name, folder = texts("doctor-disk"), settings.site_dir
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=existing) as probe:
            probe.write(b"patrolgrid")
            probe.flush()
            os.fsync(probe.fileno())
        free = shutil.disk_usage(existing).free
    except OSError as error:
        text = texts("doctor-disk-bad", folder=existing, error=error.strerror or error)
        return Check("disk", "fail", name, text, texts("doctor-disk-bad-do"))
    need = settings.log.min_free_mb * _MIB
    shown = f"{free / 1e9:.1f} GB"
    if free < need:
        text = texts("doctor-disk-low", free=shown, folder=existing, need=f"{need / 1e9:.1f} GB")
        return Check("disk", "fail", name, text, texts("doctor-disk-low-do"))
    if free < need + settings.log.max_mb * _MIB:
        text = texts("doctor-disk-low", free=shown, folder=existing, need=f"{settings.log.max_mb * _MIB / 1e9:.1f} GB")
        return Check("disk", "warn", name, text, texts("doctor-disk-low-do"))
    return Check("disk", "ok", name, texts("doctor-disk-ok", free=shown, folder=existing))


def _secrets(texts: Sentences, settings: Settings) -> Check:
    name = texts("doctor-secrets")
    for key in SECRET_FILES:
        section, _, attribute = key.partition(".")
        path: Path | None = getattr(getattr(settings, section), attribute)
        if path is None:
            continue
        if not path.is_file():
            if key == "plates.key_file":  # made at first start
                continue
            text = texts("doctor-secrets-missing", file=path)
            return Check("secrets", "fail", name, text, texts("doctor-secrets-missing-do", key=key))
        if path.stat().st_mode & 0o077:
            text = texts("doctor-secrets-open", file=path)
            return Check("secrets", "warn", name, text, texts("doctor-secrets-open-do", file=path))
    return Check("secrets", "ok", name, texts("doctor-secrets-ok"))


def _broker(texts: Sentences, settings: Settings) -> Check:
    name, broker = texts("doctor-broker"), settings.broker
    address = {"host": broker.host, "port": str(broker.port)}
    if broker.mode == "embedded" and not listening(broker.host, broker.port):
        return Check("broker", "ok", name, texts("doctor-broker-embedded"))
    started = time.monotonic()
    try:
        session = Session(settings.broker, "")
        session.connect(timeout_s=5.0)
    except ConnectionError:
        key = "doctor-broker-refused" if session.refused else "doctor-broker-down"
        return Check("broker", "fail", name, texts(key, **address, error=session.trouble), texts(f"{key}-do"))
    except (OSError, ValueError) as error:
        text = texts("doctor-broker-down", **address, error=getattr(error, "strerror", None) or error)
        return Check("broker", "fail", name, text, texts("doctor-broker-down-do"))
    session.close()
    milliseconds = (time.monotonic() - started) * 1000
    return Check("broker", "ok", name, texts("doctor-broker-ok", **address, ms=milliseconds))


def _port(texts: Sentences, settings: Settings) -> Check:
    name, board = texts("doctor-ports"), settings.board
    try:
        free = free_port(board.port, board.host, tries=1)
    except OSError:
        free = 0
    if free:
        return Check("ports", "ok", name, texts("doctor-ports-ok", port=str(board.port)))
    url = settings.site_dir / "board.url"
    if url.is_file() and f":{board.port}" in url.read_text(encoding="utf-8", errors="replace"):
        return Check("ports", "ok", name, texts("doctor-ports-ours", port=str(board.port)))
    return Check("ports", "warn", name, texts("doctor-ports-taken", port=str(board.port)), texts("doctor-ports-do"))


def _node(texts: Sentences, settings: Settings) -> Check:
    name, here = texts("doctor-node"), FoundSite(settings.site.id, settings.site_dir)
    node = here.node()
    if not node["running"]:
        return Check("node", "ok", name, texts("doctor-node-stopped", site=here.id))
    reader = load("stream.sinks.store.reader").StoreReader(here.store)  # an edge device has no numpy
    try:
        lag = (reader.meta("status") or {}).get("lag") or {}
    except (OSError, StoreError):
        lag = {}
    finally:
        reader.close()
    records, seconds = int(lag.get("records") or 0), float(lag.get("seconds") or 0.0)
    if seconds > _BEHIND_S:
        text = texts("doctor-node-behind", records=records, seconds=seconds)
        return Check("node", "warn", name, text, texts("doctor-node-behind-do"))
    return Check("node", "ok", name, texts("doctor-node-running", site=here.id, pid=str(node.get("pid", "?"))))
