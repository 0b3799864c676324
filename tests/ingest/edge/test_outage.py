"""The broker is away, the agent is killed, its files are damaged, its disk is full: what arrives is what is told."""

import time

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from ingest.codecs.native import NativeCodec
from tests.ingest.brokers import Broker
from tests.ingest.edge.outage import Trouble
from tests.ingest.edge.ten_devices import DEVICES, Plan
from tests.support import wait_for


def heard_from(port):
    """Everything that is observed, by device, boot and number."""
    found, codec, ready = {}, NativeCodec(), []

    def take(_client, _data, message):
        for one in codec.decode(message.payload).observations:
            found[message.topic, one.boot, one.seq] = one

    client = mqtt.Client(CallbackAPIVersion.VERSION2, "heard")

    def subscribe(*_: object) -> None:
        client.subscribe("patrolgrid/v1/+/+/+/obs", 1)

    client.on_connect = subscribe
    client.on_subscribe, client.on_message = (lambda *_: ready.append(1)), take
    client.connect("127.0.0.1", port)
    client.loop_start()
    wait_for(lambda: ready, "it has subscribed")
    return client, found


def test_the_books_less_what_is_told_as_lost_arrives(tmp_path):
    broker = Broker("mosquitto", 3, tmp_path / "broker")
    broker.stop()
    plan = Plan(
        folder=str(tmp_path / "edge"), port=broker.port, messages=600, start_ms=time.time_ns() // 1_000_000 - 600_000,
        full=str(tmp_path / "full"), file_bytes=60_000, hold_s=1.0,
    )  # fmt: skip
    trouble = Trouble(plan, seed=3)
    trouble.killed_after(150)
    trouble.damage(1)
    trouble.start()
    trouble.until(trouble.told + 150)
    (tmp_path / "full").touch()
    trouble.kill()
    (tmp_path / "full").unlink()
    broker.start()
    client, heard = heard_from(plan.port)
    try:
        trouble.killed_after(150)  # now it sends, too
        trouble.start()
        counts = trouble.counts()
        expected = plan.messages * len(DEVICES) - counts["dropped"]
        wait_for(lambda: len(heard) >= expected, lambda: f"{expected} arrive, not {len(heard)}")
        assert len(heard) == expected
        assert counts["waiting"] == 0
        assert 0 < counts["dropped"] < 1_000
        assert set(counts["drops"]) == {"damaged"}
        times = {(topic, one.ts) for (topic, *_), one in heard.items()}
        assert len(times) == len(heard), "none came twice under other numbers"
    finally:
        client.disconnect()
        client.loop_stop()
        broker.stop()
