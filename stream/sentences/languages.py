"""Which languages there are, and which one a reader gets."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
ENGLISH: Final = "en"
LANGUAGES: Final = tuple(sorted(path.stem for path in FOLDER.glob("*.ftl")))
"""As IETF tags: one file each."""


def choose_language(wanted: Iterable[str], default: str = ENGLISH) -> str:
    """Return the language of the first wish that there is one for, else `default`.

    A wish is a tag (``zh-CN``, ``en``) or the name of a locale (``zh_CN.UTF-8``). What is spoken counts more than
    where: any Chinese is answered in ``zh-CN``.
    """
    for wish in wanted:
        tag = wish.split(".")[0].split("@")[0].strip().replace("_", "-").lower()
        for same in (str.lower, _spoken):
            for language in LANGUAGES:
                if same(language) == same(tag):
                    return language
    return default


def accepted(header: str) -> list[str]:
    """Return the languages of an Accept-Language header, the most wanted first; its weights (``;q=``) are followed."""
    wanted: list[tuple[float, int, str]] = []
    for order, part in enumerate(header[:200].split(",")):
        tag, _, parameters = part.strip().partition(";")
        weight = 1.0
        if parameters.strip().startswith("q="):
            try:
                weight = float(parameters.strip()[2:])
            except ValueError:
                weight = 0.0
        wanted.append((-weight, order, tag))
    return [tag for weight, _, tag in sorted(wanted) if weight < 0]


def _spoken(tag: str) -> str:
    return tag.partition("-")[0].lower()
