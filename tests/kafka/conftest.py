"""All tests in here run in one process, and share one server."""

from pathlib import Path

import pytest

from tests.kafka.servers import GROUP


@pytest.hookimpl(tryfirst=True)  # before xdist looks for groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(GROUP)
