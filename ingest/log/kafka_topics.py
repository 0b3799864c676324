"""The names of a site's topics on Kafka; `deploy.kafka.site_topics` makes and checks them."""

from __future__ import annotations


def records_topic(site: str) -> str:
    """Topic of what gateways append: one partition a shard, see `ingest.log.records`."""
    return f"patrolgrid.{site}.records"


def site_topic(site: str) -> str:
    """Topic of what the shards' workers tell the site's stage: one partition."""
    return f"patrolgrid.{site}.site"


def state_topic(site: str) -> str:
    """Changelog of the shards' state: partition = shard."""
    return f"patrolgrid.{site}.state"


def site_state_topic(site: str) -> str:
    """Changelog of the site's state: one partition."""
    return f"patrolgrid.{site}.site-state"
