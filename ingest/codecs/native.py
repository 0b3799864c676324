"""The native JSON codec: payload bytes to observations, every limit checked on the way.

A good payload is decoded once, by one call. Only where that fails is the payload taken apart (`ingest.codecs.lenient`),
so that the good elements of an array are accepted and a bad one goes to quarantine alone, with its own bytes.

Two thirds of the decoder's time would go into regular expressions on words that are nearly always the same (a boot, a
metric, a unit). So the one call decodes to types without patterns, and every word is looked up in a set of words that
are known to stay as they are (`ingest.codecs.words`).
"""

import re
from collections.abc import Callable
from itertools import accumulate
from typing import Annotated, Any, Final, NamedTuple, Union, get_type_hints

import msgspec

from ingest.codecs.lenient import Cut, UnreadableError, cut, other_text, read, trimmed, unwrapped, without_strings
from ingest.codecs.words import WordError, WordForms
from ingest.observations import Count, Gate, Level, Observation, State
from ingest.refusal import Refusal
from ingest.vocabulary import Reason

_RANGE_WORDS: Final = re.compile(r" of length |[<>]=? |matching regex|out of range|multiple of|Invalid enum value")
_PATTERN: Final = re.compile(r"Expected `str` matching regex .{1,200} - at `\$(?:\[\d{1,9}\])?\.(\w{1,60})`")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_LEVELS: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


class Decoded(NamedTuple):
    """What a payload held. ``raws`` has the bytes of every observation where they had to be taken apart, else None."""

    observations: list[Observation]
    refusals: list[Refusal]
    """Of the payload, or of elements of it: without topic and time."""
    raws: list[bytes] | None = None


class NativeCodec:
    """Decodes native payloads. Never raises for what a payload holds. Not for use by several threads at once.

    Parameters
    ----------
    max_observations
        How many one payload may hold.
    max_depth
        Levels of arrays and objects. An observation in an array takes two; fields that are unknown here take more.
    """

    def __init__(self, *, max_observations: int = 1_000, max_depth: int = 8) -> None:
        self.max_observations, self.max_depth = max_observations, max_depth
        one: Any = Union[tuple(_LOOSE)]  # noqa: UP007 - made from a list
        many: Any = Annotated[list[one], msgspec.Meta(max_length=self.max_observations)]
        self._decode: Callable[[bytes], Observation | list[Observation]] = msgspec.json.Decoder(one | many).decode
        self._words = WordForms(_LOOSE)
        self._decode_one = msgspec.json.Decoder(Observation).decode

    @property
    def odd_units(self) -> dict[tuple[str, str], int]:
        """How often a metric with a rule came in a unit that is not known for it: (metric, unit) → readings."""
        return self._words.odd_units

    def decode(self, payload: bytes) -> Decoded:
        """Return the observations of a payload and what was wrong with the rest of it."""
        try:
            decoded = self._decode(payload)
        except Exception as error:  # noqa: BLE001 - hostile bytes raise many types; `explain` names them all
            return self._apart(payload, *explain(error))
        observations = decoded if isinstance(decoded, list) else [decoded]
        if not self._words.known(observations):
            try:
                observations = list(map(self._words.settled, observations))
            except WordError as error:
                return self._apart(payload, Reason.RANGE, str(error))
        # Unknown fields are passed over by the decoder however deep they are. More brackets than observations need
        # are rare, so this costs two fast scans of the bytes.
        limit = self.max_depth
        if (payload.count(b"{") - len(observations) >= limit or payload.count(b"[") >= limit) and deeper(
            payload, limit
        ):
            return self._apart(payload, Reason.DEPTH, f"nested more than {limit} levels deep")
        return Decoded(observations, [])

    def elements(self, payload: bytes) -> list[bytes]:
        """Return the bytes of each observation of a payload that can be decoded as far as its elements."""
        if payload.lstrip()[:1] != b"[":
            return [payload]
        return [bytes(raw) for raw in msgspec.json.decode(payload, type=list[msgspec.Raw])]

    def _apart(self, payload: bytes, reason: Reason, detail: str) -> Decoded:
        """Decode every element by itself; refuse the payload whole, for the reason given, where it has none."""
        if other := other_text(payload):
            return _refused(Reason.JSON, other, payload)
        body, limit = trimmed(payload), self.max_depth
        if body[:1] == b'"':
            body = trimmed(unwrapped(body) or body)
        if not body:
            return _refused(Reason.JSON, "empty, expected an observation or an array of them", payload)
        raws, left, too_many = cut(body, self.max_observations) if body[:1] in {b"[", b"{"} else Cut([], body)
        if too_many:
            detail = f"more than {self.max_observations} observations in one payload, which is the most that is taken"
            return _refused(Reason.SIZE, detail, payload)
        if not raws:
            if deeper(payload, limit):
                reason, detail = Reason.DEPTH, f"nested more than {limit} levels deep"
            return Decoded([], []) if not left and body[-1:] == b"]" else _refused(reason, detail, payload)
        if body[:1] == b"[":
            limit -= 1
        good: list[bytes] = []
        decoded = Decoded([], [], good)
        for raw in raws:
            try:
                decoded.observations.append(self._element(raw, limit))
            except UnreadableError as error:
                decoded.refusals.append(Refusal(error.reason, error.detail, raw))
            else:
                good.append(raw)
        if left:
            decoded.refusals.append(Refusal(Reason.JSON, "breaks off, or is no JSON, behind the last whole one", left))
        return decoded

    def _element(self, raw: bytes, limit: int) -> Observation:
        """Return the observation of one element. Raises `UnreadableError`."""
        if deeper(raw, limit):
            raise UnreadableError(Reason.DEPTH, f"nested more than {self.max_depth} levels deep")
        try:
            try:
                observation = self._decode_one(raw)
            except (msgspec.MsgspecError, ValueError):
                observation = read(raw)
            return self._words.settled(observation)
        except UnreadableError:
            raise
        except WordError as error:
            raise UnreadableError(Reason.RANGE, str(error)) from None
        except Exception as error:  # as in `decode`
            raise UnreadableError(*explain(error)) from error


