"""The report as HTML in one language: for a file that stands alone, for paper, and as a part of the board's page."""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from console.common import in_words, local_time
from console.report import pictures
from console.report.document import (
    Before,
    LearntPart,
    Names,
    Patrolled,
    PatrolPart,
    Spread,
    StaffPart,
    WeekReport,
)
from console.report.pictures import Bar, Pair
from stream.sentences import Why
from stream.sentences.catalogue import Sentences

STYLE: Final = Path(__file__).resolve().parent.parent / "static" / "css" / "report.css"
_MOST_ROWS: Final = 12
"""Rows of a table that everything is in on a quiet site; of more it is said how many there are."""


def page_of(report: WeekReport, language: str) -> str:
    """Return a report as a whole page that needs nothing else."""
    texts = Sentences(language, ZoneInfo(report.timezone))
    title = escape(heading(report, texts))
    style = STYLE.read_text(encoding="utf-8")
    return (
        f'<!doctype html>\n<html lang="{texts.language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>'
        f'<style>{style}</style></head><body class="report-file">{part_of(report, language)}</body></html>\n'
    )


def part_of(report: WeekReport, language: str) -> str:
    """Return a report as a part of a page."""
    return _Writer(report, language).article()


def heading(report: WeekReport, texts: Sentences) -> str:
    """Return which week of which site it is."""
    zone = ZoneInfo(report.timezone)
    year, _, number = report.week.partition("-W")
    begin = local_time(report.begin_ms, zone, "%Y-%m-%d")
    end = local_time(report.end_ms - 1, zone, "%Y-%m-%d")
    site = texts.pick(report.name) or report.site
    return texts("report-title", site=site, number=str(int(number)), year=year, begin=begin, end=end)


def main_figures(report: WeekReport, texts: Sentences) -> list[tuple[str, str, str]]:
    """Return the week in a few figures, each a label, an amount, and what it is to be compared with."""
    alerts, answers, patrol = report.alerts, report.answers, report.patrol
    before = alerts.before[-1]
    against = (
        texts("report-against", mean=before.mean, least=before.least, most=before.most, known=before.known)
        if before.known
        else texts("report-against-none")
    )
    taken = answers.acknowledge
    found = [
        (texts("report-alerts"), _most(alerts.total, alerts.high, texts), against),
        (
            texts("report-acknowledge"),
            _span(taken.median_s, texts),
            texts("report-p90", p90=_span(taken.p90_s, texts), n=taken.n),
        ),
        (texts("report-unanswered"), _amount(answers.unanswered, texts), texts("report-of", whole=alerts.total)),
        (
            texts("report-false"),
            _amount(report.false_alarms.total, texts),
            texts("report-false-of", whole=report.false_alarms.ended),
        ),
        (
            texts("report-patrol"),
            _percent(patrol.delivered_min, patrol.planned_min),
            texts("report-hours-of", got=patrol.delivered_min / 60, wanted=patrol.planned_min / 60)
            if patrol.stops
            else texts("report-no-plan-short"),
        ),
    ]
    devices = report.devices
    found.append(
        (
            texts("report-dark"),
            "—" if devices is None else texts("report-h", hours=devices.dark_h),
            texts("report-gone") if devices is None else texts("report-devices-known", n=devices.known),
        )
    )
    return found


def _most(total: int, high: int | None, texts: Sentences) -> str:
    return _amount(total, texts) if high is None or high == total else texts("report-range", low=total, high=high)


def _amount(value: float | None, texts: Sentences) -> str:
    return "—" if value is None else texts("report-n", n=value)


def _span(seconds: float | None, texts: Sentences) -> str:
    return "—" if seconds is None else texts("report-span", span_s=seconds)


def _percent(part: float, whole: float) -> str:
    return f"{part / whole:.0%}" if whole else "—"


