"""The chief's week reckoned again from exported tables alone, by other code than the report's, as docs/report.md says.

Plain Python over rows of CSV, minute by minute where the report adds up spans: what is wrong in one is not likely to be
wrong in the other. `benchmarks.report_agrees` holds a simulated month to it, test_agrees.py made-up weeks.
"""

import csv
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import redirect_stdout
from datetime import date, datetime, time, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from scipy import stats

from console.cli.main import main as command
from ingest.days.patrol_settings import PatrolSettings

TABLES = ("alerts", "revisions", "windows", "patrols", "plans", "health", "watched")
HOUR = 3600.0
LEAST_QUALITY = 0.8
MOST_NAMED = 50
NOT_RECKONED = ("told", "rhythms", "accepted", "named", "name", "made_ms", "until_ms", "site", "timezone", "compared",
                "simulated", "state", "week", "begin_ms", "end_ms")  # fmt: skip
"""What is not of the store, or no figure; who is unanswered is compared by id."""
Row = dict[str, str]


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def true(text: str) -> bool:
    return text == "true"


class Exports:
    """The exported tables of a site below a folder, read once."""

    def __init__(self, folder: Path, site: str, zone: str) -> None:
        self.zone = ZoneInfo(zone)
        self.rows: dict[str, list[Row]] = {}
        for table in TABLES:
            file = folder / f"{table}.csv"
            arguments = ["export", table, "--csv", str(file), "--data-dir", str(folder), "--site", site, "--quiet"]
            with redirect_stdout(StringIO()):
                if command(arguments):
                    raise SystemExit(f"{table} could not be exported")
            with file.open(encoding="utf-8", newline="") as opened:
                self.rows[table] = list(csv.DictReader(opened))
            for row in self.rows[table]:
                row["at"] = seconds(row["changed" if table == "revisions" else "timestamp"])  # type: ignore[assignment]
        self.revisions: dict[str, list[Row]] = defaultdict(list)
        for row in sorted(self.rows["revisions"], key=lambda row: int(row["revision"])):
            self.revisions[row["id"]].append(row)

    def within(self, table: str, begin: float, end: float) -> list[Row]:
        return [row for row in self.rows[table] if begin <= float(row["at"]) < end]


class Week:
    """A week by the site's clock, and what is known of it."""

    def __init__(self, exports: Exports, monday: date, now: float, most: float = 1e9) -> None:
        self.exports, self.monday, self.zone, self.now = exports, monday, exports.zone, now
        self.begin, self.end = (
            datetime.combine(day, time(), self.zone).timestamp() for day in (monday, monday + timedelta(days=7))
        )
        self.end = min(self.end, now, self.begin + most)
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
        spans = sorted((float(row["at"]), seconds(row["until"])) for row in exports.rows["watched"])
        ends = [self.begin, *(min(max(until, self.begin), self.end) for _, until in spans)]
        begins = [*(min(max(since, self.begin), self.end) for since, _ in spans), self.end]
        self.away = [[round(1000 * a), round(1000 * b)] for a, b in zip(ends, begins, strict=True) if a < b]

    def before(self, weeks: int) -> "Week":
        over = self.end == datetime.combine(self.monday + timedelta(days=7), time(), self.zone).timestamp()
        most = 1e9 if over else self.end - self.begin
        return Week(self.exports, self.monday - timedelta(days=7 * weeks), self.now, most)


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


def by_hour(rows: Iterable[Row], zone: ZoneInfo) -> list[list[int]]:
    table = [[0] * 24 for _ in range(7)]
    for row in rows:
        local = datetime.fromtimestamp(float(row["at"]), zone)
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
        "high": None if more is None or 2 * week.unknown_h > week.hours else len(week.alerts) + int(more),
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
                "hours": down(by_hour(of(week, "beat", beat), week.zone)),
                "mean_hours": down(mean_of([by_hour(of(one, "beat", beat), week.zone) for one in known])),
                "before": before(number_of("beat", beat)),
            }
            for beat in {*beats, *(row["beat"] for row in every)}
        },
        "days": by_hour(week.alerts, week.zone),
        "mean_days": mean_of([by_hour(one.alerts, week.zone) for one in known]),
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

    def first(row: Row) -> tuple[float, str]:
        return float(row["at"]), row["id"]

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
        "named_ids": [
            row["id"] for name in severities[:2] for row in sorted(alone, key=first) if row["severity"] == name
        ][:MOST_NAMED],
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


