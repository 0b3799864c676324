"""The context stage: when a window closes, each beat's people, vehicles and noise are judged together.

The forest that judges is trained beside the pipeline and comes in through the log (`RecordKind.MODEL`), so that reading
the log again gives the same findings. Until the first one comes, nothing is judged.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ingest.vocabulary import COUNT_ALERTS, HiddenState, Kind, LevelState
from models.calendar import Calendar
from models.context import beat_forest as context
from models.context.beat_forest import BEAT, BeatForest, ContextError, Episodes, Judgement, Recent
from models.state import FREE, Saved, array, part, value
from stream.detect.findings import Findings
from stream.sentences import Why

KIND: Final = "context"
CHANNEL_OF: Final[dict[tuple[int, str], int]] = {
    (Kind.COUNT, "person"): 0,
    (Kind.COUNT, "vehicle"): 1,
    (Kind.LEVEL, "noise"): 2,
}
"""(kind, metric) of a series → its channel in `models.context.beat_forest.CHANNELS`."""
ALARMED: Final = {
    Kind.COUNT: tuple(COUNT_ALERTS),
    Kind.LEVEL: (LevelState.HIGH, LevelState.LOW),
}
"""States of a series in which its own device is in alarm."""
UNKNOWN: Final = {Kind.COUNT: (HiddenState.YOUNG,), Kind.LEVEL: (LevelState.STUCK, LevelState.YOUNG)}
"""States in which what is expected, or seen, says nothing: too young to judge, or stuck."""
_DRIVES: Final = 0.4
"""A channel drives a finding if it makes at least this share of what the strongest does."""
_USUAL: Final = 1.5
"""A channel whose deviation is smaller is called usual."""
_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SATURDAY: Final = 5


class ContextStage(Saved):
    """The beats of a shard. Rows of its arrays are beats, in the order in which their first series came."""

    beats = value(list[str], axis=BEAT)
    recent: Recent = part()
    episodes: Episodes = part()
    _packed = array(np.uint8, FREE)
    """The forest as it came."""

    def __init__(self, window_s: int, calendar: Calendar, findings: Findings) -> None:
        self.window_s, self.calendar, self.findings = window_s, calendar, findings
        self.recent = Recent(window_s, 0)
        self.episodes = Episodes(0)
        super().__init__()
        self.restored()

    def restored(self) -> None:
        """Take the forest; the series must be added again."""
        self._number = {beat: number for number, beat in enumerate(self.beats)}
        self._series = np.zeros(0, dtype=np.int64)
        """Series that belong to a channel."""
        self._channel = np.zeros(0, dtype=np.int64)
        self._beat = np.zeros(0, dtype=np.int64)
        self._level = np.zeros(0, dtype=np.bool_)
        self.forest: BeatForest | None = None
        self._index = np.zeros(0, dtype=np.intp)
        """Place of each beat in the forest, -1 where it was not trained on."""
        if self._packed.size:
            self.take(self._packed.tobytes())

    def add_series(self, added: Sequence[int]) -> None:
        """Take note of new series; those that are no channel of a beat are left out."""
        for series in added:
            key = self.findings.catalog.series[series]
            channel = CHANNEL_OF.get((key.kind, key.metric))
            if channel is None:
                continue
            self._series = np.append(self._series, series)
            self._channel = np.append(self._channel, channel)
            self._beat = np.append(self._beat, self._beat_number(key.beat))
            self._level = np.append(self._level, key.kind == Kind.LEVEL)
        self._grow()

    def _beat_number(self, beat: str) -> int:
        if beat not in self._number:
            self._number[beat] = len(self.beats)
            self.beats.append(beat)
        return self._number[beat]

    def _grow(self) -> None:
        self.grow(BEAT, len(self.beats))
        if len(self._index) < len(self.beats):
            self._index = self._places()

    def _places(self) -> NDArray[np.intp]:
        return np.full(len(self.beats), -1, dtype=np.intp) if self.forest is None else self.forest.index(self.beats)

    def take(self, payload: bytes) -> None:
        """Take over a newly trained forest. Raises `ContextError`; the one before then stays."""
        forest = BeatForest.load(payload)
        if forest.window_s != self.window_s:
            raise ContextError(
                f"model of the beats' context: trained on windows of {forest.window_s} s, expected {self.window_s} s"
            )
        self.forest, self._packed = forest, np.frombuffer(payload, dtype=np.uint8)
        self._index = self._places()

    def close(self, number: int, fields: Mapping[str, NDArray[Any]], quiet: NDArray[np.bool_] | None = None) -> None:
        """Judge the beats by a closed window, after `CountsStage` and `LevelsStage` have written what they expected.

        What is `quiet` (all series,) says nothing: something is planned for it.
        """
        if not len(self._series):
            return
        start_ms = number * self.window_s * 1000
        series = self._series
        state = fields["state"][series]
        alarmed, unknown = (_in_states(state, self._level, states) for states in (ALARMED, UNKNOWN))
        if quiet is not None:
            unknown |= quiet[series]
        total = fields["sum_a"][series]
        observed = np.where(self._level, total / np.maximum(fields["n"][series], 1), total + fields["sum_b"][series])
        expected = np.where(unknown | (fields["n"][series] == 0), np.nan, fields["expected"][series])
        window = context.sums(
            self._beat, self._channel, observed, expected, fields["lower"][series], fields["upper"][series],
            len(self.beats),
        )  # fmt: skip
        span = self.recent.push(start_ms, window)
        if self.forest is None:
            return
        judgement = self.forest.judge(self._index, start_ms, span, self.calendar)
        strange = np.zeros(len(self.beats), dtype=np.bool_)
        strange[self._beat[alarmed]] = True
        news, over = self.episodes.step(start_ms, judgement.surprise, strange)
        rows = np.flatnonzero(news)
        if len(rows):
            drivers = self.forest.drivers(judgement.usual[:, rows], start_ms, self.calendar)
            for place, row in enumerate(rows.tolist()):
                self._found(row, judgement, drivers[:, place], start_ms)
        for row in np.flatnonzero(over).tolist():
            beat = self.beats[row]
            end_ms = start_ms - (context.CALM - 1) * self.window_s * 1000
            self.findings.fall(beat, KIND, self.findings.now_ms, end_ms=end_ms)

    def _found(self, row: int, judgement: Judgement, drivers: NDArray[np.float64], start_ms: int) -> None:
        findings, beat = self.findings, self.beats[row]
        surprise, usual = float(judgement.surprise[row]), judgement.usual[:, row]
        seen, expected = judgement.seen[:, row], judgement.expected[:, row]
        leading, calm = _driving(usual, drivers, seen)
        first = leading[0]
        onset_ms = int(self.episodes.onset_ms[row])
        end_ms = start_ms + self.window_s * 1000
        p = 10.0**-surprise
        minutes = self.recent.slots * self.window_s / 60
        why = Why(
            "context",
            {
                "channels": _channels(leading, usual, seen, expected, minutes),
                "calm": len(calm),
                "usual": [Why("channel-name", {"channel": context.CHANNELS[channel]}) for channel in calm],
                "p": p,
                "day": self._day(start_ms),
                "at_ms": end_ms,
                "since_ms": onset_ms if onset_ms < start_ms else 0,
            },
        )
        devices = np.unique(findings.catalog.series_device[self._series[self._beat == row]]).tolist()
        confidence = round(sum(findings.confidence(device) for device in devices) / len(devices), 2)
        anomaly = findings.anomaly(
            beat,
            KIND,
            KIND,
            "surge" if usual[first] > 0 else "deficit",
            onset_ms,
            why,
            observed=float(seen[first]),
            expected=float(expected[first]),
            p=p,
            duration_s=max(end_ms - onset_ms, 0) / 1000,
            confidence=confidence,
        )
        findings.alert(anomaly, findings.now_ms, surprise=surprise)

    def _day(self, start_ms: int) -> str:
        """Return what kind of day it is, as the catalogue's message ``day`` tells them apart."""
        day_class, _ = self.calendar.local(start_ms)
        weekday = int(self.calendar.weekday(start_ms))
        # A Saturday is a class of its own, and not worked.
        working = int(day_class) == 0
        if not working and weekday < _SATURDAY:
            return "holiday"
        return f"working_{_DAYS[weekday]}" if working and weekday >= _SATURDAY else _DAYS[weekday]


