"""A session keeps its word when brokers do not: it comes back, in order, and not too often."""

from __future__ import annotations

import os
import resource
import socket
import threading
import time

import pytest

import ingest.mqtt.session as session_module
from ingest.login import BrokerAddress
from ingest.mqtt.client import BufferedClient
from ingest.mqtt.outbox import MemoryStorage, Outbound, Outbox
from ingest.mqtt.publisher import publish_all
from ingest.mqtt.session import Session
from ingest.setup.backoff import Backoff
from tests.ingest.brokers import Broker, Publisher, ScriptedBroker
from tests.support import wait_for

NOT_AUTHORIZED = 0x87


@pytest.fixture(params=[3, 5])
def broker(request):
    with ScriptedBroker(request.param) as found:
        yield found


@pytest.fixture
def started():
    """Start sessions and close them."""
    sessions = []

    def start(address, name="c", **options):
        session = Session(address, name, **{"backoff_s": (0.05, 0.1), **options})
        session.start()
        sessions.append(session)
        return session

    yield start
    for session in sessions:
        session.close()


def test_the_wait_grows_although_each_connection_is_accepted(broker, started, monkeypatch):
    """Two clients that share a client id would else take the session from each other without end."""
    waits, next_s = [], Backoff.next_s
    monkeypatch.setattr(Backoff, "next_s", lambda backoff, **_: [waits.append(next_s(backoff)), waits[-1]][1])
    broker.hang_up = True
    started(broker.address, backoff_s=(0.02, 60.0))
    wait_for(lambda: broker.accepted >= 7, "seven attempts")
    assert waits[:6] == [0.02 * 2**number for number in range(6)]


def test_a_connection_that_lasted_starts_the_wait_over(broker, started):
    broker.hang_up = True
    session = started(broker.address, backoff_s=(0.02, 0.1))
    wait_for(lambda: broker.accepted >= 4, "some failures")
    broker.hang_up = False
    wait_for(lambda: session._accepted_at and time.monotonic() - session._accepted_at > 0.15, "a connection that lasts")
    broker.cut()
    wait_for(lambda: session._backoff._wait_s == 0.04, "the wait begins again")


def test_a_session_that_is_taken_over_says_so(started):
    with ScriptedBroker() as broker:
        session = started(broker.address, backoff_s=(60.0, 60.0))
        wait_for(lambda: session.up, "it is up")
        broker.cut(b"\xe0\x01\x8e")
        wait_for(lambda: session.trouble == "the connection was lost: Session taken over", "the session says why")


def test_a_refused_subscription_names_the_filter(started):
    with ScriptedBroker() as broker:
        broker.granted = [1, NOT_AUTHORIZED]
        session = started(broker.address, filters=("a/+", "b/+"))
        wait_for(lambda: session.trouble, "the refusal")
        assert session.trouble == "the broker refused the subscription to b/+: check its access rules"
        assert (session.up, session.refused) == (False, True)
        broker.granted = [1, 1]
        broker.cut()
        wait_for(lambda: session.up, "the rules were put right")
        assert session.trouble == ""


def test_acknowledgements_of_an_old_connection_are_not_sent(broker, started):
    session = started(broker.address, persistent=True)
    wait_for(lambda: session.up, "it is up")
    first = session._client.connection
    assert session.acknowledge(first, [3])
    assert not session.acknowledge(0, [1, 2])
    broker.cut()
    wait_for(lambda: session.connections == 2, "the next connection")
    assert not session.acknowledge(first, [4])
    assert session.acknowledge(session._client.connection, [5])


@pytest.mark.parametrize("version", [3, 5])
def test_a_persistent_session_takes_what_came_meanwhile(version, started, tmp_path):
    """Also one that is to keep nothing afterwards: that is how a gateway is taken away for good."""
    broker = Broker("mosquitto", version, tmp_path)
    heard = []
    usual = {"filters": ("t",), "persistent": True, "on_message": lambda message: heard.append(message.payload)}
    first = started(broker.address, expiry_s=3_600, **usual)
    wait_for(lambda: first.up, "it has subscribed")
    first.close()
    publish_all(broker.address, [Outbound("t", b"meanwhile")])
    last = started(broker.address, expiry_s=0, **usual)
    wait_for(lambda: heard == [b"meanwhile"], "what waited comes")
    last.close()
    broker.stop()


def test_a_broker_that_forgets_to_acknowledge_gets_a_new_connection(broker, started):
    broker.answer = lambda _topic: None
    waiting = MemoryStorage()
    session = started(broker.address, outbox=Outbox(waiting, ack_timeout_s=0.2))
    for topic in ("a", "b", "c"):
        waiting.put(Outbound(topic, b""))
    session.wake()
    wait_for(lambda: "does not acknowledge" in session.trouble, "the session gives the connection up")
    broker.answer = lambda _topic: 0
    wait_for(lambda: not len(waiting), "all is acknowledged")
    assert broker.topics[0] == broker.topics[-1] == ["a", "b", "c"]


