"""Reads CSV files: whatever their encoding, delimiter and language, columns by name, bad rows named by line.

Every command that reads a CSV reads it here, so all of them read the same. `csv_values` reads times and numbers,
`csv_series` the counts or readings of devices. docs/csv.md describes the format for people.
"""

import codecs
import csv
import re
import unicodedata
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, TextIO, TypeVar

T = TypeVar("T")
_MAX_LINE: Final = 1 << 20
_MAX_BAD: Final = 100_000
_MAX_SHOWN: Final = 500
_CHUNK: Final = 1 << 20
_HEAD: Final = 1 << 12
_CELL_LINES: Final = 50
"""A cell with line breaks in quotation marks may have so many; what goes on is a mark that was never closed."""
_BROKEN: Final = "\ufffd"
_DELIMITERS: Final = ",;\t|，；"
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "timestamp": (
        "timestamp", "datetime", "时间戳", "日期时间", "采集时间", "统计时间", "记录时间", "上报时间", "开始时间",
        "发生时间", "报警时间", "時間戳", "日期時間", "时间", "時間", "时刻", "time", "ts", "日期", "date",
    ),
    "device": (
        "device", "deviceid", "设备", "設備", "设备编号", "设备号", "设备id", "设备编码", "设备名称", "设备名",
        "設備編號", "設備名稱", "摄像机", "摄像头", "攝像機", "传感器", "感測器", "探头",
        "点位", "点位名称", "监控点", "卡口", "地点", "sensor", "sensorid", "camera",
        "cameraid", "counter", "devicename", "name", "名称",
    ),
    "count": (
        "count", "计数", "計數", "counts", "人数", "人數", "数量", "數量", "人流量", "客流量", "客流", "流量", "车流量",
        "车辆数", "人次", "通过人数", "people", "persons", "vehicles",
    ),
    "value": ("value", "数值", "數值", "读数", "讀數", "测量值", "测值", "值", "reading", "values"),
    "name": ("设备名称", "设备名", "設備名稱", "点位名称", "devicename", "name", "名称"),
    "metric": ("metric", "指标", "指標", "测量项", "计数对象"),
    "start": ("start", "begin", "开始", "开始时间", "起始时间", "開始", "開始時間", "starttime"),
    "end": ("end", "结束", "结束时间", "截止时间", "結束", "結束時間", "endtime"),
    "lon": ("lon", "longitude", "lng", "经度", "經度"),
    "lat": ("lat", "latitude", "纬度", "緯度"),
    "category": ("category", "类别", "類別", "案件类别", "警情类别", "类型", "類型", "type"),
    "id": ("id", "编号", "編號", "警情编号", "案件编号", "接警编号", "incidentid", "caseid", "casenumber"),
    "provenance": ("provenance", "来源", "來源", "警情来源"),
    "text": ("text", "简要警情", "简要案情", "警情内容", "备注", "description", "note"),
    "device_id": (
        "id", "deviceid", "设备编号", "设备号", "设备编码", "设备id", "设备国标编号", "国标编号", "编号", "編號",
        "設備編號", "device", "sensorid", "cameraid",
    ),
    "type": ("type", "devicetype", "设备类型", "設備類型", "类型", "類型", "类别", "kind"),
    "hour": ("hour", "小时", "小時", "时段", "時段", "timestamp"),
    "beat": ("beat", "网格", "網格", "所属网格", "网格编号", "责任区", "辖区"),
    "officer_hours": ("officer_hours", "officerhours", "警力小时", "警力小時", "工时"),
}  # fmt: skip
"""Column → the names that it may have in a file, the best first; without spaces, underscores and brackets."""
_DAY: Final = frozenset({"日期", "date"})
_TIME_OF_DAY: Final = frozenset({"时间", "時間", "时刻", "time"})


class CsvError(ValueError):
    """A file is wrong; the text names the file, the line, what was found and what was expected."""


class RowError(ValueError):
    """One row is wrong; the text says how, without file and line."""


class BadRow(NamedTuple):
    """A row that was left out, and why."""

    line: int
    why: str
    text: str


class BadRows(list[BadRow]):
    """The rows that were left out, in the order of the file; beyond the first 100,000 they are only counted."""

    more = 0

    def add(self, line: int, why: str, text: str) -> None:
        """Note a row."""
        if len(self) < _MAX_BAD:
            self.append(BadRow(line, why, text[:_MAX_SHOWN]))
        else:
            self.more += 1

    @property
    def total(self) -> int:
        """How many there are."""
        return len(self) + self.more


class FileColumns(NamedTuple):
    """Where to find a file's columns."""

    at: dict[str, int]
    """Column → its place in a row."""
    shown: dict[str, str]
    """Column → its name in the file."""
    day: int | None
    """The place of the day, where the timestamp's column only has the time of day."""


