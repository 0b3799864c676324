"""The native JSON codec: payload bytes to observations, every limit checked on the way.

A good payload is decoded once, by one call. Only where that fails is the payload taken apart, so that the good
elements of an array go on and a bad one goes to quarantine alone, with its own bytes.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import Annotated, Final, NamedTuple

import msgspec

from ingest.observations import Observation
from ingest.reasons import Reason

_RANGE_WORDS: Final = re.compile(r" of length |[<>]=? |matching regex|out of range|multiple of|Invalid enum value")
_OUTSIDE_STRINGS: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|([\[{])|([\]}])', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one payload may hold."""

    max_bytes: int = 256 << 10
    max_observations: int = 1_000
    max_depth: int = 8
    """Levels of arrays and objects. An observation in an array takes two; fields that are unknown here take more."""


class Fault(NamedTuple):
    """Why a payload, or an element of one, was refused."""

    reason: Reason
    detail: str
    payload: bytes


class Decoded(NamedTuple):
    """What a payload held. ``raws`` has the bytes of every observation where they had to be taken apart, else None."""

    observations: list[Observation]
    faults: list[Fault]
    raws: list[bytes] | None = None


class NativeCodec:
    """Decodes native payloads. Never raises for what a payload holds."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        many = Annotated[list[Observation], msgspec.Meta(max_length=self.limits.max_observations)]
        self._decode = msgspec.json.Decoder(Observation | many).decode
        self._decode_one = msgspec.json.Decoder(Observation).decode

    def decode(self, payload: bytes) -> Decoded:
        """Return the observations of a payload and what was wrong with the rest of it."""
        if len(payload) > self.limits.max_bytes:
            return _refused(Reason.SIZE, f"{len(payload)} bytes, at most {self.limits.max_bytes} are taken", payload)
        try:
            decoded = self._decode(payload)
        except Exception as error:  # noqa: BLE001 - hostile bytes raise many types; `explain` names them all
            return self._apart(payload, *explain(error))
        observations = decoded if isinstance(decoded, list) else [decoded]
        # Unknown fields are passed over by the decoder however deep they are. More brackets than observations need
        # are rare, so this costs two fast scans of the bytes.
        limit = self.limits.max_depth
        if (payload.count(b"{") - len(observations) >= limit or payload.count(b"[") >= limit) and deeper(
            payload, limit
        ):
            return self._apart(payload, Reason.DEPTH, f"nested more than {limit} levels deep")
        return Decoded(observations, [])

    def elements(self, payload: bytes) -> list[bytes]:
        """Return the bytes of each observation of a payload that can be decoded as far as its elements."""
        found = msgspec.json.decode(payload, type=list[msgspec.Raw] | dict[str, msgspec.Raw])
        return [bytes(raw) for raw in found] if isinstance(found, list) else [payload]

    def _apart(self, payload: bytes, reason: Reason, detail: str) -> Decoded:
        """Decode every element of an array by itself; refuse the payload whole where it is none."""
        limit = self.limits.max_depth
        raws: list[bytes] | None = None
        if payload.lstrip()[:1] == b"[":
            with contextlib.suppress(ValueError, RecursionError):  # then it stays whole, for the reason it came with
                raws = self.elements(payload)
        if raws is None:
            if deeper(payload, limit):
                reason, detail = Reason.DEPTH, f"nested more than {limit} levels deep"
            return _refused(reason, detail, payload)
        if len(raws) > self.limits.max_observations:
            detail = f"{len(raws)} observations in one payload, at most {self.limits.max_observations} are taken"
            return _refused(Reason.SIZE, detail, payload)
        good: list[bytes] = []
        decoded = Decoded([], [], good)
        for raw in raws:
            if deeper(raw, limit - 1):
                decoded.faults.append(Fault(Reason.DEPTH, f"nested more than {limit} levels deep", raw))
                continue
            try:
                decoded.observations.append(self._decode_one(raw))
            except Exception as broken:  # noqa: BLE001 - as in `decode`
                decoded.faults.append(Fault(*explain(broken), raw))
            else:
                good.append(raw)
        return decoded


def _refused(reason: Reason, detail: str, payload: bytes) -> Decoded:
    return Decoded([], [Fault(reason, detail, payload)])


def explain(error: Exception) -> tuple[Reason, str]:
    """Return the reason and the text for an error that a decoder raised."""
    if isinstance(error, RecursionError):
        return Reason.DEPTH, "nested too deeply to be read"
    if isinstance(error, UnicodeError):
        return Reason.JSON, "text that is not UTF-8"
    if isinstance(error, msgspec.ValidationError):
        text = str(error)
        return (Reason.RANGE if _RANGE_WORDS.search(text) else Reason.TYPE), text
    if isinstance(error, ValueError):
        return Reason.JSON, str(error)
    return Reason.PROCESSING, f"{type(error).__name__}: {error}"


def deeper(payload: bytes, limit: int) -> bool:
    """Tell whether brackets are nested more than `limit` deep, strings left out; also of bytes that are not JSON."""
    level = 0
    for match in _OUTSIDE_STRINGS.finditer(payload):
        if match[1]:
            level += 1
            if level > limit:
                return True
        elif match[2]:
            level -= 1
    return False
