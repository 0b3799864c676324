"""``patrolgrid backtest``: the shipped models over a file, row by row, without looking ahead."""

import argparse
import csv
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from heapq import merge
from itertools import count, repeat
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from console.cli.hotspot_report import print_hotspots, run_hotspots
from console.cli.patrol_report import add_patrol_arguments, print_patrols, report_patrols
from console.common import (
    add_language_argument,
    bad_rows_json,
    print_json,
    progress_bar,
    tell_bad_rows,
)
from console.errors import CommandError
from console.training.offered_load import read_load, rules_of
from deploy.settings import find_file, load_settings
from deploy.wiring import open_calendar
from ingest.codecs.csv_files import RowError, read_rows
from ingest.codecs.csv_series import SeriesFile, read_series
from ingest.codecs.csv_values import Instants
from ingest.days.ics_file import read_ics
from ingest.days.site_calendar import SiteCalendar
from ingest.vocabulary import LevelState
from models.backtests import series_backtest as backtest
from models.backtests.file_backtest import FileScores, PastSeries, run_file
from models.backtests.staffing_backtest import staffing
from models.calendar import Calendar
from stream.patrol.staffing_sheet import kinds_of
from stream.sentences.catalogue import Sentences
from stream.sentences.languages import language_of

EXAMPLES: Final = """\
examples:
  patrolgrid backtest counts counts.csv --events events.csv --scores scores.csv --json
  patrolgrid backtest levels noise.csv --scores scores.csv
  patrolgrid backtest staffing load.csv --officers 3 --country CN
  patrolgrid backtest patrols incidents.csv --domain points.csv --train-until 2017-12-31 --officers 3 --every 10
  patrolgrid backtest hotspots incidents.csv --domain points.csv --train-until 2017-12-31 --save forecasts.npz

Files: counts `timestamp,device,count` (empty: missing), levels `timestamp,device,value`, events `start,end`
(levels: and `kind`, of which `stuck`, `step` and `drift` are to be named),
incidents `timestamp,lon,lat,category`, domain `lon,lat`, load `hour,beat,officer_hours`. Times without a zone are
local. docs/csv.md tells what else a CSV may look like.
"""
_NAMED_LATE_MS: Final = 2 * 86_400_000
"""So long after its end a fault may still be named."""
BUDGETS: Final = (1.0, 2.0, 5.0)
"""False alarms a week for which the report gives the detection."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of all backtests."""
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    for kind, column in (("counts", "count"), ("levels", "value")):
        part = kinds.add_parser(kind, help=f"a file of timestamp,device,{column}")
        part.add_argument("file", type=Path, metavar="FILE")
        part.add_argument("--events", type=Path, metavar="CSV", help="known events (start,end[,kind]) to score against")
        part.add_argument("--scores", type=Path, metavar="CSV", help="write timestamp,device,score,alarm here")
        _days(part)
        part.add_argument("--window", type=int, metavar="SECONDS", help="seconds between rows (default: found out)")
        part.add_argument("--join", type=float, default=1800.0, metavar="SECONDS", help="alarms closer are one")
        part.add_argument("--warm-up", type=float, default=14.0, metavar="DAYS", help="days not scored (default: 14)")
        _common(part)
    spots = kinds.add_parser("hotspots", help="a file of timestamp,lon,lat,category")
    spots.add_argument("--save", type=Path, metavar="NPZ", help="write days, lon, lat, risk and hits here")
    patrol = kinds.add_parser("patrols", help="a file of timestamp,lon,lat,category, patrolled as plans say")
    add_patrol_arguments(patrol)
    for part in (spots, patrol):
        part.add_argument("file", type=Path, metavar="INCIDENTS")
        part.add_argument("--domain", type=Path, required=True, metavar="CSV", help="lon,lat of points of the area")
        part.add_argument(
            "--train-until",
            required=True,
            metavar="DATE",
            help="last day to learn from; the first forecast is for the day after",
        )
        part.add_argument("--cell", type=float, default=250.0, metavar="METRES", help="side of a cell (default: 250)")
        _common(part)
    staff = kinds.add_parser("staffing", help="a file of hour,beat,officer_hours")
    staff.add_argument("file", type=Path, metavar="LOAD")
    staff.add_argument("--officers", type=int, default=3, metavar="N", help="of each equal shift (default: 3)")
    staff.add_argument("--lengths", default="8", metavar="HOURS", help="of shifts, such as 6,8,10 (default: 8)")
    staff.add_argument("--starts", type=int, default=5, metavar="N", help="different hours of beginning (default: 5)")
    staff.add_argument("--learn", type=int, default=8, metavar="WEEKS", help="weeks that are not planned (default: 8)")
    _days(staff)
    _common(staff)


