"""Counts and readings of devices from files of every country: each row is used as its writer meant it, or is named."""

import math
import random
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from ingest.codecs.csv_files import CsvError, encoding_of
from ingest.codecs.csv_series import read_series
from ingest.codecs.csv_values import Instants, number

SHANGHAI, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")
NOON = 1_774_670_400_000  # 2026-03-28 12:00 in Shanghai


def read(tmp_path, text, zone=SHANGHAI, encoding="utf-8", **more):
    path = tmp_path / "past.csv"
    path.write_bytes(text.encode(encoding) if isinstance(text, str) else text)
    return read_series(path, zone, **more)


def rows(found):
    return {one.name.device: list(zip(one.times, one.values, strict=True)) for one in found.series}


def utc(text):
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-28 12:00", "2026-03-28T12:00:00", "2026-03-28T12:00:00+08:00", "2026-03-28 12:00:00+0800",
        "2026-03-28 04:00:00Z", "2026-03-28T04:00:00.000Z", "2026-03-28 04:00:00 UTC", "2026-03-28 12:00 +08:00",
        "1774670400", "1774670400.0", "1774670400000", "1774670400000000", "20260328120000", "202603281200",
        "20260328T120000", "2026/3/28 12:00", "2026/03/28 12:00:00", "2026.3.28 12:00", "28.03.2026 12:00",
        "2026年3月28日 12:00", "2026年3月28日12时00分", "2026年3月28日 12时", "2026/3/28 下午12:00",
        "2026-03-28 12:00 PM", "２０２６-03-28　12:00",
    ],
)  # fmt: skip
def test_every_spelling_of_an_instant_is_that_instant(text):
    assert Instants(SHANGHAI).of(text) == NOON


def test_midnight_is_the_end_of_the_day_too():
    assert Instants(SHANGHAI).of("2026-03-27 24:00:00") == Instants(SHANGHAI).of("2026-03-28")
    assert Instants(SHANGHAI).of("2026-03-28 12:30 AM") == Instants(SHANGHAI).of("2026-03-28 00:30")


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "12:00", "03/04/2026 12:00", "2026-13-01", "2026-02-30", "2026-03-28 25:00", "2026-03-28 12:61",
        "17", "1.5", "²", "99999999999999999999999", "2026-03-28 13:00 PM", "1711111111111111111111", "0001-01-01",
        "9999-12-31", "1960-01-01", "2150-01-01", "-1", "2026-03-28 12:00+99:00", "9999-12-31T23:59:59-12:00",
        "31.02.2026",
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused_with_what_was_expected(text):
    with pytest.raises(ValueError, match="expected one"):
        Instants(SHANGHAI).of(text, "时间")


def test_the_hour_that_the_clocks_show_twice_is_kept_twice(tmp_path):
    first = [utc(f"2025-11-02T{time}") for time in ("04:30", "05:00", "05:30", "06:00", "06:30", "07:00")]
    local = ["00:30", "01:00", "01:30", "01:00", "01:30", "02:00"]
    text = "timestamp,device,count\n"
    expected = [(at, float(n)) for n, at in enumerate(first)]
    lines = [f"2025-11-02 {time},cam-1,{n}\n" for n, time in enumerate(local)]
    assert rows(read(tmp_path, text + "".join(lines), NEW_YORK)) == {"cam-1": expected}
    newest_first = read(tmp_path, text + "".join(reversed(lines)), NEW_YORK)
    assert rows(newest_first) == {"cam-1": expected}
    assert list(newest_first.series[0].lines) == [7, 6, 5, 4, 3, 2]
    assert newest_first.bad.total == 0
    by_text = "".join(sorted(lines, key=lambda line: line[:16]))  # as a database sorts them
    assert rows(read(tmp_path, text + by_text, NEW_YORK)) == {"cam-1": expected}
    without = "".join(lines[:1] + lines[2:])  # the first 01:00 is missing: the next one is of the second pass
    assert rows(read(tmp_path, text + without, NEW_YORK)) == {"cam-1": expected[:1] + expected[2:]}


def test_each_device_has_its_own_repeated_hour_and_a_third_row_is_refused(tmp_path):
    text = "timestamp,device,count\n"
    for time in ("01:00", "01:30", "01:00", "01:30"):
        text += f"2025-11-02 {time},a,1\n2025-11-02 {time},b,2\n"
    text += "2025-11-02 01:00,a,9\n2025-11-02T01:30:00-05:00,b,9\n2024-11-03 01:00,a,3\n2024-11-03 01:00,a,4\n"
    found = read(tmp_path, text, NEW_YORK)
    assert [len(one.times) for one in found.series] == [6, 4]
    assert [(row.line, row.why) for row in found.bad] == [
        (10, "is a second row of a for that time; the first is line 6"),
        (11, "is a second row of b for that time; the first is line 9"),
    ]


