"""What a pipeline is told about its site: sections of the settings as they are. The defaults suit a police station."""

from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from ingest.days.patrol_settings import PatrolSettings
from ingest.setup.settings import Country, Day, Identifier, Section, TimeZone, one_of
from stream.sentences.languages import LANGUAGES


class Site(Section, frozen=True, kw_only=True):
    """Which site this is, and how its people count time and speak."""

    id: Identifier = "station-1"
    """Name of the site in topics, file names and tags."""
    timezone: TimeZone = "Asia/Shanghai"
    """IANA time zone of the site; days and nights are counted in it."""
    language: Annotated[str, one_of(LANGUAGES)] = "en"
    """Language of messages and of the board at first sight."""
    country: Country = "CN"
    """ISO 3166 code of the country (CN), or of a part of it with holidays of its own (NZ-AUK), whose public holidays
    count as holidays; empty for none."""
    holidays: tuple[Day, ...] = ()
    """Further days off, as YYYY-MM-DD, besides the country's."""
    places: Path | None = None
    """GeoJSON file of beats and devices; empty: places.geojson in the site's folder."""


class PipelineSettings(Section, frozen=True, kw_only=True):
    """Windows, watermarks, rules and hotspots."""

    window_s: Annotated[int, Meta(ge=10, le=86_400)] = 300
    """Length of a window of event time, in seconds. A change keeps the baselines; `patrolgrid doctor` says what not."""
    lateness_s: Annotated[float, Meta(ge=0, le=86_400)] = 30.0
    """How late an observation may be and still be on time, in seconds."""
    grace_s: Annotated[float, Meta(ge=0, le=86_400)] = 60.0
    """A window closes at the latest this long after its end, also when devices are silent."""
    keep_windows: Annotated[int, Meta(ge=1, le=288)] = 4
    """Closed windows that late observations still revise in place."""
    max_metrics: Annotated[int, Meta(ge=1, le=1_000)] = 16
    """Different metrics one device may report, beside those that have a rule; more are quarantined: metrics."""
    silent_s: Annotated[float, Meta(ge=1)] = 300.0
    """A device is silent after this long without a word, in seconds."""
    alert_ttl_s: Annotated[float, Meta(ge=60)] = 14_400.0
    """Alerts that have no end of their own, such as a stranger's car, expire after this."""
    flap_s: Annotated[float, Meta(ge=0)] = 1800.0
    """An alert that comes back within this time is the same alert."""
    hotspot_cell_m: Annotated[float, Meta(ge=10, le=5_000)] = 100.0
    """Size of a hotspot cell, in metres."""
    hotspot_top: Annotated[int, Meta(ge=1, le=1_000)] = 10
    """How many hotspots are shown."""


class AlertSettings(Section, frozen=True, kw_only=True):
    """How much people are told; docs/alerts.md has the whole story. What rules find is always told."""

    per_day: Annotated[int, Meta(ge=0, le=10_000)] = 20
    """Alerts of models a day that the shifts can look into (about three officers); 0: as many as come. The threshold of
    a day is chosen from the fortnight before, and never lower than the models' own."""
    group_m: Annotated[float, Meta(ge=0, le=5_000)] = 200.0
    """Devices of a beat no further apart than this, in metres, at which a model finds the same at the same time, make
    one alert; 0: every device has its own."""


class PipelineConfig(Struct, frozen=True, kw_only=True):
    """What one pipeline is told. Times are seconds of event time unless the name says otherwise."""

    site: Site
    pipeline: PipelineSettings = PipelineSettings()
    alerts: AlertSettings = AlertSettings()
    patrol: PatrolSettings = PatrolSettings()
    ahead_s: float = 120.0
    """How far ahead of its time of receipt a count or a passage may be; more is refused."""
    backfill_s: float = 30 * 86_400.0
    """How old one may be; more is refused."""
    emit_open_s: float = 10.0
    """How often the open window's rows are written for people to watch."""
    hotspot_every_s: float = 60.0
    hotspot_horizon_s: int = 8 * 3600

    @property
    def max_metrics(self) -> int:
        """Different metrics one device may report, beside those that have a rule."""
        return self.pipeline.max_metrics
