"""Servers that tests of several rooms share, and groups of tests that count."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.kafka.servers import kafka
from tests.support import examples

__all__ = ["kafka"]

# A busy machine is no reason to fail.
settings.register_profile(
    "patrolgrid", deadline=None, max_examples=examples(100), suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patrolgrid")


@pytest.fixture(autouse=True)
def _rights_of_new_files() -> Iterator[None]:
    """A command that runs in the test's own process may take rights from all that it writes: not from the next test."""
    mask = os.umask(0)
    os.umask(mask)
    yield
    os.umask(mask)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let groups of tests (``xdist_group``) share a worker, and so a server.

    pytest-xdist 3.8 writes an item's group where pytest kept its id before 9.2; with 9.2 nobody reads it there.
    """
    for item in items:
        grouped = getattr(item, "_nodeid", None)
        if isinstance(grouped, str) and grouped != item.nodeid:
            from _pytest.nodeid import NodeId

            item._id = NodeId.parse(grouped)
