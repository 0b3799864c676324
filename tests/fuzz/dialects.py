"""Every codec as an entry point: messages of real devices, a little or very different from what they should be."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import msgspec

from ingest.codecs.codec import VendorMessage
from ingest.codecs.vendors import NAMES
from ingest.observations import Observation, epoch_ms
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


DIALECTS = {f"codec {name}": partial(_codec, name) for name in NAMES}
