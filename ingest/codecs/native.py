"""The native JSON codec: payload bytes to observations, every limit checked on the way.

A good payload is decoded once, by one call. Only where that fails is the payload taken apart, so that the good
elements of an array are accepted and a bad one goes to quarantine alone, with its own bytes.

Two thirds of the decoder's time would go into regular expressions on words that are nearly always the same (a boot, a
metric, a unit). So the one call decodes to types without patterns, and every word is looked up in a set of words that
have passed their pattern before.
"""

import re
from collections.abc import Callable
from itertools import accumulate
from operator import attrgetter
from typing import Annotated, Any, Final, NamedTuple, Union, get_type_hints

import msgspec

from ingest.observations import Count, Gate, Level, Observation, State
from ingest.refusal import Refusal
from ingest.vocabulary import Reason

_RANGE_WORDS: Final = re.compile(r" of length |[<>]=? |matching regex|out of range|multiple of|Invalid enum value")
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
        self._words = {pattern: _Words(pattern) for words in _LOOSE.values() for pattern in words.values()}
        self._checks = {
            loose: [(attrgetter(name), self._words[pattern]) for name, pattern in words.items()]
            for loose, words in _LOOSE.items()
        }
        self._decode_one = msgspec.json.Decoder(Observation).decode

    def decode(self, payload: bytes) -> Decoded:
        """Return the observations of a payload and what was wrong with the rest of it."""
        try:
            decoded = self._decode(payload)
        except Exception as error:  # noqa: BLE001 - hostile bytes raise many types; `explain` names them all
            return self._apart(payload, *explain(error))
        observations = decoded if isinstance(decoded, list) else [decoded]
        if not self._words_pass(observations):
            return self._apart(payload, Reason.RANGE, "")
        # Unknown fields are passed over by the decoder however deep they are. More brackets than observations need
        # are rare, so this costs two fast scans of the bytes.
        limit = self.max_depth
        if (payload.count(b"{") - len(observations) >= limit or payload.count(b"[") >= limit) and deeper(
            payload, limit
        ):
            return self._apart(payload, Reason.DEPTH, f"nested more than {limit} levels deep")
        return Decoded(observations, [])

    def _words_pass(self, observations: list[Observation]) -> bool:
        kinds = set(map(type, observations))
        if len(kinds) == 1:
            checks = self._checks[kinds.pop()]
            return all(words.passed(set(map(get, observations))) for get, words in checks)
        return all(
            words.passed({get(observation)})
            for observation in observations
            for get, words in self._checks[type(observation)]
        )

    def elements(self, payload: bytes) -> list[bytes]:
        """Return the bytes of each observation of a payload that can be decoded as far as its elements."""
        if payload.lstrip()[:1] != b"[":
            return [payload]
        return [bytes(raw) for raw in msgspec.json.decode(payload, type=list[msgspec.Raw])]

    def _apart(self, payload: bytes, reason: Reason, detail: str) -> Decoded:
        """Decode every element of an array by itself; refuse the payload whole where it is none."""
        limit = self.max_depth
        if payload.lstrip()[:1] == b"[":
            try:
                raws = self.elements(payload)
            except (ValueError, RecursionError) as error:
                reason, detail = explain(error)
                raws = []
        elif reason is Reason.RANGE:
            raws = [payload]  # one object, perhaps with a word that is none: decoded again, to name it
        else:
            raws = []
        if not raws:
            if deeper(payload, limit):
                reason, detail = Reason.DEPTH, f"nested more than {limit} levels deep"
            return _refused(reason, detail, payload)
        if len(raws) > self.max_observations:
            detail = f"{len(raws)} observations in one payload, at most {self.max_observations} are taken"
            return _refused(Reason.SIZE, detail, payload)
        good: list[bytes] = []
        decoded = Decoded([], [], good)
        for raw in raws:
            if deeper(raw, limit - 1):
                decoded.refusals.append(Refusal(Reason.DEPTH, f"nested more than {limit} levels deep", raw))
                continue
            try:
                decoded.observations.append(self._decode_one(raw))
            except Exception as broken:  # noqa: BLE001 - as in `decode`
                decoded.refusals.append(Refusal(*explain(broken), raw))
            else:
                good.append(raw)
        return decoded


class _Words:
    """The words of one pattern that have passed it."""

    _REMEMBERED: Final = 10_000

    def __init__(self, pattern: str) -> None:
        self._passes = re.compile(pattern).search
        self._known: set[str] = set()

    def passed(self, words: set[str]) -> bool:
        """Tell whether all words match."""
        if words <= self._known:
            return True
        if not all(self._passes(word) for word in words - self._known):
            return False
        if len(self._known) < self._REMEMBERED:  # hostile boots must not fill the memory
            self._known |= words
        return True


def _without_patterns(observation: type[msgspec.Struct]) -> tuple[type[msgspec.Struct], dict[str, str]]:
    """Return a subclass whose text fields have no pattern, and the pattern of each of these fields."""
    fields: list[tuple[str, object, object]] = []
    patterns: dict[str, str] = {}
    hints = get_type_hints(observation, include_extras=True)
    for field in msgspec.structs.fields(observation):
        hint = hints[field.name]
        for meta in getattr(hint, "__metadata__", ()):
            if isinstance(meta, msgspec.Meta) and meta.pattern is not None:
                patterns[field.name] = meta.pattern
                hint = Annotated[str, msgspec.Meta(min_length=meta.min_length, max_length=meta.max_length)]
        fields.append((field.name, hint, field.default))
    config = observation.__struct_config__
    loose = msgspec.defstruct(
        observation.__name__,
        fields,
        bases=(observation,),
        tag_field=config.tag_field,
        tag=config.tag,
        rename={field.name: field.encode_name for field in msgspec.structs.fields(observation)},
        frozen=True,
        gc=False,
    )
    return loose, patterns


_LOOSE: Final = dict(_without_patterns(observation) for observation in (Count, Gate, Level, State))


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
        return (Reason.RANGE if _RANGE_WORDS.search(text) else Reason.TYPE), text
    if isinstance(error, ValueError):
        return Reason.JSON, str(error)
    return Reason.PROCESSING, f"{type(error).__name__}: {error}"


def deeper(payload: bytes, limit: int) -> bool:
    """Tell whether brackets are nested more than `limit` deep, strings left out; also of bytes that are not JSON."""
    if payload.count(b"[") + payload.count(b"{") <= limit:
        return False
    unescaped = payload.replace(rb"\\", b"").replace(rb"\"", b"")
    brackets = b"".join(unescaped.split(b'"')[::2]).translate(None, _NO_BRACKETS)
    return max(accumulate(map(_LEVELS.__getitem__, brackets)), default=0) > limit
