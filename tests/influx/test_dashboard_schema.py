"""The dashboards' JSON against Grafana's own schema, and their fields and units against ours."""

from __future__ import annotations

import copy
import itertools
import json
import math
import re
from typing import Any, get_args
from urllib.parse import unquote

import pytest

from deploy.grafana.build import ROOT
from deploy.grafana.dashboards import dashboards
from deploy.grafana.outlines import outlines
from deploy.grafana.panels import OUTLINES
from deploy.grafana.rules import rules
from ingest.events import Provenance
from ingest.places import load_places
from ingest.vocabulary import INCIDENT_CATEGORIES, Reason
from simulators.world.neighbourhood import QUARTER
from stream.sentences.catalogue import choices
from stream.sentences.languages import LANGUAGES
from stream.sinks.influx.schema import MEASUREMENTS
from tests.influx.grafana_schema import dashboard_problems, rule_problems

PLAIN = {"short", "none", "sishort", "locale"}
UNITS = {
    "count": PLAIN, "events": PLAIN, "1": PLAIN, "0/1": PLAIN, "1-3": PLAIN, "degrees": PLAIN,
    "0-1": {"percentunit"}, "probability": {"percentunit"}, "ratio": {"percentunit"},
    "s": {"s", "suffix:秒", "dthms"}, "min": {"m", "suffix:分钟"}, "incidents": PLAIN, "ms": {"ms", "suffix:毫秒"},
    "1/s": {"suffix:/s", "suffix:/秒"},
}  # fmt: skip
"""Unit of the schema → what Grafana may call it, in either language."""
METRICS = {"noise": "dB", "smoke": "suffix: %/m", "temperature": "celsius", "water": "suffix: cm"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_dashboards_and_rules_are_of_grafanas_schema(language):
    for document in dashboards(language).values():
        assert dashboard_problems(document) == [], document["uid"]
    for rule in rules(language):
        assert rule_problems(rule) == [], rule["uid"]


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("graphTooltip",), 7, "graph_tooltip: 7"),
        (("refresh",), 10, "refresh: 10"),
        (("colour",), "red", "colour: unknown key"),
        (("panels", 0, "gridPos", "w"), "wide", "'wide', expected int"),
        (("panels", 0, "type"), "statt", "no panel type statt"),
        (("panels", 0, "options", "colorMode"), "loud", "'loud', expected one of"),
        (("panels", 0, "fieldConfig", "defaults", "unit"), "furlongs", "unit furlongs"),
        (("panels", 10, "fieldConfig", "defaults", "custom", "lineWith"), 2, "lineWith: unknown key"),
        (("panels", 10, "fieldConfig", "overrides", 2, "properties", 0, "id"), "couleur", "couleur: unknown key"),
        (("panels", 0, "targets", 0, "qwery"), "", "query key qwery"),
        (("panels", 8, "transformations", 0, "identity"), "", "identity: unknown key"),
    ],
)
def test_the_check_finds_what_is_wrong(path, value, told):
    document = copy.deepcopy(dashboards("en")["patrolgrid-now-en"])
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert any(told in problem for problem in dashboard_problems(document)), dashboard_problems(document)


# -- what a query shows --------------------------------------------------------------------------------------------


def depths(text: str) -> list[tuple[int, str]]:
    """Each character with how many parentheses are open before it."""
    opened = itertools.accumulate(({"(": 1, ")": -1}.get(one, 0) for one in text), initial=0)
    return list(zip(opened, text, strict=False))


def inside(query: str) -> str:
    """The query in whose answer a query looks; empty where it looks into a measurement."""
    _, begun, rest = query.partition(" FROM (")
    end = next((at for at, (depth, one) in enumerate(depths(rest)) if depth == 0 and one == ")"), 0)
    return rest[:end] if begun else ""


