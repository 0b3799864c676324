"""Which devices and series there are: text ids on one side, array indices on the other."""

from collections import Counter
from collections.abc import Collection, Iterable
from heapq import heapify, heappop, heappush
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from ingest.log.batch import Source
from ingest.places import Places, PlacesRecord, decode_places, encode_places
from ingest.shards import ShardMap
from ingest.vocabulary import Kind
from models.rules.defaults import WITH_RULES
from models.state import Saved, array, grown, value
from stream.results import SeriesKey
from stream.windows.axes import DEVICE, SERIES, SLOT
from stream.windows.columns import Columns
from stream.windows.sequences import Sequences

MAX_NAMES: Final = 512
"""Different (kind, metric) pairs of a site that are found in a table, one column each; the others more slowly."""
MAX_BOOTS: Final = 4
"""Boots remembered per device, and more where one record holds more: a device that keeps restarting, or a backlog."""
_FRESH_MIN: Final = 15
"""A boot that was heard so many minutes ago stays: an agent that was restarted again and again while it had no
network sends what it kept of all its boots, and after a broken connection once more."""
_MINUTE_MS: Final = 60_000
_CROWDED: Final = 256
"""A device with more boots than this loses the oldest with the next record: a flood of boots is not kept for good."""
_OWED: Final = frozenset((int(kind), metric) for kind, metric in WITH_RULES)
"""(kind, metric) of what has a rule: a device may have these whatever else it has made up, and they are found fast."""


