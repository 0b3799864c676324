"""Reading settings: a TOML file, then the environment over it, with errors that say what to write instead.

An environment variable is ``PATROLGRID_SECTION__KEY`` (two underscores, since keys have one), for instance
``PATROLGRID_BROKER__PORT=8883``. Lists are separated by commas; switches are true/false, yes/no, on/off or 1/0. A path
in the file is taken relative to the file's folder, a path in the environment relative to where the command runs.
"""

import difflib
import json
import math
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, get_args, get_type_hints

import msgspec
from msgspec import inspect

from deploy.settings.sections import PREFIX, SECRETS, SECTIONS, Settings
from ingest.login import parse_address
from ingest.setup.settings import Section, SettingsError
from stream.sentences.languages import ENGLISH

CONFIG_VARIABLE: Final = "PATROLGRID_CONFIG"
"""Names the settings file where no ``--config`` is given."""
DEFAULT_FILE: Final = "patrolgrid.toml"
"""Read from the current folder where nothing else is named and it is there."""
_OF_PROGRAMS: Final = {"PATROLGRID_BOARD", "PATROLGRID_CA", "PATROLGRID_TOKEN"}
"""What `console.api_client` takes from the environment."""
NOT_SETTINGS: Final = frozenset({CONFIG_VARIABLE, "PATROLGRID_DEBUG", "PATROLGRID_LANG", *_OF_PROGRAMS})
_SWITCHES: Final = {
    "true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False,
}  # fmt: skip


def _types_of(section: str, cls: type[Section]) -> dict[str, Any]:
    """Return the types of a section's keys. What a section has of its own comes before what it shares with others."""
    hints = get_type_hints(cls, include_extras=True)
    parts = [part.__annotations__ for part in cls.__mro__ if issubclass(part, Section)]
    return {key: hints[key] for part in parts for key in part if f"{section}.{key}" not in SECRETS}


KEYS: Final = {section: _types_of(section, cls) for section, cls in SECTIONS.items()}
"""Section → key → type, with its limits."""


def example_file(language: str) -> Path:
    """Return a settings file with every key, its default and its meaning; `docs/make_settings.py` makes it."""
    name = "patrolgrid.example.toml" if language == ENGLISH else f"patrolgrid.example.{language}.toml"
    return Path(__file__).parents[1] / name


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
    values: dict[str, dict[str, Any]] = {name: {} for name in SECTIONS}
    if path is not None:
        for section, key, raw in _file_entries(path):
            values[section][key] = _check(section, key, raw, str(path), path.parent)
    for name, text in (os.environ if environ is None else environ).items():
        if not name.startswith(PREFIX) or name in NOT_SETTINGS:
            continue
        section, _, key = name[len(PREFIX) :].lower().partition("__")
        if f"{section}.{key}" in SECRETS:
            values[section][key] = text
        elif section in SECTIONS and key in KEYS[section]:
            values[section][key] = _check(section, key, _from_text(section, key, text), name, Path())
        else:
            raise SettingsError(_unknown_variable(name))
    found: dict[str, Any] = {name: cls(**values[name]) for name, cls in SECTIONS.items()}
    _refuse_mistakes(found, "the defaults" if path is None else str(path))
    return Settings(**found)


def _refuse_mistakes(sections: Mapping[str, Section], where: str) -> None:
    """Raise SettingsError for what cannot be meant although each value is allowed."""
    for name, section in sections.items():
        mistake = section.mistake()
        if mistake:
            raise SettingsError(f"{where}: {name}.{mistake}")


def with_values(settings: Settings, **sections: dict[str, Any]) -> Settings:
    """Return a copy with some keys of some sections changed, checked as if they stood in a file."""
    changed = {}
    for section, keys in sections.items():
        checked = {}
        for key, raw in keys.items():
            if section not in SECTIONS or key not in KEYS[section]:
                raise SettingsError(_unknown(section, key, "the command line"))
            unset = raw is None and KEYS[section][key] == Path | None
            checked[key] = None if unset else _check(section, key, raw, "the command line", Path())
        changed[section] = msgspec.structs.replace(getattr(settings, section), **checked)
    _refuse_mistakes(changed, "the command line")
    return msgspec.structs.replace(settings, **changed)


def with_texts(settings: Settings, texts: Mapping[str, str]) -> Settings:
    """Return a copy with keys such as ``alerts.per_day`` set to texts, as an environment variable would set them."""
    sections: dict[str, dict[str, Any]] = {}
    for name, text in texts.items():
        section, _, key = name.partition(".")
        known = section in SECTIONS and key in KEYS[section]
        sections.setdefault(section, {})[key] = _from_text(section, key, text) if known else text
    return with_values(settings, **sections)


def at_broker(settings: Settings, address: str | None, node: Mapping[str, Any] | None = None) -> Settings:
    """Return settings with the broker of an option ``HOST:PORT``, else of a running node's ``node.json``."""
    if address is not None:
        host, port = parse_address(address)
    elif node is not None and isinstance(node.get("broker"), dict):
        host, port = str(node["broker"]["host"]), int(node["broker"]["port"])
    else:
        return settings
    return with_values(settings, broker={"host": host, "port": port})


def dump_toml(settings: Settings) -> str:
    """Return settings as a file that loads the same anywhere: paths are made absolute, secrets left out."""
    lines: list[str] = []
    for section in SECTIONS:
        lines.append(f"[{section}]")
        for key, value in getattr(settings, section).public().items():
            lines.append(f"{key} = {toml(value.resolve() if isinstance(value, Path) else value)}")
    return "\n".join(lines) + "\n"


