"""Line protocol from columns: texts are joined a column at a time, never a point at a time.

Formatting numbers is most of the work, so it is done by the JSON encoder, which writes the shortest text that reads
back as the same number, a whole column in one call.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from stream.sinks.influx.schema import MEASUREMENTS, FieldType, Measurement

_INT_LIMIT: Final = 2.0**63
_SAFE_DIGITS: Final = 8
_MAX_STRING: Final = 60_000
"""Bytes of a string field: InfluxDB refuses 65,536."""
_CONTROLS: Final = dict.fromkeys([*range(32), 127], " ")
_TAG: Final = str.maketrans({**_CONTROLS, "\\": "/", ",": "\\,", "=": "\\=", " ": "\\ "})
_STRING: Final = str.maketrans({**_CONTROLS, "\\": "\\\\", '"': '\\"'})

_encode = msgspec.json.Encoder().encode


class WrongTypeError(TypeError):
    """A value is not of the type that the schema says; the text names measurement, field, value and type."""


def clean(text: str) -> str:
    """Return a text as it comes out of InfluxDB as a string field: on one line, and not too long."""
    return text.encode("utf-8", "replace")[:_MAX_STRING].decode("utf-8", "ignore").translate(_CONTROLS)


def clean_tag(text: str) -> str:
    r"""Return a text as it comes out of InfluxDB as a tag: line protocol has no way to write a backslash at its end.

    >>> clean_tag("gate\\2 ")
    'gate/2'
    """
    return clean(text).replace("\\", "/").strip(" ")


def tag_text(tags: Mapping[str, str]) -> str:
    r"""Return ``,key=value…`` sorted by key. Empty values are left out, which InfluxDB reads as the same thing.

    >>> tag_text({"device": "cam 1", "beat": "b1", "of": ""})
    ',beat=b1,device=cam\\ 1'
    """
    found = ((name, clean_tag(tags[name])) for name in sorted(tags))
    return "".join(f",{name}={value.translate(_TAG)}" for name, value in found if value)


def string_text(text: str) -> str:
    """Return a quoted string field."""
    return f'"{clean(text).translate(_STRING)}"'


def float_texts(column: NDArray[np.floating]) -> list[str]:
    """Return a column of floats as texts that read back as the same numbers; ``null`` where there is no number.

    Nine digits tell every float32 apart (as text that is half as long as the 17 of the same number as float64).
    """
    if column.dtype == np.float32:
        wide = column.astype(np.float64)
        size = np.abs(wide)
        usable = np.isfinite(wide) & (size > 0)
        scale = 10.0 ** (_SAFE_DIGITS - np.floor(np.log10(size, where=usable, out=np.zeros_like(wide))))
        column = np.where(usable, np.rint(np.where(usable, wide, 0.0) * scale) / scale, wide)
    return _texts(column.tolist())


def _texts(values: list[float] | list[int]) -> list[str]:
    return _encode(values)[1:-1].decode().split(",") if values else []


def integer_texts(column: NDArray[np.generic]) -> list[str]:
    """Return a column of whole numbers (floats are rounded) as texts. Every value must be in the range of int64."""
    return _texts(
        np.rint(column.astype(np.float64)).astype(np.int64).tolist() if column.dtype.kind == "f" else column.tolist()
    )


def usable(column: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Tell which numbers InfluxDB can store: finite ones, and as whole numbers those within int64."""
    if column.dtype.kind != "f":
        return np.ones(len(column), dtype=np.bool_)
    values = column.astype(np.float64)
    return np.isfinite(values) & (np.abs(values) < _INT_LIMIT) if column.dtype == np.float64 else np.isfinite(values)


def column_lines(
    measurement: Measurement,
    heads: Sequence[str],
    columns: Mapping[str, NDArray[np.generic]],
    words: Mapping[str, Sequence[str]],
    times: Sequence[str],
) -> list[str]:
    """Return a line a row, in the rows' order; rows without any field have none.

    Parameters
    ----------
    measurement
        Says the fields' types.
    heads
        Measurement and tags of each row, as text.
    columns
        Field → numbers, shape (rows,). What is not finite is left out of its line.
    words
        Field → texts, already quoted.
    times
        Epoch seconds of each row, as text.

    Raises
    ------
    WrongTypeError
        A column is not of numbers.
    """
    rows = len(heads)
    present = np.zeros(rows, dtype=np.int64)
    texts: dict[str, list[str]] = {}
    types = measurement.types
    for bit, (name, column) in enumerate(columns.items()):
        if column.dtype.kind not in "iuf" or types[name] == "string":
            raise WrongTypeError(f"{measurement.name}.{name}: column of {column.dtype}, expected {types[name]}")
        good = usable(column)
        present |= good.astype(np.int64) << bit
        if types[name] == "integer":
            texts[name] = integer_texts(column if good.all() else np.where(good, column, 0))
        else:
            # Columns of whole numbers would come out without a point; InfluxDB reads them as floats all the same.
            texts[name] = float_texts(column if column.dtype.kind == "f" else column.astype(np.float64))  # type: ignore[arg-type]
    lines: list[str] = [""] * rows
    for code in np.unique(present).tolist():
        chosen = [name for bit, name in enumerate(columns) if code >> bit & 1]
        if not chosen and not words:
            continue
        picked = np.flatnonzero(present == code).tolist()
        fields = [f"{name}=%s{'i' if types[name] == 'integer' else ''}" for name in chosen]
        pattern = "%s " + ",".join([*fields, *(f"{name}=%s" for name in words)]) + " %s"
        parts: list[Sequence[str]] = [heads, *(texts[name] for name in chosen), *words.values(), times]
        if len(picked) == rows:
            return list(map(pattern.__mod__, zip(*parts, strict=True)))
        made = map(pattern.__mod__, zip(*([part[row] for row in picked] for part in parts), strict=True))
        for row, line in zip(picked, made, strict=True):
            lines[row] = line
    return [line for line in lines if line]


def point_line(measurement: str, tags: Mapping[str, str], fields: Mapping[str, object], time_s: int) -> str:
    """Return one point as a line, empty where no field has a value.

    Fields that are None or not finite are left out. Raises `WrongTypeError` for a value of another type than the
    schema's, before it can spoil a batch.
    """
    types = MEASUREMENTS[measurement].types
    texts = [
        f"{name}={text}" for name, value in fields.items() if (text := _field(measurement, name, value, types[name]))
    ]
    return f"{measurement}{tag_text(tags)} {','.join(texts)} {time_s}" if texts else ""


def _field(measurement: str, name: str, value: object, wanted: FieldType) -> str:
    if value is None:
        return ""
    if wanted == "string" and isinstance(value, str):
        return string_text(value)
    if wanted == "integer" and isinstance(value, int) and -_INT_LIMIT <= value < _INT_LIMIT:
        return f"{int(value)}i"
    if wanted == "float" and isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
        return repr(number) if math.isfinite(number) else ""
    raise WrongTypeError(f"{measurement}.{name} is {value!r}, expected {wanted}")