@dataclass(slots=True)
class CsvTable:
    """A CSV file whose encoding, delimiter and columns are known; see `open_csv`."""

    path: Path
    encoding: str
    delimiter: str
    header: list[str]
    header_line: int

    @property
    def decimal_comma(self) -> bool:
        """Whether a comma in a number is a decimal point: where commas do not part the columns."""
        return self.delimiter != ","

    def has(self, column: str) -> bool:
        """Tell whether there is a column of `COLUMNS`, under any of its names."""
        keys = {_key(name) for name in self.header}
        return not keys.isdisjoint(COLUMNS[column])

    def columns(self, wanted: Sequence[str], optional: Sequence[str] = ()) -> FileColumns:
        """Find columns by any of their names. Raises `CsvError` where one is missing, or is there twice."""
        keys = [_key(name) for name in self.header]
        at: dict[str, int] = {}
        for column in (*wanted, *optional):
            name = next((name for name in COLUMNS.get(column, (_key(column),)) if name in keys), None)
            if name is None:
                continue
            at[column] = keys.index(name)
            if keys.count(name) > 1:
                raise CsvError(f"{self.path}, line {self.header_line}: has two columns {self.header[at[column]]!r}")
        if not set(wanted) <= set(at):
            found = ", ".join(repr(name) for name in self.header[:8]) or "nothing"
            raise CsvError(
                f"{self.path}, line {self.header_line}: has the columns {found}; expected {','.join(wanted)}"
            )
        day = None
        if "timestamp" in at and keys[at["timestamp"]] in _TIME_OF_DAY:
            day = next((place for place, key in enumerate(keys) if key in _DAY), None)
        return FileColumns(at, {column: self.header[place] for column, place in at.items()}, day)

    def rows(self, bad: BadRows | None = None) -> Iterator[tuple[int, list[str]]]:
        """Give (line, cells) of each row that has as many cells as there are columns; a row of empty cells is none.

        A row that is wrong is noted in `bad`; without it, the first of them raises `CsvError`.
        """
        width, delimiter = len(self.header), self.delimiter
        with self.path.open(encoding=self.encoding, errors="replace") as file:
            lines = _Lines(file, self.path)
            for _ in range(self.header_line):
                lines.next()
            while text := lines.next():
                line = lines.number
                if '"' not in text:
                    cells = text.rstrip("\n").split(delimiter)
                else:
                    try:
                        cells = _quoted(text, delimiter, lines)
                    except RowError as error:
                        self.refuse(bad, line, error, text.rstrip("\n"))
                        continue
                if len(cells) != width:
                    if not "".join(cells).strip():
                        continue
                    if len(cells) < width or "".join(cells[width:]).strip():
                        self.refuse(bad, line, RowError(f"has {len(cells)} fields, expected {width}"), text.rstrip())
                        continue
                elif not any(cells) or not "".join(cells).strip():
                    continue
                yield line, cells

    def refuse(self, bad: BadRows | None, line: int, error: RowError, text: str) -> None:
        """Note a row that is wrong. Raises `CsvError` where nobody collects them."""
        if bad is None:
            raise CsvError(f"{self.path}, line {line}: {error}") from error
        bad.add(line, str(error), text)


def open_csv(path: Path) -> CsvTable:
    """Find out how a file is written: its encoding, its delimiter, and its first line with the names of columns.

    Raises OSError where it cannot be read, `CsvError` where it is no text with lines.
    """
    encoding = encoding_of(path)
    delimiter = ""
    with path.open(encoding=encoding, errors="replace") as file:
        lines = _Lines(file, path)
        while text := lines.next():
            text = text.strip("\n\ufeff")
            if re.fullmatch(r"(?i)sep=[,;\t|]", text):  # what Excel writes to itself
                delimiter = text[-1]
            elif text.strip():
                break
        outside = re.sub(rf'"[^"]{{0,{_MAX_LINE}}}"', "", text)
        delimiter = delimiter or max(_DELIMITERS, key=outside.count)
        header = next(csv.reader([text], delimiter=delimiter), []) if text.strip() else []
    return CsvTable(path, encoding, delimiter, [name.strip() for name in header], max(lines.number, 1))


