"""Reckons the chief's week again, from exports alone: ``python -m benchmarks.report_agrees FOLDER [WEEK …]``.

FOLDER has, or gets, the simulated month of `benchmarks.month`. Each week is reported by ``patrolgrid report week
--json``, the tables are exported to CSV, and every figure that docs/report.md defines is reckoned from these in plain
Python, by other code than the report's. It prints how many figures agree and each one that does not; exit code 1 then.
"""

import csv
import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import redirect_stdout
from datetime import date, datetime, time, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from scipy import stats

from benchmarks.month import SITE, make
from console.cli.main import main as command
from ingest.days.patrol_settings import PatrolSettings
from ingest.places import load_places

ZONE = ZoneInfo("Asia/Shanghai")
WEEKS = ("2026-W47", "2026-W45", "2026-W43")
"""The last one, with four before it; that in which the node was down; the first one, with none before."""
TABLES = ("alerts", "revisions", "windows", "patrols", "plans", "health", "watched")
HOUR = 3600.0
OPEN = {"planned", "arrived"}
NOT_RECKONED = ("told", "rhythms", "accepted", "named", "name", "made_ms", "until_ms", "site", "timezone", "compared",
                "simulated", "state", "week", "begin_ms", "end_ms")  # fmt: skip
"""What is not of the store, or no figure; who is unanswered is compared by id."""
Row = dict[str, str]


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def true(text: str) -> bool:
    return text == "true"


class Exports:
    """The exported tables, read once."""

    def __init__(self, folder: Path) -> None:
        self.rows: dict[str, list[Row]] = {}
        for table in TABLES:
            file = folder / f"{table}.csv"
            arguments = ["export", table, "--csv", str(file), "--data-dir", str(folder), "--site", SITE, "--quiet"]
            with redirect_stdout(StringIO()):
                if command(arguments):
                    raise SystemExit(f"{table} could not be exported")
            with file.open(encoding="utf-8", newline="") as opened:
                self.rows[table] = list(csv.DictReader(opened))
            for row in self.rows[table]:
                row["at"] = seconds(row["timestamp"])  # type: ignore[assignment]
        self.revisions: dict[str, list[Row]] = defaultdict(list)
        for row in sorted(self.rows["revisions"], key=lambda row: int(row["revision"])):
            self.revisions[row["id"]].append(row)

    def within(self, table: str, begin: float, end: float) -> list[Row]:
        return [row for row in self.rows[table] if begin <= float(row["at"]) < end]


