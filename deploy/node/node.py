"""A node: the whole way of the data in one process, wired here and nowhere else.

    python -m deploy.node --config patrolgrid.toml

What is made, in order: the lock of the site's folder, places, clock, log, quarantine, sinks, engine, gateway. What
happens on SIGTERM, in order: the gateway stops taking (the broker keeps what comes), the engine works the log off and
saves its state, the sinks flush and close. Ended in any other way, the next start goes on from the last snapshot.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from deploy.node.lock import LockedError, SiteLock
from deploy.node.site_sinks import open_sinks
from deploy.node.status import Status, write_node_file
from deploy.node.trainer import Trainer
from deploy.processes.stopping import StopRequest
from deploy.settings.gateway_settings import gateway_config
from deploy.settings.load import SettingsError, find_file, load_settings
from deploy.settings.sections import Settings
from ingest.clock import Clock, DataClock, ScaledClock, SystemClock
from ingest.gateway.gateway import Gateway
from ingest.gateway.plates import PlateKeyError, load_plates
from ingest.log.sqlite_log import SqliteLog
from ingest.places import PlacesError, load_places
from stream.config import PipelineConfig
from stream.detect.rules_stage import check_overrides
from stream.engines.embedded import CONSUMER, EmbeddedEngine
from stream.pipeline.pipeline import Pipeline
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.tables import StoreError, StoreMissingError

_LOG = logging.getLogger("deploy.node")
_MIB: Final = 1 << 20
_STATUS_EVERY_S: Final = 1.0


class Node:
    """One site's node. `run` returns when it was asked to stop and everything is closed."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def run(self, stop: StopRequest) -> int:
        """Work until asked to stop; return 0, or 1 where a part ended by itself.

        Raises `LockedError` where another node works on the site's folder, SettingsError, PlacesError or
        PlateKeyError for what cannot be started with, OSError for a disk that cannot be used.
        """
        settings, site, folder = self.settings, self.settings.site.id, self.settings.site_dir
        with ExitStack() as closing:
            closing.enter_context(SiteLock(folder))
            places = load_places(settings.places_file)
            check_overrides(places)
            sinks = open_sinks(settings, places, closing)
            clock = make_clock(settings)
            log = SqliteLog(
                folder / "log.db",
                max_bytes=settings.log.max_mb * _MIB,
                max_age_s=settings.log.max_age_days * 86_400,
                min_free_bytes=settings.log.min_free_mb * _MIB,
            )
            closing.callback(log.close)
            if not log.committed(CONSUMER):
                log.commit(CONSUMER, 0)  # known from the start, so that retention waits for it
            engine = EmbeddedEngine(
                log,
                lambda: Pipeline(pipeline_config(settings), places),
                sinks.all,
                folder / "state",
                quarantine=sinks.quarantine.add_many,
            )
            plates = load_plates(settings.plates.key_file or folder / "plates.key")
            gateway = Gateway(gateway_config(settings), places, log, sinks.quarantine, clock, plates)
            trainer = Trainer(settings, clock, log)
            status = Status(settings, clock, gateway, engine, log, sinks.store, sinks.quarantine, trainer)
            closing.callback(status.close)
            if sinks.influx is not None:
                status.listeners.append(sinks.influx.put_status)

            started_ms = time.time_ns() // 1_000_000
            engine.start()
            gateway.start()
            trainer.start()
            status.put()
            write_node_file(settings, started_ms=started_ms)
            _LOG.info("node of site %s: %d beats, %d devices", site, len(places.beats), len(places.devices))
            try:
                while not stop.wait(_STATUS_EVERY_S) and engine.alive():
                    status.put()
            finally:
                _LOG.info("stopping: training, gateway, engine, sinks")
                trainer.stop()
                gateway.stop()
                engine.stop()
                status.put(last=True)
                write_node_file(settings, started_ms=started_ms, stopped_ms=time.time_ns() // 1_000_000)
            if engine.failure is not None:
                _LOG.error("the engine ended by itself: %s", engine.failure)
                return 1
        return 0


def make_clock(settings: Settings) -> Clock:
    """Return the clock that the settings ask for; one that follows data goes on from what is in the store."""
    clock = settings.clock
    if clock.mode == "scaled":
        return ScaledClock(clock.origin_ms, clock.started_ms, clock.speed)
    if clock.mode == "system":
        return SystemClock()
    following = DataClock()
    following.observe(data_end_ms(settings.site_dir))
    return following


def data_end_ms(site_dir: Path) -> int:
    """Return the site's time up to which a folder has results, epoch ms; 0 where it has none."""
    reader = StoreReader(site_dir / "store.db")
    try:
        return max(int(reader.progress()["now_ms"]), 0)
    except StoreMissingError:
        return 0
    finally:
        reader.close()


def pipeline_config(settings: Settings) -> PipelineConfig:
    """Return what the pipeline is told about the site."""
    site, pipeline = settings.site, settings.pipeline
    return PipelineConfig(
        site=site.id,
        timezone=site.timezone,
        country=site.country or None,
        holidays=tuple(site.holidays),
        window_s=pipeline.window_s,
        lateness_s=pipeline.lateness_s,
        grace_s=pipeline.grace_s,
        ahead_s=settings.gateway.clock_ahead_s,
        keep_windows=pipeline.keep_windows,
        silent_s=pipeline.silent_s,
        alert_ttl_s=pipeline.alert_ttl_s,
        flap_s=pipeline.flap_s,
        hotspot_cell_m=pipeline.hotspot_cell_m,
        hotspot_top=pipeline.hotspot_top,
        alerts_per_day=settings.alerts.per_day,
        group_m=settings.alerts.group_m,
    )


def main(arguments: list[str] | None = None) -> int:
    """Run a node until SIGTERM or SIGINT. Returns 0, 1 for a failure, 2 for settings that cannot be started with."""
    parser = argparse.ArgumentParser(prog="python -m deploy.node", description="One site's node.")
    parser.add_argument("--config", type=Path, help="settings file (default: PATROLGRID_CONFIG, or patrolgrid.toml)")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    with StopRequest() as stop:
        try:
            return Node(load_settings(find_file(options.config))).run(stop)
        except (SettingsError, PlacesError, PlateKeyError) as error:
            _LOG.error("%s", error)
            return 2
        except (LockedError, StoreError, OSError) as error:
            _LOG.error("%s", error)
            return 1


if __name__ == "__main__":
    sys.exit(main())
