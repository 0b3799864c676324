"""What can be set of a gateway."""

from typing import Annotated

from msgspec import Meta

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
