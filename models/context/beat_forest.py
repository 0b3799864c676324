"""The context of a beat: what its people, vehicles and noise say together that none of its devices says alone.

Of each beat and window go in the sums over its devices of what was observed, what their own baselines expected, and how
far that usually strays. The last half hour of them becomes one deviation a channel, in units of what this beat usually
strays by; the deviations, their differences (people against vehicles, …), the time of day and the class of day are what
an isolation forest sees (`models.context.isolation`). Its score is calibrated to a tail probability
(`models.context.score_tail`). docs/context.md has the method, what it reaches, and when it fails. Training:
`models.context.forest_training`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Annotated, Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from ingest import frame
from ingest.frame import FrameKind
from models.baselines import negbin
from models.calendar import Calendar
from models.context.isolation import Forest
from models.context.score_tail import ScoreTail
from models.frames import to_numpy
from models.state import Axis, Saved, array

Floats = NDArray[np.float64]

CHANNELS: Final = ("people", "vehicles", "noise")
COUNTED: Final = 2
"""The first channels are counts, the others readings."""
OBSERVED, EXPECTED, VARIANCE, DEVICES = range(4)
"""What stands in the first axis of sums; DEVICES counts (device, window) pairs."""
BEAT: Final = Axis("beat", exact=True)
SUMS: Final = 4
BAND_WIDTH: Final = 2 * 2.5758
"""Of the baselines' 99 % band, in standard deviations."""
SPAN_S: Final = 1_800
"""What is judged together: long enough for small deviations to add up, short enough to send somebody."""
PAIRS: Final = tuple(combinations(range(len(CHANNELS)), 2))
FEATURES: Final = (
    *CHANNELS,
    *(f"{CHANNELS[first]} - {CHANNELS[second]}" for first, second in PAIRS),
    "sine of the time of day",
    "cosine of the time of day",
    "class of day",
)
_FARTHEST: Final = 8.0
"""Deviations are cut here: a number farther out is not stranger, and single precision must hold it."""
LEAST_SPREAD: Final = 0.2
ALARM: Final = 3.3
"""Surprise from which a beat's mix is an alarm: at most about one false alarm a beat in two weeks (docs/context.md)."""
ORDINARY: Final = 2.0
"""Surprise below which it is over, `CALM` windows in a row."""
CALM: Final = 2
MAX_BEATS: Final = 100_000


class ContextError(ValueError):
    """Bytes are no trained forest of beats, or not one for this site; the text says what was expected."""


def sums(
    beat: NDArray[np.integer[Any]],
    channel: NDArray[np.integer[Any]],
    observed: NDArray[np.floating[Any]],
    expected: NDArray[np.floating[Any]],
    lower: NDArray[np.floating[Any]],
    upper: NDArray[np.floating[Any]],
    beats: int,
) -> Floats:
    """Return the sums of one window over the devices of each beat, (`SUMS`, channels, beats).

    All arguments but `beats` have one entry a device and channel. Those without an expectation are left out, on both
    sides: a device that says nothing, or is too young, shifts nothing.
    """
    good = np.isfinite(observed) & np.isfinite(expected) & np.isfinite(lower) & np.isfinite(upper)
    beat, channel = np.asarray(beat)[good], np.asarray(channel)[good]
    mean = np.maximum(np.asarray(expected, dtype=np.float64)[good], 0.0)
    variance = ((np.asarray(upper, dtype=np.float64) - lower)[good] / BAND_WIDTH) ** 2
    # The band of a small count ends at whole numbers; no count strays less than a Poisson one.
    counted = channel < COUNTED
    variance = np.where(counted, np.maximum(variance, mean), variance)
    mean = np.where(counted, mean, np.asarray(expected, dtype=np.float64)[good])
    cell, size = channel.astype(np.int64) * beats + beat, len(CHANNELS) * beats
    columns = (np.asarray(observed, dtype=np.float64)[good], mean, variance, np.ones(len(cell)))
    total: Floats = np.stack([np.bincount(cell, column, size).astype(np.float64) for column in columns])
    return total.reshape(SUMS, len(CHANNELS), beats)


