"""Words as devices write them, in one form: full width, case, blanks, `℃` for `°C`, `true` for `alarm`, °F in °C.

How a word is written must not decide whether an alarm exists. So texts are normalised (NFKC, without blanks at their
ends and without what cannot be seen); what has a rule is recognised however it is written, and a reading in another
unit than its rule's is converted. A unit that is not known here is taken as it is, and its number is judged as if it
were in the rule's unit: rather a false alarm than none. `WordForms.odd_units` counts such readings.
"""

import logging
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any, Final, NamedTuple

import msgspec

from ingest.observations import Boot, Count, Gate, Level, Observation, State, Unit, Word

_log = logging.getLogger(__name__)

_ENDS: Final = " \t\r\n\v\f\0\ufeff\u200b"
"""What firmware leaves around a word: blanks, the end of a line, the end of a text in C, marks nobody sees."""
_DEGREES: Final = {ord(sign): "°" for sign in "º˚"}
"""Signs that look like the degree sign, and that NFKC would make a letter or an accent."""
_REMEMBERED: Final = 10_000
"""Words that somebody makes up must not fill the memory."""
_MANY_UNITS: Final = 64


class WordError(ValueError):
    """A text cannot be taken; its message goes on after the field's name."""


def plain(text: str) -> str:
    r"""Return a text in one form. Raises `WordError` for a control character in it.

    >>> plain(" ｄＢ（Ａ） "), plain("℃"), plain("ALARM\r\n")
    ('dB(A)', '°C', 'ALARM')
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text.translate(_DEGREES))
        text = "".join(sign for sign in text if unicodedata.category(sign) != "Cf")
    text = text.strip(_ENDS)
    if not text.isprintable():
        sign = next(sign for sign in text if not sign.isprintable())
        raise WordError(f"has the character U+{ord(sign):04X}, which cannot be shown; expected printable text")
    return text


def _folded(text: str) -> str:
    return text.casefold().replace(" ", "").replace("_", "").replace("-", "")


def _linear(factor: float, offset: float = 0.0) -> "Conversion":
    return lambda value: value * factor + offset


Conversion = Callable[[float], float]


class _Scale(NamedTuple):
    """The unit in which a metric is judged, other ways to write it, and other units."""

    unit: str
    also: Iterable[str]
    others: dict[str, tuple[Iterable[str], Conversion]]
    """What it is converted from, by name → how it may be written, and the conversion."""


_SCALES: Final[dict[str, _Scale]] = {
    "noise": _Scale(
        "dB",
        ("dB", "dBA", "dB(A)", "dBC", "dB(C)", "dBZ", "dB(Z)", "dBSPL", "LAeq", "LpA", "decibel", "decibels", "分贝"),
        {},
    ),
    "smoke": _Scale(
        "%/m",
        ("%/m", "%obs/m", "%/meter", "%/metre", "%/米", "obs/m"),
        {
            # EN 54-7 gives the obscuration as m = 10 lg(P0/P) in dB/m; UL 268 in % per foot.
            "dB/m": (("dB/m", "dB/米"), lambda value: 100 * (1 - 10 ** (-max(value, -10.0) / 10))),
            "%/ft": (
                ("%/ft", "%/foot", "%obs/ft"),
                lambda value: 100 * (1 - max(1 - max(value, -100.0) / 100, 0.0) ** 3.280_839_9),
            ),
        },
    ),
    "temperature": _Scale(
        "°C",
        ("°C", "C", "degC", "deg C", "degreesC", "degrees Celsius", "Celsius", "Cel", "centigrade", "摄氏度", "度"),
        {
            "°F": (
                ("°F", "F", "degF", "degreesF", "degrees Fahrenheit", "Fahrenheit", "[degF]", "华氏度"),
                lambda value: (value - 32) / 1.8,
            ),
            "K": (("K", "°K", "kelvin", "kelvins", "开尔文", "开"), _linear(1, -273.15)),
        },
    ),
    "water": _Scale(
        "cm",
        ("cm", "centimeter", "centimetre", "centimeters", "centimetres", "厘米", "公分"),
        {
            "mm": (("mm", "millimeter", "millimetre", "millimeters", "millimetres", "毫米"), _linear(0.1)),
            "dm": (("dm", "分米"), _linear(10)),
            "m": (("m", "meter", "metre", "meters", "metres", "米"), _linear(100)),
            "in": (("in", "inch", "inches", '"', "″", "英寸"), _linear(2.54)),
            "ft": (("ft", "foot", "feet", "'", "′", "英尺"), _linear(30.48)),
        },
    ),
}
"""Metrics with a rule on their level (`models.rules.defaults`), and the units in which it may be said."""
RULE_UNITS: Final = {metric: scale.unit for metric, scale in _SCALES.items()}
"""Metric → the unit in which it is judged, and in which it stands in the log."""
_UNITS: Final[dict[str, dict[str, Conversion | None]]] = {
    metric: {_folded(plain(name)): None for name in ("", *scale.also)}
    | {_folded(plain(name)): change for names, change in scale.others.values() for name in names}
    for metric, scale in _SCALES.items()
}
_YES: Final = ("1", "true", "on", "yes", "active", "triggered", "detected")
_NO: Final = ("0", "false", "off", "no", "inactive", "clear", "cleared")
_Meanings = dict[str, tuple[str, ...]]
_ALARM: Final[_Meanings] = {
    "alarm": ("alarmed", "alert", "报警", "告警", "警报", "火警", *_YES),
    "ok": ("normal", "正常", *_NO),
}
_OPEN: Final[_Meanings] = {
    "open": ("opened", "打开", "开", "开启", *_YES),
    "closed": ("close", "shut", "关闭", "关", *_NO),
}
_STATES: Final[dict[str, _Meanings]] = {
    **dict.fromkeys(("smoke", "heat", "gas", "carbon_monoxide", "water"), _ALARM),
    "tamper": _ALARM,
    "door": _OPEN,
    "cover": _OPEN | {"tilted": ("tilt", "倾斜")},
    "video": {"ok": ("normal", "正常"), "blocked": ("遮挡",), "lost": ("丢失",)},
    "barrier": {"up": (), "down": (), "stuck": ()},
}
"""Metrics with a rule on their state → its words → what else means the same. Of video and barrier it is not known which
way `true` goes."""
_WORDS: Final = {
    metric: {_folded(form): word for word, also in words.items() for form in (word, *also)}
    for metric, words in _STATES.items()
}


def metric_named(text: str, known: Iterable[str]) -> str:
    """Return a metric's name in one form; in small letters where it is one of `known`. Raises `WordError`."""
    name = plain(text)
    folded = _folded(name)
    return folded if folded in known else name


