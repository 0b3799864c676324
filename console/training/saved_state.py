"""What a node's newest saved state says of its models, read beside the node: nothing is changed, nothing is locked."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ingest.frame import FrameError
from ingest.log import HistorySeries
from models.state import State
from stream.detect.learned_windows import LearnedWindows
from stream.engines.snapshot_files import read_snapshot
from stream.state.snapshot import unpack

Name = tuple[str, int, str]
"""Device, kind and metric of a series: what tells it apart, in whatever beat its device is."""


@dataclass(frozen=True, slots=True)
class SeriesModel:
    """What the baseline of one series has learned."""

    evidence: NDArray[np.float64]
    """Windows it remembers (what is forgotten does not count) per class of day and bin of its season."""
    windows: float
    """Windows it remembers in all."""
    last_ms: int
    """Start of the last window that was learned live; 0 for none."""
    stuck: bool
    spans: dict[str, list[tuple[int, int]]]
    """Window numbers [low, high) learned from observations and from ``history``."""


@dataclass(frozen=True, slots=True)
class SavedState:
    """The newest snapshot that this program can read."""

    position: int = -1
    now_ms: int = 0
    models: dict[Name, SeriesModel] = field(default_factory=dict)
    learned: list[LearnedWindows] = field(default_factory=list)
    index: dict[Name, tuple[int, int]] = field(default_factory=dict)
    """Series → its shard and its number there."""
    counting: list[tuple[list[Name], State]] = field(default_factory=list)
    """The baselines of counts of each shard, and whose their rows are."""
    leveling: list[tuple[list[Name], State]] = field(default_factory=list)
    """The same of readings."""
    problem: str = ""
    """Why nothing could be read; empty where something was, or where there is nothing yet."""

    def knows(
        self, names: list[HistorySeries], which: NDArray[np.int64], number: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Tell which windows the baselines had learned; `which` indexes `names`, both other arrays (rows,)."""
        known = np.zeros(len(which), dtype=np.bool_)
        places = [self.index.get((name.device, name.kind, name.metric), (-1, -1)) for name in names]
        shard = np.array([place[0] for place in places], dtype=np.int64)[which]
        series = np.array([place[1] for place in places], dtype=np.int64)[which]
        for index, learned in enumerate(self.learned):
            rows = np.flatnonzero(shard == index)
            known[rows] = learned.knows(series[rows], number[rows])
        return known


def read_saved(folder: Path, window_s: int) -> SavedState:
    """Return what the newest readable snapshot in a node's folder of states says.

    A folder without one gives an empty state; `SavedState.problem` tells where there are some and none can be read.
    """
    problem = ""
    for path in sorted(folder.glob("*.pgs"), reverse=True) if folder.is_dir() else []:
        try:
            return _read(read_snapshot(path), window_s)
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            problem = problem or f"{path.name}: {error}"
    return SavedState(problem=problem)


def _read(data: bytes, window_s: int) -> SavedState:
    about, parts = unpack(data)
    if about["window_s"] != window_s:
        raise FrameError(f"window_s is {about['window_s']!r} in the snapshot, expected {window_s!r}")
    found = SavedState(about["position"], about["now_ms"])
    for shard in range(about["shards"]):
        state = parts[str(shard)]
        learned = LearnedWindows(window_s)
        learned.restore(state.below("detection/learned"))
        found.learned.append(learned)
        names: list[Name] = [(device, kind, metric) for _, device, kind, metric in state.get("catalog/series")]
        found.index.update({name: (shard, number) for number, name in enumerate(names)})
        for stage, portions in (("counting", found.counting), ("leveling", found.leveling)):
            rows = state.arrays[f"detection/{stage}/series"].tolist()
            portions.append(([names[number] for number in rows], state.below(f"detection/{stage}/baseline")))
        found.models.update({names[number]: model for number, model in _models(state, learned)})
    return found


def _models(state: State, learned: LearnedWindows) -> Iterator[tuple[int, SeriesModel]]:
    """Yield the series that have a baseline, by their number, and what it has learned."""
    stuck = state.arrays["detection/leveling/stuck"]
    for stage, seasonal, overall, which in (
        ("counting", "rates/fine", "rates/overall", 1),
        ("leveling", "season", "overall", 0),
    ):
        own = state.below(f"detection/{stage}").arrays
        for row, number in enumerate(own["series"].tolist()):
            model = SeriesModel(
                evidence=own[f"baseline/{seasonal}"][which, ..., row].astype(np.float64),
                windows=float(own[f"baseline/{overall}"][which, row]),
                last_ms=int(own["baseline/last_ms"][row]),
                stuck=bool(stuck[number]),
                spans=learned.spans(number),
            )
            yield number, model
