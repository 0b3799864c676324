"""The gateway on real brokers: nothing is acknowledged before it is on disk, and nothing is lost or taken twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ingest import topics
from ingest.clock import DataClock, SystemClock
from ingest.gateway.gateway import Gateway
from ingest.gateway.plates import Plates
from ingest.gateway.quarantine import Quarantine
from ingest.log.batch import open_batch
from ingest.log.records import LogFullError, RecordKind
from ingest.log.sqlite_log import SqliteLog
from ingest.login import BrokerAddress
from ingest.mqtt.client import Inbound
from ingest.mqtt.inbox import Inbox
from ingest.mqtt.outbox import Outbound
from ingest.mqtt.publisher import publish_all
from ingest.places import PlacesRecord, decode_places
from tests.configs import gateway_with
from tests.ingest.brokers import Broker, Publisher
from tests.stream.build import places
from tests.support import free_port, require_program, wait_for

PLATES = Plates([("aaaa", b"a" * 32)])
OBS = topics.observations("s", "b1", "cam")
KINDS = [("embedded", 3), ("embedded", 5), ("mosquitto", 3), ("mosquitto", 5)]


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: f"{kind[0]}-{kind[1]}")
def broker(request, tmp_path_factory):
    kind, version = request.param
    running = Broker(kind, version, tmp_path_factory.mktemp("broker"))
    yield running
    running.stop()


class Node:
    """A gateway with its files; a site of its own keeps the sessions of tests apart."""

    def __init__(self, folder: Path, broker: Any, site: str, **options) -> None:
        self.log = SqliteLog(folder / "log.db", min_free_bytes=0)
        self.quarantine = Quarantine(folder / "quarantine.db")
        clock = options.pop("clock", SystemClock())
        tls = {name: options.pop(name) for name in ("tls", "tls_ca") if name in options}
        address = BrokerAddress(port=broker.port, protocol="5" if broker.version == 5 else "3.1.1", **tls)
        config = gateway_with(site, address, backoff_s=(0.1, 0.5), **options)
        self.gateway = Gateway(config, None, self.log, self.quarantine, clock, PLATES)

    def start(self) -> Node:
        self.gateway.start()
        wait_for(lambda: self.gateway.stats().connected, "the gateway connects")
        return self

    def stop(self) -> None:
        self.gateway.stop()
        self.log.close()
        self.quarantine.close()

    def appended(self, number: int) -> None:
        wait_for(lambda: self.gateway.stats().appended >= number, f"{number} observations are appended")


def count(seq: int, **change: object) -> bytes:
    now = time.time_ns() // 1_000_000
    return json.dumps({"type": "count", "boot": "a", "seq": seq, "ts": now, "interval_s": 1, "in": 1} | change).encode()


def seqs(log: SqliteLog) -> list[int]:
    """Every number in the log, in order."""
    found: list[int] = []
    for record in log.read(0, limit=100_000):
        if record.kind is RecordKind.OBSERVATIONS:
            found += open_batch(record.payload).columns["seq"].values()
    return found


def test_everything_reaches_the_log_in_order_and_is_acknowledged(broker, tmp_path):
    site = f"all-{broker.kind}"
    node = Node(tmp_path, broker, site).start()
    publisher = Publisher(broker.port, broker.version)
    topic = topics.observations(site, "b1", "cam")
    publisher.send(topic, *[count(n) for n in range(500)])
    publisher.send(topic, b"[" + b",".join(count(n) for n in range(500, 550)) + b"]", b"nonsense", b"x" * 300_000)
    publisher.send(topics.status(site, "b1", "cam"), b'{"state":"online"}', b"?", retain=True)
    incident = {"id": "i", "ts": time.time_ns() // 1_000_000, "lon": 1, "lat": 2, "category": "theft"}
    publisher.send(topics.incidents(site), json.dumps(incident).encode())
    node.appended(550)
    wait_for(lambda: node.gateway.stats().incidents == 1, "the incident is taken")
    wait_for(lambda: len(node.quarantine.list()) == 3, "what was refused is in quarantine")
    stats = node.gateway.stats()
    assert stats.quarantined == {"json": 1, "size": 1, "status": 1}
    assert {entry.size for entry in node.quarantine.list(reason="size")} == {300_000}
    assert (stats.messages, stats.statuses, stats.log_full, stats.connections) == (506, 1, "", 1)
    assert seqs(node.log) == list(range(550))
    node.stop()
    again = Node(tmp_path, broker, site).start()
    publisher.send(topic, count(550))
    again.appended(1)
    assert seqs(again.log) == list(range(551)), "what was acknowledged came again"
    again.stop()
    publisher.close()


def test_messages_wait_at_the_broker_while_the_gateway_is_away(broker, tmp_path):
    site = f"away-{broker.kind}"
    topic = topics.observations(site, "b1", "cam")
    publisher = Publisher(broker.port, broker.version)
    node = Node(tmp_path, broker, site).start()
    node.stop()
    publisher.send(topic, *[count(n) for n in range(2_000)])
    node = Node(tmp_path, broker, site).start()
    node.appended(2_000)
    assert seqs(node.log) == list(range(2_000))
    node.stop()
    publisher.close()


def test_a_full_log_stops_acknowledging_and_loses_nothing(broker, tmp_path, monkeypatch):
    site = f"full-{broker.kind}"
    topic = topics.observations(site, "b1", "cam")
    publisher = Publisher(broker.port, broker.version)
    node = Node(tmp_path, broker, site).start()
    publisher.send(topic, count(0))
    node.appended(1)

    attempts = []

    def full(records):
        attempts.append(records)
        raise LogFullError(28, "no room, on purpose")

    monkeypatch.setattr(node.log, "append", full)
    publisher.send(topic, *[count(n) for n in range(1, 50)])
    wait_for(lambda: "on purpose" in node.gateway.stats().log_full, "the gateway says that the log is full")
    wait_for(lambda: len(attempts) >= 3, "it tries again")
    assert node.gateway.stats().appended == 1
    monkeypatch.undo()
    node.appended(50)
    assert node.gateway.stats().log_full == ""
    monkeypatch.setattr(node.log, "append", full)
    publisher.send(topic, *[count(n) for n in range(50, 80)])
    wait_for(lambda: node.gateway.stats().log_full, "it is full again")
    node.stop()
    node = Node(tmp_path, broker, site).start()
    wait_for(lambda: set(seqs(node.log)) == set(range(80)), "what was not acknowledged comes again")
    assert len(seqs(node.log)) == 80, "what was acknowledged came again"
    node.stop()
    publisher.close()


def test_a_broker_that_goes_away_and_comes_back(tmp_path):
    broker = Broker("mosquitto", 5, tmp_path / "broker")
    node = Node(tmp_path, broker, "s").start()
    publisher = Publisher(broker.port)
    publisher.send(OBS, *[count(n) for n in range(100)])
    publisher.close()
    node.appended(100)
    broker.stop()
    wait_for(lambda: not node.gateway.stats().connected, "the gateway sees that the broker is away")
    assert "lost" in node.gateway.stats().last_error
    broker.start()
    publisher = Publisher(broker.port)
    publisher.send(OBS, *[count(n) for n in range(100, 200)])
    node.appended(200)
    stats = node.gateway.stats()
    assert (stats.connected, stats.connections, stats.last_error) == (True, 2, "")
    assert sorted(set(seqs(node.log))) == list(range(200))
    publisher.close()
    node.stop()
    broker.stop()


def test_a_broker_that_is_not_there_yet(tmp_path):
    class Nowhere:
        port, version = free_port(), 5

    node = Node(tmp_path, Nowhere(), "s")
    node.gateway.start()
    wait_for(lambda: node.gateway.stats().last_error, "the gateway says that there is no broker")
    assert not node.gateway.stats().connected
    node.stop()


def test_a_group_of_gateways_divides_the_messages(tmp_path):
    broker = Broker("mosquitto", 5, tmp_path / "broker")
    nodes = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        nodes.append(Node(tmp_path / name, broker, "s", client_id=name, shared_group="g").start())
    publisher = Publisher(broker.port)
    publisher.send(OBS, *[count(n) for n in range(400)])
    wait_for(lambda: sum(node.gateway.stats().appended for node in nodes) >= 400, "all are appended")
    parts = [seqs(node.log) for node in nodes]
    assert sorted(parts[0] + parts[1]) == list(range(400))
    assert all(parts)
    publisher.close()
    for node in nodes:
        node.stop()
    broker.stop()


def test_time_is_logged_when_nothing_else_is(broker, tmp_path):
    node = Node(tmp_path, broker, f"tick-{broker.kind}", tick_s=0.05).start()
    wait_for(lambda: node.gateway.stats().records >= 3, "ticks are appended")
    kinds = {record.kind for record in node.log.read(0, limit=3)}
    node.stop()
    assert kinds == {RecordKind.TICK}


def test_a_clock_that_follows_the_data_has_no_ticks(broker, tmp_path):
    node = Node(tmp_path, broker, f"still-{broker.kind}", tick_s=0.05, clock=DataClock()).start()
    publisher = Publisher(broker.port, broker.version)
    publisher.send(topics.observations(f"still-{broker.kind}", "b1", "cam"), count(1, ts=1_000))
    node.appended(1)
    rounds = []
    tick = node.gateway._tick
    node.gateway._tick = lambda: rounds.append(tick())
    wait_for(lambda: len(rounds) >= 4, "the writer has nothing to do")
    assert [record.received_ms for record in node.log.read(0, limit=9)] == [1_000]
    node.stop()
    publisher.close()


CHILD = """
import sys, time
from pathlib import Path
from tests.ingest.test_gateway import Node
class Broker: port, version = int(sys.argv[2]), int(sys.argv[3])
node = Node(Path(sys.argv[1]), Broker, sys.argv[4]).start()
print("ready", flush=True)
time.sleep(600)
"""


def test_a_killed_gateway_loses_nothing_and_takes_nothing_twice(broker, tmp_path):
    """Numbered observations may stand in the log again, for the pipeline to know; those numbered here may not."""
    site = f"kill-{broker.kind}"
    publisher = Publisher(broker.port, broker.version)
    numbered, naive = topics.observations(site, "b1", "cam"), topics.observations(site, "b1", "door")
    start = time.time_ns() // 1_000_000
    total = 0
    for _ in range(3):
        command = [sys.executable, "-c", CHILD, str(tmp_path), str(broker.port), str(broker.version), site]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
        assert child.stdout
        assert child.stdout.readline() == "ready\n"
        infos = []
        for _ in range(300):
            state = {"type": "state", "ts": start + total, "metric": "door", "value": "open"}
            infos.append(publisher.client.publish(numbered, count(total), qos=1))
            infos.append(publisher.client.publish(naive, json.dumps(state).encode(), qos=1))
            total += 1
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        for info in infos:
            info.wait_for_publish(60)
    node = Node(tmp_path, broker, site).start()
    seen: dict[str, list[int]] = {"cam": [], "door": []}

    def read() -> bool:
        for found in seen.values():
            found.clear()
        for record in node.log.read(0, limit=100_000):
            if record.kind is RecordKind.OBSERVATIONS:
                batch = open_batch(record.payload)
                columns = [batch.columns[name].values() for name in ("source", "seq", "ts")]
                for source, seq, ts in zip(*columns, strict=True):
                    device = batch.sources[source].device
                    seen[device].append(seq if device == "cam" else ts - start)
        return set(seen["cam"]) >= set(range(total)) and set(seen["door"]) >= set(range(total))

    wait_for(read, "everything is in the log")
    publisher.send(numbered, count(total))
    wait_for(lambda: read() and total in seen["cam"], "what the broker sends again comes before what is new")
    assert sorted(seen["door"]) == list(range(total))
    node.stop()
    publisher.close()


def test_a_refused_connection_is_reported(tmp_path):
    broker = Broker.__new__(Broker)
    config = tmp_path / "m.conf"
    port = free_port()
    require_program("mosquitto", "run `make services`")
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous false\nuser root\n")
    broker.kind, broker.version, broker.port, broker.command = "mosquitto", 5, port, ["mosquitto", "-c", str(config)]
    broker.start()
    node = Node(tmp_path, broker, "s")
    node.gateway.start()
    wait_for(lambda: "refused the connection" in node.gateway.stats().last_error, "the refusal is reported")
    node.stop()
    broker.stop()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # paho leaves a refused socket open
def test_tls_with_the_broker_s_certificate_checked(tmp_path):
    require_program("openssl", "install it with the system's packages")
    require_program("mosquitto", "run `make services`")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem",
         "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    port, config = free_port(), tmp_path / "m.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n"
        f"certfile {tmp_path}/cert.pem\nkeyfile {tmp_path}/key.pem\n"
    )
    broker = Broker.__new__(Broker)
    broker.kind, broker.version, broker.port, broker.command = "mosquitto", 5, port, ["mosquitto", "-c", str(config)]
    broker.start()
    node = Node(tmp_path, broker, "s", tls=True, tls_ca=tmp_path / "cert.pem").start()
    big = b"[" + b",".join(count(n) for n in range(2, 1_000)) + b"]"
    publish_all(node.gateway.config.broker, [Outbound(OBS, count(1)), Outbound(OBS, big)])
    node.appended(999)
    node.stop()
    (tmp_path / "two").mkdir()
    stranger = Node(tmp_path / "two", broker, "s", tls=True)
    stranger.gateway.start()
    wait_for(lambda: stranger.gateway.stats().last_error, "an unknown certificate is refused")
    stranger.stop()
    broker.stop()


def message(size):
    return Inbound(b"t", bytes(size), 1, 1, retain=False, size=size)


def test_a_flood_of_empty_messages_is_bounded_too():
    import threading

    inbox = Inbox(100, 100_000)
    flood = threading.Thread(target=lambda: [inbox.put(message(0)) for _ in range(5_000)])
    flood.start()
    flood.join(0.3)
    assert flood.is_alive()
    assert len(inbox) < 500
    inbox.close()
    flood.join(60)


def test_the_inbox_is_bounded_in_bytes_and_cuts_what_is_too_large():
    inbox = Inbox(max_payload=100_000, max_bytes=150_000)
    inbox.put(message(200_000))
    inbox.put(message(90_000))
    import threading

    third = threading.Thread(target=inbox.put, args=(message(1),))
    third.start()
    third.join(0.2)
    assert third.is_alive(), "the socket is not read while the inbox is full"
    first = inbox.take()
    assert first
    assert (first.size, len(first.payload)) == (200_000, 64 << 10)
    third.join(60)
    assert len(inbox) == 2
    inbox.close()
    inbox.put(message(1))
    assert len(inbox) == 2


def test_what_waited_for_the_log_is_told_with_the_time_of_now(tmp_path):
    """Other gateways have told later times by then: an old one would look like a clock that was put right."""

    class Clock(SystemClock):
        ahead_ms = 0

        def now_ms(self) -> int:
            return super().now_ms() + self.ahead_ms

    class Away:
        def __init__(self) -> None:
            self.records, self.fails = [], 2

        def append(self, records) -> int:
            if self.fails:
                self.fails -= 1
                clock.ahead_ms += 900_000
                raise OSError("Kafka is away")
            self.records += records
            return len(self.records)

    log: Any = Away()
    clock, quarantine = Clock(), Quarantine(tmp_path / "quarantine.db")
    gateway = Gateway(gateway_with("s"), None, log, quarantine, clock, PLATES)
    began = clock.now_ms()
    payload = count(1)
    gateway._inbox.put(Inbound(OBS.encode(), payload, 0, 0, False, len(payload)))
    gateway._flush(gateway._inbox, 1)
    assert not gateway._keeper.room, "nothing more is taken before it is in the log"
    while gateway._keeper.stuck:
        gateway._keeper.turn(now=True)
    quarantine.close()
    assert log.records[0].received_ms >= began + 1_800_000
    received = open_batch(log.records[0].payload).columns["received"].values()
    assert received[0] < began + 60_000


def test_a_topic_that_is_nearly_right_is_quarantined_and_not_unseen(broker, tmp_path):
    site = f"odd-{broker.kind}"
    node = Node(tmp_path, broker, site).start()
    odd = [
        f"patrolgrid/v1/{site}/b1/cam/obs/",
        f"patrolgrid/v1/{site}//cam/obs",
        f"patrolgrid/v1/{site}/b1//obs",
        f"patrolgrid/v1/{site}/b1/cam",
        f"patrolgrid/v1/{site}/b1/cam/Obs",
        f"patrolgrid/v1/{site}/b1/cam/observations/now",
        f"patrolgrid/v1/{site.upper()}/b1/cam/obs",
        f"PatrolGrid/v1/{site}/b1/cam/obs",
        f"/patrolgrid/v1/{site}/b1/cam/obs",
        f"patrolgrid/v1//{site}/b1/cam/obs",
        f"patrolgrid/v1/{site}/b1/相机/obs",
    ]
    ours = [
        topics.alerts(site, "b1"),
        topics.hotspots(site, "b1"),
        f"patrolgrid/v1/{site}/b1/cam/settings",
        f"patrolgrid/v1/{site}/patrol/w1/plan",
        f"patrolgrid/v1/{site}/claim/123",
    ]
    publisher = Publisher(broker.port, broker.version)
    for number, topic in enumerate([*ours, *odd]):
        publisher.send(topic, count(number))
    publisher.send(topics.observations(site, "b1", "cam"), count(0))
    node.appended(1)
    wait_for(lambda: len(node.quarantine.list()) >= len(odd), "all of them are in quarantine")
    entries = node.quarantine.list(limit=100)
    assert sorted(entry.topic for entry in entries) == sorted(odd)
    assert {str(entry.reason) for entry in entries} == {"topic"}
    assert node.gateway.stats().messages == len(odd) + 1
    node.stop()
    publisher.close()


def test_edited_places_are_logged_before_anything_is_taken_by_them(broker, tmp_path, monkeypatch):
    site = f"edit-{broker.kind}"
    node = Node(tmp_path, broker, site)
    first, more = places({"cam-1": "camera"}), places({"cam-1": "camera", "cam-2": "camera"})
    honest, full = node.log.append, [True]

    def append(records):
        if full[0] and any(record.kind is RecordKind.PLACES for record in records):
            raise LogFullError(28, "the log is full")
        return honest(records)

    monkeypatch.setattr(node.log, "append", append)
    node.gateway.places = first
    node.gateway._intake.go_by(node.gateway._routes(first))
    node.start()
    publisher = Publisher(broker.port, broker.version)
    node.gateway.change_places(more, "ling", 1_795_421_105_000)
    wait_for(lambda: node.gateway.stats().log_full, "the edit cannot be logged")
    publisher.send(topics.observations(site, "b1", "cam-2"), count(0))
    wait_for(node.quarantine.list, "what is unknown by the places in the log is refused")
    assert node.gateway.places is first
    full[0] = False
    wait_for(lambda: node.gateway.places is more, "the edit is in the log")
    publisher.send(topics.observations(site, "b1", "cam-2"), count(1))
    node.appended(1)
    kinds = [record.kind for record in node.log.read(0, limit=1000) if record.kind is not RecordKind.TICK]
    assert kinds == [RecordKind.HEALTH, RecordKind.PLACES, RecordKind.OBSERVATIONS]  # the unknown one waits first
    (logged,) = (record.payload for record in node.log.read(0, limit=1000) if record.kind is RecordKind.PLACES)
    assert decode_places(logged) == PlacesRecord(1, more, "ling", 1_795_421_105_000)
    node.stop()
    publisher.close()


def test_a_calendar_is_logged_once_and_as_soon_as_there_is_room(broker, tmp_path, monkeypatch):
    node = Node(tmp_path, broker, f"days-{broker.kind}")
    honest, full = node.log.append, [True]

    def append(records):
        if full[0] and any(record.kind is RecordKind.CALENDAR for record in records):
            raise LogFullError(28, "the log is full")
        return honest(records)

    monkeypatch.setattr(node.log, "append", append)
    node.start()
    node.gateway.change_calendar(b"{}")
    wait_for(lambda: node.gateway.stats().log_full, "the calendar cannot be logged")
    assert node.gateway.calendar == b""
    full[0] = False
    wait_for(lambda: node.gateway.calendar == b"{}", "the calendar is in the log")
    kinds = [record.kind for record in node.log.read(0, limit=1000) if record.kind is not RecordKind.TICK]
    assert kinds == [RecordKind.CALENDAR]
    node.stop()
