"""Names and values as people read them: columns, kinds, severities, states, in the reader's language."""

import colorsys
from typing import Any, Final, get_args

from deploy.grafana.panels import BLUE, CALM, GREY, RED, YELLOW, Json, override
from ingest.events import Provenance
from ingest.vocabulary import INCIDENT_CATEGORIES, Reason
from stream.sentences.catalogue import Sentences, choices

ALERT: Final = ("severity", "Time", "kind", "place", "text", "state")
"""Columns of an alert, the most urgent thing first."""
_WIDTHS: Final = {
    "officer": 130,
    "Time": 105,
    "beat": 130,
    "device": 110,
    "kind": 190,
    "severity": 85,
    "state": 110,
    "cell": 90,
    "rank": 60,
    "risk": 130,
    "expected": 130,
}
"""Column → its width in pixels; the others share what is left."""
_LONG: Final = {"place", "text", "drivers"}
"""Columns of sentences, which continue in a second line."""
_SEVERITIES: Final = {"critical": RED, "warning": YELLOW, "info": BLUE}
_STATES: Final = ("raised", "acknowledged", "cleared", "expired")
_STOP_STATES: Final = {
    "planned": CALM,
    "arrived": YELLOW,
    "done": BLUE,
    "skipped": RED,
    "missed": RED,
    "replaced": GREY,
}
_DEVICE_STATES: Final = {
    "open": RED,
    "closed": CALM,
    "tilted": RED,
    "alarm": RED,
    "ok": CALM,
    "blocked": RED,
    "lost": RED,
    "stuck": RED,
    "up": BLUE,
    "down": CALM,
}


_FAMILIES: Final = (
    (0.00, 0.75, ("fire", "smoke", "heat", "gas", "officer_help")),
    (0.07, 0.85, ("cover_open", "water", "noise_high", "tamper", "door_open")),
    (0.13, 0.80, ("burglary_series", "incident_series", "context")),
    (0.60, 0.70, ("surge", "deficit", "level_high", "level_low")),
    (0.78, 0.55, ("convoy", "stranger_vehicle", "tailgating", "circling", "wrong_way", "overstay")),
    (0.53, 0.25, ("gate_stuck", "dead", "camera_fault", "device_fault", "level_stuck", "level_step", "level_drift")),
    (0.92, 0.25, ("feed_lost", "silent", "never_heard", "clock_wrong", "own_clock")),
)
"""Hue, saturation and the kinds of alerts of a family, the gravest first, which is the darkest: what burns is red, what
counts is blue, what passes a gate is violet, what ails a device is pale. Nothing is green, which is for good news."""


def _kind_colors() -> dict[str, str]:
    """Return a colour for each kind: the same one on every chart, whatever else is on it."""
    found = {}
    for hue, saturation, kinds in _FAMILIES:
        for place, kind in enumerate(kinds):
            parts = colorsys.hls_to_rgb(hue, 0.38 + 0.44 * place / len(kinds), saturation)
            found[kind] = "#" + "".join(f"{round(255 * part):02x}" for part in parts)
    return found


def columns(say: Sentences, *names: str) -> list[Json]:
    """Return how the columns of a table are called, how wide they are, and that times are short: day and minute."""
    made = []
    for name in names:
        more: dict[str, Any] = {"custom_width": _WIDTHS[name]} if name in _WIDTHS else {}
        if name == "Time":
            more["unit"] = "time:MM-DD HH:mm"
        if name in _LONG:
            more["custom_cellOptions"] = {"type": "auto", "wrapText": True}
        made.append(override(name, displayName=say("grafana-column", column=name), **more))
    return made


def kind_series(say: Sentences) -> list[Json]:
    """Return names and colours of kinds of alerts, where each is a series."""
    colors = _kind_colors()
    return [
        override(kind, displayName=say("kind", kind=kind), color={"mode": "fixed", "fixedColor": colors[kind]})
        for kind in choices("kind")
    ]