def shown(query: str) -> dict[str, str]:
    """Column → unit of the schema, for each field that a query's answer has."""
    measurement = MEASUREMENTS[re.findall(r'FROM "(\w+)"', query)[-1]]
    kinds = {field.name: field.unit for field in measurement.fields}
    out: dict[str, str] = {}
    if inside(query):
        kinds = shown(inside(query))
        if re.match(r"SELECT \*", query):
            return kinds
    columns = re.findall(r"^SELECT (.*?) FROM ", query)[0]
    for part in "".join("\n" if mark == (0, ",") else mark[1] for mark in depths(columns)).split("\n"):
        expression, _, alias = part.partition(" AS ")
        functions, fields = re.findall(r"(\w+)\(", expression), re.findall(r'"(\w+)"', expression)
        units = {kinds[field] for field in fields}
        assert len(units) == 1 or functions == ["spread", "spread"], (query, units)
        unit = "ratio" if re.search('" ?/|\\) /', expression) else "count" if "count" in functions else units.pop()
        if unit == "ratio" and expression.endswith("/ 1000"):
            unit = "s"
        # A name for what has none, as InfluxDB gives it.
        out[alias.strip('"') or (functions[0] if functions else fields[0])] = unit
    return out


def unit_of(panel: dict, name: str) -> str:
    """The unit in which a panel shows a column."""
    unit = panel["fieldConfig"]["defaults"]["unit"]
    for override in panel["fieldConfig"]["overrides"]:
        options, kind = override["matcher"]["options"], override["matcher"]["id"]
        if options == name if kind == "byName" else re.search(options.strip("/"), name):
            unit = next((one["value"] for one in override["properties"] if one["id"] == "unit"), unit)
    return unit


def columns(language: str):
    for dashboard in dashboards(language).values():
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                alias = target.get("alias", "$col")
                for column, unit in shown(target["query"]).items():
                    yield panel, target, alias.replace("$col", column), unit


@pytest.mark.parametrize("language", LANGUAGES)
def test_panels_show_fields_in_their_units(language):
    wrong: list[Any] = []
    for panel, target, column, unit in columns(language):
        if unit == "of the metric":
            found = {metric: unit_of(panel, column.replace("$tag_metric", metric)) for metric in METRICS}
            if found != METRICS:
                wrong.append((panel["title"], column, found))
        elif unit in UNITS and unit_of(panel, column) not in UNITS[unit]:
            wrong.append((panel["title"], target["refId"], column, unit, unit_of(panel, column)))
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize("language", LANGUAGES)
def test_columns_that_are_styled_or_sorted_by_are_there(language):
    for dashboard in dashboards(language).values():
        for panel in dashboard["panels"]:
            names = {name for target in panel["targets"] for name in shown(target["query"])}
            names |= {tag for target in panel["targets"] for tag in re.findall(r'"(\w+)"', target["query"])}
            if panel["type"] in {"table", "geomap"}:
                names.add("Time")
            if any(target.get("alias") == "$tag_kind" for target in panel["targets"]):
                names |= set(choices("kind"))
            if any(target.get("alias") in {"$tag_category", "$tag_provenance"} for target in panel["targets"]):
                names |= {*INCIDENT_CATEGORIES, "other", *get_args(Provenance)}
            if any(target.get("alias") == "$tag_reason" for target in panel["targets"]):
                names |= set(Reason)
            wanted = [one["matcher"] for one in panel["fieldConfig"]["overrides"]]
            styled = {one["options"] for one in wanted if one["id"] == "byName"}
            sorted_by = {
                sort["field"] for one in panel.get("transformations", []) for sort in one["options"].get("sort", [])
            }
            assert styled | sorted_by <= names, panel["title"]


# -- the map -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    path = tmp_path_factory.mktemp("places") / "places.geojson"
    path.write_bytes(QUARTER.read_bytes())
    return load_places(path)


def maps(found):
    return [panel for one in found.values() for panel in one["panels"] if panel["type"] == "geomap"]


def features(address):
    return json.loads(unquote(address.removeprefix("data:application/json,")))["features"]


def crossings(ring, lon, lat):
    """How often a line from a point to the north crosses a ring: an odd number from within."""
    edges = [(a, b) for a, b in itertools.pairwise(ring) if (a[0] > lon) != (b[0] > lon)]
    return sum(a[1] + (lon - a[0]) / (b[0] - a[0]) * (b[1] - a[1]) > lat for a, b in edges)


