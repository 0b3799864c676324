"""Commands on MQTT are taken only from the site's own board, also by a broker that knows no accounts."""

import threading
from contextlib import closing

import msgspec
import pytest

from console.board.commands import MqttCommandPublisher
from deploy.processes.broker import start_broker
from deploy.processes.supervisor import Supervisor, free_port
from ingest import topics
from ingest.clock import DataClock, SystemClock
from ingest.events import Command
from ingest.gateway.intake import Intake
from ingest.gateway.plate_keys import command_keys, rotate
from ingest.gateway.plates import PlateKeyError, Plates
from ingest.gateway.routes import Routes
from ingest.log.records import RecordKind
from ingest.login import BrokerAddress
from ingest.mqtt.outbox import Outbound
from ingest.mqtt.publisher import publish_all
from ingest.mqtt.session import Session
from ingest.mqtt.signing import is_signed, signed
from tests.support import wait_for

SITE = "s"
TOPIC = topics.commands(SITE)
KEY = b"k" * 32
COMMAND = Command(id="c-1", action="acknowledge", alert="al-1", by="li", ts=0, note="在路上")
PAYLOAD = msgspec.json.encode(COMMAND)


def intake(clock=None, keys=(KEY,)):
    plates = Plates([("ab12", b"x" * 32)])
    return Intake(routes=Routes(SITE, None), clock=clock or SystemClock(), plates=plates, command_keys=keys)


def taken(payload, **more):
    gateway = intake(**more)
    gateway.take(TOPIC, payload)
    done = gateway.finish()
    return [msgspec.json.decode(r.payload, type=Command) for r in done.records if r.kind is RecordKind.COMMAND], [
        (refusal.reason, refusal.detail) for refusal in done.refusals
    ]


FORGED = {
    "unsigned": PAYLOAD,
    "by another key": signed(PAYLOAD, TOPIC, b"o" * 32),
    "for another site": signed(PAYLOAD, topics.commands("other"), KEY),
    "with another's signature": msgspec.json.encode(msgspec.structs.replace(COMMAND, alert="al-2"))[:-1]
    + signed(PAYLOAD, TOPIC, KEY)[len(PAYLOAD) - 1 :],
    "with something behind it": signed(PAYLOAD, TOPIC, KEY) + b" ",
    "with an empty signature": PAYLOAD[:-1] + b',"sign":""}',
    "with another person in front": b'{"by":"chief",' + signed(PAYLOAD, TOPIC, KEY)[1:],
    "empty": b"",
    "short": b"}",
}


def test_a_command_of_the_board_is_taken_as_it_was_given():
    found, refused = taken(signed(PAYLOAD, TOPIC, KEY))
    assert (found, refused) == ([COMMAND], [])
    assert taken(signed(PAYLOAD, TOPIC, KEY), keys=(b"new" * 11, KEY))[0] == [COMMAND]


@pytest.mark.parametrize("payload", FORGED.values(), ids=FORGED)
def test_a_forged_command_is_refused_and_kept_as_evidence(payload):
    found, refused = taken(payload)
    assert found == []
    assert [reason for reason, _ in refused] == ["command"]
    assert "not signed by the board of this site" in refused[0][1]


def test_a_replay_tells_again_what_was_said_and_a_gateway_without_a_key_asks_for_none():
    assert taken(PAYLOAD, clock=DataClock())[0] == [COMMAND]
    assert taken(PAYLOAD, keys=())[0] == [COMMAND]


def test_the_key_is_made_once_and_kept_private(tmp_path):
    path = tmp_path / "keys" / "commands.key"
    (key,) = command_keys(path)
    assert len(key) == 32
    assert command_keys(path) == (key,)
    assert path.stat().st_mode & 0o077 == 0
    rotate(path)
    assert command_keys(path)[0] == key, "a command that waits at the broker is still taken"
    path.chmod(0o644)
    with pytest.raises(PlateKeyError, match="lets others read it"):
        command_keys(path)


@pytest.fixture
def broker(tmp_path):
    port = free_port()
    with Supervisor(tmp_path) as supervisor:
        start_broker(supervisor, "embedded", port, tmp_path / "broker")
        yield BrokerAddress(port=port)


def test_the_board_notices_what_others_send_in_its_place(broker):
    heard = []
    with closing(Session(broker, "", filters=(TOPIC,), on_message=heard.append)) as listener:
        listener.start()
        with closing(MqttCommandPublisher(SITE, broker, [KEY])) as board:
            wait_for(lambda: board.connected and listener.up, "both are there")
            board.publish(COMMAND)
            publish_all(broker, [Outbound(TOPIC, PAYLOAD)])
            wait_for(lambda: len(heard) == 2, "both are heard")
            forged = wait_for(board.take_forged, "the forged one is noticed")
            results = []
            more = [msgspec.structs.replace(COMMAND, id=one) for one in ("c-2", "c-3")]
            others = [threading.Thread(target=lambda c=c: results.append(board.publish(c))) for c in more]
            for thread in others:
                thread.start()
            for thread in others:
                thread.join()
            wait_for(lambda: len(heard) == 4, "all are heard")
    assert results == [None, None], "several people at once"
    assert forged == [PAYLOAD]
    assert [is_signed(message.payload, TOPIC, [KEY]) for message in heard] == [True, False, True, True]
    assert taken(heard[0].payload)[0] == [COMMAND]
    assert taken(heard[1].payload)[0] == []
