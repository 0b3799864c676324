"""State as keyed entries, of which only those that changed are written: for logs that keep the newest entry per key.

Keys, and what is under them:

``meta``
    What the others are and how long, and the small values. Written at every checkpoint, so that whoever reads the log
    to its end knows which entries belong to the state.
``p/{name}/{page}``
    A page of what belongs to no device, compressed: the table of vehicles, alerts, and to what every place belongs.
``d/{device}/hot``, ``d/{device}/model``, ``d/{device}/values``, ``d/{device}/…``
    What belongs to one device, by its number (-1: to none): rows of arrays, in the order of their places, and items of
    lists. What changes together is in one entry; a large baseline is divided, as a closed window changes a small part.

What belongs to whom follows from the declarations of the state (`models.state`): ``of`` says it for every axis. That is
read first, and a device's entry says nothing of it. So an entry cannot overwrite what is another device's: where a
device has lost or won a place, its entries are written again, and one of another length is refused.

`Changelog.changes` finds what changed since it was last called by comparing with a copy. The entries it returns must be
written in one transaction: they fit each other, and no other state's. `rebuild` takes the newest entry of every key.
"""

import zlib
from collections.abc import Iterable, Mapping
from math import prod
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from ingest import frame
from ingest.files import unpacked
from ingest.frame import FrameError, FrameKind
from models.state import Column, State

META_KEY: Final = b"meta"
PAGE: Final = 2048
"""Bytes of a page."""
_SMALL: Final = 64
"""Values up to so many bytes are in the ``meta`` entry."""
_LARGE: Final = 1024
_PIECE: Final = 600
"""Bytes a place has in one array from which they are divided among entries, and about how many go into each."""
_ROOT: Final = "device"
"""The axis whose places are the devices."""

_VALUES: Final = "values"
"""Entries with the items of lists."""

Entries = dict[bytes, "bytes | None"]
"""Key → value; None removes the key."""
Places = NDArray[np.int64]
Owners = dict[str, Places]
"""Axis → device of each place, -1 for none."""

_encode: Final = msgspec.msgpack.Encoder().encode
_items: Final = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode


class _Array(msgspec.Struct, array_like=True):
    dtype: str
    shape: list[int]
    column: Column | None


class _Meta(msgspec.Struct, kw_only=True):
    arrays: dict[str, _Array]
    lists: dict[str, Column]
    values: dict[str, msgspec.Raw]
    pages: dict[str, int]
    """Values that are too large for here: name → bytes."""
    devices: int


