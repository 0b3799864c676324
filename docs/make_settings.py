"""Writes what is read about settings from their structs: the example file, and docs/settings.md.

    python docs/make_settings.py

A test holds that both are up to date.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import textwrap
from pathlib import Path
from typing import Final

from msgspec.inspect import FloatType, IntType, LiteralType

from deploy.settings.load import EXAMPLE, KEYS, describe, limits, toml
from deploy.settings.sections import PREFIX, SECRETS, SECTIONS
from ingest.setup.settings import Section

ROOT: Final = Path(__file__).parents[1]
TABLE: Final = ROOT / "docs" / "settings.md"


def example_toml() -> str:
    """Return a settings file in which every key stands with its default, its meaning and its limits."""
    lines = [
        "# PatrolGrid settings. Every key is optional; what is shown is the default.",
        "# The environment goes over the file: PATROLGRID_BROKER__PORT=8883 sets port in [broker].",
        *(f"# Secret: {secret_sentence(name)}." for name in SECRETS),
        "# Made by `python docs/make_settings.py` from deploy/settings/sections.py; change that, not this.",
    ]
    for section, cls in SECTIONS.items():
        lines += ["", f"# {first_line(cls)}", f"[{section}]"]
        for key in KEYS[section]:
            lines += [f"# {line}" for line in textwrap.wrap(sentence(section, key), 110)]
            lines.append(f"{key} = {toml(getattr(cls(), key))}")
    return "\n".join(lines) + "\n"


def settings_table() -> str:
    """Return ``docs/settings.md``."""
    lines = [
        "# Settings",
        "",
        "One TOML file, every key with a default. A command reads the file that `--config` names, else the one that",
        "`PATROLGRID_CONFIG` names, else `patrolgrid.toml` in the current folder, else the defaults. Environment",
        "variables go over the file: `PATROLGRID_` + section + `__` + key, in capitals, such as",
        "`PATROLGRID_BROKER__PORT=8883`; lists are separated by commas. Paths in the file are relative to the file's",
        "folder. An unknown key or a bad value stops the command with a sentence that names the key, where it stands",
        "and what was expected. `patrolgrid settings` shows what is in force.",
        "",
        "Secrets never stand in the file: " + "; ".join(secret_sentence(name, "`") for name in SECRETS) + ".",
        "",
        "(This page is made by `python docs/make_settings.py` from the structs in `deploy/settings/sections.py`.)",
    ]
    for section, cls in SECTIONS.items():
        lines += ["", f"## [{section}]", "", first_line(cls), "", "| key | default | meaning |", "|---|---|---|"]
        lines += [
            f"| `{key}` | `{toml(getattr(cls(), key))}` | {sentence(section, key).replace('|', chr(92) + '|')} |"
            for key in KEYS[section]
        ]
    return "\n".join(lines) + "\n"


def first_line(cls: type) -> str:
    """Return what a section is about."""
    return (cls.__doc__ or "").split("\n", 1)[0]


def secret_sentence(name: str, quote: str = "") -> str:
    """Return where a secret comes from."""
    variable = PREFIX + name.replace(".", "__").upper()
    parts = [quote + part + quote for part in (name, SECRETS[name], variable)]
    return "{} comes from the file named by {}, or from {}".format(*parts)


def docstrings(cls: type[Section]) -> dict[str, str]:
    """Return the docstring below each field of a struct, those of its bases included."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if not issubclass(base, Section):
            continue
        body = ast.parse(inspect.getsource(base)).body[0].body  # type: ignore[attr-defined]
        for field, below in itertools.pairwise(body):
            if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr):
                found[field.target.id] = " ".join(below.value.value.split())  # type: ignore[attr-defined, union-attr]
    return found


def sentence(section: str, key: str) -> str:
    """Return what a key means and what is allowed."""
    text, (kind, extra) = docstrings(SECTIONS[section])[key], describe(KEYS[section][key])
    if isinstance(kind, LiteralType):
        text += f" One of: {', '.join(KEYS[section][key].__args__)}."
    elif extra.get("expected", "").startswith("one of"):
        text += f" One of: {extra['expected'].removeprefix('one of ')}."
    elif isinstance(kind, IntType | FloatType) and limits(kind):
        text += f"{limits(kind).replace(' f', ' F')}."
    return text


if __name__ == "__main__":
    EXAMPLE.write_text(example_toml(), encoding="utf-8")
    TABLE.write_text(settings_table(), encoding="utf-8")