def toml(value: object) -> str:
    """Return a value as TOML writes it."""
    if value is None:
        return '""'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml(part) for part in value) + "]"
    # JSON's string escapes are a subset of TOML's, but for DEL, which TOML wants escaped.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


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
                raise SettingsError(
                    f"{path}: {section}.{key} is a secret and must not stand in this file; "
                    f"name a file with {SECRETS[f'{section}.{key}']}, or set {_variable(f'{section}.{key}')}"
                )
            if key not in KEYS[section]:
                raise SettingsError(_unknown(section, key, str(path)))
            entries.append((section, key, raw))
    return entries


def _variable(name: str) -> str:
    return PREFIX + name.replace(".", "__").upper()


def _all_keys() -> list[str]:
    return [f"{section}.{key}" for section in SECTIONS for key in KEYS[section]]


def _unknown(section: str, key: str, where: str) -> str:
    if section not in SECTIONS:
        near = difflib.get_close_matches(section, SECTIONS, n=1)
        hint = f"did you mean [{near[0]}]?" if near else f"expected one of {', '.join(SECTIONS)}"
        return f"{where}: there is no section [{section}]; {hint}"
    near = [f"{section}.{name}" for name in difflib.get_close_matches(key, KEYS[section], n=1)]
    near = near or difflib.get_close_matches(f"{section}.{key}", _all_keys(), n=1)
    hint = f"did you mean {near[0]}?" if near else f"[{section}] has {', '.join(KEYS[section])}"
    return f"{where}: there is no key {section}.{key}; {hint}"


def _unknown_variable(name: str) -> str:
    known = [_variable(key) for key in (*_all_keys(), *SECRETS)] + sorted(NOT_SETTINGS)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"expected {PREFIX}SECTION__KEY; sections are {', '.join(SECTIONS)}"
    return f"environment variable {name}: no such setting; {hint}"


def _from_text(section: str, key: str, text: str) -> object:
    """Return what TOML would have given for a variable's text; text that cannot be turned is refused later."""
    kind = describe(KEYS[section][key])[0]
    if isinstance(kind, inspect.BoolType):
        return _SWITCHES.get(text.strip().lower(), text)
    if isinstance(kind, inspect.VarTupleType):
        return [part.strip() for part in text.split(",") if part.strip()]
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        try:
            return int(text) if isinstance(kind, inspect.IntType) else float(text)
        except ValueError:
            return text
    return text


def _check(section: str, key: str, raw: object, where: str, base: Path) -> object:
    """Return the checked value of a key. `base` is the folder that paths are relative to."""
    hint, name = KEYS[section][key], f"{where}: {section}.{key}"
    if hint in {Path, Path | None}:
        return _path(raw, name, base, optional=hint is not Path)
    try:
        value = msgspec.convert(raw, hint)
    except msgspec.ValidationError:
        allowed = False
    else:
        allowed = _passes(hint, value)
    if not allowed:
        raise SettingsError(f"{name} is {_show(raw)}, expected {_expected(hint, raw)}")
    return value


def _path(raw: object, name: str, base: Path, *, optional: bool) -> Path | None:
    if not isinstance(raw, str | Path):
        raise SettingsError(f"{name} is {_show(raw)}, expected text in quotes")
    if optional and not str(raw):
        return None
    if not str(raw) or not str(raw).isprintable():
        raise SettingsError(f"{name} is {_show(raw)}, expected a path")
    try:
        return base / Path(raw).expanduser()
    except RuntimeError as error:  # ~nobody
        raise SettingsError(f"{name} is {_show(raw)}: {error}; expected a path") from error


def describe(hint: object) -> tuple[inspect.Type, dict[str, Any]]:
    """Return the type of a key, and what `ingest.setup.settings` says about it in words."""
    kind = inspect.type_info(hint)
    extra: dict[str, Any] = {}
    while isinstance(kind, inspect.Metadata):
        extra, kind = {**(kind.extra or {}), **extra}, kind.type
    return kind, extra


def _passes(hint: object, value: object) -> bool:
    """Tell whether a value of the right type passes what msgspec does not check."""
    if isinstance(value, tuple):
        return all(_passes(get_args(hint)[0], part) for part in value)
    if isinstance(value, float):
        return math.isfinite(value)
    check = describe(hint)[1].get("check")
    return not isinstance(value, str) or (value.isprintable() and (check is None or check(value)))


def _expected(hint: object, raw: object) -> str:
    """Return what is expected of a key, in words."""
    kind, extra = describe(hint)
    if isinstance(kind, inspect.BoolType):
        return "true or false"
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        return ("a whole number" if isinstance(kind, inspect.IntType) else "a number") + limits(kind)
    if isinstance(kind, inspect.VarTupleType):
        texts = isinstance(raw, list) and all(isinstance(part, str) for part in raw)
        return _expected(get_args(hint)[0], "") if texts else "a list of texts"
    if not isinstance(raw, str):
        return "text in quotes"
    if isinstance(kind, inspect.LiteralType):
        return f"one of {', '.join(get_args(hint))}"
    return str(extra.get("expected", "text without control characters"))


def limits(kind: inspect.IntType | inspect.FloatType) -> str:
    """Return the range of a number in words, with a space before it; empty where there is none."""
    if kind.ge is None:
        return ""
    return f" from {kind.ge:.15g}" if kind.le is None else f" from {kind.ge:.15g} to {kind.le:.15g}"


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
