"""Real brokers for tests: started on a free port of the loopback interface, stopped, killed and started again there."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from deploy.processes.broker import embedded_command, mosquitto_command, write_mosquitto
from deploy.processes.supervisor import listening
from tests.support import free_port, require_program, wait_for


class Broker:
    """A broker process of one kind: ``embedded`` or ``mosquitto``, for one MQTT version."""

    def __init__(self, kind: str, version: int, folder: Path) -> None:
        self.kind, self.version, self.port = kind, version, free_port()
        if kind == "mosquitto":
            try:
                self.command = mosquitto_command(write_mosquitto(folder, self.port))
            except RuntimeError:
                require_program("mosquitto", "run `make services`")
        else:
            pytest.importorskip("iotcore", reason="the extra `stream` is not installed: it has the embedded broker")
            self.command = [*embedded_command(self.port), "--protocol", "5" if version == 5 else "3.1.1"]
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: listening("127.0.0.1", self.port), f"the {self.kind} broker answers")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(how)
        self.process.wait(15)


class Publisher:
    """Publishes with QoS 1 and waits until the broker has it."""

    def __init__(self, port: int, version: int = 3, name: str = "") -> None:
        self.client = Client(CallbackAPIVersion.VERSION2, name, protocol=5 if version == 5 else 4)
        self.client.max_inflight_messages_set(200)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        wait_for(self.client.is_connected, "the publisher connects")

    def send(self, topic: str, *payloads: bytes, retain: bool = False) -> None:
        for info in [self.client.publish(topic, payload, qos=1, retain=retain) for payload in payloads]:
            info.wait_for_publish(30)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()