def run(options: argparse.Namespace) -> int:
    """Run the backtest asked for. Raises `CommandError` naming the file and the line that is wrong."""
    try:
        reports = {"hotspots": run_hotspots, "staffing": _staffing, "patrols": report_patrols}
        report = reports.get(options.kind, _series)(options)
    except OSError as error:
        raise CommandError(f"{error.filename}: {error.strerror}") from error
    if options.json:
        print_json(report)
    else:
        _print(report, Sentences(language_of(options.lang)))
    return 0


def _days(parser: argparse.ArgumentParser) -> None:
    """Add what says which days are like which."""
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="settings file with zone and calendar (default: as elsewhere)",
    )
    parser.add_argument(
        "--timezone", metavar="ZONE", help="zone of local times (default: the settings file's, or UTC without one)"
    )
    parser.add_argument(
        "--country", metavar="CODE", help="its holidays count, such as CN or US (default: the settings file's)"
    )
    parser.add_argument("--calendar", type=Path, metavar="ICS", help="calendar file in place of the settings' calendar")


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    add_language_argument(parser)


def _series(options: argparse.Namespace) -> dict[str, Any]:
    calendar = _calendar(options)
    found, names = _read(options, calendar)
    planned = _leave_out(found, calendar)
    scores = _run(options, found, calendar)
    if options.scores:
        _write_scores(options.scores, options.kind, found, names, scores)
    windows = [options.window or max(one.interval_ms // 1000, 1) for one in found.series]
    times, window_s = scores.times, max(windows)
    days = (int(times[-1]) - int(times[0])) / 86_400_000
    report: dict[str, Any] = {
        "file": str(options.file),
        "kind": options.kind,
        "window_s": window_s,
        "rows": found.rows,
        "missing": scores.missing,
        "planned": planned,
        "devices": _devices(found, names, windows, scores),
        **bad_rows_json(found.bad),
    }
    if options.events:
        known = known_events(options.events, calendar)
        events = [(begin, end) for begin, end, _ in known]
        if days <= options.warm_up:
            raise CommandError(f"{options.file}: {days:.1f} days, but {options.warm_up:g} are warm-up; use --warm-up")
        rest: dict[str, Any] = {"join_s": options.join, "warm_up_days": options.warm_up}
        best = backtest.best_within(times, scores.highest, events, BUDGETS, window_s, **rest)
        alarm = np.asarray(scores.any_alarm, dtype=np.float64)
        shipped = backtest.score(times, alarm, events, 0.5, window_s, **rest)
        report["events"] = shipped.events
        report["found_within"] = {f"{budget:g}": _detection(found) for budget, found in best.items()}
        report["shipped"] = _detection(shipped) | {"threshold": backtest.shipped_threshold(options.kind)}
        if options.kind == "levels":
            first = int(times[0]) + round(options.warm_up * 86_400_000)
            report["kinds"] = _kinds([one for one in known if one[0] >= first], found, scores)
    return report


def _staffing(options: argparse.Namespace) -> dict[str, Any]:
    calendar = _calendar(options)
    past = read_load(options.file, calendar)
    kinds = kinds_of(calendar, past.first_day, len(past.load))
    try:
        rules = rules_of(options.lengths, options.starts, 1)
        with progress_bar(options, unit="weeks", leave=False) as progress:
            found = staffing(past.load, kinds, options.officers, rules, learn_weeks=options.learn, progress=progress)
    except ValueError as error:
        raise CommandError(f"{options.file}: {error}") from error
    return {
        "file": str(options.file),
        "kind": "staffing",
        "beats": len(past.beats),
        "days": len(past.load),
        "saved": 1.0 - found.hours / found.equal_hours,
        **asdict(found),
    }


def _calendar(options: argparse.Namespace) -> Calendar:
    """Return the days that the node would go by, as the settings file says, with what the options say instead."""
    path = find_file(options.config)
    settings = None if path is None else load_settings(path)
    zone = options.timezone or ("UTC" if settings is None else settings.site.timezone)
    try:
        found = SiteCalendar() if settings is None else open_calendar(settings, settings.site_dir).load()
        entries = found.entries
        if options.calendar is not None:
            entries = read_ics(options.calendar.read_bytes(), str(options.calendar), ZoneInfo(zone))
        return Calendar(zone, (found.country if options.country is None else options.country) or None, entries=entries)
    except ValueError as error:
        raise CommandError(str(error), 2) from error


def _leave_out(found: SeriesFile, calendar: Calendar) -> int:
    """Take out what is neither judged nor learned, as something is planned for the device; return how many rows."""
    count = 0
    for one in found.series if calendar.plans else ():
        times, values = np.frombuffer(one.times, dtype=np.int64), np.frombuffer(one.values, dtype=np.float64)
        for plan in calendar.planned(int(times.min()), int(times.max()) + one.interval_ms):
            if plan.entry.at and one.name.device not in plan.entry.at:
                continue
            inside = (times + one.interval_ms > plan.start_ms) & (times < plan.end_ms)
            count += int(np.isfinite(values[inside]).sum())
            values[inside] = np.nan
    return count


def _read(options: argparse.Namespace, calendar: Calendar) -> tuple[SeriesFile, list[str]]:
    """Read the file, and return it with the names of its series: the devices', with the metric where one has two."""
    kind = "count" if options.kind == "counts" else "value"
    zone = ZoneInfo(calendar.timezone)
    found = read_series(options.file, zone, kinds=(kind,), texts=options.scores is not None)
    tell_bad_rows(Sentences(language_of(options.lang)), options.file, found.bad)
    devices = Counter(name.device for name in {one.name for one in found.series})
    names = [one.name.device if devices[one.name.device] == 1 else ":".join(one.name) for one in found.series]
    return found, names


def _devices(
    found: SeriesFile, names: Sequence[str], windows: Sequence[int], scores: FileScores
) -> dict[str, dict[str, Any]]:
    """Return what came of each device; its window is the shortest, where it changed from one interval to another."""
    devices: dict[str, dict[str, Any]] = {}
    for name, one, window_s, alarm in zip(names, found.series, windows, scores.alarm, strict=True):
        part = devices.setdefault(name, {"alarm_rows": 0, "rows": 0, "window_s": window_s, "windows_s": []})
        part["alarm_rows"] += int(alarm.sum())
        part["rows"] += int(np.isfinite(one.values).sum())
        part["windows_s"] = sorted({*part["windows_s"], window_s})
        part["window_s"] = part["windows_s"][0]
    return devices


def _run(options: argparse.Namespace, found: SeriesFile, calendar: Calendar) -> FileScores:
    """Run the models over the series, each in windows of its own length."""
    if not options.window and not all(one.interval_ms for one in found.series):
        raise CommandError(f"{options.file}: has one time only: give --window SECONDS")
    series = [
        PastSeries(
            np.frombuffer(one.times, dtype=np.int64),
            np.frombuffer(one.values, dtype=np.float64),
            min(max(one.interval_ms, 1000), 86_400_000),
        )
        for one in found.series
    ]
    with progress_bar(options, unit="rows", leave=False) as progress:
        return run_file(options.kind, series, calendar, options.window, progress=progress)


def _kinds(known: list[tuple[int, int, str]], found: SeriesFile, scores: FileScores) -> dict[str, dict[str, int]]:
    """Return by kind how many there were, how many an alarm touched, and how many faults were called what they are.

    A step is called so a day after it; a drift, when it has gone on for days.
    """
    kinds: dict[str, dict[str, int]] = {}
    times = [np.frombuffer(one.times, dtype=np.int64) for one in found.series]
    states = {state.name.lower(): int(state) for state in (LevelState.STUCK, LevelState.STEP, LevelState.DRIFT)}
    for begin, end, kind in known:
        part = kinds.setdefault(kind, {"events": 0, "found": 0} | ({"named": 0} if kind in states else {}))
        part["events"] += 1
        inside = [(when >= begin) & (when < end) for when in times]
        part["found"] += any((alarm & rows).any() for alarm, rows in zip(scores.alarm, inside, strict=True))
        if kind in states:
            late = [(when >= begin) & (when < end + _NAMED_LATE_MS) for when in times]
            called = ((state == states[kind]) & rows for state, rows in zip(scores.state, late, strict=True))
            part["named"] += any(one.any() for one in called)
    return kinds


def known_events(path: Path, calendar: Calendar) -> list[tuple[int, int, str]]:
    """Return the events of a file: (begin, end, kind), epoch ms. Raises as `read_rows` does."""
    instants = Instants(ZoneInfo(calendar.timezone))

    def parse(_line: int, row: dict[str, str]) -> tuple[int, int, str]:
        begin, end = (instants.first(row[name], name) for name in ("start", "end"))
        if end <= begin:
            raise RowError(f"the event ends ({row['end']}) before it starts ({row['start']})")
        return begin, end, row.get("kind") or "event"

    return list(read_rows(path, ("start", "end"), parse))


def _write_scores(path: Path, kind: str, found: SeriesFile, names: Sequence[str], scores: FileScores) -> None:
    """Write the scores in the order of time; of several devices, rows without a value are left out."""
    alone = len(found.series) == 1
    rows = merge(*(zip(one.times, repeat(at), count()) for at, one in enumerate(found.series)))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        levels = kind == "levels"
        writer.writerow(("timestamp", "device", "score", "alarm") + ("kind",) * levels)
        for _, at, row in rows:
            one = found.series[at]
            if alone or math.isfinite(one.values[row]):
                surprise, alarm = scores.surprise[at][row], int(scores.alarm[at][row])
                said = (LevelState(int(scores.state[at][row])).name.lower(),) if levels else ()
                writer.writerow((one.texts[row], names[at], f"{surprise:.6g}", alarm, *said))


def _detection(found: backtest.BacktestScore) -> dict[str, Any]:
    return {
        "found": found.found,
        "share": found.share,
        "false_per_week": found.false_per_week,
        "threshold": found.threshold if math.isfinite(found.threshold) else None,
        "delay_s_median": found.delay_s,
    }


def _print(report: dict[str, Any], texts: Sentences) -> None:
    if report["kind"] == "hotspots":
        print_hotspots(report, texts)
        return
    if report["kind"] == "patrols":
        print_patrols(report, texts)
        return
    if report["kind"] == "staffing":
        numbers = {name: report[name] for name in ("officers", "hours", "equal_hours", "share", "equal_share", "saved")}
        print(texts("backtest-staffing", first=f"{report['first_h']:02d}:00", **numbers))
        return
    windows = sorted({window for part in report["devices"].values() for window in part["windows_s"]})
    window = windows[0] if len(windows) == 1 else ", ".join(map(str, windows))
    print(texts("backtest-rows", rows=report["rows"], missing=report["missing"], window=window))
    for device, part in report["devices"].items():
        print("  " + texts("backtest-device", device=device, rows=part["alarm_rows"]))
    if "found_within" in report:
        print(texts("backtest-events", events=report["events"]))
        for budget, found in report["found_within"].items():
            print(
                "  " + texts("backtest-found", budget=budget, share=found["share"], threshold=str(found["threshold"]))
            )
        shipped = report["shipped"]
        print("  " + texts("backtest-shipped", share=shipped["share"], false=shipped["false_per_week"]))
        for kind, part in report.get("kinds", {}).items():
            print("  " + texts("backtest-kind", name=kind, **{"named": -1} | part))