def word_of(metric: str, word: str) -> str:
    """Return a state's word in one form; both as `plain` and `metric_named` give them. Raises `WordError`."""
    known = _WORDS.get(metric)
    if known is None:
        return word
    folded = _folded(word).strip("!.。")
    found = known.get(folded)
    if found is None and folded in {*_YES, *_NO}:
        raise WordError(f"value is {word!r}, expected one of {', '.join(_STATES[metric])}: it does not say which")
    return found or word


class _Said(NamedTuple):
    """What a metric and its unit or word come to."""

    metric: str
    text: str
    """The unit of a level, the word of a state."""
    convert: Conversion | None = None
    """From the unit that a level came in to this one; None where they are the same."""
    odd: bool = False
    """The metric has a rule, and its unit is none that is known for it."""


def reading_of(metric: str, unit: str) -> _Said:
    """Return a level's metric and unit in one form. Raises `WordError`."""
    name, said = metric_named(metric, _SCALES), plain(unit)
    units = _UNITS.get(name)
    if units is None:
        return _Said(name, said)
    key = _folded(said)
    if key not in units:
        return _Said(name, said, odd=True)
    return _Said(name, _SCALES[name].unit if key else "", units[key])


_Look = tuple[Callable[[Any], Any], set[Any]]
"""What is looked at of an observation, and what of it is known to stay as it is."""


