"""Every codec as an entry point: messages of real devices, a little or very different from what they should be."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from ingest.clock import SystemClock
from ingest.codecs.codec import VendorMessage
from ingest.codecs.site_dialects import Dialects
from ingest.codecs.vendors import NAMES
from ingest.gateway.intake import Intake
from ingest.gateway.plates import Plates
from ingest.gateway.routes import Routes
from ingest.observations import Observation, epoch_ms
from ingest.places import Beat, Device, Places
from ingest.vocabulary import Reason
from tests.fuzz.mutations import changed, damaged, long, nasty_bytes, nested
from tests.ingest.codecs.cases import Feed, everything_of

_FROM, _UNTIL = 946_684_800_000, 4_102_444_800_000
_MOST_KEPT = 4 << 20
"""Bytes that a codec may remember after thousands of nasty messages."""


def _json(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except ValueError:
        return None


def _payload(rng: random.Random, message: VendorMessage) -> bytes:
    kind, said = rng.random(), _json(message.payload)
    if kind < 0.05:
        return rng.choice((nested, long))(rng)
    if kind < 0.55 and said is not None:
        return nasty_bytes(rng, said)
    if kind < 0.6:
        return rng.randbytes(rng.randrange(200))
    if kind < 0.7:
        return message.payload
    if kind < 0.75 and said is not None:  # times and numbers only, so that much of it is still taken
        return json.dumps(changed(rng, said, 0.03), ensure_ascii=False).encode("utf-8", "surrogatepass")
    return damaged(rng, message.payload)


@contextlib.contextmanager
def _codec(name: str) -> Iterator[Callable[[random.Random], Callable[[], object]]]:
    messages, bindings = everything_of(name)
    feed = Feed(name, bindings)
    devices = feed.bindings.devices()

    def one(rng: random.Random) -> Callable[[], object]:
        valid = rng.choice(messages)
        other = rng.choice(messages)
        message = valid._replace(
            payload=_payload(rng, valid),
            topic=other.topic if rng.random() < 0.1 else valid.topic,
            retained=rng.random() < 0.1,
            headers=valid.headers if rng.random() < 0.9 else changed(rng, dict(other.headers), 0.5),
        )
        if not isinstance(message.headers, dict) or not all(isinstance(said, str) for said in message.headers.values()):
            message = message._replace(headers={})
        if rng.random() < 0.02:
            feed.restart()

        def take() -> None:
            meaning = feed(message)
            wrong = [refusal.detail for refusal in meaning.refusals if refusal.reason == Reason.PROCESSING]
            assert not wrong, wrong
            assert not any(refusal.payload for refusal in meaning.refusals)
            assert len(meaning.observations) <= 1_000
            for device, observation in meaning.observations:
                assert device in devices
                again = msgspec.json.decode(msgspec.json.encode(observation), type=Observation)
                assert _FROM <= epoch_ms(again.ts) <= _UNTIL
            assert {device for device, _ in meaning.statuses} <= devices
            assert sum(len(key) + len(value) for key, value in feed.saved.items()) < _MOST_KEPT

        return take

    yield one


@contextlib.contextmanager
def _gateway() -> Iterator[Callable[[random.Random], Callable[[], object]]]:
    """Devices that speak dialects straight to the gateway: nothing of what is refused is kept."""
    spoken = [(name, message) for name in NAMES for message in everything_of(name)[0]]
    devices: dict[str, Device] = {}
    for name in NAMES:
        bound = {(known.match, known.part): known for known in everything_of(name)[1]}
        own = tuple(msgspec.structs.replace(known, device=name) for known in bound.values())
        devices[name] = Device(name, "b", "camera", {}, 0, 0, bindings=own)
    clock, dialects = SystemClock(), Dialects("s", ZoneInfo("Asia/Shanghai"))
    dialects.go_by(devices)
    routes = Routes("s", Places({"b": Beat("b", {}, ())}, devices), dialects=True)
    intake = Intake(routes=routes, clock=clock, plates=Plates([("aaaa", b"a" * 32)]), dialects=dialects)

    def one(rng: random.Random) -> Callable[[], object]:
        name, message = rng.choice(spoken)
        payload, rest = _payload(rng, message), message.topic.lstrip("/") if rng.random() < 0.8 else "obs"
        device = name if rng.random() < 0.9 else rng.choice(NAMES)
        retained = rng.random() < 0.1

        def take() -> None:
            intake.begin()
            intake.take(f"patrolgrid/v1/s/b/{device}/{rest}"[:200], payload[:262_144], retained=retained)
            taken = intake.finish()
            dialects.changes()
            wrong = [refusal.detail for refusal in taken.refusals if refusal.reason == Reason.PROCESSING]
            assert not wrong, wrong
            assert not any(refusal.payload for refusal in taken.refusals)

        return take

    yield one


DIALECTS = {"gateway dialects": _gateway} | {f"codec {name}": partial(_codec, name) for name in NAMES}
