"""What a report's sections are made of: words in one language, tables, lists and pictures as HTML."""

from collections.abc import Iterable, Sequence
from html import escape
from zoneinfo import ZoneInfo

from console.common import local_time
from console.report.document import Before, Names, WeekReport
from stream.sentences import Why
from stream.sentences.catalogue import Sentences


class ReportWords:
    """Words and markup of one report in one language."""

    def __init__(self, report: WeekReport, language: str) -> None:
        self.report, self.zone = report, ZoneInfo(report.timezone)
        self.say = Sentences(language, self.zone)

    def text(self, code: str, **args: object) -> str:
        """Return a sentence for HTML."""
        return escape(self.say(code, **args))

    def line(self, code: str, **args: object) -> str:
        """Return a sentence as a paragraph."""
        return f"<p>{self.text(code, **args)}</p>"

    def day(self, ms: int, pattern: str = "%m-%d %H:%M") -> str:
        """Return a local time."""
        return local_time(ms, self.zone, pattern)

    def name(self, names: Names, identifier: str) -> str:
        """Return what people call it, with its id where that is something else."""
        name = self.say.pick(names)
        return f"{name} ({identifier})" if name and identifier and name != identifier else identifier or name

    def beat(self, names: Names, identifier: str) -> str:
        """Return what people call a beat, also none."""
        return self.name(names, identifier) or self.say("report-no-beat")

    def kind(self, kind: str) -> str:
        """Return what a kind of alert is called."""
        return self.say.why(Why("kind", {"kind": kind}))

    def weekdays(self) -> list[str]:
        """Return the names of weekdays, Monday first."""
        return [self.say("report-weekday", day=day) for day in range(7)]

    def section(self, name: str, body: Sequence[str]) -> str:
        """Return a section with its title."""
        identifier = f"report-{name}"
        title = escape(self.say(f"report-section-{name}"))
        return f'<section aria-labelledby="{identifier}"><h3 id="{identifier}">{title}</h3>{"".join(body)}</section>'

    def table(self, header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
        """Return a table; texts of the header are codes, of rows as they are. Columns after the first are amounts."""
        head = "".join(f'<th scope="col">{escape(self.say(f"report-col-{name}"))}</th>' for name in header)
        body = "".join(
            f'<tr><th scope="row">{escape(first)}</th>{"".join(f"<td>{escape(one)}</td>" for one in rest)}</tr>'
            for first, *rest in rows
        )
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        return f'<div class="report-wide" tabindex="0">{table}</div>'  # a phone scrolls it, also by keys

    @staticmethod
    def picture(picture: str, caption: str = "") -> str:
        """Return a picture with what it shows."""
        told = f"<figcaption>{caption}</figcaption>" if caption else ""
        return f"<figure>{told}{picture}</figure>"

    def before(self, one: Before) -> str:
        """Return mean and range of the weeks before."""
        if not one.known:
            return "—"
        return self.say("report-mean", mean=one.mean, least=one.least, most=one.most)

    def more(self, whole: int, shown: int) -> list[str]:
        """Say how many rows are left out."""
        return [self.line("report-more", n=whole - shown)] if whole > shown else []

    def listed(self, items: Iterable[str]) -> str:
        """Return texts as a list; nothing for none."""
        lines = "".join(f"<li>{escape(item)}</li>" for item in items)
        return f"<ul>{lines}</ul>" if lines else ""
