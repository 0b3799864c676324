"""A broker of one's own on a free port of the loopback interface."""

import pytest
from iotcore import Broker

from tests.support import free_port


@pytest.fixture
def broker():
    with Broker(port=free_port(), listen="127.0.0.1", max_inflight_count=1000) as found:
        yield found
