"""Files of past counts and readings: what can be used is, and of what cannot every row is told with its line."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from console.errors import CommandError
from console.training.history_csv import HistoryFile, read_history
from ingest.codecs.csv_files import CsvError
from ingest.log.history import HistorySeries
from ingest.vocabulary import Kind
from tests.stream.build import places

ZONE = ZoneInfo("Asia/Shanghai")


def read(tmp_path: Path, text: str | bytes, zone: ZoneInfo = ZONE, **more) -> HistoryFile:
    path = tmp_path / "past.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_history(path, places(), zone, **more)


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def test_counts_in_local_time(tmp_path):
    found = read(
        tmp_path,
        "timestamp,device,count\n"
        "2026-11-02 08:00:00,cam-1,12\n"
        "2026-11-02 08:15:00,cam-1,\n"
        "2026-11-02T08:30:00Z,cam-1,7\n"
        "\n"
        "2026-11-02 08:00:00,gate-1,3.0\n",
    )
    person = [HistorySeries("b1", name, int(Kind.COUNT), "person") for name in ("cam-1", "gate-1")]
    assert found.names == person
    assert found.which.tolist() == [0, 0, 1]
    assert found.start_ms.tolist() == [ms("2026-11-02T00:00"), ms("2026-11-02T08:30"), ms("2026-11-02T00:00")]
    assert found.value.tolist() == [12.0, 7.0, 3.0]
    assert (len(found.which), found.missing, list(found.bad)) == (3, 1, [])


def test_readings_with_metrics_by_option_by_column_and_by_type_of_device(tmp_path):
    rows = "2026-11-02 08:00:00,noise-1,51.5\n2026-11-02 08:01:00,noise-1,-3\n2026-11-02 08:00:00,smoke-1,0.2\n"
    found = read(tmp_path, "\ufefftimestamp, device, value\n" + rows)
    assert [(series.kind, series.metric) for series in found.names] == [(2, "noise"), (2, "smoke")]
    assert (set(found.interval_ms.tolist()), found.value.tolist()) == ({60_000}, [51.5, -3.0, 0.2])
    found = read(tmp_path, "timestamp,device,value\n" + rows, metric="humidity")
    assert {series.metric for series in found.names} == {"humidity"}
    found = read(
        tmp_path,
        "metric,count,device,timestamp\nvehicle,4,cam-1,2026-11-02 08:00:00\n,5,cam-1,2026-11-02 08:00:00\n",
        interval_s=300,
    )
    assert [series.metric for series in found.names] == ["vehicle", "person"]


def test_every_bad_row_is_told_with_its_line(tmp_path):
    found = read(
        tmp_path,
        "timestamp,device,count\n"
        "2026-11-02 08:00:00,cam-1,12\n"
        "yesterday,cam-1,3\n"
        "2026-11-02 08:05:00,cam-9,3\n"
        "2026-11-02 08:05:00,cam-1,many\n"
        "2026-11-02 08:05:00,cam-1,-1\n"
        "2026-11-02 08:05:00,cam-1,1.5\n"
        "2026-11-02 08:05:00,cam-1,inf\n"
        "2026-11-02 08:05:00,cam-1,1e12\n"
        "2026-11-02 08:05:00,cam-1\n"
        "2026-11-02 08:00:00,cam-1,13\n"
        "1960-01-01,cam-1,13\n"
        "2026-11-02 08:05:00,cam-1,14\n",
    )
    assert found.value.tolist() == [12.0, 14.0]
    assert [row.line for row in found.bad] == list(range(3, 13))
    told = " | ".join(row.why for row in found.bad)
    for words in (
        "timestamp is 'yesterday', expected one like 2026-11-23 08:05:00",
        "device 'cam-9' is not in the places file",
        "count is 'many', expected a whole number",
        "count is '-1', expected a whole number from 0",
        "count is '1.5', expected a whole number",
        "count is 'inf', expected a whole number from 0 of at most 1,000,000",
        "has 2 fields, expected 3",
        "is a second row of cam-1 for that time; the first is line 2",
        "expected one from 1970 to 2100",
    ):
        assert words in told
    assert found.bad[0].text == "yesterday,cam-1,3"
    found = read(
        tmp_path, "timestamp,device,value\n2026-11-02 08:00,cam-1,1\n2026-11-02 08:00,noise-1,1\n", interval_s=60
    )
    assert "is a camera: say what it measures with --metric" in found.bad[0].why


def test_times_that_the_clocks_skip_are_told(tmp_path):
    berlin = ZoneInfo("Europe/Berlin")
    rows = "2026-03-29 01:30:00,cam-1,1\n2026-03-29 02:30:00,cam-1,2\n2026-03-29 03:30:00,cam-1,3\n"
    found = read(tmp_path, "timestamp,device,count\n" + rows, zone=berlin)
    assert found.start_ms.tolist() == [ms("2026-03-29T00:30"), ms("2026-03-29T01:30")]
    assert [(row.line, "Europe/Berlin skipped" in row.why) for row in found.bad] == [(3, True)]


def test_the_interval_is_the_commonest_step_or_the_one_told(tmp_path):
    rows = "".join(f"2026-11-02 {8 + n // 4:02d}:{15 * (n % 4):02d}:00,cam-1,{n}\n" for n in range(12) if n != 5)
    assert set(read(tmp_path, "timestamp,device,count\n" + rows).interval_ms.tolist()) == {900_000}
    assert set(read(tmp_path, "timestamp,device,count\n" + rows, interval_s=60).interval_ms.tolist()) == {60_000}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "line 1: has the columns nothing; expected timestamp,device,value"),
        ("when;device;count\n", "has the columns 'when', 'device', 'count'; expected timestamp,device,count"),
        ("timestamp,device,total\n", "has the columns 'timestamp', 'device', 'total'"),
        ("timestamp,device,count\n", "has no rows that can be used"),
        ("timestamp,device,count\nnow,cam-1,3\n", "has no rows that can be used; line 2: timestamp is 'now'"),
        ("timestamp,device,count\n2026-11-02 08:00:00,cam-1,\n", "has no rows that can be used"),
        ("timestamp,device,count\n2026-11-02 08:00:00,cam-1,1\n", "say with --interval what it covers"),
        ("timestamp,device,count\n2026-11-02,cam-1,1\n2026-11-03,cam-1,1\n", "a row of 'cam-1' covers 86400 seconds"),
        ('timestamp,device,count\n"' + "x" * 200_000, "line 2: has a quotation mark that is not closed"),
        ("\xff\xfe\x00t\x00i".encode("latin-1"), "has the columns"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path, text, error):
    with pytest.raises((CommandError, CsvError)) as caught:
        read(tmp_path, text)
    assert "past.csv" in str(caught.value)
    assert error in str(caught.value)
