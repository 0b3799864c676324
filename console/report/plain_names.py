"""What beats, devices and shifts are called in a report: without number plates, and without people who are known."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from console.report.document import Names
from ingest.gateway.plate_forms import PLATE, PLATE_BEFORE, holds_abroad, holds_plate
from ingest.places import Places

_CUT: Final = "…"
_HAN: Final = re.compile(r"[\u3400-\u9fff]{2,12}")
_LATIN: Final = re.compile(r"[A-Za-z\u00c0-\u024f]{2,40}(?:[ '-][A-Za-z\u00c0-\u024f]{1,40}){1,6}")
_LONGEST: Final = 120


class PlainNames:
    """Names from the places file as they may stand in a report that is handed on.

    Parameters
    ----------
    places
        Beats and devices as they are now.
    persons
        Names of people who are known: accounts and officers. A place that is called after one of them is cut there.
    """

    def __init__(self, places: Places, persons: Iterable[str]) -> None:
        self._places = places
        parts = {part for person in persons for part in _parts(person)}
        longest_first = sorted(parts, key=lambda part: (-len(part), part))
        self._persons = [part.lower() for part in longest_first]

    def text(self, text: str) -> str:
        """Return a text without plates and people."""
        text = text[:_LONGEST]
        if holds_plate(text):
            text = PLATE.sub(_CUT, text)
        if holds_abroad(text):
            text = PLATE_BEFORE.sub(_CUT, text)
        for person in self._persons:
            text = _without(text, person)
        return text

    def beat(self, identifier: str) -> Names:
        """Return what people call a beat; nothing for one that is no more."""
        found = self._places.beats.get(identifier)
        return {language: self.text(name) for language, name in found.name.items()} if found else {}

    def device(self, identifier: str) -> Names:
        """Return what people call a device; nothing for one that is no more."""
        found = self._places.devices.get(identifier)
        return {language: self.text(name) for language, name in found.name.items()} if found else {}


def _parts(person: str) -> Sequence[str]:
    """Return by what a person is known: ``Li Wei 李伟`` by both names, and not by Li alone."""
    return [*_HAN.findall(person), *_LATIN.findall(person)]


def _without(text: str, person: str) -> str:
    """Return a text without a name in small letters, which is a word of its own where it is written in Latin ones."""
    at = text.lower().find(person)
    while at >= 0:
        end = at + len(person)
        whole = _HAN.match(person) or not (text[:at][-1:].isalpha() or text[end : end + 1].isalpha())
        if whole:
            text, end = text[:at] + _CUT + text[end:], at + len(_CUT)
        at = text.lower().find(person, end)
    return text