def _driving(
    usual: NDArray[np.float64], drivers: NDArray[np.float64], seen: NDArray[np.float64]
) -> tuple[list[int], list[int]]:
    """Return the channels that drive a finding, the strongest first, and those that are as usual."""
    strongest = float(drivers.max())
    order = sorted(range(len(usual)), key=lambda channel: (-drivers[channel], -abs(usual[channel])))
    leading = [c for c in order if usual[c] != 0 and drivers[c] >= max(_DRIVES * strongest, 1e-9)]
    # If only the time of day is strange, no channel drives it: then the one farthest from usual is named.
    leading = leading or [max(order, key=lambda channel: abs(usual[channel]))]
    return leading, [c for c in order if c not in leading and np.isfinite(seen[c]) and abs(usual[c]) < _USUAL]


def _channels(
    leading: list[int],
    usual: NDArray[np.float64],
    seen: NDArray[np.float64],
    expected: NDArray[np.float64],
    minutes: float,
) -> list[Why]:
    """Return a sentence for each channel that drives a finding; the numbers cover `minutes`."""
    found: list[Why] = []
    before = 0
    for channel in leading:
        direction = 1 if usual[channel] >= 0 else -1
        args: dict[str, Any] = {
            "channel": context.CHANNELS[channel],
            "link": "first" if not before else "and" if direction == before else "but",
            "direction": direction,
            "observed": float(seen[channel]),
            "expected": float(expected[channel]),
            "minutes": minutes,
        }
        found.append(Why("channel", args))
        before = direction
    return found


def _in_states(
    state: NDArray[np.uint8], level: NDArray[np.bool_], states: Mapping[Kind, tuple[int, ...]]
) -> NDArray[np.bool_]:
    """Return which series are in some states, which mean different things for counts and levels."""
    return np.where(level, np.isin(state, states[Kind.LEVEL]), np.isin(state, states[Kind.COUNT]))
