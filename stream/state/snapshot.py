"""The state of a whole site as bytes, and states of earlier versions brought up to date.

`MIGRATIONS` has a step from every version that can still be read to the next. A step that was released is never
changed, and so uses nothing of the program that may change; what is new is a further step.

How to change the saved state while the newest version is not released yet (version 7; 3 to 6 are released):

1. Change the declaration in its class.
2. A field that is new and begins with the same in every place: a line in `_ADDED`, under 7.
3. Anything else (a field that goes, is renamed, has another type, or follows from others): a few lines in `_to_7`.
   Its ``state`` is a copy whose ``values`` and ``arrays`` may be replaced, but not changed in place.
4. `tests/stream/test_snapshot.py` restores snapshots that versions 3 to 6 wrote and goes on with them.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from ingest import frame
from ingest.frame import FrameError, FrameKind, NewerFrameError
from models.frames import to_numpy
from models.state import State

STATE_VERSION: Final = 7
"""Raised, with a step in `MIGRATIONS`, whenever a declaration of saved state changes."""
Migration = Callable[[str, State], State]
"""Takes the state of a part (``shard`` or ``site``) of one version to the next."""


class _Value(NamedTuple):
    """A plain value that a version has and the one before it had not."""

    default: Any
    """What it begins with."""
    each: str = ""
    """For lists with an item for every place of an axis: another field of that axis, by its path. The default is then
    every item's."""

    def add(self, path: str, state: State) -> None:
        state.put(path, [self.default] * _length(state, self.each) if self.each else self.default)


class _Array(NamedTuple):
    """An array that a version has and the one before it had not."""

    dtype: str
    fill: float = 0
    like: str = ""
    """Another field of its axis, which is its first dimension; empty where it has none."""
    shape: tuple[int, ...] = ()
    """Lengths of the dimensions after that one."""

    def add(self, path: str, state: State) -> None:
        shape = (_length(state, self.like), *self.shape) if self.like else self.shape
        state.arrays[path] = np.full(shape, self.fill, dtype=self.dtype)


_ADDED: Final[dict[int, dict[str, dict[str, _Value | _Array]]]] = {
    4: {
        "shard": {
            "catalog/places": _Value(b""),
            "windows/first": _Value(0),
            "time/now_ms": _Value(-(2**62)),
            "time/offset_ms": _Value(0),
            "time/listened_ms": _Value(0),
            "time/sure": _Value(False),  # noqa: FBT003 - a default
            "time/resting": _Value(False),  # noqa: FBT003 - a default
            "time/even_ms": _Value(0),
            "time/back_ms": _Value(0),
            "time/since_ms": _Value(0),
            "time/skipped_ms": _Value(0),
            "time/proven": _Value(False),  # noqa: FBT003 - a default
            "time/clocks": _Value({}),
            "time/heard_ms": _Value(-(2**62)),
            "time/usual_ms": _Value(0.0),
            "time/wide": _Value(0),
            "time/narrow_ms": _Value(0),
            "time/votes": _Value({}),
            "time/voted_on": _Value(0),
            "quality/heard_at": _Array("<i8", like="quality/heard"),
            "quality/clocks/behind_ms": _Array("<f8", like="quality/heard"),
            "quality/clocks/votes": _Array("<i8", like="quality/heard"),
            "quality/clocks/last_ms": _Array("<f8", like="quality/heard"),
            "quality/clocks/voted_ms": _Array("<i8", like="quality/heard"),
            "quality/clocks/doubted": _Array("?", like="quality/heard"),
            "quality/clocks/wrong": _Array("?", like="quality/heard"),
            "quality/awaited/since": _Value({}),
            "quality/awaited/told": _Value({}),
            "quality/awaited/placed": _Value([]),
            "quality/awaited/looked_ms": _Value(-600_000),
            "catalog/lives": _Array("<i8", like="catalog/slot_device"),
            "order/boot": _Array("<i8", -1, like="states/last", shape=(4,)),
            "order/number": _Array("<i8", -1, like="states/last", shape=(4,)),
            "detection/faults/told_ms": _Value({}),
        },
        "site": {
            "places": _Value(b""),
            "hotspots/grid/ground": _Value([]),
        },
    },
    5: {
        "shard": {
            "detection/leveling/peak": _Array("<f8", np.nan, like="detection/leveling/series"),
            "detection/planned/calendar": _Value(b""),
            "detection/counting/ends/low": _Array("i1", like="detection/counting/calm"),
            "detection/counting/ends/came": _Array("<f4", like="detection/counting/calm"),
            "detection/counting/ends/expected": _Array("<f4", like="detection/counting/calm"),
            "detection/counting/ends/strange_ms": _Array("<i8", like="detection/counting/calm"),
        },
        "site": {"book/standing": _Value({}), "book/turns": _Value({})},
    },
    6: {
        "shard": {"detection/faults/coded": _Value({})},
        "site": {
            "hotspots/coming_ms": _Value(0),
            "hotspots/calendar": _Value(b""),
            "hotspots/old_ids": _Array("<i8", shape=(0,)),
            "patrol/shifts": _Value({}),
            "patrol/away": _Value({}),
            "patrol/heard": _Value({}),
            "patrol/shares_ms": _Value(0),
            "patrol/dose/by_beat": _Value({}),
            "patrol/dose/as_of_ms": _Value(0),
            "patrol/dose/lon": _Array("<f8", shape=(0,)),
            "patrol/dose/lat": _Array("<f8", shape=(0,)),
            "patrol/dose/ts": _Array("<i8", shape=(0,)),
            "patrol/dose/minutes": _Array("<f8", shape=(0,)),
        },
    },
    7: {"shard": {"catalog/heard": _Array("<i8", like="catalog/slot_device")}, "site": {}},
}
"""Version → part → path → what it has and the one before had not, such as ``"quality/skew": _Array("f8", like="…")``.
Paths are as in `models.state.State`: names without a leading underscore, parts before their fields."""


