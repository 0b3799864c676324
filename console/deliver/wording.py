"""The words of a message: what, where, since when, what to do; and which of them may go outside."""

from collections.abc import Callable, Sequence
from datetime import tzinfo
from typing import Any, Final, NamedTuple

from console.deliver.orders import Message
from ingest.clock import wall_ms
from stream.results import Alert
from stream.sentences import OUTSIDE, Why
from stream.sentences.catalogue import Sentences
from stream.sentences.why import literal

_LATE_S: Final = 60.0
"""What is told later than so many seconds after it was due says so."""
_MINUTE_MS: Final = 60_000
_CUT: Final = "…"


class Text(NamedTuple):
    """What people read."""

    title: str
    lines: list[str]

    def fitting(self, most: int) -> str:
        """Return all of it in at most so many bytes of UTF-8; the last line, which says which alert it is, stays."""
        *others, mark = [self.title, *self.lines]
        return "\n".join([cut("\n".join(others), most - len(mark.encode()) - 1), mark])


def cut(text: str, most: int) -> str:
    """Return a text in at most so many bytes of UTF-8, no character cut in two.

    >>> cut("东门有人", 12), cut("东门有人", 11), cut("gate", 9)
    ('东门有人', '东门…', 'gate')
    """
    encoded = text.encode()
    if len(encoded) <= most:
        return text
    return encoded[: max(most - len(_CUT.encode()), 0)].decode(errors="ignore") + _CUT


class Writer:
    """Makes the texts of one channel.

    Parameters
    ----------
    language
        Of its readers.
    zone
        Of the times in texts: the site's.
    outside
        Whether they leave the station: then no person, no vehicle token and no text that somebody wrote is in them.
    exercise
        Whether nothing of it has happened: a replay, a demo.
    link
        Returns the address at which a message's reader finds the alert; empty for none.
    """

    def __init__(
        self,
        language: str,
        zone: tzinfo,
        *,
        outside: bool,
        exercise: bool,
        link: Callable[[Message], str] | None = None,
    ) -> None:
        self.say, self.outside, self.exercise = Sentences(language, zone), outside, exercise
        self.language, self._zone, self._link = self.say.language, zone, link

    def text(self, message: Message) -> Text:
        """Return the text of a message that calls people, in its reader's language where it is known."""
        alert = message.alert
        say = Sentences(message.language, self._zone) if message.language else self.say
        if message.act == "week":
            return self._week(message, say)
        again = alert.heard_ms - alert.raised_ms >= _MINUTE_MS
        lines = [say("deliver-time", again=int(again), raised_ms=alert.raised_ms, heard_ms=alert.heard_ms)]
        if message.act != "call":
            had = "" if self.outside else message.had
            lines.insert(0, say("deliver-act", act=message.act, round=message.round, had=had, known=int(bool(had))))
        if not self.outside:
            lines.append(say.why(alert.why))
        lines.append(say("deliver-advice", advice=Why("advice", {"kind": alert.kind})))
        late_s = (wall_ms() - message.queued_ms) / 1000
        if late_s >= _LATE_S:
            lines.append(say("deliver-late", late_s=late_s))
        link = self._link(message) if self._link else ""
        lines += [say("deliver-link", link=link)] if link else []
        return Text(self.title(alert, say), [*lines, say("deliver-mark", id=alert.id, revision=str(alert.revision))])

    def _week(self, message: Message, say: Sentences) -> Text:
        """Return the text of a week's report: figures alone, so it may go outside as it is."""
        link = self._link(message) if self._link else ""
        lines = say.why(message.alert.why).splitlines()
        lines += [say("report-message-link", link=link)] if link else []
        title = Why("report-message-title", {"week": message.alert.id.removeprefix("week-")[:8]})
        titled = say("deliver-exercise", title=title) if self.exercise else say.why(title)
        return Text(titled, [*lines, say("deliver-mark", id=message.alert.id, revision=str(message.alert.revision))])

    def test(self, words: str) -> Text:
        """Return the text of a test."""
        return Text(self.say("deliver-test-title"), [words, self.say("deliver-test-mark")])

    def title(self, alert: Alert, say: Sentences | None = None) -> str:
        """Return severity, kind and place in one line."""
        say = say or self.say
        title = Why("deliver-title", {"severity": _severity(alert), "kind": kind_of(alert), "place": place_of(alert)})
        return say("deliver-exercise", title=title) if self.exercise else say.why(title)

    def document(self, message: Message) -> dict[str, Any]:
        """Return a message for programs: what the text says, in numbers and codes."""
        alert, text = message.alert, self.text(message)
        document: dict[str, Any] = {
            name: getattr(alert, name)
            for name in ("id", "revision", "site", "beat", "kind", "state", "severity", "raised_ms", "changed_ms")
        }
        document |= {"lon": alert.lon, "lat": alert.lat, "place": self.say.why(place_of(alert))}
        document |= {"act": message.act, "round": message.round}
        if not self.outside:
            document |= {"device": alert.device, "devices": alert.devices, "why": alert.why, "to": message.to}
        return document | {"title": text.title, "text": "\n".join(text.lines), "exercise": self.exercise}


def kind_of(alert: Alert) -> Why:
    """Return what its kind is called."""
    return Why("kind", {"kind": alert.kind})


def place_of(alert: Alert) -> Why:
    """Return where it is, as the places file calls it."""
    return literal(alert.place) if alert.place else OUTSIDE


def _severity(alert: Alert) -> Why:
    return Why("severity", {"severity": alert.severity})


def mentions(to: str, usual: Sequence[str]) -> list[str]:
    """Return whom a message calls: whom it is for, else those whom the channel always calls."""
    return to.split() or list(usual)
