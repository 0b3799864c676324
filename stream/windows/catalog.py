"""Which devices and series there are: text ids on one side, array indices on the other."""

from collections.abc import Iterable
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from ingest.log.batch import Source
from ingest.places import Places
from ingest.vocabulary import Kind
from models.state import Saved, array, grown, value
from stream.results import SeriesKey
from stream.windows.axes import DEVICE, SERIES, SLOT
from stream.windows.columns import Columns
from stream.windows.sequences import Sequences

MAX_NAMES: Final = 512
"""Different (kind, metric) pairs of a whole site; more is a device that makes names up."""
MAX_BOOTS: Final = 4
"""Boots remembered per device, and more where one record holds more: a device that keeps restarting, or a backlog."""


class Catalog(Saved):
    """Indices of devices, of their boots (slots), and of their series. All only grow, so snapshots stay valid."""

    devices = value(list[tuple[str, str]], axis=DEVICE)
    """(beat, device) by device index; the devices of the places file first, in its order."""
    series = value(list[SeriesKey], axis=SERIES)
    series_device = array(np.int64, SERIES, of=DEVICE)
    """Device index per series."""
    _boots = value(list[list[tuple[Source, int]]], axis=DEVICE)
    """Boots of each device with their slots, the oldest first."""
    _slot_device = array(np.int64, SLOT, fill=-1, of=DEVICE)
    """Device index per slot, -1 for a free one."""

    def __init__(self, places: Places, max_metrics: int) -> None:
        super().__init__()
        self.places, self.max_metrics = places, max_metrics
        self.restored()

    def restored(self) -> None:
        """Find the indices; devices that the places file has gained come behind, and those it has moved, move."""
        self._device_index = {device: index for index, (_, device) in enumerate(self.devices)}
        for place in self.places.devices.values():
            self.devices[self.device(place.beat, place.id)] = (place.beat, place.id)
        self._slots: dict[Source, int] = {source: slot for boots in self._boots for source, slot in boots}
        self._codes: dict[tuple[int, str], int] = {}
        self._table = np.full((len(self.devices), 16), -1, dtype=np.int32)
        """(device index, code of kind and metric) → series, -1 where there is none."""
        of_series = list(zip(self.series, self.series_device.tolist(), strict=False))
        for index, (key, device) in enumerate(of_series):
            code = self._code(key.kind, key.metric)  # first: it may replace the table by a larger one
            self._table[device, code] = index
        self.series = [msgspec.structs.replace(key, beat=self.devices[device][0]) for key, device in of_series]

    def device(self, beat: str, device: str) -> int:
        """Return a device's index, adding it where it is new (a gateway may be set to let unknown devices in)."""
        index = self._device_index.get(device)
        if index is None:
            index = self._device_index[device] = len(self.devices)
            self.devices.append((beat, device))
            self._boots.append([])
            self.grow(DEVICE, len(self.devices))
        return index

    def slots(self, sources: list[Source], sequences: Sequences) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return (slot, device index) of each source of one record.

        A device's fifth boot takes the place of its oldest, but never of one that is in the same record: two boots in
        one slot would take each other's numbers for repeats.
        """
        slots = np.empty(len(sources), dtype=np.int64)
        present: frozenset[Source] | None = None
        devices = np.empty(len(sources), dtype=np.int64)
        for index, source in enumerate(sources):
            device = self.device(source.beat, source.device)
            slot = self._slots.get(source)
            if slot is None:
                present = present or frozenset(sources)
                slot = self._new_slot(source, device, present, sequences)
            slots[index], devices[index] = slot, device
        return slots, devices

    def _new_slot(self, source: Source, device: int, present: frozenset[Source], sequences: Sequences) -> int:
        boots = self._boots[device]
        idle = [entry for entry in boots if entry[0] not in present]
        for gone, slot in idle[: max(len(boots) - MAX_BOOTS + 1, 0)]:
            boots.remove((gone, slot))
            del self._slots[gone]
            sequences.forget(slot)
            self._slot_device[slot] = -1
        free = np.flatnonzero(self._slot_device[: self.size_of(SLOT)] < 0)
        slot = int(free[0]) if len(free) else self.size_of(SLOT)
        self.grow(SLOT, slot + 1)
        sequences.grow(SLOT, slot + 1)
        boots.append((source, slot))
        self._slot_device[slot] = device
        self._slots[source] = slot
        return slot

    def rows_series(self, columns: Columns, devices: NDArray[np.int64]) -> tuple[NDArray[np.int64], list[int]]:
        """Return the series of every row, -1 where there are too many metrics, and the series that are new.

        `devices` is the device index per row. Gates have one series however many vehicle classes they tell apart.
        """
        width = max(len(columns.strings), 1)
        key = columns.kind.astype(np.int64) * width + np.where(columns.kind == Kind.GATE, 0, columns.metric)
        codes = np.full(len(Kind) * width, -1, dtype=np.int64)
        present = np.zeros(len(codes), dtype=np.bool_)
        present[key] = True
        for combination in np.flatnonzero(present).tolist():
            codes[combination] = self._codes.get(self._name(columns, combination), -1)
        self._table = grown(self._table, len(self.devices), -1)
        code = codes[key]
        found = np.where(code < 0, -1, self._table[devices, code]).astype(np.int64)
        missing = np.flatnonzero(found < 0)
        added: list[int] = []
        if len(missing):
            pairs, place = np.unique(devices[missing] * len(codes) + key[missing], return_inverse=True)
            given = np.empty(len(pairs), dtype=np.int64)
            for number, pair in enumerate(pairs.tolist()):
                device, combination = divmod(pair, len(codes))
                given[number] = self._new_series(device, *self._name(columns, combination))
            added = given[given >= 0].tolist()
            found[missing] = given[place]
        return found, added

    def named(self, names: Iterable[tuple[str, str, int, str]]) -> tuple[NDArray[np.int64], list[int]]:
        """Return the series of each (beat, device, kind, metric), -1 where a device has too many, and the new ones."""
        found: list[int] = []
        added: list[int] = []
        for beat, device, kind, metric in names:
            index = self.device(beat, device)
            self._table = grown(self._table, len(self.devices), -1)
            code = self._codes.get((kind, metric), -1)
            series = int(self._table[index, code]) if code >= 0 else -1
            if series < 0:
                series = self._new_series(index, kind, metric)
                added += [series] if series >= 0 else []
            found.append(series)
        return np.array(found, dtype=np.int64), added

    def _name(self, columns: Columns, combination: int) -> tuple[int, str]:
        """Return the (kind, metric) of a number made of a kind and a string's index."""
        kind, string = divmod(combination, max(len(columns.strings), 1))
        return kind, "gate" if kind == Kind.GATE else columns.strings[string]

    def _code(self, kind: int, metric: str) -> int:
        code = self._codes.get((kind, metric))
        if code is None:
            if len(self._codes) >= MAX_NAMES:
                return -1
            code = self._codes[kind, metric] = len(self._codes)
            self._table = grown(self._table, len(self._codes), -1, 1)
        return code

    def _new_series(self, device: int, kind: int, metric: str) -> int:
        """Return a new series, -1 where the device, or then the site, has too many.

        The device's limit comes first: what it makes up beyond that must not use up the site's names.
        """
        beat, name = self.devices[device]
        if np.count_nonzero(self._table[device] >= 0) >= self.max_metrics or (code := self._code(kind, metric)) < 0:
            return -1
        index = len(self.series)
        self.series.append(SeriesKey(beat=beat, device=name, kind=kind, metric=metric))
        self.grow(SERIES, index + 1)
        self.series_device[index] = device
        self._table[device, code] = index
        return index
