"""State as keyed entries, of which only those that changed are written: for logs that keep the newest entry per key.

Keys, and what is under them:

``meta``
    What the others are and how long: layout, sizes, single numbers. Written at every checkpoint, so that whoever reads
    the log to its end knows which entries belong to the state.
``d/{device}/info``, ``d/{device}/hot``, ``d/{device}/model``, ``d/{device}/…``
    One device: its names and numbers, what changes with its batches, and its baselines. A large baseline is divided, as
    a closed window changes a small part of it.
``p/{name}/{page}``
    A page of what belongs to no device, compressed: the table of vehicles, what people wrote, alerts.

`Changelog.changes` finds what changed since it was last called by comparing with a copy. The entries it returns must be
written in one transaction: they fit each other, and no other state's. `rebuild` takes the newest entry of every key.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from ingest import frame
from ingest.frame import FrameError, FrameKind
from stream.state import device_rows
from stream.state.device_rows import Part

META_KEY: Final = b"meta"
PAGE: Final = 2048
"""Bytes of a page."""
_CATALOG: Final = "catalog"
_DEVICES: Final = "catalog/series_device"
"""An array that a state with devices has."""

Entries = dict[bytes, "bytes | None"]
"""Key → value; None removes the key."""


class State(NamedTuple):
    """What `meta` and `arrays` of a shard or of a site's stage give, and `load` takes."""

    meta: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


class _Leaf(msgspec.Struct, array_like=True):
    """A value of the meta data: here, or, where it may be long, in pages."""

    path: list[str]
    value: Any = None
    paged: bool = False


class _Array(msgspec.Struct, array_like=True):
    dtype: str
    shape: list[int]
    paged: str = ""
    """Name of the pages with what belongs to no device; empty where all of it belongs to devices."""


class _Meta(msgspec.Struct, kw_only=True):
    leaves: list[_Leaf]
    arrays: dict[str, _Array]
    parts: list[Part]
    pages: dict[str, int]
    """Name → bytes."""
    places: dict[str, int]
    """What the places of an axis are → how many belong to devices."""
    devices: int = -1
    """-1: the state has no devices."""
    slots: int = 0


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
        self._parts: list[Part] = []
        self._slots = np.zeros(0, dtype=np.int64)
        self._info: list[bytes] = []
        self._blobs: dict[str, bytes] = {}

    def changes(self, state: State) -> Entries:
        """Return the entries that differ from those returned before; the arrays are kept and must not be changed."""
        entries: Entries = {}
        meta = _Meta(leaves=[], arrays={}, parts=[], pages={}, places={})
        blobs: dict[str, bytes] = {}
        if _DEVICES in state.arrays:
            self._devices(state, meta, entries, blobs)
        owned = {part.array for part in meta.parts}
        for name, array in state.arrays.items():
            if name not in owned:
                meta.arrays[name] = _Array(array.dtype.str, list(array.shape), f"a/{name}")
                blobs[f"a/{name}"] = np.ascontiguousarray(array).tobytes()
        for leaf in _leaves(state.meta):
            if leaf.paged:
                blobs["m/" + "/".join(leaf.path)] = msgspec.msgpack.encode(leaf.value)
                leaf.value = None
            meta.leaves.append(leaf)
        self._write_pages(blobs, meta, entries)
        self._arrays = state.arrays
        entries[META_KEY] = frame.encode(FrameKind.CHANGELOG, meta, {})
        return entries

    def _devices(self, state: State, meta: _Meta, entries: Entries, blobs: dict[str, bytes]) -> None:
        """Write what belongs to devices and has changed."""
        arrays, catalog = state.arrays, state.meta[_CATALOG]
        owner = device_rows.owners(state.meta, arrays)
        meta.parts = device_rows.parts_of(arrays, owner)
        meta.places = {axis: len(of) for axis, of in owner.items()}
        meta.devices, meta.slots = len(catalog["devices"]), catalog["slots"]
        infos = _infos(catalog)
        for device, info in enumerate(infos):
            if device >= len(self._info) or self._info[device] != info:
                entries[_device_key(catalog["devices"][device][1], "info")] = info
        before = self._arrays if meta.parts == self._parts else {}
        names = [name for _, name in catalog["devices"]]
        for group, parts in _by_group(meta.parts).items():
            touched = self._touched(parts, arrays, before, owner)
            if len(touched):
                rows = device_rows.encode_rows(touched, parts, arrays, owner)
                for device, row in zip(touched.tolist(), rows, strict=True):
                    entries[_device_key(names[device] if device >= 0 else "", group)] = row
        for part in meta.parts:
            array, places = arrays[part.array], len(owner[part.axis])
            room = array.shape[part.dim] > places and part.axis != "gap"
            tail = f"t/{part.array}" if room else ""
            meta.arrays[part.array] = _Array(array.dtype.str, list(array.shape), tail)
            if tail:
                blobs[tail] = np.ascontiguousarray(device_rows.first(array, part.dim)[places:]).tobytes()
        self._info, self._parts, self._slots = infos, meta.parts, owner["slot"]

    def _touched(
        self,
        parts: list[Part],
        arrays: Mapping[str, NDArray[Any]],
        before: Mapping[str, NDArray[Any]],
        owner: Mapping[str, NDArray[np.int64]],
    ) -> NDArray[np.int64]:
        """Return the devices, rising, of which anything in some parts has changed."""
        found: list[NDArray[np.int64]] = []
        for axis, mine in device_rows.by_axis(parts):
            places = len(owner[axis])
            if axis == "gap":
                (part,) = mine
                old = before.get(part.array)
                found.append(device_rows.changed_gaps(arrays[part.array], old, owner[axis], owner["slot"]))
                continue
            mask = np.zeros(places, dtype=np.bool_)
            for part in mine:
                if part.array in before:
                    old = before[part.array]
                    new = device_rows.view(arrays[part.array], part, places)
                    mask |= device_rows.changed(new, device_rows.view(old, part, old.shape[part.dim]))
                else:
                    mask[:] = True
            found.append(np.unique(owner[axis][mask]))
            if axis == "slot" and before:
                found.append(_moved(self._slots, owner["slot"]))
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
        Where an entry is missing, damaged, or of a later version.
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
    arrays: dict[str, NDArray[Any]] = {}
    owned = {part.array: part for part in meta.parts}
    for name, described in meta.arrays.items():
        dtype = np.dtype(described.dtype)
        if name not in owned:
            flat = np.frombuffer(blobs[described.paged], dtype=dtype)
            arrays[name] = flat.reshape(described.shape).astype(dtype.newbyteorder("="))
            continue
        arrays[name] = array = np.zeros(described.shape, dtype=dtype.newbyteorder("="))
        if described.paged:
            tail = device_rows.first(array, owned[name].dim)[meta.places[owned[name].axis] :]
            tail[...] = np.frombuffer(blobs[described.paged], dtype=dtype).reshape(tail.shape)
    catalog = None
    if meta.devices >= 0:
        by_group = _device_entries(entries)
        catalog = _catalog(by_group.pop("info", []), meta)
        for group, parts in _by_group(meta.parts).items():
            device_rows.decode_rows(by_group.get(group, []), parts, arrays)
    found: dict[str, Any] = {}
    for leaf in meta.leaves:
        value = leaf.value
        if meta.devices >= 0 and leaf.path == [_CATALOG]:
            value = catalog
        elif leaf.paged:
            value = msgspec.msgpack.decode(blobs["m/" + "/".join(leaf.path)])
        inner = found
        for name in leaf.path[:-1]:
            inner = inner.setdefault(name, {})
        inner[leaf.path[-1]] = value
    return State(found, {name: arrays[name] for name in meta.arrays})


