"""The comparison compares: what is the same is found the same, and what was changed is found changed."""

import copy
import json
import os
import subprocess
import sys

import pytest

from tests.same.__main__ import ROOT, drive, raised
from tests.same.compare import compare, printed
from tests.same.contents import Dump, read_dump
from tests.same.drive import read_recording
from tests.same.record import SITE, record, with_commands, write

COMMANDS = f"patrolgrid/v1/{SITE}/commands"


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("same") / "recording.jsonl.gz"
    write(path, *record(1 / 3, days=0.5))
    return path


@pytest.fixture(scope="module")
def dump(recording) -> Dump:
    found = recording.with_name("dump.jsonl.gz")
    drive(ROOT, recording, found, 1)
    return read_dump(found)


@pytest.fixture
def other(dump) -> Dump:
    return copy.deepcopy(dump)


def counts(report, table):
    return {name: report["tables"][table][name] for name in ("missing", "surplus", "different")}


def test_the_recording_has_what_it_promises(recording):
    header, events = read_recording(recording)
    kinds = {event[0] for event in events}
    assert kinds == {"message", "flush", "tick", "history", "poison", "restart"}
    assert len(header["places"]["features"]) > 99
    again = recording.with_name("again.jsonl.gz")
    write(again, *record(1 / 3, days=0.5))
    assert again.read_bytes() == recording.read_bytes()


def test_the_dump_has_everything(dump):
    for table in (
        "windows",
        "agents",
        "strangers",
        "gates",
        "states",
        "alerts",
        "alert revisions",
        "hotspots",
        "health",
        "taught",
        "totals",
    ):
        assert dump.rows[table], table
    reasons = {key[:1] + key[2:3] for key in dump.rows["rejects"]}
    assert {("intake", reason) for reason in ("json", "range", "size", "depth", "topic")} <= reasons
    assert {("pipeline", reason) for reason in ("batch", "history", "model", "clock")} <= reasons
    assert len(dump.rows["intake"]) == 3
    applied = sum(fields["n"] for fields in dump.rows["windows"].values())
    assert applied == dump.rows["totals"][SITE,]["accepted"] > 3_000
    assert {name for _, _, name in dump.texts} >= {"text", "place", "advice", "drivers", "detail"}


def test_the_same_is_the_same(dump, other):
    report = compare(dump, other)
    assert report["differences"] == 0
    assert report["compared"] == sum(map(len, dump.rows.values())) > 1_000
    assert "0 differences" in printed(report)


def test_a_changed_number_is_told(dump, other):
    key, fields = next((key, row) for key, row in other.rows["windows"].items() if row["expected"])
    fields["expected"] += 1e-9
    report = compare(dump, other)
    assert report["differences"] == 1
    assert counts(report, "windows") == {"missing": 0, "surplus": 0, "different": 1}
    (example,) = report["tables"]["windows"]["examples"]
    assert example["different"] == key
    assert list(example["base and own"]) == ["expected"]
    json.dumps(report)


def test_missing_and_surplus_rows_are_told(dump, other):
    key = next(iter(other.rows["alerts"]))
    other.rows["alerts"]["0" * 16] = other.rows["alerts"].pop(key)
    assert counts(compare(dump, other), "alerts") == {"missing": 1, "surplus": 1, "different": 0}
    del other.rows["health"]
    assert counts(compare(dump, other), "health")["missing"] == len(dump.rows["health"])


def test_a_field_that_is_new_is_named_and_one_that_is_gone_is_a_difference(dump, other):
    for row in other.rows["alerts"].values():
        row["code"] = "smoke"
    report = compare(dump, other)
    assert (report["differences"], report["tables"]["alerts"]["new"]) == (0, ["code"])
    assert "'code' is new" in printed(report)
    report = compare(other, dump)
    assert (report["differences"], report["tables"]["alerts"]["gone"]) == (1, ["code"])


def test_texts_are_told_apart_with_an_example_of_every_kind(dump, other):
    keys = [key for key in other.texts if key[0] == "alerts" and key[2] == "text"]
    for key in keys:
        other.texts[key] = {**other.texts[key], "en": "something else"}
    report = compare(dump, other)
    assert report["differences"] == 0
    assert report["texts"]["different"] == len(keys)
    assert sum(one["count"] for one in report["texts"]["kinds"].values()) == len(keys)
    assert all(one["own"]["en"] == "something else" for one in report["texts"]["kinds"].values())
    assert "something else" in printed(report)


def test_commands_are_about_alerts_of_the_first_pass(dump, recording):
    alerts = raised(dump)
    said = [event for event in with_commands(read_recording(recording)[1], alerts, COMMANDS) if COMMANDS in event]
    assert len(said) > len([event for event in read_recording(recording)[1] if COMMANDS in event])


def test_what_is_driven_lies_in_the_tree_that_is_named(recording, tmp_path):
    """A tree without the project's modules is not driven with those of the environment."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "__init__.py").touch()
    with pytest.raises(subprocess.CalledProcessError):
        drive(tmp_path, recording, tmp_path / "dump.jsonl.gz", 1)


def test_a_module_of_another_tree_is_refused(tmp_path):
    """As where an installed copy of the project goes before the tree."""
    for tree in ("mine", "other"):
        (tmp_path / tree / "ingest").mkdir(parents=True)
        (tmp_path / tree / "ingest" / "__init__.py").touch()
    code = (
        "import sys, ingest; from pathlib import Path; sys.path.insert(0, sys.argv[1]); "
        "from tests.same.names import check; check(Path(sys.argv[2]))"
    )
    command = [sys.executable, "-c", code, str(ROOT), str(tmp_path / "mine")]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "other")}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert "expected a file in" in done.stderr
