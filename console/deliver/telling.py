"""The rules of telling: who hears of an alert, by which channel, when, and who is asked next.

`ingest.days.telling_settings` reads the rules; here they meet the people and the hour. Whoever is told in one group at
the same time is named in one message.
"""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from console.deliver.channel import BotSettings
from console.deliver.channel_file import Declared
from console.deliver.orders import Order
from console.people.people import Person
from ingest.days.site_calendar import CalendarEntry
from ingest.days.telling_settings import TellingRule, TellingRules, What
from ingest.setup.settings import SettingsError
from ingest.sqlite import StorageError
from models.occurrences import Occurrences
from stream.results import Alert

_LOG: Final = logging.getLogger(__name__)


class RecentPeople:
    """Asks for something again only after some seconds, and goes by the last answer where there is none."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._next, self._found = seconds, 0.0, list[Person]()

    def of(self, ask: Callable[[], list[Person]]) -> list[Person]:
        """Return what `ask` says, or said."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + self._seconds
            try:
                self._found = ask()
            except StorageError as error:
                _LOG.warning("the accounts cannot be read, those known before count: %s", error)
        return self._found


class _Target(NamedTuple):
    """Somebody, or a group, on one channel."""

    channel: str
    address: str = ""
    person: str = ""
    language: str = ""


