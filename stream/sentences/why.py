"""What a result carries instead of a text."""

from collections.abc import Mapping
from typing import Any, Final

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


def numbers_of(why: Mapping[str, Any]) -> dict[str, float | None]:
    """Return what a row's `why` has ``observed``, ``expected`` and ``p``, the probability; None for what it does not.

    A sentence around another one (it came late, has doubled, neighbours have it too) has the numbers of that other
    where it has none of its own.

    >>> numbers_of({"code": "late", "args": {"why": {"code": "threshold", "args": {"observed": 91.0, "limit": 85.0}}}})
    {'observed': 91.0, 'expected': None, 'p': None}
    """
    args: Mapping[str, Any] = why.get("args") or {}
    if "observed" not in args:
        inner = next((args[name] for name in ("why", "strongest") if isinstance(args.get(name), Mapping)), None)
        if inner is not None:
            return numbers_of(inner)
    found = {name: args.get(name) for name in ("observed", "expected", "p")}
    return {name: float(value) if isinstance(value, int | float) else None for name, value in found.items()}
