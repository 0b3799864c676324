"""The doctor on what a site has on its disk: places, calendar, saved state, databases, keys, rights."""

import logging
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from console.common import NODE_FILE
from console.doctor.verdicts import Finding, fail, ok, or_ok, warn
from console.integrity import examine_files
from deploy.node.window_change import saved_window_s
from deploy.settings import Settings
from deploy.settings.sections import SECRET_FILES, SECRETS
from ingest.days.site_calendar import SiteCalendar
from ingest.gateway.places_file import LAST_GOOD
from ingest.gateway.plate_keys import read_keys
from ingest.gateway.plates import PlateKeyError
from ingest.places import PlacesError, load_places
from ingest.setup.extras import MissingExtraError, load
from ingest.setup.settings import SettingsError

_CALENDAR_DAYS: Final = 60
"""So many days before the calendar ends that is told: the next year's is published about then."""
_SHOWN: Final = 5
_WRITTEN: Final = (
    NODE_FILE,
    "board.json",
    "board.url",
    "node.log",
    "board.log",
    "deliver.log",
    "broker.log",
    "up.lock",
)
"""What `patrolgrid up` writes before anything runs: a folder of that name keeps it from starting."""
_MADE: Final = ("plates.", "board.command")
"""Keys of files that are made at the first start, or when they are asked for."""


def places(settings: Settings) -> Finding:
    """Look at the places file, as the node's start does."""
    path = settings.places_file
    if not path.exists():
        kept = settings.site_dir / LAST_GOOD
        return fail("gone", "gone-do", file=path, kept=kept) if kept.exists() else fail("none", "none-do", file=path)
    try:
        found = load_places(path)
        load("deploy.wiring").check_places(found, settings, path)
    except MissingExtraError:  # told by the check of packages
        pass
    except (PlacesError, OSError) as error:
        return fail("", "do", error=str(error))
    shown: dict[str, object] = {"beats": len(found.beats), "devices": len(found.devices), "file": path}
    return ok("ok", **shown) if found.devices else warn("ok", "empty-do", **shown)


def calendar(settings: Settings) -> Finding:
    """Look at the site's calendar: whether its file can be used, what it is about, and until when it is known."""
    logging.disable(logging.ERROR)  # what is wrong with it is told here
    try:
        wiring = load("deploy.wiring")
        file = wiring.open_calendar(settings, settings.site_dir)
        found = file.load()
        today = datetime.now(ZoneInfo(settings.site.timezone)).date()
        ends = wiring.days_of(settings, found).ends(today)
    except (MissingExtraError, ValueError, OSError) as error:
        return fail("", "do", error=str(error))
    finally:
        logging.disable(logging.NOTSET)
    if file.problem:
        return fail("", "do", error=file.problem)
    unknown = _unknown_places(settings, found)
    if unknown:
        return warn("unknown", "unknown-do", names=", ".join(unknown))
    shown: dict[str, object] = {"count": len(found.entries), "country": found.country or "–"}
    if ends is not None and (ends - today).days <= _CALENDAR_DAYS:
        return warn("ends", "ends-do", day=ends.isoformat(), year=str(ends.year + 1), **shown)
    return ok("ok" if ends is None else "until", day="" if ends is None else ends.isoformat(), **shown)


def _unknown_places(settings: Settings, found: SiteCalendar) -> list[str]:
    """Return the ids that the calendar names and the places file does not have: nothing is planned for anybody."""
    try:
        known = load_places(settings.places_file)
    except (PlacesError, OSError):
        return []
    named = {name for entry in found.entries for name in entry.at}
    return sorted(named - known.beats.keys() - known.devices.keys())


def windows(settings: Settings) -> Finding:
    """Look whether what is saved has windows of the length that the settings name."""
    before, after = saved_window_s(settings.site_dir / "state"), settings.pipeline.window_s
    if before is None or before == after:
        return ok("ok", after=after)
    return warn("other", "other-do", before=before, after=after)


