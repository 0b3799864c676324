"""The edge agent over real brokers: what observe() returned for arrives, once in effect, whatever happens between."""

import contextlib
import io
import json
import os
import subprocess
import sys
import threading
import time
from contextlib import closing

import msgspec
import pytest
from iotcore import Broker
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from deploy.processes.supervisor import listening
from ingest.edge.agent import EdgeAgent, EdgeSettings
from ingest.edge.plain_lines import bounded_lines, feed
from ingest.login import BrokerAddress
from ingest.observations import Count, Level, Observation
from tests.ingest.brokers import Broker as MqttBroker
from tests.support import free_port, require_program, wait_for

DECODER = msgspec.json.Decoder(Observation | list[Observation])
BASE = "patrolgrid/v1/quarter/academy/noise-08"


class Heard:
    """Subscribes to everything; keeps the numbers of noise-08 in the order heard, and its status."""

    def __init__(self, port, **options):
        self.numbers, self.values, self.status, self.messages = [], {}, [], 0
        self._ready = threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, f"heard-{port}", protocol=mqtt.MQTTv311)
        if "tls_ca" in options:
            self.client.tls_set(str(options["tls_ca"]))
        self.client.on_connect = lambda client, *_: client.subscribe("patrolgrid/v1/#", 1)
        self.client.on_subscribe = lambda *_: self._ready.set()
        self.client.on_message = self._message
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self._ready.wait(60)

    def _message(self, _client, _userdata, message):
        if message.topic == f"{BASE}/status":
            self.status.append(json.loads(message.payload)["state"])
        elif message.topic == f"{BASE}/obs":
            self.messages += 1
            found = DECODER.decode(message.payload)
            for one in found if isinstance(found, list) else [found]:
                self.numbers.append(one.seq)
                self.values[one.boot, one.seq] = one

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.disconnect()
        self.client.loop_stop()


def agent_of(tmp_path, port, hold_s=60.0, **broker):
    settings = EdgeSettings(
        site="quarter", beat="academy", device="noise-08", broker=BrokerAddress(port=port, **broker),
        spool=tmp_path / "spool.db", backoff_s=(0.05, 0.3), hold_s=hold_s,
    )  # fmt: skip
    return closing(EdgeAgent(settings))


def levels(start, n):
    return [Level(ts=start + k, metric="noise", value=float(start + k)) for k in range(n)]


@pytest.fixture
def broker():
    with Broker(port=free_port(), listen="127.0.0.1") as found:
        yield found


def test_everything_arrives_in_order_and_in_batches(broker, tmp_path):
    with Heard(broker.port) as heard, agent_of(tmp_path, broker.port) as agent:
        numbers = [number for start in range(0, 900, 3) for number in agent.observe(*levels(start, 3))]
        assert numbers == list(range(900))
        assert agent.flush(60)
        wait_for(lambda: len(heard.numbers) >= 900, "not everything was heard")
        assert heard.numbers == list(range(900))
        assert heard.messages < 900
        stats = agent.stats()
        assert (stats.observed, stats.acknowledged, stats.spool.waiting) == (900, 900, 0)
        assert heard.status == ["online"]
        agent.close()
        wait_for(lambda: heard.status[-1] == "offline", "it left without a word")
        assert all(one.value == one.seq for one in heard.values.values())


def test_what_is_seen_without_a_network_arrives_later(tmp_path):
    port = free_port()
    with agent_of(tmp_path, port) as agent:
        agent.observe(*levels(0, 100))
        assert not agent.flush(0.2)
    with agent_of(tmp_path, port) as agent:
        agent.observe(*levels(100, 100))
        with Broker(port=port, listen="127.0.0.1"), Heard(port) as heard:
            assert agent.flush(60)
            # The first batch may have gone out before anybody had subscribed; its broker has acknowledged it.
            agent.observe(*levels(200, 50))
            assert agent.flush(60)
            last = agent.spool.boot, 149
            wait_for(lambda: last in heard.values, "the last was not heard")


def test_after_a_broken_connection_what_was_just_acknowledged_goes_again(tmp_path):
    port = free_port()
    first = Broker(port=port, listen="127.0.0.1").start()
    with agent_of(tmp_path, port, hold_s=30) as agent:
        agent.observe(*levels(0, 20))
        assert agent.flush(60)
        first.stop()
        agent.observe(*levels(20, 20))
        with Broker(port=port, listen="127.0.0.1"):
            assert agent.flush(60)
            wait_for(lambda: agent.stats().resent == 20, "nothing went again")
            assert agent.stats().spool.held == 40


def test_what_was_acknowledged_right_after_a_reconnect_goes_once_more(tmp_path):
    """A broker that was started again may have had nobody to give it to: shared subscriptions are not kept on disk."""
    port = free_port()
    with Broker(port=port, listen="127.0.0.1"), agent_of(tmp_path, port, hold_s=6.0) as agent:
        agent.observe(*levels(0, 20))
        assert agent.flush(60)
        with Heard(port) as heard:  # too late for what the broker has acknowledged
            wait_for(lambda: 19 in heard.numbers, "nothing went once more")
            assert agent.stats().resent == 20
            assert agent.flush(60)