def _length(state: State, path: str) -> int:
    """Return how many places a field has along its first dimension."""
    return len(state.arrays[path]) if path in state.arrays else len(state.get(path, list))


def _with_added(version: int, part: str, old: State) -> State:
    """Return a copy of a state of the version before, with what a version adds."""
    state = State(dict(old.values), dict(old.arrays), dict(old.columns))
    for path, added in _ADDED[version][part].items():
        added.add(path, state)
    return state


def _to_4(part: str, old: State) -> State:
    """From 3, the first version that is still read."""
    state = _with_added(4, part, old)
    state.arrays.pop("quality/skew_ms", None)
    if "windows/n" in state.arrays:  # with the usual lateness three windows are not closed
        state.put("windows/kept", max(state.arrays["windows/n"].shape[0] - 3, 1))
    state.arrays.pop("detection/rules/hazards/last", None)  # what is newest goes by number now
    if "states/newest" in state.arrays:
        state.arrays["order/said"] = state.arrays["states/newest"]
    if "sequences/highest" in state.arrays:
        _spans_of_numbers(state, heard=old.arrays["quality/heard"])
    return state


def _spans_of_numbers(state: State, heard: NDArray[np.int64]) -> None:
    """Add when numbers were said: up to when their device was heard last; and what brokers can have shown."""
    highest, device = state.arrays["sequences/highest"], state.arrays["catalog/slot_device"]
    never, always = np.iinfo(np.int64).max, np.iinfo(np.int64).min
    until = np.append(heard, -1)[device[: len(highest)]]
    used = (highest >= 0)[:, None]
    state.arrays["sequences/proofs/slot"] = np.zeros(0, dtype=np.int64)
    state.arrays["sequences/proofs/held"] = np.zeros((1024, 0), dtype=np.uint32)
    state.arrays["sequences/base"] = np.where(highest >= 0, 0, -1)
    state.arrays["sequences/width"] = np.maximum(8, np.frexp(highest.astype(np.float64))[1] - 4).astype(np.uint8)
    state.arrays["sequences/since"] = np.repeat(np.where(used, always, never), 16, axis=1)
    state.arrays["sequences/until"] = np.repeat(np.where(used, until[:, None], always), 16, axis=1)
    kinds = np.array([kind for _, _, kind, _ in state.get("catalog/series", list)], dtype=np.int64)
    owner = state.arrays["catalog/series_device"][: len(kinds)]
    # A count or a passage that was kept by a broker has been counted; a level or a state may never have been seen.
    state.arrays["repeats/shown"] = np.where(kinds < 2, np.append(heard, -1)[owner], np.int64(-(2**62)))


