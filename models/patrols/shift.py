"""What a plan is asked for with, and what it is: officers, promised stops, stops."""

import msgspec


class Officer(msgspec.Struct, frozen=True):
    """Someone on duty; minutes count from the plan's minute 0."""

    id: str
    begin_min: int
    end_min: int
    lon: float
    """Where he or she is at `begin_min`."""
    lat: float
    away: tuple[tuple[int, int], ...] = ()
    """Breaks, and calls that take the officer away: from, until. Nobody travels or stops then."""


class Committed(msgspec.Struct, frozen=True):
    """A stop that was promised, such as the school's gate at 7:30."""

    name: str
    lon: float
    lat: float
    begin_min: int
    minutes: int
    officer: str = ""
    """Who was promised; empty: whoever has the shortest way."""


class Minimum(msgspec.Struct, frozen=True):
    """Minutes of stops that a beat gets at least."""

    beat: int
    minutes: int


class Stop(msgspec.Struct, frozen=True):
    """An officer at a place from `arrive_min` until `leave_min`."""

    id: str
    officer: str
    candidate: int
    """Number of the place in the ground; -1 of a committed stop."""
    lon: float
    lat: float
    arrive_min: int
    leave_min: int
    kind: str
    """``risk``, ``committed``, ``minimum`` (its beat would get too little) or ``exploration``."""


class Plan(msgspec.Struct, frozen=True):
    """Stops in the order of time, and what is to be said of them."""

    stops: tuple[Stop, ...]
    solver: str
    """What made it: ``search`` or ``greedy``."""
    covered: float
    """Expected incidents of the ground within reach of a stop and within an hour of it, kept stops included."""
    best: float | None = None
    """What the best plan found covers, where this one was drawn from many near it."""
    unmet: tuple[int, ...] = ()
    """Beats that get less than their minimum."""
    missed: tuple[str, ...] = ()
    """Names of committed stops that nobody can keep."""
