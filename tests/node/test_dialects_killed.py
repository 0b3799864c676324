"""Devices that speak vendors' dialects straight to a station whose node is killed: in and out are what they counted."""

from __future__ import annotations

import random
import signal
import time

import pytest

from simulators.dialects import SPEAKERS
from simulators.run import main
from simulators.world.neighbourhood import quarter
from tests.node.harness import Site, environment_seed
from tests.support import require_program, wait_for

KILLS = 6
NAMES = ("hikvision", "dahua", "milesight", "axis", "onvif", "frigate", "sparkplug")


@pytest.mark.field
@pytest.mark.parametrize("name", NAMES)
def test_totals_are_exact_wherever_the_node_is_killed(tmp_path, name):
    require_program("mosquitto", "make services")
    chance = random.Random(environment_seed())
    site = Site(tmp_path, broker="mosquitto", speed=60)
    speak = ["--dialect", name]
    places = tmp_path / "places.geojson"
    places.unlink()
    assert main([*speak, "--bindings", str(places)]) == 0
    try:
        site.start_broker()
        site.subscribed()
        kinds = SPEAKERS[name].says
        ids = [spec.device.id for spec in quarter().specs if spec.device.type in {"camera", "gate"} & set(kinds)]
        site.add_devices("devices", ids, "--seed", "7", "--no-faults", "--no-scenarios", *speak)
        site.devices[-1].start()
        log = tmp_path / "node.log"
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.5, 2.0))
            site.node.kill()
            before = log.read_text("utf-8").count("node of site")
            site.node.start()
        wait_for(lambda: log.read_text("utf-8").count("node of site") > before, "the node listens to SIGTERM")
        for process in site.devices:
            assert process.end(signal.SIGTERM, 90) == 0
        truth = site.truth()
        stored = site.settled(truth)
        assert sum(one["in"] + one["out"] for one in truth.values()) > 20
        assert {device: (one["in"], one["out"]) for device, one in stored.items()} == {
            device: (one["in"], one["out"]) for device, one in truth.items()
        }
    finally:
        site.stop()
