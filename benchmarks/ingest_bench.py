"""From the device to the log: decoding, and the gateway against an empty paho callback on the same broker."""

from __future__ import annotations

import contextlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from benchmarks.mqtt_load import DEVICES, payload
from deploy.processes.broker import MosquittoMissingError, embedded_command, mosquitto_command, write_mosquitto
from ingest import topics
from ingest.clock import SystemClock
from ingest.codecs.native import NativeCodec
from ingest.gateway.gateway import Gateway
from ingest.gateway.gateway_settings import GatewayConfig, GatewaySettings
from ingest.gateway.intake import Intake
from ingest.gateway.plates import Plates
from ingest.gateway.quarantine import Quarantine
from ingest.gateway.routes import Routes
from ingest.log.sqlite_log import SqliteLog
from ingest.login import BrokerAddress

SITE = "bench"
PLATES = Plates([("0000", bytes(32))])
PUBLISHERS = 2


def best(work: Callable[[], int], repeats: int) -> float:
    """Items per second of the best of some runs: what the machine can do when nobody disturbs it."""
    rates = []
    for _ in range(repeats):
        started = time.perf_counter()
        rates.append(work() / (time.perf_counter() - started))
    return max(rates)


def decoding(*, quick: bool) -> dict[str, Any]:
    """Observations a second through the codec alone, and through the whole intake (checks, columns, encoding)."""
    now_ms = SystemClock().now_ms()
    routes = [topics.observations(SITE, f"b{d % 10}", f"d{d}") for d in range(DEVICES)]
    codec, found = NativeCodec(), {}
    for label, per_message, messages in (("single", 1, 20_000), ("in 50s", 50, 2_000)):
        load = [payload(n * per_message, now_ms, per_message) for n in range(messages // (4 if quick else 1))]

        def decode(load: list[bytes] = load, per_message: int = per_message) -> int:
            for body in load:
                codec.decode(body)
            return len(load) * per_message

        def take(load: list[bytes] = load) -> int:
            intake = Intake(routes=Routes(SITE, None), clock=SystemClock(), plates=PLATES)
            rows = 0
            for n, body in enumerate(load):
                intake.take(routes[n % DEVICES], body)
                if intake.rows() >= 20_000:
                    rows += intake.finish().observations
            return rows + intake.finish().observations

        found[f"decode, {label}"] = {"value": best(decode, 5), "unit": "observations/s"}
        found[f"decode, check, to columns, {label}"] = {"value": best(take, 5), "unit": "observations/s"}
    return found


@contextlib.contextmanager
def broker(kind: str, folder: Path) -> Iterator[int]:
    """Run a broker; yield its port."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = int(sock.getsockname()[1])
    command = mosquitto_command(write_mosquitto(folder, port)) if kind == "mosquitto" else embedded_command(port)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait(lambda: _answers(port), "the broker does not answer")
            yield port
        finally:
            process.terminate()
            process.wait(10)


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
        return True
    return False


def wait(what: Callable[[], bool], why: str, timeout_s: float = 60) -> None:
    """Wait until something holds, looking every 2 ms."""
    end = time.monotonic() + timeout_s
    while not what():
        if time.monotonic() > end:
            raise TimeoutError(why)
        time.sleep(0.002)


def timed(port: int, site: str, messages: int, per_message: int, received: Callable[[], int], prefix: str) -> float:
    """Publish from processes of their own; return messages a second until the last was received."""
    each = messages // PUBLISHERS
    command = [sys.executable, "-m", "benchmarks.mqtt_load", str(port), site, str(each), str(per_message)]
    publishers = [
        subprocess.Popen([*command, f"{prefix}{n}-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for n in range(PUBLISHERS)
    ]
    try:
        for publisher in publishers:
            if publisher.stdout is None or publisher.stdout.readline() != "ready\n":
                raise RuntimeError("a publisher did not start")
        before, started = received(), time.perf_counter()
        for publisher in publishers:
            if publisher.stdin:
                publisher.stdin.write("\n")
                publisher.stdin.flush()
        wait(lambda: received() - before >= each * PUBLISHERS, f"only {received() - before} of {messages} arrived")
        return each * PUBLISHERS / (time.perf_counter() - started)
    finally:
        for publisher in publishers:
            publisher.communicate(timeout=30)


@contextlib.contextmanager
def empty_callback(port: int, version: int, site: str) -> Iterator[Callable[[], int]]:
    """A paho client that counts and acknowledges, and does nothing else."""
    client = Client(
        CallbackAPIVersion.VERSION2, "empty", protocol=MQTTv5 if version == 5 else MQTTv311, manual_ack=True
    )
    count, ready = 0, False

    def on_message(_client: Client, _userdata: object, message: Any) -> None:
        nonlocal count
        client.ack(message.mid, message.qos)
        count += 1

    def on_subscribe(*_args: object) -> None:
        nonlocal ready
        ready = True

    client.on_message, client.on_subscribe = on_message, on_subscribe

    def on_connect(*_args: object) -> None:
        client.subscribe(topics.observations(site, "+", "+"), qos=1)

    client.on_connect = on_connect
    options: dict[str, Any] = {}
    if version == 5:
        properties = Properties(PacketTypes.CONNECT)
        properties.ReceiveMaximum = GatewaySettings().receive_maximum
        options["properties"] = properties
    client.connect("127.0.0.1", port, **options)
    client.loop_start()
    wait(lambda: ready, "no subscription")
    try:
        yield lambda: count
    finally:
        client.disconnect()
        client.loop_stop()


@contextlib.contextmanager
def gateway(port: int, version: int, site: str, folder: Path) -> Iterator[Gateway]:
    """A gateway as a node runs it, with its log and quarantine on disk."""
    log, quarantine = SqliteLog(folder / "log.db"), Quarantine(folder / "quarantine.db")
    address = BrokerAddress(port=port, protocol="5" if version == 5 else "3.1.1")
    running = Gateway(GatewayConfig(site=site, broker=address), None, log, quarantine, SystemClock(), PLATES)
    running.start()
    try:
        wait(lambda: running.stats().connected, "the gateway does not connect")
        yield running
    finally:
        running.stop()
        quarantine.close()
        log.close()


def through_broker(kind: str, version: int, *, quick: bool) -> dict[str, Any]:
    """Rates of the empty callback and the gateway, turn by turn, so that a busy machine slows both."""
    singles, batches, rounds = (12_000, 1_200, 2) if quick else (40_000, 6_000, 3)
    empty, full, fifties = [], [], []
    with tempfile.TemporaryDirectory() as name, broker(kind, Path(name) / "broker") as port:
        for turn in range(rounds):
            # A site of its own each time: the broker keeps messages for gateways of earlier turns, which are away.
            site = f"{SITE}-{turn}"
            with empty_callback(port, version, f"{site}-empty") as received:
                empty.append(timed(port, f"{site}-empty", singles, 1, received, f"e{turn}-"))
            with gateway(port, version, site, Path(name) / f"node{turn}") as running:
                full.append(timed(port, site, singles, 1, lambda: running.stats().appended, f"g{turn}-"))
                rate = timed(port, site, batches, 50, lambda: (running.stats().appended - singles) // 50, f"b{turn}-")
                fifties.append(rate * 50)
    ratios = [taken / nothing for taken, nothing in zip(full, empty, strict=True)]
    note = f"rounds: {', '.join(f'{ratio:.2f}' for ratio in ratios)}"
    return {
        f"{kind}: empty paho callback": {"value": statistics.median(empty), "unit": "messages/s"},
        f"{kind}: gateway to disk, single": {"value": statistics.median(full), "unit": "messages/s"},
        f"{kind}: gateway / empty callback": {"value": statistics.median(ratios), "target": 0.7, "note": note},
        f"{kind}: gateway to disk, in 50s": {
            "value": statistics.median(fifties),
            "unit": "observations/s",
            "target": 300_000,
        },
    }


def run(quick: bool) -> dict[str, Any]:  # noqa: FBT001 - the signature all benchmarks have
    """All of it; about a minute, or 20 seconds when `quick`."""
    found = decoding(quick=quick)
    found |= through_broker("embedded", 3, quick=quick)
    try:
        found |= through_broker("mosquitto", 5, quick=quick)
    except MosquittoMissingError as error:
        found["mosquitto"] = {"note": str(error)}
    return found
