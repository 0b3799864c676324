"""The doctor's checks: each looks at one thing and says ok, warn or fail, and what to do."""

import importlib.util
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from console.broker_queue import measure
from console.common import FoundSite, failing_parts
from console.deliver.examined import examine_delivery
from console.integrity import examine_files
from console.people.people_file import has_file
from deploy.node.window_change import saved_window_s
from deploy.processes import free_port, listening
from deploy.settings import Settings
from deploy.settings.sections import SECRET_FILES
from ingest.days.site_calendar import SiteCalendar
from ingest.gateway.plate_keys import read_keys
from ingest.gateway.plates import PlateKeyError
from ingest.login import is_loopback
from ingest.mqtt import Session
from ingest.places import PlacesError, load_places
from ingest.setup.extras import EXTRAS, MissingExtraError, load
from ingest.setup.settings import SettingsError
from stream.sentences.catalogue import Sentences

_EXTRAS: Final = {"stream", "console"}
"""What a node and its board need."""
_EARLIEST: Final = datetime(2025, 1, 1, tzinfo=UTC)
"""This program did not exist before: an earlier clock is a clock without a battery."""
_LATEST: Final = datetime(2090, 1, 1, tzinfo=UTC)
_BEHIND_S: Final = 60.0
_CALENDAR_DAYS: Final = 60
"""So many days before the calendar ends that is told: the next year's is published about then."""
_CERTIFICATE_DAYS: Final = 21
"""The board renews a certificate of the site's own authority 30 days before its end: below this it did not."""
_MIB: Final = 1_048_576


State = Literal["ok", "warn", "fail"]


class Check(NamedTuple):
    """What one check found, in words."""

    id: str
    state: State
    name: str
    text: str
    todo: str = ""


class _Finding(NamedTuple):
    """What one check found: the codes of its sentences below ``doctor-ID-``, and the values for both."""

    state: State
    code: str
    """Empty where the value `error` is the sentence."""
    values: dict[str, Any]
    todo: str = ""


def examine(texts: Sentences, file: Path | None, settings: Settings | None, wrong: SettingsError | None) -> list[Check]:
    """Make all checks: of this machine, and, where they can be read, of what the settings name.

    Parameters
    ----------
    file
        The settings file; None for the defaults.
    settings, wrong
        The settings, or why they cannot be read.
    """
    found = {"python": _python(), "packages": _packages(), "clock": _clock()}
    if wrong is not None:
        found["settings"] = _fail("", "do", error=str(wrong))
    else:
        found["settings"] = _ok("default") if file is None else _ok("ok", file=file)
    if settings is not None:
        found["zone"] = _zone(settings)
        found["places"] = _places(settings)
        found["calendar"] = _calendar(settings)
        found["windows"] = _windows(settings)
        found["disk"] = _disk(settings)
        found["files"] = _files(settings)
        found["secrets"] = _secrets(settings)
        found["reach"] = _reach(settings)
        found["deliver"] = _Finding(*examine_delivery(settings))
        found["broker"] = _broker(settings)
        if found["broker"].code == "ok":
            found["queue"] = _queue(settings)
        found["ports"] = _port(settings)
        found["node"] = _node(settings)
    return [_check(texts, name, finding) for name, finding in found.items()]


def _check(texts: Sentences, name: str, found: _Finding) -> Check:
    text = texts(f"doctor-{name}-{found.code}", **found.values) if found.code else found.values["error"]
    todo = texts(f"doctor-{name}-{found.todo}", **found.values) if found.todo else ""
    return Check(name, found.state, texts(f"doctor-{name}"), text, todo)


def _ok(code: str, **values: object) -> _Finding:
    return _Finding("ok", code, values)


def _warn(code: str, todo: str, **values: object) -> _Finding:
    return _Finding("warn", code, values, todo)


def _fail(code: str, todo: str, **values: object) -> _Finding:
    return _Finding("fail", code, values, todo)


def _python() -> _Finding:
    shown = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < (3, 11):  # noqa: UP036 - the doctor also speaks to who started it with the wrong one
        return _fail("old", "do", version=shown)
    return _ok("ok", version=shown)


def _packages() -> _Finding:
    needed = {
        name: extra for name, extra in EXTRAS.items() if extra in _EXTRAS and importlib.util.find_spec(name) is None
    }
    if not needed:
        return _ok("ok")
    return _warn("edge", "do", names=", ".join(needed), extras=",".join(dict.fromkeys(needed.values())))


