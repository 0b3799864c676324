"""Configurations from flat keys, for tests and benchmarks that change one or two of them."""

from typing import Any

from ingest.days.patrol_settings import PatrolSettings
from ingest.gateway.gateway_settings import GatewayConfig, GatewaySettings
from ingest.login import BrokerAddress
from stream.config import AlertSettings, PipelineConfig, PipelineSettings, Site


def pipeline_with(site: str = "test", **keys: Any) -> PipelineConfig:
    """Return a pipeline's defaults with some keys changed, whichever section they are of."""
    return PipelineConfig(
        site=Site(id=site, **_taken(Site, keys)),
        pipeline=PipelineSettings(**_taken(PipelineSettings, keys)),
        alerts=AlertSettings(**_taken(AlertSettings, keys)),
        patrol=PatrolSettings(**_taken(PatrolSettings, keys)),
        **keys,
    )


def gateway_with(site: str, broker: BrokerAddress | None = None, **keys: Any) -> GatewayConfig:
    """Return a gateway's defaults with some keys changed, whichever section they are of."""
    keys |= {} if broker is None else {"broker": broker}
    return GatewayConfig(site=site, settings=GatewaySettings(**_taken(GatewaySettings, keys)), **keys)


def _taken(section: type[Any], keys: dict[str, Any]) -> dict[str, Any]:
    """Take the keys of a section out of `keys`."""
    return {name: keys.pop(name) for name in section.__struct_fields__ if name in keys}
