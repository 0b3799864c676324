"""What a device may say: the four observation types of the native payload, with their limits.

The limits are part of the types, so that decoding checks them: a value that passes the decoder is safe to store,
to sum and to show. Field names follow the MQTT payload (see docs/architecture.md, "Contracts").
"""

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec

MAX_TEXT: Final = 64
"""Longest name, unit or state text, in characters."""
MAX_COUNT: Final = 1_000_000
"""Largest count one observation may carry; a camera that claims more is broken."""
MAX_SEQ: Final = 2**43 - 1
"""Largest sequence number: one a millisecond for 278 years, and it leaves room to pack a device beside it."""
MAX_INTERVAL_S: Final = 86_400.0
"""Longest interval one count may cover, in seconds."""

Word = Annotated[
    str, msgspec.Meta(min_length=1, max_length=MAX_TEXT, pattern=r"^[A-Za-z0-9][A-Za-z0-9 _./%°µ²³-]{0,63}\Z")
]
"""A machine word: a metric, a unit, a state. No markup, no control characters."""
Boot = Annotated[str, msgspec.Meta(max_length=32, pattern=r"^[A-Za-z0-9._-]{0,32}\Z")]
Seq = Annotated[int, msgspec.Meta(ge=0, le=MAX_SEQ)]
EpochMs = Annotated[int, msgspec.Meta(ge=0, le=4_102_444_800_000)]
Instant = EpochMs | Annotated[datetime, msgspec.Meta(tz=True)]
"""Epoch milliseconds, or RFC 3339 text with a zone."""
Amount = Annotated[int, msgspec.Meta(ge=0, le=MAX_COUNT)]
Of = Literal["person", "vehicle"]
Vehicle = Literal["car", "truck", "bus", "motorcycle", "bicycle", "van", "emergency", "unknown"]


class Count(msgspec.Struct, tag_field="type", tag="count", frozen=True, gc=False, rename={"in_": "in"}):
    """People or vehicles that passed a line during the interval that ends at ``ts``."""

    ts: Instant
    interval_s: Annotated[float, msgspec.Meta(gt=0, le=MAX_INTERVAL_S)]
    in_: Amount = 0
    out: Amount = 0
    of: Of = "person"
    seq: Seq | None = None
    boot: Boot = ""


class Gate(msgspec.Struct, tag_field="type", tag="gate", frozen=True, gc=False):
    """One vehicle passing a gate. ``plate`` is a token (``h1:``...) or, from a naive gate, the raw plate."""

    ts: Instant
    direction: Literal["in", "out", "unknown"] = "unknown"
    plate: Annotated[str, msgspec.Meta(max_length=MAX_TEXT)] = ""
    vehicle: Vehicle = "unknown"
    allowed: bool | None = None
    seq: Seq | None = None
    boot: Boot = ""


class Level(msgspec.Struct, tag_field="type", tag="level", frozen=True, gc=False):
    """A number with a unit: noise, smoke density, water, temperature."""

    ts: Instant
    metric: Word
    value: Annotated[float, msgspec.Meta(ge=-1e9, le=1e9)]
    unit: Annotated[str, msgspec.Meta(max_length=16, pattern=r"^[A-Za-z0-9 _./%°µ²³-]{0,16}\Z")] = ""
    seq: Seq | None = None
    boot: Boot = ""


class State(msgspec.Struct, tag_field="type", tag="state", frozen=True, gc=False):
    """What a contact, a detector or a device says it is: open, closed, ok, alarm, tamper."""

    ts: Instant
    metric: Word
    value: Word
    seq: Seq | None = None
    boot: Boot = ""


Observation = Count | Gate | Level | State
"""The tagged union that one JSON object of a payload decodes to."""


def epoch_ms(instant: int | datetime) -> int:
    """Return an instant as epoch milliseconds."""
    return instant if isinstance(instant, int) else round(instant.timestamp() * 1000)
