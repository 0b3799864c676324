"""The living neighbourhood: what every device sees, minute by minute, with whatever scenarios are under way.

Every device draws from its own source of chance, seeded by run, device and start, so that leaving a device out or
asking at another speed changes nothing for the others.
"""

import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from datetime import date
from random import Random
from typing import Final, NamedTuple

from simulators.world.neighbourhood import Neighbourhood, Spec
from simulators.world.placing import Effect
from simulators.world.rhythm import MINUTE_MS, WINDOW_MS, LocalDays, day_level, inward, poisson, spread
from simulators.world.scenarios import Schedule
from simulators.world.usual import CLEAN_AIR, LEVELS, water_level
from simulators.world.vehicles import OPEN_AFTER_MS, OPEN_BEFORE_MS, Body, GateLife, gate_pass, plate, state

_ALARM_FROM: Final = 4.0
"""Smoke in percent a metre from which a detector gives its own alarm."""


class Event(NamedTuple):
    """One observation as it happened, before its device numbered and sent it."""

    ts: int
    device: int
    """Position in `Neighbourhood.specs`."""
    body: Body
    cause: bool = False
    """Shows a scenario that one observation can show: never lost on the way, and its sending time is reported."""


class World:
    """Plays a site from an instant on.

    Parameters
    ----------
    site, calendar
        Who speaks, and the local time.
    seed, origin_ms
        What chance starts from, and the first minute.
    schedule
        Scenarios to play; None for a quiet life.
    """

    def __init__(
        self, site: Neighbourhood, calendar: LocalDays, *, seed: int, origin_ms: int, schedule: Schedule | None = None
    ) -> None:
        self.site, self.calendar, self.seed, self.schedule = site, calendar, seed, schedule
        self.minute_start = origin_ms
        gates = [spec.device.id for spec in site.specs if spec.device.type == "gate"]
        cars = site.households_cars // len(gates) if gates else 0
        self.gates = {gate: GateLife(seed, gate, min(cars, 90), calendar) for gate in gates}
        self._devices = [
            _Device(self, position, spec, Random(f"{seed}|live|{spec.device.id}|{origin_ms}"))
            for position, spec in enumerate(site.specs)
        ]

    def minute(self) -> list[Event]:
        """Return the next minute's events in order of time, and move on."""
        start, end = self.minute_start, self.minute_start + MINUTE_MS
        if self.schedule is not None:
            self.schedule.until(end)
        events: list[Event] = []
        for device in self._devices:
            events += device.minute(start, end)
        events.sort(key=lambda event: (event.ts, event.device))
        self.minute_start = end
        return events


