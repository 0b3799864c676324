"""Which settings can be tried on days that are over: those that the pipeline goes by. What they mean, in words."""

from functools import cache
from typing import Final

from deploy.settings.load import KEYS, example_file

TRIED: Final = (
    *(f"{section}.{key}" for section in ("site", "calendar", "pipeline", "alerts") for key in KEYS[section]),
    "gateway.clock_ahead_s",
    "gateway.backfill_days",
)
"""Settings that the pipeline goes by."""
NOT_TRIED: Final = {"site.id": "", "site.language": "", "site.places": "; give --places FILE"}
"""Those of them that change no alert, or that have an option of their own."""
_HAN: Final = "\u2e7f"
"""Characters behind it are Chinese."""


@cache
def meanings(language: str) -> dict[str, str]:
    """Return what each setting means: key → the words of the example file in that language."""
    found: dict[str, str] = {}
    section, words = "", ""
    for line in example_file(language).read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            # Lines of Chinese are broken between characters, where no blank belongs.
            words += line[2:] if not words or words[-1] > _HAN else f" {line[2:]}"
        elif line.startswith("["):
            section, words = line.strip("[]"), ""
        else:
            key, equals, _ = line.partition(" = ")
            if equals and words:
                found[f"{section}.{key}"] = words
            words = ""
    return found
