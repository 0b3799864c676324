"""The bytes of a record as arrays, checked: observations with their windows and sums, and history to learn from."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ingest.frame import FrameError
from ingest.log import HistorySeries, Record, RecordKind
from ingest.log.batch import COLUMNS, Source, open_batch
from ingest.log.history import open_history
from ingest.observations import LATEST_MS, MAX_INTERVAL_S, MAX_SEQ
from ingest.vocabulary import MODELLED, Direction, Flag, Kind, Permit
from models.frames import to_numpy
from models.rules.word_times import Arrival
from stream.config import PipelineConfig
from stream.windows.word_order import word_code

_LIMITS: Final = (
    ("seq", 0, MAX_SEQ),
    ("ts", 0, LATEST_MS),
    ("received", 0, LATEST_MS),
    ("a", -1e9, 1e9),
    ("b", -1e9, 1e9),
    ("interval", 0, MAX_INTERVAL_S),
)
_WAYS, _PERMITS = np.array(Direction, dtype=np.float64), np.array(Permit, dtype=np.float64)


class Columns:
    """Read-only columns of one batch, each of shape (rows,); see `ingest.log.batch.COLUMNS` for what they hold."""

    kind: NDArray[np.uint8]
    source: NDArray[np.uint32]
    seq: NDArray[np.int64]
    ts: NDArray[np.int64]
    received: NDArray[np.int64]
    a: NDArray[np.float64]
    b: NDArray[np.float64]
    interval: NDArray[np.float32]
    metric: NDArray[np.uint32]
    text: NDArray[np.uint32]
    flags: NDArray[np.uint8]

    def __init__(self, payload: bytes) -> None:
        """Open an encoded batch.

        Raises `ingest.frame.FrameError` where it is not one, or where an index points outside its tables.
        """
        batch = open_batch(payload)
        self.rows: int = batch.rows
        self.sources: list[Source] = batch.sources
        self.strings: list[str] = batch.strings
        vars(self).update({name: one for name, one in to_numpy(batch.columns).items() if name in COLUMNS})
        self.lives: NDArray[np.int64] | None = None
        """How often the numbers of each row's boot had begun again, where any had (`stream.windows.once`)."""
        self.devices: NDArray[np.int64] | None = None
        """Device index of each source, once the catalogue has told it."""
        self.said: NDArray[np.int64] = self.ts
        """Event time as the device said it, whatever corrects ``ts``: with it two deliveries are known as one."""
        self._marks = int(np.bitwise_or.reduce(self.flags)) if self.rows else 0
        if not self.rows:
            return
        for name, limit in (
            ("kind", len(Kind)),
            ("source", len(self.sources)),
            ("metric", len(self.strings)),
            ("text", len(self.strings)),
        ):
            highest = int(getattr(self, name).max())
            if highest >= limit:
                raise FrameError(f"column {name!r} points to entry {highest}, but its table has {limit}")
        self._check_values()

    def _check_values(self) -> None:
        """Raise `ingest.frame.FrameError` for values that no gateway writes: what works on them counts on that."""
        for name, least, most in _LIMITS:
            values = getattr(self, name)
            if not (least <= values.min() and values.max() <= most):  # also where one is no number
                raise FrameError(f"column {name!r} has values outside {least:g} to {most:g}")
        gates = self.kind == Kind.GATE
        if gates.any():
            way, permit = self.a[gates], self.b[gates]
            if not (np.isin(way, _WAYS).all() and np.isin(permit, _PERMITS).all()):
                raise FrameError("a gate's direction or permit is none that is known")

    def any(self, flag: Flag) -> bool:
        """Tell whether any row bears a flag: of nearly all records none does."""
        return bool(self._marks & int(flag))

    @property
    def backfill(self) -> NDArray[np.bool_]:
        """Which rows were sent late on purpose, shape (rows,)."""
        return (self.flags & np.uint8(Flag.BACKFILL)).astype(np.bool_)

    @property
    def retained(self) -> NDArray[np.bool_]:
        """Which rows a broker has shown once more, shape (rows,)."""
        return (self.flags & np.uint8(Flag.RETAINED)).astype(np.bool_)

    def boots(self, rows: NDArray[np.intp]) -> NDArray[np.int64]:
        """Return a code of each row's boot, from 0 on; another one for every time its numbers began again."""
        words = np.fromiter((word_code(source.boot) for source in self.sources), np.int64, len(self.sources))
        codes = words[self.source[rows]]
        return codes if self.lives is None else codes ^ self.lives[rows]

    def boot_names(self, rows: NDArray[np.intp]) -> list[str]:
        """Return the name of each row's boot, with a number behind it where its numbers have begun again."""
        names = [self.sources[index].boot for index in self.source[rows].tolist()]
        if self.lives is None:
            return names
        return [f"{name}~{life}" if life else name for name, life in zip(names, self.lives[rows].tolist(), strict=True)]

    @property
    def behind(self) -> NDArray[np.int64]:
        """Time of receipt less event time, milliseconds, shape (rows,)."""
        return self.received - self.ts


