"""What the board says to people, in the languages that it has: one flat JSON file of texts per language."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Final

import msgspec

LOCALE_DIR: Final = Path(__file__).resolve().parent.parent / "locale"
LANGUAGES: Final = ("en", "zh-CN")


class _Blanks(dict[str, object]):
    """Leaves a placeholder standing where a value is missing: a gap in a sentence is better than no sentence."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


@functools.cache
def texts(language: str) -> dict[str, str]:
    """Return key → text of a language; English for one that is not there."""
    name = language if language in LANGUAGES else "en"
    return msgspec.json.decode((LOCALE_DIR / f"{name}.json").read_bytes(), type=dict[str, str])


def say(language: str, key: str, **values: object) -> str:
    """Return the text of `key` with ``{name}`` placeholders filled in; the key itself where there is no such text."""
    return texts(language).get(key, key).format_map(_Blanks(values))


def choose_language(accept: str, default: str) -> str:
    """Choose a language from an Accept-Language header; `default` where it names none that is here.

    Weights (``;q=``) are followed; any Chinese is answered in zh-CN, any English in en.
    """
    wanted: list[tuple[float, int, str]] = []
    for order, part in enumerate(accept[:200].split(",")):
        tag, _, parameters = part.strip().partition(";")
        weight = 1.0
        if parameters.strip().startswith("q="):
            try:
                weight = float(parameters.strip()[2:])
            except ValueError:
                weight = 0.0
        wanted.append((-weight, order, tag.strip().lower()))
    for weight, _, tag in sorted(wanted):
        if weight >= 0:
            continue
        if tag == "zh" or tag.startswith("zh-"):
            return "zh-CN"
        if tag == "en" or tag.startswith("en-"):
            return "en"
    return default
