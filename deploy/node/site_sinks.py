"""Where a site's results go: the store, and beside it what the settings ask for. The same on every engine."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from deploy.settings.mqtt_settings import broker_address
from deploy.settings.sections import Settings
from ingest.extras import load
from ingest.gateway.quarantine import Quarantine
from ingest.places import Places
from stream.sinks.base import Sink
from stream.sinks.influx.sink import InfluxSink
from stream.sinks.jsonl_sink import JsonLinesSink
from stream.sinks.mqtt_sink import MqttSink
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.retention import Retention
from stream.sinks.store.store_sink import StoreSink

_MIB: Final = 1 << 20


class SiteSinks(NamedTuple):
    """What is open."""

    store: StoreSink
    quarantine: Quarantine
    others: list[Sink]
    """MQTT and JSON lines, where the settings ask for them."""
    influx: InfluxSink | None

    @property
    def all(self) -> list[Sink]:
        """Every sink, in the order in which results go to them: InfluxDB's reads the store."""
        return [self.store, *self.others, *([] if self.influx is None else [self.influx])]


def open_sinks(settings: Settings, places: Places, closing: ExitStack) -> SiteSinks:
    """Open everything that results go to; `closing` is told how to close it.

    Raises `stream.sinks.store.tables.StoreError` for a store that cannot be used, OSError for a disk, SettingsError
    for a secret that cannot be read.
    """
    folder = settings.site_dir
    store = StoreSink(folder / "store.db", settings.site.id, retention=Retention(**asdict(settings.store)))
    closing.callback(store.close)
    quarantine = Quarantine(folder / "quarantine.db")
    closing.callback(quarantine.close)
    return SiteSinks(store, quarantine, _others(settings, places, closing), _influx(settings, quarantine, closing))


def _others(settings: Settings, places: Places, closing: ExitStack) -> list[Sink]:
    found: list[Sink] = []
    zone = ZoneInfo(settings.site.timezone)
    if settings.sinks.mqtt:
        found.append(
            MqttSink(
                broker_address(settings),
                settings.site.id,
                delivered_path=settings.site_dir / "delivered.json",
                beats=places.beats,
                zone=zone,
            )
        )
    if settings.sinks.jsonl is not None:
        found.append(JsonLinesSink(settings.sinks.jsonl, zone=zone))
    for sink in found:
        closing.callback(sink.close)
    return found


def _influx(settings: Settings, quarantine: Quarantine, closing: ExitStack) -> InfluxSink | None:
    """Make the InfluxDB sink where the settings name a server."""
    if not settings.influx.url:
        return None
    sink: InfluxSink = load("stream.sinks.influx.sink").InfluxSink(  # needs the extra influx
        load("deploy.influx.setup").influx_address(settings),
        settings.site.id,
        backlog_path=settings.site_dir / "influx.db",
        store=StoreReader(settings.site_dir / "store.db"),
        rejected=quarantine.add_many,
        batch_lines=settings.influx.batch_lines,
        max_backlog_bytes=settings.influx.backlog_mb * _MIB,
        max_wait_s=settings.influx.max_wait_s,
        zone=ZoneInfo(settings.site.timezone),
    )
    closing.callback(sink.close)
    return sink
