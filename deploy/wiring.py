"""How the parts of a site are made from its settings: the same for the node, a city's gateways and workers, and tools.

What a part can be set comes to it as its section of the settings, as it is. In what order parts are started and stopped
is in `deploy.node.node`, `deploy.kafka.gateway_service` and `deploy.kafka.worker_service`.
"""

import contextlib
import logging
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from deploy.settings import Settings
from deploy.settings.sections import Kafka
from ingest.clock import Clock, DataClock, ScaledClock, SystemClock
from ingest.codecs.bindings import BindingError
from ingest.codecs.site_dialects import check_bindings
from ingest.days.calendar_file import LAST_CALENDAR, CalendarFile
from ingest.days.site_calendar import SiteCalendar, entries_of
from ingest.files import read_json
from ingest.gateway.gateway import Gateway
from ingest.gateway.gateway_settings import GatewayConfig
from ingest.gateway.places_file import LAST_GOOD, PlacesFile
from ingest.gateway.plate_keys import command_keys, load_plates
from ingest.gateway.quarantine import Quarantine
from ingest.log import Log, Record, SqliteLog
from ingest.log.kafka_address import records_topic
from ingest.places import Places, PlacesError
from ingest.places.places_book import PlacesBook
from ingest.setup.extras import load
from ingest.setup.settings import SettingsError
from ingest.shards import ShardMap
from models.calendar import Calendar
from models.hotspots.grid import Grid
from stream.config import PipelineConfig
from stream.detect.rules_stage import check_overrides
from stream.sinks.delivery import Sink
from stream.sinks.jsonl_sink import JsonLinesSink
from stream.sinks.mqtt_sink import MqttSink
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.store_sink import StoreSink
from stream.sinks.store.tables import StoreError, StoreMissingError

_LOG: Final = logging.getLogger(__name__)
_MIB: Final = 1 << 20
_UNREACHED: Final = 1 << 48


def make_clock(settings: Settings) -> Clock:
    """Return the site's clock."""
    clock = settings.clock
    if clock.mode == "scaled":
        return ScaledClock(clock.origin_ms, clock.started_ms, clock.speed)
    return DataClock() if clock.mode == "data" else SystemClock()


def data_end_ms(site_dir: Path) -> int:
    """Return the site's time up to which a folder has results, epoch ms; 0 where none can be read."""
    with closing(StoreReader(site_dir / "store.db")) as reader:
        try:
            return max(int(reader.progress()["now_ms"]), 0)
        except StoreMissingError:
            return 0
        except (StoreError, TypeError, ValueError) as error:
            _LOG.warning("the site's time cannot be read: %s", error)
            return 0


def open_places(settings: Settings, folder: Path) -> PlacesFile:
    """Return a site's places file, with checks of all that it must be to be worked with.

    The last good ones are kept in `folder`, which must be the process's own.
    """

    def check(places: Places) -> None:
        check_places(places, settings, settings.places_file)

    return PlacesFile(settings.places_file, folder / LAST_GOOD, check)


def open_book(settings: Settings) -> PlacesBook:
    """Return the way by which a site's places file is changed, with the same checks."""
    path = settings.places_file
    return PlacesBook(path, lambda places: check_places(places, settings, path))


def check_places(places: Places, settings: Settings, path: Path) -> None:
    """Raise `PlacesError` for places of a file that can be read and still cannot be worked with."""
    check_overrides(places)
    try:
        check_bindings(places.devices.values())
    except BindingError as error:
        raise PlacesError(f"{path}: {error}") from error
    speaking = next((device.id for device in places.devices.values() if device.bindings), "")
    if speaking and settings.kafka.bootstrap:
        raise PlacesError(
            f"{path}: device {speaking!r} has bindings, which a city's gateways do not go by: let an edge agent speak "
            "for it (`patrolgrid edge run`)"
        )
    ShardMap(settings.kafka.shards if settings.kafka.bootstrap else 1, places.beats)
    try:
        Grid(places.bounds(), settings.pipeline.hotspot_cell_m)
    except ValueError as error:
        raise PlacesError(f"{path}: no map can be made of it: {error}") from error


def open_calendar(settings: Settings, folder: Path) -> CalendarFile:
    """Return a site's calendar: what the settings say, and the file they name. The last good one is in `folder`."""
    fixed = SiteCalendar(settings.site.country, entries_of(settings.calendar, settings.site.holidays))
    return CalendarFile(fixed, settings.calendar.file, folder / LAST_CALENDAR, ZoneInfo(settings.site.timezone))


class SiteFiles(NamedTuple):
    """The files of a site that people edit while its node runs."""

    places: PlacesFile
    calendar: CalendarFile

    def load(self) -> Places:
        """Read both and return the places; raises as `PlacesFile.load` does."""
        self.calendar.load()
        return self.places.load()

    def begin(self, gateway: Gateway, *, log_is_new: bool) -> None:
        """Let the gateway log, before anything else, what the log does not end with."""
        if self.places.kept != self.places.places:
            gateway.change_places(self.places.places, *self.places.changed_by())
        self.calendar.begin(gateway, log_is_new=log_is_new)

    def follow(self, gateway: Gateway) -> None:
        """Let the gateway take what was edited; for every second."""
        self.places.follow(gateway)
        self.calendar.follow(gateway)


def open_site_files(settings: Settings, folder: Path) -> SiteFiles:
    """Return the files that people edit; the last good ones are kept in `folder`, which must be the process's own."""
    return SiteFiles(open_places(settings, folder), open_calendar(settings, folder))


