"""Where sources meet codecs and the spool: what is put together, what is refused, what a killed agent knows again."""

import os
from contextlib import closing
from hashlib import blake2b
from typing import Any

import msgspec
import pytest

from ingest.codecs.codec import VendorMessage
from ingest.codecs.vendors.zigbee2mqtt import Zigbee2Mqtt
from ingest.edge.edge_file import settled
from ingest.edge.plate_guard import PlateGuard
from ingest.edge.service.desk import Desk
from ingest.edge.sources.broker_beside import Handed
from ingest.edge.spool import Spool
from ingest.mqtt.client import Inbound
from ingest.observations import Level, State
from ingest.setup.crash_marker import CrashMarker

DOCUMENT = {
    "agent": {"site": "s1", "folder": "kept"},
    "devices": [{"device": "door-1", "beat": "b1"}, {"device": "door-2", "beat": "b1"}],
    "sources": [{"kind": "mqtt", "codecs": ["zigbee2mqtt"]}],
    "bindings": [{"codec": "zigbee2mqtt", "device": "door-1", "match": "zigbee2mqtt/door"}],
}
T = 1_790_000_000_000


@pytest.fixture
def file(tmp_path):
    return settled(DOCUMENT, "edge.toml", tmp_path)


@pytest.fixture
def spool(tmp_path):
    with closing(Spool(tmp_path / "spool", protect=PlateGuard(None).protect)) as found:
        yield found


def said(payload, topic="zigbee2mqtt/door"):
    return VendorMessage(topic, payload, T)


def inside(spool):
    spool.settle()
    return b"".join(path.read_bytes() for path in spool.path.parent.glob("spool*") if path.is_file())


def test_what_a_source_remembers_is_saved_with_what_its_message_means(file, spool, tmp_path):
    desk = Desk(file, spool, print)
    desk.take("zigbee2mqtt", said(b'{"contact":true}'), {"mqtt-1/0": b'"ab"'})
    assert desk.observe("door-2", [State(T, "door", "open")], {"dir-1/a": b"[1]", "mqtt-1/0": None}) == []
    assert (desk.recall("mqtt-1/"), desk.recall("dir-1/")) == ({}, {"dir-1/a": b"[1]"})
    spool.settle()
    spool.close()
    with closing(Spool(tmp_path / "spool", protect=PlateGuard(None).protect)) as again:
        assert Desk(file, again, print).recall("dir-1/") == {"dir-1/a": b"[1]"}


def test_what_is_out_of_limits_costs_only_itself(file, spool):
    desk = Desk(file, spool, print)
    good, bad = Level(T, "noise", 61.5, "dB"), Level(T, "粤B12345", 1.0, "dB")
    (why,) = desk.observe("door-1", [good, bad, good])
    assert "number plate" in why
    assert dict(desk.refused) == {"range": 1}
    assert inside(spool).count(b"61.5") == 2


def test_strangers_are_told_in_turn_and_refusals_are_counted_by_reason(file, spool):
    desk = Desk(file, spool, print)
    for number in range(3):
        desk.take("zigbee2mqtt", said(b'{"smoke":false}', f"zigbee2mqtt/new-{number}"))
        desk.take("zigbee2mqtt", said(b"{"))
    first, second = desk.strangers(2), desk.strangers(2)
    assert len({one.match for one in [*first, *second]}) == 3
    assert dict(desk.refused) == {"json": 3}


def test_a_status_is_handed_on(file, spool):
    found = []
    desk = Desk(file, spool, lambda device, status: found.append((device, status)))
    desk.take("zigbee2mqtt", said(b'{"state":"offline"}', "zigbee2mqtt/door/availability"))
    assert found == [("door-1", "offline")]


def test_a_message_of_which_the_agent_died_is_refused_and_one_that_was_there_by_chance_is_taken(
    file, spool, tmp_path, monkeypatch
):
    poison, harmless = b'{"contact":true}', b'{"contact":false}'
    read = Zigbee2Mqtt.read

    def dies(self, message):
        if message.payload == poison:
            os._exit(3)
        read(self, message)

    monkeypatch.setattr(Zigbee2Mqtt, "read", dies)
    for payload, refused in ((poison, {"crash": 1}), (harmless, {})):
        before = CrashMarker(tmp_path / "in-hand")
        before.begin(blake2b(b"zigbee2mqtt\0zigbee2mqtt/door\0" + payload, digest_size=16).digest())
        desk = Desk(file, spool, print, CrashMarker(tmp_path / "in-hand"))
        assert desk.take("zigbee2mqtt", said(payload)).refusals == [] or refused
        assert dict(desk.refused) == refused
        assert CrashMarker(tmp_path / "in-hand").suspect is None
    assert inside(spool).count(b'"value":"open"') == 1


# -- what a broker sends again -----------------------------------------------------------------------------------------


class Remembers:
    def __init__(self):
        self.kept = {}

    def recall(self, prefix):
        return {key: value for key, value in self.kept.items() if key.startswith(prefix)}

    def save(self, changes):
        self.kept = {key: value for key, value in {**self.kept, **changes}.items() if value is not None}


def inbound(mid, payload=b"x", connection=1):
    return Inbound(b"t", payload, 1, mid, retain=False, size=len(payload), connection=connection)


def test_what_was_handed_over_and_not_acknowledged_is_known_again_also_by_the_next_process():
    desk: Any = Remembers()
    handed = Handed("mqtt-1", desk)
    for mid in range(1, 41):
        assert not handed.knows(inbound(mid), resumed=True)
        desk.save(handed.marks(inbound(mid)))
    assert handed.knows(inbound(40, connection=2), resumed=True)
    again = Handed("mqtt-1", desk)
    assert [again.knows(inbound(mid, connection=3), resumed=True) for mid in (9, 40, 41)] == [True, True, False]
    assert not again.knows(inbound(40, b"y", connection=3), resumed=True), "another message under an old id"
    assert len(desk.kept) == 32


def test_in_a_new_session_an_old_id_means_another_message():
    desk: Any = Remembers()
    handed = Handed("mqtt-1", desk)
    desk.save(handed.marks(inbound(1)))
    assert not handed.knows(inbound(1, connection=2), resumed=False)
    desk.save(handed.marks(inbound(1, connection=2)))
    assert handed.knows(inbound(1, connection=3), resumed=True)
    assert [msgspec.json.decode(value, type=str) for value in desk.kept.values()] != []
    assert len(desk.kept) == 1, "what was of the old session is forgotten"
