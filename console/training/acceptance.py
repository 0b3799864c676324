"""Telling a site's models that how things are now is how they are: a word of a person, which goes through the log."""

from typing import Final

import msgspec

from console.common import FoundSite
from console.errors import CommandError
from console.people.people import People
from console.training.teaching import log_time, stored_series
from deploy.settings import Settings
from deploy.wiring import open_kafka_log, open_log
from ingest.events import Belief
from ingest.log import HistorySeries, Log, Record, RecordKind
from ingest.places import Places
from ingest.shards import ShardMap
from stream.sinks.store.reader import StoreReader

DAYS_MS = 3 * 86_400_000
"""How far back "now" reaches where nobody says since when."""
NOTED: Final = "accept-usual"
"""What the audit log calls it: the log of the site forgets it after days, and the report of a week needs it."""


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """What was given to the node."""

    device: str
    metrics: tuple[str, ...]
    since_ms: int
    by: str
    position: int
    running: bool
    kafka: bool


def accept(
    settings: Settings,
    site: FoundSite,
    places: Places,
    reader: StoreReader,
    *,
    device: str,
    metric: str | None,
    since_ms: int | None,
    by: str,
) -> Accepted:
    """Put a person's word into the log of the device's shard. The models go by it as soon as the node reads it.

    Raises `CommandError` for a device that counts or reads nothing, or nothing of the metric, and a time to come;
    OSError where the log cannot be written.
    """
    names, _ = stored_series(reader, places, accept_unknown=True)
    known = [one for one in names.values() if one.device == device and metric in {None, one.metric}]
    if not known:
        of = "" if metric is None else f" of {metric}"
        has = sorted(one.metric for one in names.values() if one.device == device)
        hint = f"; it has {', '.join(has)}" if has else ""
        raise CommandError(f"site {site.id} has no counts or levels{of} of a device {device!r}{hint}")
    kafka = bool(settings.kafka.bootstrap) and not (site.folder / "log.db").exists()
    log: Log = open_kafka_log(settings, "patrolgrid-models") if kafka else open_log(settings)
    try:
        now_ms = log_time(log, reader, kafka=kafka)
        since_ms = now_ms - DAYS_MS if since_ms is None else since_ms
        if since_ms >= now_ms:
            raise CommandError("--since is a time to come, expected when what is now began", 2)
        position = log.append([_record(known[0], metric, since_ms, by, now_ms, settings, places, kafka=kafka)])
    finally:
        log.close()
    people = People(site.folder)
    if people.anybody():
        people.audit.note(by, NOTED, device, metric=metric or "", since_ms=since_ms, at_ms=now_ms)
    return Accepted(
        device=device,
        metrics=tuple(sorted(one.metric for one in known)),
        since_ms=since_ms,
        by=by,
        position=position,
        running=bool(site.node()["running"]),
        kafka=kafka,
    )


def _record(
    one: HistorySeries,
    metric: str | None,
    since_ms: int,
    by: str,
    now_ms: int,
    settings: Settings,
    places: Places,
    *,
    kafka: bool,
) -> Record:
    belief = Belief(beat=one.beat, device=one.device, metric=metric or "", since_ms=since_ms, by=by)
    shard = ShardMap(settings.kafka.shards if kafka else 1, places.beats).shard_of(one.beat)
    return Record(RecordKind.BELIEF, now_ms, msgspec.json.encode(belief), shard)