class WordForms:
    """Brings the boots, metrics, units and words of observations to one form, and remembers which are in it already."""

    def __init__(self, kinds: Iterable[type]) -> None:
        """Take the types that observations have: those of `ingest.observations`, or subclasses."""
        self.odd_units: dict[tuple[str, str], int] = {}
        """(metric, unit) → readings of a metric with a rule whose unit is not known."""
        self._boots: set[str] = set()
        self._levels: set[tuple[str, str]] = set()
        self._states: set[tuple[str, str]] = set()
        self._changed: dict[tuple[type, str, str], _Said] = {}
        boot: _Look = (attrgetter("boot"), self._boots)
        looks: dict[type, list[_Look]] = {
            Count: [boot],
            Gate: [boot],
            Level: [(attrgetter("metric", "unit"), self._levels), boot],
            State: [(attrgetter("metric", "value"), self._states), boot],
        }
        self._looks = {kind: look for kind in kinds for base, look in looks.items() if issubclass(kind, base)}

    def known(self, observations: Sequence[Observation]) -> bool:
        """Tell whether all words are known to stay as they are: a fast look at many."""
        kinds = set(map(type, observations))
        for kind in kinds:
            some = observations if len(kinds) == 1 else [one for one in observations if type(one) is kind]
            for get, words in self._looks[kind]:
                if not words.issuperset(map(get, some)):
                    return False
        return True

    def settled(self, observation: Observation) -> Observation:
        """Return an observation with its words in one form and its value in its rule's unit.

        Raises `WordError` and `msgspec.ValidationError`.
        """
        change: dict[str, Any] = {}
        if isinstance(observation, Level):
            said = self._look(Level, observation.metric, observation.unit)
            if said is not None:
                change = {"metric": said.metric, "unit": said.text}
                if said.convert is not None:
                    change["value"] = round(said.convert(observation.value), 6)
                if said.odd:
                    self._count_odd(said.metric, said.text)
        elif isinstance(observation, State):
            said = self._look(State, observation.metric, observation.value)
            if said is not None:
                change = {"metric": said.metric, "value": said.text}
        if observation.boot not in self._boots:
            boot = _checked("boot", _named("boot", observation.boot), Boot)
            if boot != observation.boot:
                change["boot"] = boot
            elif len(self._boots) < _REMEMBERED:
                self._boots.add(boot)
        return msgspec.structs.replace(observation, **change) if change else observation

    def _look(self, kind: type, metric: str, text: str) -> _Said | None:
        """Return what a metric and its unit or word come to, None where they stay as they are."""
        known = self._levels if kind is Level else self._states
        if (metric, text) in known:
            return None
        found = self._changed.get((kind, metric, text))
        if found is not None:
            return found
        found = self._read(kind, metric, text)
        if found == (metric, text, None, False):
            if len(known) < _REMEMBERED:
                known.add((metric, text))
            return None
        if len(self._changed) < _REMEMBERED:
            self._changed[kind, metric, text] = found
        return found

    def _read(self, kind: type, metric: str, text: str) -> _Said:
        name = _named("metric", metric)
        if kind is Level:
            _named("unit", text)
            said, field, form = reading_of(name, text), "unit", Unit
        else:
            name = metric_named(name, _WORDS)
            said, field, form = _Said(name, word_of(name, _named("value", text))), "value", Word
        return said._replace(metric=_checked("metric", said.metric, Word), text=_checked(field, said.text, form))

    def _count_odd(self, metric: str, unit: str) -> None:
        key = metric, unit
        if key not in self.odd_units:
            if len(self.odd_units) >= _MANY_UNITS:
                return
            # Not which: somebody may have written a plate into it.
            _log.warning("%s comes in a unit not known for it: its numbers are judged as they are", metric)
        self.odd_units[key] = self.odd_units.get(key, 0) + 1


def _named(field: str, text: str) -> str:
    try:
        return plain(text)
    except WordError as error:
        raise WordError(f"{field} {error}") from None


def _checked(field: str, text: str, form: object) -> str:
    try:
        return str(msgspec.convert(text, form))
    except msgspec.ValidationError:
        raise WordError(f"{field} is {text[:_SHOWN]!r}, expected {_EXPECTED[field]}") from None


_SHOWN: Final = 40
_EXPECTED: Final = {
    "boot": "at most 32 printable characters without markup",
    "unit": "at most 16 printable characters",
    "metric": "1 to 64 printable characters without markup, the first a letter or a digit",
    "value": "1 to 64 printable characters without markup, the first a letter or a digit",
}
