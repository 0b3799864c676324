"""From settings to what a gateway is told, for a node's own gateway and for those that run alone."""

from __future__ import annotations

from deploy.settings.mqtt_settings import broker_address
from deploy.settings.sections import Settings
from ingest.clock import ClockGuard
from ingest.codecs.native import Limits
from ingest.gateway.gateway import GatewayConfig


def gateway_config(settings: Settings, shards: int = 1) -> GatewayConfig:
    """Return what the gateway is told."""
    gateway = settings.gateway
    return GatewayConfig(
        site=settings.site.id,
        broker=broker_address(settings),
        client_id=gateway.client_id,
        shared_group=gateway.shared_group,
        keepalive_s=gateway.keepalive_s,
        session_expiry_s=gateway.session_expiry_h * 3600,
        receive_maximum=gateway.receive_maximum,
        limits=Limits(max_bytes=gateway.max_payload_bytes, max_observations=gateway.max_observations),
        guard=ClockGuard(ahead_s=gateway.clock_ahead_s, backfill_s=gateway.backfill_days * 86_400),
        repeat_window_s=gateway.repeat_window_s,
        accept_unknown=gateway.accept_unknown,
        max_rows=gateway.max_rows,
        tick_s=gateway.tick_s,
        shards=shards,
    )
