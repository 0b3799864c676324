"""Appends observations to the columns of a batch: whole messages of one type at once, anything else one by one."""

import math
import struct
from array import array
from collections.abc import Container, Sequence
from typing import Any, Final, NamedTuple

from msgspec.structs import astuple

from ingest.gateway.plate_forms import names_plate
from ingest.gateway.plates import Plates, SealedPlateError
from ingest.log import Record
from ingest.log.batch import Batch, Source
from ingest.observations import LATEST_MS, Count, Gate, Level, Observation, State, epoch_ms, may_be_seconds
from ingest.refusal import Refusal
from ingest.vocabulary import DIRECTION_NAMES, PERMIT_VALUES, Flag, Kind

_DIRECTIONS: Final = {word: float(number) for number, word in DIRECTION_NAMES.items()}
_ALLOWED: Final = {said: float(number) for number, said in PERMIT_VALUES.items()}
_COUNT, _GATE, _LEVEL, _STATE = Kind
_BACKFILL: Final = int(Flag.BACKFILL)
_KINDS: Final[dict[type, Kind]] = {Count: _COUNT, Gate: _GATE, Level: _LEVEL, State: _STATE}
Values = tuple[int, float, float, float, str, str]
"""(kind, a, b, interval, metric, text), see `ingest.vocabulary.Kind`."""
FEW: Final = 8
"""More observations than this do not wait: brokers stop sending when so many are not acknowledged."""
_REMEMBERED: Final = 100_000
_RISES: Final = 0.1
_SINKS: Final = 0.02
"""By so much of the distance the highest reading comes down with each lower one: it is the highest of about fifty."""


def kind_of(observation: type) -> Kind:
    """Return the kind of an observation type, or of a subclass of one (the codec has its own)."""
    kind = _KINDS.get(observation)
    if kind is None:
        kind = _KINDS[observation] = next(kind for base, kind in _KINDS.items() if issubclass(observation, base))
    return kind


class Taken(NamedTuple):
    """What the messages since the last `ingest.gateway.intake.Intake.finish` came to."""

    records: list[Record]
    """To append to the log, in one append: a batch for every shard that got something, in the order of their numbers,
    then incidents, commands and statuses as they came."""
    refusals: list[Refusal]
    observations: int
    """Rows of the batches."""