@pytest.mark.parametrize("spoilt", ["many", "-1", ""])
def test_a_row_that_cannot_be_used_still_stands_for_its_pass(tmp_path, spoilt):
    text = f"timestamp,device,count\n2025-11-02 00:00,a,1\n2025-11-02 01:00,a,{spoilt}\n2025-11-02 01:00,a,3\n"
    found = read(tmp_path, text + "2025-11-02 02:00,a,4\n", NEW_YORK)
    used = [(at, n) for at, n in rows(found)["a"] if not math.isnan(n)]
    assert used == [(utc("2025-11-02T04:00"), 1.0), (utc("2025-11-02T06:00"), 3.0), (utc("2025-11-02T07:00"), 4.0)]


def test_the_hour_that_the_clocks_skip_is_refused_by_line(tmp_path):
    text = "timestamp,device,count\n"
    text += "".join(f"2025-03-09 {hour:02d}:{minute:02d},a,1\n" for hour in range(1, 5) for minute in (0, 30))
    found = read(tmp_path, text, NEW_YORK)
    times = [at for at, _ in rows(found)["a"]]
    assert [two - one for one, two in pairwise(times)] == [1_800_000] * 5
    assert [(row.line, row.text) for row in found.bad] == [(4, "2025-03-09 02:00,a,1"), (5, "2025-03-09 02:30,a,1")]
    assert found.bad[0].why == "timestamp is '2025-03-09 02:00', a time that the clocks of America/New_York skipped"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gbk", "gb18030"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_chinese_files_in_every_encoding(tmp_path, encoding, end):
    text = end.join(["时间,设备名称,人数（人次）", "2026/3/28 12:00,东门,3", "2026/3/28 12:05,西门（北侧）,４", ""])
    found = read(tmp_path, text, encoding=encoding)
    assert rows(found) == {"东门": [(NOON, 3.0)], "西门（北侧）": [(NOON + 300_000, 4.0)]}
    assert found.bad.total == 0
    assert found.counts


def test_a_chinese_name_behind_a_megabyte_of_plain_text_is_found(tmp_path):
    text = "timestamp,device,count\n" + "".join(
        f"{1_774_670_400 + 60 * n},camera-in-the-high-street-{n % 3},{n % 7}\n" for n in range(30_000)
    )
    path = tmp_path / "long.csv"
    path.write_bytes((text + "1774670400,东门,3\n").encode("gbk"))
    assert encoding_of(path) == "gb18030"
    assert "东门" in rows(read_series(path, SHANGHAI))


@pytest.mark.parametrize("name", ["喆", "囧巷口", "镕基路", "A区1号", "一号摄像机（东）", "𠮷野路", "㐂㐂"])
def test_rare_characters_are_chinese_too(tmp_path, name):
    text = f"timestamp,device,count\n2026-03-28 12:00,{name},3\n"
    assert rows(read(tmp_path, text, encoding="gb18030")) == {name: [(NOON, 3.0)]}


def test_one_broken_byte_costs_its_row_only(tmp_path):
    text = "时间,设备,计数\n2026-03-28 12:00,东门,3\n2026-03-28 12:00,西门,3\n2026-03-28 12:05,东门,4\n".encode()
    found = read(tmp_path, text.replace("西".encode(), b"\xe8\xa5"))
    assert rows(found) == {"东门": [(NOON, 3.0), (NOON + 300_000, 4.0)]}
    assert [row.line for row in found.bad] == [3]
    assert "设备 is '\ufffd门', expected a name" in found.bad[0].why


def test_accents_of_western_exports_are_no_chinese(tmp_path):
    text = "timestamp;device;value\n28.03.2026 12:00;Stra\xdfe am M\xfcnster;1,5\n"
    assert rows(read(tmp_path, text, encoding="latin-1")) == {"Stra\xdfe am M\xfcnster": [(NOON, 1.5)]}


@pytest.mark.parametrize("delimiter", [";", "\t", "|", "，"])
def test_other_delimiters_have_decimal_commas(tmp_path, delimiter):
    lines = [
        "timestamp,device,value",
        "2026-03-28 12:00,a,51.5",
        "2026-03-28 12:01,a,-0.25",
        '2026-03-28 12:02,"b c",1e1',
    ]
    text = "\n".join(lines).replace(",", delimiter).replace(".", ",")
    found = read(tmp_path, text)
    assert rows(found) == {"a": [(NOON, 51.5), (NOON + 60_000, -0.25)], "b c": [(NOON + 120_000, 10.0)]}
    assert number("3,0", "count", whole=True, decimal_comma=True) == 3.0
    for text in ("1.234", "1,234", "1.234,5", "1,5"):
        with pytest.raises(ValueError, match="expected a whole number"):
            number(text, "count", whole=True, decimal_comma=True)


