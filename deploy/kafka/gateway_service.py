"""A gateway alone: from MQTT to Kafka, one of several that share a site's messages.

What is made, in order: the lock of the gateway's name on this machine, places, plate key, quarantine, log, gateway,
metrics. It waits for Kafka where Kafka is not there yet; meanwhile the broker keeps what comes. On SIGTERM it stores
and acknowledges what it has received, and leaves; what comes later goes to the others, or waits at the broker.

A gateway's share of the messages waits at the broker while it is away, in a session whose name has a random part
(``gateways/NAME/gateway.json`` in the site's folder): start it again under the same name and nothing is lost. On
another machine it needs that file, or ``gateway.client_id``.
"""

import logging
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Final

from msgspec.structs import replace
from prometheus_client.core import Metric

from deploy.node.lock import site_lock
from deploy.processes import StopRequest
from deploy.processes.metrics import Family, MetricsServer
from deploy.settings import Settings
from deploy.wiring import kafka_of, make_clock, make_gateway, open_kafka_log, open_site_files
from ingest.clock import DataClock
from ingest.gateway.gateway import Gateway
from ingest.gateway.gateway_settings import GatewayConfig
from ingest.gateway.quarantine import Quarantine
from ingest.log import Log
from ingest.setup.settings import SettingsError

_LOG: Final = logging.getLogger("deploy.kafka.gateway_service")
_MAX_ROWS: Final = 100_000
"""Most observations in one Kafka record: it stays far below what the topics take."""
_LINGER_S: Final = 0.1
"""Under load a gateway makes this much of a second one record a shard: workers take some hundred records a second."""
_COUNTERS: Final = {
    "messages": "MQTT messages received, those sent again by the broker included",
    "appended": "Observations in Kafka",
    "repeats": "Exact repeats of observations without a number, dropped",
    "incidents": "Incidents taken",
    "commands": "Commands taken",
    "dids": "Words of officers taken",
    "statuses": "Device statuses taken",
    "records": "Records in Kafka, ticks included",
    "connections": "How often a connection to the broker was made",
}


class GatewayService:
    """One gateway as a process of its own.

    Parameters
    ----------
    settings
        The site's. ``gateway.shared_group`` lets several share the messages.
    name
        Tells this gateway from the others, and stays the same over its restarts. Empty: ``gateway.client_id``.

    Raises
    ------
    SettingsError
        Where Kafka is not set up, or a group's gateway has no name.
    """

    def __init__(self, settings: Settings, name: str = "") -> None:
        gateway = replace(settings.gateway, max_rows=min(settings.gateway.max_rows, _MAX_ROWS))
        if name:
            gateway = replace(gateway, client_id="")
        if gateway.shared_group and not (name or gateway.client_id):
            raise SettingsError(
                f"several gateways share the group {gateway.shared_group!r} (gateway.shared_group): give each a name "
                "of its own with --name (or gateway.client_id), which stays the same when it is started again"
            )
        self.settings = settings
        self.config = GatewayConfig(
            site=settings.site.id,
            name=name,
            broker=settings.broker,
            settings=gateway,
            shards=kafka_of(settings).shards,
            linger_s=_LINGER_S,
        )
        if gateway.shared_group:
            # Mosquitto forgets shared subscriptions when it is started again: until the gateways are back, what devices
            # say has no destination. Edge agents send it again after some seconds (`hold_s`); be back before.
            self.config = replace(self.config, backoff_s=(0.1, 2.0))
        self._gateway: Gateway | None = None
        self._waiting_for = "starting"

    @property
    def name(self) -> str:
        """What the broker, Kafka and the metrics know it by."""
        return self.config.settings.client_id or self.config.full_name

    def run(self, stop: StopRequest) -> int:
        """Work until asked to stop; return 0.

        Raises LockedError where a gateway of this name runs on this machine, PlacesError or PlateKeyError for what
        cannot be started with, OSError for a disk or a port that cannot be used.
        """
        settings, site, folder = self.settings, self.settings.site.id, self.settings.site_dir
        with ExitStack() as closing:
            own = folder / "gateways" / self.name
            closing.enter_context(site_lock(own))
            files = open_site_files(settings, own)
            places = files.load()
            logged = files.places.kept or places
            quarantine = Quarantine(folder / "quarantine.db")
            closing.callback(quarantine.close)
            log = open_kafka_log(settings, self.name)
            closing.callback(log.close)
            clock = make_clock(settings)
            config = replace(self.config, identity=own / "gateway.json", marker=own / "reading.mark")
            gateway = make_gateway(settings, config, logged, log, quarantine, clock)
            if settings.metrics.port:
                server = MetricsServer(settings.metrics.port, self.ready, self.collect, host=settings.metrics.host)
                closing.callback(server.close)
                _LOG.info("metrics: http://%s:%d/metrics", settings.metrics.host, server.port)

            def begin() -> None:
                if isinstance(clock, DataClock):
                    _set_clock(clock, log, self.config.shards)
                files.begin(gateway, log_is_new=not log.head())
                gateway.start()

            if not stop.retry(begin, OSError, self._waits):
                return 0
            _LOG.info(
                "gateway %s of site %s: %d beats in %d shards, %d devices",
                self.name, site, len(places.beats), settings.kafka.shards, len(places.devices),
            )  # fmt: skip
            self._gateway = gateway
            while not stop.wait(1.0):
                files.follow(gateway)
            _LOG.info("stopping: what was received goes to Kafka, and is acknowledged")
            self._gateway, self._waiting_for = None, "stopping"
            gateway.stop()
        return 0

    def ready(self) -> tuple[bool, str]:
        """Tell whether messages come in and get on, and if not, why."""
        gateway = self._gateway
        if gateway is None:
            return False, self._waiting_for
        stats = gateway.stats()
        if stats.log_full:
            return False, stats.log_full
        return stats.connected, stats.last_error or "not connected to the broker"

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics of now."""
        labels = {"site": self.settings.site.id, "gateway": self.name}
        family = Family("patrolgrid_gateway", labels)
        yield family.gauge("ready", "1 while messages come in and get on", ((), self.ready()[0]))
        if self._gateway is None:
            return
        stats = self._gateway.stats()
        for name, doc in _COUNTERS.items():
            yield family.counter("observations" if name == "appended" else name, doc, ((), getattr(stats, name)))
        by_reason = Family("patrolgrid_gateway", labels, "reason")
        refused = [((reason,), count) for reason, count in stats.quarantined.items()]
        yield by_reason.counter("quarantined", "What was not taken, by reason", *refused)
        yield family.gauge("connected", "1 while connected to the broker", ((), stats.connected))
        yield family.gauge("conflict", "1 while another client uses its client id", ((), bool(stats.conflict)))
        yield family.counter("forgotten", "How often the broker had lost its session", ((), stats.forgotten))
        yield family.gauge("waiting", "Messages received and not yet in Kafka", ((), stats.waiting))
        why = "1 while nothing can be stored, so that nothing is acknowledged"
        yield family.gauge("failing", why, ((), bool(stats.log_full)))

    def _waits(self, why: str) -> None:
        self._waiting_for = why


def _set_clock(clock: DataClock, log: Log, shards: int) -> None:
    """Set a clock that follows the data to where the log ends: time must not start over with the process."""
    for shard in range(shards):
        for record in log.read(log.head(shard) - 1, limit=1, shard=shard):
            clock.observe(record.received_ms)
