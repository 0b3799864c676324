"""The fast lane of the MQTT client takes exactly what paho would have taken, however the bytes arrive."""

from __future__ import annotations

import struct
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt.client import Client, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ingest.mqtt.client import BufferedClient, BufferedSocket, Inbound
from tests.support import examples

OTHER = b"\xd0\x00"
"""A ping response: a packet that is paho's."""


def message(topic, payload, mid, *, retain=False):
    return Inbound(topic, payload, 1 if mid else 0, mid, retain, len(payload))


class FakeSocket:
    """Gives its pieces one by one, then would block, then (when closed) ends."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces, self.closed = [piece for piece in pieces if piece], False

    def recv(self, size: int) -> bytes:
        if self.pieces:
            piece = self.pieces[0][:size]
            self.pieces[0] = self.pieces[0][size:]
            if not self.pieces[0]:
                del self.pieces[0]
            return piece
        if self.closed:
            return b""
        raise BlockingIOError


def packet(message: Inbound, *, properties: bytes | None = None) -> bytes:
    body = struct.pack("!H", len(message.topic)) + message.topic
    if message.qos:
        body += struct.pack("!H", message.mid)
    if properties is not None:
        body += properties
    body += message.payload
    head, length = bytearray([0x30 | message.qos << 1 | message.retain]), len(body)
    while True:
        head.append(length % 128 | (128 if length > 127 else 0))
        length //= 128
        if not length:
            return bytes(head) + body


messages = st.builds(
    lambda topic, payload, mid, retain: message(topic.encode(), payload, mid, retain=retain),
    st.text(max_size=20),
    st.binary(max_size=300),
    st.integers(0, 65535),
    st.booleans(),
)


class Reader:
    """Reads as `BufferedClient.loop_read` does, with a paho that knows pings only."""

    def __init__(self, buffered: BufferedSocket) -> None:
        self.buffered, self.found, self.pings, self.partial = buffered, [], 0, b""

    def read(self) -> None:
        while True:
            if not self.partial:
                if not self.buffered.fill():
                    return
                self.found += self.buffered.publishes()
                if not self.buffered.has_other():
                    continue
            try:
                self.partial += self.buffered.recv(1)
            except BlockingIOError:
                return
            if len(self.partial) == len(OTHER):
                assert self.partial == OTHER
                self.pings, self.partial = self.pings + 1, b""


@settings(max_examples=examples(100))
@given(
    st.lists(messages, max_size=12),
    st.lists(st.integers(1, 200), max_size=40),
    st.sets(st.integers(0, 11)),
    st.booleans(),
)
def test_any_cut_of_the_stream_gives_the_same_messages(given_messages, cuts, pings, version_5):
    properties = None
    if version_5:
        made = Properties(PacketTypes.PUBLISH)
        made.UserProperty = ("key", "x" * 150)
        properties = made.pack()
    stream, others = b"", 0
    for index, message in enumerate(given_messages):
        stream += packet(message, properties=properties)
        if index in pings:
            stream, others = stream + OTHER, others + 1
    pieces, at = [], 0
    for cut in cuts:
        pieces.append(stream[at : at + cut])
        at += cut
    fake = FakeSocket([])
    buffered = BufferedSocket(fake, properties=version_5)
    reader = Reader(buffered)
    for piece in [*pieces, stream[at:]]:
        fake.pieces = [piece] if piece else []
        reader.read()
    assert reader.found == given_messages
    assert reader.pings == others
    assert buffered.pending() == 0


def test_a_packet_without_its_end_is_nothing_to_do_yet():
    whole = packet(message(b"t", b"x" * 1000, 7))
    fake = FakeSocket([whole[:600]])
    buffered = BufferedSocket(fake, properties=False)
    assert buffered.fill()
    assert buffered.publishes() == []
    assert buffered.pending() == 0, "else paho would spin"
    assert not buffered.has_other()
    assert not buffered.fill()
    fake.pieces = [whole[600:]]
    assert buffered.fill()
    assert [one.mid for one in buffered.publishes()] == [7]


def test_the_end_of_the_stream_is_told_by_paho():
    fake = FakeSocket([packet(message(b"t", b"x", 7)) + b"\x32\x50"])
    fake.closed = True
    buffered = BufferedSocket(fake, properties=False)
    assert buffered.fill()
    assert len(buffered.publishes()) == 1
    assert buffered.fill()
    assert buffered.publishes() == []
    assert buffered.ended
    assert buffered.has_other()
    assert buffered.recv(10) == b"\x32\x50"
    assert buffered.recv(10) == b""


@pytest.mark.parametrize(
    "stream",
    [b"\x32\x03\x00\x09t", b"\x32\x05\x00\x01t\x00\x00", b"\x30\xff\xff\xff\xff\x01", b"\x34\x05\x00\x01t\x00\x01"],
)
def test_malformed_and_rare_packets_are_left_to_paho(stream):
    buffered = BufferedSocket(FakeSocket([stream]), properties=False)
    assert buffered.fill()
    assert buffered.publishes() == []
    assert buffered.has_other()
    assert buffered.recv(100) == stream


def test_acknowledgements_go_out_together_and_in_order():
    client = BufferedClient(
        CallbackAPIVersion.VERSION2, "c", protocol=MQTTv311, clean_session=False, manual_ack=True, receive=print
    )
    client._thread = threading.current_thread()
    client.acknowledge([])
    client.acknowledge([1, 258, 65535])
    assert [bytes(entry["packet"]) for entry in client._out_packet] == [
        b"\x40\x02\x00\x01\x40\x02\x01\x02\x40\x02\xff\xff"
    ]
    client._thread = None


def test_without_the_private_method_each_is_acknowledged_in_the_public_way():
    class Later:
        def __init__(self) -> None:
            self.acked: list[tuple[int, int]] = []

        def ack(self, mid: int, qos: int) -> None:
            self.acked.append((mid, qos))

    later: Any = Later()
    BufferedClient.acknowledge(later, [3, 4])
    assert later.acked == [(3, 1), (4, 1)]


def test_a_socket_of_another_kind_is_read_in_paho_s_way(monkeypatch):
    client = BufferedClient(
        CallbackAPIVersion.VERSION2, "c", protocol=MQTTv311, clean_session=False, manual_ack=True, receive=print
    )
    calls = []

    def loop_read(_self: Client, n: int) -> MQTTErrorCode:
        calls.append(n)
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    monkeypatch.setattr(Client, "loop_read", loop_read)
    other: Any = object()
    client._sock = other
    assert client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS
    assert calls == [1]
    client._sock = None
