"""What a site's settings say of telling: who is told of what and when, who is on duty, reminders, escalation, quiet."""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import msgspec
from msgspec import Meta

from ingest.days.site_calendar import CalendarEntry, CalendarError, timed_entry
from ingest.setup.settings import Section, SettingsError
from ingest.topics import ID_PATTERN
from ingest.vocabulary import ALERT_KINDS, SEVERITY_RANK, Severity

_RULE: Final = "'critical,warning beat=b1 kind=smoke,fire during daily 22:00-06:00 @ on:desk role:chief #duty'"
_ROTA: Final = "'daily 06:00-14:00 @ wang li: desk'"
_QUIET: Final = "'daily 22:00-06:00 @ role:chief #duty'"
_WEEK: Final = "'Mon 07:00-12:00 @ role:chief #mail'"
_ROLES: Final = ("duty", "patrol", "engineer", "chief", "partner")


class TellingSettings(Section, frozen=True, kw_only=True):
    """Who is told of what (docs/deliver.md)."""

    file: Path | None = None
    """TOML file with more of these keys, each in the place of the one here; edits are taken up while it runs, so it is
    the place for a rota. Empty: none."""
    rules: tuple[str, ...] = ()
    """Who is told of an alert, as WHAT @ WHOM; all that fit count. WHAT is severities, beat=IDS, kind=KINDS, and
    "during WHEN" with WHEN as in events of [calendar]; WHOM is persons' ids, on:DUTY for those on the rota now,
    role:ROLE, and #CHANNEL for a group. Such as "critical @ on:desk #duty"."""
    rota: tuple[str, ...] = ()
    """Who is on duty as WHEN @ PERSONS: DUTY, such as "daily 06:00-14:00 @ wang li: desk"."""
    remind: tuple[str, ...] = ()
    """How often those who were told are reminded until somebody takes the alert up, as WHAT every N min."""
    escalate: tuple[str, ...] = ()
    """Who is told, too, when nobody has taken it up, as WHAT after N min @ WHOM."""
    quiet: tuple[str, ...] = ()
    """Hours in which persons or groups hear of critical alerts only, as WHEN @ WHOM; what still holds is told at their
    end."""
    week: tuple[str, ...] = ("Mon 07:00-12:00 @ role:chief",)
    """Who gets the report of the week that is over, as WHEN @ WHOM; it goes when WHEN begins, once a week
    (docs/report.md). Empty: nobody."""
    per_hour: Annotated[float, Meta(ge=0.01, le=1_000)] = 1.0
    """Messages an hour of duty that a person can answer; `patrolgrid deliver list` shows who gets more (EEMUA 191)."""

    def mistake(self) -> str:
        """Return what cannot be meant; see `ingest.setup.settings.Section.mistake`."""
        try:
            rules_of(self)
        except CalendarError as error:
            return str(error)
        return ""


def with_file(settings: TellingSettings) -> TellingSettings:
    """Return settings with what their file says; without a file, or where it is not there, as they are.

    Raises `SettingsError`, which names the file and the key.
    """
    if settings.file is None:
        return settings
    try:
        found = tomllib.loads(settings.file.read_text(encoding="utf-8"))
        values = msgspec.convert(found, _Keys)
    except FileNotFoundError:
        return settings
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise SettingsError(f"{settings.file}: {error}") from error
    except OSError as error:
        raise SettingsError(f"{settings.file}: cannot be read: {error.strerror or error}") from error
    given = {name: value for name in values.__struct_fields__ if (value := getattr(values, name)) is not None}
    merged = msgspec.structs.replace(settings, **given)
    mistake = merged.mistake()
    if mistake:
        raise SettingsError(f"{settings.file}: {mistake}")
    return merged


class _Keys(msgspec.Struct, forbid_unknown_fields=True):
    """What may stand in the file."""

    rules: tuple[str, ...] | None = None
    rota: tuple[str, ...] | None = None
    remind: tuple[str, ...] | None = None
    escalate: tuple[str, ...] | None = None
    quiet: tuple[str, ...] | None = None
    week: tuple[str, ...] | None = None


class What(NamedTuple):
    """Which alerts a rule is about."""

    severities: frozenset[Severity]
    kinds: frozenset[str]
    """Empty for all, as `beats`."""
    beats: frozenset[str]
    during: CalendarEntry | None = None

    def fits(self, severity: Severity, kind: str, beat: str) -> bool:
        """Tell whether an alert is meant, whatever the hour."""
        return (
            severity in self.severities
            and (not self.kinds or kind in self.kinds)
            and (not self.beats or beat in self.beats)
        )


class TellingRule(NamedTuple):
    """Whom to tell of what, and for reminders and escalation after how long."""

    what: What
    whom: tuple[str, ...] = ()
    after_ms: int = 0