class Recent(Saved):
    """The sums of the last half hour, for all beats of a shard; a ring of windows."""

    _start = array(np.int64, "slots", fill=-(2**62))
    _sums = array(np.float64, "slots", SUMS, len(CHANNELS), BEAT)

    def __init__(self, window_s: int, beats: int) -> None:
        self.window_ms = window_s * 1000
        self.slots = max(SPAN_S // window_s, 1)
        super().__init__()
        self.grow(BEAT, beats)

    def push(self, start_ms: int, window: Floats) -> Floats:
        """Take a window's `sums`, and return those of the span that ends with it, (`SUMS`, channels, beats)."""
        slot = start_ms // self.window_ms % self.slots
        self._start[slot], self._sums[slot] = start_ms, window
        age = start_ms - self._start
        return np.asarray(self._sums[(age >= 0) & (age < self.slots * self.window_ms)].sum(axis=0))


@dataclass(frozen=True, slots=True)
class Deviation:
    """How far sums are from what was expected; arrays (channels, rows)."""

    z: Floats
    """In standard deviations, as if devices and windows were independent; 0 where nothing is known."""
    weight: Floats
    """E²/V of counts, 0 of readings: what an error of the expectation itself, in percent, makes of z²."""
    known: NDArray[np.bool_]

    def pick(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> "Deviation":
        """Return some of the rows."""
        return Deviation(self.z[:, rows], self.weight[:, rows], self.known[:, rows])


def deviation(span: Floats) -> Deviation:
    """Return the deviations of sums (`SUMS`, channels, rows)."""
    known = span[DEVICES] > 0
    y, mean = span[OBSERVED], np.maximum(span[EXPECTED], negbin.LEAST_MEAN)
    variance = np.maximum(span[VARIANCE], 1e-12)
    z, weight = np.zeros_like(y), np.zeros_like(y)
    count = slice(COUNTED)
    spread = np.maximum((variance[count] - mean[count]) / mean[count] ** 2, negbin.LEAST_DISPERSION)
    z[count] = negbin.residual(np.maximum(y[count], 0.0), mean[count], spread)
    weight[count] = mean[count] ** 2 / variance[count]
    rest = slice(COUNTED, None)
    z[rest] = (y[rest] - span[EXPECTED, rest]) / np.sqrt(variance[rest])
    return Deviation(np.where(known, z, 0.0), np.where(known, weight, 0.0), known)


@dataclass(frozen=True, slots=True)
class Scales:
    """What each beat's deviations usually are; arrays (channels, beats).

    The variance of z is ``own + shared * weight``: the part that devices and windows add up independently, and the
    part in which all of them err together (a warmer day, a baseline that lags), which grows with the counts.
    """

    location: Floats
    own: Floats
    shared: Floats

    def __post_init__(self) -> None:
        shape = (len(CHANNELS), self.location.shape[-1] if self.location.ndim else 0)
        for name in ("location", "own", "shared"):
            values = getattr(self, name)
            if values.dtype != np.float64 or values.shape != shape or not np.isfinite(values).all():
                raise ContextError(f"scales: {name} is {values.dtype}{values.shape}, expected finite float64{shape}")
        if (self.own < 0.01).any() or (self.shared < 0).any() or max(self.own.max(initial=0), 1.0) > 1e12:
            raise ContextError("scales: a spread is not positive")

    def apply(self, found: Deviation, beat: NDArray[np.intp]) -> Floats:
        """Return deviations (channels, rows) in units of what is usual for each row's beat."""
        spread = np.sqrt(self.own[:, beat] + self.shared[:, beat] * found.weight)
        usual = (found.z - self.location[:, beat]) / spread
        return np.where(found.known, np.clip(usual, -_FARTHEST, _FARTHEST), 0.0)


def features(usual: Floats, day_class: NDArray[np.integer[Any]], second: NDArray[np.integer[Any]]) -> Floats:
    """Return what the forest sees, (rows, `FEATURES`), of scaled deviations (channels, rows) and local times."""
    turn = second * (2.0 * np.pi / 86_400.0)
    columns = [*usual, *(usual[first] - usual[second_] for first, second_ in PAIRS)]
    columns += [np.sin(turn), np.cos(turn), day_class.astype(np.float64)]
    return np.column_stack(columns)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the forest says of beats at one time; arrays (rows,) unless they say otherwise."""

    score: Floats
    """0-1, higher is stranger."""
    surprise: Floats
    """-log10 of the tail probability; 0 where `judged` is false."""
    judged: NDArray[np.bool_]
    """False for beats that the forest was not trained on, or with fewer than two channels."""
    usual: Floats
    """(channels, rows): deviations in units of what is usual."""
    seen: Floats
    """(channels, rows): observed over the span; counts in all, readings on average. NaN where nothing is known."""
    expected: Floats


_Whole = Annotated[int, msgspec.Meta(ge=0, lt=2**62)]


class _Meta(msgspec.Struct, frozen=True):
    """What the bytes of a trained model say beside its arrays."""

    features: list[str]
    beats: Annotated[tuple[str, ...], msgspec.Meta(max_length=MAX_BEATS)]
    window_s: _Whole
    from_ms: _Whole
    to_ms: _Whole
    rows: _Whole


@dataclass(frozen=True, slots=True)
class BeatForest:
    """A trained model of the beats of one site: scales of each beat, one forest for all, one calibrated tail."""

    forest: Forest
    tail: ScoreTail
    scales: Scales
    beats: tuple[str, ...]
    window_s: int
    from_ms: int
    to_ms: int
    """Start of the first and of the last window it was trained on."""
    rows: int

    def __post_init__(self) -> None:
        if self.forest.features != len(FEATURES):
            raise ContextError(f"the forest has {self.forest.features} features, expected {len(FEATURES)}")
        if len(self.beats) != self.scales.location.shape[1] or len(set(self.beats)) != len(self.beats):
            raise ContextError(f"{len(self.beats)} beats (all different) and {self.scales.location.shape[1]} scales")

    def index(self, beats: Sequence[str]) -> NDArray[np.intp]:
        """Return where each beat stands in this model, -1 for one it was not trained on."""
        place = {beat: number for number, beat in enumerate(self.beats)}
        return np.array([place.get(beat, -1) for beat in beats], dtype=np.intp)

    def judge(self, beat: NDArray[np.intp], start_ms: int, span: Floats, calendar: Calendar) -> Judgement:
        """Judge many beats' spans in one batch.

        Parameters
        ----------
        beat
            Of each row, from `index`.
        start_ms
            Start of the window with which the spans end.
        span
            What `Recent.push` gave, (`SUMS`, channels, rows).
        """
        found = deviation(span)
        judged = (beat >= 0) & (found.known.sum(axis=0) >= 2)
        usual = self.scales.apply(found, np.maximum(beat, 0)) if self.beats else np.zeros_like(found.z)
        score = np.zeros(len(beat))
        rows = np.flatnonzero(judged)
        if len(rows):
            score[rows] = self._score(usual[:, rows], start_ms, calendar)
        surprise = np.where(judged, -np.log10(self.tail.p(score)), 0.0)
        devices = np.where(found.known, span[DEVICES], np.nan)
        per = np.where(np.arange(len(CHANNELS))[:, None] < COUNTED, np.where(found.known, 1.0, np.nan), devices)
        return Judgement(score, surprise, judged, usual, span[OBSERVED] / per, span[EXPECTED] / per)

    def drivers(self, usual: Floats, start_ms: int, calendar: Calendar) -> Floats:
        """Return how much of each row's surprise each channel makes, (channels, rows), at least 0.

        A channel's share is what the surprise falls by when that channel is put to its usual value. Where only two
        together are strange, each takes all of it away.
        """
        rows = usual.shape[1]
        tries = np.concatenate([usual, *(_without(usual, channel) for channel in range(len(CHANNELS)))], axis=1)
        surprise = -np.log10(self.tail.p(self._score(tries, start_ms, calendar)))
        rest = surprise.reshape(len(CHANNELS) + 1, rows)
        drop: Floats = np.maximum(rest[0] - rest[1:], 0.0)
        return drop

    def _score(self, usual: Floats, start_ms: int, calendar: Calendar) -> Floats:
        day_class, second = calendar.local(start_ms)
        rows = usual.shape[1]
        return self.forest.score(features(usual, np.full(rows, day_class), np.full(rows, second)))

    def pack(self) -> bytes:
        """Return the model as bytes that `load` takes; equal models give equal bytes."""
        parts = {"forest": self.forest.arrays(), "tail": self.tail.arrays(), "scales": asdict(self.scales)}
        arrays = {f"{part}/{name}": values for part, found in parts.items() for name, values in found.items()}
        meta = _Meta(list(FEATURES), self.beats, self.window_s, self.from_ms, self.to_ms, self.rows)
        return frame.encode(FrameKind.FOREST, meta, arrays)

    @classmethod
    def load(cls, data: bytes) -> "BeatForest":
        """Return the model that `pack` gave. Raises `ContextError`, and nothing else, for any other bytes."""
        try:
            meta, found = frame.decode(FrameKind.FOREST, data, _Meta)
            if meta.features != list(FEATURES):
                raise ContextError(f"it was trained on {meta.features!r}, expected {list(FEATURES)!r}")
            parts: dict[str, dict[str, NDArray[Any]]] = {"forest": {}, "tail": {}, "scales": {}}
            for path, values in to_numpy(found).items():
                part, _, name = path.partition("/")
                parts.get(part, {})[name] = values
            forest, tail = Forest.from_arrays(parts["forest"]), ScoreTail.from_arrays(parts["tail"])
            if parts["scales"].keys() != {"location", "own", "shared"}:
                raise ContextError(f"its scales are {sorted(parts['scales'])}, expected location, own and shared")
            scales = Scales(**parts["scales"])
            return cls(forest, tail, scales, meta.beats, meta.window_s, meta.from_ms, meta.to_ms, meta.rows)
        except ValueError as error:  # of this module, of the frame, the forest or the tail
            raise ContextError(f"model of the beats' context: {error}") from error


class Episodes(Saved):
    """From the surprise of each window to a beginning and an end, for all beats of a shard."""

    onset_ms = array(np.int64, BEAT)
    """Start of the episode that a beat is in, else 0."""
    _calm = array(np.int64, BEAT)

    def __init__(self, beats: int) -> None:
        super().__init__()
        self.grow(BEAT, beats)

    def step(
        self, start_ms: int, surprise: Floats, alarmed: NDArray[np.bool_]
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Take a closed window of every beat; return where it is an alarm, and where an episode is over, (beats,).

        `alarmed` is where a device is itself in alarm: there no episode begins, for its own alert says more.
        """
        within = self.onset_ms > 0
        news = (surprise >= ALARM) & (within | ~alarmed)
        self._calm = np.where(within & (surprise < ORDINARY), self._calm + 1, 0)
        over = self._calm >= CALM
        self.onset_ms = np.where(over, 0, np.where(news & ~within, start_ms, self.onset_ms))
        return news, over


def _without(usual: Floats, channel: int) -> Floats:
    changed = usual.copy()
    changed[channel] = 0.0
    return changed
