"""What is said of a hazard: its numbers, its unit, and how late it was told."""

from typing import Any, Final

from ingest.codecs.words import RULE_UNITS
from models.rules.hazards import HazardEvent
from stream.sentences import Why

_LATE_S: Final = 60.0
"""What comes so long after its time, or before it, is told as such."""


def hazard_why(event: HazardEvent, metric: str) -> Why:
    """Return why a hazard is told."""
    args: dict[str, Any] = {"kind": event.kind, "metric": metric, "since_ms": event.ts}
    if isinstance(event.value, str):
        return Why("state", args | {"word": event.value, "hold": event.threshold})
    return Why("threshold", args | {"observed": event.value, "limit": event.threshold, "most": 0})


def further(why: Why, value: float, *, high: bool) -> Why | None:
    """Return what a threshold's alert says with a reading that goes further; None where it says no reading."""
    if why.code == "threshold":
        return Why(why.code, {**why.args, "observed": value, "most": 1 if high else 2})
    inner = why.args.get("why")
    found = further(inner, value, high=high) if isinstance(inner, Why) else None
    # (what is told now is not late)
    return Why(why.code, {**why.args, "why": found}) if found is not None and why.code == "odd_unit" else found


def in_its_unit(why: Why, metric: str, unit: str) -> Why:
    """Return why something is told, with a unit that is not known for its metric: its number was judged as it is."""
    return why if unit in {"", RULE_UNITS.get(metric)} else Why("odd_unit", {"why": why, "unit": unit})


def told_late(why: Why, late_s: float, *, over: bool) -> Why:
    """Return why something is told, and how late that is (seconds; below 0: it bears a time that is still to come)."""
    if over:
        return Why("late_over", {"why": why, "late_s": max(late_s, 0.0)})
    if late_s >= _LATE_S:
        return Why("late", {"why": why, "late_s": late_s})
    return Why("ahead", {"why": why, "ahead_s": -late_s}) if late_s <= -_LATE_S else why
