"""Which rows of a shard's arrays belong to which device, and the rows of one device as bytes.

The arrays of `stream.pipeline.shard.ShardPipeline.arrays` have an axis along which every place belongs to one device:
a device's own place, those of its series, of its boots (slots), of its baselines, of its rules. `AXES` says which axis
that is. An array that the table does not name, or that does not fit it, simply belongs to no device; nothing is lost
by that, it only costs more to keep.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cache
from math import prod
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.vocabulary import Kind

Arrays = Mapping[str, NDArray[Any]]

AXES: Final[tuple[tuple[str, str, int], ...]] = (
    ("catalog/series_device", "series", 0),
    ("sequences/gaps", "gap", 0),
    ("sequences/*", "slot", 0),
    ("windows/open_from", "", 0),
    ("windows/*", "series", 1),
    ("quality/*", "device", 0),
    ("states/*", "series", 0),
    ("detection/rules/hazards/last", "series", 1),
    ("detection/rules/hazards/bad_*", "bad", 0),
    ("detection/rules/hazards/*", "rule", 0),
    ("detection/rules/gates/gate_*", "series", 0),
    ("detection/counting/kinds*", "", 0),
    ("detection/counting/since_*", "series", 0),
    ("detection/counting/*", "count", -1),
    ("detection/leveling/is_stuck", "series", 0),
    ("detection/leveling/*", "level", -1),
    ("detection/learnt/live", "series", 1),
)
"""Pattern of an array's name, the things its places are (none: it belongs to no device), and along which axis.

The first pattern that fits counts. An array may have room behind the last thing; that belongs to no device.
"""
_MODELS: Final = frozenset({"count", "level"})
"""Things whose state changes when a window closes, and so goes into entries of its own."""
_GAP: Final = "gap"
"""Rows without a fixed place: in order of slot and lowest number."""
_LARGE: Final = 1024
_PIECE: Final = 600
"""Bytes a thing has in one array from which they are divided among entries, and about how many go into each."""
_COUNT: Final = struct.Struct("<I")


class Part(NamedTuple):
    """A part of an array that goes into one kind of entry."""

    array: str
    group: str
    axis: str
    """What its places are."""
    dim: int
    """Along which axis of the array."""
    low: int
    high: int
    """Which places along the axis before the last, where a large array is divided; both 0 where it is not."""


def owners(meta: Mapping[str, Any], arrays: Arrays) -> dict[str, NDArray[np.int64]]:
    """Return, by what the places of an axis are, the device index of each place (-1: of none)."""
    catalog = meta["catalog"]
    series = np.asarray(arrays["catalog/series_device"], dtype=np.int64)
    kinds = np.array([kind for _, _, kind, _ in catalog["series"]], dtype=np.int64)
    slots = np.full(catalog["slots"], -1, dtype=np.int64)
    for device, boots in enumerate(catalog["boots"]):
        for boot in boots:
            slots[boot[-1]] = device
    rules = series[arrays["detection/rules/hazards/row"]]
    return {
        "device": np.arange(len(catalog["devices"])),
        "series": series,
        "slot": slots,
        _GAP: slots[arrays["sequences/gaps"][:, 0]],
        "rule": rules,
        "bad": rules[arrays["detection/rules/hazards/bad_rule"]],
        "count": series[kinds == Kind.COUNT],
        "level": series[kinds == Kind.LEVEL],
    }


def parts_of(arrays: Arrays, owner: Mapping[str, NDArray[np.int64]]) -> list[Part]:
    """Return the parts of all arrays that belong to devices."""
    found: list[Part] = []
    for name, array in arrays.items():
        axis, dim = _axis(name)
        if not axis or not -array.ndim <= dim < array.ndim or array.shape[dim] < len(owner[axis]):
            continue
        group = "model" if axis in _MODELS else "hot"
        places = max(array.shape[dim], 1)
        if dim == -1 and array.ndim > 1 and array.nbytes // places > _LARGE:
            length = array.shape[-2]
            step = max(_PIECE // max(array.nbytes // places // length, 1), 1)
            short = name.rpartition("/")[2]
            found += [
                Part(name, f"{axis}.{short}.{number}", axis, dim, low, min(low + step, length))
                for number, low in enumerate(range(0, length, step))
            ]
        else:
            found.append(Part(name, group, axis, dim, 0, 0))
    return found


@cache
def _axis(name: str) -> tuple[str, int]:
    return next(((axis, dim) for pattern, axis, dim in AXES if fnmatchcase(name, pattern)), ("", 0))


def view(array: NDArray[Any], part: Part, places: int) -> NDArray[Any]:
    """Return a part's values with the places as first axis, without a copy."""
    cut = array[..., part.low : part.high, :] if part.high else array
    return first(cut, part.dim)[:places]


def first(array: NDArray[Any], dim: int) -> NDArray[Any]:
    """Return a view with one axis moved to the front."""
    axes = list(range(array.ndim))
    return array.transpose([axes.pop(dim), *axes])


