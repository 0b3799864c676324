"""Real brokers for tests: started on a free port of the loopback interface, stopped, killed and started again there."""

from __future__ import annotations

import signal
import socket
import struct
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

import pytest
from paho.mqtt.client import Client, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion

from deploy.processes.broker import embedded_command, mosquitto_command, write_mosquitto
from deploy.processes.supervisor import listening
from ingest.login import BrokerAddress
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

    @property
    def address(self) -> BrokerAddress:
        return BrokerAddress(port=self.port, protocol="5" if self.version == 5 else "3.1.1")

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: listening("127.0.0.1", self.port), f"the {self.kind} broker answers")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(how)
        self.process.wait(60)


class Publisher:
    """Publishes with QoS 1 and waits until the broker has it."""

    def __init__(self, port: int, version: int = 3, name: str = "") -> None:
        self.client = Client(CallbackAPIVersion.VERSION2, name, protocol=MQTTv5 if version == 5 else MQTTv311)
        self.client.max_inflight_messages_set(200)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        wait_for(self.client.is_connected, "the publisher connects")

    def send(self, topic: str, *payloads: bytes, retain: bool = False) -> None:
        for info in [self.client.publish(topic, payload, qos=1, retain=retain) for payload in payloads]:
            info.wait_for_publish(60)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


class ScriptedBroker:
    """Accepts every connection and then does what a test says. Use as a context manager."""

    def __init__(self, version: int = 5) -> None:
        self.version = version
        self.answer: Callable[[str], int | None] = lambda _topic: 0
        """Reason code of the PUBACK for a topic; None for no answer."""
        self.granted: list[int] = []
        """Reason codes of the SUBACK."""
        self.hang_up = False
        """Whether each connection is closed as soon as it has been accepted."""
        self.accepted = 0
        """How many connections were accepted."""
        self.topics: list[list[str]] = []
        """Topics of what was published, by connection."""
        self._server = socket.create_server(("127.0.0.1", 0))
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> BrokerAddress:
        return BrokerAddress(port=self._server.getsockname()[1], protocol="5" if self.version == 5 else "3.1.1")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.cut()

    def cut(self, last: bytes = b"") -> None:
        """Break the connections that there are, after some last bytes."""
        for connection in self._connections:
            with suppress(OSError):
                connection.sendall(last)
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection = self._server.accept()[0]
                self._connections.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        topics: list[str] = []
        with suppress(OSError), connection, connection.makefile("rb") as stream:
            while head := stream.read(1):
                length = shift = 0
                while True:
                    byte = stream.read(1)[0]
                    length |= (byte & 127) << shift
                    shift += 7
                    if byte < 128:
                        break
                self._handle(connection, topics, head[0], stream.read(length))

    def _handle(self, connection: socket.socket, topics: list[str], head: int, body: bytes) -> None:
        kind, empty = head >> 4, b"\0" if self.version == 5 else b""
        if kind == 1:
            self.topics.append(topics)
            self.accepted += 1
            connection.sendall(bytes([0x20, 2 + len(empty), 0, 0]) + empty)
            if self.hang_up:
                connection.shutdown(socket.SHUT_RDWR)
        elif kind == 3:
            end = 2 + struct.unpack("!H", body[:2])[0]
            topics.append(body[2:end].decode())
            reason = self.answer(topics[-1])
            if reason is not None:
                code = bytes([reason]) if self.version == 5 else b""
                connection.sendall(bytes([0x40, 2 + len(code)]) + body[end : end + 2] + code)
        elif kind == 8:
            answer = body[:2] + empty + bytes(self.granted)
            connection.sendall(bytes([0x90, len(answer)]) + answer)
        elif kind == 12:
            connection.sendall(b"\xd0\0")