def alert_columns(say: Sentences) -> list[Json]:
    """Return how a table of alerts reads: its columns, kinds, severities with their colours, and states."""
    kinds = {kind: {"text": say("kind", kind=kind)} for kind in choices("kind")}
    severities = {name: {"text": say("severity", severity=name), "color": color} for name, color in _SEVERITIES.items()}
    states = {name: {"text": say("alert-state", state=name)} for name in _STATES}
    return [
        *columns(say, *ALERT),
        override("kind", mappings=_mapping(kinds)),
        override("severity", mappings=_mapping(severities), custom_cellOptions={"type": "color-background"}),
        override("state", mappings=_mapping(states)),
    ]


def device_states(say: Sentences) -> list[Json]:
    """Return words and colours of what doors, covers, barriers, cameras say of themselves."""
    found = {word: {"text": say("state-word", word=word), "color": color} for word, color in _DEVICE_STATES.items()}
    return [override(".*", like=True, mappings=_mapping(found))]


def stop_states(say: Sentences) -> list[Json]:
    """Return words and colours of how a patrol's stop stands; one that nobody has said anything of has none."""
    found = {word: {"text": say(f"stop-{word}"), "color": color} for word, color in _STOP_STATES.items()}
    return [override(".*", like=True, mappings=_mapping(found))]


def categories(say: Sentences) -> list[Json]:
    """Return the names of categories of incidents, where each is a series."""
    named = [override(one, displayName=say("incident-word", category=one, count=1)) for one in INCIDENT_CATEGORIES]
    return [*named, override("other", displayName=say("grafana-incidents-other"))]


def provenances(say: Sentences) -> list[Json]:
    """Return the names of by whom an incident came, where each is a series."""
    return [override(one, displayName=say(f"board-provenance-{one}")) for one in get_args(Provenance)]


def yes_no(say: Sentences, good: int, *names: str) -> list[Json]:
    """Return columns of 0 and 1 as words; the one that is not `good` in red."""
    words = (say("grafana-no"), say("grafana-yes"))
    found = {str(value): {"text": words[value], **({} if value == good else {"color": RED})} for value in (0, 1)}
    return [override(name, mappings=_mapping(found), custom_cellOptions={"type": "color-text"}) for name in names]


def hidden(*names: str) -> list[Json]:
    """Return columns that are there for links and sorting only."""
    return [override(name, custom_hidden=True) for name in names]


def units(panel: Json, say: Sentences) -> Json:
    """Return a panel with its units in the reader's language: Grafana's own are English words."""

    def told(unit: str) -> str:
        return say("grafana-unit", unit=unit)

    looks = panel["fieldConfig"]
    looks["defaults"]["unit"] = told(looks["defaults"]["unit"])
    for one in (one for look in looks["overrides"] for one in look["properties"] if one["id"] == "unit"):
        one["value"] = told(one["value"])
    return panel


def codes(panel: Json, say: Sentences) -> Json:
    """Return a panel in which series and rows that are called by a code have its words, whatever else is in the name.

    A name of two parts keeps the other one: Grafana fills it in from the series' labels.
    """
    looks = []
    aliases = {target.get("alias", "") for target in panel["targets"]}
    for alias in sorted(aliases & _CODED.keys()):
        message, argument, pattern, shown = _CODED[alias]
        for code in choices(message):
            name = shown.replace("$word", say(message, **{argument: code}))
            looks.append(override(pattern.replace("$code", code), like=True, displayName=name))
    if "$tag_reason" in aliases:
        looks += [override(reason, displayName=say(f"board-quarantine-{reason}")) for reason in Reason]
    if panel["type"] == "table" and any('GROUP BY "name"' in target["query"] for target in panel["targets"]):
        named: Json = {one: {"text": say("scenario", name=one)} for one in choices("scenario")}
        looks.append(override("name", mappings=_mapping(named)))
    panel["fieldConfig"]["overrides"] = [*panel["fieldConfig"]["overrides"], *looks]
    return panel


_CODED: Final = {
    "$tag_kind $tag_device": ("kind", "kind", "^$code ", "$word ${__field.labels.device}"),
    "$tag_name $tag_beat": ("scenario", "name", "^$code ", "$word ${__field.labels.beat}"),
    "$tag_device $tag_metric": ("state-metric", "metric", " $code$", "${__field.labels.device} $word"),
}
"""How a query names its series → the message with the code's words, its argument, where the code is, what is shown."""


def _mapping(options: Json) -> list[Json]:
    for number, one in enumerate(options.values()):
        one["index"] = number
    return [{"type": "value", "options": options}]
