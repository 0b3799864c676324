"""A week in a few figures: for the head of the page, the terminal and the message on Monday."""

from zoneinfo import ZoneInfo

from console.common import local_time
from console.report.document import WeekReport
from stream.sentences.catalogue import Sentences


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

    def amount(n: int) -> str:
        return "—" if report.nothing_known else texts("report-n", n=n)

    found = [
        (texts("report-alerts"), _most(report, texts), against),
        (
            texts("report-acknowledge"),
            span(taken.median_s, texts),
            texts("report-p90", p90=span(taken.p90_s, texts), n=taken.n) if taken.n else texts("report-none-taken"),
        ),
        (texts("report-unanswered"), amount(answers.unanswered), texts("report-of", whole=alerts.total)),
        (
            texts("report-false"),
            amount(report.false_alarms.total),
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


def _most(report: WeekReport, texts: Sentences) -> str:
    """Return how many alerts there were: a number, a range, or what is a least."""
    total, high = report.alerts.total, report.alerts.high
    if report.nothing_known:
        return "—"
    if high is not None and high > total:
        return texts("report-range", low=total, high=high)
    return texts("report-least" if report.unknown.hours and high is None else "report-n", n=total)


def span(seconds: float | None, texts: Sentences) -> str:
    """Return how long something took; a dash where that is not known."""
    return "—" if seconds is None else texts("report-span", span_s=seconds)


def _percent(part: float, whole: float) -> str:
    return f"{part / whole:.0%}" if whole else "—"