_LEVELS_KNOW: Final[dict[str, tuple[Any, ...]]] = {
    "first": ("f8", 0, 5),
    "shift": ("f8", 0),
    "past": ("f8", 0),
    "past_ms": ("i8", 0),
    "tide": ("f4", 0, 6),
    "run": ("f8", 0, 2),
    "run_peaks": ("f8", 0, 5, 2),
    "strange_ms": ("i8", 0),
    "faults/longest": ("f4", 0),
    "faults/still": ("f4", 1),
    "faults/quantum": ("f4", np.inf),
    "faults/first_ms": ("i8", 0),
    "faults/rest": ("f8", np.nan),
    "faults/rest_ms": ("f8", 0),
    "faults/stuck": ("?", 0),
    "faults/swing": ("f4", 0, 2),
    "faults/block": ("i8", -1),
    "faults/filled": ("f8", 0, 2),
    "faults/means": ("f4", np.nan, 24),
    "faults/strays": ("f4", 0, 3),
}
"""What the baselines of levels have since version 5: type, what an empty place holds, the other lengths."""


def _to_5(part: str, old: State) -> State:
    """From 4: counts have a memory of visits and of holidays, and levels know of faults; all begin empty."""
    state = _with_added(5, part, old)
    counts = "detection/counting/baseline/"
    if f"{counts}ring/value" in state.arrays:
        ring, bins = state.arrays[f"{counts}ring/value"], state.arrays[f"{counts}rates/fine"].shape[2]
        size = ring.shape[-1]
        # What was ordinary is what was expected (field 1): there was no routine.
        state.arrays[f"{counts}ring/value"] = np.concatenate([ring, ring[:, [1, 1]]], axis=1)
        state.arrays[f"{counts}routine_ms"] = np.zeros(size, dtype="<i8")
        state.arrays[f"{counts}visits/code"] = np.zeros((56, min(bins, 144), size), dtype="u1")
        state.arrays[f"{counts}visits/day"] = np.full(56, -1, dtype="<i8")
        hours = state.arrays[f"{counts}rates/coarse"].shape[2]
        state.arrays[f"{counts}rates/holiday"] = np.zeros((2, hours, size), dtype="<f4")
    levels = "detection/leveling/baseline/"
    if f"{levels}same_since" in state.arrays:
        state.arrays[f"{levels}faults/same_since"] = state.arrays.pop(f"{levels}same_since")
        size = len(state.arrays[f"{levels}last"])
        for path, (dtype, fill, *shape) in _LEVELS_KNOW.items():
            state.arrays[levels + path] = np.full((*shape, size), fill, dtype=dtype)
        state.arrays[f"{levels}run"][1] = 0.25
        state.arrays[f"{levels}run_peaks"][0] = 2.5
    return state


def _to_6(part: str, old: State) -> State:
    """From 5: patrols; a bar of its own for each series of levels, as if never strange; incidents kept one by one."""
    state = _with_added(6, part, old)
    levels = "detection/leveling/baseline/"
    if f"{levels}last" in state.arrays:
        size = len(state.arrays[f"{levels}last"])
        state.arrays[f"{levels}bars/seen"] = np.zeros((3, 2, size))
        state.arrays[f"{levels}bars/weeks"] = np.zeros(size)
        state.arrays[f"{levels}bars/told"] = np.zeros((3, size))
        extent = np.zeros((3, size), dtype="<f4")
        extent[:2] = np.array([np.inf, -np.inf], dtype="<f4")[:, None]
        state.arrays[f"{levels}faults/extent"] = extent
    counts = "detection/counting/baseline/"
    if f"{counts}visits/code" in state.arrays:
        scales, size = state.arrays[f"{counts}spread"].shape[1:]
        slots = state.arrays[f"{counts}visits/code"].shape[1]
        state.arrays[f"{counts}visits/past"] = np.zeros((3, 3, slots, size), dtype="u1")
        state.arrays[f"{counts}visits/quarter"] = np.full(3, -1, dtype="<i8")
        # (an hour of a few long windows has no bursts)
        hours = 24 if state.arrays[f"{counts}rates/fine"].shape[2] >= 96 else 0
        state.arrays[f"{counts}strays/code"] = np.zeros((16, hours, scales, size), dtype="u1")
        state.arrays[f"{counts}strays/day"] = np.full(16, -1, dtype="<i8")
    if "hotspots/grid/recent_ms" in state.arrays:
        _events_one_by_one(state)
    state.values.pop("maps", None)
    return state