@pytest.mark.parametrize("language", LANGUAGES)
def test_maps_have_the_sites_beats_in_them(places, language):
    address = outlines(places, language)
    assert address is not None
    called = [beat.name[language] for beat in places.beats.values()]
    beats = [one for one in features(address) if one["properties"]["kind"] == "beat"]
    assert [one["properties"]["label"] for one in beats] == called
    for one in beats:
        ring = one["geometry"]["coordinates"][0]
        assert ring[0] == ring[-1]
        assert ring[0] != ring[-2]
    assert len(beats) + len(places.streets) == len(features(address))
    found = dashboards(language, None, places)
    assert len(maps(found)) == 2
    for panel in maps(found):
        under, called_here, cells = panel["options"]["layers"]
        assert under["config"]["src"] == address
        assert cells["type"] == "markers", "ranks are read above all else"
        points = features(called_here["config"]["src"])
        assert [one["properties"]["label"] for one in points] == called
        for point, beat in zip(points, beats, strict=True):
            lon, lat = point["geometry"]["coordinates"]
            assert crossings(beat["geometry"]["coordinates"][0], lon, lat) % 2 == 1, "its name lies in another beat"
    for dashboard in found.values():
        assert dashboard_problems(dashboard) == []


@pytest.mark.parametrize(("width", "column"), [(1366, 54), (1920, 77)])
def test_maps_show_the_whole_site_as_large_as_they_can(places, width, column):
    """From numbers, not from what is on the map, which a new map of risks would move."""
    lons, lats = zip(*(point for beat in places.beats.values() for point in beat.polygon), strict=True)
    for panel in maps(dashboards("en", None, places)):
        view, place = panel["options"]["view"], panel["gridPos"]
        scale = 256 * 2 ** view["zoom"] / 360
        wide = (max(lons) - min(lons)) * scale / (place["w"] * column)
        high = (max(lats) - min(lats)) * scale / math.cos(math.radians(view["lat"])) / (place["h"] * 38 - 40)
        assert view["id"] == "coords"
        assert (min(lons) + max(lons)) / 2 == pytest.approx(view["lon"], abs=1e-4)
        assert 0.6 < max(wide, high) < 1, (width, wide, high)


def test_the_tooltip_of_a_map_has_no_raw_fields():
    for language in LANGUAGES:
        for panel in maps(dashboards(language)):
            columns = shown(panel["targets"][0]["query"]).keys() | {"Time", "cell", "beat"}
            hidden, named = set(), set()
            for one in panel["fieldConfig"]["overrides"]:
                told = {prop["id"]: prop["value"] for prop in one["properties"]}
                if told.get("custom.hideFrom", {}).get("tooltip"):
                    hidden.add(one["matcher"]["options"])
                if "displayName" in told:
                    named.add(one["matcher"]["options"])
            assert columns <= hidden | named
            assert {"Time", "lon", "lat", "current", "cell"} <= hidden
            assert panel["options"]["layers"][-1]["config"]["showLegend"] is False


def test_beats_are_called_by_their_names_where_they_are_known(places):
    called = {beat.id: beat.name["zh-CN"] for beat in places.beats.values()}
    found = dashboards("zh-CN", None, places)
    for dashboard in found.values():
        for variable in dashboard["templating"]["list"]:
            if variable["name"] == "beat":
                texts = {one["value"]: one["text"] for one in variable["options"] if one["value"] != "$__all"}
                assert texts == called
        for panel in dashboard["panels"]:
            looks = panel["fieldConfig"]["overrides"]
            if any(target.get("alias") == "$tag_beat" for target in panel["targets"]):
                names = {one["matcher"]["options"]: one["properties"][0]["value"] for one in looks}
                assert called.items() <= names.items(), panel["title"]
            if panel["type"] == "table":
                mapped = [
                    prop["value"][0]["options"]
                    for one in looks
                    if one["matcher"]["options"] == "beat"
                    for prop in one["properties"]
                    if prop["id"] == "mappings"
                ]
                assert [{key: one["text"] for key, one in options.items()} for options in mapped] == [called]


def test_maps_without_the_sites_places_look_for_a_file_that_the_compose_file_mounts():
    layers = [panel["options"]["layers"][0] for panel in maps(dashboards("en"))]
    assert {one["config"]["src"] for one in layers} == {OUTLINES}
    assert f"/usr/share/grafana/{OUTLINES}:ro" in (ROOT.parent / "compose.yaml").read_text("utf-8")


def test_outlines_that_are_too_large_lose_streets_first(places, monkeypatch):
    whole = outlines(places, "en") or ""
    monkeypatch.setattr("deploy.grafana.outlines.MOST", len(whole) - 1)
    assert 0 < len(outlines(places, "en") or "") < len(whole)
    monkeypatch.setattr("deploy.grafana.outlines.MOST", 100)
    assert outlines(places, "en") is None