class Week:
    """A week by the site's clock, and what is known of it."""

    def __init__(self, exports: Exports, monday: date) -> None:
        self.exports, self.monday = exports, monday
        self.begin, self.end = (
            datetime.combine(day, time(), ZONE).timestamp() for day in (monday, monday + timedelta(days=7))
        )
        year, number, _ = monday.isocalendar()
        self.name = f"{year}-W{number:02}"
        self.alerts = exports.within("alerts", self.begin, self.end)
        # Minute by minute: no arithmetic of spans that could be wrong in the same way.
        minutes = round((self.end - self.begin) / 60)
        watched, filled = [0.0] * minutes, [False] * minutes
        for row in exports.rows["watched"]:
            since, until = float(row["at"]) - self.begin, seconds(row["until"]) - self.begin
            for minute in range(max(int(since // 60), 0), min(int(until // 60) + 1, minutes)):
                watched[minute] += max(min(until, 60 * minute + 60) - max(since, 60 * minute), 0.0) / 60
        for row in exports.within("windows", self.begin, self.end):
            if int(row["n"]) > 0:
                hour = int((float(row["at"]) - self.begin) // HOUR)
                filled[60 * hour : 60 * hour + 60] = [True] * 60
        self.away_h = sum(1 - min(part, 1) for part in watched) / 60
        self.blank_h = filled.count(False) / 60
        self.unknown_h = (
            sum(1 if not full else 1 - min(part, 1) for part, full in zip(watched, filled, strict=True)) / 60
        )
        self.hours = minutes / 60

    def before(self, weeks: int) -> "Week":
        return Week(self.exports, self.monday - timedelta(days=7 * weeks))


def quantile(values: Iterable[float], q: float) -> float | None:
    listed = sorted(values)
    if not listed:
        return None
    rank = (len(listed) - 1) * q
    low = int(rank)
    high = min(low + 1, len(listed) - 1)
    return listed[low] + (listed[high] - listed[low]) * (rank - low)


def spread(values: Sequence[float]) -> dict[str, Any]:
    return {"n": len(values), "median_s": quantile(values, 0.5), "p90_s": quantile(values, 0.9)}


def by_hour(rows: Iterable[Row]) -> list[list[int]]:
    table = [[0] * 24 for _ in range(7)]
    for row in rows:
        local = datetime.fromtimestamp(float(row["at"]), ZONE)
        table[local.weekday()][local.hour] += 1
    return table


def mean_of(tables: Sequence[list[list[int]]]) -> list[list[float]] | None:
    return [
        [sum(cells) / len(tables) for cells in zip(*days, strict=True)] for days in zip(*tables, strict=True)
    ] or None


def down(table: list[list[Any]] | None) -> list[Any] | None:
    return table and [sum(column) for column in zip(*table, strict=True)]


def alert_part(week: Week, past: Sequence[Week], beats: Iterable[str]) -> dict[str, Any]:
    counted = [None if one.unknown_h > 24 else one for one in past]
    known = [one for one in counted if one]

    def before(count: Callable[[Week], int]) -> dict[str, Any]:
        found = {}
        for span in (4, 8):
            numbers = [count(one) for one in counted[:span] if one]
            mean = sum(numbers) / len(numbers) if numbers else None
            found[str(span)] = {"weeks": span, "known": len(numbers), "mean": mean}
            found[str(span)] |= {"least": min(numbers, default=None), "most": max(numbers, default=None)}
        return found

    def of(one: Week, column: str, name: str) -> list[Row]:
        return [row for row in one.alerts if row[column] == name]

    def number_of(column: str, name: str) -> Callable[[Week], int]:
        return lambda one: len(of(one, column, name))

    every = [row for one in [week, *known] for row in one.alerts]
    many, hours = sum(len(one.alerts) for one in known), sum(one.hours - one.unknown_h for one in known)
    if not known:
        many, hours = len(week.alerts), week.hours - week.unknown_h
    more = stats.nbinom.ppf(0.95, many + 0.5, hours / (hours + week.unknown_h)) if week.unknown_h else None
    return {
        "total": len(week.alerts),
        "high": None if more is None else len(week.alerts) + int(more),
        "before": before(lambda one: len(one.alerts)),
        "severities": Counter(row["severity"] for row in week.alerts),
        "states": Counter(row["state"] for row in week.alerts),
        "kinds": {
            kind: {
                "count": len(of(week, "kind", kind)),
                "before": before(number_of("kind", kind)),
            }
            for kind in {row["kind"] for row in every}
        },
        "beats": {
            beat: {
                "count": len(of(week, "beat", beat)),
                "hours": down(by_hour(of(week, "beat", beat))),
                "mean_hours": down(mean_of([by_hour(of(one, "beat", beat)) for one in known])),
                "before": before(number_of("beat", beat)),
            }
            for beat in {*beats, *(row["beat"] for row in every)}
        },
        "days": by_hour(week.alerts),
        "mean_days": mean_of([by_hour(one.alerts) for one in known]),
    }


def answers(week: Week) -> tuple[dict[str, Any], dict[str, Any]]:
    taken: dict[str, float] = {}
    cleared: dict[str, float] = {}
    reasons: dict[str, str] = {}
    for row in week.alerts:
        story = week.exports.revisions[row["id"]]
        raised = float(row["at"])
        for one in story:
            if one["state"] == "acknowledged" or (one["state"] == "cleared" and true(one["people"])):
                taken.setdefault(row["id"], float(one["at"]) - raised)
            if one["state"] != "cleared":
                cleared.pop(row["id"], None)
            else:
                cleared.setdefault(row["id"], float(one["at"]) - raised)
            reasons[row["id"]] = one["reason"] or reasons.get(row["id"], "")
    alone = [row for row in week.alerts if row["id"] not in taken]
    ended = [row["id"] for row in week.alerts if row["state"] == "cleared" and row["ended_by"] == "people"]
    severities = ("critical", "warning", "info")
    return {
        "acknowledge": spread([*taken.values()]),
        "clear": spread([*cleared.values()]),
        "severities": {
            name: spread([taken[row["id"]] for row in week.alerts if row["severity"] == name and row["id"] in taken])
            for name in severities
        },
        "unanswered": len(alone),
        "named_ids": sorted(row["id"] for row in alone if row["severity"] != "info"),
    }, {
        "total": sum(map(bool, reasons.values())),
        "reasons": Counter(filter(None, reasons.values())),
        "ended": len(ended),
        "without": sum(not reasons[one] for one in ended),
    }  # fmt: skip


def patrol_part(week: Week) -> dict[str, Any]:
    stops = [row for row in week.exports.within("patrols", week.begin, week.end) if row["state"] != "replaced"]

    def of(rows: Sequence[Row]) -> dict[str, Any]:
        minutes = {name: sum(float(row[name]) for row in rows) for name in ("planned_min", "delivered_min")}
        return {"stops": len(rows), **minutes}

    def grouped(column: str) -> dict[str, Any]:
        found = {}
        for name in {row[column] for row in stops}:
            rows = [row for row in stops if row[column] == name]
            states = Counter(row["state"] for row in rows)
            found[name] = of(rows) | {state: states[state] for state in ("done", "skipped", "missed")}
        return found

    return {"beats": grouped("beat"), "shifts": grouped("shift_name"), **of(stops)}


def staffing(week: Week, beats: int) -> dict[str, Any]:
    settings = PatrolSettings()
    needed = [[n * settings.answer_min / 60 + settings.routine_h * beats for n in day] for day in by_hour(week.alerts)]
    there = [[0.0] * 24 for _ in range(7)]
    for row in week.exports.rows["plans"]:
        begin, end = max(float(row["at"]), week.begin), min(seconds(row["end"]), week.end)
        for minute in range(int(begin // 60), int(end // 60)):  # shifts begin and end on whole minutes
            local = datetime.fromtimestamp(60 * minute, ZONE)
            there[local.weekday()][local.hour] += 1 / 60
    short = sum(max(n - t, 0) for days in zip(needed, there, strict=True) for n, t in zip(*days, strict=True))
    return {
        "needed": needed, "asked": None, "there": there, "needed_h": sum(map(sum, needed)), "asked_h": None,
        "there_h": sum(map(sum, there)), "short_h": short,
    }  # fmt: skip


def devices(week: Week) -> tuple[dict[str, Any], dict[str, Any]]:
    length = {float(row["length_s"]) for row in week.exports.rows["windows"] if row["length_s"]} or {300.0}
    (window_s,) = length
    health = week.exports.within("health", week.begin, week.end)
    by_device: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(health, key=lambda row: float(row["at"])):
        by_device[row["device"]].append(row)
    rows = {}
    for device, some in by_device.items():
        dark = [true(row["silent"]) or not true(row["online"]) for row in some]
        runs: list[list[float]] = []
        for row, is_dark in zip(some, dark, strict=True):
            if not is_dark:
                continue
            at = float(row["at"])
            if runs and at == runs[-1][-1] + window_s:
                runs[-1].append(at)
            else:
                runs.append([at])
        longest = max(runs, key=len, default=[])
        rows[device] = {
            "dark_h": sum(dark) * window_s / HOUR,
            "longest_h": len(longest) * window_s / HOUR,
            "longest_ms": round(longest[0] * 1000) if longest else None,
            "stuck_h": sum(true(row["stuck"]) for row in some) * window_s / HOUR,
            "quality": sum(float(row["quality"]) for row in some) / len(some),
            "still": dark[-1],
        }
    sums = {name: sum(int(row[name]) for row in health) for name in ("received", "late", "duplicate", "missing")}
    quality = sums | {
        "late_share": sums["late"] / sums["received"],
        "duplicate_share": sums["duplicate"] / sums["received"],
        "missing_share": sums["missing"] / (sums["received"] + sums["missing"]),
        "quality": sum(float(row["quality"]) for row in health) / len(health),
    }
    return {"rows": rows, "dark_h": sum(row["dark_h"] for row in rows.values()), "known": len(rows)}, quality


def learnt(week: Week) -> dict[str, Any]:
    """By day: a series → how many of its windows there are, and how many are young."""

    def young(begin: float) -> dict[tuple[str, ...], float]:
        counts: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0])
        for row in week.exports.within("windows", begin, begin + 86_400):
            if row["kind"] in {"count", "level"} and row["status"] in {"closed", "revised"} and int(row["n"]) > 0:
                count = counts[row["beat"], row["device"], row["metric"]]
                count[0] += 1
                count[1] += row["state"] == "young"
        return {series: some / every for series, (every, some) in counts.items()}

    last, day_before = young(week.end - 86_400), young(week.end - 2 * 86_400)
    grown = [series for series, share in last.items() if share <= 0.5 and day_before.get(series, 1.0) > 0.5]
    return {
        "grown_series": sorted("/".join(one) for one in grown),
        "young": sum(share > 0.5 for share in last.values()),
    }


def reckoned(exports: Exports, name: str, beats: Sequence[str]) -> dict[str, Any]:
    """Return all figures of a week."""
    week = Week(exports, date.fromisocalendar(int(name[:4]), int(name[6:]), 1))
    past = [week.before(number) for number in range(1, 9)]
    answered, false_alarms = answers(week)
    device_part, quality = devices(week)
    return {
        "alerts": alert_part(week, past, beats),
        "answers": answered,
        "false_alarms": false_alarms,
        "patrol": patrol_part(week),
        "staffing": staffing(week, len(beats)),
        "devices": device_part,
        "quality": quality,
        "learnt": learnt(week),
        "unknown": {"week_h": week.hours, "hours": week.unknown_h, "away_h": week.away_h, "blank_h": week.blank_h},
        "left_out_weeks": {one.name: one.unknown_h for one in past if one.unknown_h > 24},
    }


def said(report: dict[str, Any]) -> dict[str, Any]:
    """Return what a report says, in the shape of `reckoned`."""
    found = json.loads(json.dumps(report))
    found["answers"]["named_ids"] = sorted(one["id"] for one in found["answers"]["named"])
    found["learnt"]["grown_series"] = sorted(
        f"{one['beat']}/{one['device']}/{one['metric']}" for one in found["learnt"].pop("grown")
    )
    found["left_out_weeks"] = {one["week"]: one["unknown_h"] for one in found.pop("left_out")}
    return found


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Return the figures of a document by their paths; things in a list go by their names."""
    found: dict[str, Any] = {}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        names = ("kind", "beat", "device", "id", "weeks")
        value = {str(next(one[name] for name in names if name in one)): one for one in value}
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if items is None:
        return {path: value}
    for name, inner in items:
        if name not in NOT_RECKONED and not (isinstance(inner, str) and name in {"kind", "beat", "device", "id"}):
            found |= flat(inner, f"{path}.{name}" if path else str(name))
    return found


def differences(mine: dict[str, Any], theirs: dict[str, Any]) -> tuple[int, list[str]]:
    """Return how many figures agree, and those that do not."""
    wrong, agree = [], 0
    for path in sorted({*mine, *theirs}):
        one, other = mine.get(path), theirs.get(path)
        if isinstance(one, int | float) and isinstance(other, int | float):
            same = abs(one - other) <= 6e-4 + 1e-4 * abs(other)
        else:
            same = one == other or (not one and not other)
        if same:
            agree += 1
        else:
            wrong.append(f"{path}: reckoned {one}, the report says {other}")
    return agree, wrong


def main() -> int:
    folder = Path(sys.argv[1])
    make(folder)
    exports = Exports(folder)
    beats = sorted(load_places(folder / SITE / "places.geojson").beats)
    bad = 0
    for name in sys.argv[2:] or WEEKS:
        arguments = ["report", "week", "--week", name, "--json", "--data-dir", str(folder), "--site", SITE]
        answer = subprocess.run([sys.executable, "-m", "console.cli", *arguments], capture_output=True, check=True)
        mine, theirs = flat(reckoned(exports, name, beats)), flat(said(json.loads(answer.stdout)))
        agree, wrong = differences(mine, theirs)
        print(f"{name}: {agree} figures agree, {len(wrong)} do not")
        print("\n".join(f"  {line}" for line in wrong[:60]))
        bad += len(wrong)
    return int(bad > 0)


if __name__ == "__main__":
    raise SystemExit(main())
