"""All tests in here run in one process, and share one server."""

import gc
from pathlib import Path

import pytest

from tests.kafka.servers import GROUP


@pytest.hookimpl(tryfirst=True)  # before xdist looks for groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(GROUP)
            # aiokafka leaves connections to the collector when a client is cut off in mid-request, as tests here do.
            item.add_marker(pytest.mark.filterwarnings("ignore::ResourceWarning"))
            item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))


@pytest.fixture(autouse=True)
def _nothing_left_for_others():
    """Whatever a test left open is found now, and not by a test of another room that happens to come next."""
    yield
    gc.collect()
