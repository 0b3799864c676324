"""Rules on vehicles passing gates: strangers at night, tailgating, circling, wrong way, overstay, convoys.

Plates are hashed tokens before they come here, and only as much of them is kept as fits a table of fixed size.
Vehicles pass at most once a second or so per gate: one at a time is fast enough, and plain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ingest.vocabulary import Direction, Permit
from models.rules.tokens import NEVER, TokenTable
from models.state import ROW, Saved, array, part, value

_RECENT: Final = 8
"""Passes kept per gate for convoys."""
_HOUR_MS: Final = 3_600_000


@dataclass(frozen=True)
class GateConfig:
    """Settings of the rules; a rule with a zero time or count is off."""

    stranger_days: float = 28.0
    tailgate_s: float = 3.0
    circling_passes: int = 6
    """Passes of one vehicle, over all gates, within `circling_s`."""
    circling_s: float = 3_600.0
    overstay_s: float = 12 * 3_600.0
    """A vehicle that is not on the allow list, inside for longer."""
    convoy_vehicles: int = 4
    """Vehicles not on the allow list, all unseen for `stranger_days`, through one gate, one way, within `convoy_s`."""
    convoy_s: float = 30.0
    learn_days: float = 7.0
    """How long a site must have been watched before an unseen token means anything."""
    capacity: int = 65_536
    """Vehicles remembered."""


@dataclass(frozen=True, slots=True)
class GateEvent:
    """A gate rule found something."""

    row: int
    kind: str
    """stranger_vehicle, tailgating, circling, wrong_way, overstay, convoy."""
    ts: int
    """Event time of the pass (for overstay: of the entry)."""
    fired_ms: int
    token: int
    value: float
    """Stranger: days since last seen (-1: never). Tailgating: seconds behind. Circling and convoy: how many.
    Overstay: hours inside. Wrong way: 1."""
    threshold: float
    index: int
    """Position in the arrays given; -1 from `GateRules.tick`."""


class GateRules(Saved):
    """All gate rules of a site.

    Parameters
    ----------
    config
        Settings.

    Notes
    -----
    While the site has been watched for less than `learn_days`, only vehicles that a gate calls not allowed can be
    strangers, and there are no convoys: every token is new to a new site.
    Fails where plates are misread (each misreading is a new token) and where a table too small forgets.
    """

    one_way = array(np.uint8, ROW, fill=Direction.UNKNOWN)
    last_ms = array(np.int64, ROW, fill=NEVER)
    last_way = array(np.uint8, ROW, fill=Direction.UNKNOWN)
    last_token = array(np.uint64, ROW)
    recent_ms = array(np.int64, ROW, _RECENT, fill=NEVER)
    recent_way = array(np.uint8, ROW, _RECENT, fill=Direction.UNKNOWN)
    _began = value(int, NEVER)
    """When the first vehicle passed."""
    table: TokenTable = part()
    """Fields of a token: passes in the circling period, its beginning, time of an entry not yet followed by an exit."""

    def __init__(self, config: GateConfig | None = None) -> None:
        self.config = config or GateConfig()
        self.table = TokenTable(self.config.capacity)
        super().__init__()

    def set_one_way(self, row: int, direction: int) -> None:
        """Declare that a gate is for one direction only (0 in, 1 out; 2: both)."""
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
    ) -> list[GateEvent]:
        """Look at vehicles passing, each array (n,), in time order per row.

        `allowed` is 1, 0 or -1 (not said), `token` a hash of the plate token (0: no plate read), `night` whether the
        stranger rule applies. A pass older than the gate's newest is remembered but raises nothing.
        """
        index = np.asarray(rows, dtype=np.intp)
        if len(index) == 0:
            return []
        self.grow(ROW, int(index.max()) + 1)
        times, ways = np.asarray(ts, dtype=np.int64), np.asarray(direction, dtype=np.int64)
        permits, tokens = np.asarray(allowed, dtype=np.int64), np.asarray(token, dtype=np.uint64)
        dark = np.asarray(night, dtype=np.bool_).astype(np.int8)
        if self._began == NEVER:
            self._began = int(times.min())
        events: list[GateEvent] = []
        columns = zip(
            index.tolist(), times.tolist(), ways.tolist(), permits.tolist(), tokens.tolist(), dark.tolist(), strict=True
        )
        for i, (row, at, way, permit, plate, is_night) in enumerate(columns):
            self._one(row, at, way, permit, plate, is_night, i, events)
        return events

    def tick(self, now_ms: int) -> list[GateEvent]:
        """Find vehicles that have stayed too long by `now_ms`; each is told once."""
        limit = self.config.overstay_s * 1000
        if limit <= 0:
            return []
        entered = self.table.fields[:, :, 2]
        found = np.argwhere((entered > 0) & (now_ms - np.abs(entered) >= limit))
        events = []
        for place in map(tuple, found.tolist()):
            since = int(entered[place])
            row = int(self.table.fields[(*place, 1)]) >> 44
            # A negative time marks an entry that has been told.
            self.table.fields[(*place, 2)] = -since
            hours = (now_ms - since) / _HOUR_MS
            events.append(
                GateEvent(row, "overstay", since, now_ms, int(self.table.token[place]), hours, limit / _HOUR_MS, -1)
            )
        return sorted(events, key=lambda e: (e.ts, e.token))

    def _one(
        self,
        row: int,
        at: int,
        way: int,
        permit: int,
        plate: int,
        is_night: int,
        i: int,
        events: list[GateEvent],
    ) -> None:
        config = self.config
        live = at >= self.last_ms[row]
        one_way = int(self.one_way[row])
        if live and one_way != Direction.UNKNOWN and way not in {Direction.UNKNOWN, one_way}:
            events.append(GateEvent(row, "wrong_way", at, at, plate, 1.0, 1.0, i))
        if live and way == self.last_way[row] and permit == Permit.NO and way != Direction.UNKNOWN:
            behind = (at - int(self.last_ms[row])) / 1000
            same = plate != 0 and plate == int(self.last_token[row])
            if behind <= config.tailgate_s and not same:
                events.append(GateEvent(row, "tailgating", at, at, plate, behind, config.tailgate_s, i))
        new = False
        if plate:
            new = self._vehicle(row, at, way, permit, plate, is_night, i, events if live else None)
        if live:
            if new and permit != Permit.YES:
                self._convoy(row, at, way, plate, i, events)
            self.last_ms[row], self.last_way[row], self.last_token[row] = at, way, plate

    def _vehicle(
        self,
        row: int,
        at: int,
        way: int,
        permit: int,
        plate: int,
        is_night: int,
        i: int,
        events: list[GateEvent] | None,
    ) -> bool:
        """Rules on one vehicle's own past; returns whether the site had not seen it (lately)."""
        config, table = self.config, self.table
        place = table.place(plate)
        seen, fields = int(table.seen[place]), table.fields[place]
        gap_days = -1.0 if seen == NEVER else (at - seen) / (24 * _HOUR_MS)
        knows = at - self._began >= config.learn_days * 24 * _HOUR_MS
        new = config.stranger_days > 0 and (seen == NEVER or gap_days >= config.stranger_days)
        # A gate that says "not allowed" knows its list; one that says nothing must first learn who belongs here.
        if events is not None and new and is_night and (permit == Permit.NO or (permit == Permit.UNKNOWN and knows)):
            events.append(GateEvent(row, "stranger_vehicle", at, at, plate, gap_days, config.stranger_days, i))
        if events is not None and permit != Permit.YES and config.circling_passes > 0:
            self._circling(row, at, plate, fields, i, events)
        if way == Direction.IN and permit != Permit.YES:
            fields[2] = at
            fields[1] = (row << 44) | (int(fields[1]) & ((1 << 44) - 1))
        elif way == Direction.OUT or permit == Permit.YES:
            fields[2] = 0
        table.seen[place] = max(seen, at)
        return new and knows

    def _circling(
        self, row: int, at: int, plate: int, fields: NDArray[np.int64], i: int, events: list[GateEvent]
    ) -> None:
        """Count passes with a leaky bucket: `circling_passes` within `circling_s` fill it."""
        mask = (1 << 44) - 1
        # Milliseconds since 1970 fit in 44 bits until the year 2527; the row of the entry stands above them.
        begun = int(fields[1]) & mask
        count = int(fields[0])
        if count <= 0 or at - begun > self.config.circling_s * 1000:
            count, begun = 0, at
        count += 1
        if count == self.config.circling_passes:
            threshold = float(self.config.circling_passes)
            events.append(GateEvent(row, "circling", at, at, plate, float(count), threshold, i))
        fields[0] = count
        fields[1] = (int(fields[1]) >> 44 << 44) | (begun & mask)

    def _convoy(self, row: int, at: int, way: int, plate: int, i: int, events: list[GateEvent]) -> None:
        need = self.config.convoy_vehicles
        if need <= 1:
            return
        times, ways = self.recent_ms[row], self.recent_way[row]
        times[:-1], ways[:-1] = times[1:].copy(), ways[1:].copy()
        times[-1], ways[-1] = at, way
        within = int(((at - times <= self.config.convoy_s * 1000) & (times != NEVER) & (ways == way)).sum())
        if within == min(need, _RECENT):
            events.append(GateEvent(row, "convoy", at, at, plate, float(within), float(need), i))
