"""The columnar batch: what the gateway appends to the log and the pipeline reads without decoding it once more.

A batch is a frame (`ingest.frame`). Its meta data are the tables of sources and of strings, its arrays are the columns
in `COLUMNS`, all of one length. A reader passes over columns that it does not know.
"""

from array import array
from typing import Final, NamedTuple

import msgspec

from ingest import frame
from ingest.frame import Buffer, FrameArray, FrameError, FrameKind

_KIND: Final = FrameKind.BATCH
COLUMNS: Final[dict[str, str]] = {
    "kind": "u1",
    "source": "u4",
    "seq": "i8",
    "ts": "i8",
    "received": "i8",
    "a": "f8",
    "b": "f8",
    "interval": "f4",
    "metric": "u4",
    "text": "u4",
    "flags": "u1",
}
"""Column name → code of its values, see `ingest.frame`. `Kind` says what each holds per kind.

``source`` indexes `Batch.sources`; ``metric`` and ``text`` index `Batch.strings`; ``seq`` is the device's number;
``ts`` is event time and ``received`` the gateway's time, both epoch milliseconds; ``interval`` is in seconds.
"""


class Source(NamedTuple):
    """Who sent an observation: a device of a beat, and the boot that its numbers belong to."""

    beat: str
    device: str
    boot: str


class _Meta(msgspec.Struct, array_like=True):
    sources: list[Source]
    strings: list[str]


class Batch:
    """Columns of observations with their tables of sources and strings.

    Build one with the plain lists' ``append`` (`columns[name].append`) and `source_index` / `string_index`; write it
    with `encode`. All columns have the same length.
    """

    __slots__ = ("_source_index", "_string_index", "columns", "sources", "strings")

    def __init__(self) -> None:
        self.columns: dict[str, array[int] | array[float]] = {
            name: array(frame.FORMATS[code]) for name, code in COLUMNS.items()
        }
        self.sources: list[Source] = []
        self.strings: list[str] = []
        self._source_index: dict[Source, int] = {}
        self._string_index: dict[str, int] = {}

    def __len__(self) -> int:
        """Return the number of observations."""
        return len(self.columns["kind"])

    def source_index(self, source: Source) -> int:
        """Return the index of a source, adding it where it is new."""
        index = self._source_index.get(source)
        if index is None:
            index = self._source_index[source] = len(self.sources)
            self.sources.append(source)
        return index

    def string_index(self, text: str) -> int:
        """Return the index of a text, adding it where it is new."""
        index = self._string_index.get(text)
        if index is None:
            index = self._string_index[text] = len(self.strings)
            self.strings.append(text)
        return index

    def encode(self) -> bytes:
        """Return the batch as a frame. Raises `ingest.frame.FrameError` where its columns differ in length."""
        rows = len(self)
        if set(map(len, self.columns.values())) != {rows}:
            name, wrong = next((name, len(column)) for name, column in self.columns.items() if len(column) != rows)
            raise FrameError(f"column {name!r} of a batch has {wrong} rows, expected {rows}")
        return frame.encode(_KIND, _Meta(self.sources, self.strings), self.columns)


class EncodedBatch(NamedTuple):
    """A batch as it was read; nothing is copied."""

    rows: int
    sources: list[Source]
    strings: list[str]
    columns: dict[str, FrameArray]
    """Column name → its values, each of shape (rows,)."""


def open_batch(payload: Buffer) -> EncodedBatch:
    """Return views of a batch's columns.

    Raises `ingest.frame.FrameError` for bytes that are no batch, and where a column is missing, or is of another type
    or length.
    """
    meta, columns = frame.decode(_KIND, payload, _Meta)
    shape = columns["kind"].shape if "kind" in columns else ()
    for name, code in COLUMNS.items():
        found = columns.get(name)
        if found is None:
            raise FrameError(f"column {name!r} of the batch is missing")
        if found.code != code or found.shape != shape or len(shape) != 1:
            raise FrameError(
                f"column {name!r} of the batch is of type {found.code} and shape {found.shape}, "
                f"expected {code} and {shape}"
            )
    return EncodedBatch(shape[0], meta.sources, meta.strings, columns)
