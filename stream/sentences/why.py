"""What a result carries instead of a text."""

from collections.abc import Mapping
from typing import Final

import msgspec

LITERAL: Final = "literal"
"""The code of what is not translated, such as a name from the places file: its arguments are language → text."""


class Why(msgspec.Struct, frozen=True, omit_defaults=True):
    """A sentence before it is made: the code of a message of the catalogue, and its arguments.

    The name of an argument tells its unit: ``..._ms`` is a time (epoch ms), ``..._s`` a duration (seconds). Numbers are
    as they were found: how many digits are shown is decided where they are read. None is a number that JSON cannot
    write (NaN). A sentence may hold others.
    """

    code: str
    args: "dict[str, int | float | str | Why | list[Why] | None]" = {}


OUTSIDE: Final = Why("outside")
"""The place of an alert that has no place: it lies in no beat."""


def literal(texts: Mapping[str, str]) -> Why:
    """Return a text that is there in each language already."""
    return Why(LITERAL, dict(texts))
