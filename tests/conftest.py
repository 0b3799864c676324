"""Servers that tests of several rooms share, and groups of tests that count."""

import pytest

from tests.kafka.servers import kafka

__all__ = ["kafka"]


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
