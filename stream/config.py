"""What a pipeline is told about its site. The settings fill it in; the defaults suit a police station."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineConfig:
    """Settings of one pipeline. Times are seconds of event time unless the name says otherwise."""

    site: str
    timezone: str = "Asia/Shanghai"
    country: str | None = "CN"
    """Whose public holidays shape the days; None for none."""
    holidays: tuple[str, ...] = ()
    """More holidays, as ISO dates."""
    window_s: int = 300
    lateness_s: float = 30.0
    """How long an observation may be on its way before its window closes without it."""
    grace_s: float = 60.0
    """A window also closes when the gateway's clock is this far past its end, so that silence cannot hold it open."""
    ahead_s: float = 120.0
    """How far ahead of the gateway a device's clock may be (the gateway refuses more)."""
    keep_windows: int = 4
    """Closed windows that late observations still revise in place; older ones become additions of their own."""
    emit_open_s: float = 10.0
    """How often the open window's rows are written for people to watch."""
    max_metrics: int = 16
    """Different metrics one device may report."""
    silent_s: float = 300.0
    """A device that reports regularly is silent after this long, and at least three of its usual intervals."""
    hotspot_cell_m: float = 100.0
    hotspot_every_s: float = 60.0
    hotspot_horizon_s: int = 8 * 3600
    hotspot_top: int = 10
    alert_ttl_s: float = 4 * 3600.0
    """Alerts that have no end of their own (a stranger's car) expire after this."""
    flap_s: float = 300.0
    """An alert that comes back within this time is the same alert, not a new one."""
    alerts_per_day: int = 20
    """Alerts of models a day that the site's people can look into; 0 for as many as come. Rules have no budget."""
    group_m: float = 200.0
    """Devices no further apart than this, at which a model finds the same at the same time, make one alert; 0: none."""
