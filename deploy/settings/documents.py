"""Writes what is read about settings from the classes themselves: the example file, the table, and a node's own file.

``python -m deploy.settings.documents`` renews ``deploy/patrolgrid.example.toml`` and ``docs/settings.md``; a test holds
that both are up to date.
"""

from __future__ import annotations

import json
import textwrap
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, Final

from deploy.settings.sections import PREFIX, SECRETS, SECTIONS, Settings

EXAMPLE: Final = Path(__file__).parents[1] / "patrolgrid.example.toml"
TABLE: Final = Path(__file__).parents[2] / "docs" / "settings.md"


def example_toml() -> str:
    """Return a settings file in which every key stands with its default, its meaning and its limits."""
    lines = [
        "# PatrolGrid settings. Every key is optional; what is shown is the default.",
        "# The environment goes over the file: PATROLGRID_BROKER__PORT=8883 sets port in [broker].",
        *(f"# Secret: {_secret_sentence(name)}." for name in SECRETS),
        "# Made by `python -m deploy.settings.documents` from deploy/settings/sections.py; change that, not this.",
    ]
    for section, cls in SECTIONS.items():
        lines += ["", f"# {_first_line(cls)}", f"[{section}]"]
        for item in fields(cls):
            lines += [f"# {line}" for line in textwrap.wrap(_sentence(item), 110)]
            lines.append(f"{item.name} = {_toml(_default(item))}")
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
        "Secrets never stand in the file: " + "; ".join(_secret_sentence(name, "`") for name in SECRETS) + ".",
        "",
        "(This page is made from `deploy/settings/sections.py` by `python -m deploy.settings.documents`.)",
    ]
    for section, cls in SECTIONS.items():
        lines += ["", f"## [{section}]", "", _first_line(cls), "", "| key | default | meaning |", "|---|---|---|"]
        lines += [
            f"| `{item.name}` | `{_toml(_default(item))}` | {_sentence(item).replace('|', chr(92) + '|')} |"
            for item in fields(cls)
        ]
    return "\n".join(lines) + "\n"


def dump_toml(settings: Settings) -> str:
    """Return settings as a file that loads the same anywhere: paths are made absolute, secrets left out."""
    lines: list[str] = []
    for section, cls in SECTIONS.items():
        lines.append(f"[{section}]")
        values = getattr(settings, section)
        for item in fields(cls):
            value = getattr(values, item.name)
            lines.append(f"{item.name} = {_toml(value.resolve() if isinstance(value, Path) else value)}")
    return "\n".join(lines) + "\n"


def _first_line(cls: type) -> str:
    return (cls.__doc__ or "").split("\n", 1)[0]


def _secret_sentence(name: str, quote: str = "") -> str:
    variable = PREFIX + name.replace(".", "__").upper()
    parts = [quote + part + quote for part in (name, SECRETS[name], variable)]
    return "{} comes from the file named by {}, or from {}".format(*parts)


def _sentence(item: Field[Any]) -> str:
    text, least, most = item.metadata["doc"], item.metadata["least"], item.metadata["most"]
    if item.metadata["choices"]:
        text += f" One of: {', '.join(item.metadata['choices'])}."
    if least is not None and most is not None:
        text += f" From {least:g} to {most:g}." if most < 1e6 else f" From {least:g}."
    elif least is not None:
        text += f" From {least:g}."
    return str(text)


def _default(item: Field[Any]) -> object:
    return item.default_factory() if item.default_factory is not MISSING else item.default


def _toml(value: object) -> str:
    if value is None:
        return '""'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list):
        return "[" + ", ".join(_toml(part) for part in value) + "]"
    # JSON's string escapes are a subset of TOML's, but for DEL, which TOML wants escaped.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


if __name__ == "__main__":
    EXAMPLE.write_text(example_toml(), encoding="utf-8")
    TABLE.write_text(settings_table(), encoding="utf-8")
