"""docs/devices.md says what the code takes: tables and schema are made from it, and its examples come to what it says.

`tests/node/test_said.py` publishes them.
"""

import json
import re
import runpy
from typing import Any

import msgspec
import pytest

from ingest.codecs.native import NativeCodec
from ingest.codecs.people import READERS
from ingest.log import RecordKind
from ingest.places import DEVICE_TYPES, parse_places
from ingest.topics import RESERVED_BEATS
from ingest.vocabulary import INCIDENT_CATEGORIES, WITH_RULES, Reason
from stream.detect.rules_stage import check_overrides
from stream.patrol_results import OfficerPlan
from stream.results import Alert, HotspotCell
from tests.documented import PAGES, examples, places

MADE = runpy.run_path(str(PAGES["en"].parent / "make_devices.py"))
SCHEMA = json.loads(MADE["SCHEMA"].read_text(encoding="utf-8"))
LEAVES = {"obs": "obs", "status": "status", "incidents": "incidents", "did": "did"}
NOT_A_DEVICES = {"history", "batch", "crash", "model", "places", "calendar", "record", "processing"}
"""Reasons that nothing which is published as the page says can be refused for."""


KINDS: dict[str, Any] = {
    "integer": int,
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
    "number": int | float,
}


def valid(value: Any, rules: dict[str, Any]) -> bool:
    """Tell whether a value is valid by the part of JSON Schema that the schema uses."""
    if "$ref" in rules:
        rules = SCHEMA["$defs"][rules["$ref"].rpartition("/")[2]]
    kind: Any = KINDS.get(rules.get("type", ""), object)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return (
        isinstance(value, kind)
        and not (isinstance(value, bool) and kind not in {bool, object})
        and ("anyOf" not in rules or any(valid(value, one) for one in rules["anyOf"]))
        and not ("not" in rules and valid(value, rules["not"]))
        and value in rules.get("enum", [value])
        and value == rules.get("const", value)
        and (not number or _within(value, rules))
        and (not isinstance(value, str) or _text_fits(value, rules))
        and (not isinstance(value, list) or _items_fit(value, rules))
        and (not isinstance(value, dict) or _properties_fit(value, rules))
    )


def _within(value: Any, rules: dict[str, Any]) -> bool:
    above = rules.get("exclusiveMinimum", value - 1)
    return rules.get("minimum", value) <= value <= rules.get("maximum", value) and value > above


def _text_fits(value: str, rules: dict[str, Any]) -> bool:
    long_enough = rules.get("minLength", 0) <= len(value) <= rules.get("maxLength", len(value))
    return long_enough and re.search(rules.get("pattern", ""), value) is not None


def _items_fit(value: list[Any], rules: dict[str, Any]) -> bool:
    many = rules.get("minItems", 0) <= len(value) <= rules.get("maxItems", len(value))
    return many and all(valid(one, rules.get("items", {})) for one in value)


def _properties_fit(value: dict[str, Any], rules: dict[str, Any]) -> bool:
    known = rules.get("properties", {})
    return set(rules.get("required", ())) <= value.keys() and all(
        valid(one, known.get(name, {})) for name, one in value.items()
    )


def leaf_of(topic):
    return topic.rpartition("/")[2]


def as_json(example):
    try:
        return json.loads(example.payload)
    except ValueError:
        return example.payload


def taken(leaf, payload):
    """Whether the gateway's own reader takes a payload without a fault."""
    if leaf == "obs":
        return not NativeCodec().decode(payload).refusals
    kind = {"status": RecordKind.STATUS, "incidents": RecordKind.INCIDENT, "did": RecordKind.DID}[leaf]
    try:
        READERS[kind][0](payload)
    except (msgspec.MsgspecError, ValueError):
        return False
    return True


def test_schema_and_tables_are_up_to_date():
    assert MADE["SCHEMA"].read_text(encoding="utf-8") == MADE["schema_text"](), "run: python docs/make_devices.py"
    for tag, path in PAGES.items():
        assert path.read_text(encoding="utf-8") == MADE["page"](tag), "run: python docs/make_devices.py"