class Catalog(Saved):
    """Indices of devices, of their boots (slots), and of their series. All only grow, so snapshots stay valid."""

    devices = value(list[tuple[str, str]], axis=DEVICE)
    """(beat, device) by device index; the devices of the places file first, in its order."""
    series = value(list[SeriesKey], axis=SERIES)
    series_device = array(np.int64, SERIES, of=DEVICE)
    """Device index per series."""
    _boots = value(list[list[tuple[Source, int]]], axis=DEVICE)
    """Boots of each device with their slots, the oldest first. A boot whose numbers began again without its name saying
    so is in it once for each time: the newest of its slots is the one that new numbers go to."""
    _slot_device = array(np.int64, SLOT, fill=-1, of=DEVICE)
    """Device index per slot, -1 for a free one."""
    lives = array(np.int64, SLOT)
    """How often the numbers of a slot's boot had begun again when it got the slot."""
    heard = array(np.int64, SLOT)
    """The minute since 1970 in which a slot's boot was heard last."""
    before = array(np.int64, SLOT, fill=-1, derived=True)
    """The slot that a boot had before its numbers began again, -1 where they have not."""
    _places = value(bytes)
    """The places as they last came through the log, so that a snapshot knows which it belongs to; empty before that."""

    def __init__(self, places: Places, max_metrics: int) -> None:
        super().__init__()
        self.places, self.max_metrics = places, max_metrics
        self.restored()

    def restored(self) -> None:
        """Find the indices; devices that the places file has gained come behind, and those it has moved, move."""
        if self._places:
            self.places = decode_places(self._places).places
        self._device_index = {device: index for index, (_, device) in enumerate(self.devices)}
        for place in self.places.devices.values():
            self.devices[self.device(place.beat, place.id)] = (place.beat, place.id)
        self._slots: dict[Source, int] = {source: slot for boots in self._boots for source, slot in boots}
        for index in range(len(self._boots)):
            self._link(index)
        self._free = np.flatnonzero(self._slot_device[: self.size_of(SLOT)] < 0).tolist()
        """Free slots, as a heap: the lowest is given first, after a restart too."""
        heapify(self._free)
        self._crowded = {index for index, boots in enumerate(self._boots) if len(boots) > _CROWDED}
        self._codes: dict[tuple[int, str], int] = {}
        self._table = np.full((len(self.devices), 16), -1, dtype=np.int32)
        """(device index, code of kind and metric) → series, -1 where there is none."""
        self._rare: dict[tuple[int, int, str], int] = {}
        """(device index, kind, metric) → series, for names beyond the table's columns."""
        self._made_up: Counter[int] = Counter()
        """Device index → how many series it has that a device may not have in any number."""
        for kind, metric in sorted(_OWED):
            self._code(kind, metric)
        of_series = list(zip(self.series, self.series_device.tolist(), strict=False))
        for index, (key, device) in enumerate(of_series):
            self._enter(index, device, key.kind, key.metric)
        self.series = [msgspec.structs.replace(key, beat=self.devices[device][0]) for key, device in of_series]

    def take_places(self, payload: bytes, shard: int) -> bool:
        """Keep a shard's part of the places in a record, which `restored` goes by; tell whether it is another.

        Raises `PlacesError`.
        """
        found = decode_places(payload)
        mine = ShardMap(found.shards).split(found.places)[shard]
        self._places = encode_places(PlacesRecord(1, mine))
        return mine != self.places

    def known(self, device: str) -> int | None:
        """Return a device's index, None where it is not known yet."""
        return self._device_index.get(device)

    def device(self, beat: str, device: str) -> int:
        """Return a device's index, adding it where it is new (a gateway may be set to let unknown devices in)."""
        index = self._device_index.get(device)
        if index is None:
            index = self._device_index[device] = len(self.devices)
            self.devices.append((beat, device))
            self._boots.append([])
            self.grow(DEVICE, len(self.devices))
        return index

    def devices_of(self, columns: Columns) -> NDArray[np.int64]:
        """Return the device index of each source of a record; new devices are added."""
        if columns.devices is None:
            sources = columns.sources
            columns.devices = np.fromiter(
                (self.device(beat, name) for beat, name, _ in sources), np.int64, len(sources)
            )
        return columns.devices

    def slots(self, columns: Columns, sequences: Sequences) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return (slot, device index) of each source of one record, in a time that grows with their number only.

        A device's fifth boot takes the place of its oldest, but never of one that is in the same record (two boots in
        one slot would take each other's numbers for repeats), nor of one that was heard of late.
        """
        sources, devices = columns.sources, self.devices_of(columns)
        minute = int(columns.received[-1]) // _MINUTE_MS if columns.rows else 0
        known = [self._slots.get(source, -1) for source in sources]
        if not self._crowded and -1 not in known:
            found = np.array(known, dtype=np.int64)
            self.heard[found] = minute
            return found, devices
        fresh: dict[int, list[Source]] = {}
        for source, device in zip(sources, devices.tolist(), strict=True):
            if source not in self._slots:
                fresh.setdefault(device, []).append(source)
                self._slots[source] = -1
        present = frozenset(sources)
        for device in fresh.keys() | self._crowded:
            boots = fresh.get(device, ())
            self._leave(device, MAX_BOOTS - len(boots) if boots else _CROWDED, present, sequences, minute - _FRESH_MIN)
        for device, boots in fresh.items():
            self._enter_boots(device, boots, sequences)
        found = np.fromiter(map(self._slots.__getitem__, sources), np.int64, len(sources))
        self.heard[found] = minute
        return found, devices

    def _leave(
        self, device: int, room: int, present: frozenset[Source], sequences: Sequences, heard_until: int | None = None
    ) -> None:
        """Forget a device's oldest boots until it has no more than `room`.

        Those that are `present` stay, and while the device is not crowded those that were heard after `heard_until`.
        """
        boots = self._boots[device]
        idle = [entry for entry in boots if entry[0] not in present or self._slots[entry[0]] != entry[1]]
        if heard_until is not None and len(boots) <= _CROWDED:
            idle = [entry for entry in idle if self.heard[entry[1]] <= heard_until]
        gone = idle[: max(len(boots) - max(room, 0), 0)]
        if gone:
            slots = {slot for _, slot in gone}
            self._boots[device] = [entry for entry in boots if entry[1] not in slots]
            self._link(device)
        for source, slot in gone:
            if self._slots.get(source) == slot:
                del self._slots[source]
            self.before[slot], self.lives[slot], self.heard[slot] = -1, 0, 0
            sequences.forget(slot)
            self._slot_device[slot] = -1
            heappush(self._free, slot)
        if len(self._boots[device]) <= _CROWDED:
            self._crowded.discard(device)

    def again(self, sources: Collection[Source], present: list[Source], sequences: Sequences) -> list[int]:
        """Give boots of a record, whose sources are `present`, new slots: their numbers have begun again."""
        everyone = frozenset(present)
        by_device: dict[int, list[Source]] = {}
        for source in sources:
            by_device.setdefault(self._device_index[source.device], []).append(source)
        lives = {source: int(self.lives[self._slots[source]]) + 1 for source in sources}
        heard = {source: int(self.heard[self._slots[source]]) for source in sources}
        for device, boots in by_device.items():
            self._leave(device, MAX_BOOTS - len(boots), everyone, sequences)
            self._enter_boots(device, boots, sequences)
            self._link(device)
        for source, life in lives.items():
            slot = self._slots[source]
            self.lives[slot], self.heard[slot] = life, heard[source]
        return [self._slots[source] for source in sources]

    def _link(self, device: int) -> None:
        """Find which slots of a device belong to one boot."""
        newest: dict[Source, int] = {}
        for source, slot in self._boots[device]:
            self.before[slot] = newest.get(source, -1)
            newest[source] = slot

    def _enter_boots(self, device: int, sources: Collection[Source], sequences: Sequences) -> None:
        """Give slots to boots that are new."""
        size = self.size_of(SLOT)
        wanted = size + max(len(sources) - len(self._free), 0)
        for slot in range(size, wanted):
            heappush(self._free, slot)
        self.grow(SLOT, wanted)
        sequences.grow(SLOT, wanted)
        for source in sources:
            slot = self._slots[source] = heappop(self._free)
            self._slot_device[slot] = device
            self._boots[device].append((source, slot))
        if len(self._boots[device]) > _CROWDED:
            self._crowded.add(device)

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
                name = self._name(columns, combination)
                given[number] = self._rare.get((device, *name), -1)
                if given[number] < 0:
                    given[number] = self._new_series(device, *name)
                    added += [int(given[number])] if given[number] >= 0 else []
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
            series = int(self._table[index, code]) if code >= 0 else self._rare.get((index, kind, metric), -1)
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

    def _enter(self, index: int, device: int, kind: int, metric: str) -> None:
        """Make a series one that is found."""
        code = self._code(kind, metric)  # first: it may replace the table by a larger one
        if code >= 0:
            self._table[device, code] = index
        else:
            self._rare[device, kind, metric] = index
        self._made_up[device] += (kind, metric) not in _OWED

    def _new_series(self, device: int, kind: int, metric: str) -> int:
        """Return a new series, -1 where the device has too many: what it makes up takes no room from the others."""
        beat, name = self.devices[device]
        if self._made_up[device] >= self.max_metrics and (kind, metric) not in _OWED:
            return -1
        index = len(self.series)
        self.series.append(SeriesKey(beat=beat, device=name, kind=kind, metric=metric))
        self.grow(SERIES, index + 1)
        self.series_device[index] = device
        self._enter(index, device, kind, metric)
        return index
