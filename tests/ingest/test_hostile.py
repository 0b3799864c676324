"""A hundred thousand hostile messages: no crash, no growth, each in quarantine with its reason (or counted there)."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable

import psutil
import pytest

from ingest import topics
from ingest.clock import SystemClock
from ingest.gateway.gateway import Gateway
from ingest.gateway.intake import Intake
from ingest.gateway.plates import Plates
from ingest.gateway.quarantine import Quarantine
from ingest.gateway.routes import Routes
from ingest.log.sqlite_log import SqliteLog
from ingest.vocabulary import Reason
from tests.configs import gateway_with
from tests.ingest.brokers import Broker, Publisher
from tests.support import wait_for

PLATES = Plates([("aaaa", b"a" * 32)])
SITE = "s"
OBS = topics.observations(SITE, "b", "d")
TEXTS = [
    "<script>alert(1)</script>", "'; DROP TABLE records; --", "\u202e\u0000\u001b[2J", "../../etc/passwd", "${jndi:x}",
    "吉A12345", "\ud83d\ude00" * 40, "A" * 5_000, "%s%n{0}", "\ufeff", "=1+1", "\u2028", "",
]  # fmt: skip
NEVER = "0001-01-01T00:00:00Z"
GOOD: dict[str, dict[str, object]] = {
    "count": {"type": "count", "ts": NEVER, "interval_s": 60, "in": 1, "out": 1},
    "gate": {"type": "gate", "ts": NEVER, "plate": "吉A12345"},
    "level": {"type": "level", "ts": NEVER, "metric": "noise", "value": 1},
    "state": {"type": "state", "ts": NEVER, "metric": "door", "value": "open"},
}
"""Observations of the year 1: even what is well-formed in them bears no time at all, and no slip makes one of it."""


def any_value(rng: random.Random, depth: int = 0) -> object:
    """Any JSON value, the nastier the better."""
    kind = rng.randrange(9 if depth < 4 else 7)
    if kind == 0:
        return rng.choice([0, -1, 2**31, 2**63, -(2**63), 2**64, 10**400, 1e308, -1e-320, 0.1])
    if kind == 1:
        return rng.choice(TEXTS)
    if kind == 2:
        return rng.choice([None, True, False])
    if kind < 7:
        return rng.choice(["count", "gate", "level", "state", "in", "2026-11-23T08:05:00Z", "9999-99-99T99:99:99Z", 1])
    if kind == 7:
        return [any_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {rng.choice([*TEXTS, "type", "plate"]): any_value(rng, depth + 1) for _ in range(rng.randrange(4))}


def mistyped(rng: random.Random) -> bytes:
    value = dict(rng.choice(list(GOOD.values())))
    for _ in range(rng.randrange(1, 4)):
        value[rng.choice([*value, "seq", "boot", "of", "vehicle", "unit", "allowed"])] = any_value(rng)
    if value.get("ts") != NEVER:
        value["ts"] = rng.choice([-1, 10**15, "now", None, True, [1], 1.5])
    return json.dumps(value, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")


def mutated(rng: random.Random) -> bytes:
    raw = bytearray(json.dumps(rng.choice(list(GOOD.values())), ensure_ascii=rng.random() < 0.5).encode())
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(raw))
        change = rng.randrange(3)
        if change == 0:
            raw[at] = rng.randrange(256)
        elif change == 1:
            del raw[at]
        else:
            raw[at:at] = rng.randbytes(rng.randrange(1, 9))
    return raw.decode("utf-8", "surrogateescape").encode("gb18030", "replace") if rng.random() < 0.2 else bytes(raw)


def nested(rng: random.Random) -> bytes:
    depth = rng.choice([9, 50, 900, 1_100, 20_000])
    opening, closing = rng.choice([(b"[", b"]"), (b'{"a":', b"}"), (b'[{"type":', b"}]")])
    inner = rng.choice([b"1", b"", json.dumps(GOOD["count"]).encode()])
    return opening * depth + inner + (closing * depth if rng.random() < 0.5 else b"")


def oversized(rng: random.Random) -> bytes:
    return rng.choice([b"x", b"[", b'"', b"\xff", b"{}"]) * rng.choice([20_000, 140_000])


def endless(rng: random.Random) -> bytes:
    """Long tokens: numbers, texts, arrays of nothing."""
    kind = rng.randrange(4)
    if kind == 0:
        return b'{"type":"count","ts":1,"interval_s":60,"in":' + b"9" * rng.randrange(400, 4_000) + b"}"
    if kind == 1:
        return b'{"type":"state","ts":1,"metric":"' + rng.choice([b"\\", b"\\u0000", b"a", b'\\"']) * 3_000 + b'"}'
    if kind == 2:
        return b"[" + b",".join([b"{}"] * rng.randrange(1, 40)) + b"]"
    return b"[" + b"0," * 3_000 + b"0]"


def random_bytes(rng: random.Random) -> bytes:
    return b"\x00" + rng.randbytes(rng.randrange(200))


MAKERS: list[tuple[Callable[[random.Random], bytes], int]] = [
    (mistyped, 450), (mutated, 300), (random_bytes, 200), (endless, 40), (nested, 6), (oversized, 4),
]  # fmt: skip


def hostile(rng: random.Random) -> tuple[str, bytes]:
    """One hostile message: a bad payload on any topic, or anything on a bad topic."""
    maker = rng.choices([maker for maker, _ in MAKERS], [weight for _, weight in MAKERS])[0]
    place = rng.random()
    if place < 0.8:
        topic = OBS
    elif place < 0.87:
        topic = rng.choice([topics.incidents(SITE), topics.commands(SITE), topics.status(SITE, "b", "d")])
    else:
        part = rng.choice([*TEXTS, "incidents", "b" * 60, "\udcff", "+", "#", "a/b"])
        topic = f"patrolgrid/v1/{SITE}/{part}/{rng.randrange(10**9)}{part}/obs"
    return topic, maker(rng)


@pytest.mark.slow
def test_a_hundred_thousand_hostile_messages(tmp_path):
    rng = random.Random(20261123)
    intake = Intake(routes=Routes(SITE, None), clock=SystemClock(), plates=PLATES)
    quarantine = Quarantine(tmp_path / "q.db", max_rows=5_000, max_bytes=20 << 20)
    process, after_warm_up = psutil.Process(), 0
    expected: Counter[str] = Counter()
    for number in range(100_000):
        topic, payload = hostile(rng)
        before = _noted(intake)
        intake.take(topic, payload)
        after = _noted(intake)
        assert after > before, (topic, payload[:300])
        if number % 1_000 == 999:
            taken = intake.finish()
            # A level or a state is taken without the time or the number that cannot be read.
            assert all("吉A12345".encode() not in record.payload for record in taken.records)
            for refusal in taken.refusals:
                expected[str(refusal.reason)] += refusal.times
            quarantine.add_many(taken.refusals)
            intake.begin()
        if number == 30_000:
            after_warm_up = process.memory_info().rss
    growth = process.memory_info().rss - after_warm_up
    assert growth < 48 << 20, f"memory grew by {growth >> 20} MiB over 70,000 messages"
    assert intake.counts.messages == 100_000
    assert Reason.PROCESSING not in expected, [e.detail for e in quarantine.list(reason="processing")][:3]
    assert set(expected) == {
        "json",
        "type",
        "range",
        "size",
        "depth",
        "clock",
        "topic",
        "incident",
        "command",
        "status",
        "quota",
    }
    assert dict(expected) == intake.counts.quarantined
    assert quarantine.counts() == dict(expected)
    entries = quarantine.list(limit=10_000)
    assert len(entries) <= 5_000
    held: Counter[str] = Counter()
    for entry in entries:
        assert entry.topic.isprintable()
        assert entry.detail.isprintable()
        assert entry.detail
        assert "吉A12345" not in entry.topic + entry.detail
        assert "吉A12345".encode() not in entry.payload
        assert "吉A12345".encode("gb18030") not in entry.payload
        assert entry.reason in set(Reason)
        held[entry.reason] += entry.count
    for reason, totals in quarantine.totals().items():
        assert totals.dropped + held[reason] == totals.total
    quarantine.close()


def _noted(intake: Intake) -> int:
    """Return how much of what came has become something."""
    over = sum(condensed.came for condensed in intake._condenser.held.values()) + len(intake._late_statuses)
    return intake.counts.quarantined.total() + intake.rows() + intake.counts.repeats + over


def _kept(gateway: Gateway) -> int:
    stats = gateway.stats()
    return stats.appended + stats.repeats + sum(stats.quarantined.values())


@pytest.mark.parametrize("kind", ["embedded", "mosquitto"])
def test_hostile_messages_through_a_real_broker(kind, tmp_path):
    rng = random.Random(7)
    broker = Broker(kind, 3 if kind == "embedded" else 5, tmp_path / "broker")
    log, quarantine = SqliteLog(tmp_path / "log.db", min_free_bytes=0), Quarantine(tmp_path / "q.db")
    config = gateway_with(SITE, broker.address, max_payload_bytes=100_000, max_queued_bytes=4 << 20)
    gateway = Gateway(config, None, log, quarantine, SystemClock(), PLATES)
    gateway.start()
    wait_for(lambda: gateway.stats().connected, "the gateway connects")
    publisher = Publisher(broker.port)
    sent = 0
    waiting = []
    while sent < 2_000:
        topic, payload = hostile(rng)
        may_be_published = topic.isprintable() and "+" not in topic and "#" not in topic
        subscribed = topic.count("/") == 5 or topic in {topics.incidents(SITE), topics.commands(SITE)}
        if not (payload and may_be_published and subscribed):
            continue
        waiting.append(publisher.client.publish(topic, payload, qos=1))
        sent += 1
    good = {"type": "count", "seq": 1, "ts": time.time_ns() // 1_000_000, "interval_s": 60, "in": 1}
    publisher.send(OBS, json.dumps(good).encode())
    for info in waiting:
        info.wait_for_publish(60)
    wait_for(lambda: gateway.stats().messages >= sent + 1, "every message arrives")
    wait_for(lambda: _kept(gateway) > sent, "every message is in the log or in quarantine")
    stats = gateway.stats()
    gateway.stop()
    assert stats.connections == 1, "nothing broke the connection"
    assert stats.appended >= 1, "the good one is in the log"
    assert "processing" not in stats.quarantined
    assert quarantine.counts() == stats.quarantined
    publisher.close()
    quarantine.close()
    log.close()
    broker.stop()
