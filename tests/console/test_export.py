"""`patrolgrid export`: every table in both forms, what is asked for and no more, whole files or none."""

import csv
import json
import os
import signal
import sqlite3
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from console import export_files
from console.cli.commands import export
from console.cli.main import main
from console.people.audit import Audit
from console.people.people_file import PeopleFile
from ingest.setup import extras
from ingest.vocabulary import WindowStatus
from stream.results import RECALLED
from stream.sentences import Why
from stream.sentences.catalogue import Sentences
from stream.sinks.store.export_tables import TABLES, ExportRequest
from stream.sinks.store.reader import StoreReader
from tests.console.stores import SITE, Node
from tests.stream import make_results as make

CLOSED = {"status": WindowStatus.CLOSED, "expected": 12.5, "lower": 4.0, "upper": 18.0, "p": 0.25, "state": 0}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """A site with something in every table, in which somebody is called Wang Li."""
    folder = tmp_path_factory.mktemp("data")
    (folder / SITE).mkdir()
    node = Node(folder / SITE)
    node.fill()
    node.write(
        anomalies=[make.anomaly(make.T0 + i * 1000) for i in range(3)],
        incidents=[make.incident(f"in-{i}", make.T0 + i, text="Wang Li saw it") for i in range(3)],
        patrols=[make.officer_plan(make.stop("wang-a", note="Wang Li waited"), make.stop("wang-b", 1), officer="wang")],
        alerts=[
            make.alert("al-1", 2, state="acknowledged", by="Wang Li", note="Wang Li goes", severity="critical"),
            make.alert("al-1", 3, state="cleared", by="Wang Li", reason="animal", severity="critical"),
            make.alert("al-2", 1, place={"en": "=1+1", "zh-CN": "=1+1"}, raised_ms=make.T0 + 10_000),
            make.alert(
                "al-3", 1, kind="officer_help", severity="critical", raised_ms=make.T0 + 20_000,
                why=Why("officer_help", {"officer": "Wang Li", "said": 1, "note": "come, says Wang Li"}),
            ),
        ],
        windows=[make.windows({"start": make.T0 - 300_000, "part": 2, "sum_a": 2.0, "status": WindowStatus.LATE})],
    )  # fmt: skip
    node.close()
    return folder


def told(data: Path, *arguments: str) -> int:
    return main(["export", *arguments, "--data-dir", str(data), "--quiet"])


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("table", TABLES)
def test_csv_and_parquet_have_the_same_rows_and_columns(table, data, tmp_path):
    text, binary = tmp_path / "some.csv", tmp_path / "some.parquet"
    assert told(data, table, "--csv", str(text), "--personal") == 0
    assert told(data, table, "--parquet", str(binary), "--personal") == 0
    rows, found = rows_of(text), pq.read_table(binary)
    assert len(rows) == found.num_rows >= 1
    assert list(rows[0]) == found.column_names == [column.name for column in TABLES[table].columns]
    for name, kind in ((column.name, column.type) for column in TABLES[table].columns):
        for one, other in zip([row[name] for row in rows], found[name].to_pylist(), strict=True):
            if kind in {"name", "text"}:
                assert one.removeprefix("'") == (other or "")
            elif kind == "time":
                assert _ms(one) == (0 if other is None else other.timestamp() * 1000), name
            elif kind == "bool":
                assert one == ("" if other is None else str(other).lower())
            else:
                assert one == "" if other is None else float(one) == pytest.approx(other, rel=1e-6)
    assert {b"site": b"s1", b"table": table.encode()}.items() <= found.schema.metadata.items()


def test_windows_are_those_that_the_board_shows(data, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "PORTION", 3)  # so that windows stand at the edges of portions
    assert told(data, "windows", "--csv", str(tmp_path / "w.csv")) == 0
    rows = rows_of(tmp_path / "w.csv")
    reader = StoreReader(data / SITE / "store.db")
    shown = {
        (device, one["metric"], one["start"]): one for device in ("cam-1", "noise-1") for one in reader.windows(device)
    }
    assert len(rows) == len(shown) == 25
    at = {f"{key[2]}/{key[0]}": one for key, one in shown.items()}
    for row in rows:
        one = at[f"{round(_ms(row['timestamp']))}/{row['device']}"]
        for name in ("n", "in", "out", "low", "high", "expected", "lower", "upper", "p", "exposure"):
            assert row[name] == "" if one[name] is None else float(row[name]) == pytest.approx(one[name], rel=1e-6), (
                name
            )
        assert row["status"] == one["status"]
        assert row["value"] == ("" if one["mean"] is None else str(one["mean"]))
    added = next(row for row in rows if row["status"] == "revised")
    assert (added["in"], added["n"], added["count"]) == ("42", "6", "46")


def _ms(text: str) -> float:
    return datetime.fromisoformat(text).timestamp() * 1000 if text else 0.0