def _events_one_by_one(state: State) -> None:
    """Make events of the newest cells that the map named; the forecast makes its maps of them, as for other places.

    They weigh what the map's longest memory (200 days) says of their class.
    """
    grid = "hotspots/grid/"
    ground, base = state.take(f"{grid}ground", list[float]), state.take(f"{grid}base", int)
    for path in ("first", "seen"):
        state.values.pop(grid + path)
    state.arrays.pop(f"{grid}share")
    state.arrays.pop(f"{grid}ahead")
    sums = state.arrays.pop(f"{grid}sums")
    cell, ts = state.arrays[f"{grid}recent_cell"], state.arrays[f"{grid}recent_ms"]
    driver = state.arrays[f"{grid}recent_driver"]
    # Version 3 did not say where its cells were.
    mine = np.flatnonzero((cell >= 0) & bool(ground))
    mine = mine[np.argsort(ts[mine], kind="stable")]
    cell, ts, driver = cell[mine], ts[mine], driver[mine]
    lon, lat = np.zeros(0), np.zeros(0)
    if ground:
        west, south, east, north, cell_m = ground
        lat_step = cell_m / 111_320.0
        lon_step = lat_step / np.cos(np.radians((south + north) / 2))
        row, column = np.divmod(cell, max(1, int(np.ceil((east - west) / lon_step))))
        lon, lat = west + (column + 0.5) * lon_step, south + (row + 0.5) * lat_step
    held = sums[2].sum(axis=1) * 200.0
    faded = np.bincount(driver, np.exp(np.clip((ts - base) / (200.0 * 86_400_000), -700, 700)), len(held))
    weight = np.clip(held / np.maximum(faded, 1e-9), 1e-3, 1.0)[driver]
    state.put(f"{grid}ground", [])
    state.put(f"{grid}fit", b"")
    state.arrays[f"{grid}position"] = np.stack([lon, lat])
    state.arrays[f"{grid}ts"], state.arrays[f"{grid}driver"] = ts, driver
    state.arrays[f"{grid}weight"] = weight


def _to_7(part: str, old: State) -> State:
    """From 6: when each boot was heard last, as if long ago."""
    return _with_added(7, part, old)


MIGRATIONS: Final[Mapping[int, Migration]] = {3: _to_4, 4: _to_5, 5: _to_6, 6: _to_7}
"""Version → the step from it to the next."""


class Snapshot(NamedTuple):
    """What a snapshot holds."""

    about: dict[str, Any]
    """What the state depends on and how far it has come: plain values."""
    parts: dict[str, State]
    """``site``, and by number the shards."""


class _Meta(msgspec.Struct, kw_only=True):
    version: int
    about: dict[str, Any]
    values: dict[str, dict[str, msgspec.Raw]]
    """By part and path."""


def pack(about: dict[str, Any], parts: Mapping[str, State]) -> bytes:
    """Return a snapshot of this version of the program. Equal states give equal bytes."""
    meta = _Meta(version=STATE_VERSION, about=about, values={name: state.values for name, state in parts.items()})
    arrays = {f"{name}/{path}": array for name, state in parts.items() for path, array in state.arrays.items()}
    return frame.encode(FrameKind.SNAPSHOT, meta, arrays)


def about(data: bytes) -> dict[str, Any]:
    """Return what a snapshot depends on, such as ``window_s``, and how far it has come. Raises as `unpack` does."""
    return frame.decode(FrameKind.SNAPSHOT, data, _Meta)[0].about


def unpack(data: bytes) -> Snapshot:
    """Return what a snapshot holds, brought up to date; the arrays are views of it.

    Raises
    ------
    ingest.frame.NewerFrameError
        Where a later version of the program wrote it.
    ingest.frame.FrameError
        For any other bytes, and where no step leads from its version.
    """
    meta, arrays = frame.decode(FrameKind.SNAPSHOT, data, _Meta)
    every = State(arrays=to_numpy(arrays))
    parts = {name: State(values, every.below(name).arrays) for name, values in meta.values.items()}
    return Snapshot(meta.about, {name: migrate(name, state, meta.version) for name, state in parts.items()})


def migrate(
    name: str, state: State, version: int, steps: Mapping[int, Migration] = MIGRATIONS, wanted: int = STATE_VERSION
) -> State:
    """Bring the state of a part, of some version, up to the wanted one. Raises as `unpack` does."""
    if version > wanted:
        raise NewerFrameError(
            f"the state is of version {version}, and this program knows versions up to {wanted}: a newer program wrote "
            f"it; install that one again to go on with it"
        )
    for one in range(version, wanted):
        if one not in steps:
            raise FrameError(
                f"the state is of version {version}, which this program (version {wanted}) no longer reads; "
                f"`patrolgrid train --from-store` learns again from what the store holds"
            )
        state = steps[one]("site" if name == "site" else "shard", state)
    return state