def test_a_device_that_loses_its_power_is_offline(broker, tmp_path):
    program = (
        "import sys,time; from pathlib import Path; from ingest.edge.agent import *;"
        "from ingest.login import BrokerAddress;"
        "EdgeAgent(EdgeSettings(site='quarter',beat='academy',device='noise-08',"
        f"broker=BrokerAddress(port={broker.port}),spool=Path({str(tmp_path / 's.db')!r}))); time.sleep(60)"
    )
    with Heard(broker.port) as heard:
        process = subprocess.Popen([sys.executable, "-c", program])
        try:
            wait_for(lambda: heard.status == ["online"], "it never came online")
        finally:
            process.kill()
            process.wait()
        wait_for(lambda: heard.status == ["online", "offline"], "its last will was not heard")


KILLED = """
import sys
from pathlib import Path
from ingest.edge.agent import EdgeAgent, EdgeSettings
from ingest.login import BrokerAddress
from ingest.observations import Level
settings = EdgeSettings(
    site="quarter", beat="academy", device="noise-08", broker=BrokerAddress(port=int(sys.argv[2])),
    spool=Path(sys.argv[1]), backoff_s=(0.05, 0.3),
)
agent = EdgeAgent(settings)
while True:
    number = agent.observe(Level(ts=1, metric="noise", value=1.0))[0]
    print(number, flush=True)
"""


