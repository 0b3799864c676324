"""Cells of tables that people open in a spreadsheet."""

from typing import Final

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def guarded(text: str) -> str:
    """Return a text as a cell that no spreadsheet takes for a formula: an apostrophe stands before one that begins so.

    OWASP, "CSV Injection". Not for numbers.

    >>> guarded("=1+1"), guarded("on my way")
    ("'=1+1", 'on my way')
    """
    return f"'{text}" if text.startswith(_FORMULA) else text
