"""The report as HTML in one language: for a file that stands alone, for paper, and as a part of the board's page."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from console.common import in_words
from console.report import pictures
from console.report.document import (
    SPANS,
    LearntPart,
    PastWeek,
    PatrolPart,
    PatrolSum,
    Spread,
    StaffPart,
    WeekReport,
)
from console.report.main_figures import heading, main_figures, span
from console.report.pictures import Bar, Pair
from console.report.report_words import ReportWords
from console.report.week import spread, table
from stream.sentences import Why
from stream.sentences.catalogue import Sentences
from stream.sentences.languages import one_script

STYLE: Final = Path(__file__).resolve().parent.parent / "static" / "css" / "report.css"
_MOST_ROWS: Final = 12
"""Rows of a table that everything is in on a quiet site; of more it is said how many there are."""
_Row = TypeVar("_Row")


def _first(rows: Sequence[_Row]) -> Sequence[_Row]:
    """Return the rows that a table shows: one too many takes no more room than the line that would say so."""
    return rows if len(rows) == _MOST_ROWS + 1 else rows[:_MOST_ROWS]


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
    return _Report(report, language).article()


class _Report(ReportWords):
    """Writes one report in one language."""

    def article(self) -> str:
        """Return the whole report."""
        parts = [
            self._head(),
            self.section("alerts", self._alerts()),
            self.section("answers", self._answers()),
            self.section("false", self._false()),
            self.section("patrol", self._patrol(self.report.patrol)),
            self.section("staffing", self._staffing(self.report.staffing)),
            self.section("devices", self._devices()),
            self.section("learnt", self._learnt(self.report.learnt)),
            self.section("unknown", self._unknown()),
            f'<p class="report-small">{self.text("report-definitions")}</p>',
        ]
        return f'<article class="report" lang="{self.say.language}">{"".join(parts)}</article>'

    # -- sections ----------------------------------------------------------------------------------------------------

    def _head(self) -> str:
        report, say = self.report, self.say
        made = self.text("report-made", time=self.day(report.made_ms, "%Y-%m-%d %H:%M"))
        notes = []
        if report.simulated:
            notes.append(self.text("report-exercise"))
        if report.state == "running":
            notes.append(self.text("report-running", until=self.day(report.until_ms, "%Y-%m-%d %H:%M")))
        if report.unknown.hours:
            notes.append(self.text("report-not-known", hours=report.unknown.hours, week=report.unknown.week_h))
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
        found = [] if alerts.total or self.report.unknown.hours else [self.line("report-none-raised")]
        past = self._past()
        found += [self.picture(self._weeks_picture(past), self.text("report-weeks"))] if past else []
        if self.report.began_ms is not None and len(past) < SPANS[-1]:
            found.append(self.line("report-began", time=self.day(self.report.began_ms, "%Y-%m-%d")))
        left = [say("report-left-week", week=one.week, hours=one.unknown_h) for one in past if one.alerts is None]
        found += [self.line("report-left-out", weeks=say("report-and").join(left))] if left else []
        rows = [one for one in alerts.beats if one.count or any(one.mean_hours or ())][:_MOST_ROWS]
        names = [say.pick(one.name) or one.beat or say("report-no-beat") for one in rows]
        if rows:
            means = [one.mean_hours or [0.0] * 24 for one in rows]
            most = max([float(count) for one in rows for count in one.hours] + [max(mean) for mean in means] + [1.0])
            found.append(self._two_heats("beats", names, [one.hours for one in rows], means, most))
        most = float(max([count for day in alerts.days for count in day] + [1]))
        most = max([most] + [mean for day in alerts.mean_days or () for mean in day])
        found.append(self._two_heats("days", self.weekdays(), alerts.days, alerts.mean_days or [], most))
        header = ("beat", "alerts", "before-4", "before-8")
        found.append(
            self.table(
                header,
                [
                    (
                        self.name(one.name, one.beat or say("report-no-beat")),
                        str(one.count),
                        *map(self.before, one.before),
                    )
                    for one in _first(alerts.beats)
                ],
            )
        )
        found += self.more(len(alerts.beats), len(_first(alerts.beats)))
        if alerts.kinds:
            found.append(
                self.table(
                    ("kind", *header[1:]),
                    [
                        (self.kind(one.kind), str(one.count), *map(self.before, one.before))
                        for one in _first(alerts.kinds)
                    ],
                )
            )
            found += self.more(len(alerts.kinds), len(_first(alerts.kinds)))
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
        found = self.picture(pictures.heat(self.say(f"report-heat-{name}"), rows, now, most), shown)
        if self.report.compared and before:
            caption = self.say("report-heat-before", known=len(self.report.compared))
            found += self.picture(pictures.heat(caption, rows, before, most), escape(caption))
        return f'<div class="report-pair">{found}</div>'

    def _past(self) -> list[PastWeek]:
        """Return the weeks before in which the site was there, the oldest first."""
        past = sorted([*self.report.compared, *self.report.left_out], key=lambda one: one.begin_ms)
        return [one for one in past if one.until_ms > (self.report.began_ms or 0)]

    def _weeks_picture(self, past: Sequence[PastWeek]) -> str:
        alerts = self.report.alerts
        found = [Bar(one.week.partition("-")[2], one.alerts, str(one.alerts)) for one in past]
        high = "" if alerts.high in {None, alerts.total} else f"–{alerts.high}"
        now = Bar(self.report.week.partition("-")[2], alerts.total, f"{alerts.total}{high}", marked=True)
        return pictures.weeks(self.say("report-weeks"), [*found, now], alerts.before[-1].mean)

    def _answers(self) -> list[str]:
        answers, say = self.report.answers, self.say

        def row(label: str, one: Spread) -> tuple[str, ...]:
            return label, str(one.n), span(one.median_s, say), span(one.p90_s, say)

        rows = [row(say("report-acknowledge"), answers.acknowledge)]
        rows += [
            row(say("report-acknowledge-of", severity=Why("severity", {"severity": name})), one)
            for name, one in answers.severities.items()
            if one.n
        ]
        rows.append(row(say("report-clear"), answers.clear))
        found = [self.table(("what", "n", "median", "p90"), rows)]
        if answers.told is not None:
            told = answers.told
            found.append(self.line("report-told", alerts=told.alerts, messages=told.messages, open=told.open))
        if not self.report.nothing_known:
            found.append(self.line("report-unanswered-n", n=answers.unanswered, whole=self.report.alerts.total))
        if answers.named:
            found.append(
                self.table(
                    ("raised", "severity", "kind", "beat", "device"),
                    [
                        (
                            self.day(one.raised_ms),
                            say.why(Why("severity", {"severity": one.severity})),
                            self.kind(one.kind),
                            say.pick(one.beat_name) or one.beat or "—",
                            self.name(one.name, one.device) or "—",
                        )
                        for one in _first(answers.named)
                    ],
                )
            )
            found += self.more(len(answers.named), len(_first(answers.named)))
        return found

    def _false(self) -> list[str]:
        false, say = self.report.false_alarms, self.say
        if self.report.nothing_known:
            return [self.line("report-not-known", hours=self.report.unknown.hours, week=self.report.unknown.week_h)]
        found = [self.line("report-false-sum", n=false.total, ended=false.ended, without=false.without)]
        if false.total:
            rows = [
                Bar(say("report-reason", reason=reason), count, str(count)) for reason, count in false.reasons.items()
            ]
            found.append(self.picture(pictures.bars(say("report-section-false"), rows)))
        return found

    def _patrol(self, patrol: PatrolPart) -> list[str]:
        if not patrol.stops:
            return [self.line("report-no-plan")]
        say = self.say

        def pair(one: PatrolSum) -> Pair:
            text = say("report-minutes-of", got=one.delivered_min, wanted=one.planned_min)
            return Pair(say.pick(one.name) or one.id or say("report-no-beat"), one.planned_min, one.delivered_min, text)

        header = ("shift", "stops", "planned", "delivered", "done", "skipped", "missed")
        rows = [
            (one_script(one.id, say.language), str(one.stops), f"{one.planned_min:.0f}",
             f"{one.delivered_min:.0f}", str(one.done), str(one.skipped), str(one.missed))
            for one in patrol.shifts
        ]  # fmt: skip
        caption = self.text("report-by-beat")
        return [
            self.picture(pictures.pairs(say("report-by-beat"), [pair(one) for one in patrol.beats]), caption),
            self.table(header, rows),
        ]

    def _staffing(self, staffing: StaffPart) -> list[str]:
        wanted = staffing.needed if staffing.asked is None else staffing.asked
        code = "needed" if staffing.asked is None else "asked"
        caption = self.say(f"report-staff-{code}")
        there_h = staffing.there_h
        sums = self.say(f"report-staff-sum-{code}", asked=staffing.asked_h, needed=staffing.needed_h)
        there = (
            self.line("report-staff-nobody")
            if there_h is None
            else self.line("report-staff-there", there=there_h, short=staffing.short_h)
        )
        since = [self.line("report-staff-since", time=self.day(staffing.since_ms))] if staffing.since_ms else []
        known = table()
        spread(known, staffing.since_ms or self.report.begin_ms, self.report.until_ms, self.zone)
        picture = pictures.staff(caption, self.weekdays(), wanted, staffing.there, known)
        return [self.picture(picture, escape(caption)), f"<p>{escape(sums)}</p>", there, *since]

    def _devices(self) -> list[str]:
        devices, quality, say = self.report.devices, self.report.quality, self.say
        if devices is None:
            return [self.line("report-gone")]
        since = devices.since_ms
        found = [] if since is None else [self.line("report-devices-since", time=self.day(since))]
        if devices.rows:
            rows = [
                (
                    self.name(one.name, one.device),
                    say("report-h", hours=one.longest_h),
                    self._since(one.longest_ms if one.longest_h else None, still=one.still),
                    say("report-h", hours=one.dark_h),
                    say("report-h", hours=one.stuck_h),
                    f"{one.quality:.0%}",
                )
                for one in _first(devices.rows)
            ]
            found.append(self.table(("device", "longest", "since", "dark", "stuck", "quality"), rows))
            found += self.more(len(devices.rows), len(_first(devices.rows)))
        else:
            found.append(self.line("report-no-trouble", n=devices.known))
        if devices.never:
            found.append(self.line("report-never", devices=", ".join(devices.never[:_MOST_ROWS]), n=len(devices.never)))
        if quality is not None:
            shares = {
                name: "—" if share is None else f"{share:.2%}"
                for name, share in (
                    ("late", quality.late_share), ("missing", quality.missing_share),
                    ("duplicate", quality.duplicate_share),
                )
            }  # fmt: skip
            mean = "—" if quality.quality is None else f"{quality.quality:.1%}"
            found.append(self.line("report-quality", received=quality.received, quality=mean, **shares))
        return found

    def _since(self, ms: int | None, *, still: bool) -> str:
        if ms is None:
            return "—"
        return self.say("report-still", time=self.day(ms)) if still else self.day(ms)

    def _learnt(self, learnt: LearntPart) -> list[str]:
        say = self.say
        found = [self.line("report-grown", n=len(learnt.grown))]
        found.append(
            self.listed(
                f"{self.name(one.name, one.device)}: {in_words(say, 'board-metric', one.metric)}"
                for one in _first(learnt.grown)
            )
        )
        found += self.more(len(learnt.grown), len(_first(learnt.grown)))
        found.append(self.line("report-young", n=learnt.young))
        found.append(self.line("report-accepted", n=len(learnt.accepted)))
        found.append(
            self.listed(
                say(
                    "report-accepted-one",
                    device=self.name(one.name, one.device),
                    time=self.day(one.at_ms),
                    since=self.day(one.since_ms),
                )
                for one in learnt.accepted[:_MOST_ROWS]
            )
        )
        if learnt.rhythms is None:
            return found
        shown = [one for one in learnt.rhythms if one.new] if learnt.compared else learnt.rhythms
        found.append(self.line("report-rhythms-new" if learnt.compared else "report-rhythms", n=len(shown)))
        found.append(
            self.listed(
                say(
                    "report-rhythm",
                    device=self.name(one.name, one.device),
                    begin=one.begin,
                    end=one.end,
                    days=[Why(f"models-on-{day}") for day in one.weekdays],
                )
                for one in _first(shown)
            )
        )
        return found + self.more(len(shown), len(_first(shown)))

    def _unknown(self) -> list[str]:
        unknown, alerts = self.report.unknown, self.report.alerts
        if not unknown.hours:
            return [self.line("report-all-known", week=unknown.week_h)]
        found = [
            self.line("report-unknown-sum", hours=unknown.hours, week=unknown.week_h),
            self.line("report-unknown-parts", away=unknown.away_h, blank=unknown.blank_h),
        ]
        if alerts.high is not None:
            found.append(self.line("report-unknown-high", low=alerts.total, high=alerts.high))
        longest = sorted(unknown.away, key=lambda span: span[0] - span[1])[:_MOST_ROWS]
        found.append(
            self.listed(
                self.say("report-away", begin=self.day(a), end=self.day(b), hours=(b - a) / 3_600_000)
                for a, b in sorted(longest)
            )
        )
        return found
