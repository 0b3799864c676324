"""Yes and no as small things say them: bare words, truth values, a metric's words for them, presence."""

from collections.abc import Sequence
from typing import Final

import msgspec

from ingest.codecs.bindings import Binding
from ingest.codecs.codec import Codec
from ingest.codecs.lenient import UnreadableError
from ingest.events import Status
from ingest.vocabulary import Reason

_YES: Final = frozenset({"true", "1", "on", "yes", "detected", "triggered", "active"})
_NO: Final = frozenset({"false", "0", "off", "no", "clear", "inactive"})
_MOST_TEXT: Final = 200
_ALARM: Final = ("alarm", "ok")
_OPEN: Final = ("open", "closed")
_THERE: Final = ("occupied", "clear")
_WORDS: Final = {
    **dict.fromkeys(("smoke", "gas", "carbon_monoxide", "heat", "water", "tamper", "vibration"), _ALARM),
    **dict.fromkeys(("door", "cover"), _OPEN),
    **dict.fromkeys(("occupancy", "presence", "motion"), _THERE),
}
"""Metric → what yes and no are called in it."""
_SPOKEN: Final = frozenset({"open", "opened", "close", "closed", "alarm", "ok", "normal", "tilted", "occupied"})
"""Words that need no translation."""


def bare(payload: bytes) -> str:
    """Return a payload that is one word or number. Raises `UnreadableError` for what is longer, or no text."""
    if len(payload) > _MOST_TEXT:
        raise UnreadableError(Reason.TYPE, f"{len(payload)} bytes, expected one word or number")
    try:
        return payload.decode("utf-8-sig").strip("\0 \t\r\n\"'")
    except UnicodeDecodeError:
        raise UnreadableError(Reason.TYPE, "no text in UTF-8, expected one word or number") from None


def truth(value: object) -> bool | None:
    """Return yes or no, None for what is neither.

    >>> truth("ON"), truth(0), truth("false"), truth(None), truth("ajar")
    (True, False, False, None, None)
    """
    text = str(value).strip().lower()
    return True if text in _YES else False if text in _NO else None


def word(metric: str, *, yes: bool) -> str:
    """Return what yes or no is called in a metric; `on` and `off` where it is not known.

    >>> word("door", yes=True), word("water", yes=False), word("pump", yes=True)
    ('open', 'ok', 'on')
    """
    return _WORDS.get(metric, ("on", "off"))[not yes]


def our_word(binding: Binding, metric: str, value: object, *, turned: bool = False) -> str | None:
    """Return our word for a state as the vendor says it, None where nobody has said what it means.

    What the binding has goes first, whether it says `ON`, `on` or `true`; then yes and no in the metric's words. Other
    texts are none: there could be anything in them, a name or a plate. With `turned` the vendor's yes is our no.
    """
    said, yes = str(value).strip().lower(), truth(value)
    for theirs, ours in binding.states.items():
        if theirs.lower() == said or (yes is not None and truth(theirs) is yes):
            return ours
    if yes is not None:
        return word(binding.metric or metric, yes=yes is not turned)
    return said if said in _SPOKEN else None


def say_state(
    codec: Codec, binding: Binding, ts_ms: int | None, metric: str, value: object, *, turned: bool = False
) -> None:
    """Say a state as `our_word` has it, or count that nobody knows what it means."""
    if binding.meaning == "ignore":
        return
    ours = our_word(binding, metric, value, turned=turned)
    if ours is None:
        codec.tell("no_news")
    else:
        codec.state(binding, ts_ms, metric, ours)


def say_status(codec: Codec, bindings: Sequence[Binding], value: object) -> None:
    """Say that the devices of some bindings are there, or are not; other words are left out."""
    text, yes = str(value).strip().lower().replace(" ", "").replace("_", ""), truth(value)
    state: Status | None = None
    if yes is True or text in {"online", "connected"}:
        state = "online"
    elif yes is False or text in {"offline", "stopped", "unavailable", "disconnected", "connectionlost", "lost"}:
        state = "offline"
    if state is None:
        codec.tell("no_news")
        return
    for device in dict.fromkeys(one.device for one in bindings):
        codec.status(device, state)


def own_names(binding: Binding) -> Binding:
    """Return a binding of all parts for what is not the main one of them: the main one alone has the binding's name."""
    if binding.part or not (binding.metric or binding.unit or binding.states):
        return binding
    return msgspec.structs.replace(binding, metric="", unit="", states={})
