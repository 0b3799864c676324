"""An edge agent with two brokers is killed again and again while a door mat beside it counts."""

import json
import random
import subprocess
import sys
import time
from contextlib import closing

from tests.ingest.brokers import Broker, Publisher
from tests.ingest.edge.test_service import Heard
from tests.support import wait_for

KILLS, SAID = 20, 4_000
FILE = """
[agent]
site = "s1"
folder = "kept"
[broker]
port = {station}
[[devices]]
device = "mat-1"
beat = "b1"
[[sources]]
kind = "mqtt"
codecs = ["zigbee2mqtt"]
port = {beside}
[[bindings]]
codec = "zigbee2mqtt"
device = "mat-1"
match = "zigbee2mqtt/mat"
"""


def test_every_reading_arrives_once_through_twenty_kills(tmp_path):
    chance = random.Random(15)
    for name in ("station", "beside"):
        (tmp_path / name).mkdir()
    station, beside = [Broker("mosquitto", 3, tmp_path / name) for name in ("station", "beside")]
    path = tmp_path / "edge.toml"
    path.write_text(FILE.format(station=station.port, beside=beside.port), encoding="utf-8")
    command = [sys.executable, "-m", "console.cli", "edge", "run", "--config", str(path)]
    agent = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    with closing(Heard(station.port)) as heard, closing(Publisher(beside.port)) as mat:
        try:
            wait_for(lambda: heard.health("mat-1"), "the agent runs")
            wait_for(lambda: subscribed(mat, heard), "the agent hears the broker beside it")
            for kill in range(KILLS):
                first = kill * SAID // KILLS
                some = [json.dumps({"noise": number}).encode() for number in range(first, first + SAID // KILLS)]
                mat.send("zigbee2mqtt/mat", *some[: len(some) // 2])
                time.sleep(chance.uniform(0.0, 1.5))  # wherever it is then: reading, putting, acknowledging, starting
                agent.kill()
                agent.wait(60)
                agent = subprocess.Popen(command, stderr=subprocess.DEVNULL)
                mat.send("zigbee2mqtt/mat", *some[len(some) // 2 :])
            wait_for(lambda: len(values(heard)) >= SAID, lambda: f"{len(values(heard))} arrived")
            assert sorted(values(heard)) == list(range(SAID)), "each once in effect: by boot and number"
        finally:
            agent.terminate()
            agent.wait(60)
            for one in (station, beside):
                one.stop()


def subscribed(mat, heard):
    mat.send("zigbee2mqtt/mat", b'{"temperature":1}')
    return heard.said["mat-1"]


def values(heard):
    """What the pipeline would take: each number of a boot once."""
    return list({(one.boot, one.seq): one.value for one in heard.said["mat-1"] if one.metric == "noise"}.values())