def _leaves(meta: Mapping[str, Any]) -> Iterator[_Leaf]:
    """Yield the values of meta data, of inner dictionaries one by one; what may be long goes into pages."""
    for key, value in meta.items():
        if key == _CATALOG and isinstance(value, dict):
            yield _Leaf([key])
        elif isinstance(value, dict) and value and all(isinstance(name, str) for name in value):
            for name, inner in value.items():
                yield _Leaf([key, name], inner, isinstance(inner, list | tuple | dict | str | bytes))
        else:
            yield _Leaf([key], value, isinstance(value, list | tuple | dict | bytes))


def _infos(catalog: Mapping[str, Any]) -> list[bytes]:
    """Return what is known of each device by name: its number, beat, series and boots with their numbers."""
    series: list[list[Any]] = [[] for _ in catalog["devices"]]
    index = {name: number for number, (_, name) in enumerate(catalog["devices"])}
    for number, (beat, device, kind, metric) in enumerate(catalog["series"]):
        series[index[device]].append((number, beat, kind, metric))
    encode = msgspec.msgpack.Encoder().encode
    return [
        encode((number, beat, device, series[number], boots))
        for number, ((beat, device), boots) in enumerate(zip(catalog["devices"], catalog["boots"], strict=True))
    ]


_INFO: Final = msgspec.msgpack.Decoder(
    tuple[int, str, str, list[tuple[int, str, int, str]], list[tuple[str, str, str, int]]]
)


def _catalog(infos: list[bytes], meta: _Meta) -> dict[str, Any]:
    """Return the catalogue that the devices' infos make."""
    known = sorted(map(_INFO.decode, infos))
    if [info[0] for info in known] != list(range(meta.devices)):
        raise ValueError(f"{len(known)} devices, expected {meta.devices}")
    series = sorted(
        (number, beat, device, kind, metric) for _, _, device, mine, _ in known for number, beat, kind, metric in mine
    )
    return {
        "devices": [(beat, device) for _, beat, device, _, _ in known],
        "series": [entry[1:] for entry in series],
        "boots": [boots for *_, boots in known],
        "slots": meta.slots,
    }


def _device_entries(entries: Mapping[bytes, bytes | None]) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for key, value in entries.items():
        if value is not None and key.startswith(b"d/"):
            found.setdefault(key.rpartition(b"/")[2].decode(), []).append(value)
    return found


def _by_group(parts: list[Part]) -> dict[str, list[Part]]:
    found: dict[str, list[Part]] = {}
    for part in parts:
        found.setdefault(part.group, []).append(part)
    return found


def _moved(before: NDArray[np.int64], now: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the devices that have lost or won a slot."""
    both = min(len(before), len(now))
    differs = before[:both] != now[:both]
    return np.unique(np.concatenate([before[:both][differs], now[:both][differs], now[both:]]))


def _device_key(device: str, group: str) -> bytes:
    return f"d/{device}/{group}".encode()


def _page_key(name: str, number: int) -> bytes:
    return f"p/{name}/{number}".encode()


def _blob(name: str, size: int, entries: Mapping[bytes, bytes | None]) -> bytes:
    pages: list[bytes] = []
    have = 0
    while have < size:
        page = entries.get(_page_key(name, len(pages)))
        if page is None:
            raise ValueError(f"page {len(pages)} of {name!r} is missing")
        pages.append(zlib.decompress(page))
        have += len(pages[-1])
    return b"".join(pages)[:size]
