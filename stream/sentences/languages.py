"""Which languages there are, and which one a reader gets."""

from collections.abc import Iterable
from contextlib import suppress
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
    wanted: list[tuple[float, str]] = []
    for part in header[:200].replace(" ", "").split(","):
        tag, _, weight = part.partition(";q=")
        with suppress(ValueError):
            wanted.append((float(weight or 1), tag))
    return [tag for weight, tag in sorted(wanted, key=lambda pair: -pair[0]) if weight > 0]


def _spoken(tag: str) -> str:
    return tag.partition("-")[0].lower()
