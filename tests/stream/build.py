"""Records and places for pipeline tests, built by hand."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import msgspec

from ingest.log.batch import Batch, Source
from ingest.log.history import HistorySeries, encode_history
from ingest.log.records import Record, RecordKind
from ingest.places import Places, parse_places
from ingest.refusal import Refusal
from ingest.vocabulary import Kind
from stream.sentences.catalogue import in_all_languages

NOON = 1_795_406_400_000
"""2026-11-23 04:00 UTC, noon in Shanghai; a multiple of five minutes."""
MINUTE = 60_000


def forget(_refusals: Sequence[Refusal]) -> None:
    """A quarantine for tests that refuse nothing."""


def text_of(result):
    """Language → what is told of an anomaly, alert or hotspot, in Shanghai's time."""
    return in_all_languages(result.why, ZoneInfo("Asia/Shanghai"))


def places(devices: dict[str, str] | None = None, overrides: dict[str, dict] | None = None) -> Places:
    """One square beat with devices (id → type)."""
    devices = devices or {"cam-1": "camera", "gate-1": "gate", "door-1": "door", "noise-1": "noise", "smoke-1": "smoke"}
    square = [[121.47, 31.23], [121.48, 31.23], [121.48, 31.24], [121.47, 31.24], [121.47, 31.23]]
    features = [
        {
            "type": "Feature",
            "properties": {"kind": "beat", "id": "b1", "name": "Beat 1", "residents": 1000},
            "geometry": {"type": "Polygon", "coordinates": [square]},
        }
    ]
    features += [
        {
            "type": "Feature",
            "properties": {
                "kind": "device",
                "id": device,
                "beat": "b1",
                "type": kind,
                "overrides": (overrides or {}).get(device, {}),
            },
            "geometry": {"type": "Point", "coordinates": [121.471 + 0.0001 * index, 31.235]},
        }
        for index, (device, kind) in enumerate(devices.items())
    ]
    return parse_places({"type": "FeatureCollection", "features": features})


class Writer:
    """Builds records in the order of a log; `received` is the newest event time unless told otherwise."""

    def __init__(self) -> None:
        self.position = 0
        self.seqs: dict[tuple[str, str], int] = {}
        self.batch = Batch()
        self.newest = 0

    def _row(
        self,
        device,
        kind,
        ts,
        *,
        a=0.0,
        b=0.0,
        interval=0.0,
        metric="",
        text="",
        seq=None,
        boot="a",
        received=None,
        beat="b1",
    ):
        if seq is None:
            seq = self.seqs[device, boot] = self.seqs.get((device, boot), -1) + 1
        self.newest = max(self.newest, ts if received is None else received)
        batch = self.batch
        row = {
            "kind": kind,
            "source": batch.source_index(Source(beat, device, boot)),
            "seq": seq,
            "ts": ts,
            "received": self.newest if received is None else received,
            "a": float(a),
            "b": float(b),
            "interval": interval,
            "metric": batch.string_index(metric),
            "text": batch.string_index(text),
            "flags": 0,
        }
        for name, value in row.items():
            batch.columns[name].append(value)
        return self

    def count(self, device, ts, in_, out=0, interval=60.0, of="person", **more):
        return self._row(device, Kind.COUNT, ts, a=in_, b=out, interval=interval, metric=of, **more)

    def level(self, device, ts, value, metric="noise", unit=None, **more):
        if unit is None:
            from ingest.codecs.words import RULE_UNITS  # not at the top: `tests.same` drives trees without it

            unit = RULE_UNITS.get(metric, "")
        return self._row(device, Kind.LEVEL, ts, a=value, metric=metric, text=unit, **more)

    def state(self, device, ts, value, metric="door", **more):
        return self._row(device, Kind.STATE, ts, metric=metric, text=value, **more)

    def gate(self, device, ts, plate="h1:k:x", direction=0, allowed=1, vehicle="car", **more):
        return self._row(device, Kind.GATE, ts, a=direction, b=allowed, metric=vehicle, text=plate, **more)

    def record(self, received=None) -> Record:
        """Close the batch into a record."""
        payload, self.batch = self.batch.encode(), Batch()
        return self._next(RecordKind.OBSERVATIONS, payload, self.newest if received is None else received)

    def tick(self, received) -> Record:
        return self._next(RecordKind.TICK, b"", received)

    def json(self, kind, received, **fields) -> Record:
        return self._next(kind, msgspec.json.encode(fields), received)

    def _next(self, kind, payload, received) -> Record:
        self.position += 1
        self.newest = max(self.newest, received)
        return Record(kind=kind, received_ms=received, payload=payload, position=self.position)


class HistoryBuilder:
    """Gathers windows of history one by one. A column may be changed before `encode`."""

    def __init__(self, window_ms: int, *, again: bool = False) -> None:
        self.window_ms, self.again = window_ms, again
        self.series: dict[HistorySeries, int] = {}
        self.which: list[int] = []
        self.number: list[int] = []
        self.value: list[float] = []
        self.exposure: list[float] = []

    def add(self, series: HistorySeries, number: int, value: float, exposure: float = 1.0) -> None:
        self.which.append(self.series.setdefault(series, len(self.series)))
        self.number.append(number)
        self.value.append(value)
        self.exposure.append(exposure)

    def encode(self) -> bytes:
        columns = (self.which, self.number, self.value, self.exposure)
        return encode_history(self.window_ms, list(self.series), *columns, again=self.again)
