"""What a device may say: the four observation types of the native payload, with their limits.

The limits are part of the types, so that decoding checks them: a value that passes the decoder is safe to store,
to sum and to show. Field names follow the MQTT payload (see docs/architecture.md, "Contracts").
"""

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec

MAX_TEXT: Final = 64
"""Longest name, unit or state text, in characters."""
MAX_PLATE: Final = 200
"""Longest plate, in characters: a sealed one has 157."""
MAX_COUNT: Final = 1_000_000
"""Largest count one observation may carry; a camera that claims more is broken."""
MAX_SEQ: Final = 2**43 - 1
"""Largest sequence number: one a millisecond for 278 years, and it leaves room to pack a device beside it."""
MAX_INTERVAL_S: Final = 86_400.0
"""Longest interval one count may cover, in seconds."""

_SHOWN: Final = r"[^\x00-\x1f\x7f-\x9f<>\"'`&\\{}]"
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TEXT, pattern=rf"^[^\W_]{_SHOWN}{{0,63}}\Z")]
"""A metric, or the word of a state: it begins with a letter or a digit. No markup, no control characters."""
Boot = Annotated[str, msgspec.Meta(max_length=32, pattern=rf"^{_SHOWN}{{0,32}}\Z")]
Unit = Annotated[str, msgspec.Meta(max_length=16, pattern=r"^[^\x00-\x1f\x7f-\x9f]{0,16}\Z")]
"""Any printable text: ``dB(A)``, ``℃``, ``μg/m³``."""
Backfill = bool
"""Whether it was recorded earlier and is sent later on purpose: it never ends what is newer, see `Flag.BACKFILL`."""
Seq = Annotated[int, msgspec.Meta(ge=0, le=MAX_SEQ)]
LATEST_MS: Final = 4_102_444_800_000
"""2100-01-01: later event times, and those before 1970, are wrong whatever the clock says."""
SECONDS_FROM, _SECONDS_UNTIL = 946_684_800, LATEST_MS // 1000
"""2000-01-01 and 2100-01-01 in seconds. As milliseconds, the numbers between are days of January 1970, which no device
means: they are seconds."""
EpochMs = Annotated[int, msgspec.Meta(ge=0, le=LATEST_MS)]
Instant = EpochMs | Annotated[datetime, msgspec.Meta(tz=True)]
"""Epoch milliseconds (see also `epoch_ms`), or RFC 3339 text with a zone."""
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
    backfill: Backfill = False
    seq: Seq | None = None
    boot: Boot = ""


class Gate(msgspec.Struct, tag_field="type", tag="gate", frozen=True, gc=False):
    """One vehicle passing a gate. ``plate`` is sealed (``s1:``...), a token (``h1:``...) or, from a naive gate, raw."""

    ts: Instant
    direction: Literal["in", "out", "unknown"] = "unknown"
    plate: Annotated[str, msgspec.Meta(max_length=MAX_PLATE)] = ""
    vehicle: Vehicle = "unknown"
    allowed: bool | None = None
    backfill: Backfill = False
    seq: Seq | None = None
    boot: Boot = ""


class Level(msgspec.Struct, tag_field="type", tag="level", frozen=True, gc=False):
    """A number with a unit: noise, smoke density, water, temperature."""

    ts: Instant
    metric: Word
    value: Annotated[float, msgspec.Meta(ge=-1e9, le=1e9)]
    unit: Unit = ""
    backfill: Backfill = False
    seq: Seq | None = None
    boot: Boot = ""


class State(msgspec.Struct, tag_field="type", tag="state", frozen=True, gc=False):
    """What a contact, a detector or a device says it is: open, closed, ok, alarm, tamper."""

    ts: Instant
    metric: Word
    value: Word
    backfill: Backfill = False
    seq: Seq | None = None
    boot: Boot = ""


Observation = Count | Gate | Level | State
"""The tagged union that one JSON object of a payload decodes to."""


def epoch_ms(instant: int | datetime) -> int:
    """Return an instant as epoch milliseconds; a number that can only be seconds is taken as such.

    >>> epoch_ms(1_795_421_105_000), epoch_ms(1_795_421_105)
    (1795421105000, 1795421105000)
    """
    if not isinstance(instant, int):
        return round(instant.timestamp() * 1000)
    return instant * 1000 if SECONDS_FROM <= instant < _SECONDS_UNTIL else instant


def may_be_seconds(least: int) -> bool:
    """Tell whether among instants, of which this is the least, there may be seconds, or none: a fast look at many."""
    return least < _SECONDS_UNTIL
