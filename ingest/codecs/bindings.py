"""What a technician has mapped: which of the things that speak a dialect is which device, and what it means."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Annotated, Final, Literal

import msgspec

from ingest.topics import ID_PATTERN

Key = Annotated[str, msgspec.Meta(max_length=200)]
_MOST: Final = 10_000


class BindingError(ValueError):
    """A binding cannot be used; the text names it, what was wrong and what was expected."""


class Binding(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One line of the mapping. What a codec wants in ``match`` and ``part``, its `Codec.binds` says."""

    codec: str
    device: str
    match: Key
    """What tells the thing that speaks: a topic (``+`` and ``#`` as in MQTT), a path, a serial, an address."""
    part: Key = ""
    """What of it is meant: a field, a line, a rule, a zone, a channel. Empty: all of it."""
    of: Literal["person", "vehicle"] | None = None
    """What it counts, where the messages do not say."""
    direction: Literal["in", "out"] | None = None
    """Which way everything that it reports goes."""
    directions: dict[str, Literal["in", "out"]] = {}
    """The vendor's word → which way that is."""
    metric: Key = ""
    """What the reading or the state is called here."""
    states: dict[str, str] = {}
    """The vendor's word, or ``true`` and ``false`` → our word: open, closed, alarm, ok."""
    unit: Key = ""
    meaning: Literal["", "total", "interval", "occupancy", "crossings", "ignore"] = ""
    """What a number is, where the vendor uses one name for several things."""

    def way(self, word: object = None) -> Literal["in", "out", "unknown"]:
        """Return which way the vendor's word means, as far as the binding says."""
        return self.mapped(word) or self.direction or "unknown"

    def mapped(self, word: object) -> Literal["in", "out"] | None:
        """Return which way a word of ``directions`` means, in whatever letters; None for another."""
        said = str(word)
        folded = {theirs.casefold(): way for theirs, way in self.directions.items()}
        return self.directions.get(said) or folded.get(said.casefold())

    def word(self, said: object) -> str:
        """Return our word for a state as the vendor says it; without one in the binding, its own.

        >>> Binding("tasmota", "door-1", "lamp-7", states={"ON": "open"}).word("ON")
        'open'
        """
        text = str(said).lower() if isinstance(said, bool) else str(said)
        return self.states.get(text, self.states.get(text.lower(), text))


def read_bindings(items: object, where: str, device: str = "") -> tuple[Binding, ...]:
    """Return the bindings in a decoded list; `device` is filled in where the list belongs to one.

    Raises `BindingError`, which begins with `where`.
    """
    if not isinstance(items, list):
        raise BindingError(f"{where} are {str(items)[:60]!r}, expected a list of bindings")
    found: list[Binding] = []
    for number, item in enumerate(items, 1):
        given = {"device": device, **item} if device and isinstance(item, dict) else item
        try:
            one = msgspec.convert(given, Binding)
        except msgspec.ValidationError as error:
            raise BindingError(f"{where}, number {number}: {error}") from None
        if device and one.device != device:
            raise BindingError(f"{where}, number {number}: device is {one.device!r}, expected {device!r} or none")
        found.append(one)
    return tuple(found)


class Bindings:
    """Looks bindings up by what a message shows of its sender.

    Raises `BindingError` for a device that cannot be one, for two bindings that mean the same thing, and for a codec
    that is not among `codecs`, where these are given.
    """

    def __init__(self, bindings: Iterable[Binding], *, codecs: Iterable[str] | None = None) -> None:
        self.all = tuple(bindings)
        known = None if codecs is None else frozenset(codecs)
        self._some: dict[frozenset[str], Bindings] = {}
        self._exact: dict[tuple[str, str], list[Binding]] = defaultdict(list)
        self._patterns: dict[str, list[Binding]] = defaultdict(list)
        if len(self.all) > _MOST:
            raise BindingError(f"{len(self.all)} bindings, at most {_MOST} are taken")
        seen: set[tuple[str, str, str]] = set()
        for number, one in enumerate(self.all, 1):
            where = f"binding {number} ({one.codec}, {one.match!r})"
            if known is not None and one.codec not in known:
                raise BindingError(f"{where}: codec is {one.codec!r}, expected one of {', '.join(sorted(known))}")
            if not ID_PATTERN.match(one.device):
                raise BindingError(f"{where}: device is {one.device!r}, expected letters, digits, - and _, at most 48")
            if not one.match:
                raise BindingError(f"{where}: match is empty, expected what tells the device that speaks")
            key = one.codec, one.match, one.part
            if key in seen:
                raise BindingError(f"{where}: a binding before it has the same match and part {one.part!r}")
            seen.add(key)
            if "+" in one.match or "#" in one.match:
                self._patterns[one.codec].append(one)
            else:
                self._exact[one.codec, one.match].append(one)

    def find(self, codec: str, *matches: str) -> Sequence[Binding]:
        """Return the bindings of the first of `matches` that has any: a message's topic, serial, address ..."""
        for match in matches:
            if found := self._exact.get((codec, match)):
                return found
        for one in self._patterns.get(codec, ()):
            if any(fits(one.match, match) for match in matches):
                return [other for other in self._patterns[codec] if other.match == one.match]
        return ()

    def on(self, codec: str, topic: str) -> Sequence[Binding]:
        """Return the bindings whose match is just this topic: whatever comes there is what they mean."""
        return self._exact.get((codec, topic), ())

    def only(self, codec: str) -> Sequence[Binding]:
        """Return a codec's bindings where all are one device's: what speaks without a name can be that one alone."""
        found = [one for one in self.all if one.codec == codec]
        return found if len({one.device for one in found}) == 1 else ()

    def of(self, devices: frozenset[str]) -> "Bindings":
        """Return the bindings of some devices."""
        if devices not in self._some:
            self._some[devices] = Bindings(one for one in self.all if one.device in devices)
        return self._some[devices]

    def devices(self) -> frozenset[str]:
        """Return the ids of all devices."""
        return frozenset(one.device for one in self.all)


def part_of(bindings: Sequence[Binding], *parts: str) -> Binding | None:
    """Return the binding of the first of `parts` that has one, else that of all parts; None where nothing is bound."""
    for part in (*parts, ""):
        for one in bindings:
            if one.part == part:
                return one
    return None


def fits(pattern: str, topic: str) -> bool:
    """Tell whether a topic fits an MQTT filter (MQTT 3.1.1, section 4.7).

    >>> fits("tele/+/SENSOR", "tele/lamp-7/SENSOR"), fits("a/#", "a"), fits("a/+", "a/b/c")
    (True, True, False)
    """
    wanted, have = pattern.split("/"), topic.split("/")
    for place, level in enumerate(wanted):
        if level == "#":
            return True
        if place >= len(have) or level not in {"+", have[place]}:
            return False
    return len(wanted) == len(have)