def files(settings: Settings) -> list[Finding]:
    """Look whether the site's files are whole, and whether the node may read and write them."""
    folder = settings.site_dir
    if not folder.is_dir():
        return [ok("none", folder=folder)]
    faults, found = list(examine_files(folder)), list[Finding]()
    for code, answer in (("damaged", fail), ("passed", warn), ("aside", warn)):
        told = "; ".join(f"{one.file}: {one.why}" if one.why else one.file for one in faults if one.code == code)
        if told:
            found.append(answer(code, f"{code}-do", found=told))
    taken = [name for name in _WRITTEN if (folder / name).is_dir()]
    if taken:
        found.append(fail("folders", "folders-do", found=", ".join(taken)))
    others = list(_of_others(folder))
    if others:
        shown = "; ".join(others[:_SHOWN]) + (" …" if len(others) > _SHOWN else "")
        found.append(fail("rights", "rights-do", found=shown, user=str(folder.stat().st_uid), folder=folder))
    lines = settings.sinks.jsonl
    if lines is not None and not (lines.parent.is_dir() and os.access(lines.parent, os.W_OK) and not lines.is_dir()):
        found.append(fail("lines", "lines-do", file=lines))
    return or_ok(found, "ok", folder=folder)


def _of_others(folder: Path) -> Iterator[str]:
    """Yield the files that the node may not read and write: those of somebody else than the folder's owner.

    Whoever asks may be root, who may read all; the node is who owns the folder.
    """
    owner = folder.stat().st_uid
    for path in sorted(folder.rglob("*")):
        try:
            found = path.stat()
        except OSError:  # a temporary file that is gone by now
            continue
        open_to_all = found.st_mode & 0o006 == 0o006
        mine = os.geteuid() != owner or (os.access(path, os.R_OK | os.W_OK))
        if (found.st_uid != owner and not open_to_all) or not mine:
            yield f"{path.relative_to(folder)}: user {found.st_uid}, mode {found.st_mode & 0o777:o}"


def secrets(settings: Settings) -> list[Finding]:
    """Look at the files of passwords, tokens, keys and certificates."""
    found: list[Finding] = []
    for key in SECRET_FILES:
        section, _, attribute = key.partition(".")
        path: Path | None = getattr(getattr(settings, section), attribute)
        if path is not None and not key.startswith(_MADE):
            found += _secret(settings, key, path)
    for path in (settings.plate_key_file, settings.seal_key_file, settings.command_key_file):
        try:
            if path.exists():
                read_keys(path)
        except PlateKeyError as error:  # the node would not start
            found.append(fail("bad", "bad-do", error=error))
    for name, login in (("broker", settings.broker), ("kafka", settings.kafka)):
        try:
            login.tls_context()
        except (OSError, ValueError) as error:
            found.append(fail("tls", "tls-do", section=name, error=str(error)))
    if clear := settings.in_clear():
        found.append(warn("clear", "clear-do", sections=", ".join(clear)))
    return or_ok(found, "ok")


def _secret(settings: Settings, key: str, path: Path) -> list[Finding]:
    if not path.is_file():
        return [fail("missing", "missing-do", file=path, key=key)]
    folder, of_file = settings.site_dir, path.stat()
    if folder.is_dir() and of_file.st_uid != (owner := folder.stat().st_uid) and owner and not of_file.st_mode & 0o004:
        return [fail("other", "other-do", file=path, user=str(owner))]
    if of_file.st_mode & 0o077:
        return [warn("open", "open-do", file=path)]
    names = [name for name, file_key in SECRETS.items() if file_key == key]
    for section, _, name in (one.partition(".") for one in names):
        try:
            empty = not getattr(settings, section).read_secret(name)
        except SettingsError as error:
            return [fail("", "missing-do", error=str(error), file=path, key=key)]
        if empty:
            return [fail("empty", "missing-do", file=path, key=key)]
    return []
