"""Appends observations to the columns of a batch: whole messages of one type at once, anything else one by one."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import astuple

from ingest.batch import Batch, Kind, Source
from ingest.observations import Count, Gate, Level, State, epoch_ms

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ingest.observations import Observation
    from ingest.plates import Plates

_DIRECTIONS: Final = {"in": 0.0, "out": 1.0, "unknown": 2.0}
_ALLOWED: Final = {True: 1.0, False: 0.0, None: -1.0}
KINDS: Final[dict[type, Kind]] = {Count: Kind.COUNT, Gate: Kind.GATE, Level: Kind.LEVEL, State: Kind.STATE}
Values = tuple[int, float, float, float, str, str]
"""(kind, a, b, interval, metric, text), as `ingest.batch.Kind` tells them."""


class Collector:
    """Fills one batch.

    The columns' ``append`` and ``extend`` are looked up once per batch: this is the one place where Python runs for
    every observation.
    """

    def __init__(self, plates: Plates) -> None:
        self.batch = Batch()
        self._plates = plates
        self._empty = self.batch.string_index("")
        columns: dict[str, Any] = dict(self.batch.columns)  # arrays of int or float: told apart by their names
        self._kind, self._source, self._seq = columns["kind"], columns["source"], columns["seq"]
        self._ts, self._received, self._flags = columns["ts"], columns["received"], columns["flags"]
        self._a, self._b, self._interval = columns["a"], columns["b"], columns["interval"]
        self._metric, self._text = columns["metric"], columns["text"]

    def __len__(self) -> int:
        """Return the number of observations."""
        return len(self._kind)

    def truncate(self, rows: int) -> None:
        """Take back what was appended after the first `rows` observations, however far it got."""
        for column in self.batch.columns.values():
            del column[rows:]

    def add(
        self,
        source: Source,
        seq: int,
        ts: int,
        received: int,
        flags: int,
        values: Values,
    ) -> None:
        """Append one observation; `values` are those of `values_of`."""
        kind, a, b, interval, metric, text = values
        strings = self.batch.string_index
        self._kind.append(kind)
        self._source.append(self.batch.source_index(source))
        self._seq.append(seq)
        self._ts.append(ts)
        self._received.append(received)
        self._a.append(a)
        self._b.append(b)
        self._interval.append(interval)
        self._metric.append(strings(metric))
        self._text.append(strings(text))
        self._flags.append(flags)

    def values_of(self, observation: Observation) -> Values:
        """Return what the columns hold of an observation; a plate becomes its token."""
        if isinstance(observation, Count):
            return 0, observation.in_, observation.out, observation.interval_s, observation.of, ""
        if isinstance(observation, Level):
            return 2, observation.value, 0.0, 0.0, observation.metric, observation.unit
        if isinstance(observation, State):
            return 3, 0.0, 0.0, 0.0, observation.metric, observation.value
        token = self._plates.token(observation.plate) if observation.plate else ""
        return 1, _DIRECTIONS[observation.direction], _ALLOWED[observation.allowed], 0.0, observation.vehicle, token

    def add_alike(
        self, beat: str, device: str, observations: Sequence[Observation], received: int, earliest: int, latest: int
    ) -> bool:
        """Append a message's observations at once, or return False and append none where that cannot be done.

        It can where all are of one type, of one boot, numbered, and with event times from `earliest` to `latest`.
        """
        kind = type(observations[0])
        if any(type(observation) is not kind for observation in observations):
            return False
        fields = tuple(zip(*map(astuple, observations), strict=True))
        seqs, boots = fields[-2], fields[-1]
        if None in seqs or boots.count(boots[0]) != len(boots):
            return False
        times = _times(fields[0])
        if min(times) < earliest or max(times) > latest:
            return False
        rows = len(times)
        self._values(kind, fields, rows)
        self._kind.frombytes(bytes((KINDS[kind],)) * rows)
        self._flags.frombytes(bytes(rows))
        self._source.extend(array("I", (self.batch.source_index(Source(beat, device, boots[0])),)) * rows)
        self._received.extend(array("q", (received,)) * rows)
        self._seq.extend(seqs)
        self._ts.extend(times)
        return True

    def _values(self, kind: type, fields: tuple[tuple[Any, ...], ...], rows: int) -> None:
        if kind is Count:
            _, interval, ins, outs, of, _, _ = fields
            self._a.extend(ins)
            self._b.extend(outs)
            self._interval.extend(interval)
            self._metric.extend(self._indices(of))
            self._text.extend(self._same(rows))
        elif kind is Level:
            _, metric, value, unit, _, _ = fields
            self._a.extend(value)
            self._b.frombytes(bytes(8 * rows))
            self._interval.frombytes(bytes(4 * rows))
            self._metric.extend(self._indices(metric))
            self._text.extend(self._indices(unit))
        elif kind is State:
            _, metric, word, _, _ = fields
            self._a.frombytes(bytes(8 * rows))
            self._b.frombytes(bytes(8 * rows))
            self._interval.frombytes(bytes(4 * rows))
            self._metric.extend(self._indices(metric))
            self._text.extend(self._indices(word))
        else:
            _, direction, plate, vehicle, allowed, _, _ = fields
            token = self._plates.token
            self._a.extend([_DIRECTIONS[word] for word in direction])
            self._b.extend([_ALLOWED[word] for word in allowed])
            self._interval.frombytes(bytes(4 * rows))
            self._metric.extend(self._indices(vehicle))
            self._text.extend(self._indices(tuple(token(raw) if raw else "" for raw in plate)))

    def _same(self, rows: int) -> array[int]:
        return array("I", (self._empty,)) * rows

    def _indices(self, texts: tuple[str, ...]) -> array[int]:
        index = self.batch.string_index
        if texts.count(texts[0]) == len(texts):
            return array("I", (index(texts[0]),)) * len(texts)
        return array("I", map(index, texts))


def _times(instants: tuple[int | datetime, ...]) -> Sequence[int]:
    try:
        return array("q", instants)  # type: ignore[arg-type] # raises TypeError where one is a datetime
    except TypeError:
        return [epoch_ms(instant) for instant in instants]
