"""How much room text takes on a terminal, where a Chinese character is two cells wide, and lines that fit."""

import re
import unicodedata
from typing import Final

_PIECES: Final = re.compile(r"[^\s\u2e80-\uffff]{1,400}|\s|.")
_NOT_FIRST: Final = frozenset("，。；：、？！）》”…")
"""What no line begins with."""


def cells(text: str) -> int:
    """Return how many terminal cells a text takes."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def wrapped(text: str, width: int) -> list[str]:
    """Return a text in lines of at most `width` cells, broken at spaces and between Chinese characters."""
    lines = [""]
    for piece in _PIECES.findall(" ".join(text.split())):
        if lines[-1] and cells(lines[-1] + piece) > width and piece not in _NOT_FIRST:
            lines.append("")
        if lines[-1] or not piece.isspace():
            lines[-1] += piece
    return [line.rstrip() for line in lines if line.strip()]
