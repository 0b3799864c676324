"""Where InfluxDB is, who we are there, and how lines are sent: the section ``[influx]`` of the settings."""

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from ingest.login import url_in_clear
from ingest.setup.settings import Section, url_mistake


class Address(Section, frozen=True, kw_only=True):
    """InfluxDB, from which Grafana draws. `patrolgrid influx setup` prepares it."""

    url: str = ""
    """Address of InfluxDB, such as http://127.0.0.1:8086; empty: nothing is sent."""
    version: Literal["1", "2"] = "2"
    """2 for InfluxDB 2.x (and what speaks its write API), 1 for InfluxDB 1.x."""
    bucket: str = "patrolgrid"
    """Bucket that results go to; for 1.x the database."""
    org: str = "patrolgrid"
    """Organization of the bucket (2.x)."""
    retention: str = ""
    """Retention policy to write to (1.x); empty: the database's default."""
    username: str = ""
    """User that writes (1.x); empty: none. Its password stands where the token does."""
    token: str = ""
    token_file: Path | None = None
    """File that holds the writing token (1.x: password) on its first line."""
    read_username: str = ""
    """User that Grafana reads as (1.x); empty: none."""
    read_token: str = ""
    read_token_file: Path | None = None
    """File that holds Grafana's reading token (1.x: password)."""
    gzip: bool = False
    """Whether to compress what is sent: worth it over a slow line."""
    batch_lines: Annotated[int, Meta(ge=1, le=100_000)] = 5_000
    """Lines sent at once."""
    timeout_s: Annotated[float, Meta(ge=0.1, le=600)] = 20.0
    """How long to wait for an answer, in seconds."""
    max_wait_s: Annotated[float, Meta(ge=0.1, le=3_600)] = 30.0
    """Longest wait between two attempts, in seconds."""
    backlog_mb: Annotated[int, Meta(ge=1)] = 4_096
    """Disk space for what waits while InfluxDB is away, in MiB; above it the oldest lines make room."""

    def mistake(self) -> str:
        """Return what cannot be meant; see `ingest.setup.settings.Section.mistake`."""
        return url_mistake("url", self.url)

    def in_clear(self) -> bool:
        """Tell whether the token goes over a network without encryption."""
        return bool(self.token or self.token_file) and url_in_clear(self.url)
