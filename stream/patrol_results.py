"""What the pipeline says of patrols: plans as they stand, and the beats' shares. See `stream.results`."""

from typing import Literal

import msgspec

from ingest.events import PatrolStop

StopState = Literal["planned", "arrived", "done", "skipped", "missed", "replaced"]


class StopNow(PatrolStop, frozen=True, kw_only=True):
    """A planned stop as it stands; key id."""

    state: StopState = "planned"
    """replaced: a newer plan of the shift has it no more; missed: the shift is over, and nobody was there."""
    arrived_ms: int = 0
    done_ms: int = 0
    delivered_min: float = 0.0
    note: str = ""


class OfficerPlan(msgspec.Struct, frozen=True, kw_only=True):
    """An officer's plan of a shift as it stands, whenever it changes; key (shift, officer)."""

    shift: str
    name: str
    officer: str
    begin_ms: int
    end_ms: int
    made_ms: int
    solver: str
    changed_ms: int
    away_ms: int = 0
    """Since when the officer is called away; 0: is not."""
    over: bool = False
    """The shift is over."""
    stops: list[StopNow] = msgspec.field(default_factory=list)
    """All of the shift, in the order of time, replaced ones included."""


class BeatShare(msgspec.Struct, frozen=True, kw_only=True):
    """A beat's share of the site's patrol beside its share of what people reported; key (beat, ts)."""

    beat: str
    ts: int
    minutes: float
    """Delivered, older ones counting less."""
    patrol: float
    """0-1."""
    reports: float
    """Reported incidents, older ones counting less in the same way."""
    reported: float
    """0-1."""


class ComingRisk(msgspec.Struct, frozen=True, kw_only=True):
    """What the forecast expects of the coming day where most is expected: what plans are made from."""

    ts: int
    bounds: tuple[float, float, float, float]
    """West, south, east and north of the map, in degrees."""
    cell_m: float
    cells: list[int]
    """Numbers of the map's cells, the one with most expected first."""
    hours: bytes
    """Expected (weighted) incidents by cell and local hour of the day: little-endian float32, (cells, 24)."""