class _Device:
    """One device's life."""

    def __init__(self, world: World, position: int, spec: Spec, rng: Random) -> None:
        self.world, self.position, self.spec, self.rng = world, position, spec, rng
        # Not all devices speak at the same instant; the odd milliseconds keep reports apart from changes of state.
        # By its id and not by its place in the site, so that a part of a site says the same as the whole.
        self.mark = zlib.crc32(spec.device.id.encode())
        self.phase = self.mark % 60 * 1000 + 137
        self._see: Callable[[int, int, list[Effect]], list[Event]] = getattr(self, f"_{spec.device.type}")
        self._levels: tuple[date | None, float] = (None, 1.0)
        self._window, self._factors = -1, (1.0, 1.0)
        self._doors: tuple[date | None, list[int], list[int]] = (None, [], [])

    def minute(self, start: int, end: int) -> list[Event]:
        effects: list[Effect] = []
        if self.world.schedule is not None:
            mine = self.world.schedule.effects.get(self.spec.device.id)
            if mine:
                effects = [effect for effect in mine if effect.start < end and start < effect.end + 2 * MINUTE_MS]
        return self._see(start, end, effects)

    def _level(self, ts: int, metric: str, value: float, unit: str, *, cause: bool = False) -> Event:
        body = {"type": "level", "metric": metric, "value": round(value, 2), "unit": unit}
        return Event(ts, self.position, body, cause)

    def _state(self, ts: int, metric: str, value: str, *, cause: bool = False) -> Event:
        return Event(ts, self.position, state(metric, value), cause)

    def _changes(self, span: tuple[int, int], metric: str, cause: str, *changes: tuple[int, str]) -> list[Event]:
        """Return those changes of a state that fall into a span; the value `cause` shows a scenario."""
        return [
            self._state(ts, metric, value, cause=value == cause) for ts, value in changes if span[0] <= ts < span[1]
        ]

    def _share(self, ts: int) -> float:
        return self.world.calendar.share(self.spec.profile, ts)

    # Cameras ------------------------------------------------------------------------------------------------------

    def _camera(self, start: int, end: int, effects: list[Effect]) -> list[Event]:
        ts, spec = start + self.phase, self.spec
        middle = ts - MINUTE_MS // 2
        crowd, condition = 1.0, "ok"
        events: list[Event] = []
        for effect in effects:
            if effect.what == "crowd" and effect.start <= middle < effect.end:
                crowd = effect.amount
            elif effect.what in {"dark", "gone", "lost"} and effect.start <= ts < effect.end:
                condition = effect.what
            if effect.what == "lost":
                events += self._changes((start, end), "video", "lost", (effect.start, "lost"), (effect.end, "ok"))
        if condition == "gone":
            return events
        day = self.world.calendar.day_of(middle)
        if self._levels[0] != day:
            self._levels = (day, day_level(Random(f"{self.world.seed}|day|{spec.device.id}|{day.isoformat()}")))
        window = middle // WINDOW_MS
        if window != self._window:
            self._window, self._factors = window, (spread(self.rng), spread(self.rng))
        share = self._share(middle) * self._levels[1] / 60
        into = inward(spec.profile, self.world.calendar.minute_of_day(middle))
        for of, hourly, factor in (
            ("person", spec.people_h * crowd, self._factors[0]),
            ("vehicle", spec.vehicles_h, self._factors[1]),
        ):
            if hourly <= 0.0:
                continue
            if crowd > 1.0:
                factor = max(factor, 0.95)  # noqa: PLW2901 - a surge of known size must not be hidden by chance
            mean = hourly * share * factor
            came, went = poisson(self.rng, mean * into), poisson(self.rng, mean * (1 - into))
            if condition != "ok":
                came = went = 0
            body = {"type": "count", "interval_s": 60, "in": came, "out": went, "of": of}
            events.append(Event(ts, self.position, body))
        if start // MINUTE_MS % 10 == self.mark % 10:
            lost = condition == "lost"
            events.append(self._state(ts + 20, "video", "lost" if lost else "ok", cause=lost))
        return events

    # Gates --------------------------------------------------------------------------------------------------------

    def _gate(self, start: int, end: int, effects: list[Effect]) -> list[Event]:
        life = self.world.gates[self.spec.device.id]
        rows = [Event(ts, self.position, body) for ts, body in life.between(start, end)]
        heartbeat = start + self.phase
        value = life.barrier(heartbeat)
        for effect in effects:
            if effect.what == "stuck":
                rows = [row for row in rows if not effect.start <= row.ts < effect.end]
                if effect.start <= heartbeat < effect.end:
                    value = "stuck"
                rows += self._changes((start, end), "barrier", "stuck", (effect.start, "stuck"), (effect.end, "down"))
            elif start <= effect.start < end:
                rows = [row for row in rows if abs(row.ts - effect.start) > 20_000]
                rows += self._intrusion(effect)
        rows.append(self._state(heartbeat, "barrier", value, cause=value == "stuck"))
        return rows

    def _intrusion(self, effect: Effect) -> list[Event]:
        """Let in a car that nobody has seen before, behind a resident's or alone."""
        stranger = gate_pass(plate(self.rng), "in", "car", allowed=False)
        ts = effect.start
        rows = [self._state(ts - OPEN_BEFORE_MS, "barrier", "up")]
        if effect.what == "tailgate":
            car = self.rng.choice(self.world.gates[self.spec.device.id].cars)
            rows.append(Event(ts, self.position, gate_pass(car.plate, "in", car.vehicle, allowed=True), cause=True))
            ts += round(self.rng.uniform(1_300, 2_400))
        rows.append(Event(ts, self.position, stranger, cause=True))
        rows.append(self._state(ts + OPEN_AFTER_MS, "barrier", "down"))
        return rows

    # Levels -------------------------------------------------------------------------------------------------------

    def _noise(self, start: int, end: int, effects: list[Effect]) -> list[Event]:
        events = []
        base = LEVELS["noise"][1](self._share(start))
        for ts in range(start + self.phase % 10_000, end, 10_000):
            value, cause = min(base + self.rng.gauss(0.0, 2.2), 72.0), False
            for effect in effects:
                if effect.what == "loud" and effect.start <= ts < effect.end:
                    least = min(effect.amount, 86.5)  # what is ordered to be quieter may be too quiet to be found
                    value, cause = max(effect.amount + self.rng.gauss(0.0, 1.2), least), True
            events.append(self._level(ts, "noise", max(value, 32.0), "dB", cause=cause))
        return events

    def _smoke(self, start: int, end: int, effects: list[Effect]) -> list[Event]:
        events = []
        for ts in range(start + self.phase % 20_000, end, 20_000):
            value, cause = abs(self.rng.gauss(CLEAN_AIR, 0.06)), False
            for effect in effects:
                if effect.what == "smoke" and effect.start <= ts < effect.end:
                    # Smoke fills the room within a minute and a half.
                    value = 1.0 + effect.amount * min((ts - effect.start) / 60_000, 1.0)
                    cause = value >= _ALARM_FROM
            events.append(self._level(ts, "smoke", value, "%/m", cause=cause))
        alarm = False
        for effect in effects:
            if effect.amount < _ALARM_FROM:
                continue
            on = effect.start + 70_500
            alarm = alarm or on <= start + self.phase < effect.end
            events += self._changes((start, end), "smoke", "alarm", (on, "alarm"), (effect.end, "ok"))
        if start // MINUTE_MS % 5 == self.mark % 5:
            events.append(self._state(start + self.phase, "smoke", "alarm" if alarm else "ok", cause=alarm))
        return events

    def _heat(self, start: int, end: int, effects: list[Effect]) -> list[Event]:
        events = []
        for ts in range(start + self.phase % 30_000, end, 30_000):
            value, cause = LEVELS["heat"][1](self._share(ts)) + self.rng.gauss(0.0, 0.4), False
            for effect in effects:
                if effect.what == "hot" and effect.start <= ts < effect.end:
                    value = value + (effect.amount - value) * min((ts - effect.start) / 120_000, 1.0)
                    cause = value >= 57.0
            events.append(self._level(ts, "temperature", value, "°C", cause=cause))
        return events

    def _water(self, start: int, end: int, effects: list[Effect]) -> list[Event]:
        del end, effects
        value = water_level(start) + self.rng.gauss(0.0, 0.3)
        return [self._level(start + self.phase, "water", value, "cm")]

    def _environment(self, start: int, end: int, effects: list[Effect]) -> list[Event]:
        del end, effects
        value = LEVELS["environment"][1](self._share(start)) + self.rng.gauss(0.0, 0.3)
        return [self._level(start + self.phase, "temperature", value, "°C")]

    # Contacts -----------------------------------------------------------------------------------------------------

    def _door(self, start: int, end: int, effects: list[Effect]) -> list[Event]:
        day = self.world.calendar.day_of(start)
        if self._doors[0] != day:
            self._doors = (day, *openings(self.world.seed, self.world.calendar, self.spec, day))
        _, opened, closed = self._doors
        held = [effect for effect in effects if effect.what == "open"]

        def is_held(ts: int) -> bool:
            return any(effect.start - 60_000 <= ts < effect.end for effect in held)

        rows = [
            self._state(ts, "door", value)
            for times, value in ((opened, "open"), (closed, "closed"))
            for ts in times[bisect_left(times, start) : bisect_left(times, end)]
            if not is_held(ts)
        ]
        for effect in held:
            changes = ((effect.start - 60_000, "closed"), (effect.start, "open"), (effect.end, "closed"))
            rows += self._changes((start, end), "door", "open", *changes)
        # Repeated every half minute, so that one lost message does not leave a door open for good.
        for ts in range(start + self.phase % 30_000, end, 30_000):
            propped = any(effect.start <= ts < effect.end for effect in held)
            last = bisect_right(opened, ts) - 1
            ajar = last >= 0 and ts < closed[last] and not is_held(ts)
            rows.append(self._state(ts, "door", "open" if propped or ajar else "closed", cause=propped))
        return rows

    def _manhole(self, start: int, end: int, effects: list[Effect]) -> list[Event]:
        rows: list[Event] = []
        value, heartbeat = "closed", start + self.phase
        for effect in effects:
            if effect.start <= heartbeat < effect.end:
                value = "open"
            rows += self._changes((start, end), "cover", "open", (effect.start, "open"), (effect.end, "closed"))
        rows.append(self._state(heartbeat, "cover", value, cause=value == "open"))
        return rows


def openings(seed: int, calendar: LocalDays, spec: Spec, day: date) -> tuple[list[int], list[int]]:
    """Return when a door opens and closes on a day: for less than 40 s, more than two minutes apart."""
    rng = Random(f"{seed}|door|{spec.device.id}|{day.isoformat()}")
    ts = calendar.start_ms(day)
    last = ts + 86_000_000
    opened: list[int] = []
    closed: list[int] = []
    while True:
        ts += round(rng.expovariate(max(calendar.share(spec.profile, ts), 0.05) / 1_500_000)) + 150_000
        if ts >= last:
            return opened, closed
        opened.append(ts - ts % 1000 + 611)
        closed.append(opened[-1] + rng.randrange(5_000, 40_000))
