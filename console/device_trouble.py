"""What is wrong with a device, as words that the catalogue explains: board, shift book and reports say the same."""

from typing import Any, Final

Row = dict[str, Any]
SKEW_S: Final = 120.0
"""A clock this far off is a reason to send somebody; the ingest guard quarantines beyond it."""
LOW_QUALITY: Final = 0.8


def agent_trouble(agent: Row) -> list[str]:
    """Return what is wrong with an edge agent, worst first, as words that the catalogue explains."""
    return [f"agent_{one['what']}" for one in agent["troubles"]]


def trouble(health: Row) -> list[str]:
    """Return what is wrong with a device's data, worst first, as words that the catalogue explains.

    offline, silent, stuck, skew, missing, late, duplicate; the last three only where they lower the quality for real.
    """
    found = []
    if not health.get("online", True):
        found.append("offline")
    if health.get("silent"):
        found.append("silent")
    if health.get("stuck"):
        found.append("stuck")
    if abs(float(health.get("skew_s") or 0.0)) > SKEW_S:
        found.append("skew")
    quality = health.get("quality")
    if quality is not None and quality < LOW_QUALITY:
        received = max(1, int(health.get("received") or 0))
        found += [word for word in ("missing", "late", "duplicate") if int(health.get(word) or 0) > 0.1 * received]
        if not found:
            found.append("quality")
    return found
