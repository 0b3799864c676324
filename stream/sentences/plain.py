"""Texts of the code in the reader's language: help, errors, refusals; all that stands in the code as plain English.

What a result says has a code (`stream.sentences.catalogue`). Help and errors have none: whoever raises an error deep in
a room knows no reader, and writes what is wrong in English. Here, at the edge where a person reads, the English is
looked up. ``plain.zh-CN.po`` has a pair for each text, in the format of GNU gettext, in two lines; a field of an
f-string stands as ``{0}``, ``{1}``, in the order of the English. A text is found again by what stands between its
fields, and a field may be such a text itself: what is wrong with a file, say, within the error of a command.
"""

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import islice
from typing import Final

import msgspec

from stream.sentences.languages import FOLDER, LANGUAGES

FIELD: Final = re.compile(r"\{(\d{1,3})\}")
_DEEPEST: Final = 5
"""Texts within texts that are followed."""
_MOST: Final = 3
"""Readings of a text that are tried."""
_LEAST: Final = 5
"""Characters that what follows something begins with, at least, such as "; line " or " of at most "."""
_LITTLE: Final = 8
"""Characters around the fields, below which a template is hardly one."""
_LONGEST: Final = 4000
"""Characters of a text that is looked up; longer ones hold somebody's file."""
_JOINTS: Final = ((".", "", ""), (": ", "", "："), ("; ", "", "；"), (") ", ")", " "), (", ", "", "，"))
"""What joins texts that have translations of their own, what of it belongs to the first, and how Chinese joins them."""
_OF_A_FILE: Final = re.compile(r"\[Errno \d{1,5}\] (.{1,200}): ('[^']{0,4000}')", re.DOTALL)
_QUOTED: Final = re.compile(r"'[^']{0,4000}'|\"[^\"]{0,4000}\"|`[^`]{0,4000}`")
_ENGLISH: Final = re.compile(r"(?<![\w./-])[A-Za-z]?[a-z]{1,40}(?![\w/-]|\.\w)")
_NAME: Final = frozenset("abcdefghijklmnopqrstuvwxyz_")
_BETWEEN_HAN: Final = re.compile(r"(?<=[\u4e00-\u9fff）]) (?=[\u4e00-\u9fff])")
_BEFORE_LATIN: Final = re.compile(r"(?<=[\u4e00-\u9fff])(?=[A-Za-z0-9'])")


@cache
def pairs(language: str) -> dict[str, str]:
    """Return English → translation of a language; nothing for one that has no file, as English has none."""
    path = FOLDER / f"plain.{language}.po"
    found: list[list[str]] = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        if line.startswith("msgid "):
            found.append([_unquoted(line[6:]), ""])
        elif line.startswith("msgstr "):
            found[-1][1] = _unquoted(line[7:])
    return {english: translated for english, translated in found if english}


def _unquoted(text: str) -> str:
    return str(msgspec.json.decode(text)) if "\\" in text else text[1:-1]


@cache
def _templates(language: str) -> list[tuple[list[str], str]]:
    """Return what stands between the fields of each text that has some, with its translation; what says most first."""
    found = [(FIELD.split(english)[::2], translated) for english, translated in pairs(language).items()]
    return sorted((one for one in found if len(one[0]) > 1), key=lambda one: -sum(map(len, one[0])))


@lru_cache(4096)
def plain(text: str, language: str, depth: int = 0) -> str:
    """Return a text of the code in a language; as it is where nothing is known of it.

    Of several readings (a template with wide fields may hold another one) that counts which leaves least English.
    """
    known = pairs(language)
    if not known or depth > _DEEPEST or len(text) > _LONGEST or " " not in text:
        return text  # a single word is mostly a code
    if text in known:
        return known[text]
    if of_file := _OF_A_FILE.fullmatch(text):
        return f"{of_file[2]}：{plain(of_file[1], language, depth + 1)}"
    found = [*islice(_readings(text, language, depth + 1), _MOST)]
    for mark, stays, ours in _JOINTS:
        if parts := _apart(text, mark, stays):
            said = [plain(part, language, depth + 1) for part in parts]
            if said != parts:
                found.append(_BETWEEN_HAN.sub("", ours.join(said)))
                if depth > 1 or not _english_left(found[-1]):
                    break
    return min([*found, text], key=_english_left)


def _apart(text: str, mark: str, stays: str) -> list[str]:
    """Return the two texts that the first `mark` joins, none where there is no such; a dot is that of a setting."""
    first, found, then = text.partition(mark)
    if not found:
        return []
    if mark == ".":
        key, said, _ = then.partition(" ")
        return [first + mark, then] if said and _is_name(first) and _is_name(key) else []
    return [first + stays, then]


def _is_name(text: str) -> bool:
    return bool(text) and set(text) <= _NAME


def _english_left(text: str) -> int:
    """Return how many English words a text still has; what is quoted is somebody's own."""
    return len(_ENGLISH.findall(_QUOTED.sub("", text)))


def in_all(text: str) -> dict[str, str]:
    """Return language → a text of the code: what an edge carries that does not know its readers."""
    return {language: plain(text, language) for language in LANGUAGES}


def _readings(text: str, language: str, depth: int) -> Iterator[str]:
    """Yield what a text may be, whole or with a beginning before it; what says most first."""
    for parts, translated in _templates(language):
        # What begins with a space or a semicolon follows something.
        start = 0 if parts[0][:1].isalnum() or not parts[0] else text.find(parts[0])
        if start > 0 and len(parts[0]) < _LEAST:
            continue
        fields = _fields(text[start:], parts) if start >= 0 else None
        if fields is not None:
            said = [plain(field, language, depth) for field in fields]
            # Any sentence may have "in" or "of": so little says something only where the rest is known, or a name.
            if sum(map(len, parts)) >= _LITTLE or all(_english_left(field) < 2 for field in said):
                yield plain(text[:start], language, depth) + _filled(translated, said)


def _filled(template: str, said: list[str]) -> str:
    whole = FIELD.sub(lambda number: said[int(number[1])], template)
    return _BEFORE_LATIN.sub(" ", _BETWEEN_HAN.sub("", whole))


def _fields(text: str, parts: list[str]) -> list[str] | None:
    """Return what stands in a text between these parts, None where it is another text."""
    first, *middle, last = parts
    if not (text.startswith(first) and text.endswith(last)):
        return None
    at, end, found = len(first), len(text) - len(last), []
    for part in middle:
        place = text.find(part, at, end)
        if place < 0:
            return None
        found.append(text[at:place])
        at = place + len(part)
    return [*found, text[at:end]] if at <= end else None
