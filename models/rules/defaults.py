"""What is watched: rules on levels and states, their defaults by device type, and what the places file may change."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ingest.vocabulary import HAZARD_LEVELS, Kind


@dataclass(frozen=True, slots=True)
class ThresholdRule:
    """On at `on` for `hold_s`, off below `off` for `release_s`."""

    kind: str
    on: float
    off: float
    hold_s: float = 0.0
    release_s: float = 0.0


@dataclass(frozen=True, slots=True)
class StateRule:
    """On when a bad word has stood for its seconds."""

    kind: str
    bad: dict[str, float]
    release_s: float = 0.0


_LEVELS: Final[dict[str, ThresholdRule]] = {
    "noise": ThresholdRule("noise_high", HAZARD_LEVELS["noise"], 75.0, 10.0),
    "smoke": ThresholdRule("smoke", HAZARD_LEVELS["smoke"], 2.0),
    "temperature": ThresholdRule("heat", HAZARD_LEVELS["temperature"], 50.0),
    "water": ThresholdRule("water", HAZARD_LEVELS["water"], 20.0),
}
_STATES: Final[dict[str, StateRule]] = {
    "smoke": StateRule("smoke", {"alarm": 0.0}),
    "heat": StateRule("heat", {"alarm": 0.0}),
    "gas": StateRule("gas", {"alarm": 0.0}),
    "carbon_monoxide": StateRule("gas", {"alarm": 0.0}),
    "water": StateRule("water", {"alarm": 0.0}),
    "door": StateRule("door_open", {"open": 120.0}),
    "cover": StateRule("cover_open", {"open": 0.0, "tilted": 0.0}),
    "video": StateRule("camera_fault", {"blocked": 0.0, "lost": 0.0}),
    "barrier": StateRule("gate_stuck", {"stuck": 0.0, "up": 300.0}),
    "tamper": StateRule("tamper", {"alarm": 0.0}),
}
WITH_RULES: Final = (*((Kind.LEVEL, metric) for metric in _LEVELS), *((Kind.STATE, metric) for metric in _STATES))
"""(kind, metric) of everything that has a rule."""
READ_KINDS: Final = tuple(rule.kind for rule in _LEVELS.values())
"""Hazards that readings tell of."""


def defaults_for(
    device_type: str, kind: int, metric: str, overrides: Mapping[str, Any] | None = None
) -> list[ThresholdRule | StateRule]:
    """Return the rules of one series.

    Parameters
    ----------
    device_type
        As in the places file; a heat sensor's and an environment station's temperature differ by it.
    kind
        `Kind`; only LEVEL and STATE have rules here.
    metric
        ``noise``, ``door``, …
    overrides
        Of the device: ``{metric}_on``, ``{metric}_off``, ``{metric}_hold_s`` for levels; ``open_s`` for doors and
        covers, ``up_s`` for barriers, in general ``{word}_s`` for states; ``{metric}_release_s`` for how long the end
        must last, ``{metric}_rule: false`` switches it off.

    Raises
    ------
    ValueError
        Where an override is not a number (or true/false for ``_rule``), or ``_off`` lies above ``_on``; the text names
        the key.
    """
    given = overrides or {}
    switch = given.get(f"{metric}_rule", True)
    if not isinstance(switch, bool):
        raise ValueError(f"override '{metric}_rule' is {switch!r}, expected true or false")  # noqa: TRY004 - a setting
    if not switch:
        return []
    if kind == Kind.LEVEL and metric in _LEVELS:
        base = _LEVELS[metric]
        # Open-air stations see hot summers and cars exhaust; only fire detectors mean fire by their temperature.
        explicit = any(key.startswith(f"{metric}_") for key in given)
        if metric == "temperature" and device_type not in {"heat", "smoke"} and not explicit:
            return []
        on = _number(given, f"{metric}_on", base.on)
        off = _number(given, f"{metric}_off", min(base.off, on))
        if off > on:
            raise ValueError(f"override '{metric}_off' is {off:g}, expected at most '{metric}_on', which is {on:g}")
        hold_s = _number(given, f"{metric}_hold_s", base.hold_s, least=0.0)
        return [ThresholdRule(base.kind, on, off, hold_s, _release(given, metric, base.release_s))]
    if kind == Kind.STATE and metric in _STATES:
        rule = _STATES[metric]
        bad = {word: _number(given, f"{word}_s", hold, least=0.0) for word, hold in rule.bad.items()}
        return [StateRule(rule.kind, bad, _release(given, metric, rule.release_s))]
    return []


def _release(overrides: Mapping[str, Any], metric: str, default: float) -> float:
    return _number(overrides, f"{metric}_release_s", default, least=0.0)


def _number(overrides: Mapping[str, Any], key: str, default: float, least: float = -1e9) -> float:
    value = overrides.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= 1e9:
        raise ValueError(f"override {key!r} is {value!r}, expected a number from {least:g}")
    return float(value)
