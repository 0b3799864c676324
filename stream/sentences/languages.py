"""Which languages there are, and which one a reader gets."""

import os
import re
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


_TWO_SCRIPTS: Final = re.compile(r"(?=.{0,80}[a-z]{2})([A-Za-z][A-Za-z .,'’-]{0,80})\s{1,4}([\u3400-\u9fff·]{1,40})")


def one_script(name: str, language: str) -> str:
    """Return a name that is written in both scripts in the one of a language; others as they are.

    >>> one_script("Li Wei 李伟", "zh-CN"), one_script("Li Wei 李伟", "en"), one_script("A3 摄像头", "zh-CN")
    ('李伟', 'Li Wei', 'A3 摄像头')
    """
    found = _TWO_SCRIPTS.fullmatch(name)
    return name if found is None else found[2 if language.startswith("zh") else 1].rstrip()


def language_of(option: str | None, configured: str | None = None) -> str:
    """Return the language to speak: the option's, the environment's, the settings file's, the locale's, or English."""
    named = map(os.environ.get, ("PATROLGRID_LANG", "PATROLGRID_SITE__LANGUAGE"))
    locale = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), None)
    return choose_language(filter(None, (option, *named, configured, locale)))


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