def test_both_languages_show_the_same_examples():
    assert examples("en", now_ms=1) == examples("zh-CN", now_ms=1)
    assert places("en") == places("zh-CN")


def test_examples_show_every_type_every_topic_and_how_each_comes_to_nothing():
    said = [as_json(one) for one in examples() if one.fate == "stored" and leaf_of(one.topic) == "obs"]
    types = {part["type"] for one in said for part in (one if isinstance(one, list) else [one])}
    assert types == {"count", "gate", "level", "state"}
    assert {leaf_of(one.topic) for one in examples()} == {*LEAVES, "health", "data"}
    assert {one.fate for one in examples()} >= {"json", "type", "range", "clock", "topic", "unknown_device", "incident"}


@pytest.mark.parametrize("example", examples(), ids=lambda one: f"{one.topic.split('/', 3)[3]} {one.fate}")
def test_the_schema_says_of_an_example_what_the_reader_does(example):
    leaf = leaf_of(example.topic)
    if leaf not in LEAVES:
        return
    right = example.fate in {"stored", "clock", "unknown_device"}  # these are not the payload's fault
    assert valid(as_json(example), SCHEMA["$defs"][LEAVES[leaf]]) is right
    assert taken(leaf, example.payload.encode()) is right


@pytest.mark.parametrize(
    ("leaf", "payload"),
    [
        ("obs", {"type": "count", "ts": 1, "interval_s": 0, "in": 1}),
        ("obs", {"type": "count", "ts": 1, "interval_s": 60, "in": 1_000_001}),
        ("obs", {"type": "count", "ts": 1, "interval_s": 60, "of": "dog"}),
        ("obs", {"type": "level", "ts": 1, "metric": "<b>", "value": 1}),
        ("obs", {"type": "level", "ts": 1, "metric": "x" * 65, "value": 1}),
        ("obs", {"type": "state", "ts": 1, "metric": "door"}),
        ("incidents", {"id": "a b", "ts": 1, "lon": 0, "lat": 0, "category": "theft"}),
        ("incidents", []),
        ("did", {"what": "done", "stop": "-x"}),
    ],
)
def test_what_the_schema_refuses_the_reader_does_too(leaf, payload):
    assert not valid(payload, SCHEMA["$defs"][leaf])
    assert not taken(leaf, json.dumps(payload).encode())


@pytest.mark.parametrize("metric", ["noise", "噪声", "PM2.5", "co2 ppm", "1st"])
def test_patterns_for_other_languages_take_what_ours_take(metric):
    payload = {"type": "level", "ts": 1, "metric": metric, "value": 1, "boot": "b", "unit": "μg/m³"}
    assert valid(payload, SCHEMA["$defs"]["obs"])
    assert taken("obs", json.dumps(payload).encode())


def test_the_places_of_the_page_can_be_worked_with():
    assert valid(places(), SCHEMA["$defs"]["places"])
    found = parse_places(places())
    check_overrides(found)
    assert {one.device for one in examples() if "/old-market/" in one.topic} - {"camera-99"} == found.devices.keys()
    wrong = json.loads(json.dumps(places()).replace('"gate"', '"door-bell"'))
    assert not valid(wrong, SCHEMA["$defs"]["places"])


@pytest.mark.parametrize("language", PAGES)
def test_the_page_names_every_word_that_has_a_meaning(language):
    words = set(re.findall(r"`([^`\n]+)`", PAGES[language].read_text(encoding="utf-8")))
    assert {str(one) for one in Reason} - NOT_A_DEVICES <= words
    sent = {name for struct in (Alert, OfficerPlan, HotspotCell) for name in struct.__struct_fields__}
    assert sent - {"where", "solver"} <= words  # `where` goes out as `place`
    assert {*DEVICE_TYPES, *RESERVED_BEATS, *INCIDENT_CATEGORIES, *(metric for _, metric in WITH_RULES)} <= words