def changed(new: NDArray[Any], old: NDArray[Any] | None) -> NDArray[np.bool_]:
    """Return which places, shape (places,), differ bit by bit; those that the old values do not have do."""
    mask = np.ones(len(new), dtype=np.bool_)
    if old is None or old.dtype != new.dtype or old.shape[1:] != new.shape[1:]:
        return mask
    both = min(len(new), len(old))
    differs = _bits(new[:both]) != _bits(old[:both])
    mask[:both] = differs if differs.ndim == 1 else differs.any(axis=tuple(range(1, differs.ndim)))
    return mask


def changed_gaps(
    new: NDArray[np.int64], old: NDArray[np.int64] | None, owner: NDArray[np.int64], slots: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the devices whose gaps differ; `owner` is of the new rows, `slots` of the slots."""
    if old is None:
        return np.unique(owner)
    if np.array_equal(new, old):
        return np.zeros(0, dtype=np.int64)
    differing = {tuple(row) for row in new.tolist()} ^ {tuple(row) for row in old.tolist()}
    return np.unique(slots[[slot for slot, _, _ in differing]])


def _bits(values: NDArray[Any]) -> NDArray[Any]:
    """Return numbers as integers of the same size, so that what is not a number equals itself."""
    return values.view(f"u{values.dtype.itemsize}") if values.dtype.kind == "f" else values


def encode_rows(
    devices: NDArray[np.int64], parts: Iterable[Part], arrays: Arrays, owner: Mapping[str, NDArray[np.int64]]
) -> list[bytes]:
    """Return one entry for each of some devices (rising): per kind of places their numbers and then their rows."""
    columns: list[tuple[list[int], bytes, bytes, int]] = []
    for axis, mine in by_axis(parts):
        chosen = np.flatnonzero(np.isin(owner[axis], devices))
        chosen = chosen[np.argsort(owner[axis][chosen], kind="stable")]
        places = len(owner[axis])
        rows = [_raw(view(arrays[part.array], part, places)[chosen]) for part in mine]
        joined = rows[0] if len(rows) == 1 else np.concatenate(rows, axis=1)
        ends = np.searchsorted(owner[axis][chosen], devices, side="right")
        starts = np.searchsorted(owner[axis][chosen], devices, side="left")
        bounds = np.stack([starts, ends], axis=1).ravel().tolist()
        columns.append((bounds, chosen.astype("<i4").tobytes(), joined.tobytes(), joined.shape[1]))
    entries = []
    for device in range(len(devices)):
        pieces: list[bytes] = []
        for bounds, numbers, raw, width in columns:
            start, end = bounds[2 * device], bounds[2 * device + 1]
            pieces += (_COUNT.pack(end - start), numbers[4 * start : 4 * end], raw[width * start : width * end])
        entries.append(b"".join(pieces))
    return entries


def decode_rows(entries: Iterable[bytes], parts: Iterable[Part], arrays: dict[str, NDArray[Any]]) -> None:
    """Put the rows of entries of one kind back into arrays of the right shape; gaps are appended in any order."""
    kinds = [(axis, mine, sum(_width(arrays[part.array], part) for part in mine)) for axis, mine in by_axis(parts)]
    numbers: dict[str, list[bytes]] = {axis: [] for axis, _, _ in kinds}
    rows: dict[str, list[bytes]] = {axis: [] for axis, _, _ in kinds}
    for entry in entries:
        at = 0
        for axis, _, width in kinds:
            (count,) = _COUNT.unpack_from(entry, at)
            at += _COUNT.size
            numbers[axis].append(entry[at : at + 4 * count])
            rows[axis].append(entry[at + 4 * count : at + (4 + width) * count])
            at += (4 + width) * count
        if at != len(entry):
            raise ValueError(f"an entry has {len(entry)} bytes, its rows take {at}")
    for axis, mine, width in kinds:
        where = np.frombuffer(b"".join(numbers[axis]), dtype="<i4")
        raw = np.frombuffer(b"".join(rows[axis]), dtype=np.uint8).reshape(len(where), width)
        if axis == _GAP:
            gaps = np.ascontiguousarray(raw).view("<i8").reshape(-1, 3)
            arrays[mine[0].array] = gaps[np.lexsort((gaps[:, 1], gaps[:, 0]))].astype(np.int64)
            continue
        start = 0
        for part in mine:
            array = arrays[part.array]
            target = view(array, part, array.shape[part.dim])
            end = start + _width(array, part)
            values = np.ascontiguousarray(raw[:, start:end]).view(array.dtype.newbyteorder("<"))
            target[where] = values.reshape(len(where), *target.shape[1:])
            start = end


def by_axis(parts: Iterable[Part]) -> list[tuple[str, list[Part]]]:
    """Return parts gathered by what their places are, in the order in which they first come."""
    found: dict[str, list[Part]] = {}
    for part in parts:
        found.setdefault(part.axis, []).append(part)
    return list(found.items())


def _width(array: NDArray[Any], part: Part) -> int:
    """Return the bytes of one place."""
    return prod(view(array, part, 0).shape[1:]) * array.dtype.itemsize


def _raw(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Return rows as bytes, shape (rows, bytes of a row)."""
    little = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
    width = little.itemsize * prod(little.shape[1:])
    return np.frombuffer(little.tobytes(), dtype=np.uint8).reshape(len(values), width)