class Collector:
    """Fills one batch.

    The columns' ``append`` and ``extend`` are looked up once per batch: this is the one place where Python runs for
    every observation.
    """

    def __init__(self, plates: Plates, trusted: Container[str] = ()) -> None:
        """Take what makes tokens, and the devices whose own tokens are taken."""
        self.batch = Batch()
        self._plates, self._trusted = plates, trusted
        self.looked_at = 0
        """Rows that `Hurry` has looked at."""
        self._strings: dict[str, int] = {}
        self._empty = self._string("")
        self._sources: dict[tuple[str, str, str], int] = {}
        columns: dict[str, Any] = dict(self.batch.columns)  # of int or of float, depending on the name
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

    def add(self, source: tuple[str, str, str], seq: int, ts: int, received: int, flags: int, values: Values) -> None:
        """Append one observation of a (beat, device, boot); `values` are those of `values_of`."""
        kind, a, b, interval, metric, text = values
        index = self._sources.get(source)
        if index is None:
            index = self._source_index(source)
        self._kind.append(kind)
        self._source.append(index)
        self._seq.append(seq)
        self._ts.append(ts)
        self._received.append(received)
        self._a.append(a)
        self._b.append(b)
        self._interval.append(interval)
        self._metric.append(self._string(metric))
        self._text.append(self._string(text) if text else self._empty)
        self._flags.append(flags)

    def values_of(self, observation: Observation, device: str = "") -> Values:
        """Return what the columns hold of a device's observation; a plate becomes its token.

        Raises `ingest.gateway.plates.SealedPlateError`.
        """
        if isinstance(observation, Count):
            return 0, observation.in_, observation.out, observation.interval_s, observation.of, ""
        if isinstance(observation, Level):
            return 2, observation.value, 0.0, 0.0, observation.metric, observation.unit
        if isinstance(observation, State):
            return 3, 0.0, 0.0, 0.0, observation.metric, self._word(observation.metric, observation.value)
        token = self._plates.logged(observation.plate, trusted=device in self._trusted) if observation.plate else ""
        return 1, _DIRECTIONS[observation.direction], _ALLOWED[observation.allowed], 0.0, observation.vehicle, token

    def add_alike(self, beat: str, device: str, observations: Sequence[Observation], received: int) -> bool:
        """Append a message's observations at once, or return False and append none where that cannot be done.

        It can where all are of one type, of one boot, numbered, with event times from 1970 to 2100, and with plates
        that can be opened where they are sealed.
        """
        if len(set(map(type, observations))) > 1:
            return False
        fields = tuple(zip(*map(astuple, observations), strict=True))
        boots, rows = fields[-1], len(observations)
        if boots.count(boots[0]) != rows:
            return False
        try:
            seqs = _packed("q", fields[-2])
        except struct.error:  # a number is missing
            return False
        times: Sequence[int] = fields[0]
        try:
            packed_times = _packed("q", times)
        except struct.error:  # a time is text
            times = [epoch_ms(instant) for instant in times]
            packed_times = _packed("q", times)
        if may_be_seconds(min(times)) or max(times) > LATEST_MS:
            return False
        kind = kind_of(type(observations[0]))
        try:
            self._values(kind, fields, rows, trusted=device in self._trusted)
        except SealedPlateError:
            return False
        self._kind.frombytes(bytes((kind,)) * rows)
        marked = fields[-3]
        self._flags.frombytes(bytes(_BACKFILL * one for one in marked) if any(marked) else bytes(rows))
        self._source.extend(array("I", (self._source_index((beat, device, boots[0])),)) * rows)
        self._received.extend(array("q", (received,)) * rows)
        self._seq.frombytes(seqs)
        self._ts.frombytes(packed_times)
        return True

    def _values(self, kind: Kind, fields: tuple[tuple[Any, ...], ...], rows: int, *, trusted: bool) -> None:
        zeros = bytes(8 * rows)
        if kind is _COUNT:
            _, interval, ins, outs, of, *_ = fields
            a, b, intervals = _packed("d", ins), _packed("d", outs), _packed("f", interval)
            metrics, texts = self._indices(of), array("I", (self._empty,)) * rows
        elif kind is _LEVEL:
            _, metric, value, unit, *_ = fields
            a, b, intervals = _packed("d", value), zeros, zeros[: 4 * rows]
            metrics, texts = self._indices(metric), self._indices(unit)
        elif kind is _STATE:
            _, metric, word, *_ = fields
            a, b, intervals = zeros, zeros, zeros[: 4 * rows]
            metrics, texts = self._indices(metric), self._indices(tuple(map(self._word, metric, word)))
        else:
            _, direction, plate, vehicle, allowed, *_ = fields
            logged = self._plates.logged
            a = _packed("d", [_DIRECTIONS[word] for word in direction])
            b, intervals = _packed("d", [_ALLOWED[word] for word in allowed]), zeros[: 4 * rows]
            metrics = self._indices(vehicle)
            texts = self._indices(tuple(logged(raw, trusted=trusted) if raw else "" for raw in plate))
        self._a.frombytes(a)
        self._b.frombytes(b)
        self._interval.frombytes(intervals)
        self._metric.extend(metrics)
        self._text.extend(texts)

    def _word(self, metric: str, word: str) -> str:
        """Return a state's word, or the token of one whose metric says that it is a plate."""
        return self._plates.token(word) if names_plate(metric) else word

    def _string(self, text: str) -> int:
        """Return the index of a text in the batch; plates in it, wherever a device puts them, are hidden."""
        index = self._strings.get(text)
        if index is None:
            index = self._strings[text] = self.batch.string_index(self._plates.hidden_text(text))
        return index

    def _source_index(self, source: tuple[str, str, str]) -> int:
        beat, device, boot = source
        index = self.batch.source_index(Source(beat, device, self._plates.hidden_text(boot)))
        self._sources[source] = index
        return index

    def _indices(self, texts: tuple[str, ...]) -> "array[int]":
        index = self._string
        if texts.count(texts[0]) == len(texts):
            return array("I", (index(texts[0]),)) * len(texts)
        return array("I", map(index, texts))


def _packed(code: str, values: Sequence[float]) -> bytes:
    """Return values as array bytes: four times as fast as ``array.extend``, which appends one by one."""
    return struct.pack(f"={len(values)}{code}", *values)


class Hurry:
    """Tells what must not wait: while little comes, counts and readings as usual are gathered before they are logged.

    Every append costs the disk some pages and a sync, however small it is, and a card wears out by them. What might be
    news goes on at once, with all that has been gathered: a word that differs from the device's last, a reading above
    what it has said lately, or one that has risen by a tenth of that. Whether it is news, the pipeline says.
    """

    def __init__(self) -> None:
        self._words: dict[tuple[str, str], str] = {}
        self._highest: dict[tuple[str, str], tuple[float, float]] = {}
        """(device, metric) → the highest reading lately, and the last one."""

    def of(self, collectors: Sequence[Collector | None]) -> bool:
        """Tell whether anything must not wait that was collected since the last look."""
        return any(self._of(one) for one in collectors if one is not None)

    def _of(self, collector: Collector) -> bool:
        batch, first, collector.looked_at = collector.batch, collector.looked_at, len(collector)
        columns, strings = batch.columns, batch.strings
        found = len(collector) > FEW
        for row in range(first, len(collector)):
            kind = columns["kind"][row]
            if kind not in {Kind.LEVEL, Kind.STATE}:
                continue
            key = batch.sources[int(columns["source"][row])].device, strings[int(columns["metric"][row])]
            if len(self._words) + len(self._highest) >= _REMEMBERED:
                self._words.clear()
                self._highest.clear()
            if kind == Kind.STATE:
                word = strings[int(columns["text"][row])]
                found |= self._words.get(key) != word
                self._words[key] = word
            else:
                value = columns["a"][row]
                highest, last = self._highest.get(key, (-math.inf, math.inf))
                above = not value <= highest
                found |= above or value - last > _RISES * abs(highest)
                self._highest[key] = (value if above else highest - _SINKS * (highest - value)), value
        return bool(found)