def opened_batch(record: Record) -> Columns | FrameError | None:
    """Return the columns of a record of observations, or why it has none; None for a record of another kind."""
    if record.kind is not RecordKind.OBSERVATIONS:
        return None
    try:
        return Columns(record.payload)
    except FrameError as error:
        return error


@dataclass(slots=True)
class Prepared:
    """New observations of one record, in order of arrival; all arrays have shape (rows,)."""

    rows: NDArray[np.intp]
    """Position in the record's columns."""
    series: NDArray[np.int64]
    device: NDArray[np.int64]
    kind: NDArray[np.uint8]
    received: NDArray[np.int64]
    watermark: NDArray[np.int64]
    """Watermark when the row has been seen, epoch ms."""
    number: NDArray[np.int64]
    """Window number."""
    sum_a: NDArray[np.float64]
    sum_b: NDArray[np.float64]
    value: NDArray[np.float64]
    """What lowest and highest are of."""
    exposure: NDArray[np.float64]
    """How much of a window a count covers, above 1 where it covers several; 0 for other kinds."""
    backfill: NDArray[np.bool_]
    """Sent late on purpose."""
    at: NDArray[np.int64]
    """When it was said, as far as that can be believed: event time, but the time of receipt where that cannot be."""
    doubtful: NDArray[np.bool_]
    """Its event time lies outside the limits: it belongs to no window and teaches nothing."""

    def segments(self, window_ms: int) -> list[tuple[int, int]]:
        """Return [start, end) of the runs of rows between which the watermark passes a window's end."""
        if self.watermark[0] // window_ms == self.watermark[-1] // window_ms:
            return [(0, len(self.rows))]
        cuts = (np.flatnonzero(np.diff(self.watermark // window_ms)) + 1).tolist()
        return list(zip([0, *cuts], [*cuts, len(self.rows)], strict=True))


def prepare(
    columns: Columns,
    rows: NDArray[np.intp],
    series: NDArray[np.int64],
    device: NDArray[np.int64],
    config: PipelineConfig,
    watermark_ms: int,
    wrong: NDArray[np.bool_],
) -> Prepared:
    """Work out the window and the sums of every row, and the watermark row by row, from `watermark_ms` on.

    `rows` are the positions of the new ones; `series`, `device` and `wrong` are of all. `wrong` tells whose event time
    cannot be: such a row counts as of the time of its receipt.
    """
    at = slice(None) if len(rows) == columns.rows else rows  # a slice copies nothing
    series, device, wrong = series[at], device[at], wrong[at]
    window_ms = config.pipeline.window_s * 1000
    lateness, grace = round(config.pipeline.lateness_s * 1000), round(config.pipeline.grace_s * 1000)
    ts, received, kind = columns.ts[at], columns.received[at], columns.kind[at]
    a, b = columns.a[at], columns.b[at]
    is_count, is_gate = kind == Kind.COUNT, kind == Kind.GATE
    # A clock that runs ahead must not close everybody's windows: event time counts up to the time of receipt.
    believed = np.minimum(ts, received)
    rising = np.maximum(believed - lateness, received - grace)
    interval_ms = columns.interval[at].astype(np.float64) * 1000
    # A count covers the interval before its time stamp and belongs to the window its middle lies in; one that is longer
    # than a window to the window it ends in, or it would always come late.
    back_ms = np.where(interval_ms > window_ms, 1, (interval_ms / 2).astype(np.int64))
    middle = np.where(is_count, ts - back_ms, ts)
    if wrong.any():
        believed = np.where(wrong, received, believed)
        middle = np.where(wrong & ~is_count, received, middle)
    return Prepared(
        rows=rows,
        series=series,
        device=device,
        kind=kind,
        received=received,
        watermark=np.maximum(np.maximum.accumulate(rising), watermark_ms),
        number=middle // window_ms,
        sum_a=np.where(is_gate, a == 0, np.where(kind == Kind.STATE, 1.0, a)),
        sum_b=np.where(is_gate, a == 1, np.where(is_count, b, 0.0)),
        value=np.where(is_count, a + b, np.where(kind == Kind.LEVEL, a, 0.0)),
        exposure=np.where(is_count, interval_ms / window_ms, 0.0),
        backfill=columns.backfill[at],
        at=believed,
        doubtful=wrong,
    )


@dataclass(slots=True)
class Rows:
    """Observations as the rules take them, in the order in which they were said; arrays of shape (rows,)."""

    place: NDArray[np.intp]
    """Position among the record's new observations."""
    kind: NDArray[np.uint8]
    series: NDArray[np.int64]
    device: NDArray[np.int64]
    ts: NDArray[np.int64]
    """Event time, epoch ms."""
    at: NDArray[np.int64]
    """The same, but never after the receipt, and the time of receipt where it cannot be."""
    how: Arrival
    retained: NDArray[np.bool_]
    seq: NDArray[np.int64]
    a: NDArray[np.float64]
    b: NDArray[np.float64]
    text: NDArray[np.int64]
    """Index into `strings`."""
    strings: list[str]

    def __len__(self) -> int:
        """Return the number of observations."""
        return len(self.series)

    def where(self, chosen: NDArray[np.bool_]) -> "Rows":
        """Return some of them; `chosen` has shape (rows,)."""
        if chosen.all():
            return self
        columns = {name: getattr(self, name)[chosen] for name in self.__slots__ if name not in {"how", "strings"}}
        return Rows(how=self.how.where(chosen), strings=self.strings, **columns)


class HistoryColumns:
    """Columns of one record of history, shape (rows,), with what they hold checked.

    Raises `ingest.frame.FrameError` that says what is wrong, for bytes that are no history, for windows of
    another length than `window_ms`, and for values that cannot be. A record is taken whole or not at all.
    """

    def __init__(self, payload: bytes, window_ms: int) -> None:
        opened, arrays = open_history(payload)
        if opened.window_ms != window_ms:
            raise FrameError(
                f"has windows of {opened.window_ms / 1000:g} s, expected {window_ms / 1000:g} s as the site has them"
            )
        columns = to_numpy(arrays)
        self.again = opened.again
        self.names: list[HistorySeries] = opened.series
        self.which: NDArray[np.int64] = columns["series"].astype(np.int64)
        self.number: NDArray[np.int64] = columns["window"].astype(np.int64) + opened.first
        self.value: NDArray[np.float64] = columns["value"]
        self.exposure: NDArray[np.float64] = columns["exposure"].astype(np.float64)
        self.kind = np.array([series.kind for series in self.names], dtype=np.int64)
        self._check()

    def _check(self) -> None:
        for series in self.names:
            if series.kind not in MODELLED:
                raise FrameError(
                    f"series {series.device} {series.metric} is of kind {series.kind}, expected a count or level"
                )
        if not len(self.which):
            return
        if int(self.which.max()) >= len(self.names):
            raise FrameError(f"column 'series' points to entry {self.which.max()}, but there are {len(self.names)}")
        counts = self.kind[self.which] == Kind.COUNT
        for wrong, what in (
            (~np.isfinite(self.value), "a value that is not finite"),
            (counts & (self.value < 0), "a count below 0"),
            (~((self.exposure > 0) & (self.exposure <= 1)), "an exposure outside 0-1"),
            (self.number >= 1 << 40, "a window beyond all times"),
        ):
            if wrong.any():
                row = int(np.flatnonzero(wrong)[0])
                name = self.names[int(self.which[row])]
                raise FrameError(f"row {row} ({name.device} {name.metric}) has {what}")
