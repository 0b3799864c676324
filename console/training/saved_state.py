"""What a node's newest saved state says of its models, read beside the node: nothing is changed, nothing is locked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ingest.frame import FrameError, FrameKind
from ingest.log.history import HistorySeries
from ingest.vocabulary import Kind
from models.frames import unpack
from stream.detect.taught import Learnt
from stream.pipeline.pipeline import STATE_VERSION
from stream.state.migrations import migrate

Name = tuple[str, int, str]
"""Device, kind and metric of a series: what tells it apart, in whatever beat its device is."""
_ROWS: Final = {Kind.COUNT: "counting", Kind.LEVEL: "leveling"}


@dataclass(frozen=True, slots=True)
class SeriesModel:
    """What the baseline of one series has learnt."""

    evidence: NDArray[np.float64]
    """Windows it remembers (what is forgotten does not count) per class of day and bin of its season."""
    windows: float
    """Windows it remembers in all."""
    last_ms: int
    """Start of the last window that was learnt live; 0 for none."""
    stuck: bool
    spans: dict[str, list[tuple[int, int]]]
    """Window numbers [low, high) learnt from observations and from ``history``."""


@dataclass(frozen=True, slots=True)
class SavedState:
    """The newest snapshot that this program can read."""

    position: int = -1
    now_ms: int = 0
    models: dict[Name, SeriesModel] = field(default_factory=dict)
    _learnt: list[Learnt] = field(default_factory=list)
    _index: dict[Name, tuple[int, int]] = field(default_factory=dict)
    """Series → its shard and its number there."""
    problem: str = ""
    """Why nothing could be read; empty where something was, or where there is nothing yet."""

    def knows(
        self, names: list[HistorySeries], which: NDArray[np.int64], number: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Tell which windows the baselines had learnt; `which` indexes `names`, both other arrays (rows,)."""
        known = np.zeros(len(which), dtype=np.bool_)
        places = [self._index.get((name.device, name.kind, name.metric), (-1, -1)) for name in names]
        shard = np.array([place[0] for place in places], dtype=np.int64)[which]
        series = np.array([place[1] for place in places], dtype=np.int64)[which]
        for index, learnt in enumerate(self._learnt):
            rows = np.flatnonzero(shard == index)
            known[rows] = learnt.knows(series[rows], number[rows])
        return known


def read_saved(folder: Path, window_s: int) -> SavedState:
    """Return what the newest readable snapshot in a node's folder of states says.

    A folder without one gives an empty state; `SavedState.problem` tells where there are some and none can be read.
    """
    problem = ""
    for path in sorted(folder.glob("*.pgs"), reverse=True) if folder.is_dir() else []:
        try:
            return _read(path.read_bytes(), window_s)
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            problem = problem or f"{path.name}: {error}"
    return SavedState(problem=problem)


def _read(data: bytes, window_s: int) -> SavedState:
    meta, arrays = migrate(*unpack(FrameKind.SNAPSHOT, data), STATE_VERSION)
    if meta["window_s"] != window_s:
        raise FrameError(f"window_s is {meta['window_s']!r} in the snapshot, expected {window_s!r}")
    models: dict[Name, SeriesModel] = {}
    index: dict[Name, tuple[int, int]] = {}
    learnt: list[Learnt] = []
    for shard, part in enumerate(meta["parts"]):
        mine = Learnt(window_s)
        mine.load(_below(arrays, f"{shard}/detection/learnt/"))
        learnt.append(mine)
        series: list[Name] = [(device, kind, metric) for _, device, kind, metric in part["catalog"]["series"]]
        index.update({name: (shard, number) for number, name in enumerate(series)})
        for number, model in _models(arrays, shard, series, mine):
            models[series[number]] = model
    return SavedState(meta["position"], meta["now_ms"], models, learnt, index)


def _models(
    arrays: Mapping[str, NDArray[Any]], shard: int, series: list[Name], learnt: Learnt
) -> Iterator[tuple[int, SeriesModel]]:
    for kind, stage in _ROWS.items():
        own = _below(arrays, f"{shard}/detection/{stage}/")
        evidence = own["fine"][1] if kind == Kind.COUNT else own["season"][0]
        windows = own["overall"][1] if kind == Kind.COUNT else own["overall"][0]
        stuck = own.get("is_stuck", np.zeros(len(series), dtype=np.bool_))
        numbers = [number for number, (_, other, _) in enumerate(series) if other == kind]
        for row, number in enumerate(numbers):
            yield (
                number,
                SeriesModel(
                    evidence=evidence[..., row].astype(np.float64),
                    windows=float(windows[row]),
                    last_ms=int(own["last_ms"][row]),
                    stuck=bool(kind == Kind.LEVEL and number < len(stuck) and stuck[number]),
                    spans=learnt.spans(number),
                ),
            )


def _below(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): values for name, values in arrays.items() if name.startswith(prefix)}