def _without_patterns(observation: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """Return a subclass whose text fields have no pattern."""
    fields: list[tuple[str, object, object]] = []
    hints = get_type_hints(observation, include_extras=True)
    for field in msgspec.structs.fields(observation):
        hint = hints[field.name]
        for meta in getattr(hint, "__metadata__", ()):
            if isinstance(meta, msgspec.Meta) and meta.pattern is not None:
                hint = Annotated[str, msgspec.Meta(min_length=meta.min_length, max_length=meta.max_length)]
        fields.append((field.name, hint, field.default))
    config = observation.__struct_config__
    return msgspec.defstruct(
        observation.__name__,
        fields,
        bases=(observation,),
        tag_field=config.tag_field,
        tag=config.tag,
        rename={field.name: field.encode_name for field in msgspec.structs.fields(observation)},
        frozen=True,
        gc=False,
    )


_LOOSE: Final = [_without_patterns(observation) for observation in (Count, Gate, Level, State)]


def _refused(reason: Reason, detail: str, payload: bytes) -> Decoded:
    return Decoded([], [Refusal(reason, detail, payload)])


def explain(error: Exception) -> tuple[Reason, str]:
    """Return the reason and the text for an error that a decoder raised."""
    if isinstance(error, RecursionError):
        return Reason.DEPTH, "nested too deeply to be read"
    if isinstance(error, UnicodeError):
        return Reason.JSON, "text that is not UTF-8"
    if isinstance(error, msgspec.ValidationError):
        text = str(error)
        if found := _PATTERN.match(text):
            return Reason.RANGE, f"{found[1]} has a character that it may not have, or not as its first"
        return (Reason.RANGE if _RANGE_WORDS.search(text) else Reason.TYPE), text
    if isinstance(error, ValueError):
        return Reason.JSON, str(error)
    return Reason.PROCESSING, f"{type(error).__name__}: {error}"


def deeper(payload: bytes, limit: int) -> bool:
    """Tell whether brackets are nested more than `limit` deep, strings left out; also of bytes that are not JSON."""
    if payload.count(b"[") + payload.count(b"{") <= limit:
        return False
    brackets = without_strings(payload).translate(None, _NO_BRACKETS)
    return max(accumulate(map(_LEVELS.__getitem__, brackets)), default=0) > limit
