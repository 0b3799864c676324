"""The API's document is valid and says what the operations do; every answer is as it says, whatever is asked.

Schemathesis (https://schemathesis.io) makes requests of the document: those it allows, and those it forbids. Whatever
it asks, no answer may be an error nobody foresaw, have a status that is not declared, or be outside its schema.
"""

import json
import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.config import SchemathesisConfig

from console.board.app import OPERATIONS
from console.board.document.openapi import openapi
from stream.sentences.languages import LANGUAGES

MAKE = runpy.run_path(str(Path(__file__).parents[3] / "docs" / "make_api.py"))
IDS = ["al-0", "al-1", "cam-1", "noise-1", "gate-1", "door-1", "nobody"]
CHECKED = {
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
}


def without_more(schema: Any) -> Any:
    """The same schema, of which nothing may be that it does not name: in our own answers nothing is left out."""
    if isinstance(schema, list):
        return [without_more(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: without_more(one) for name, one in schema.items()}
    return (
        {"additionalProperties": False, **found} if found.get("type") == "object" and "properties" in found else found
    )


def document(identifiers: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = without_more(json.loads(json.dumps(openapi(OPERATIONS, "en"))))
    for parameter in (one for path in found["paths"].values() for way in path.values() for one in way["parameters"]):
        if parameter["name"] == "id":
            parameter["schema"] = identifiers
    return found


def operations(found: dict[str, Any]) -> dict[str, Any]:
    config = SchemathesisConfig.from_dict(
        {"checks": {"negative_data_rejection": {"expected-statuses": ["4xx", "5xx"]}}}
    )
    made: list[Any] = list(schemathesis.openapi.from_dict(found, config=config).get_all_operations())
    return {one.ok().label: one.ok() for one in made}


DOCUMENT = document({"enum": IDS})
ASKED = operations(DOCUMENT)
FORBIDDEN = operations(document({}))
"""In an address whatever is there is a text: no id is one that is forbidden."""
HELD = [check for check in CHECKS.get_all() if check.__name__ in CHECKED]
HELD = [check for check in CHECKS.get_all() if check.__name__ in CHECKED]
ENDLESS = {"GET /api/events"}
SLOW = {"GET /api/report.pdf"}
"""Seconds for each answer: asked by the long run alone."""


def ask(board, label, examples):
    """Ask an operation in as many ways; return how often it answered with which status."""
    statuses: dict[int, int] = {}
    for mode, asked in (GenerationMode.POSITIVE, ASKED), (GenerationMode.NEGATIVE, FORBIDDEN):

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        )
        @given(case=asked[label].as_strategy(generation_mode=mode))
        def run(case):
            answer = case.call(base_url=str(board.base_url), session=board.session)
            statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
            assert answer.status_code != 500
            case.validate_response(answer, checks=HELD)

        run()
    return statuses


@pytest.mark.parametrize("label", sorted({*ASKED} - ENDLESS - SLOW))
def test_no_answer_is_outside_the_document(board, label):
    assert ask(board, label, 2)


@pytest.mark.field
@pytest.mark.parametrize("label", sorted({*ASKED} - ENDLESS))
def test_no_answer_is_outside_the_document_however_long_one_asks(board, label):
    assert sum(ask(board, label, 50).values()) > 2


def test_what_is_there_is_answered(board):
    """Schemathesis would be content with refusals."""
    paths = [path for path, ways in DOCUMENT["paths"].items() if "get" in ways and "{" not in path]
    found = {path: board.get(path).status_code for path in paths if f"GET {path}" not in ENDLESS | SLOW}
    assert {path for path, status in found.items() if status not in {200, 404, 503}} == set()
    assert found["/api/alerts"] == found["/api/plan"] == found["/api/openapi.json"] == 200


def test_all_checks_are_there():
    assert {check.__name__ for check in HELD} == CHECKED


def test_references_lead_somewhere_and_operations_have_names_of_their_own():
    text = json.dumps(DOCUMENT)
    for name in set(re.findall(r'"#/components/schemas/(\w+)"', text)):
        assert name in DOCUMENT["components"]["schemas"]
    names = [one["operationId"] for path in DOCUMENT["paths"].values() for one in path.values()]
    assert len(names) == len(set(names)) == len(OPERATIONS)


def test_fields_are_described_as_their_source_says():
    alert = DOCUMENT["components"]["schemas"]["AlertRow"]["properties"]
    assert alert["p"]["description"].startswith("Tail probability")
    assert "event time" in alert["cause_ms"]["description"].lower()


def test_the_document_comes_in_the_readers_language(board):
    found = {language: board.get(f"/api/openapi.json?lang={language}").json() for language in LANGUAGES}
    for one in found["zh-CN"]["paths"].values():
        for way in one.values():
            said = [way["summary"], *(parameter.get("description", "间") for parameter in way["parameters"])]
            assert all(re.search(r"[\u4e00-\u9fff]", text) for text in said), said
    assert found["en"]["paths"].keys() == found["zh-CN"]["paths"].keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pages_table_is_of_the_operations(language):
    written = MAKE["PAGES"][language].read_text(encoding="utf-8")
    assert written == MAKE["page"](language), "run: python docs/make_api.py"
