"""From a finding to people: an anomaly for the record, and an alert for whoever is on duty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal
from zoneinfo import ZoneInfo

from models import explain
from stream.results import Anomaly, Severity

if TYPE_CHECKING:
    from ingest.places import Places
    from stream.alerts import AlertBook
    from stream.catalog import Catalog
    from stream.quality import Quality
    from stream.results import Results, Text

SEVERITY: Final[dict[str, Severity]] = {
    "smoke": "critical",
    "heat": "critical",
    "fire": "critical",
    "cover_open": "critical",
    "feed_lost": "critical",
    "tailgating": "info",
    "silent": "info",
    "deficit": "info",
    "overstay": "info",
    "level_low": "info",
    "level_stuck": "info",
}
"""Severity by kind; everything else is a warning."""


class Findings:
    """Knows the devices' places, beats and quality, so that a finding becomes a sentence with a place."""

    def __init__(self, catalog: Catalog, book: AlertBook, quality: Quality, timezone: str) -> None:
        self.catalog, self.book, self.quality = catalog, book, quality
        self._zone = ZoneInfo(timezone)

    @property
    def places(self) -> Places:
        """Where the beats and devices are."""
        return self.catalog.places

    def clock(self, ts: int) -> str:
        """Return an instant as people of the site read it, ``21:05``."""
        return explain.clock(ts, self._zone)

    def confidence(self, device: int) -> float:
        """Return how far a device's data can be trusted, 0-1."""
        return round(float(self.quality.quality[device]), 2) if device < self.quality.size else 1.0

    def anomaly(
        self,
        device: int,
        metric: str,
        kind: str,
        direction: Literal["surge", "deficit", "hazard", "dead"],
        ts: int,
        text: Text,
        out: Results,
        *,
        observed: float,
        expected: float,
        p: float = float("nan"),
        duration_s: float = 0.0,
    ) -> None:
        """Write an anomaly of a device (by index)."""
        beat, name = self.catalog.devices[device]
        out.anomalies.append(
            Anomaly(
                beat=beat,
                device=name,
                metric=metric,
                kind=kind,
                direction=direction,
                severity=SEVERITY.get(kind, "warning"),
                ts=ts,
                observed=observed,
                expected=expected,
                p=p,
                duration_s=duration_s,
                confidence=self.confidence(device),
                text=text,
            )
        )

    def alert(
        self,
        device: int,
        kind: str,
        now_ms: int,
        text: Text,
        out: Results,
        *,
        cause_ms: int,
        cause_seq: int = -1,
        ends: bool = True,
    ) -> None:
        """Raise an alert at a device (by index); see `AlertBook.rise`."""
        beat, name = self.catalog.devices[device]
        place = self.places.devices.get(name)
        out.alerts += self.book.rise(
            beat=beat,
            device=name,
            kind=kind,
            severity=SEVERITY.get(kind, "warning"),
            now_ms=now_ms,
            lonlat=(place.lon, place.lat) if place else (0.0, 0.0),
            place=place.name if place else {"en": name, "zh-CN": name},
            text=text,
            advice=explain.advice(kind),
            confidence=self.confidence(device),
            cause_ms=cause_ms,
            cause_seq=cause_seq,
            ends=ends,
        )

    def over(self, device: int, kind: str, now_ms: int, out: Results) -> None:
        """Clear a device's alert whose condition has ended."""
        out.alerts += self.book.fall(self.catalog.devices[device][1], kind, now_ms)
