"""Inputs that are nearly right: valid ones changed a little, and what a grammar of nastiness makes."""

from __future__ import annotations

import json
import random
from typing import Any

NASTY: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**53, 2**63, 2**64, -(2**63), 10**400, 1e308, -1e308, 1e-320, 0.1, -0.0,
    "", " ", "\0", "\u202e", "\ufeff", "\ud83d\ude00" * 40, "A" * 5_000, "吉A12345", "京A" + " " * 3_000,
    "plate=" * 500, "<script>", "../../etc/passwd", "%s%n{0}", "1e999", "NaN",
    "9999-99-99T99:99:99Z", "2026-11-23T08:05:00+99:99",
    "0001-01-01T00:00:00Z", [], {}, [[]], [{}], {"": ""}, {"a": {"b": {"c": [1]}}},
)  # fmt: skip
"""JSON values, the nastier the better."""
BYTES: tuple[bytes, ...] = (
    b"", b"\0", b"\xff", b"\xff\xfe", b'"', b"\\", b"\\u", b"\\ud800", b"[", b"]", b"{", b"}", b"{}", b"[]", b",", b":",
    b"NaN", b"Infinity", b"-", b"1e999", b"9" * 400, b"\xe4\xba\xac" + b"A", b"\n", b"\r\n", b" " * 2_000, b"plate",
)  # fmt: skip


def damaged(rng: random.Random, raw: bytes, most: int = 8) -> bytes:
    """Return bytes with some flipped, cut out, doubled or put in."""
    data = bytearray(raw)
    for _ in range(rng.randrange(1, most + 1)):
        at = rng.randrange(len(data) + 1)
        length = min(rng.choice((1, 1, 2, 4, 8, 64, 1_000)), max(len(data) - at, 0))
        match rng.randrange(6):
            case 0 if data:
                data[min(at, len(data) - 1)] = rng.randrange(256)
            case 1:
                del data[at : at + length]
            case 2:
                data[at:at] = data[at : at + length] * rng.choice((1, 2, 50))
            case 3:
                data[at:at] = rng.choice(BYTES) * rng.choice((1, 1, 3, 100))
            case 4:
                data[at : at + length] = rng.randbytes(length)
            case _:
                del data[at:]
        if len(data) > 300_000:
            del data[300_000:]
    return bytes(data)


def changed(rng: random.Random, value: Any, chance: float = 0.15) -> Any:
    """Return a JSON value with parts of it replaced, left out, renamed or moved."""
    if rng.random() < chance / 3:
        return rng.choice(NASTY)
    if isinstance(value, dict):
        found: dict[str, Any] = {}
        for key, one in value.items():
            kind = rng.random()
            if kind < chance / 4:
                continue
            name = str(rng.choice(NASTY))[:200] if kind < chance / 2 else key
            found[name] = changed(rng, one, chance)
        if rng.random() < chance / 2:
            found[rng.choice(("type", "plate", "车牌号", "ts", "id", "kind", "__class__", "a" * 100))] = rng.choice(
                NASTY
            )
        return found
    if isinstance(value, list):
        items = [changed(rng, one, chance) for one in value if rng.random() > chance / 5]
        if items and rng.random() < chance / 2:
            items *= rng.choice((2, 3, 30))
        if rng.random() < chance / 3:
            rng.shuffle(items)
        return items[:3_000]
    if isinstance(value, int | float) and not isinstance(value, bool) and rng.random() < chance:
        return rng.choice((value * 10**9, -value, value + 1e-9, str(value), value * 1.0, 0))
    return rng.choice(NASTY) if rng.random() < chance else value


def as_json(rng: random.Random, value: Any) -> bytes:
    """Return a value as JSON of one style or another; some of it in another encoding, or damaged."""
    text = json.dumps(value, ensure_ascii=rng.random() < 0.5, indent=rng.choice((None, None, 1)))
    kind = rng.random()
    if kind < 0.04:
        return text.encode(rng.choice(("utf-16", "utf-32-le", "gb18030", "latin-1")), "replace")
    raw = text.encode("utf-8", "surrogatepass")
    return damaged(rng, raw) if kind < 0.3 else raw


def nested(rng: random.Random) -> bytes:
    """Brackets in brackets, closed or not."""
    opening, closing = rng.choice(((b"[", b"]"), (b'{"a":', b"}"), (b'[{"type":', b"}]"), (b'"\\"[', b"")))
    depth = rng.choice((7, 8, 9, 60, 1_000, 20_000))
    return (opening * depth + rng.choice((b"1", b"", b'"')) + closing * (depth if rng.random() < 0.5 else 0))[:262_144]


def long(rng: random.Random) -> bytes:
    """One thing again and again, up to the longest message."""
    unit = rng.choice(
        (*BYTES[1:], b"[0,", b'{"a":', b'"a",', b'plate="', b"lpn", "京A ".encode(), "京A".encode("gb18030"), b"%41")
    )
    head = rng.choice(
        (b"", b"", b"[", b'{"plate":"', b'[{"type":"state","metric":"', "京A".encode(), b"\x1f\x8b", b"\xff\xfe")
    )
    return (head + unit * (rng.choice((1_000, 60_000, 262_144)) // len(unit)))[:262_144]


def nasty_bytes(rng: random.Random, valid: Any) -> bytes:
    """Return what a JSON entry point is to be given: mostly a valid document that was changed."""
    kind = rng.random()
    if kind < 0.9:
        return as_json(rng, changed(rng, valid))
    return nested(rng) if kind < 0.95 else long(rng)
