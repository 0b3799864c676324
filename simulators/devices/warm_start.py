"""The days before: what a site that has been running for a fortnight already knows. Nothing goes wrong in it."""

from collections.abc import Callable, Iterator
from datetime import date
from random import Random
from typing import Any, Final

from simulators.devices.messages import Post, SimulatedMessage
from simulators.world.life import World, openings
from simulators.world.neighbourhood import Spec
from simulators.world.reports import incidents
from simulators.world.rhythm import DAY_MS, WINDOW_MS, LocalDays, curve, day_level, inward, poisson, spread
from simulators.world.usual import CLEAN_AIR, LEVELS, water_level
from simulators.world.vehicles import state

_CHUNK: Final = 72
"""Windows to a step: six hours of every device before the next six hours of any."""
_EVERY_MS: Final = 2 * WINDOW_MS
"""Readings of the days before are so far apart."""
Mean = Callable[[float, int], float]
READINGS: Final[dict[str, tuple[str, str, Mean, float]]] = {
    "noise": ("noise", "dB", lambda share, _ms: LEVELS["noise"][1](share), 0.4),
    "heat": ("temperature", "°C", lambda share, _ms: LEVELS["heat"][1](share), 0.13),
    "environment": ("temperature", "°C", lambda share, _ms: LEVELS["environment"][1](share), 0.13),
    "smoke": ("smoke", "%/m", lambda _share, _ms: CLEAN_AIR, 0.015),
    "water": ("water", "cm", lambda _share, ms: water_level(ms), 0.13),
}
"""Type of device → metric, unit, mean by its profile's share and the time, and how far five minutes' means stray."""


def history(world: World, post: Post, *, days: float, end_ms: int) -> Iterator[SimulatedMessage]:
    """Give a warm start: counts per 5-minute window, readings, doors, passes of residents and callers, and incidents.

    Ordered by time across devices in steps of six hours; a message holds one device's step. Ends with the last whole
    window before `end_ms`; `days` may be a fraction.
    """
    end = end_ms // WINDOW_MS * WINDOW_MS
    start = end - round(days * DAY_MS) // WINDOW_MS * WINDOW_MS
    calendar, site = world.calendar, world.site
    chains = {
        position: _windows(world.seed, calendar, spec, start, end)
        for position, spec in enumerate(site.specs)
        if spec.device.type == "camera"
    }
    for step in range(start, end, _CHUNK * WINDOW_MS):
        step_end = min(step + _CHUNK * WINDOW_MS, end)
        for position, spec in enumerate(site.specs):
            if position in chains:
                rows = [row for _ in range((step_end - step) // WINDOW_MS) for row in next(chains[position])]
                yield from post.pack(position, rows)
            elif spec.device.type == "gate":
                life = world.gates[spec.device.id].between(step, step_end)
                yield from post.pack(position, [(ts, body) for ts, body in life if body["type"] == "gate"])
            elif spec.device.type in READINGS:
                yield from post.pack(position, _readings(world.seed, calendar, spec, step, step_end))
            elif spec.device.type == "door":
                yield from post.pack(position, _door(world.seed, calendar, spec, step, step_end))
        for report in incidents(site, calendar, world.seed, step, step_end):
            post.incident(report)
        yield from post.minute((), step_end)


def _windows(
    seed: int, calendar: LocalDays, spec: Spec, start: int, end: int
) -> Iterator[list[tuple[int, dict[str, Any]]]]:
    """Give a camera's observations window by window; a day depends on nothing but seed, device and date."""
    day, level, rng = date.min, 1.0, Random()
    curve_now: tuple[float, ...] = ()
    for window in range(start, end, WINDOW_MS):
        today = calendar.day_of(window)
        if today != day:
            day = today
            key = f"{seed}|{{}}|{spec.device.id}|{day.isoformat()}"
            level = day_level(Random(key.format("day")))
            rng = Random(key.format("history"))
            curve_now = curve(spec.profile, calendar.day_class(day))
        minute = calendar.minute_of_day(window) + 2.5
        mark = int(minute / 5)
        share = (curve_now[mark % 288] + curve_now[(mark + 1) % 288]) / 2 * level / 12
        into = inward(spec.profile, minute)
        rows = []
        for of, hourly in (("person", spec.people_h), ("vehicle", spec.vehicles_h)):
            if hourly > 0.0:
                mean = hourly * share * spread(rng)
                came, went = poisson(rng, mean * into), poisson(rng, mean * (1 - into))
                rows.append(
                    (window + WINDOW_MS, {"type": "count", "interval_s": 300, "in": came, "out": went, "of": of})
                )
        yield rows


def _readings(seed: int, calendar: LocalDays, spec: Spec, start: int, end: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Give a sensor's readings, each the mean of five minutes: what a window of many readings would be, in one."""
    metric, unit, mean, spread = READINGS[spec.device.type]
    rng = Random(f"{seed}|readings|{spec.device.id}|{start}")
    for window in range(start, end, _EVERY_MS):
        share = calendar.share(spec.profile, window + WINDOW_MS // 2)
        value = max(mean(share, window) + rng.gauss(0.0, spread), 0.0)
        yield window + WINDOW_MS, {"type": "level", "metric": metric, "value": round(value, 3), "unit": unit}


def _door(seed: int, calendar: LocalDays, spec: Spec, start: int, end: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Give a door's openings, each with its end: none is left open between two steps."""
    for day in dict.fromkeys((calendar.day_of(start), calendar.day_of(end - 1))):
        for opened, closed in zip(*openings(seed, calendar, spec, day), strict=True):
            if start <= opened and closed < end:
                yield opened, state("door", "open")
                yield closed, state("door", "closed")
