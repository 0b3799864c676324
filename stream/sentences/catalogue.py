"""The catalogue: the messages of one language, and how numbers, times and durations are shown in them.

It loads Fluent, and Babel for the numbers; a program that says nothing does without this module.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any, Final

import msgspec
from babel import Locale
from babel.numbers import format_compact_decimal, parse_pattern
from fluent.runtime import FluentBundle, FluentResource
from fluent.runtime.resolver import CurrentEnvironment, ResolverEnvironment
from fluent.runtime.types import FluentFloat
from fluent.syntax.ast import Message, Resource

from stream.sentences.languages import ENGLISH, FOLDER, LANGUAGES, one_script
from stream.sentences.plain import plain
from stream.sentences.why import LITERAL, OUTSIDE, Why, literal

_LEAST_P: Final = 1e-9
"""Smaller probabilities are not told apart."""
_LONGEST: Final = 2400
"""Characters of one argument; Fluent refuses more than 2500."""
_PLAIN: Final = frozenset({"detail", "error", "lost", "problem", "reason", "trouble", "why"})
"""Arguments that are texts of the code, in plain English: they are said in the language of the sentence."""
_WHOLE, _TENTHS, _SMALL = (parse_pattern(text) for text in ("#,##0", "#,##0.0", "0.################"))


class _Number(FluentFloat):
    """A number that messages can choose by, shown by a function of its own."""

    show: Callable[[float, Any], str]

    def format(self, locale: object) -> str:
        return self.show(float(self), locale) if math.isfinite(self) else "?"


def _number(value: float, show: Callable[[float, Any], str] | None = None) -> _Number:
    found = _Number(value)
    found.show = show or shown
    return found


@lru_cache(4096)
def shown(value: float, locale: Any) -> str:  # noqa: ANN401 - babel.Locale
    """Return a number as people write it: tenths below 100, two digits below 1, thousands grouped."""
    if abs(value) >= 100 or (abs(value) >= 1 and round(value, 1) == round(value)) or value == round(value):
        pattern, digits = _WHOLE, f"{value:.0f}"
    elif abs(value) >= 1:
        pattern, digits = _TENTHS, f"{value:.1f}"
    else:
        pattern, digits = _SMALL, f"{value:.2g}"
    return str(pattern.apply(Decimal(digits), locale))


def _odds(p: float) -> _Number:
    """Return N of a probability of 1 in N, of one significant digit; 0 for less than can be told, 1 above a half."""
    if not math.isfinite(p) or p <= _LEAST_P:
        return _number(0.0)
    if p > 0.5:
        return _number(1.0)
    inverse = 1.0 / p
    step = 10.0 ** math.floor(math.log10(inverse))
    return _number(round(inverse / step) * step)


def _tens(metres: float) -> _Number:
    """Return a distance as people say it: whole tens of metres, rounded up."""
    return _number(max(math.ceil(metres / 10 - 1e-9), 1) * 10)


def _heads(mean: float) -> _Number:
    """Return a mean of counts as people say it: whole from ten on, in tenths below, 0 for hardly any."""
    return _number(float(round(mean)) if mean >= 10 else round(mean, 1))


@lru_cache(256)
def _short(value: float, locale: Any) -> str:  # noqa: ANN401 - babel.Locale
    return str(format_compact_decimal(value, locale=locale))


def _compact(value: float) -> _Number:
    return _number(value, _short)


def _fitting(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _readable(code: str) -> str:
    """Return a code that nobody has translated as words: ``lost_bicycle`` as "lost bicycle"."""
    return " ".join(code.replace("_", " ").replace("-", " ").split())


_FUNCTIONS: Final[dict[str, Callable[[Any], Any]]] = {
    "ODDS": _odds,
    "TENS": _tens,
    "HEADS": _heads,
    "COMPACT": _compact,
    "CAPITAL": _capital,
    "READABLE": _readable,
}


@cache
def resource_of(language: str) -> Resource:
    """Return a language's file, parsed."""
    return FluentResource((FOLDER / f"{language}.ftl").read_text(encoding="utf-8"))