@pytest.mark.parametrize("portion", [1, 2, 7, 100])
def test_windows_of_many_parts_are_whole_whatever_the_portion(portion, tmp_path):
    node = Node(tmp_path)
    parts = [{"part": part, "status": WindowStatus.LATE, "sum_a": 1.0} for part in range(1, 9)]
    node.write(windows=[make.windows(CLOSED | {"sum_a": 5.0}, *parts, CLOSED | {"series": 1, "sum_a": 3.0})])
    node.write(windows=[make.windows({"start": make.T0 + 1, "part": RECALLED, "n": 0, "sum_a": 0.0, "expected": 7.5})])
    node.close()
    reader = StoreReader(node.store_path)
    found = [one for one, _ in TABLES["windows"].read(reader, ExportRequest(0, 2**62, Sentences()), portion)]
    reader.close()
    count, expected = (
        np.concatenate([np.asarray(one[name]) for one in found]).tolist() for name in ("count", "expected")
    )
    assert (count, expected) == ([13.0, 3.0, 0.0], [12.5, 12.5, 7.5])


def test_from_and_to_are_local_times_and_the_end_is_not_in_it(data, tmp_path):
    file = tmp_path / "a.csv"
    assert (
        told(data, "anomalies", "--from", "2026-11-23T08:00:01Z", "--to", "2026-11-23T08:00:02Z", "--csv", str(file))
        == 0
    )
    assert [row["timestamp"] for row in rows_of(file)] == ["2026-11-23T16:00:01+08:00"]


def test_only_rows_of_some_devices_or_kinds(data, tmp_path):
    file = tmp_path / "w.csv"
    assert told(data, "windows", "--device", "noise-1", "--device", "door-1", "--csv", str(file)) == 0
    assert {row["device"] for row in rows_of(file)} == {"noise-1"}
    assert told(data, "alerts", "--kind", "door_open", "--csv", str(file)) == 0
    assert [row["id"] for row in rows_of(file)] == ["al-0"]


def test_a_filter_by_a_column_that_is_not_there_is_refused_by_name(data, tmp_path, capsys):
    assert told(data, "hotspots", "--metric", "person", "--csv", str(tmp_path / "h.csv")) == 2
    assert "--metric: hotspots have no column metric; there are timestamp, cell" in capsys.readouterr().err
    assert not (tmp_path / "h.csv").exists()


@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize("table", TABLES)
def test_no_person_is_in_an_export_unless_asked_for(table, language, data, tmp_path):
    file = tmp_path / "x.csv"
    assert told(data, table, "--csv", str(file), "--lang", language) == 0
    assert "wang" not in file.read_text("utf-8").lower()
    if any(column.personal for column in TABLES[table].columns):
        assert told(data, table, "--csv", str(file), "--lang", language, "--personal") == 0
        assert "wang" in file.read_text("utf-8").lower()


def test_an_alert_has_its_numbers_its_times_and_its_reason(data, tmp_path):
    file = tmp_path / "a.csv"
    assert told(data, "alerts", "--csv", str(file), "--lang", "zh-CN") == 0
    first = next(row for row in rows_of(file) if row["id"] == "al-1")
    assert (first["observed"], first["expected"], first["p"]) == ("40.0", "12.5", "1e-07")
    assert (first["acknowledged"], first["ended"]) == ("2026-11-23T16:00:02+08:00", "2026-11-23T16:00:03+08:00")
    assert (first["state"], first["ended_by"], first["reason"], first["place"]) == (
        "cleared",
        "people",
        "animal",
        "西门",
    )


def test_no_cell_is_a_formula(data, tmp_path):
    file = tmp_path / "a.csv"
    assert told(data, "alerts", "--csv", str(file), "--excel") == 0
    assert "'=1+1" in {row["place"] for row in rows_of(file)}
    assert file.read_bytes().startswith(b"\xef\xbb\xbftimestamp,id,")


def test_standard_output_has_the_rows_alone(data, capsys):
    assert told(data, "incidents", "--csv", "-") == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[0].startswith("timestamp,id,category")
    assert len(said.out.splitlines()) == 4
    assert said.err == "3 rows\n"


def test_the_end_is_told_in_words_or_as_json(data, tmp_path, capsys):
    file = tmp_path / "i.csv"
    assert told(data, "incidents", "--csv", str(file), "--lang", "zh-CN") == 0
    assert capsys.readouterr().out.startswith(f"3行，已写入 {file}")
    assert told(data, "incidents", "--csv", str(file), "--json") == 0
    assert json.loads(capsys.readouterr().out) | {"bytes": 0} == {
        "table": "incidents", "site": SITE, "file": str(file), "rows": 3, "bytes": 0,
    }  # fmt: skip
    assert told(data, "incidents", "--to", "2001-01-01", "--csv", str(file)) == 0
    assert "nothing of that kind and time" in capsys.readouterr().out
    assert file.read_text("utf-8").startswith("timestamp,id")