def read_rows(
    path: Path,
    columns: Sequence[str],
    parse: Callable[[int, dict[str, str]], T],
    bad: BadRows | None = None,
    *,
    optional: Sequence[str] = (),
) -> Iterator[T]:
    """Give what `parse` makes of each row; empty lines are left out.

    Parameters
    ----------
    columns
        Names that the file's first line must have, or other names of them (`COLUMNS`); there may be more, in any order.
    parse
        Called with the line and the row: column → text without spaces around it. Raises `RowError`.
    bad
        Takes the rows that are wrong; without it, the first of them ends the reading.
    optional
        Columns that there may be, under any of their names.

    Raises
    ------
    CsvError
        For other columns, a row that is wrong, or a file that is no CSV.
    OSError
        Where it cannot be read.
    """
    table = open_csv(path)
    found = table.columns(columns, optional)
    names = [name.lower() for name in table.header]
    for line, cells in table.rows(bad):
        row = dict(zip(names, map(str.strip, cells), strict=False))
        row.update((column, cells[place].strip()) for column, place in found.at.items())
        if found.day is not None:
            row["timestamp"] = f"{cells[found.day].strip()} {row['timestamp']}"
        try:
            parsed = parse(line, row)
        except RowError as error:
            table.refuse(bad, line, error, table.delimiter.join(cells))
        else:
            yield parsed


def encoding_of(path: Path) -> str:
    """Return the encoding of a file: UTF-8 or UTF-16 (by their marks, or by their bytes), GB18030, else Latin-1.

    All of it is looked at, because a Chinese name may stand in the last row only. A few bytes that are no UTF-8 make a
    file of UTF-8 no other: the rows that have them are refused.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if head[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
        return "utf-16"
    nuls = head[0::2].count(0), head[1::2].count(0)  # half of each ASCII letter in UTF-16
    if max(nuls) > len(head) // 16 and max(nuls) > 8 * min(nuls):
        return "utf-16-be" if nuls[0] > nuls[1] else "utf-16-le"
    foreign, broken = _counted(path, "utf-8", lambda character: character == _BROKEN)
    if foreign - broken >= 4 * broken:
        return "utf-8"
    # A Western letter with an accent makes a Chinese character with the plain letter behind it, or none at all; the
    # second byte of most Chinese characters is no ASCII.
    foreign, odd = _counted(path, "gb18030", _is_odd)
    return "gb18030" if odd * 2 <= foreign else "latin-1"


def _counted(path: Path, encoding: str, is_odd: Callable[[str], bool]) -> tuple[int, int]:
    """Return how many characters of a file are not ASCII in some encoding, and how many of these are odd."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    found: Counter[str] = Counter()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            text = decoder.decode(chunk)
            if not text.isascii():
                found.update(re.sub(r"[\x00-\x7f]{1,9999}", "", text))
    found.update(decoder.decode(b"", final=True))
    return found.total(), sum(number for character, number in found.items() if is_odd(character))


def _is_odd(character: str) -> bool:
    """Tell whether a character that was read as GB 18030 was perhaps meant as another one and a plain letter.

    Not so the rare ones of four bytes: two accents between two digits are no word.
    """
    code = character.encode("gb18030", "replace")
    return character == _BROKEN or (len(code) == 2 and code[1] < 0x80)


class _Lines:
    """A file's lines; a file that is one endless line is not read into memory."""

    def __init__(self, file: TextIO, path: Path) -> None:
        self._file, self._path = file, path
        self._waiting: deque[str] = deque()
        self.number = 0

    def next(self) -> str:
        """Return the next line with its end, nothing after the last."""
        line = self._waiting.popleft() if self._waiting else self._file.readline(_MAX_LINE)
        self.number += line != ""
        if len(line) == _MAX_LINE:
            raise CsvError(
                f"{self._path}, line {self.number}: is longer than {_MAX_LINE} characters; expected a text file with "
                f"columns"
            )
        return line

    def put_back(self, lines: Sequence[str]) -> None:
        """Have lines come once more."""
        self._waiting.extendleft(reversed(lines))
        self.number -= len(lines)


def _quoted(text: str, delimiter: str, lines: _Lines) -> list[str]:
    """Return the cells of a row with quotation marks; a cell may go on in the next lines."""
    more: list[str] = []
    while True:
        try:
            return next(csv.reader([text], delimiter=delimiter, strict=True))
        except csv.Error as error:
            if "unexpected end of data" not in str(error) or len(more) == _CELL_LINES or not (line := lines.next()):
                lines.put_back(more)
                raise RowError("has a quotation mark that is not closed, or text after a closed one") from error
            more.append(line)
            text += line


def _key(name: str) -> str:
    """Return what names of columns are compared by.

    >>> _key("Device_ID"), _key(" 计数（人） ")
    ('deviceid', '计数')
    """
    text = unicodedata.normalize("NFKC", name).strip().lower()
    return re.sub(r"[\s_\-]", "", re.sub(r"[(\[][^()\[\]]{0,999}[)\]]$", "", text))