def _clock() -> _Finding:
    now = datetime.now(UTC)
    shown = now.strftime("%Y-%m-%d %H:%M:%S UTC")
    if not _EARLIEST < now < _LATEST:
        return _fail("bad", "bad-do", time=shown)
    kept = _time_service()
    if kept:
        return _ok("ok", time=shown)
    return _warn("unknown" if kept is None else "loose", "unknown-do", time=shown)


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


def _zone(settings: Settings) -> _Finding:
    zone = settings.site.timezone
    try:
        there = datetime.now(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M %z")
    except (KeyError, ValueError, OSError):
        return _fail("bad", "do", zone=zone)
    return _ok("ok", zone=zone, time=there)


def _places(settings: Settings) -> _Finding:
    path = settings.places_file
    if not path.exists():
        # A demo writes its own; only a file that somebody named has to be there.
        return (_fail if settings.site.places is not None else _warn)("none", "none-do", file=path)
    try:
        places = load_places(path)
    except (PlacesError, OSError) as error:
        return _fail("", "do", error=str(error))
    return _ok("ok", beats=len(places.beats), devices=len(places.devices), file=path)


def _calendar(settings: Settings) -> _Finding:
    """Look at the site's calendar: whether its file can be used, what it is about, and until when it is known."""
    logging.disable(logging.ERROR)  # what is wrong with it is told here
    try:
        wiring = load("deploy.wiring")
        file = wiring.open_calendar(settings, settings.site_dir)
        found = file.load()
        today = datetime.now(ZoneInfo(settings.site.timezone)).date()
        ends = wiring.days_of(settings, found).ends(today)
    except (MissingExtraError, ValueError, OSError) as error:
        return _fail("", "do", error=str(error))
    finally:
        logging.disable(logging.NOTSET)
    if file.problem:
        return _fail("", "do", error=file.problem)
    unknown = _unknown_places(settings, found)
    if unknown:
        return _warn("unknown", "unknown-do", names=", ".join(unknown))
    shown: dict[str, object] = {"count": len(found.entries), "country": found.country or "–"}
    if ends is not None and (ends - today).days <= _CALENDAR_DAYS:
        return _warn("ends", "ends-do", day=ends.isoformat(), year=str(ends.year + 1), **shown)
    return _ok("ok" if ends is None else "until", day="" if ends is None else ends.isoformat(), **shown)


def _unknown_places(settings: Settings, found: SiteCalendar) -> list[str]:
    """Return the ids that the calendar names and the places file does not have: nothing is planned for anybody."""
    try:
        places = load_places(settings.places_file)
    except (PlacesError, OSError):
        return []
    named = {name for entry in found.entries for name in entry.at}
    return sorted(named - places.beats.keys() - places.devices.keys())


def _windows(settings: Settings) -> _Finding:
    before, after = saved_window_s(settings.site_dir / "state"), settings.pipeline.window_s
    if before is None or before == after:
        return _ok("ok", after=after)
    return _warn("other", "other-do", before=before, after=after)


def _disk(settings: Settings) -> _Finding:
    folder = settings.site_dir
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=existing) as probe:
            probe.write(b"patrolgrid")
            probe.flush()
            os.fsync(probe.fileno())
        free = shutil.disk_usage(existing).free
    except OSError as error:
        return _fail("bad", "bad-do", folder=existing, error=error.strerror or error)
    log = settings.log
    shown: dict[str, object] = {"free": f"{free / 1e9:.1f} GB", "folder": existing}
    if free < log.min_free_mb * _MIB:
        return _fail("low", "low-do", need=f"{log.min_free_mb * _MIB / 1e9:.1f} GB", **shown)
    if free < (log.min_free_mb + log.max_mb) * _MIB:
        return _warn("low", "low-do", need=f"{log.max_mb * _MIB / 1e9:.1f} GB", **shown)
    return _ok("ok", **shown)


def _files(settings: Settings) -> _Finding:
    folder = settings.site_dir
    if not folder.is_dir():
        return _ok("none", folder=folder)
    faults = list(examine_files(folder))
    for code, answer in (("damaged", _fail), ("rights", _fail), ("passed", _warn), ("aside", _warn)):
        found = "; ".join(f"{one.file}: {one.why}" if one.why else one.file for one in faults if one.code == code)
        if found:
            return answer(code, f"{code}-do", found=found)
    return _ok("ok", folder=folder)


