"""What the demo does beyond the node for a running InfluxDB: finding its version, writing what really happened."""

from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError

from console.demo.scoring import score
from console.errors import CommandError
from deploy.influx.setup import set_up
from deploy.settings import Settings, with_values
from simulators.world.scenarios import Truth
from stream.sinks.influx.http import ExpiredError, RefusedError, UnavailableError, connect
from stream.sinks.influx.lines import point_line


def pointed_at(settings: Settings, url: str) -> Settings:
    """Return settings whose results go to an InfluxDB that runs, whichever version it is of.

    In 1.x the database is made where it is missing. Raises `CommandError` where nothing answers, or it is refused.
    """
    try:
        answer = urllib3.PoolManager(retries=False, timeout=5).request("GET", f"{url.rstrip('/')}/ping")
    except HTTPError as error:
        raise CommandError(f"--influx {url}: nothing answers there ({error}); start InfluxDB first") from error
    version = "1" if answer.headers.get("X-Influxdb-Version", "").lstrip("v").startswith("1.") else "2"
    settings = with_values(settings, influx={"url": url, "version": version})
    address = settings.influx
    if version == "1" and not address.username:
        set_up(address, "", zone=settings.site.timezone)
    elif version == "2" and not address.read_secret("token"):
        raise CommandError(
            f"--influx {url}: InfluxDB 2 asks for a token: set PATROLGRID_INFLUX__TOKEN, and PATROLGRID_INFLUX__ORG "
            "and PATROLGRID_INFLUX__BUCKET where they are not 'patrolgrid'"
        )
    return settings


def truth_lines(site: str, truths: Iterable[Truth], alerts: Sequence[dict[str, Any]]) -> list[str]:
    """Return the points of scenarios: when each began and ended, and whether and when an alert found it."""
    lines = []
    for truth in truths:
        alone = score([truth], alerts, devices=1, start_ms=truth.start, until_ms=truth.end + truth.tolerance_s * 1000)
        tags = {"beat": truth.beat, "name": truth.name, "site": site}
        begin = {"active": 1, "found": alone["detected"], "delay_s": alone["delay_s_median"]}
        lines.append(point_line("truth", tags, begin | {"devices": " ".join(truth.devices)}, truth.start // 1000))
        lines.append(point_line("truth", tags, {"active": 0}, truth.end // 1000))
    return lines


def write_truth(
    settings: Settings, truths: Iterable[Truth], alerts: Sequence[dict[str, Any]], *, until_ms: int
) -> None:
    """Write the scenarios that are over to InfluxDB. Raises `CommandError` where it does not take them."""
    lines = truth_lines(settings.site.id, (truth for truth in truths if truth.end <= until_ms), alerts)
    if not lines:
        return
    with closing(connect(settings.influx)) as endpoint:
        try:
            endpoint.write("\n".join(lines).encode())
        except (UnavailableError, RefusedError, ExpiredError) as error:
            raise CommandError(f"what really happened could not be written to InfluxDB: {error}") from error
