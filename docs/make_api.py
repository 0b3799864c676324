"""Writes the tables of docs/api.md, in every language, from the operations that the board declares.

    python docs/make_api.py

What stands around the tables is written by hand. A test holds that they are up to date.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from console.board.app import OPERATIONS
from console.board.document.openapi import openapi
from console.board.operations import Operation
from stream.sentences.languages import LANGUAGES

ROOT: Final = Path(__file__).parents[1]
PAGES: Final = {
    language: ROOT / "docs" / f"api{'' if language == 'en' else f'.{language}'}.md" for language in LANGUAGES
}
BEGIN, END = "<!-- operations -->\n", "<!-- end of operations -->\n"
_HEAD: Final = {
    "en": "| request | right | parameters, body | what it is for, and what it answers |",
    "zh-CN": "| 请求 | 权限 | 参数、内容 | 用途及答复 |",
}


def table(language: str) -> str:
    """Return the table of all operations in a language."""
    document = openapi(OPERATIONS, language)
    schemas = document["components"]["schemas"]
    rows = [_HEAD[language], "|---|---|---|---|"]
    for one in OPERATIONS:
        told = document["paths"][_path(one)][one.method.lower()]
        query = [asked["name"] for asked in told["parameters"] if asked["in"] == "query" and asked["name"] != "lang"]
        sent = _fields(told.get("requestBody", {}).get("content", {}).get("application/json"), schemas)
        asks = [_listed(query), f"`{{{', '.join(sent)}}}`" if sent else "", _listed(one.uploads)]
        status = next(status for status in told["responses"] if status.startswith("2"))
        answer = _fields(told["responses"][status]["content"].get(one.media), schemas)
        parts = [status if status != "200" else "", _listed([one.media] if one.answer is None else answer)]
        outcome = " ".join(part for part in parts if part)
        rows.append(
            f"| `{one.method} {_path(one)}` | {_listed([one.right] if one.right else [])} | "
            f"{'; '.join(part for part in asks if part)} | {told['summary']}{f' → {outcome}' if outcome else ''} |"
        )
    return "\n".join(rows) + "\n"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def page(language: str) -> str:
    """Return a page with the table as it has to be."""
    text = PAGES[language].read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{PAGES[language]}: expected {BEGIN!r} and {END!r}")
    return before + BEGIN + table(language) + END + after


def _path(one: Operation) -> str:
    return re.sub(r"\{(\w{1,40}):int\}", r"{\1}", one.path)


def _fields(content: dict[str, dict[str, str]] | None, schemas: dict[str, dict[str, dict[str, object]]]) -> list[str]:
    name = (content or {}).get("schema", {}).get("$ref", "").rpartition("/")[2]
    return [*schemas.get(name, {}).get("properties", {})]


if __name__ == "__main__":
    for language in LANGUAGES:
        PAGES[language].write_text(page(language), encoding="utf-8")
