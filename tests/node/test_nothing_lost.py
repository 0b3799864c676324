"""Nothing lost, nothing twice: the node, then the broker, are killed at random moments, and the totals are compared."""

from __future__ import annotations

import random
import signal
import time

import pytest

from tests.node.harness import Site, environment_seed, halves
from tests.support import require_program, wait_for

KILLS = 20


@pytest.mark.slow
def test_the_node_is_killed_twenty_times(tmp_path):
    require_program("mosquitto", "make services")
    chance = random.Random(environment_seed())
    site = Site(tmp_path, broker="mosquitto", speed=120)
    try:
        site.start_broker()
        site.subscribed()
        for index, ids in enumerate(halves()):
            site.add_devices(f"devices-{index}", ids, "--seed", "7", "--loss", "0.01")
            site.devices[-1].start()
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.1, 3.0))
            site.node.kill()
            site.node.start()
        for process in site.devices:
            assert process.end(signal.SIGTERM, 90) == 0
        truth = site.truth()
        stored = site.settled(truth)
        assert sum(total["n"] for total in truth.values()) > 10_000
        assert stored == truth
    finally:
        site.stop()


@pytest.mark.slow
def test_the_broker_is_killed_and_comes_back(tmp_path):
    require_program("mosquitto", "make services")
    chance = random.Random(environment_seed())
    site = Site(tmp_path, broker="mosquitto", speed=60)
    try:
        site.start_broker()
        site.subscribed()
        for index, ids in enumerate(halves()):
            # Mosquitto saves every five seconds; what it acknowledged since, the devices say again.
            site.add_devices(f"devices-{index}", ids, "--seed", "7", "--hold-s", "15")
            site.devices[-1].start()
        saved, now = tmp_path / "mosquitto" / "data" / "mosquitto.db", time.time()
        wait_for(lambda: saved.exists() and saved.stat().st_mtime > now, "its first save remembers the subscription")
        for _ in range(3):
            time.sleep(chance.uniform(0.5, 4.0))
            site.broker.kill()
            time.sleep(chance.uniform(0.0, 1.0))
            site.start_broker()
        before = site.totals()["observations"]
        wait_for(lambda: site.totals()["observations"] > before, "observations come again")
        for process in site.devices:
            assert process.end(signal.SIGTERM, 90) == 0
        truth = site.truth()
        stored = site.settled(truth)
        assert sum(total["n"] for total in truth.values()) > 1_000
        assert stored == truth
        files = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
        open_to_others = [path for path in files if path.stat().st_mode & 0o027]
        assert open_to_others == [], "every file is 0600 or 0640"
    finally:
        site.stop()
