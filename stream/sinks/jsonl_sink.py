"""Results as JSON lines: for other programs, for grep, and for looking at what happened.

Every line is an object with a ``type``. A write is one block that ends with ``{"type":"position",…}``; whatever stands
behind the last such line is a block that a crash cut short, and is cut off when the file is opened again.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any, Final

import msgspec

from ingest.files import sync_folder
from ingest.observations import epoch_ms
from ingest.vocabulary import DIRECTION_NAMES, KIND_NAMES, PERMIT_VALUES, STATUS_NAMES, state_name
from stream.results import Results, SeriesKey
from stream.sentences.catalogue import with_texts
from stream.sinks.result_rows import (
    NOTHING_WRITTEN,
    WINDOW_COLUMNS,
    after,
    check_series,
    merge_windows,
    order,
    plain,
    position_of,
)

_BEGIN: Final = b'{"type":"'
_MARK: Final = _BEGIN + b'position",'
_CHUNK: Final = 65_536
_encoder = msgspec.json.Encoder()


class JsonLinesError(ValueError):
    """The file is not one that this sink wrote."""


class JsonLinesSink:
    """Appends results to a file, one JSON object a line, and starts a new file when it has grown.

    Types are ``window``, ``gate``, ``state``, ``anomaly``, ``alert``, ``hotspots``, ``health``, ``incident``,
    ``patrol`` (an officer's plan as it stands), ``share`` (a beat's, of patrol and of reports), ``book`` (what people
    wrote into the shift book), ``reject`` (payload in base64), ``counters`` (what this block adds) and ``position``. A
    window or a map may come again, as it changes: the last line of a key is the one that holds.

    Parameters
    ----------
    path
        The file. Full ones become ``{name}.1`` (the newest), ``{name}.2``, …
    max_bytes
        A file larger than this is put aside before the next write.
    keep
        How many full files to keep.
    zone
        Zone of the times in texts: the site's.

    Raises
    ------
    JsonLinesError
        The file does not end as one of this sink does, and so must not be cut.
    OSError
        It cannot be opened or written; a block that was written in part is taken back.
    """

    name = "jsonl"

    def __init__(self, path: Path, *, max_bytes: int = 64 * 1024 * 1024, keep: int = 8, zone: tzinfo = UTC) -> None:
        if max_bytes < 1 or keep < 1:
            raise ValueError(f"max_bytes is {max_bytes} and keep is {keep}, expected numbers above 0")
        self.path = path
        self._max_bytes, self._keep, self._zone = max_bytes, keep, zone
        path.parent.mkdir(parents=True, exist_ok=True)
        self._handle = -1
        self._size, self._reached = 0, NOTHING_WRITTEN
        self._open()

    @property
    def position(self) -> int:
        """Newest log position written, -1 before the first."""
        return position_of(self._reached)

    def write(self, results: Sequence[Results]) -> None:
        """Append what is new as one block."""
        fresh = after(results, self._reached)
        if not fresh:
            return
        check_series(fresh)
        block = _encoder.encode_lines(list(_lines(fresh, self._zone)))
        if self._size > self._max_bytes:
            self._rotate()
        try:
            view = memoryview(block)
            while view:
                view = view[os.write(self._handle, view) :]
        except BaseException:
            # Without its last line the block would be cut off at the next start; do it now, where that is possible.
            with suppress(OSError):
                os.ftruncate(self._handle, self._size)
            raise
        self._size += len(block)
        self._reached = order(fresh[-1])

    def flush(self) -> None:
        """Put everything written on disk."""
        os.fsync(self._handle)

    def close(self) -> None:
        """Flush and close. A second call does nothing."""
        if self._handle >= 0:
            handle, self._handle = self._handle, -1
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def _aside(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    def _open(self) -> None:
        self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0), 0o640)
        try:
            self._size, self._reached = self._recover(self._handle, self.path)
            os.ftruncate(self._handle, self._size)
            if self._size == 0 and self._aside(1).exists():
                # A crash between putting a file aside and the first block of the next.
                handle = os.open(self._aside(1), os.O_RDONLY)
                try:
                    self._reached = self._recover(handle, self._aside(1))[1]
                finally:
                    os.close(handle)
            sync_folder(self.path.parent)
        except BaseException:
            self.close()
            raise

    @staticmethod
    def _recover(handle: int, path: Path) -> tuple[int, int]:
        """Return where the last whole block ends, and its `order`; (0, -1) for a file without one."""
        size = os.fstat(handle).st_size
        start, tail = size, b""
        while start > 0:
            begin = max(0, start - _CHUNK)
            tail = os.pread(handle, start - begin, begin) + tail
            start = begin
            end = len(tail)
            # A mark counts where it begins a line and its line is whole.
            while (at := tail.rfind(_MARK, 0, end)) >= 0:
                begins_line = tail[at - 1 : at] == b"\n" if at else start == 0
                stop = tail.find(b"\n", at)
                if begins_line and stop >= 0:
                    with suppress(msgspec.MsgspecError, KeyError):
                        line = msgspec.json.decode(tail[at:stop])
                        return start + stop + 1, 2 * int(line["position"]) + bool(line["closing"])
                if at == 0 and start > 0:
                    break  # whether it begins a line stands in the chunk before
                end = at + len(_MARK) - 1
        if tail[: len(_BEGIN)] != _BEGIN[: len(tail)]:
            raise JsonLinesError(
                f"{path}: {size} bytes that are not this sink's, expected lines that begin with a type; "
                f"move the file away"
            )
        return 0, NOTHING_WRITTEN

    def _rotate(self) -> None:
        os.fsync(self._handle)
        for number in range(self._keep - 1, 0, -1):
            if self._aside(number).exists():
                self._aside(number).replace(self._aside(number + 1))
        self.path.replace(self._aside(1))
        self.close()
        self._open()


def _lines(results: list[Results], zone: tzinfo) -> Iterator[dict[str, Any]]:
    catalog = results[-1].catalog
    yield from _window_lines(results, catalog)
    for result in results:
        yield from _event_lines(result, catalog)
        yield from ({"type": "anomaly", **with_texts(msgspec.structs.asdict(item), zone)} for item in result.anomalies)
        yield from ({"type": "alert", **with_texts(msgspec.structs.asdict(item), zone)} for item in result.alerts)
        for hotspots in result.maps:
            cells = [with_texts(msgspec.structs.asdict(cell), zone, "drivers") for cell in hotspots.cells]
            yield {"type": "hotspots", **msgspec.structs.asdict(hotspots), "cells": cells}
        yield from ({"type": "health", **msgspec.structs.asdict(item)} for item in result.health)
        yield from ({"type": "agent", **msgspec.to_builtins(item)} for item in result.agents)
        for incident in result.incidents:
            yield {"type": "incident", **msgspec.structs.asdict(incident), "ts": epoch_ms(incident.ts)}
        yield from ({"type": "patrol", **msgspec.to_builtins(item)} for item in result.patrols)
        yield from ({"type": "share", **msgspec.structs.asdict(item)} for item in result.shares)
        yield from ({"type": "book", **msgspec.to_builtins(item)} for item in result.book)
        yield from ({"type": "reject", **msgspec.structs.asdict(item)} for item in result.refusals)
    yield {
        "type": "counters",
        "accepted": sum(result.accepted for result in results),
        "duplicates": sum(result.duplicates for result in results),
        "late": sum(result.late for result in results),
    }
    last = results[-1]
    yield {
        "type": "position",
        "position": last.position,
        "closing": last.closing,
        "now": last.now_ms,
        "watermark": last.watermark_ms,
    }


def _series(key: SeriesKey) -> dict[str, Any]:
    return {
        "beat": key.beat,
        "device": key.device,
        "kind": KIND_NAMES.get(key.kind, str(key.kind)),
        "metric": key.metric,
    }


def _window_lines(results: list[Results], catalog: list[SeriesKey]) -> Iterator[dict[str, Any]]:
    rows = merge_windows(results)
    if rows is None:
        return
    names = WINDOW_COLUMNS[1:]
    for series, *values in zip(plain(rows.series), *(plain(getattr(rows, name)) for name in names), strict=True):
        line = {"type": "window", **_series(catalog[series]), **dict(zip(names, values, strict=True))}
        line["status"] = STATUS_NAMES.get(line["status"], str(line["status"]))
        line["state"] = state_name(catalog[series].kind, line["state"])
        yield line


def _event_lines(result: Results, catalog: list[SeriesKey]) -> Iterator[dict[str, Any]]:
    for rows in result.gates:
        columns = (rows.series, rows.ts, rows.seq, rows.direction, rows.allowed)
        for series, ts, seq, direction, allowed, boot, vehicle, plate in zip(
            *(plain(column) for column in columns), rows.boot, rows.vehicle, rows.plate, strict=True
        ):
            yield {
                "type": "gate",
                **_series(catalog[series]),
                "ts": ts,
                "boot": boot,
                "seq": seq,
                "direction": DIRECTION_NAMES.get(direction, "unknown"),
                "allowed": PERMIT_VALUES.get(allowed),
                "vehicle": vehicle,
                "plate": plate,
            }
    for changes in result.states:
        for series, ts, value in zip(plain(changes.series), plain(changes.ts), changes.value, strict=True):
            yield {"type": "state", **_series(catalog[series]), "ts": ts, "value": value}