def _secrets(settings: Settings) -> _Finding:
    for key in SECRET_FILES:
        section, _, attribute = key.partition(".")
        path: Path | None = getattr(getattr(settings, section), attribute)
        if path is None:
            continue
        if not path.is_file():
            if key.startswith(("plates.", "board.command")):  # made at first start, or when it is asked for
                continue
            return _fail("missing", "missing-do", file=path, key=key)
        if path.stat().st_mode & 0o077:
            return _warn("open", "open-do", file=path)
    for path in (settings.plate_key_file, settings.seal_key_file, settings.command_key_file):
        try:
            if path.exists():
                read_keys(path)
        except PlateKeyError as error:  # the node would not start
            return _fail("bad", "bad-do", error=error)
    if clear := settings.in_clear():
        return _warn("clear", "clear-do", sections=", ".join(clear))
    return _ok("ok")


def _reach(settings: Settings) -> _Finding:
    """Tell whether those reach the board who should: its accounts, its certificate, its account at the broker."""
    board, accounts = settings.board, has_file(settings.site_dir)
    if not board.enabled:
        return _ok("off")
    open_to_others = not is_loopback(board.host) and not board.fenced
    if open_to_others and not (accounts and board.tls_cert):
        return _fail("open", "open-do", host=board.host)
    if board.tls_cert is not None:
        try:
            days = load("console.people.pki").read_certificate(board.tls_cert).days_left()
        except ValueError as error:
            return _fail("", "bad-do", error=str(error))
        if days < _CERTIFICATE_DAYS:
            return _finding_of_days(days)
    if accounts and settings.broker.mode == "external" and settings.broker.username and not board.broker_username:
        return _warn("account", "account-do", user=settings.broker.username)
    return _ok("accounts" if accounts else "alone", host=board.host)


def _finding_of_days(days: int) -> _Finding:
    return _warn("soon", "soon-do", days=days) if days >= 0 else _fail("over", "soon-do", days=days)


def _broker(settings: Settings) -> _Finding:
    broker = settings.broker
    address: dict[str, object] = {"host": broker.host, "port": str(broker.port)}
    if broker.mode == "embedded" and not listening(broker.host, broker.port):
        return _ok("embedded")
    started = time.monotonic()
    try:
        session = Session(settings.broker, "")
        session.connect(timeout_s=5.0)
    except ConnectionError:
        code = "refused" if session.refused else "down"
        return _fail(code, f"{code}-do", **address, error=session.trouble)
    except (OSError, ValueError) as error:
        return _fail("down", "down-do", **address, error=getattr(error, "strerror", None) or error)
    session.close()
    return _ok("ok", **address, ms=(time.monotonic() - started) * 1000)


def _queue(settings: Settings) -> _Finding:
    """Measure how much the broker keeps for a node that is away, unless it is the embedded one, which is known."""
    if settings.broker.mode == "embedded":
        return _ok("embedded")
    try:
        queue = measure(settings.broker)
    except (OSError, ValueError) as error:
        return _warn("unknown", "unknown-do", error=str(error))
    if queue.kept < queue.sent:
        return _warn("short", "short-do", **queue._asdict())
    if queue.dropped:
        return _warn("dropped", "short-do", **queue._asdict())
    return _ok("ok", **queue._asdict())


def _port(settings: Settings) -> _Finding:
    board = settings.board
    try:
        free = free_port(board.port, board.host, tries=1)
    except OSError:
        free = 0
    if free:
        return _ok("ok", port=str(board.port))
    url = settings.site_dir / "board.url"
    if url.is_file() and f":{board.port}" in url.read_text(encoding="utf-8", errors="replace"):
        return _ok("ours", port=str(board.port))
    return _warn("taken", "do", port=str(board.port))


def _node(settings: Settings) -> _Finding:
    here = FoundSite(settings.site.id, settings.site_dir)
    node = here.node()
    if not node["running"]:
        return _ok("stopped", site=here.id)
    status = here.status()
    lag, failing = status.get("lag") or {}, failing_parts(status)
    if failing:
        return _warn("failing", "failing-do", parts="; ".join(f"{part}: {why}" for part, why in failing.items()))
    records, seconds = int(lag.get("records") or 0), float(lag.get("seconds") or 0.0)
    if seconds > _BEHIND_S:
        return _warn("behind", "behind-do", records=records, seconds=seconds)
    return _ok("running", site=here.id, pid=str(node.get("pid", "?")))