def test_sigkill_loses_nothing_that_was_returned(broker, tmp_path):
    rounds = []
    with Heard(broker.port) as heard:
        for n in (40, 150, 300):
            process = subprocess.Popen(
                [sys.executable, "-c", KILLED, str(tmp_path / "spool.db"), str(broker.port)],
                stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            assert process.stdout is not None
            for _ in range(n):
                told = int(process.stdout.readline())
            process.kill()
            process.wait()
            told = max([told, *map(int, process.stdout.read().splitlines())])
            process.stdout.close()
            rounds.append(told)
        with agent_of(tmp_path, broker.port) as agent:
            assert agent.flush(60)
        for told_of, boot in zip(rounds, dict.fromkeys(boot for boot, _ in heard.values), strict=True):
            last = boot, told_of
            wait_for(lambda last=last: last in heard.values, "the last was not heard")  # type: ignore[misc]
            assert {(boot, seq) for seq in range(told_of + 1)} <= heard.values.keys()


def test_lines_that_are_no_observations_are_named_and_passed_over(tmp_path, caplog):
    with agent_of(tmp_path, free_port()) as agent:
        taken, refused = feed(
            agent,
            bounded_lines(
                io.BytesIO(
                    b'{"type":"level","metric":"noise","value":61.5,"unit":"dB"}\n'
                    b"\n"
                    b"not json\n"
                    b'[{"type":"count","interval_s":60,"in":3},{"type":"count","interval_s":60,"in":-3},{"type":"x9"}]\n'
                    b'[{"type":"level","metric":"noise","value":NaN},{"type":"level","metric":"noise","value":"62"}]\n'
                    b"[1]\n"
                    b'{"type":"state","metric":"door","value":"open","seq":999,"boot":"mine","ts":"never"}\n'
                    b"\xff\xfe\n"
                    + b"[" * 100_000 + b"\n"
                    + b"1" * 3_000_000 + b"\n"
                    + b"[" + b"{}," * 5_000 + b"{}]\n"
                    + b'{"type":"level","metric":"noise","value":62.5}'
                )
            ),
        )  # fmt: skip
        assert (taken, refused) == (5, 9)
        view = agent.spool.reader("noise-08")
        batches = iter(lambda: agent.spool.take(view, limit=10, max_bytes=1 << 20), None)
        rows = [DECODER.decode(payload) for batch in batches for payload in batch.payloads]
        boot = agent.spool.boot
        assert [(row.boot, row.seq) for row in rows] == [*((boot, n) for n in range(4)), (f"{boot}r", 0)]
        assert max(abs(row.ts - time.time_ns() // 1_000_000) for row in rows) < 60_000
    for text in ("line 3 refused", "line 10 refused", "more than 1000 observations in a line", "Expected `int` >= 0"):
        assert text in caplog.text
    assert "x9" not in caplog.text, "a value may be a plate, and logs are written to disks"


COMMAND = [
    sys.executable,
    "-m",
    "console.cli",
    "edge",
    "--json",
    *("--site", "quarter", "--beat", "academy", "--device", "noise-08"),
]


def started(tmp_path, port, *more):
    return subprocess.Popen(
        [*COMMAND, "--spool", str(tmp_path / "s.db"), "--broker", f"127.0.0.1:{port}", *more],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def test_sigterm_ends_the_command_without_a_broker_and_what_was_taken_is_kept(tmp_path):
    process = started(tmp_path, free_port())
    process.stdin.write(
        b'{"type":"count","interval_s":1,"in":4711}\n{"type":"count","interval_s":1,"in":4712}\n{"type":"cou'
    )
    process.stdin.flush()
    wait_for(lambda: (tmp_path / "s.db").exists() and b"4712" in (tmp_path / "s.db").read_bytes(), "not taken")
    process.terminate()
    out, error = process.communicate(timeout=60)
    assert process.returncode == 1
    document = json.loads(out)
    assert (document["taken"], document["refused"], document["lost"]) == (2, 0, 0)
    assert b"the rest is in" in error
    assert (tmp_path / "s.db").read_bytes().count(b"\n") == 2


def test_sigterm_also_ends_the_wait_for_a_broker_behind_the_end_of_the_input(tmp_path):
    process = started(tmp_path, free_port(), "--flush-s", "100000")
    process.stdin.write(b'{"type":"count","interval_s":1,"in":4711}\n')
    process.stdin.close()
    process.stdin = None
    wait_for(lambda: (tmp_path / "s.db").exists() and b"4711" in (tmp_path / "s.db").read_bytes(), "not taken")
    process.terminate()
    _, error = process.communicate(timeout=60)
    assert (process.returncode, b"the rest is in" in error) == (1, True)


def test_sigterm_ends_the_command_at_once_where_all_has_arrived(broker, tmp_path):
    with Heard(broker.port) as heard:
        process = started(tmp_path, broker.port)
        process.stdin.write(b'{"type":"count","interval_s":1,"in":4711}\n')
        process.stdin.flush()
        wait_for(lambda: heard.numbers == [0], "not heard")
        process.terminate()
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert json.loads(out)["all_arrived"] is True
        assert (tmp_path / "s.db").read_bytes() == b""
        wait_for(lambda: heard.status[-1] == "offline", "it left without a word")


def test_ids_that_topics_cannot_carry_are_refused(tmp_path):
    with pytest.raises(ValueError, match="device is 'a/b'"):
        EdgeSettings(site="quarter", beat="b", device="a/b", spool=tmp_path / "s.db", broker=BrokerAddress())


def test_observe_refuses_what_breaks_a_limit(tmp_path):
    with agent_of(tmp_path, free_port()) as agent, pytest.raises(ValueError, match="interval_s"):
        agent.observe(Count(ts=1, interval_s=0))


# A broker with certificates and rules ----------------------------------------------------------------------


@contextlib.contextmanager
def mosquitto(tmp_path, *lines):
    program = require_program("mosquitto", "install it with: make services")
    port = free_port()
    config = tmp_path / "mosquitto.conf"
    user = ["user root"] if os.geteuid() == 0 else []
    config.write_text("\n".join([f"listener {port} 127.0.0.1", *user, *lines]) + "\n")
    process = subprocess.Popen([program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: listening("127.0.0.1", port) or process.poll() is not None, "mosquitto listens or has ended")
        assert process.poll() is None, "mosquitto did not start"
        yield port
    finally:
        process.kill()
        process.wait()


def test_tls_and_mqtt_5(tmp_path):
    openssl = require_program("openssl", "install it with: make services")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(cert),
         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    with (
        mosquitto(tmp_path, "allow_anonymous true", f"certfile {cert}", f"keyfile {key}") as port,
        Heard(port, tls_ca=cert) as heard,
        agent_of(tmp_path, port, tls=True, tls_ca=cert, protocol="5") as agent,
    ):
        for start in range(0, 600, 6):
            agent.observe(*levels(start, 6))
        assert agent.flush(60)
        wait_for(lambda: len(heard.numbers) >= 600, "not everything was heard")
        assert heard.numbers == list(range(600))


def test_what_the_broker_refuses_stays_in_the_spool(tmp_path):
    rules = tmp_path / "rules"
    rules.write_text(f"topic write {BASE}/status\n")
    with (
        mosquitto(tmp_path, "allow_anonymous true", f"acl_file {rules}") as port,
        agent_of(tmp_path, port, protocol="5") as agent,
    ):
        agent.observe(*levels(0, 3))
        wait_for(lambda: agent.stats().refused >= 2, "the broker took what it must refuse")
        assert agent.stats().spool.waiting == 3


def test_two_agents_of_one_id_deliver_everything_and_say_so(tmp_path):
    """Two cards copied from one: each agent takes the connection from the other."""
    broker = MqttBroker("mosquitto", 3, tmp_path / "broker")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with Heard(broker.port) as heard, agent_of(tmp_path / "a", broker.port) as one:
        with agent_of(tmp_path / "b", broker.port) as other:
            wait_for(lambda: one.stats().conflict and other.stats().conflict, "both see the other")
            assert "another client uses the client id 'noise-08'" in one.stats().conflict
            one.observe(*levels(0, 5))
            other.observe(*levels(5, 5))
            assert other.flush(60)
        assert one.flush(60)
        wait_for(lambda: len(heard.values) == 10, "everything arrives")
    broker.stop()
