"""Rules on vehicles passing gates: strangers at night, tailgating, circling, wrong way, overstay, convoys.

Plates are hashed tokens before they come here, and a table of fixed size holds them: memory is bounded whatever drives
past. Vehicles pass at most once a second or so per gate: one at a time is fast enough, and plain.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ingest.vocabulary import Direction, Permit
from models.state import ROW, Saved, array, part, value

_DAY_MS: Final = 86_400_000
_HOUR_MS: Final = 3_600_000
_NEVER: Final = np.iinfo(np.int64).min
_STRANGER_DAYS: Final = 28.0
"""A vehicle unseen for so long is a stranger."""
_TAILGATE_S: Final = 3.0
_CIRCLING_PASSES: Final = 6
"""Passes of one vehicle, over all gates, within `_CIRCLING_MS`."""
_CIRCLING_MS: Final = 3_600_000
_OVERSTAY_MS: Final = 12 * _HOUR_MS
"""A vehicle that is not on the allow list is inside for longer."""
_CONVOY_VEHICLES: Final = 4
"""Strangers, none on the allow list, through one gate, one way, within `_CONVOY_MS`."""
_CONVOY_MS: Final = 30_000
_RECENT: Final = 8
"""Passes kept per gate for convoys."""
_WAYS: Final = 8
_MIX: Final = 0x9E3779B97F4A7C15
_MASK: Final = (1 << 64) - 1
_TIME: Final = (1 << 44) - 1
"""Milliseconds since 1970 fit in 44 bits until the year 2527; the row of an entry stands above them."""


class TokenTable(Saved):
    """A set-associative table: each token has eight places it may stand in, the oldest of them gives way.

    Parameters
    ----------
    capacity
        Places in all, rounded up to a power of two; 40 bytes each.

    Notes
    -----
    When more tokens pass than it has places for, the longest unseen are forgotten first, within their set. A forgotten
    token looks like a stranger: size it to the vehicles of `remember` weeks, with half as much to spare.
    """

    token = array(np.uint64, "sets", _WAYS)
    seen = array(np.int64, "sets", _WAYS, fill=_NEVER)
    fields = array(np.int64, "sets", _WAYS, 3)
    """What the caller keeps with a token."""

    def __init__(self, capacity: int = 65_536) -> None:
        if capacity < _WAYS:
            raise ValueError(f"a token table of {capacity} places: expected at least {_WAYS}")
        self.sets = 1 << (max(1, -(-capacity // _WAYS)) - 1).bit_length()
        super().__init__()

    def find(self, token: int) -> tuple[int, int] | None:
        """Return the place of a token, or None."""
        row = self._set(token)
        ways = np.flatnonzero(self.token[row] == np.uint64(token))
        return (row, int(ways[0])) if len(ways) else None

    def place(self, token: int) -> tuple[int, int]:
        """Return the place of a token, made by forgetting the longest unseen of its set if need be."""
        found = self.find(token)
        if found is not None:
            return found
        row = self._set(token)
        way = int(self.seen[row].argmin())
        self.token[row, way], self.seen[row, way], self.fields[row, way] = np.uint64(token), _NEVER, 0
        return row, way

    def rename(self, old: int, new: int) -> None:
        """Give what is kept of one token to another: the same vehicle under another key."""
        found = self.find(old)
        if found is None:
            return
        seen, fields = int(self.seen[found]), self.fields[found].copy()
        self.token[found], self.seen[found], self.fields[found] = 0, _NEVER, 0
        place = self.place(new)
        if self.seen[place] < seen:
            self.seen[place], self.fields[place] = seen, fields

    def _set(self, token: int) -> int:
        # Fibonacci hashing: the top bits of the product are well mixed even for poor tokens.
        return (((token * _MIX) & _MASK) >> 32) & (self.sets - 1)


@dataclass(frozen=True, slots=True)
class GateEvent:
    """A gate rule found something."""

    row: int
    kind: str
    """stranger_vehicle, tailgating, circling, wrong_way, overstay, convoy."""
    ts: int
    """Event time of the pass (for overstay: of the entry)."""
    value: float
    """Stranger: days since last seen (-1: never). Tailgating: seconds behind. Circling and convoy: how many.
    Overstay: hours inside. Wrong way: 1."""
    threshold: float
    index: int
    """Position in the arrays given; -1 from `GateRules.tick`."""


@dataclass(slots=True)
class _Pass:
    row: int
    ts: int
    way: int
    permit: int
    token: int
    night: bool
    newest: bool | None
    index: int

    def event(self, kind: str, value: float, threshold: float) -> GateEvent:
        return GateEvent(self.row, kind, self.ts, value, threshold, self.index)


class GateRules(Saved):
    """All gate rules of a site.

    Parameters
    ----------
    capacity
        Vehicles remembered.
    learn_days
        How long a site must have been watched before an unseen token means anything.

    Notes
    -----
    While the site has been watched for less than `learn_days`, only vehicles that a gate calls not allowed can be
    strangers, and there are no convoys: every token is new to a new site.
    Fails where plates are misread (each misreading is a new token) and where a table too small forgets.
    """

    one_way = array(np.uint8, ROW, fill=Direction.UNKNOWN)
    last_ms = array(np.int64, ROW, fill=_NEVER)
    last_way = array(np.uint8, ROW, fill=Direction.UNKNOWN)
    last_token = array(np.uint64, ROW)
    recent_ms = array(np.int64, ROW, _RECENT, fill=_NEVER)
    recent_way = array(np.uint8, ROW, _RECENT, fill=Direction.UNKNOWN)
    _began = value(int, _NEVER)
    """When the first vehicle passed."""
    table: TokenTable = part()
    """Fields of a token: passes in the circling period, its beginning, time of an entry not yet followed by an exit."""

    def __init__(self, capacity: int = 65_536, learn_days: float = 7.0) -> None:
        self.learn_ms = learn_days * _DAY_MS
        self.table = TokenTable(capacity)
        super().__init__()

    def set_one_way(self, row: int, direction: int) -> None:
        """Declare that a gate is for one `Direction` only; UNKNOWN: for both."""
        if row < 0 or direction not in set(Direction):
            raise ValueError(f"gate row {row}, direction {direction}: expected a row from 0 and 0, 1 or 2")
        self.grow(ROW, row + 1)
        self.one_way[row] = direction

    def passes(
        self,
        rows: ArrayLike,
        ts: ArrayLike,
        direction: ArrayLike,
        allowed: ArrayLike,
        token: NDArray[np.uint64],
        night: NDArray[np.bool_],
        newest: NDArray[np.bool_] | None = None,
    ) -> list[GateEvent]:
        """Look at vehicles passing, each array (n,), in the order in which they passed each row.

        `direction` is a `Direction`, `allowed` a `Permit`, `token` a hash of the plate token (0: no plate read),
        `night` whether the stranger rule applies. A pass older than the gate's newest is remembered but raises nothing;
        `newest` tells which are not, whatever their times; without it, their times do.
        """
        if len(token) == 0:
            return []
        columns = [np.asarray(values, dtype=np.int64) for values in (rows, ts, direction, allowed)]
        self.grow(ROW, int(columns[0].max()) + 1)
        if self._began == _NEVER:
            self._began = int(columns[1].min())
        lists = [values.tolist() for values in (*columns, token, night)]
        fresh = [None] * len(token) if newest is None else newest.tolist()
        passes = zip(*lists, fresh, range(len(token)), strict=True)
        return [event for fields in passes for event in self._passed(_Pass(*fields))]

    def tick(self, now_ms: int) -> list[GateEvent]:
        """Find vehicles that have stayed too long by `now_ms`; each gives one event."""
        entered = self.table.fields[:, :, 2]
        found = np.argwhere((entered > 0) & (now_ms - entered >= _OVERSTAY_MS))
        events = []
        for place in sorted(map(tuple, found.tolist()), key=lambda at: (entered[at], self.table.token[at])):
            since = int(entered[place])
            row = int(self.table.fields[(*place, 1)]) >> 44
            # A negative time marks an entry that has had its event.
            entered[place] = -since
            events.append(
                GateEvent(row, "overstay", since, (now_ms - since) / _HOUR_MS, _OVERSTAY_MS / _HOUR_MS, index=-1)
            )
        return events

    def _passed(self, one: _Pass) -> list[GateEvent]:
        row, events = one.row, list[GateEvent]()
        live = one.ts >= self.last_ms[row] if one.newest is None else one.newest
        one_way = int(self.one_way[row])
        if one_way != Direction.UNKNOWN and one.way not in {Direction.UNKNOWN, one_way}:
            events.append(one.event("wrong_way", 1.0, 1.0))
        if one.way == self.last_way[row] and one.permit == Permit.NO and one.way != Direction.UNKNOWN:
            behind = (one.ts - int(self.last_ms[row])) / 1000
            same = one.token != 0 and one.token == int(self.last_token[row])
            if 0 <= behind <= _TAILGATE_S and not same:
                events.append(one.event("tailgating", behind, _TAILGATE_S))
        new = bool(one.token) and self._vehicle(one, events, live=live)
        if not live:
            return []
        if new and one.permit != Permit.YES:
            self._convoy(one, events)
        self.last_ms[row], self.last_way[row], self.last_token[row] = one.ts, one.way, one.token
        return events

    def _vehicle(self, one: _Pass, events: list[GateEvent], *, live: bool) -> bool:
        """Apply the rules on a vehicle's own past; return whether the site had not seen it (lately)."""
        table, permit = self.table, one.permit
        place = table.place(one.token)
        seen, fields = int(table.seen[place]), table.fields[place]
        gap_days = -1.0 if seen == _NEVER else (one.ts - seen) / _DAY_MS
        knows = one.ts - self._began >= self.learn_ms
        new = seen == _NEVER or gap_days >= _STRANGER_DAYS
        # A gate that says "not allowed" knows its list; one that says nothing must first learn who belongs here.
        if new and one.night and (permit == Permit.NO or (permit == Permit.UNKNOWN and knows)):
            events.append(one.event("stranger_vehicle", gap_days, _STRANGER_DAYS))
        if live and permit != Permit.YES:
            self._circling(one, fields, events)
        if one.way == Direction.IN and permit != Permit.YES:
            fields[2] = one.ts
            fields[1] = (one.row << 44) | (int(fields[1]) & _TIME)
        elif one.way == Direction.OUT or permit == Permit.YES:
            fields[2] = 0
        table.seen[place] = max(seen, one.ts)
        return new and knows

    def _circling(self, one: _Pass, fields: NDArray[np.int64], events: list[GateEvent]) -> None:
        """Count passes with a leaky bucket: `_CIRCLING_PASSES` within `_CIRCLING_MS` fill it."""
        count, begun = int(fields[0]), int(fields[1]) & _TIME
        if count <= 0 or one.ts - begun > _CIRCLING_MS:
            count, begun = 0, one.ts
        count += 1
        if count == _CIRCLING_PASSES:
            events.append(one.event("circling", float(count), float(_CIRCLING_PASSES)))
        fields[0] = count
        fields[1] = (int(fields[1]) >> 44 << 44) | (begun & _TIME)

    def _convoy(self, one: _Pass, events: list[GateEvent]) -> None:
        times, ways = self.recent_ms[one.row], self.recent_way[one.row]
        times[:-1], ways[:-1] = times[1:].copy(), ways[1:].copy()
        times[-1], ways[-1] = one.ts, one.way
        within = int(((abs(one.ts - times) <= _CONVOY_MS) & (times != _NEVER) & (ways == one.way)).sum())
        if within == _CONVOY_VEHICLES:
            events.append(one.event("convoy", float(within), float(_CONVOY_VEHICLES)))
