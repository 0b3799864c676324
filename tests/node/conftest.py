"""A station that tests share: Mosquitto, and a node with patrols and the places of docs/devices.md."""

import json

import pytest

from tests.documented import places
from tests.node.harness import Site
from tests.support import require_program

GROUP = pytest.mark.xdist_group("station")
"""Marks tests on the shared station: they run in one process, so that it is started once."""
_PATROL = """
[patrol]
officers = ["p1: Li Wei", "p2: Wang Fang"]
shifts = ["daily 00:00-24:00 @ p1 p2: day"]
effort_s = 0
"""


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    require_program("mosquitto", "run: make services")
    folder = tmp_path_factory.mktemp("station")
    found = Site(folder, broker="mosquitto", speed=1.0)
    config = folder / "patrolgrid.toml"
    config.write_text(config.read_text(encoding="utf-8") + _PATROL, encoding="utf-8")
    (folder / "places.geojson").write_text(json.dumps(places()), encoding="utf-8")
    found.start_broker()
    found.subscribed()
    yield found
    found.node.kill()
    found.broker.kill()
