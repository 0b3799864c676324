"""Reading settings: a TOML file, then the environment over it, with errors that say what to write instead.

An environment variable is ``PATROLGRID_SECTION__KEY`` (two underscores, since keys have one), for instance
``PATROLGRID_BROKER__PORT=8883``. Lists are separated by commas; switches are true/false, yes/no, on/off or 1/0. A path
in the file is taken relative to the file's folder, a path in the environment relative to where the command runs.
"""

from __future__ import annotations

import difflib
import math
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import Field, fields, replace
from datetime import date
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from deploy.settings.sections import PREFIX, SECRETS, SECTIONS, Settings
from ingest.topics import ID_PATTERN

CONFIG_VARIABLE: Final = "PATROLGRID_CONFIG"
"""Names the settings file where no ``--config`` is given."""
DEFAULT_FILE: Final = "patrolgrid.toml"
"""Read from the current folder where nothing else is named and it is there."""
NOT_SETTINGS: Final = frozenset({CONFIG_VARIABLE, "PATROLGRID_DEBUG"})
_SWITCHES: Final = {
    "true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False,
}  # fmt: skip
_ADDRESS: Final = r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}"
_ADDRESSES: Final = re.compile(rf"({_ADDRESS}(,{_ADDRESS})*)?")
_WORD: Final = re.compile(r"^[A-Za-z0-9._-]{0,64}$")


class SettingsError(ValueError):
    """A setting is unknown or wrong; the text names the key, where it stands, what was found and what was expected."""


def find_file(given: Path | None, environ: Mapping[str, str] | None = None) -> Path | None:
    """Return the settings file to read: the one given, the environment's, ``./patrolgrid.toml``, or None."""
    if given is not None:
        return given
    named = (os.environ if environ is None else environ).get(CONFIG_VARIABLE)
    if named:
        return Path(named)
    return Path(DEFAULT_FILE) if Path(DEFAULT_FILE).is_file() else None


def load_settings(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of a file (None: defaults only) with the environment's variables over them.

    Raises `SettingsError` for a file that cannot be read or is not TOML, an unknown section, key or variable, a value
    of the wrong type or out of its limits, and a secret that stands in the file.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, dict[str, Any]] = {name: {} for name in SECTIONS}
    if path is not None:
        for section, key, raw in _file_entries(path):
            values[section][key] = _check(section, key, raw, str(path), path.parent)
    secrets: dict[str, str] = {}
    for name, text in environ.items():
        if not name.startswith(PREFIX) or name in NOT_SETTINGS:
            continue
        section, _, key = name[len(PREFIX) :].lower().partition("__")
        if f"{section}.{key}" in SECRETS:
            secrets[f"{section}.{key}"] = text
            continue
        if section not in SECTIONS or key not in _keys(section):
            raise SettingsError(_unknown_variable(name))
        values[section][key] = _check(section, key, _from_text(section, key, text, name), name, Path())
    return Settings(**{name: cls(**values[name]) for name, cls in SECTIONS.items()}, secrets=secrets)


def with_values(settings: Settings, **sections: dict[str, Any]) -> Settings:
    """Return a copy with some keys of some sections changed, checked as if they stood in a file."""
    changed = {}
    for section, keys in sections.items():
        checked = {}
        for key, raw in keys.items():
            if section not in SECTIONS or key not in _keys(section):
                raise SettingsError(_unknown(section, key, "the command line"))
            checked[key] = raw if raw is None else _check(section, key, raw, "the command line", Path())
        changed[section] = replace(getattr(settings, section), **checked)
    return replace(settings, **changed)


def read_secret(settings: Settings, name: str) -> str | None:
    """Return a secret (``broker.password``): the environment's, else the first line of its file, else None.

    Raises `SettingsError` where the file is named and cannot be read.
    """
    if name in settings.secrets:
        return settings.secrets[name]
    section, _, key = SECRETS[name].partition(".")
    path: Path | None = getattr(getattr(settings, section), key)
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8").split("\n", 1)[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{SECRETS[name]}: {path} cannot be read ({error}); expected a text file with one line"
        ) from error


def _file_entries(path: Path) -> list[tuple[str, str, Any]]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not TOML: {error}") from error
    entries = []
    for section, table in document.items():
        if section not in SECTIONS:
            raise SettingsError(_unknown(section, "", str(path)))
        if not isinstance(table, dict):
            raise SettingsError(f"{path}: {section} is {_show(table)}, expected a section [{section}] with keys")
        for key, raw in table.items():
            if f"{section}.{key}" in SECRETS:
                variable = f"{PREFIX}{section}__{key}".upper()
                raise SettingsError(
                    f"{path}: {section}.{key} is a secret and must not stand in this file; "
                    f"name a file with {SECRETS[f'{section}.{key}']}, or set {variable}"
                )
            if key not in _keys(section):
                raise SettingsError(_unknown(section, key, str(path)))
            entries.append((section, key, raw))
    return entries


def _keys(section: str) -> dict[str, Field[Any]]:
    return {item.name: item for item in fields(SECTIONS[section])}


def _all_keys() -> list[str]:
    return [f"{section}.{key}" for section in SECTIONS for key in _keys(section)]


