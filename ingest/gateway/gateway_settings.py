"""What can be set of a gateway, and how one is set up: its broker, its sessions, the files that it keeps."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from ingest import topics
from ingest.gateway.identity import Leaver
from ingest.login import BrokerAddress
from ingest.mqtt import Session
from ingest.mqtt.inbox import Inbox
from ingest.setup.settings import Section, Word


class GatewaySettings(Section, frozen=True, kw_only=True):
    """The gateway: MQTT in, log out."""

    client_id: Word = ""
    """MQTT client id; its session outlives restarts. Empty: one with a random part, kept in gateway.json."""
    shared_group: Word = ""
    """Group of a shared subscription, which spreads load over several gateways; empty: none."""
    # The embedded broker (rumqttd 0.20) panics when a member of a group disconnects: use Mosquitto for groups.
    accept_unknown: bool = False
    """Whether to take observations of devices that are not in the places file."""
    max_payload_bytes: Annotated[int, Meta(ge=256, le=1_048_576)] = 262_144
    """Longest payload that is decoded; longer ones are quarantined."""
    max_observations: Annotated[int, Meta(ge=1, le=100_000)] = 1_000
    """Most observations in one message."""
    max_rows: Annotated[int, Meta(ge=1, le=1_000_000)] = 20_000
    """Most observations in one record of the log."""
    device_observations_s: Annotated[float, Meta(ge=0, le=1e6)] = 200.0
    """Observations a second that one device may send for long; 0: any number. What is more is quarantined (quota), but
    never an alarm: docs/operations.md."""
    device_bytes_s: Annotated[float, Meta(ge=0, le=1e9)] = 65_536.0
    """Bytes a second that one device may send for long; 0: any number."""
    device_burst_s: Annotated[float, Meta(ge=1, le=86_400)] = 600.0
    """So many seconds' worth of both it may send at once. What it kept while it was cut off is counted by its times."""
    device_boots_h: Annotated[int, Meta(ge=0, le=1_000_000)] = 600
    """Starts an hour that one device may have (a new `boot` each time), and as many at once; 0: any number."""
    receive_maximum: Annotated[int, Meta(ge=1, le=65_535)] = 4_000
    """Most messages the broker sends without acknowledgement (MQTT 5)."""
    keepalive_s: Annotated[int, Meta(ge=5, le=300)] = 30
    """Seconds of silence after which broker and node ask for each other."""
    session_expiry_h: Annotated[int, Meta(ge=0, le=100_000)] = 168
    """Hours for which the broker keeps messages while the node is away (MQTT 5)."""
    tick_s: Annotated[float, Meta(ge=0.05, le=60)] = 1.0
    """With no message for this long, the gateway writes down that time has passed."""
    clock_ahead_s: Annotated[float, Meta(ge=0)] = 120.0
    """Counts and passages further in the future than this are quarantined: clock. Levels and states are acted upon."""
    backfill_days: Annotated[float, Meta(ge=0, le=36_500)] = 30.0
    """Counts and passages older than this are quarantined: clock. Levels and states are acted upon."""
    repeat_window_s: Annotated[float, Meta(ge=1, le=86_400)] = 600.0
    """For devices that do not number: exact repeats within this time are dropped."""


class GatewayConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration of a gateway. Only ``site`` has no default."""

    site: str
    """The site's id."""
    broker: BrokerAddress = BrokerAddress(protocol="5")
    settings: GatewaySettings = GatewaySettings()
    max_queued_bytes: int = 64 << 20
    """With `GatewaySettings.receive_maximum` this bounds memory."""
    backoff_s: tuple[float, float] = (0.5, 30.0)
    """First and longest wait before a new connection; see `ingest.mqtt.session`."""
    linger_s: float = 0.0
    """Least time between two flushes, while messages come all the time; one that comes alone is flushed at once. On
    Kafka, where each flush makes a record for every shard it touches, and a record costs the same however small."""
    gather_s: float = 0.0
    """So long what is in no hurry (`ingest.gateway.collector.Hurry`) may wait for more, while little comes: a disk
    wears out by the number of writes, however small."""
    shards: int = 1
    """How many shards the beats are divided among, see `ingest.shards`."""
    name: str = ""
    """Tells gateways of one site from each other; empty where it has one."""
    identity: Path | None = None
    """File that keeps the client id's random part, see `ingest.gateway.identity`; None: the id has none."""
    marker: Path | None = None
    """File that knows what was being read when the process died, see `ingest.setup.crash_marker`; None: nobody does."""

    zone: str = "UTC"
    """Time zone of devices that speak a dialect and name none."""
    dialects: Path | None = None
    """File of what their codecs remember; None where dialects are not taken: of several gateways, none knows all."""
    command_keys: tuple[bytes, ...] = ()
    """Secrets by one of which a live site's commands must be signed, see `ingest.codecs.people`; empty: need not."""

    @property
    def full_name(self) -> str:
        """What the client id begins with, and what Kafka knows the gateway by."""
        return "-".join(filter(None, ("patrolgrid-gateway", self.site, self.name)))

    @property
    def expiry_s(self) -> int:
        """How long the broker keeps the session (MQTT 5)."""
        return self.settings.session_expiry_h * 3600

    def filters(self, topic_filters: Sequence[str]) -> tuple[str, ...]:
        """Return filters as this gateway subscribes to them."""
        group = self.settings.shared_group
        return tuple(f"$share/{group}/{one}" if group else one for one in topic_filters)

    def session(self, inbox: Inbox, client_id: str) -> Session:
        """Return the session that fills an inbox, not started."""
        settings = self.settings
        return Session(
            self.broker,
            client_id,
            filters=self.filters([topics.everything(self.site)]),
            also=self.filters(topics.near_misses(self.site)),
            forget=self.filters(topics.inputs(self.site)),
            on_message=inbox.put,
            persistent=True,
            expiry_s=self.expiry_s,
            receive_maximum=settings.receive_maximum,
            keepalive_s=settings.keepalive_s,
            backoff_s=self.backoff_s,
        )

    def leaver(self, inbox: Inbox, client_id: str) -> Leaver:
        """Return what empties a session of before into an inbox."""
        old = [topics.everything(self.site), *topics.near_misses(self.site), *topics.inputs(self.site)]
        mark_topic = "" if self.settings.shared_group else topics.incidents(self.site)
        filters, expiry_s = self.filters(old), self.expiry_s
        return Leaver(
            self.broker, client_id, filters=filters, mark_topic=mark_topic, expiry_s=expiry_s, receive=inbox.put
        )
