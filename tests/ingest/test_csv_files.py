"""One way to read CSV: columns by name, and rows that are wrong are named or listed."""

from zoneinfo import ZoneInfo

import pytest

from ingest.codecs.csv_files import BadRow, BadRows, CsvError, read_rows
from ingest.codecs.csv_values import Instants, number


def parse(line, row):
    return line, row["name"], number(row["size"], "size", most=10, whole=True)


def test_columns_are_found_by_name_and_cells_have_no_spaces_around_them(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("\ufeffSize , other,NAME\n 3 ,x, a\n\n4,,b\n", encoding="utf-8")
    assert list(read_rows(path, ("name", "size"), parse)) == [(2, "a", 3.0), (4, "b", 4.0)]


def test_a_wrong_row_ends_the_reading_or_is_listed(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("name,size\na,1\nb,many\nc\nd,2\n", encoding="utf-8")
    with pytest.raises(CsvError, match=r"a\.csv, line 3: size is 'many', expected a whole number from 0 of at most 10"):
        list(read_rows(path, ("name", "size"), parse))
    bad = BadRows()
    assert [name for _, name, _ in read_rows(path, ("name", "size"), parse, bad)] == ["a", "d"]
    assert [row.line for row in bad] == [3, 4]
    assert bad[1] == BadRow(4, "has 1 fields, expected 2", "c")


@pytest.mark.parametrize("text", ["nan", "inf", "-1", "1.5", "11", "", "1e400"])
def test_what_is_no_count_is_refused(text):
    with pytest.raises(ValueError, match="size is"):
        number(text, "size", most=10, whole=True)


def test_times_that_the_clocks_skip_are_no_instant():
    berlin = Instants(ZoneInfo("Europe/Berlin"))
    with pytest.raises(ValueError, match="'2026-03-29 02:30', a time that the clocks of Europe/Berlin skipped"):
        berlin.of("2026-03-29 02:30")
    assert berlin.of("2026-03-29 03:30") == berlin.of("2026-03-29T01:30Z")


@pytest.mark.parametrize("begin", [b"", b"a,b\n1,"])
def test_a_line_without_an_end_is_not_read_into_memory(tmp_path, begin):
    path = tmp_path / "endless.csv"
    path.write_bytes(begin + b"1" * (3 << 20))
    with pytest.raises(CsvError, match="is longer than 1048576 characters"):
        list(read_rows(path, ("a", "b"), lambda _line, row: row))