def staffing(week: Week, beats: int, settings: PatrolSettings) -> dict[str, Any]:
    needed = [[n * settings.answer_min / 60 for n in day] for day in by_hour(week.alerts, week.zone)]
    for minute in range(int(week.begin // 60), int(week.end // 60)):  # an hour may come twice, and one is missing
        local = datetime.fromtimestamp(60 * minute, week.zone)
        needed[local.weekday()][local.hour] += settings.routine_h * beats / 60
    there = [[0.0] * 24 for _ in range(7)]
    planned = [[0.0] * 24 for _ in range(7)]  # before the first plan of all nobody knows who was there
    first = min((float(row["at"]) for row in week.exports.rows["plans"]), default=week.end)
    for minute in range(int(max(week.begin, first) // 60), int(week.end // 60)):
        local = datetime.fromtimestamp(60 * minute, week.zone)
        planned[local.weekday()][local.hour] += 1 / 60
    for row in week.exports.rows["plans"]:
        begin, end = max(float(row["at"]), week.begin), min(seconds(row["end"]), week.end)
        for minute in range(int(begin // 60), int(end // 60)):  # shifts begin and end on whole minutes
            local = datetime.fromtimestamp(60 * minute, week.zone)
            there[local.weekday()][local.hour] += 1 / 60
    short = sum(
        max(n * min(p, 1) - t, 0)
        for days in zip(needed, there, planned, strict=True)
        for n, t, p in zip(*days, strict=True)
    )
    return {
        "needed": needed, "asked": None, "there": there, "needed_h": sum(map(sum, needed)), "asked_h": None,
        "there_h": sum(map(sum, there)), "short_h": short,
        "since_ms": round(1000 * first) if week.begin < first < week.end else None,
    }  # fmt: skip


def devices(week: Week, placed: Iterable[str]) -> tuple[dict[str, Any], dict[str, Any]]:
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
        mean = sum(float(row["quality"]) for row in some) / len(some)
        if not any(dark) and not any(true(row["stuck"]) for row in some) and mean >= LEAST_QUALITY:
            continue
        rows[device] = {
            "dark_h": sum(dark) * window_s / HOUR,
            "longest_h": len(longest) * window_s / HOUR,
            "longest_ms": round(longest[0] * 1000) if longest else None,
            "stuck_h": sum(true(row["stuck"]) for row in some) * window_s / HOUR,
            "quality": mean,
            "still": dark[-1],
        }
    heard = {row["device"] for table in ("windows", "health") for row in week.exports.rows[table]}
    never = [device for device in placed if device not in heard]
    sums = {name: sum(int(row[name]) for row in health) for name in ("received", "late", "duplicate", "missing")}
    quality = sums | {
        "late_share": sums["late"] / sums["received"],
        "duplicate_share": sums["duplicate"] / sums["received"],
        "missing_share": sums["missing"] / (sums["received"] + sums["missing"]),
        "quality": sum(float(row["quality"]) for row in health) / len(health),
    }
    return {
        "rows": rows,
        "dark_h": sum(row["dark_h"] for row in rows.values()),
        "known": len(by_device),
        "never": never,
    }, quality


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

    last, day_before = young(week.end - 86_400), young(week.begin - 86_400)
    grown = [series for series, share in last.items() if share <= 0.5 and day_before.get(series, 1.0) > 0.5]
    return {
        "grown_series": sorted("/".join(one) for one in grown),
        "young": sum(share > 0.5 for share in last.values()),
    }


def reckoned(
    exports: Exports, name: str, now: float, beats: Sequence[str], placed: Iterable[str], settings: PatrolSettings
) -> dict[str, Any]:
    """Return a week's figures as they stand at a time; beats and placed devices are ids of the places file."""
    week = Week(exports, date.fromisocalendar(int(name[:4]), int(name[6:]), 1), now)
    past = [week.before(number) for number in range(1, 9)]
    answered, false_alarms = answers(week)
    device_part, quality = devices(week, placed)
    return {
        "alerts": alert_part(week, past, beats),
        "answers": answered,
        "false_alarms": false_alarms,
        "patrol": patrol_part(week),
        "staffing": staffing(week, len(beats), settings),
        "devices": device_part,
        "quality": quality,
        "learnt": learnt(week),
        "unknown": {
            "week_h": week.hours,
            "hours": week.unknown_h,
            "away_h": week.away_h,
            "blank_h": week.blank_h,
            "away": week.away,
        },
        "began_ms": min((round(1000 * float(row["at"])) for row in exports.rows["watched"]), default=None),
        "left_out_weeks": {one.name: one.unknown_h for one in past if one.unknown_h > 24},
    }


def said(report: dict[str, Any]) -> dict[str, Any]:
    """Return what a report says, in the shape of `reckoned`."""
    found = json.loads(json.dumps(report))
    found["answers"]["named_ids"] = [one["id"] for one in found["answers"]["named"]]
    found["learnt"]["grown_series"] = sorted(
        f"{one['beat']}/{one['device']}/{one['metric']}" for one in found["learnt"].pop("grown")
    )
    found["left_out_weeks"] = {one["week"]: one["unknown_h"] for one in found.pop("left_out")}
    return found


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Return the figures of a document by their paths; things in a list go by their names."""
    found: dict[str, Any] = {}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        names = ("kind", "device", "beat", "id", "weeks")
        value = {str(next(one[name] for name in names if name in one)): one for one in value}
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if items is None:
        return {path: value}
    for name, inner in items:
        if name not in NOT_RECKONED and not (isinstance(inner, str) and name in {"kind", "beat", "device", "id"}):
            found |= flat(inner, f"{path}.{name}" if path else str(name))
    return found


def differences(reckoning: dict[str, Any], report: dict[str, Any]) -> tuple[int, list[str]]:
    """Return how many figures of a reckoning and of a report agree, and those that do not."""
    mine, theirs, wrong, agree = flat(reckoning), flat(said(report)), [], 0
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