class _Writer:
    """Writes one report in one language."""

    def __init__(self, report: WeekReport, language: str) -> None:
        self.report, self.zone = report, ZoneInfo(report.timezone)
        self.say = Sentences(language, self.zone)

    def article(self) -> str:
        """Return the whole report."""
        parts = [
            self._head(),
            self._section("alerts", self._alerts()),
            self._section("answers", self._answers()),
            self._section("false", self._false()),
            self._section("patrol", self._patrol(self.report.patrol)),
            self._section("staffing", self._staffing(self.report.staffing)),
            self._section("devices", self._devices()),
            self._section("learnt", self._learnt(self.report.learnt)),
            self._section("unknown", self._unknown()),
            f'<p class="report-small">{self._t("report-definitions")}</p>',
        ]
        return f'<article class="report" lang="{self.say.language}">{"".join(parts)}</article>'

    # -- words -------------------------------------------------------------------------------------------------------

    def _t(self, code: str, **args: Any) -> str:  # noqa: ANN401 - what the catalogue takes
        return escape(self.say(code, **args))

    def _p(self, code: str, **args: Any) -> str:  # noqa: ANN401 - same
        return f"<p>{self._t(code, **args)}</p>"

    def _day(self, ms: int, pattern: str = "%m-%d %H:%M") -> str:
        return local_time(ms, self.zone, pattern)

    def _name(self, names: Names, identifier: str) -> str:
        """Return what people call it, with its id where that is something else."""
        name = self.say.pick(names)
        return f"{name} ({identifier})" if name and name != identifier else identifier

    def _beat(self, names: Names, identifier: str) -> str:
        return self._name(names, identifier) or self.say("report-no-beat")

    def _kind(self, kind: str) -> str:
        return self.say.why(Why("kind", {"kind": kind}))

    def _weekdays(self) -> list[str]:
        return [self.say("report-weekday", day=day) for day in range(7)]

    @staticmethod
    def _section_id(name: str) -> str:
        return f"report-{name}"

    def _section(self, name: str, body: Sequence[str]) -> str:
        identifier = self._section_id(name)
        title = escape(self.say(f"report-section-{name}"))
        return f'<section aria-labelledby="{identifier}"><h3 id="{identifier}">{title}</h3>{"".join(body)}</section>'

    def _table(self, header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
        """Return a table; texts of the header are codes, of rows as they are. Columns after the first are amounts."""
        head = "".join(f'<th scope="col">{escape(self.say(f"report-col-{name}"))}</th>' for name in header)
        body = "".join(
            f'<tr><th scope="row">{escape(first)}</th>{"".join(f"<td>{escape(one)}</td>" for one in rest)}</tr>'
            for first, *rest in rows
        )
        return f'<div class="report-wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'

    @staticmethod
    def _picture(picture: str, caption: str = "") -> str:
        told = f"<figcaption>{caption}</figcaption>" if caption else ""
        return f"<figure>{told}{picture}</figure>"

    def _before(self, one: Before) -> str:
        if not one.known:
            return "—"
        return self.say("report-mean", mean=one.mean, least=one.least, most=one.most)

    def _more(self, whole: int, shown: int) -> list[str]:
        return [self._p("report-more", n=whole - shown)] if whole > shown else []

    # -- sections ----------------------------------------------------------------------------------------------------

    def _head(self) -> str:
        report, say = self.report, self.say
        made = self._t("report-made", time=self._day(report.made_ms, "%Y-%m-%d %H:%M"))
        notes = []
        if report.simulated:
            notes.append(self._t("report-exercise"))
        if report.state == "running":
            notes.append(self._t("report-running", until=self._day(report.until_ms, "%Y-%m-%d %H:%M")))
        if report.unknown.hours:
            notes.append(self._t("report-not-known", hours=report.unknown.hours, week=report.unknown.week_h))
        figures = "".join(
            f"<div><dt>{escape(label)}</dt><dd><strong>{escape(amount)}</strong><span>{escape(against)}</span></dd></div>"
            for label, amount, against in main_figures(report, say)
        )
        marked = "".join(f'<p class="report-note">{note}</p>' for note in notes)
        title = escape(heading(report, say))
        return (
            f'<header><h2>{title}</h2><p class="report-small">{made}</p>{marked}'
            f'<dl class="report-main">{figures}</dl></header>'
        )

    def _alerts(self) -> list[str]:
        alerts, say = self.report.alerts, self.say
        found = [self._p("report-none-raised")] if not alerts.total else []
        found.append(self._picture(self._weeks_picture(), self._t("report-weeks")))
        left = [self.say("report-left-week", week=one.week, hours=one.unknown_h) for one in self.report.left_out]
        found += [self._p("report-left-out", weeks=self.say("report-and").join(reversed(left)))] if left else []
        rows = [one for one in alerts.beats if one.count or any(one.mean_hours or ())][:_MOST_ROWS]
        names = [say.pick(one.name) or one.beat or say("report-no-beat") for one in rows]
        if rows:
            means = [one.mean_hours or [0.0] * 24 for one in rows]
            most = max([float(count) for one in rows for count in one.hours] + [max(mean) for mean in means] + [1.0])
            found.append(self._two_heats("beats", names, [one.hours for one in rows], means, most))
        most = float(max([count for day in alerts.days for count in day] + [1]))
        most = max([most] + [mean for day in alerts.mean_days or () for mean in day])
        found.append(self._two_heats("days", self._weekdays(), alerts.days, alerts.mean_days or [], most))
        header = ("beat", "alerts", "before-4", "before-8")
        found.append(
            self._table(
                header,
                [
                    (
                        self._name(one.name, one.beat or say("report-no-beat")),
                        str(one.count),
                        *map(self._before, one.before),
                    )
                    for one in alerts.beats[:_MOST_ROWS]
                ],
            )
        )
        found += self._more(len(alerts.beats), _MOST_ROWS)
        if alerts.kinds:
            found.append(
                self._table(
                    ("kind", *header[1:]),
                    [
                        (self._kind(one.kind), str(one.count), *map(self._before, one.before))
                        for one in alerts.kinds[:_MOST_ROWS]
                    ],
                )
            )
            found += self._more(len(alerts.kinds), _MOST_ROWS)
        return found

    def _two_heats(
        self,
        name: str,
        rows: Sequence[str],
        now: Sequence[Sequence[float]],
        before: Sequence[Sequence[float]],
        most: float,
    ) -> str:
        """Return this week beside the mean of those before, with one measure of ink."""
        shown = escape(self.say(f"report-heat-{name}"))
        found = self._picture(pictures.heat(self.say(f"report-heat-{name}"), rows, now, most), shown)
        if self.report.compared and before:
            caption = self.say("report-heat-before", known=len(self.report.compared))
            found += self._picture(pictures.heat(caption, rows, before, most), escape(caption))
        return f'<div class="report-pair">{found}</div>'

    def _weeks_picture(self) -> str:
        """Return the weeks before, oldest first, and this one."""
        alerts = self.report.alerts
        past = sorted([*self.report.compared, *self.report.left_out], key=lambda one: one.begin_ms)
        found = [Bar(one.week.partition("-")[2], one.alerts, str(one.alerts)) for one in past]
        high = "" if alerts.high in {None, alerts.total} else f"–{alerts.high}"
        now = Bar(self.report.week.partition("-")[2], alerts.total, f"{alerts.total}{high}", marked=True)
        return pictures.weeks(self.say("report-weeks"), [*found, now], alerts.before[-1].mean)

    def _answers(self) -> list[str]:
        answers, say = self.report.answers, self.say

        def row(label: str, one: Spread) -> tuple[str, ...]:
            return label, str(one.n), _span(one.median_s, say), _span(one.p90_s, say)

        rows = [row(say("report-acknowledge"), answers.acknowledge)]
        rows += [
            row(say("report-acknowledge-of", severity=Why("severity", {"severity": name})), one)
            for name, one in answers.severities.items()
            if one.n
        ]
        rows.append(row(say("report-clear"), answers.clear))
        found = [self._table(("what", "n", "median", "p90"), rows)]
        if answers.told is not None:
            told = answers.told
            found.append(self._p("report-told", alerts=told.alerts, messages=told.messages, open=told.open))
        found.append(self._p("report-unanswered-n", n=answers.unanswered, whole=self.report.alerts.total))
        if answers.named:
            found.append(
                self._table(
                    ("raised", "severity", "kind", "beat", "device"),
                    [
                        (
                            self._day(one.raised_ms),
                            say.why(Why("severity", {"severity": one.severity})),
                            self._kind(one.kind),
                            one.beat,
                            self._name(one.name, one.device),
                        )
                        for one in answers.named[:_MOST_ROWS]
                    ],
                )
            )
            found += self._more(len(answers.named), _MOST_ROWS)
        return found

    def _false(self) -> list[str]:
        false, say = self.report.false_alarms, self.say
        found = [self._p("report-false-sum", n=false.total, ended=false.ended, without=false.without)]
        if false.total:
            rows = [
                Bar(say("report-reason", reason=reason), count, str(count)) for reason, count in false.reasons.items()
            ]
            found.append(self._picture(pictures.bars(say("report-section-false"), rows)))
        return found

    def _patrol(self, patrol: PatrolPart) -> list[str]:
        if not patrol.stops:
            return [self._p("report-no-plan")]
        say = self.say

        def pair(one: Patrolled) -> Pair:
            text = say("report-minutes-of", got=one.delivered_min, wanted=one.planned_min)
            return Pair(say.pick(one.name) or one.id or say("report-no-beat"), one.planned_min, one.delivered_min, text)

        header = ("shift", "stops", "planned", "delivered", "done", "skipped", "missed")
        rows = [
            (one.id, str(one.stops), f"{one.planned_min:.0f}", f"{one.delivered_min:.0f}", str(one.done),
             str(one.skipped), str(one.missed))
            for one in patrol.shifts
        ]  # fmt: skip
        caption = self._t("report-by-beat")
        return [
            self._picture(pictures.pairs(say("report-by-beat"), [pair(one) for one in patrol.beats]), caption),
            self._table(header, rows),
        ]

    def _staffing(self, staffing: StaffPart) -> list[str]:
        wanted = staffing.needed if staffing.asked is None else staffing.asked
        code = "needed" if staffing.asked is None else "asked"
        caption = self.say(f"report-staff-{code}")
        there_h = staffing.there_h
        sums = self.say(f"report-staff-sum-{code}", asked=staffing.asked_h, needed=staffing.needed_h)
        there = (
            self._p("report-staff-nobody")
            if there_h is None
            else self._p("report-staff-there", there=there_h, short=staffing.short_h)
        )
        picture = pictures.staff(caption, self._weekdays(), wanted, staffing.there)
        return [self._picture(picture, escape(caption)), f"<p>{escape(sums)}</p>", there]

    def _devices(self) -> list[str]:
        devices, quality, say = self.report.devices, self.report.quality, self.say
        if devices is None:
            return [self._p("report-gone")]
        found = []
        if devices.rows:
            rows = [
                (
                    self._name(one.name, one.device),
                    say("report-h", hours=one.longest_h),
                    self._since(one.longest_ms if one.longest_h else None, still=one.still),
                    say("report-h", hours=one.dark_h),
                    say("report-h", hours=one.stuck_h),
                    f"{one.quality:.0%}",
                )
                for one in devices.rows[:_MOST_ROWS]
            ]
            found.append(self._table(("device", "longest", "since", "dark", "stuck", "quality"), rows))
            found += self._more(len(devices.rows), _MOST_ROWS)
        else:
            found.append(self._p("report-no-trouble", n=devices.known))
        if devices.never:
            found.append(self._p("report-never", devices=", ".join(devices.never[:_MOST_ROWS]), n=len(devices.never)))
        if quality is not None:
            shares = {
                name: "—" if share is None else f"{share:.2%}"
                for name, share in (
                    ("late", quality.late_share), ("missing", quality.missing_share),
                    ("duplicate", quality.duplicate_share),
                )
            }  # fmt: skip
            mean = "—" if quality.quality is None else f"{quality.quality:.1%}"
            found.append(self._p("report-quality", received=quality.received, quality=mean, **shares))
        return found

    def _since(self, ms: int | None, *, still: bool) -> str:
        if ms is None:
            return "—"
        return self.say("report-still", time=self._day(ms)) if still else self._day(ms)

    def _learnt(self, learnt: LearntPart) -> list[str]:
        say = self.say
        found = [self._p("report-grown", n=len(learnt.grown), young=learnt.young)]
        found.append(
            self._list(
                f"{self._name(one.name, one.device)}: {in_words(say, 'board-metric', one.metric)}"
                for one in learnt.grown[:_MOST_ROWS]
            )
        )
        found += self._more(len(learnt.grown), _MOST_ROWS)
        found.append(self._p("report-accepted", n=len(learnt.accepted)))
        found.append(
            self._list(
                say(
                    "report-accepted-one",
                    device=self._name(one.name, one.device),
                    time=self._day(one.at_ms),
                    since=self._day(one.since_ms),
                )
                for one in learnt.accepted[:_MOST_ROWS]
            )
        )
        if learnt.rhythms is None:
            return found
        shown = [one for one in learnt.rhythms if one.new] if learnt.compared else learnt.rhythms
        found.append(self._p("report-rhythms-new" if learnt.compared else "report-rhythms", n=len(shown)))
        found.append(
            self._list(
                say(
                    "report-rhythm",
                    device=self._name(one.name, one.device),
                    begin=one.begin,
                    end=one.end,
                    days=[Why(f"models-on-{day}") for day in one.weekdays],
                )
                for one in shown[:_MOST_ROWS]
            )
        )
        return found + self._more(len(shown), _MOST_ROWS)

    def _list(self, items: Iterable[str]) -> str:
        lines = "".join(f"<li>{escape(item)}</li>" for item in items)
        return f"<ul>{lines}</ul>" if lines else ""

    def _unknown(self) -> list[str]:
        unknown, alerts = self.report.unknown, self.report.alerts
        if not unknown.hours:
            return [self._p("report-all-known", week=unknown.week_h)]
        found = [
            self._p("report-unknown-sum", hours=unknown.hours, week=unknown.week_h),
            self._p("report-unknown-parts", away=unknown.away_h, blank=unknown.blank_h),
        ]
        if alerts.high is not None:
            found.append(self._p("report-unknown-high", low=alerts.total, high=alerts.high))
        longest = sorted(unknown.away, key=lambda span: span[0] - span[1])[:_MOST_ROWS]
        found.append(
            self._list(
                self.say("report-away", begin=self._day(a), end=self._day(b), hours=(b - a) / 3_600_000)
                for a, b in sorted(longest)
            )
        )
        return found