def days_of(settings: Settings, found: SiteCalendar | None = None) -> Calendar:
    """Return the days of a site, by its calendar as it is now or as it was `found`; what the node goes by, too."""
    found = open_calendar(settings, settings.site_dir).load() if found is None else found
    return Calendar(settings.site.timezone, found.country or None, entries=found.entries)


def highest_position(folder: Path) -> int:
    """Return the highest log position that anything in a site's folder knows of, 0 where nothing does.

    What cannot be read knows of none, and neither does a number that no log ever reaches: it is damaged.
    """
    found = [int(path.stem) for path in (folder / "state").glob("*.pgs") if path.stem.isdigit()]
    with contextlib.suppress(ValueError, TypeError):
        found.append(int(read_json(folder / "delivered.json").get("position", 0)))
    with closing(StoreReader(folder / "store.db")) as reader, contextlib.suppress(StoreError, ValueError, TypeError):
        found.append(int(reader.progress()["position"]))
    return max((one for one in found if 0 < one < _UNREACHED), default=0)


def open_log(settings: Settings, *, mends: bool = False) -> SqliteLog:
    """Return the node's own log. Raises OSError for a disk that cannot be used.

    With `mends`, which is for who holds the site's lock, a file that cannot be used is put aside and replaced.
    """
    return SqliteLog(
        settings.site_dir / "log.db",
        max_bytes=settings.log.max_mb * _MIB,
        max_age_s=settings.log.max_age_days * 86_400,
        min_free_bytes=settings.log.min_free_mb * _MIB,
        floor=partial(highest_position, settings.site_dir) if mends else None,
    )


def kafka_of(settings: Settings) -> Kafka:
    """Return how to reach Kafka. Raises SettingsError where the settings name none."""
    if not settings.kafka.bootstrap:
        raise SettingsError(
            "kafka.bootstrap is empty, expected the brokers as HOST:PORT, such as 127.0.0.1:9092; "
            "set it in [kafka], or PATROLGRID_KAFKA__BOOTSTRAP"
        )
    return settings.kafka


def open_kafka_log(settings: Settings, client_id: str) -> Log:
    """Return a city's log. Raises SettingsError where the settings name no Kafka; needs the extra kafka."""
    kafka = kafka_of(settings)
    log: Log = load("ingest.log.kafka_log").KafkaLog(
        kafka, records_topic(settings.site.id), shards=kafka.shards, client_id=client_id, timeout_s=kafka.timeout_s
    )
    return log


def make_gateway(
    settings: Settings,
    config: GatewayConfig,
    places: Places,
    log: Log,
    quarantine: Quarantine,
    clock: Clock,
    tell: Callable[[list[Record]], None] | None = None,
) -> Gateway:
    """Return a gateway; `tell` is given records that cannot be logged yet.

    Raises `ingest.gateway.plates.PlateKeyError` for a key of the plates, or of commands, that cannot be used.
    """
    if clock.live:
        config = replace(config, command_keys=command_keys(settings.command_key_file))
    plates = load_plates(
        settings.plate_key_file, was=settings.site_dir / "plates.key", seal_path=settings.seal_key_file
    )
    return Gateway(config, places, log, quarantine, clock, plates, tell)


def pipeline_config(settings: Settings) -> PipelineConfig:
    """Return what the pipeline needs to know about the site."""
    return PipelineConfig(
        site=settings.site,
        pipeline=settings.pipeline,
        alerts=settings.alerts,
        patrol=settings.patrol,
        ahead_s=settings.gateway.clock_ahead_s,
        backfill_s=settings.gateway.backfill_days * 86_400,
    )


class SiteSinks(NamedTuple):
    """Where a site's results go. The same on every engine."""

    store: StoreSink
    quarantine: Quarantine
    all: list[Sink]
    """Every sink, in the order in which results go to them: InfluxDB's reads the store."""
    listeners: list[Callable[[dict[str, Any]], None]]
    """Those that are given every status."""


def open_sinks(settings: Settings, places: Places, stack: ExitStack, *, log_again: bool = False) -> SiteSinks:
    """Open the store, and beside it what the settings ask for; `stack` closes it.

    Where the log can be read again from its beginning (`log_again`), a store that cannot be used is put aside, and
    written again.

    Raises `stream.sinks.store.tables.StoreError` for a store that cannot be used, OSError for a disk, SettingsError
    for a secret that cannot be read.
    """
    site, folder, zone = settings.site.id, settings.site_dir, ZoneInfo(settings.site.timezone)
    store = StoreSink(folder / "store.db", site, retention=settings.store, mends=log_again)
    stack.callback(store.close)
    quarantine = Quarantine(folder / "quarantine.db", mends=True)
    stack.callback(quarantine.close)
    found = SiteSinks(store, quarantine, [store], [])

    def add(sink: Sink) -> None:
        stack.callback(sink.close)
        found.all.append(sink)

    if settings.sinks.mqtt:
        add(
            MqttSink(
                settings.broker,
                site,
                delivered_path=folder / "delivered.json",
                beats=places.beats,
                zone=zone,
            )
        )
    if settings.sinks.jsonl is not None:
        add(JsonLinesSink(settings.sinks.jsonl, zone=zone))
    if settings.influx.url:
        influx = load("stream.sinks.influx.sink").InfluxSink(  # needs the extra influx
            settings.influx,
            site,
            backlog_path=folder / "influx.db",
            store=StoreReader(folder / "store.db"),
            refused=quarantine.add_many,
            zone=zone,
        )
        add(influx)
        found.listeners.append(influx.put_status)
    return found