def test_quotes_blank_lines_and_what_excel_adds(tmp_path):
    text = (
        'sep=;\n\n"timestamp";"device";"count";note\n'
        '2026-03-28 12:00;"Gate ""A""; north";3;"two\nlines"\n'
        ";;;\n\n"
        "2026-03-28 12:05;b;4;x;;\n"
        '2026-03-28 12:05;"c;4;\n'
        "2026-03-28 12:05;d;4;x;5\n"
        "2026-03-28 12:05;e;4;\n"
    )
    found = read(tmp_path, text)
    assert list(rows(found)) == ['Gate "A"; north', "b", "e"]
    assert [row.line for row in found.bad] == [9, 10]
    assert "a quotation mark that is not closed" in found.bad[0].why
    assert found.bad[1].why == "has 5 fields, expected 4"


@pytest.mark.parametrize(
    "value", ["-1", "nan", "NaN", "inf", "many", "1e300", "1.5", "1_000", "0x10", "1,5", "5人", "1000001"]
)
def test_impossible_counts_are_named_with_line_column_and_what_was_expected(tmp_path, value):
    found = read(tmp_path, f'时间,设备,人数\n2026-03-28 12:00,a,3\n2026-03-28 12:05,a,"{value}"\n')
    assert rows(found) == {"a": [(NOON, 3.0)]}
    assert [(row.line, row.why) for row in found.bad] == [
        (3, f"人数 is {value!r}, expected a whole number from 0 of at most 1,000,000")
    ]


def test_two_spellings_of_an_instant_are_one_and_the_first_counts(tmp_path):
    text = "timestamp,device,count\n2026-03-28T12:00:00+08:00,a,3\n2026-03-28 12:00,a,4\n1774670400,a,5\n"
    text += "2026-03-28T04:00Z,a,3\n"
    found = read(tmp_path, text)
    assert rows(found) == {"a": [(NOON, 3.0)]}
    assert [row.line for row in found.bad] == [3, 4, 5]
    assert {row.why for row in found.bad} == {"is a second row of a for that time; the first is line 2"}


def test_each_device_has_its_own_interval_and_metric(tmp_path):
    text = "timestamp,device,metric,count\n"
    text += "".join(f"{1_774_670_400 + 300 * n},five,,1\n" for n in range(12))
    text += "".join(f"{1_774_670_520 + 900 * n},fifteen,车辆,1\n" for n in range(4))
    text += "1774670400,alone,person,1\n1774670400,five,vehicle,1\n1774670400,five,bear,1\n"
    found = read(tmp_path, text)
    assert {tuple(one.name): one.interval_ms for one in found.series} == {
        ("five", "person"): 300_000, ("fifteen", "vehicle"): 900_000,
        ("alone", "person"): 300_000, ("five", "vehicle"): 300_000,
    }  # fmt: skip
    assert [row.why for row in found.bad] == ["metric is 'bear', expected person or vehicle"]


def test_a_device_that_changes_its_interval_has_both(tmp_path):
    times = [300 * n for n in range(40)] + [12_000 + 900 * n for n in range(20)] + [30_000 + 300 * n for n in range(30)]
    text = "timestamp,device,count\n" + "".join(f"{1_774_670_400 + at},a,{n}\n" for n, at in enumerate(times))
    found = read(tmp_path, text)
    assert [(one.interval_ms, len(one.times)) for one in found.series] == [(300_000, 70), (900_000, 20)]
    assert list(found.series[1].values) == [float(n) for n in range(40, 60)]
    assert list(found.series[1].lines) == list(range(42, 62))
    with_gaps = [line for at, line in enumerate(text.splitlines(keepends=True)[:40]) if at % 5 != 3]
    assert [one.interval_ms for one in read(tmp_path, "".join(with_gaps)).series] == [300_000]


def test_a_clock_that_is_early_or_late_each_time_has_the_interval_that_was_meant(tmp_path):
    chance = random.Random(1)
    times = [1_774_670_400_000 + 300_000 * n + chance.randrange(9_000) for n in range(200)]
    text = "timestamp,device,count\n" + "".join(f"{at},a,1\n" for at in times)
    assert [(one.interval_ms, len(one.times)) for one in read(tmp_path, text).series] == [(300_000, 200)]


def test_the_day_and_the_time_in_two_columns(tmp_path):
    found = read(tmp_path, "日期,时间,设备,计数\n2026/3/28,12:00,a,3\n2026-03-28,12:05:00,a,\n")
    assert rows(found)["a"][0] == (NOON, 3.0)
    assert found.series[0].times[1] == NOON + 300_000
    assert math.isnan(found.series[0].values[1])
    assert (found.missing, found.rows) == (1, 1)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"", "line 1: has the columns nothing; expected timestamp,device,value"),
        ("时间,设备,计数,时间\n".encode(), "line 1: has two columns '时间'"),
        (b"timestamp,device,count\n", "has no rows that can be used"),
        (b"\x00\x01\x02\x03", "has the columns"),
        (bytes(range(256)) * 50, "has the columns"),
        ("timestamp,device,count\nx,y,z\n".encode("utf-16"), "line 2: timestamp is 'x', expected one like"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path, text, error):
    with pytest.raises(CsvError) as caught:
        read(tmp_path, text)
    assert "past.csv" in str(caught.value)
    assert error in str(caught.value)
