"""The short form of `make chaos`: gateways, workers and Mosquitto are killed, and nothing is lost or counted twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kafka import chaos
from tests.kafka.city import City
from tests.kafka.servers import Kafka
from tests.node.harness import environment_seed
from tests.support import require_program


@pytest.mark.slow
def test_a_city_whose_processes_are_killed(kafka: Kafka, tmp_path: Path):
    require_program("mosquitto", "make services")
    city = City(tmp_path, kafka=kafka.node, site="chaos", speed=24)
    try:
        city.start()
        report = chaos.run(
            city,
            8.0,
            environment_seed(),
            kafka_too=False,
            pause_s=(0.5, 2.0),
            away_s=(0.0, 0.5),
            hold_s=8.0,  # Mosquitto saves every five seconds
            idle_s=4.0,
        )
    finally:
        city.stop()
    assert report.passed, chaos.table(report)
    assert report.kills["broker"] == 1
    assert sum(report.kills.values()) >= 4
    assert report.observations > 1_000
    assert min(report.compared[name] for name in ("windows", "anomalies", "alerts", "hotspots", "health")) > 0
