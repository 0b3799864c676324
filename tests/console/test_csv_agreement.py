"""Replay, backtest and train take the same rows of a file, and refuse the same lines for the same reasons."""

import math
from argparse import ArgumentParser, Namespace
from collections import Counter
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.cli.commands import backtest
from console.common import FoundSite
from console.training.history_csv import read_history
from console.training.teaching import history_of
from deploy.settings import load_settings, with_values
from ingest.codecs.csv_files import CsvError
from ingest.places import parse_places
from ingest.topics import id_of
from models.backtests import series_backtest
from models.backtests.file_backtest import PastSeries, run_file
from models.calendar import Calendar
from simulators.replay.csv_counts import csv_track
from simulators.world import ground

ZONE = "America/New_York"
DEVICES = ("cam-1", "东门", "East Gate", "西门-out")
TIMES = [
    *(f"2025-11-02 {hour:02d}:{minute:02d}" for hour in range(4) for minute in range(0, 60, 15)),
    *(f"2025/11/2 {hour}:30" for hour in range(3)), *(f"2025-11-02T{hour:02d}:00:00-04:00" for hour in range(3)),
    *(f"2025-11-02T{hour:02d}:15:00Z" for hour in range(4, 8)), *(str(1_762_056_000 + 900 * n) for n in range(8)),
    *(str(1_762_056_000_000 + 450_000 * n) for n in range(8)),
    "2025-03-09 02:30", "2025-03-09 03:30", "yesterday", "", "11/02/2025 01:00", "1960-01-01", "2025-11-02 24:00",
]  # fmt: skip
VALUES = ["0", "3", "17", "1e2", "3.0", "", "-1", "1.5", "nan", "many", "1e300", "1_0", '"4"', '"1,5"', '"5', "²"]
ROW = st.tuples(st.sampled_from(TIMES), st.sampled_from((*DEVICES, "")), st.sampled_from(VALUES)).map(",".join)
PLAIN = st.characters(max_codepoint=0x7F) | st.sampled_from("东门，。")
LINE = st.one_of(ROW, ROW, ROW, ROW, ROW, st.text(PLAIN, max_size=12), st.sampled_from(["", ",,", "a,b", "a,b,c,d"]))


def places():
    features, _ = ground.square("b1", {id_of(name): name for name in DEVICES}, (0.0, 0.0), device_type="camera")
    return parse_places(ground.collection(features))


PLACES = places()


def of_replay(path):
    track = csv_track(path, timezone=ZONE)
    starts = {one.device: one.interval_ms for one in track.series}
    return {(row.ts - starts[row.device], row.device, row.came + row.went) for row in track.rows()}, track


def of_train(path):
    found = read_history(path, PLACES, ZoneInfo(ZONE), interval_s=900)
    rows = zip(found.start_ms.tolist(), found.which.tolist(), found.value.tolist(), strict=True)
    return {(at, found.names[which].device, value) for at, which, value in rows}, found


def of_backtest(path):
    options = Namespace(kind="counts", file=path, scores=None, lang="en", window=900, quiet=True, json=True)
    found, names = backtest._read(options, Calendar(ZONE, None))
    rows = set()
    scores = backtest._run(options, found, Calendar(ZONE, None))
    assert [len(one.times) for one in found.series] == [len(surprise) for surprise in scores.surprise]
    for one, name in zip(found.series, names, strict=True):
        assert name == one.name.device, "names are shown as the file has them"
        rows |= {(at, id_of(name), n) for at, n in zip(one.times, one.values, strict=True) if not math.isnan(n)}
    return rows, found


def outcome(read, path):
    """Return what was read, or the error."""
    try:
        return read(path)
    except CsvError as error:
        return str(error)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(LINE, max_size=40), encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "gb18030"]))
