"""Writes what is read about settings from their structs, in every language: the example files, and docs/settings.md.

    python docs/make_settings.py

The structs say it in English; the Chinese stands in ``stream/sentences/plain.zh-CN.po``. A test holds that all four
files are up to date.
"""

from __future__ import annotations

import ast
import inspect
import itertools
from pathlib import Path
from typing import Final

from msgspec.inspect import FloatType, IntType, LiteralType

from console.width import wrapped
from deploy.settings.load import KEYS, describe, example_file, limits, toml
from deploy.settings.sections import PREFIX, SECRETS, SECTIONS
from ingest.setup.settings import Section
from stream.sentences.languages import ENGLISH, LANGUAGES
from stream.sentences.plain import pairs, plain

ROOT: Final = Path(__file__).parents[1]
_WORDS: Final = {
    "en": {
        "example": """
            # PatrolGrid settings. Every key is optional; what is shown is the default.
            # The environment goes over the file: PATROLGRID_BROKER__PORT=8883 sets port in [broker].
            """,
        "secret": "{name} comes from the file named by {file}, or from {variable}",
        "secret-line": "# Secret: {}.",
        "made": "# Made by `python docs/make_settings.py` from deploy/settings/sections.py; change that, not this.",
        "page": """
            # Settings

            One TOML file, every key with a default. A command reads the file that `--config` names, else the one that
            `PATROLGRID_CONFIG` names, else `patrolgrid.toml` in the current folder, else the defaults. Environment
            variables go over the file: `PATROLGRID_` + section + `__` + key, in capitals, such as
            `PATROLGRID_BROKER__PORT=8883`; lists are separated by commas. Paths in the file are relative to the file's
            folder. An unknown key or a bad value stops the command with a sentence that names the key, where it stands
            and what was expected. `patrolgrid settings` shows what is in force.

            Commands speak the language of `--lang`, else of `PATROLGRID_LANG`, else of the site
            (`site.language`), else of the locale (`LC_ALL`, `LANG`). 中文：[settings.zh-CN.md](settings.zh-CN.md).

            Secrets never stand in the file: {secrets}.

            (This page is made by `python docs/make_settings.py` from the structs in `deploy/settings/sections.py`.)
            """,
        "and": "; ",
        "head": "| key | default | meaning |",
        "one-of": " One of: {}.",
    },
    "zh-CN": {
        "example": """
            # PatrolGrid 设置。每个键都可以省略；此处所示为默认值。
            # 环境变量优先于文件：PATROLGRID_BROKER__PORT=8883 设置 [broker] 中的 port。
            """,
        "secret": "{name} 取自 {file} 所指的文件，或取自 {variable}",
        "secret-line": "# 秘密：{}。",
        "made": "# 由 `python docs/make_settings.py` 从 deploy/settings/sections.py 生成；请改后者，不要改本文件。",
        "page": """
            # 设置

            一个 TOML 文件，每个键都有默认值。命令读取 `--config` 指定的文件，否则是 `PATROLGRID_CONFIG` 指定的，
            否则是当前目录的 `patrolgrid.toml`，都没有则用默认值。环境变量优先于文件：`PATROLGRID_` + 节 + `__` + 键，
            全部大写，如 `PATROLGRID_BROKER__PORT=8883`；列表用逗号分隔。文件中的路径相对于文件所在目录。
            键名不存在或值有误时，命令停止，并说明是哪个键、在哪里、应当怎样写。
            `patrolgrid settings` 显示当前生效的设置；
            `patrolgrid settings --example` 输出带中文说明的示例文件。命令的语言依次取自 `--lang`、`PATROLGRID_LANG`、
            站点语言（`site.language`）、系统区域设置（`LC_ALL`、`LANG`）。English: [settings.md](settings.md)。

            秘密绝不写在文件中：{secrets}。

            （本页由 `python docs/make_settings.py` 从 `deploy/settings/sections.py` 生成。）
            """,
        "and": "；",
        "head": "| 键 | 默认值 | 含义 |",
        "one-of": "可选：{}。",
    },
}


def table_file(language: str) -> Path:
    """Return the page that lists the settings in a language."""
    return ROOT / "docs" / ("settings.md" if language == ENGLISH else f"settings.{language}.md")


def example_toml(language: str = ENGLISH) -> str:
    """Return a settings file in which every key stands with its default, its meaning and its limits."""
    words = _WORDS[language]
    lines = [
        *inspect.cleandoc(words["example"]).splitlines(),
        *(words["secret-line"].format(secret_sentence(name, language)) for name in SECRETS),
        words["made"],
    ]
    for section, cls in SECTIONS.items():
        lines += ["", f"# {said(first_line(cls), language)}", f"[{section}]"]
        for key in KEYS[section]:
            lines += [f"# {line}" for line in wrapped(sentence(section, key, language), 110)]
            lines.append(f"{key} = {toml(getattr(cls(), key))}")
    return "\n".join(lines) + "\n"


def settings_table(language: str = ENGLISH) -> str:
    """Return the page that lists the settings."""
    words = _WORDS[language]
    secrets = words["and"].join(secret_sentence(name, language, "`") for name in SECRETS)
    lines = inspect.cleandoc(words["page"]).replace("{secrets}", secrets).splitlines()
    for section, cls in SECTIONS.items():
        lines += ["", f"## [{section}]", "", said(first_line(cls), language), "", words["head"], "|---|---|---|"]
        for key in KEYS[section]:
            meaning = sentence(section, key, language).replace("|", chr(92) + "|")
            lines.append(f"| `{key}` | `{toml(getattr(cls(), key))}` | {meaning} |")
    return "\n".join(lines) + "\n"


def said(text: str, language: str) -> str:
    """Return what a struct says in a language; as it is where nobody has translated it."""
    return pairs(language).get(text, text)


def first_line(cls: type) -> str:
    """Return what a section is about."""
    return (cls.__doc__ or "").split("\n", 1)[0]


def secret_sentence(name: str, language: str, quote: str = "") -> str:
    """Return where a secret comes from."""
    parts = {"name": name, "file": SECRETS[name], "variable": PREFIX + name.replace(".", "__").upper()}
    return _WORDS[language]["secret"].format(**{key: quote + part + quote for key, part in parts.items()})


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


def sentence(section: str, key: str, language: str = ENGLISH) -> str:
    """Return what a key means and what is allowed."""
    text, (kind, extra) = said(docstrings(SECTIONS[section])[key], language), describe(KEYS[section][key])
    one_of = _WORDS[language]["one-of"]
    if isinstance(kind, LiteralType):
        text += one_of.format(", ".join(KEYS[section][key].__args__))
    elif extra.get("expected", "").startswith("one of"):
        text += one_of.format(extra["expected"].removeprefix("one of "))
    elif isinstance(kind, IntType | FloatType) and limits(kind):
        if language == ENGLISH:
            text += f"{limits(kind).replace(' f', ' F')}."
        else:
            text += f"{plain(limits(kind), language).lstrip('，')}。"
    return text


def texts() -> list[str]:
    """Return the English that the structs say, for whoever translates it."""
    found = [first_line(cls) for cls in SECTIONS.values()]
    return found + [docstrings(cls)[key] for section, cls in SECTIONS.items() for key in KEYS[section]]


if __name__ == "__main__":
    for each in LANGUAGES:
        example_file(each).write_text(example_toml(each), encoding="utf-8")
        table_file(each).write_text(settings_table(each), encoding="utf-8")
