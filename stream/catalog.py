"""Which devices and series there are: text ids on one side, array indices on the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ingest.batch import Kind, Source
from stream.arrays import grown
from stream.results import SeriesKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ingest.places import Places
    from stream.columns import Columns
    from stream.sequences import Sequences

MAX_NAMES: Final = 512
"""Different (kind, metric) pairs of a whole site; more is a device that makes names up."""
MAX_BOOTS: Final = 4
"""Boots remembered per device; a device that restarts more often within its messages' travel time is broken."""


class Catalog:
    """Indices of devices, of their boots (slots), and of their series. All only grow, so snapshots stay valid."""

    def __init__(self, places: Places, max_metrics: int) -> None:
        self.places, self.max_metrics = places, max_metrics
        self.devices: list[tuple[str, str]] = []
        """(beat, device) by device index; the devices of the places file first, in its order."""
        self.series: list[SeriesKey] = []
        self.series_device = np.zeros(0, dtype=np.int64)
        """Device index per series."""
        self._device_index: dict[str, int] = {}
        self._slots: dict[Source, int] = {}
        self._boots: list[list[tuple[Source, int]]] = []
        self._names: list[tuple[int, str]] = []
        self._codes: dict[tuple[int, str], int] = {}
        self._table = np.full((0, 0), -1, dtype=np.int32)
        """(device index, code of kind and metric) → series, -1 where there is none."""
        self._metrics: dict[int, int] = {}
        self._slot_count = 0
        for device in places.devices.values():
            self.device(device.beat, device.id)

    def device(self, beat: str, device: str) -> int:
        """Return a device's index, adding it where it is new (a gateway may be set to let unknown devices in)."""
        index = self._device_index.get(device)
        if index is None:
            index = self._device_index[device] = len(self.devices)
            self.devices.append((beat, device))
            self._boots.append([])
        return index

    def slots(self, sources: list[Source], sequences: Sequences) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return (slot, device index) of each source; a device's fifth boot takes the place of its oldest."""
        slots = np.empty(len(sources), dtype=np.int64)
        devices = np.empty(len(sources), dtype=np.int64)
        for index, source in enumerate(sources):
            device = self.device(source.beat, source.device)
            slot = self._slots.get(source)
            if slot is None:
                slot = self._new_slot(source, device, sequences)
            slots[index], devices[index] = slot, device
        return slots, devices

    def _new_slot(self, source: Source, device: int, sequences: Sequences) -> int:
        boots = self._boots[device]
        if len(boots) < MAX_BOOTS:
            slot = self._slot_count
            self._slot_count += 1
            sequences.grow(self._slot_count)
        else:
            oldest, slot = boots.pop(0)
            del self._slots[oldest]
            sequences.forget(slot)
        boots.append((source, slot))
        self._slots[source] = slot
        return slot

    def rows_series(self, columns: Columns, devices: NDArray[np.int64]) -> tuple[NDArray[np.int64], list[int]]:
        """Return the series of every row, -1 where there are too many metrics, and the series that are new.

        `devices` is the device index per row. Gates have one series however many vehicle classes they tell apart.
        """
        codes = self._row_codes(columns)
        self._table = grown(self._table, len(self.devices), -1)
        found = self._table[devices, codes].astype(np.int64)
        found[codes < 0] = -1
        missing = np.flatnonzero((found < 0) & (codes >= 0))
        added: list[int] = []
        if len(missing):
            pairs = np.unique(devices[missing] * MAX_NAMES + codes[missing])
            for pair in pairs.tolist():
                device, code = divmod(pair, MAX_NAMES)
                index = self._new_series(device, *self._names[code])
                if index >= 0:
                    self._table[device, code] = index
                    added.append(index)
            found[missing] = self._table[devices[missing], codes[missing]]
        return found, added

    def _row_codes(self, columns: Columns) -> NDArray[np.int64]:
        """Return a small number for each row's (kind, metric), -1 where the site has too many different ones."""
        width = max(len(columns.strings), 1)
        metric = np.where(columns.kind == Kind.GATE, 0, columns.metric)
        key = columns.kind.astype(np.int64) * width + metric
        table = np.zeros(len(Kind) * width, dtype=np.int64)
        table[key] = 1
        for combination in np.flatnonzero(table).tolist():
            kind, string = divmod(combination, width)
            table[combination] = self._code(kind, "gate" if kind == Kind.GATE else columns.strings[string])
        return table[key]

    def _code(self, kind: int, metric: str) -> int:
        code = self._codes.get((kind, metric))
        if code is None:
            if len(self._names) >= MAX_NAMES:
                return -1
            code = self._codes[kind, metric] = len(self._names)
            self._names.append((kind, metric))
            self._table = grown(self._table, len(self._names), -1, axis=1)
        return code

    def _new_series(self, device: int, kind: int, metric: str) -> int:
        beat, name = self.devices[device]
        if self._metrics.get(device, 0) >= self.max_metrics:
            return -1
        self._metrics[device] = self._metrics.get(device, 0) + 1
        index = len(self.series)
        self.series.append(SeriesKey(beat=beat, device=name, kind=kind, metric=metric))
        self.series_device = grown(self.series_device, index + 1)
        self.series_device[index] = device
        return index

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the state that is arrays."""
        return {"series_device": self.series_device[: len(self.series)].copy()}

    def meta(self) -> dict[str, Any]:
        """Return the state that is text."""
        return {
            "devices": self.devices,
            "series": [(key.beat, key.device, key.kind, key.metric) for key in self.series],
            "boots": [[(*source, slot) for source, slot in boots] for boots in self._boots],
            "slots": self._slot_count,
        }

    def load(self, meta: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take back what `meta` and `arrays` gave; devices that the places file has gained since are kept behind."""
        known = self.devices
        self.devices, self._device_index, self._boots = [], {}, []
        for beat, device in meta["devices"]:
            self.device(beat, device)
        for beat, device in known:
            self.device(beat, device)
        self._slots = {}
        for index, boots in enumerate(meta["boots"]):
            self._boots[index] = [(Source(beat, device, boot), slot) for beat, device, boot, slot in boots]
            self._slots.update(self._boots[index])
        self._slot_count = meta["slots"]
        self.series = [SeriesKey(beat=b, device=d, kind=k, metric=m) for b, d, k, m in meta["series"]]
        self.series_device = arrays["series_device"].copy()
        self._metrics = {}
        self._names, self._codes = [], {}
        self._table = np.full((len(self.devices), 16), -1, dtype=np.int32)
        for index, (key, device) in enumerate(zip(self.series, self.series_device.tolist(), strict=True)):
            self._metrics[device] = self._metrics.get(device, 0) + 1
            self._table[device, self._code(key.kind, key.metric)] = index
        for place in self.places.devices.values():
            self.devices[self._device_index[place.id]] = (place.beat, place.id)
        self.series = [
            SeriesKey(beat=self.devices[device][0], device=key.device, kind=key.kind, metric=key.metric)
            for key, device in zip(self.series, self.series_device.tolist(), strict=True)
        ]