def test_all_three_accept_and_refuse_the_same_rows(tmp_path: Path, lines: list[str], encoding: str):
    path = tmp_path / "nasty.csv"
    text = "\n".join(["时间,device,计数", *lines])
    path.write_bytes(text.encode(encoding, "replace"))
    outcomes = [outcome(read, path) for read in (of_replay, of_train, of_backtest)]
    if isinstance(outcomes[0], str):  # no row can be used, or there are too few to know how long one is
        assert "commonest step" in outcomes[0] or outcomes[0] == outcomes[1] == outcomes[2]
        return
    (taken, replayed), (trained, history), (tested, found) = outcomes
    assert taken == trained == tested
    assert list(replayed.bad) == list(history.bad) == list(found.bad)
    assert replayed.missing == history.missing == found.missing
    used, lines_used = found.rows + found.missing, Counter(row.line for row in found.bad)
    assert max(lines_used.values(), default=0) <= 1
    assert len(lines_used.keys() | {at for one in found.series for at in one.lines}) == used + found.bad.total


def test_devices_of_two_intervals_are_judged_as_if_each_were_alone(tmp_path: Path):
    five = [f"{1_772_400_000 + 300 * n},五分钟,{5 + n % 3 + n // 150}" for n in range(240)]
    fifteen = [f"{1_772_400_120 + 900 * n},十五分钟,{15 + n % 2}" for n in range(80)]

    def scored(name, lines):
        path, scores = tmp_path / f"{name}.csv", tmp_path / f"{name}.scores.csv"
        path.write_bytes("\n".join(["时间,设备,计数", *lines]).encode("gbk"))
        parser = ArgumentParser()
        backtest.add_arguments(parser)
        options = parser.parse_args(
            ["counts", str(path), "--timezone", "Asia/Shanghai", "--scores", str(scores), "--json"]
        )
        return backtest._series(options), scores.read_text(encoding="utf-8").splitlines()[1:]

    report, together = scored("both", [*fifteen, *five])
    windows = {name: (part["window_s"], part["rows"]) for name, part in report["devices"].items()}
    assert windows == {"五分钟": (300, 240), "十五分钟": (900, 80)}
    assert (report["rows"], report["missing"], report["bad_rows"]) == (320, 0, 0)
    assert [line for line in together if ",五" in line] == scored("five", five)[1]
    assert [line for line in together if ",十" in line] == scored("fifteen", fifteen)[1]


def test_a_clock_that_drifts_costs_no_row_and_no_other_device(tmp_path: Path):
    times = 1_762_300_800_000 + 300_000 * np.arange(120)
    values = np.array([5.0 + n % 3 for n in range(120)])
    steady, drifting = PastSeries(times, values, 300_000), PastSeries(times - np.arange(120) * 3_000, values, 300_000)
    both = run_file("counts", [steady, drifting], Calendar(ZONE, None))
    for series, surprise in zip((steady, drifting), both.surprise, strict=True):
        alone = series_backtest.run("counts", series.times, values[:, None], Calendar(ZONE, None), 300)
        assert surprise.tolist() == alone.surprise[:, 0].tolist()


def test_a_device_that_changes_its_interval_is_replayed_and_learned_with_both(tmp_path: Path):
    path = tmp_path / "changed.csv"
    times = [1_762_300_800 + 300 * n for n in range(40)] + [1_762_312_800 + 900 * n for n in range(20)]
    rows = [f"{at},cam-1,{3 if n < 40 else 9}" for n, at in enumerate(times)]
    path.write_text("\n".join(["timestamp,device,count", *rows]), encoding="utf-8")
    track = csv_track(path, timezone=ZONE)
    published = [(row.interval_s, row.came) for row in track.rows()]
    assert published == [(300.0, 3)] * 40 + [(900.0, 9)] * 20
    source = history_of_file(path)
    windows = next(source.windows)
    assert len(windows) == len({(which, number) for which, number in zip(windows.which, windows.number, strict=True)})
    assert set(windows.value[windows.exposure == 1.0].tolist()) == {9.0}
    assert source.last_ms == 1000 * (times[-1] + 900)


def history_of_file(path):
    """Return what `train` would learn from a file, in windows of 15 minutes."""
    settings = with_values(load_settings(), pipeline={"window_s": 900})
    options = Namespace(file=path, timezone=ZONE, metric=None, interval=None)
    return history_of(options, settings, FoundSite("s", path.parent), PLACES)
