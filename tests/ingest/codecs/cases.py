"""Messages of real devices and what they mean, from the shared folder; skipped where that is absent."""

import base64
import json
from datetime import datetime
from pathlib import Path

import msgspec

from ingest.codecs.bindings import Binding
from ingest.codecs.codec import VendorMessage
from ingest.gateway.plates import normalise
from ingest.observations import epoch_ms

FILE = Path(__file__).resolve().parents[4] / "shared" / "payloads" / "dialects.jsonl"
ABSENT = "the shared folder beside the project is absent (shared/payloads/dialects.jsonl)"
CODEC_OF = {"gat1400": "gat1400", "homeassistant": "esphome", "sparkplugb": "sparkplug"}
"""Vendor → codec, where the names differ."""


def cases():
    if not FILE.exists():
        return {}
    return {case["id"]: case for case in map(json.loads, FILE.read_text("utf-8").splitlines())}


def codec_of(case):
    return CODEC_OF.get(case["vendor"], case["vendor"])


def message_of(case):
    payload = base64.b64decode(case["payload_b64"]) if "payload_b64" in case else case["payload"].encode()
    received = round(datetime.fromisoformat(case["received_at"]).timestamp() * 1000)
    registered = case.get("given", {}).get("registered")
    headers = {name.lower(): value for name, value in case["headers"].items()}
    return VendorMessage(
        case["topic_or_path"], payload, received, retained=case.get("retain", False), headers=headers,
        sender=headers.get("user-identify", "") if registered else "", method="POST" * (case["transport"] == "http"),
    )  # fmt: skip


def plain(device, observation):
    """Return an observation in the form in which the file has what is expected."""
    said = msgspec.to_builtins(observation)
    said["ts"] = epoch_ms(observation.ts) // 1000
    if "plate" in said:
        said["plate"] = normalise(said["plate"])
    return said


def wanted(expected):
    return [{**one, "ts": round(datetime.fromisoformat(one["ts"]).timestamp())} for one in expected]


def agrees(said, want):
    """Tell whether observations are those wanted, in any order; None and absent keys are not compared."""
    if len(said) != len(want):
        return False
    left = list(said)
    for one in want:
        match = next(
            (
                other
                for other in left
                if all(
                    _same(other.get(key), value)
                    for key, value in one.items()
                    if not (key == "interval_s" and value is None)
                )
            ),
            None,
        )
        if match is None:
            return False
        left.remove(match)
    return True


def _same(ours, theirs):
    if isinstance(theirs, int | float) and isinstance(ours, int | float):
        return abs(ours - theirs) < 1e-6
    return ours == theirs


def bindings_of(case):
    """Translate what the technician has mapped, which the file says in a form of its own."""
    codec, said = codec_of(case), case.get("binding", {})
    return [Binding(codec=codec, **one) for one in TRANSLATE.get(codec, _plainly)(case, said)]


def _plainly(case, said):
    topic = case["topic_or_path"].removesuffix("/availability")
    return [{"device": said["device"], "match": topic}] if "device" in said else []


TRANSLATE = {}
"""Codec → (case, its binding) → fields of our bindings."""
