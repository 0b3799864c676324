"""A dashboard held against Grafana's own schema, as its official SDK has it: every key known, every value of its type.

The SDK reads JSON without looking at it, and drops keys that it does not know. So what it read is walked along its
types, and what it writes again is compared with what was there.

What the SDK has no types for, and what is written here by hand from Grafana's own code: InfluxDB's queries. What it
leaves open: the settings of a map's layers and of transformations.
"""

from __future__ import annotations

import enum
import functools
import json
import re
import types
import typing
from collections.abc import Hashable
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.cog.runtime import panelcfg_config
from grafana_foundation_sdk.models import alerting, dashboard, units

register_default_plugins()

QUERY_KEYS = {"refId", "datasource", "query", "rawQuery", "resultFormat", "alias", "intervalMs", "maxDataPoints"}
"""Of the type ``InfluxQuery`` of Grafana's InfluxDB data source, what we use."""
ANNOTATION_KEYS = {*QUERY_KEYS, "titleColumn", "textColumn", "fromAnnotations", "textEditor"}
OPEN = re.compile(r"\.templating\.list\[\d+\]\.definition: |\.annotations\.list\[\d+\]\.target\.")
"""Variables carry their query a second time, as text; an annotation's target is a query of its data source."""
NUMBERS = re.compile(r"\.view\.(lat|lon|zoom): [\d.-]+, expected int")
"""The schema says whole degrees, and Grafana's own maps do not keep to it."""
UNITS = {value for name, value in vars(units).items() if isinstance(value, str) and not name.startswith("_")}
CUSTOM = ("suffix:", "prefix:", "time:", "si:", "count:", "currency:")


def dashboard_problems(document: dict[str, Any]) -> list[str]:
    """Return where a dashboard is not as Grafana's schema says."""
    problems = [one for one in _problems(document, dashboard.Dashboard) if not OPEN.match(one)]
    for annotation in document["annotations"]["list"]:
        problems += [f"annotation's query key {key}" for key in set(annotation["target"]) - ANNOTATION_KEYS]
    for panel in document["panels"]:
        where, config = panel["title"], panelcfg_config(panel["type"])
        if config is None:
            problems.append(f"{where}: there is no panel type {panel['type']}")
            continue
        for target in panel["targets"]:
            problems += [f"{where}: query key {key}" for key in set(target) - QUERY_KEYS]
        defaults = panel["fieldConfig"]["defaults"]
        problems += [f"{where}: unit {unit}" for unit in _units(panel) if not known_unit(unit)]
        if config.options_from_json_hook is not None:
            found = _typed(config.options_from_json_hook, panel["options"])
            problems += [f"{where}: {one}" for one in found if not NUMBERS.match(one)]
        if config.field_config_from_json_hook is not None:
            problems += [f"{where}: {one}" for one in _typed(config.field_config_from_json_hook, defaults["custom"])]
        for override in panel["fieldConfig"]["overrides"]:
            for one in override["properties"]:
                problems += [f"{where}: {problem}" for problem in _property(one["id"], one["value"], config)]
    return problems


def rule_problems(document: dict[str, Any]) -> list[str]:
    """Return where an alert rule is not as Grafana's schema says."""
    return _problems(document, alerting.Rule)


def known_unit(unit: str) -> bool:
    """Tell whether Grafana has a unit, or takes it as one of ours."""
    return unit in UNITS or unit.startswith(CUSTOM)


def _units(panel: dict[str, Any]) -> list[str]:
    """Return every unit that a panel uses."""
    properties = [one for override in panel["fieldConfig"]["overrides"] for one in override["properties"]]
    return [panel["fieldConfig"]["defaults"]["unit"], *(one["value"] for one in properties if one["id"] == "unit")]


def _property(name: str, value: Any, config: Any) -> list[str]:
    """Return what is wrong with one property of an override."""
    if name.startswith("custom."):
        document = functools.reduce(lambda inner, key: {key: inner}, reversed(name.split(".")[1:]), value)
        if name in {"custom.hidden", "custom.displayMode"} or config.field_config_from_json_hook is None:
            return []  # taken by every table, in a part of the schema that its panels do not repeat, or by older ones
        return _typed(config.field_config_from_json_hook, document)
    return _problems({name: value}, dashboard.FieldConfig)


def _problems(document: dict[str, Any], kind: type) -> list[str]:
    return _typed(kind.from_json, document)  # type: ignore[attr-defined]


def _typed(read: Any, document: dict[str, Any]) -> list[str]:
    found = read(document)
    again = json.loads(json.dumps(found, cls=JSONEncoder))
    return [*_lost(document, again), *_mistyped(found, type(found), "")]


def _lost(wanted: Any, found: Any, at: str = "") -> list[str]:
    """Return what the SDK did not take."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return [
            problem
            for key, value in wanted.items()
            for problem in (_lost(value, found[key], f"{at}.{key}") if key in found else [f"{at}.{key}: unknown key"])
        ]
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        pairs = enumerate(zip(wanted, found, strict=True))
        return [problem for n, (a, b) in pairs for problem in _lost(a, b, f"{at}[{n}]")]
    return [] if wanted == found else [f"{at}: {wanted!r} became {found!r}"]


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _mistyped(value: Any, hint: Any, at: str) -> list[str]:  # noqa: PLR0911, PLR0912 - one branch a kind of type
    """Return where a value is not of its type."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint in (Any, object):
        return []
    if origin in (typing.Union, types.UnionType):
        tried = [_mistyped(value, one, at) for one in arguments]
        return [] if any(not one for one in tried) else min(tried, key=len)
    if origin is typing.Literal:
        return [] if value in arguments else [f"{at}: {value!r}, expected one of {arguments}"]
    if origin is list:
        if not isinstance(value, list):
            return [f"{at}: {value!r}, expected a list"]
        return [problem for n, one in enumerate(value) for problem in _mistyped(one, arguments[0], f"{at}[{n}]")]
    if origin is dict:
        if not isinstance(value, dict):
            return [f"{at}: {value!r}, expected an object"]
        return [problem for key, one in value.items() for problem in _mistyped(one, arguments[1], f"{at}.{key}")]
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return [] if value in {one.value for one in hint} else [f"{at}: {value!r}, expected one of {list(hint)}"]
    if isinstance(value, dict) and hasattr(hint, "from_json"):
        return _typed(hint.from_json, value)  # what the SDK leaves as it came
    if hint is float:
        good = isinstance(value, int | float) and not isinstance(value, bool)
    elif hint is int:
        good = isinstance(value, int) and not isinstance(value, bool)
    else:
        good = isinstance(value, hint)
    if not good:
        return [f"{at}: {value!r}, expected {getattr(hint, '__name__', hint)}"]
    if hasattr(value, "to_json"):
        return [
            problem
            for name, one in _hints(typing.cast("Hashable", type(value))).items()
            for problem in _mistyped(getattr(value, name), one, f"{at}.{name}")
            if not name.startswith("_")
        ]
    return []
