"""From a sensor's publish to the alert on MQTT, through gateway, Kafka and worker, while others publish as well."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from typing import Any, Final

import numpy as np
from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.kafka_city import KafkaCity
from deploy.processes.broker import embedded_command, mosquitto_command, write_mosquitto
from deploy.processes.supervisor import listening
from ingest import topics

_PER_MESSAGE: Final = 50
_DEVICES_A_BEAT: Final = 25
_EVERY_S: Final = 0.25


def latency(city: KafkaCity, port: int, rate: int, hazards: int) -> dict[str, Any]:
    """Publish `hazards` smoke alarms, one a beat, beside `rate` counts a second; return p50 and p99 in milliseconds."""
    command = (
        mosquitto_command(write_mosquitto(city.folder / "mosquitto", port))
        if shutil.which("mosquitto")
        else embedded_command(port)
    )
    with (city.folder / "broker.log").open("ab") as log:
        broker = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        city.until(lambda: listening("127.0.0.1", port), "the broker does not answer", 20)
        for kind in ("gateway", "worker"):
            process = city.start(kind, kind)
            city.until(lambda process=process: city.ready(process), f"the {kind} is not ready")  # type: ignore[misc]
        load = _Load(city.name, port, rate)
        load.start()
        try:
            city.until(lambda: city.stored() > 3 * rate, "the load does not arrive")
            took = _alarms(city.name, port, hazards)
        finally:
            load.stop()
        note = f"{len(took)} alerts beside {load.published / load.seconds:,.0f} observations/s"
        return {"p50_ms": float(np.percentile(took, 50)), "p99_ms": float(np.percentile(took, 99)), "note": note}
    finally:
        broker.terminate()
        broker.wait(10)


def _client(name: str, port: int) -> Client:
    client = Client(CallbackAPIVersion.VERSION2, name, protocol=MQTTv5)
    client.max_inflight_messages_set(0)
    client.connect("127.0.0.1", port)
    client.loop_start()
    return client


def _alarms(site: str, port: int, hazards: int) -> list[float]:
    """Publish one smoke alarm after the other, each in a beat of its own, and return each alert's milliseconds."""
    sent: dict[str, float] = {}
    took: dict[str, float] = {}

    def heard(_client: Client, _userdata: object, message: MQTTMessage) -> None:
        now = time.perf_counter()
        device = json.loads(message.payload)["device"]
        if device in sent:
            took.setdefault(device, (now - sent[device]) * 1000)

    client = _client("bench-hazards", port)
    try:
        client.on_message = heard
        client.subscribe(f"patrolgrid/v1/{site}/+/alerts", qos=1)
        time.sleep(0.5)
        for beat in range(hazards):
            number = beat * _DEVICES_A_BEAT + 3  # each fourth device is a smoke sensor
            body = {"type": "state", "boot": "h", "seq": 1, "ts": time.time_ns() // 1_000_000}
            device = f"d{number - number % 4 + 3}"
            sent[device] = time.perf_counter()
            client.publish(
                topics.observations(site, f"b{beat}", device),
                json.dumps({**body, "metric": "smoke", "value": "alarm"}),
                qos=1,
            )
            time.sleep(_EVERY_S)
        end = time.monotonic() + 20
        while len(took) < hazards and time.monotonic() < end:
            time.sleep(0.05)
    finally:
        client.disconnect()
        client.loop_stop()
    if len(took) < hazards:
        raise RuntimeError(f"only {len(took)} of {hazards} alarms became alerts")
    return sorted(took.values())


class _Load(threading.Thread):
    """Cameras that publish counts, 50 a message, at a steady rate."""

    def __init__(self, site: str, port: int, rate: int) -> None:
        super().__init__(daemon=True)
        self.site, self.port, self.rate = site, port, rate
        self.published, self.seconds = 0, 0.0
        self._asked = threading.Event()

    def run(self) -> None:
        client = _client("bench-load", self.port)
        started = time.monotonic()
        try:
            while not self._asked.is_set():
                due = (time.monotonic() - started) * self.rate
                while self.published < due:
                    self._publish(client, self.published // _PER_MESSAGE)
                    self.published += _PER_MESSAGE
                self._asked.wait(0.01)
        finally:
            self.seconds = time.monotonic() - started
            client.disconnect()
            client.loop_stop()

    def _publish(self, client: Client, number: int) -> None:
        turn, camera = divmod(number, 1_000)
        device, now_ms = camera // 2 * 4 + camera % 2, time.time_ns() // 1_000_000
        one = '{"type":"count","boot":"a","seq":%d,"ts":%d,"interval_s":1,"in":1,"out":1,"of":"person"}'
        rows = [one % (turn * _PER_MESSAGE + row, now_ms - _PER_MESSAGE + row) for row in range(_PER_MESSAGE)]
        topic = topics.observations(self.site, f"b{device // _DEVICES_A_BEAT}", f"d{device}")
        client.publish(topic, f"[{','.join(rows)}]", qos=1)

    def stop(self) -> None:
        self._asked.set()
        self.join()