@cache
def bundle_of(language: str) -> FluentBundle:
    """Return the messages of a language; without the marks of direction that Fluent puts around what it fills in."""
    bundle = FluentBundle([language], functions=_FUNCTIONS, use_isolating=False)
    bundle.add_resource(resource_of(language))
    return bundle


def choices(code: str) -> list[str]:
    """Return the words that a message tells apart, in its order: the kinds of findings, for instance."""
    whole: Any = bundle_of(ENGLISH).get_message(code).value
    return [variant.key.name for variant in whole.expression.variants if not variant.default]


class _Blanks(dict[str, Any]):
    """Arguments that nobody knows yet: each shows its own name in braces, and is chosen by as if it were `number`."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def __missing__(self, name: str) -> _Number:
        return _number(self._number, lambda _number, _locale: "{" + name + "}")


@cache
def page_texts(language: str, prefix: str) -> dict[str, str | dict[str, str]]:
    """Return the messages whose codes begin with `prefix`, by the rest of their codes, for a page that fills them in.

    An argument stands as ``{name}``. A message with plurals is a dict of plural category → text.
    """
    plural = Locale.parse(language, sep="-").plural_form
    numbers = {plural(number): number for number in reversed(range(101))}
    found: dict[str, str | dict[str, str]] = {}
    for entry in resource_of(language).body:
        if isinstance(entry, Message) and entry.id.name.startswith(prefix):
            pattern = bundle_of(language).get_message(entry.id.name).value
            forms = {name: Sentences(language).fill(pattern, _Blanks(number)) for name, number in numbers.items()}
            found[entry.id.name.removeprefix(prefix)] = forms if len({*forms.values()}) > 1 else forms["other"]
    return found


class Sentences:
    """All sentences in one language, with times in one zone; calling it with a code and arguments makes one.

    Parameters
    ----------
    language
        One of `LANGUAGES`; English stands in for others.
    zone
        Zone of the times.
    """

    def __init__(self, language: str = ENGLISH, zone: tzinfo = UTC) -> None:
        self.language = language if language in LANGUAGES else ENGLISH
        self._zone = zone
        self._bundle = bundle_of(self.language)

    def __call__(self, code: str, /, **args: Any) -> str:  # noqa: ANN401 - what `Why` takes
        """Return the sentence of a code; the code itself where there is none, and a gap for what is missing in it."""
        if not self._bundle.has_message(code):
            return code
        message = self._bundle.get_message(code)
        values = {name: self._value(name, value, message.attributes) for name, value in args.items()}
        return self.fill(message.value, values) if message.value else code

    def why(self, why: Why) -> str:
        """Return the sentence of a result."""
        if why.code == LITERAL:
            return self.pick(why.args)
        return self(why.code, **why.args)

    def told(self, text: str) -> str:
        """Return a text of the code, such as that of an error, in this language; as it is where it is none."""
        return plain(text, self.language)

    def pick(self, texts: Mapping[str, Any]) -> str:
        """Return the text for this language of a dict of languages, another one where there is none."""
        return str(texts.get(self.language) or texts.get(ENGLISH) or next(iter(texts.values()), ""))

    def fill(self, pattern: Any, values: dict[str, Any]) -> str:  # noqa: ANN401 - Fluent's own
        """Return a pattern of a message with its arguments, as Fluent takes them."""
        # Not by `format_pattern`, which would make plain numbers of ours.
        env = ResolverEnvironment(self._bundle, errors=[], current=CurrentEnvironment(args=values))
        return str(pattern(env))

    def _value(self, name: str, value: Any, attributes: Mapping[str, Any]) -> Any:  # noqa: ANN401 - as Fluent takes it
        """Return an argument as Fluent takes it; a list is joined with the message's attribute of its name."""
        if isinstance(value, Why):
            return _fitting(self.why(value))
        if isinstance(value, list):
            joint = self.fill(attributes[name], {}) if name in attributes else ""
            parts = [self.why(part) for part in value]
            if any("," in part for part in parts):  # names such as "Camera, East Street"
                joint = joint.replace(",", ";")
            return _fitting(joint.join(parts))
        if value is not None and not isinstance(value, int | float):
            return _fitting(self.told(str(value)) if name in _PLAIN else one_script(str(value), self.language))
        number = math.nan if value is None else float(value)
        if name.endswith("_ms"):
            return _number(number, self._clock)
        return _number(number, self._duration if name.endswith("_s") else shown)

    def _clock(self, ms: float, _locale: object) -> str:
        try:
            return datetime.fromtimestamp(ms / 1000, self._zone).strftime("%H:%M")
        except (ValueError, OverflowError):  # a year that no calendar has
            return "?"

    def _duration(self, seconds: float, _locale: object) -> str:
        """Return seconds below two minutes, minutes below two hours, hours below two days, else days."""
        value = max(seconds, 0.0)
        for limit, unit, code in ((120, 1, "seconds"), (7_200, 60, "minutes"), (172_800, 3_600, "hours")):
            if value < limit:
                return self(code, count=round(value / unit))
        return self("days", count=round(value / 86_400))


