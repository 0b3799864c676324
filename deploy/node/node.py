"""A node: the whole way of the data in one process.

    python -m deploy.node --config patrolgrid.toml

What is made, in order: the lock of the site's folder, places, clock, log, quarantine, sinks, engine, gateway. What
happens on SIGTERM, in order: the gateway stops taking (the broker keeps what comes), the engine works the log off and
saves its state, the sinks flush and close. Ended in any other way, the next start continues from the last snapshot.
"""

import argparse
import logging
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

from deploy.node.lock import LockedError, site_lock
from deploy.node.planner import Planner
from deploy.node.status import Beside, NodeStatus, write_node_file
from deploy.node.trainer import Trainer, fit_job
from deploy.node.window_change import finish_windows, note_window_length
from deploy.processes import StopRequest
from deploy.settings import Settings, find_file, load_settings
from deploy.wiring import (
    data_end_ms,
    make_clock,
    make_gateway,
    open_log,
    open_sinks,
    open_site_files,
    pipeline_config,
)
from ingest.clock import wall_ms
from ingest.codecs.site_dialects import FILE as DIALECTS
from ingest.files import keep_private
from ingest.gateway.gateway import Gateway
from ingest.gateway.gateway_settings import GatewayConfig
from ingest.gateway.plates import PlateKeyError
from ingest.places import PlacesError
from ingest.setup.crash_marker import allow_watchdogs
from ingest.setup.extras import MissingExtraError
from ingest.setup.settings import SettingsError
from stream.engines.embedded import CONSUMER, EmbeddedEngine
from stream.engines.snapshot_files import MOST_BYTES
from stream.pipeline.pipeline import Pipeline
from stream.sinks.store.tables import StoreError

_LOG = logging.getLogger("deploy.node")
_STATUS_EVERY_S: Final = 1.0
_CONNECT_S: Final = 3.0
_TURN_S: Final = 0.05
_GATHER_S: Final = 2.0
"""So long a count waits for others to be logged with, while little comes."""
_HOLD_S: Final = 10.0
"""So long the store is not told that time has passed, and nothing else."""


def run(settings: Settings, stop: StopRequest) -> int:
    """Run a site's node until asked to stop; return 0, or 1 where a part ended by itself. Everything is closed then.

    Raises `LockedError` where another node works on the site's folder, SettingsError, PlacesError, PlateKeyError or
    MissingExtraError for what cannot be started with, OSError for a disk that cannot be used.
    """
    site, folder = settings.site.id, settings.site_dir
    with ExitStack() as closing:
        closing.enter_context(site_lock(folder))
        files = open_site_files(settings, folder)
        places = files.load()
        logged = files.places.kept or places
        sinks = open_sinks(settings, places, closing, log_again=True)
        clock = make_clock(settings)
        calm = settings.clock.mode == "system"  # a faster clock, or one that follows data, is no station's
        if not clock.live:  # it follows the data, and continues where the store ends
            clock.observe(data_end_ms(folder))
        log = open_log(settings, mends=True)
        closing.callback(log.close)
        with suppress(OSError):  # a full disk; without a consumer nothing goes either
            if not log.committed(CONSUMER):
                log.commit(CONSUMER, 0)  # known from the start, so that retention waits for it
        config = pipeline_config(settings)
        changed = finish_windows(config, logged, log, sinks, folder)
        note_window_length(sinks, config.pipeline.window_s, changed)
        engine = EmbeddedEngine(
            log,
            lambda: Pipeline(config, logged),
            sinks.all,
            folder / "state",
            quarantine=sinks.quarantine.add_many,
            snapshot_bytes=min(MOST_BYTES, settings.log.max_mb * 2**20 // 16),
            hold_s=_HOLD_S if calm else 0.0,
        )
        gateway_config = GatewayConfig(
            site=site,
            broker=settings.broker,
            settings=settings.gateway,
            identity=folder / "gateway.json",
            marker=folder / "reading.mark",
            zone=settings.site.timezone,
            dialects=folder / DIALECTS,
            gather_s=_GATHER_S if calm else 0.0,
        )
        gateway = make_gateway(settings, gateway_config, logged, log, sinks.quarantine, clock, engine.tell_unlogged)
        files.begin(gateway, log_is_new=not log.head())
        beside: dict[str, Beside] = {
            "training": Trainer(settings, clock, log),
            "fitting": Trainer(settings, clock, log, fit_job(settings)),
            "planning": Planner(settings, clock, log, lambda: files.places.places),
        }
        status = NodeStatus(settings, sinks, clock, gateway, engine, log, beside, files)
        closing.callback(status.close)

        started_ms = wall_ms()
        engine.start()
        gateway.start()
        for one in beside.values():
            one.start()
        status.put()
        _until_connected(gateway, stop)
        write_node_file(settings, started_ms=started_ms)
        _LOG.info("node of site %s: %d beats, %d devices", site, len(places.beats), len(places.devices))
        try:
            while not stop.wait(_STATUS_EVERY_S) and engine.alive():
                files.follow(gateway)
                status.put()
        finally:
            _LOG.info("stopping: training, planning, gateway, engine, sinks")
            for one in beside.values():
                one.stop()
            gateway.stop()
            engine.stop()
            status.put(last=True)
            write_node_file(settings, started_ms=started_ms, stopped_ms=wall_ms())
        if engine.failure is not None:
            _LOG.error("the engine ended by itself: %s", engine.failure)
            return 1
    return 0


def _until_connected(gateway: Gateway, stop: StopRequest) -> None:
    """Wait for the gateway's subscription, for a while.

    Whoever waits for ``node.json`` may begin to publish, and what comes before the subscription is heard by nobody.
    """
    until = time.monotonic() + _CONNECT_S
    while not gateway.stats().connected and time.monotonic() < until and not stop.wait(_TURN_S):
        pass


def main(arguments: list[str] | None = None) -> int:
    """Run a node until SIGTERM or SIGINT. Returns 0, 1 for a failure, 2 for settings that cannot be started with."""
    parser = argparse.ArgumentParser(prog="python -m deploy.node", description="One site's node.")
    parser.add_argument("--config", type=Path, help="settings file (default: PATROLGRID_CONFIG, or patrolgrid.toml)")
    options = parser.parse_args(arguments)
    keep_private()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    allow_watchdogs()
    with StopRequest() as stop:
        try:
            return run(load_settings(find_file(options.config)), stop)
        except (SettingsError, PlacesError, PlateKeyError, MissingExtraError) as error:
            _LOG.error("%s", error)
            return 2
        except (LockedError, StoreError, OSError) as error:
            _LOG.error("%s", error)
            return 1