def _unknown(section: str, key: str, where: str) -> str:
    if section not in SECTIONS:
        near = difflib.get_close_matches(section, SECTIONS, n=1)
        hint = f"did you mean [{near[0]}]?" if near else f"expected one of {', '.join(SECTIONS)}"
        return f"{where}: there is no section [{section}]; {hint}"
    near = difflib.get_close_matches(key, _keys(section), n=1)
    elsewhere = difflib.get_close_matches(f"{section}.{key}", _all_keys(), n=1)
    if near:
        hint = f"did you mean {section}.{near[0]}?"
    elif elsewhere:
        hint = f"did you mean {elsewhere[0]}?"
    else:
        hint = f"[{section}] has {', '.join(_keys(section))}"
    return f"{where}: there is no key {section}.{key}; {hint}"


def _unknown_variable(name: str) -> str:
    known = [PREFIX + key.replace(".", "__").upper() for key in [*_all_keys(), *SECRETS]] + sorted(NOT_SETTINGS)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"expected {PREFIX}SECTION__KEY; sections are {', '.join(SECTIONS)}"
    return f"environment variable {name}: no such setting; {hint}"


def _from_text(section: str, key: str, text: str, where: str) -> object:
    """Turn a variable's text into what TOML would have given."""
    kind = str(_keys(section)[key].type)
    if kind == "bool":
        if text.strip().lower() not in _SWITCHES:
            raise SettingsError(f"{where}: {section}.{key} is {text!r}, expected true or false")
        return _SWITCHES[text.strip().lower()]
    if kind in {"int", "float"}:
        try:
            return int(text) if kind == "int" else float(text)
        except ValueError:
            noun = "a whole number" if kind == "int" else "a number"
            raise SettingsError(f"{where}: {section}.{key} is {text!r}, expected {noun}") from None
    if kind.startswith("list"):
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _check(section: str, key: str, raw: object, where: str, base: Path) -> object:
    """Return the checked value of a key. `base` is the folder that paths are relative to."""
    item = _keys(section)[key]
    kind, name = str(item.type), f"{where}: {section}.{key}"
    if kind == "bool":
        if not isinstance(raw, bool):
            raise SettingsError(f"{name} is {_show(raw)}, expected true or false")
        return raw
    if kind in {"int", "float"}:
        return _number(item, raw, name)
    if kind.startswith("list"):
        if not isinstance(raw, list) or not all(isinstance(part, str) for part in raw):
            raise SettingsError(f"{name} is {_show(raw)}, expected a list of texts")
        for part in raw:
            _check_text(item, part, name)
        return raw
    if not isinstance(raw, str | Path):
        raise SettingsError(f"{name} is {_show(raw)}, expected text in quotes")
    if "Path" in kind:
        return _path(raw, name, base, optional="None" in kind)
    _check_text(item, str(raw), name)
    return raw


def _path(raw: str | Path, name: str, base: Path, *, optional: bool) -> Path | None:
    if optional and not str(raw):
        return None
    if not str(raw) or not str(raw).isprintable():
        raise SettingsError(f"{name} is {_show(raw)}, expected a path")
    try:
        return base / Path(raw).expanduser()
    except RuntimeError as error:  # ~nobody
        raise SettingsError(f"{name} is {_show(raw)}: {error}; expected a path") from error


def _number(item: Field[Any], raw: object, name: str) -> float:
    least, most = item.metadata["least"], item.metadata["most"]
    whole = item.type == "int"
    noun = "a whole number" if whole else "a number"
    if least is not None:
        noun += f" from {least:g}" if most is None else f" from {least:g} to {most:g}"
    if isinstance(raw, bool) or not isinstance(raw, int if whole else int | float) or not math.isfinite(raw):
        raise SettingsError(f"{name} is {_show(raw)}, expected {noun}")
    if (least is not None and raw < least) or (most is not None and raw > most):
        raise SettingsError(f"{name} is {_show(raw)}, expected {noun}")
    return raw if whole else float(raw)


def _check_text(item: Field[Any], text: str, name: str) -> None:
    choices, check = item.metadata["choices"], item.metadata["check"]
    expected = ""
    if choices and text not in choices:
        expected = f"one of {', '.join(choices)}"
    elif check == "id" and not ID_PATTERN.match(text):
        expected = "letters, digits, - and _, at most 48, not starting with - or _"
    elif check == "word" and not _WORD.match(text):
        expected = "letters, digits, dots, - and _, at most 64"
    elif check == "addresses" and not _ADDRESSES.fullmatch(text):
        expected = "HOST:PORT, several with commas and no spaces, or nothing"
    elif check == "timezone" and not _is_timezone(text):
        expected = "an IANA time zone such as Asia/Shanghai"
    elif check == "date" and not _is_date(text):
        expected = "days as YYYY-MM-DD"
    elif check == "country" and not re.fullmatch(r"([A-Z]{2})?", text):
        expected = "a two-letter code such as CN, or nothing"
    elif not text.isprintable():
        expected = "text without control characters"
    if expected:
        raise SettingsError(f"{name} is {_show(text)}, expected {expected}")


def _is_timezone(text: str) -> bool:
    try:
        ZoneInfo(text)
    except (ValueError, OSError, KeyError):  # not a name; a folder of names; not a known zone
        return False
    return True


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