def test_a_refused_message_goes_again_or_is_given_up(started):
    with ScriptedBroker() as broker:
        broker.answer = lambda topic: NOT_AUTHORIZED if topic == "secret" else 0
        kept, dropped = MemoryStorage(), MemoryStorage()
        patient, quick = Outbox(kept), Outbox(dropped, keep_refused=False)
        for storage in (kept, dropped):
            storage.put(Outbound("secret", b""))
            message = storage.put(Outbound("open", b""))
        session = started(broker.address, outbox=quick)
        wait_for(lambda: not len(dropped), "it is given up")
        assert (quick.refusal, quick.refused, session.connections) == ("secret: Not authorized", 1, 1)
        assert message.acknowledged
        session = started(broker.address, "d", outbox=patient)
        wait_for(lambda: patient.refused >= 3, "it is tried again")
        assert "refused a message: secret: Not authorized" in session.trouble
        broker.answer = lambda _topic: 0
        wait_for(lambda: not len(kept), "the rules were put right")


def test_connecting_says_why_it_cannot(broker):
    session = Session(broker.address, "c")
    session.connect()
    assert session.up
    session.close()
    broker.granted = [NOT_AUTHORIZED, 0x80][: 1 + (broker.version == 3)][-1:]
    refused = Session(broker.address, "c", filters=("t",))
    with pytest.raises(ConnectionError, match=rf"MQTT broker at {broker.address}: the broker refused the subscription"):
        refused.connect()
    assert refused.refused


def test_a_failing_callback_ends_the_connection_and_not_the_session(broker, started, caplog):
    waiting, failing = MemoryStorage(), iter([True, False])

    def acknowledged(_message):
        if next(failing):
            raise RuntimeError("on purpose")

    waiting.put(Outbound("a", b""))
    waiting.put(Outbound("b", b""))
    session = started(broker.address, outbox=Outbox(waiting, window=1, on_acknowledged=acknowledged))
    wait_for(lambda: not len(waiting), "it connects again, and the second message is acknowledged")
    assert session.connections == 2
    assert "on purpose" in caplog.text


def test_a_second_client_of_one_id_is_named(broker, started, caplog):
    """MQTT 5 says so at once; in 3.1.1 it shows in connections that are accepted and soon end."""
    session = started(broker.address, backoff_s=(0.02, 60.0))
    wait_for(lambda: session.up, "it is up")
    if broker.version == 5:
        broker.cut(b"\xe0\x01\x8e")
    else:
        broker.hang_up = True
        broker.cut()
    wait_for(lambda: session.conflicts.text, "the second client is seen")
    assert "another client uses the client id 'c' at the broker" in session.conflicts.text
    assert caplog.text.count("another client uses") == 1


def test_a_broker_that_comes_and_goes_is_no_second_client(started):
    with ScriptedBroker(3) as broker:
        broker.hang_up = True
        session = started(broker.address, backoff_s=(0.02, 60.0))
        wait_for(lambda: broker.accepted >= 2, "two short connections")
    wait_for(lambda: "cannot be reached" in session.trouble, "the broker is gone")
    assert session.conflicts.text == ""


def test_a_second_client_that_is_gone_is_no_longer_named(started):
    with ScriptedBroker() as broker:
        session = started(broker.address, backoff_s=(0.02, 0.05))
        wait_for(lambda: session.up, "it is up")
        broker.cut(b"\xe0\x01\x8e")
        wait_for(lambda: session.connections == 2 and not session.conflicts.text, "a connection that lasts")


def test_a_broker_that_accepts_and_never_answers_is_left_and_named(monkeypatch, started):
    monkeypatch.setattr(session_module, "_ANSWER_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        session = started(BrokerAddress(port=silent.getsockname()[1]))
        wait_for(lambda: "confirms nothing within" in session.trouble, "it is left")
        wait_for(lambda: silent.accept()[0].close() is None and silent.accept()[0].close() is None, "it is tried again")


def test_closing_leaves_an_attempt_behind_that_does_not_end(monkeypatch, started):
    """A name server may take minutes; nothing can interrupt it."""
    begun, ended = threading.Event(), threading.Event()
    monkeypatch.setattr(BufferedClient, "open", lambda *_: [begun.set(), ended.wait(60)])
    monkeypatch.setattr(session_module, "_JOIN_S", 0.05)
    session = started(BrokerAddress())
    assert begun.wait(60)
    session.close()
    assert session._thread.is_alive()
    ended.set()
    session._thread.join(60)
    assert session._client is None


def test_more_than_a_thousand_open_files_are_no_trouble(broker, started):
    most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(most[0], 2_048), max(most[1], 2_048)))
    files = [os.open(os.devnull, os.O_RDONLY) for _ in range(1_100)]
    try:
        session = started(broker.address)
        wait_for(lambda: session.up, "it is up")
        assert session.socket.fileno() > 1_024
        session.outbox.storage.put(Outbound("t", b""))
        session.wake()
        wait_for(lambda: session.outbox.acknowledged == 1, "a message goes out")
        session.close()
    finally:
        for file in files:
            os.close(file)
        resource.setrlimit(resource.RLIMIT_NOFILE, most)


def test_a_broker_that_forgot_the_session_is_named(started, caplog, tmp_path):
    """Also where a client under the same id, that wanted no session, has wiped it."""
    broker = Broker("mosquitto", 3, tmp_path)
    session = started(broker.address, persistent=True, filters=("t",))
    wait_for(lambda: session.up, "it is up")
    Publisher(broker.port, name="c").close()
    wait_for(lambda: session.connections == 2, "it comes back")
    assert session.forgotten == 1
    assert "the broker has forgotten the session" in caplog.text
    session.close()
    broker.stop()
