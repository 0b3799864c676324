"""``patrolgrid report``: a week against the weeks before, as text, JSON, a page or a PDF; and a shift's book."""

import argparse
from contextlib import closing
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from console.common import FoundSite, add_settings_arguments, print_json, print_table, safe, settings_of_site, texts_of
from console.errors import CommandError
from console.report.main_figures import heading, main_figures
from console.report.pdf_file import write_pdf
from console.report.reckoning import WeekSource, week_report
from console.report.report_page import page_of
from console.report.week import Week, read_week
from console.shift.shift_book import read_site, shift_book
from console.shift.shift_text import ShiftText
from deploy.settings import Settings
from deploy.wiring import data_end_ms, open_places
from ingest.days.patrol_settings import roster_of
from ingest.files import replace_file
from stream.sentences.catalogue import Sentences
from stream.sinks.store.reader import StoreReader

EXAMPLES: Final = """\
examples:
  patrolgrid report week                                 the week that is over, in a few figures
  patrolgrid report week --week 2026-W48 --html week.html
  patrolgrid report week --pdf week.pdf --lang zh-CN     for paper; needs the extra report
  patrolgrid report week --json | jq .alerts.total
  patrolgrid report shift                                the running shift: what happened, what is open, hand-overs
  patrolgrid report shift --shift night-2026-11-26 --json

docs/report.md tells how every figure of a week is reckoned. No person and no number plate is in it.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    kinds = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    week = kinds.add_parser("week", help="a week against the weeks before")
    add_settings_arguments(week, site=True)
    week.add_argument("--week", metavar="WEEK", help="such as 2026-W48 (default: the newest that is over)")
    week.add_argument("--html", type=Path, metavar="FILE", help="write it as a page that needs nothing else")
    week.add_argument("--pdf", type=Path, metavar="FILE", help="write it as a PDF (needs the extra report)")
    week.add_argument("--json", action="store_true", help="print JSON")
    shift = kinds.add_parser("shift", help="a shift's book: what happened, what is open, notes, hand-overs")
    add_settings_arguments(shift, site=True)
    shift.add_argument("--shift", metavar="SHIFT", help="such as night-2026-11-26 (default: the running one)")
    shift.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Make the report. Raises `CommandError` for a week that is none, or is to come."""
    settings, site = settings_of_site(options)
    if options.what == "shift":
        return _shift(options, settings, site, texts_of(options, settings))
    return _week(options, settings, site, texts_of(options, settings))


def _week(options: argparse.Namespace, settings: Settings, site: FoundSite, texts: Sentences) -> int:
    places = open_places(settings, site.folder).load()
    with closing(StoreReader(site.store)) as reader:
        source = WeekSource(reader, settings, places, site.zone(settings), site.folder)
        try:
            week: Week = source.usual_week() if options.week is None else read_week(options.week)
            report = week_report(source, week)
        except ValueError as error:
            raise CommandError(f"--week: {error}", 2) from error
    if options.html is not None:
        replace_file(options.html, page_of(report, texts.language).encode())
    if options.pdf is not None:
        write_pdf(page_of(report, texts.language), options.pdf)
    if options.json:
        print_json(msgspec.to_builtins(report))
        return 0
    written = [str(path) for path in (options.html, options.pdf) if path is not None]
    said = Sentences(texts.language, ZoneInfo(report.timezone))
    print(heading(report, said))
    print_table(
        [texts(f"report-col-{name}") for name in ("what", "n", "compared")],
        [(safe(label), amount, against) for label, amount, against in main_figures(report, said)],
    )
    for path in written:
        print(texts("report-written", file=path))
    return 0


def _shift(options: argparse.Namespace, settings: Settings, site: FoundSite, texts: Sentences) -> int:
    places, now_ms = open_places(settings, site.folder).load(), data_end_ms(site.folder)
    whole = read_site(site.folder, settings, roster_of(settings.patrol).officers)
    found = whole.times.at(now_ms) if options.shift is None else whole.times.find(options.shift)
    if found is None:
        raise CommandError(f"--shift is {options.shift!r}, expected the id of a shift such as night-2026-11-26", 2)
    with closing(StoreReader(site.store)) as reader:
        book = shift_book(reader, whole, found, now_ms)
    if options.json:
        print_json(msgspec.to_builtins(book))
        return 0
    for line in ShiftText(texts, whole.zone, places).lines(book):
        print(line)
    return 0
