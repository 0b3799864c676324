"""An outbox loses nothing, keeps the order, and sends again what a broker may have forgotten."""

from __future__ import annotations

import itertools
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.mqtt.outbox import MemoryStorage, Outbound, Outbox
from tests.support import examples


class Wire:
    """What was published on a connection and not acknowledged yet."""

    def __init__(self):
        self.sent, self._mids = [], itertools.count(1)

    def publish(self, message):
        self.sent.append((next(self._mids), message.source))
        return self.sent[-1][0]


@settings(max_examples=examples(60))
@given(st.lists(st.one_of(st.just("put"), st.just("send"), st.just("break"), st.integers(0, 5)), max_size=60))
def test_it_loses_nothing_and_keeps_order(steps):
    storage, wire, delivered, firsts = MemoryStorage(hold_s=100.0), Wire(), [], []
    outbox = Outbox(storage, window=3, on_acknowledged=lambda message: firsts.append(message.source))
    made = 0
    for step in steps:
        if step == "put":
            storage.put(Outbound("t", b"", source=made))
            made += 1
        elif step == "send":
            outbox.send(wire.publish)
        elif step == "break":
            wire.sent.clear()
            outbox.reconnected()
            waiting = [message.source for message in storage._waiting]
            assert waiting == list(range(made)), "all are held here, so all go again"
        elif step < len(wire.sent):
            mid, number = wire.sent.pop(step)
            outbox.acknowledge(mid)
            delivered.append(number)
        assert len(outbox.in_flight) <= 3
        assert len(storage) == len(storage._waiting) + len(outbox.in_flight)
    unfinished = {message.source for message in (*storage._waiting, *outbox.in_flight.values())}
    assert unfinished | set(delivered) == set(range(made))
    assert sorted(firsts) == sorted(set(delivered)), "each is acknowledged for the first time once"


def test_what_was_acknowledged_after_a_reconnect_goes_once_more(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    storage, wire = MemoryStorage(hold_s=10.0), Wire()
    outbox = Outbox(storage, window=2)
    outbox.reconnected()
    for name in ("a", "b", "c"):
        storage.put(Outbound("t", b"", source=name))
    clock[0] = 101.0
    outbox.send(wire.publish)
    outbox.acknowledge(1)
    outbox.acknowledge(2)
    outbox.send(wire.publish)
    assert [name for _, name in wire.sent] == ["a", "b", "c"]
    assert outbox.due() == 131.0, "something is in flight: the next is that the broker does not answer"
    clock[0] = 108.0
    outbox.send(wire.publish)
    assert len(wire.sent) == 3, "first the answers to what is in flight"
    outbox.acknowledge(3)
    assert outbox.due() == 108.0
    outbox.send(wire.publish)
    assert [name for _, name in wire.sent[3:]] == ["a", "b"]
    assert outbox.resent == 3
    for mid in (4, 5, 6):
        outbox.acknowledge(mid)
        outbox.send(wire.publish)
    clock[0] = 140.0
    outbox.send(wire.publish)
    assert len(wire.sent) == 6, "once and not again"
    assert len(storage) == 0


def test_what_was_held_too_long_does_not_go_again(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    storage, wire = MemoryStorage(hold_s=10.0), Wire()
    outbox = Outbox(storage)
    for name in ("old", "new"):
        storage.put(Outbound("t", b"", source=name))
        outbox.send(wire.publish)
        outbox.acknowledge(len(wire.sent))
        clock[0] += 8.0
    outbox.reconnected()
    assert [message.source for message in storage._waiting] == ["new"]
    assert (outbox.resent, len(storage)) == (1, 1)