class _Part(NamedTuple):
    """An array, or a piece of one, in an entry."""

    path: str
    axis: str
    dim: int
    piece: slice | None
    """Which places along the dimension before the last; None: the whole array."""

    def view(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return a view with the places as first dimension; `np.moveaxis` would take ten times as long."""
        some = array if self.piece is None else array[..., self.piece, :]
        dim = self.dim % some.ndim
        return some.transpose(dim, *range(dim), *range(dim + 1, some.ndim))


class Changelog:
    """Remembers the state as it was last written.

    Parameters
    ----------
    page
        Bytes of a page of what belongs to no device.
    """

    def __init__(self, page: int = PAGE) -> None:
        self.page = page
        self.forget()

    def forget(self) -> None:
        """Forget everything: the next entries are the whole state."""
        self._arrays: dict[str, NDArray[Any]] = {}
        self._items: dict[str, list[msgspec.Raw]] = {}
        self._owners: Owners = {}
        self._blobs: dict[str, bytes] = {}

    def changes(self, state: State) -> Entries:
        """Return the entries that differ from those returned before; the arrays are kept and must not be changed."""
        entries: Entries = {}
        blobs: dict[str, bytes] = {}
        items: dict[str, list[msgspec.Raw]] = {}
        meta = _Meta(arrays={}, lists={}, values={}, pages={}, devices=_devices(state))
        for path, array in state.arrays.items():
            meta.arrays[path] = _Array(array.dtype.str, list(array.shape), state.columns.get(path))
        owners = _owners(meta, state.arrays)
        for path, value in state.values.items():
            column, blob = state.columns.get(path), bytes(value)
            if column is not None and column.axis in owners:
                meta.lists[path], items[path] = column, _items(blob)
            elif len(blob) <= _SMALL:
                meta.values[path] = value
            else:
                blobs[f"v/{path}"] = blob
        groups = _groups(meta, owners)
        for group, parts in groups.items():
            masks = [(part.axis, _differ(part, state.arrays[part.path], self._arrays.get(part.path))) for part in parts]
            touched = self._touched(owners, masks)
            rows = _rows(touched, parts, state.arrays, owners)
            entries |= {_key(device, group): row for device, row in zip(touched.tolist(), rows, strict=True)}
        masks = [(one.axis, _items_differ(items[path], self._items.get(path))) for path, one in meta.lists.items()]
        touched = self._touched(owners, masks)
        rows = _item_rows(touched, meta.lists, items, owners)
        entries |= {_key(device, _VALUES): row for device, row in zip(touched.tolist(), rows, strict=True)}
        owned = {part.path for parts in groups.values() for part in parts}
        blobs |= {f"a/{path}": array.tobytes() for path, array in state.arrays.items() if path not in owned}
        self._write_pages(blobs, meta, entries)
        self._arrays, self._items, self._owners = state.arrays, items, owners
        entries[META_KEY] = frame.encode(FrameKind.CHANGELOG, meta, {})
        return entries

    def _touched(self, owners: Owners, masks: Iterable[tuple[str, NDArray[np.bool_]]]) -> Places:
        """Return the devices, rising, with a place that has changed (by axis), and those that lost or won a place."""
        changed: dict[str, NDArray[np.bool_]] = {}
        for axis, mask in masks:
            changed[axis] = changed[axis] | mask if axis in changed else mask
        found = [np.zeros(0, dtype=np.int64)]
        for axis, mask in changed.items():
            now, before = owners[axis], self._owners.get(axis, found[0])
            both = min(len(now), len(before))
            moved = now[:both] != before[:both]
            found += [now[mask], now[:both][moved], before[:both][moved], now[both:], before[both:]]
        return np.unique(np.concatenate(found))

    def _write_pages(self, blobs: dict[str, bytes], meta: _Meta, entries: Entries) -> None:
        """Write the pages that have changed, and remove those behind the end."""
        size = self.page
        for name, blob in blobs.items():
            meta.pages[name] = len(blob)
            old = self._blobs.get(name, b"")
            if blob != old:
                for start in range(0, len(blob), size):
                    if (page := blob[start : start + size]) != old[start : start + size]:
                        entries[_page_key(name, start // size)] = zlib.compress(page, 1)
        for name, old in self._blobs.items():
            for number in range(-(-len(blobs.get(name, b"")) // size), -(-len(old) // size)):
                entries[_page_key(name, number)] = None
        self._blobs = blobs


def rebuild(entries: Mapping[bytes, bytes | None]) -> State | None:
    """Return the state that the newest entries of all keys make, None where there is none.

    Raises
    ------
    ingest.frame.FrameError
        Where an entry is missing, damaged, or of another version.
    """
    sealed = entries.get(META_KEY)
    if sealed is None:
        return None
    meta, _ = frame.decode(FrameKind.CHANGELOG, sealed, _Meta)
    try:
        return _rebuilt(meta, entries)
    except (msgspec.MsgspecError, zlib.error, ValueError, IndexError, TypeError) as error:
        raise FrameError(f"the entries of the state do not fit each other: {error}") from error


def _rebuilt(meta: _Meta, entries: Mapping[bytes, bytes | None]) -> State:
    blobs = {name: _blob(name, size, entries) for name, size in meta.pages.items()}
    state = State(columns=dict(meta.lists))
    for path, described in meta.arrays.items():
        state.arrays[path] = np.zeros(described.shape, dtype=described.dtype)
        if (blob := blobs.get(f"a/{path}")) is not None:
            state.arrays[path][...] = np.frombuffer(blob, dtype=described.dtype).reshape(described.shape)
        if described.column is not None:
            state.columns[path] = described.column
    owners = _owners(meta, state.arrays)
    for group, parts in _groups(meta, owners).items():
        _read_rows(group, parts, state.arrays, owners, entries)
    state.values |= meta.values
    state.values |= {name[2:]: msgspec.Raw(blob) for name, blob in blobs.items() if name.startswith("v/")}
    state.values |= _read_items(meta.lists, owners, entries)
    return state


def _devices(state: State) -> int:
    """Return how many devices a state has."""
    for path, column in state.columns.items():
        if column.axis == _ROOT:
            return len(_items(state.values[path])) if path in state.values else state.arrays[path].shape[column.dim]
    return 0


def _owners(meta: _Meta, arrays: Mapping[str, NDArray[Any]]) -> Owners:
    """Return the device of every place, for every axis whose places belong to devices."""
    owners: Owners = {_ROOT: np.arange(meta.devices)}
    left = {one.column.axis: (path, one.column.of) for path, one in meta.arrays.items() if one.column and one.column.of}
    while ready := [axis for axis, (_, of) in left.items() if of in owners]:
        for axis in ready:
            path, of = left.pop(axis)
            owners[axis] = np.append(owners[of], -1)[arrays[path]]
    return owners


def _groups(meta: _Meta, owners: Owners) -> dict[str, list[_Part]]:
    """Return, by the kind of entry they are in, the arrays whose places belong to devices; large ones in pieces."""
    groups: dict[str, list[_Part]] = {}
    for path, (dtype, shape, column) in ((path, msgspec.structs.astuple(one)) for path, one in meta.arrays.items()):
        if column is None or column.of or column.axis not in owners:
            continue
        dim, length = column.dim, shape[-2] if len(shape) > 1 else 1
        width = np.dtype(dtype).itemsize * prod(shape[:dim] + shape[dim + 1 :])
        if dim == len(shape) - 1 and width > _LARGE and length > 1:
            step = max(_PIECE // (width // length), 1)
            short = path.rpartition("/")[2]
            for low in range(0, length, step):
                part = _Part(path, column.axis, dim, slice(low, min(low + step, length)))
                groups.setdefault(f"{column.axis}.{short}.{low // step}", []).append(part)
        else:
            groups.setdefault(column.entry, []).append(_Part(path, column.axis, dim, None))
    return groups


def _differ(part: _Part, new: NDArray[Any], old: NDArray[Any] | None) -> NDArray[np.bool_]:
    """Return which places differ bit by bit, (places,); those that the old array does not have do."""
    now = part.view(new)
    mask = np.ones(len(now), dtype=np.bool_)
    if old is not None:
        before = part.view(old)
        both = min(len(now), len(before))
        differs = _bits(now[:both]) != _bits(before[:both])
        mask[:both] = differs if differs.ndim == 1 else differs.any(axis=tuple(range(1, differs.ndim)))
    return mask


def _bits(values: NDArray[Any]) -> NDArray[Any]:
    """Return numbers as integers of the same size, so that what is not a number equals itself."""
    return values.view(f"u{values.dtype.itemsize}") if values.dtype.kind == "f" else values


def _items_differ(new: list[msgspec.Raw], old: list[msgspec.Raw] | None) -> NDArray[np.bool_]:
    if old is None or new == old:
        return np.full(len(new), old is None)
    differs = [one != other for one, other in zip(new, old, strict=False)]
    return np.array(differs + [True] * (len(new) - len(differs)), dtype=np.bool_)


class _Sorted(NamedTuple):
    """The places of an axis by device; those of the n-th device stand from ``start[n]`` to ``end[n]``."""

    places: Places
    start: list[int]
    end: list[int]


def _by_device(devices: Places, owner: Places) -> _Sorted:
    order = np.argsort(owner, kind="stable")
    start, end = (np.searchsorted(owner[order], devices, side=side) for side in ("left", "right"))
    return _Sorted(order, start.tolist(), end.tolist())


def _rows(
    devices: Places, parts: list[_Part], arrays: Mapping[str, NDArray[Any]], owners: Owners
) -> list[bytes | None]:
    """Return the entry of each of some devices: by axis the rows of all parts; None where it has no places."""
    columns: list[list[bytes]] = []
    for axis, mine in _by_axis(parts):
        chosen = np.flatnonzero(np.isin(owners[axis], devices))
        there = _by_device(devices, owners[axis][chosen])
        rows = [_raw(part.view(arrays[part.path])[chosen[there.places]]) for part in mine]
        joined = rows[0] if len(rows) == 1 else np.concatenate(rows, axis=1)
        raw, width = joined.tobytes(), joined.shape[1]
        columns.append([raw[width * start : width * end] for start, end in zip(there.start, there.end, strict=True)])
    entries = columns[0] if len(columns) == 1 else map(b"".join, zip(*columns, strict=True))
    return [entry or None for entry in entries]


def _read_rows(
    group: str,
    parts: list[_Part],
    arrays: Mapping[str, NDArray[Any]],
    owners: Owners,
    entries: Mapping[bytes, bytes | None],
) -> None:
    """Put the rows of the devices' entries back into arrays of the right shape."""
    axes = _by_axis(parts)
    devices = np.unique(np.concatenate([owners[axis] for axis, _ in axes]))
    there = [_by_device(devices, owners[axis]) for axis, _ in axes]
    widths = [sum(_raw(part.view(arrays[part.path])[:0]).shape[1] for part in mine) for _, mine in axes]
    found: list[list[bytes]] = [[] for _ in axes]
    for device, *bounds in zip(devices.tolist(), *(zip(one.start, one.end, strict=True) for one in there), strict=True):
        entry, at = _entry(entries, device, group), 0
        for rows, (start, end), width in zip(found, bounds, widths, strict=True):
            rows.append(entry[at : (at := at + width * (end - start))])
        if at != len(entry):
            raise ValueError(f"entry {group!r} of device {device} has {len(entry)} bytes, its places take {at}")
    for (_, mine), rows, one, width in zip(axes, found, there, widths, strict=True):
        raw = np.frombuffer(b"".join(rows), dtype=np.uint8).reshape(len(one.places), width)
        start = 0
        for part in mine:
            target = part.view(arrays[part.path])
            end = start + target.dtype.itemsize * prod(target.shape[1:])
            values = np.ascontiguousarray(raw[:, start:end]).view(target.dtype)
            target[one.places] = values.reshape(len(one.places), *target.shape[1:])
            start = end


def _item_rows(
    devices: Places, lists: Mapping[str, Column], items: Mapping[str, list[msgspec.Raw]], owners: Owners
) -> list[bytes | None]:
    """Return the entry of each of some devices: by list its items; None where it has none."""
    columns = []
    for path, column in lists.items():
        there = _by_device(devices, owners[column.axis])
        columns.append((there, [items[path][at] for at in there.places.tolist()]))
    held = [[mine[there.start[n] : there.end[n]] for there, mine in columns] for n in range(len(devices))]
    return [_encode(one) if any(one) else None for one in held]


def _read_items(
    lists: Mapping[str, Column], owners: Owners, entries: Mapping[bytes, bytes | None]
) -> dict[str, msgspec.Raw]:
    """Return the lists whose items the devices' entries hold."""
    axes = {column.axis for column in lists.values()}
    devices = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *(owners[axis] for axis in axes)]))
    decode = msgspec.msgpack.Decoder(list[list[msgspec.Raw]]).decode
    rows = [decode(_entry(entries, device, _VALUES)) for device in devices.tolist()]
    found: dict[str, msgspec.Raw] = {}
    for number, (path, column) in enumerate(lists.items()):
        there = _by_device(devices, owners[column.axis])
        values = [msgspec.Raw()] * len(there.places)
        for n, row in enumerate(rows):
            places = there.places[there.start[n] : there.end[n]].tolist()
            for at, value in zip(places, row[number], strict=True):
                values[at] = value
        found[path] = msgspec.Raw(_encode(values))
    return found