class TellingRules(NamedTuple):
    """What `TellingSettings` say, taken apart."""

    rules: tuple[TellingRule, ...]
    rota: tuple[CalendarEntry, ...]
    """With persons' ids in ``at``, and the duty as its name."""
    remind: tuple[TellingRule, ...]
    escalate: tuple[TellingRule, ...]
    """The soonest first."""
    quiet: tuple[CalendarEntry, ...]
    """With whom in ``at``, as in `week`."""
    week: tuple[CalendarEntry, ...] = ()


def rules_of(settings: TellingSettings) -> TellingRules:
    """Return the rules. Raises `CalendarError`, which names the key."""
    rota = tuple(timed_entry("event", "rota", text, _ROTA) for text in settings.rota)
    for entry, text in zip(rota, settings.rota, strict=True):
        if not entry.at or not all(map(ID_PATTERN.match, entry.at)) or not ID_PATTERN.match(entry.name):
            raise CalendarError(f"rota has {text!r}, expected WHEN @ PERSONS: DUTY, such as {_ROTA}")
    duties = {entry.name for entry in rota}
    quiet = tuple(timed_entry("event", "quiet", text, _QUIET) for text in settings.quiet)
    for entry, text in zip(quiet, settings.quiet, strict=True):
        _check_whom("quiet", text, entry.at, duties, _QUIET)
    week = tuple(timed_entry("event", "week", text, _WEEK) for text in settings.week)
    for entry, text in zip(week, settings.week, strict=True):
        _check_whom("week", text, entry.at, duties, _WEEK)
    rules = []
    for text in settings.rules:
        head, _, whom = text.partition("@")
        _check_whom("rules", text, tuple(whom.split()), duties, _RULE)
        rules.append(TellingRule(_what("rules", text, head), tuple(whom.split())))
    remind = tuple(_timed("remind", text, "every", "'critical every 5 min'") for text in settings.remind)
    example = "'critical after 5 min @ role:chief'"
    escalate = [_timed("escalate", text, "after", example) for text in settings.escalate]
    for rule, text in zip(escalate, settings.escalate, strict=True):
        _check_whom("escalate", text, rule.whom, duties, example)
    escalate.sort(key=lambda rule: rule.after_ms)
    return TellingRules(tuple(rules), rota, remind, tuple(escalate), quiet, week)


def _timed(key: str, text: str, word: str, example: str) -> TellingRule:
    """Return a rule that has ``every N min`` or ``after N min`` in it."""
    head, _, whom = text.partition("@")
    found = re.search(r"\s(every|after) (\d{1,4}) min\s{0,99}\Z", head)
    if found is None or found[1] != word or not int(found[2]):
        raise CalendarError(f"{key} has {text!r}, expected WHAT {word} N min, such as {example}")
    return TellingRule(_what(key, text, head[: found.start()]), tuple(whom.split()), int(found[2]) * 60_000)


def _what(key: str, text: str, head: str) -> What:
    words, _, when = head.partition(" during ")
    during = timed_entry("event", key, when.strip(), _RULE) if when else None
    severities: set[Severity] = set()
    only: dict[str, frozenset[str]] = {}
    for word in words.split():
        name, sign, values = word.partition("=")
        parts = frozenset(values.split(","))
        if sign and name in {"kind", "beat"} and name not in only and "" not in parts:
            only[name] = parts
            continue
        named = [severity for severity in SEVERITY_RANK if severity in word.split(",") or word == "all"]
        if not named or sign or (word != "all" and len(named) < len(word.split(","))):
            expected = "critical, warning, info or all, kind=KINDS, beat=IDS"
            raise CalendarError(f"{key} has {text!r}, and in it {word!r}; expected {expected}, such as {_RULE}")
        severities.update(named)
    unknown = sorted(only.get("kind", frozenset()) - ALERT_KINDS.keys())
    if unknown:
        raise CalendarError(f"{key} has the kind {unknown[0]!r}, expected some of {', '.join(ALERT_KINDS)}")
    kinds, beats = only.get("kind", frozenset()), only.get("beat", frozenset())
    return What(frozenset(severities or SEVERITY_RANK), kinds, beats, during)


def _check_whom(key: str, text: str, whom: tuple[str, ...], duties: set[str], example: str) -> None:
    for one in whom or ("",):
        kind, sign, name = one.partition(":")
        if sign and kind == "on" and name not in duties:
            known = ", ".join(sorted(duties)) or "none"
            raise CalendarError(f"{key} has on:{name}, and no such duty is in the rota (there: {known})")
        if sign and kind == "role" and name not in _ROLES:
            raise CalendarError(f"{key} has role:{name}, expected one of {', '.join(_ROLES)}")
        if (sign and kind not in {"on", "role"}) or not ID_PATTERN.match(name if sign else one.removeprefix("#")):
            expected = "after an @ expected persons' ids, on:DUTY, role:ROLE or #CHANNEL"
            raise CalendarError(f"{key} has {text!r}; {expected}, such as {example}")
