"""What people report on ordinary days. A day depends on the seed and the date alone."""

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import Final

from ingest.events import Incident
from simulators.world.ground import shifted
from simulators.world.neighbourhood import Neighbourhood
from simulators.world.rhythm import HOUR_MS, LocalDays, poisson

_CATEGORIES: Final = (
    ("theft", "noise_complaint"),
    ("dispute", "fraud"),
    ("vandalism", "burglary"),
    ("traffic", "lost_property"),
)
"""Each pair is reported on every fourth day only, twice at most: ordinary days never make up a series (3 in 72 h)."""


def incidents(site: Neighbourhood, calendar: LocalDays, seed: int, start: int, end: int) -> Iterator[Incident]:
    """Give the ordinary reports of a site from `start` up to but not at `end`, in order of time."""
    day = calendar.day_of(start)
    while calendar.start_ms(day) < end:
        first, last = calendar.start_ms(day), calendar.start_ms(day + timedelta(days=1))
        if first < end and start < last:
            yield from (report for report in _day(site, calendar, seed, day) if start <= epoch_ms(report) < end)
        day += timedelta(days=1)


def epoch_ms(report: Incident) -> int:
    """Return the time of a report as epoch milliseconds."""
    return report.ts if isinstance(report.ts, int) else round(report.ts.timestamp() * 1000)


def _day(site: Neighbourhood, calendar: LocalDays, seed: int, day: date) -> list[Incident]:
    rng = Random(f"{seed}|incidents|{day.isoformat()}")
    midnight = calendar.start_ms(day)
    places = [spec for spec in site.specs if spec.device.type == "camera"] or list(site.specs)
    # Trouble goes where people are: the same corners are reported repeatedly, which makes a hotspot.
    weights = [0.2 + spec.people_h / 400 for spec in places]
    found = []
    for category in _CATEGORIES[day.toordinal() % len(_CATEGORIES)]:
        for number in range(min(poisson(rng, 1.4), 2)):
            device = rng.choices(places, weights)[0].device
            lon, lat = shifted((device.lon, device.lat), rng.gauss(0, 25), rng.gauss(0, 25))
            ts = midnight + round(rng.triangular(0.5, 23.9, 21.0) * HOUR_MS)
            found.append(
                Incident(id=f"{category}-{day.isoformat()}-{number}-{seed}", ts=ts, lon=lon, lat=lat, category=category)
            )
    return sorted(found, key=epoch_ms)
