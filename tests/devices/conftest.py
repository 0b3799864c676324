from __future__ import annotations

import pytest

from tests.devices.guarded import Guarded


@pytest.fixture(scope="package")
def station(tmp_path_factory):
    """One station for all tests of the folder: each takes a device of its own."""
    found = Guarded(tmp_path_factory.mktemp("guarded"))
    yield found
    found.end()