class Telling:
    """Says who is told. Raises `SettingsError` for a channel that a rule names and nobody has declared.

    Parameters
    ----------
    rules
        Of the settings.
    declared
        The channels; the order in which they are declared is the order in which a person's are tried.
    zone
        The site's, for hours.
    people
        Returns the accounts as they are now.
    """

    def __init__(
        self, rules: TellingRules, declared: Declared, zone: ZoneInfo, people: Callable[[], Sequence[Person]]
    ) -> None:
        self._rules, self._declared, self._zone, self._people = rules, declared, zone, people
        whom = [one for rule in (*rules.rules, *rules.escalate) for one in rule.whom]
        for one in (*whom, *(one for entry in (*rules.quiet, *rules.week) for one in entry.at)):
            if one.startswith("#") and one[1:] not in declared:
                expected = ", ".join(f"#{name}" for name in declared) or "a channel of the channels file"
                raise SettingsError(f"telling has {one}, expected {expected}")
        self._rota = Occurrences(rules.rota, zone)
        self._quiet = Occurrences(rules.quiet, zone)
        self._weekly = Occurrences(rules.week, zone) if rules.week else None
        self._during: dict[CalendarEntry, Occurrences] = {}

    def orders(self, alert: Alert, now_ms: int) -> list[Order]:
        """Return who is told of an alert that calls people now."""
        whom = [one for rule in self._rules.rules if self._fits(rule.what, alert, now_ms) for one in rule.whom]
        return self._orders(whom, alert, now_ms)

    def reminder_ms(self, alert: Alert, now_ms: int) -> int:
        """Return after how many milliseconds those who were told are reminded, again and again; 0 for never."""
        return min((rule.after_ms for rule in self._rules.remind if self._fits(rule.what, alert, now_ms)), default=0)

    def escalations(self, alert: Alert, now_ms: int) -> list[TellingRule]:
        """Return who is asked next, and after how long; the soonest first."""
        return [rule for rule in self._rules.escalate if self._fits(rule.what, alert, now_ms)]

    def escalation(self, rule: TellingRule, alert: Alert, now_ms: int) -> list[Order]:
        """Return the orders of an escalation."""
        return [order for order in self._orders(rule.whom, alert, now_ms) if not order.follows]

    def reminder(self, alert: Alert, escalated: int, now_ms: int) -> list[Order]:
        """Return who is reminded: those whom the rules name now, and those who were asked since."""
        whom = [one for rule in self._rules.rules if self._fits(rule.what, alert, now_ms) for one in rule.whom]
        asked = [one for rule in self.escalations(alert, now_ms)[:escalated] for one in rule.whom]
        orders = self._orders([*whom, *asked], alert, now_ms)
        return [order for order in orders if not order.due_ms and not order.follows]

    def weekly(self, since_ms: int, now_ms: int) -> list[int]:
        """Return the numbers (from 0) of the entries of the week's report whose time has begun since then."""
        if not self._weekly:
            return []
        begun = [one.entry for one in self._weekly.between(since_ms, now_ms + 1) if since_ms <= one.start_ms <= now_ms]
        return [number for number, entry in enumerate(self._rules.week) if entry in begun]

    def week_orders(self, number: int, about: Alert, now_ms: int) -> list[Order]:
        """Return who gets the week's report by one of the entries; channels that only follow alerts do not."""
        orders = self._orders(self._rules.week[number].at, about, now_ms, warns=False)  # a chief may have no address
        return [order for order in orders if not order.follows]

    def way(self, channel: str, persons: Sequence[str]) -> list[Order]:
        """Return where goes next what a channel does not accept: each person's next channel, else the channel's own."""
        targets, declared = [], list(self._declared)
        people = {person.id: person for person in self._people()}
        without = not persons
        for name in persons:
            found = self._addresses(people[name]) if name in people else []
            later = [one for one in found if declared.index(one.channel) > declared.index(channel)]
            targets += later[:1]
            without = without or not later
        if without and self._declared[channel].next:
            targets.append(_Target(self._declared[channel].next))
        return self._joined(targets)

    def on_duty_ms(self, person: str, since_ms: int, until_ms: int) -> int:
        """Return for how long a person was on the rota."""
        spans = [one for one in self._rota.between(since_ms, until_ms) if person in one.entry.at]
        return sum(min(one.end_ms, until_ms) - max(one.start_ms, since_ms) for one in spans)

    def _fits(self, what: What, alert: Alert, now_ms: int) -> bool:
        if not what.fits(alert.severity, alert.kind, alert.beat):
            return False
        if what.during is None:
            return True
        if what.during not in self._during:  # found once: a year of a recurrence takes a while
            self._during[what.during] = Occurrences([what.during], self._zone)
        return bool(self._during[what.during].between(now_ms, now_ms + 1))

    def _orders(self, whom: Iterable[str], alert: Alert, now_ms: int, *, warns: bool = True) -> list[Order]:
        due: dict[int, list[_Target]] = {}
        for target in dict.fromkeys(one for name in whom for one in self._targets(name, now_ms, warns=warns)):
            quiet_ms = 0 if alert.severity == "critical" else self._quiet_until(target, now_ms)
            due.setdefault(quiet_ms, []).append(target)
        return [order._replace(due_ms=at_ms) for at_ms, targets in due.items() for order in self._joined(targets)]

    def _targets(self, name: str, now_ms: int, *, warns: bool) -> list[_Target]:
        """Return who is meant by a word of a rule: for each person the first of the channels that he has."""
        if name.startswith("#"):
            return [_Target(name[1:])]
        people = {person.id: person for person in self._people() if person.active}
        kind, sign, rest = name.partition(":")
        if not sign:
            meant = [name]
        elif kind == "role":
            meant = [person.id for person in people.values() if person.role == rest]
        else:
            now = [one.entry for one in self._rota.between(now_ms, now_ms + 1)]
            meant = _of_duty(now, rest)
            if not set(meant) & people.keys():  # a gap in the rota must not swallow an alarm
                meant = _of_duty(self._rules.rota, rest)
        found = []
        for one in dict.fromkeys(meant):
            addresses = self._addresses(people[one]) if one in people else []
            if not addresses and warns:
                _LOG.warning("a rule names %s, who has no account in use with an address on a channel", one)
            found += addresses[:1]
        return found

    def _addresses(self, person: Person) -> list[_Target]:
        return [
            _Target(name, "" if self._is_public(name) else person.addresses[name], person.id, person.language)
            for name in self._declared
            if name in person.addresses
        ]

    def _is_public(self, channel: str) -> bool:
        """Tell whether a mention on a channel would name a person outside: the group is told, and nobody by name."""
        settings = self._declared[channel]
        return settings.where == "outside" and isinstance(settings, BotSettings)

    def _quiet_until(self, target: _Target, now_ms: int) -> int:
        """Return until when somebody is not to be disturbed; 0 for not at all."""
        role = next((person.role for person in self._people() if person.id == target.person), "")
        names = {target.person, f"role:{role}"} if target.person else {f"#{target.channel}"}
        now = [one for one in self._quiet.between(now_ms, now_ms + 1) if names & set(one.entry.at)]
        return max((one.end_ms for one in now), default=0)

    def _joined(self, targets: Sequence[_Target]) -> list[Order]:
        """Return one order a group: it hears of one cause once, with everybody named who is meant there.

        On a channel that reaches each person alone there is one order a person.
        """
        orders = []
        groups: dict[tuple[str, str], list[_Target]] = {}
        for target in targets:
            alone = "" if self._declared[target.channel].GROUP else target.address
            groups.setdefault((target.channel, alone), []).append(target)
        for (channel, _), here in groups.items():
            to = " ".join(dict.fromkeys(one.address for one in here if one.address))
            languages = {one.language for one in here}
            persons = tuple(dict.fromkeys(one.person for one in here if one.person))
            language = languages.pop() if len(languages) == 1 else ""
            follows = self._declared[channel].FOLLOWS
            orders.append(Order(channel, to, follows=follows, language=language, persons=persons))
        return orders


def _of_duty(entries: Iterable[CalendarEntry], duty: str) -> list[str]:
    return [person for entry in entries if entry.name == duty for person in entry.at]