def in_all_languages(why: Why, zone: tzinfo = UTC) -> dict[str, str]:
    """Return language → sentence: what an edge carries that does not know its readers."""
    return {language: Sentences(language, zone).why(why) for language in LANGUAGES}


def with_texts(row: Mapping[str, Any], zone: tzinfo = UTC, name: str = "text") -> dict[str, Any]:
    """Return a row of results with the sentences of its `why` under `name`.

    An alert gets its ``advice`` too, a ``place`` where it has none, and ``false_alarm`` where it was one: why. A row
    that version 0.1 has stored has its sentences in it, and stays as it is.
    """
    if "why" not in row:
        return dict(row)
    made = {name: in_all_languages(msgspec.convert(row["why"], Why), zone)}
    if "where" in row:
        made["place"] = in_all_languages(msgspec.convert(row["where"], Why))
    if row.get("spot"):
        made["spot"] = _spot_with_texts(msgspec.to_builtins(row["spot"]), row, zone)
    if "revision" in row:
        made["advice"] = in_all_languages(Why("advice", {"kind": row["kind"]}))
        made["place"] = row["place"] or in_all_languages(OUTSIDE)
        if row.get("reason"):
            made["false_alarm"] = in_all_languages(Why(f"board-false-{row['reason']}"))
    return {**row, **made}


def _spot_with_texts(spot: dict[str, Any], cell: Mapping[str, Any], zone: tzinfo) -> dict[str, Any]:
    """Return what is said of a hotspot's place, with ``amount``, ``sure`` and the whole as ``text``."""
    amount, sure, drivers, place = (
        msgspec.convert(one, Why) for one in (spot["why_amount"], spot["why_sure"], cell["why"], cell["where"])
    )
    return {
        **spot,
        "amount": in_all_languages(amount, zone),
        "sure": in_all_languages(sure, zone),
        "text": in_all_languages(spot_sentence(place, spot["hours"], amount, drivers, sure), zone),
    }


def spot_sentence(place: Why, hours: Sequence[int] | None, amount: Why, drivers: Why, sure: Why) -> Why:
    """Return all that is said of a hotspot's place as one sentence."""
    between = {} if hours is None else {"from": hours[0], "until": hours[1]}
    return Why("spot", {"place": place, "amount": amount, "drivers": drivers, "sure": sure, **between})


def with_why(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored row with a `why`: version 0.1 stored sentences instead."""
    texts = row.get("text") or row.get("drivers") or {}
    return {"why": msgspec.to_builtins(literal(texts)), **row}