@pytest.mark.parametrize("form", ["--csv", "--parquet"])
def test_an_export_that_is_interrupted_leaves_the_file_of_before(form, data, tmp_path, monkeypatch, capsys):
    file = tmp_path / "some"
    file.write_text("of before", encoding="utf-8")
    monkeypatch.setattr(export, "PORTION", 5)
    taken = []

    def chosen(portion, wanted):
        taken.append(len(portion["timestamp"]))
        if len(taken) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return portion

    monkeypatch.setattr(export, "_chosen", chosen)
    assert told(data, "windows", form, str(file)) == 130
    assert 2 <= len(taken) < 5
    assert [one.name for one in tmp_path.iterdir()] == ["some"]
    assert file.read_text("utf-8") == "of before"
    assert capsys.readouterr().err.endswith(f"Stopped. {file} is as it was.\n")


@pytest.mark.parametrize("form", ["--csv", "--parquet"])
def test_a_full_disk_is_told_with_the_file_and_leaves_nothing(form, data, tmp_path, monkeypatch, capsys):
    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export_files._CsvWriter, "write", full)
    monkeypatch.setattr(export_files._ParquetWriter, "write", full)
    assert told(data, "windows", form, str(tmp_path / "some")) == 1
    assert f"{tmp_path / 'some'}: cannot be written: No space left on device" in capsys.readouterr().err
    assert [*tmp_path.iterdir()] == []


def test_without_pyarrow_the_error_says_what_to_install(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert told(data, "windows", "--parquet", str(tmp_path / "w.parquet")) == 1
    assert f"it comes with: {extras.install('parquet')}" in capsys.readouterr().err
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--parquet", "-"), "standard output takes CSV alone"),
        (("--csv", "-", "--json"), "standard output takes CSV alone"),
        (("--parquet", "w.parquet", "--excel"), "Excel reads no Parquet"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments, why, data, capsys):
    assert told(data, "windows", *arguments) == 2
    assert why in capsys.readouterr().err


def test_a_folder_is_no_file_to_write_and_none_is_made(data, tmp_path, capsys):
    assert told(data, "windows", "--csv", str(tmp_path)) == 1
    assert "is a folder, expected a file to write" in capsys.readouterr().err
    assert told(data, "windows", "--csv", str(tmp_path / "typo" / "w.csv")) == 1
    assert f"w.csv: there is no folder {tmp_path / 'typo'}" in capsys.readouterr().err
    assert [*tmp_path.iterdir()] == []


def test_a_span_that_ends_before_it_begins_is_refused(data, tmp_path, capsys):
    span = ("--from", "2026-11-02", "--to", "2026-11-01")
    assert told(data, "windows", *span, "--csv", str(tmp_path / "w.csv")) == 2
    assert "--from 2026-11-02 is not before --to 2026-11-01" in capsys.readouterr().err


def test_who_takes_data_out_is_in_the_audit_log_of_a_site_with_accounts(tmp_path):
    (tmp_path / SITE).mkdir()
    Node(tmp_path / SITE).close()
    file = PeopleFile(tmp_path / SITE)
    assert told(tmp_path, "alerts", "--csv", str(tmp_path / "a.csv"), "--personal") == 0
    (entry,) = Audit(file).entries()
    file.close()
    assert (entry.what, entry.about, entry.detail["personal"]) == ("export", "alerts", True)
    assert entry.by.startswith("cli:")


@pytest.mark.parametrize("page", ["export.md", "export.zh-CN.md"])
def test_the_documentation_has_every_column_of_every_table_in_order(page):
    text = (Path(__file__).parents[2] / "docs" / page).read_text("utf-8")
    documented = {}
    for part in text.split("\n### ")[1:]:
        cells = [line.split("|")[1] for line in part.split("\n## ")[0].splitlines() if line.startswith("| ")][1:]
        documented[part.split("\n", 1)[0]] = [name.strip() for cell in cells for name in cell.split(",")]
    assert documented == {
        name: [column.name + "*" * column.personal for column in table.columns] for name, table in TABLES.items()
    }


@pytest.mark.parametrize("table", ["windows", "alerts"])
def test_between_portions_the_write_ahead_file_can_be_emptied(table, tmp_path):
    node = Node(tmp_path)
    node.fill()
    reader = StoreReader(node.store_path)
    writer = sqlite3.connect(node.store_path)
    portions = TABLES[table].read(reader, ExportRequest(0, 2**62, Sentences()), 1)
    for number in range(2):
        next(portions)
        node.write(anomalies=[make.anomaly(make.T0 + number)])
        assert writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
    writer.close()
    reader.close()
    node.close()


def test_a_parquet_file_is_written_in_row_groups(data, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "PORTION", 4)
    monkeypatch.setattr(export_files, "ROW_GROUP", 6)
    file = tmp_path / "w.parquet"
    assert told(data, "windows", "--parquet", str(file)) == 0
    groups = pq.ParquetFile(file).metadata
    assert [groups.row_group(at).num_rows for at in range(groups.num_row_groups)] == [8, 8, 8, 1]
    assert len({row["timestamp"] for row in pq.read_table(file, columns=["timestamp"]).to_pylist()}) == 24