def _by_axis(parts: Iterable[_Part]) -> list[tuple[str, list[_Part]]]:
    found: dict[str, list[_Part]] = {}
    for part in parts:
        found.setdefault(part.axis, []).append(part)
    return list(found.items())


def _raw(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Return rows as bytes, shape (rows, bytes of a row)."""
    width = values.dtype.itemsize * prod(values.shape[1:])
    return np.frombuffer(np.ascontiguousarray(values).tobytes(), dtype=np.uint8).reshape(len(values), width)


def _key(device: int, group: str) -> bytes:
    return f"d/{device}/{group}".encode()


def _entry(entries: Mapping[bytes, bytes | None], device: int, group: str) -> bytes:
    entry = entries.get(_key(device, group))
    if entry is None:
        raise ValueError(f"entry {group!r} of device {device} is missing")
    return entry


def _page_key(name: str, number: int) -> bytes:
    return f"p/{name}/{number}".encode()


def _blob(name: str, size: int, entries: Mapping[bytes, bytes | None]) -> bytes:
    pages, have = list[bytes](), 0
    while have < size:
        page = entries.get(_page_key(name, len(pages)))
        if page is None:
            raise ValueError(f"page {len(pages)} of {name!r} is missing")
        pages.append(unpacked(page, size - have))
        have += len(pages[-1])
    return b"".join(pages)[:size]
