"""The store and its reader: what the board relies on."""

from __future__ import annotations

import json
import sqlite3
import threading

import pytest

from ingest.vocabulary import WindowStatus
from stream.pipeline.pipeline import Pipeline
from stream.results import SeriesKey
from stream.sinks.influx.points import SeriesHeads, window_lines
from stream.sinks.jsonl_sink import JsonLinesSink
from stream.sinks.store import tables as schema
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.retention import DAY_MS, Retention, prune
from stream.sinks.store.store_sink import StoreSink
from stream.sinks.store.tables import StoreError, StoreMismatchError, StoreMissingError, StoreVersionError
from tests.configs import pipeline_with
from tests.stream.build import NOON, Writer, places
from tests.stream.make_results import (
    CATALOG,
    T0,
    WINDOW_MS,
    alert,
    anomaly,
    gates,
    health,
    hotspot_map,
    incident,
    results,
    states,
    windows,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a folder, with ? and %20" / "store.db"


@pytest.fixture
def sink(path):
    sink = StoreSink(path, "s1")
    yield sink
    sink.close()


@pytest.fixture
def reader(path):
    reader = StoreReader(path)
    yield reader
    reader.close()


def test_a_reader_may_come_before_the_store(path, reader):
    with pytest.raises(StoreMissingError, match=r"store\.db: there is no store yet"):
        reader.totals()
    with pytest.raises(StoreMissingError):
        reader.version()
    path.parent.mkdir()
    path.touch()
    with pytest.raises(StoreMissingError, match="still empty"):
        reader.series()
    sink = StoreSink(path, "s1")
    assert reader.totals() == {"observations": 0, "windows": 0, "by_device": {}}
    assert reader.latest() == []
    assert reader.hotspots() is None
    assert reader.alert("none") is None
    assert reader.progress() == {"site": "s1", "position": -1, "now_ms": 0, "watermark_ms": 0}
    sink.close()


def test_version_changes_with_the_store_and_only_then(sink, reader):
    first = reader.version()
    assert reader.version() == first
    sink.write([results(1)])
    second = reader.version()
    assert second != first
    sink.write([results(1)])  # is in already
    assert reader.version() == second
    sink.put_meta("node", {"state": "up"})
    assert reader.version() != second


def test_meta_comes_back_and_is_replaced(sink, reader):
    assert reader.meta("node", default={"state": "?"}) == {"state": "?"}
    sink.put_meta("node", {"state": "运行", "ports": [1, 2]})
    assert reader.meta("node") == {"state": "运行", "ports": [1, 2]}
    sink.put_meta("node", None)
    assert reader.meta("node", default=1) is None


def test_the_state_of_a_reading_is_named_as_one_of_readings(sink, reader, tmp_path):
    steps = [windows({"series": 3, "start": T0 + n * WINDOW_MS, "n": 1, "state": n}) for n in range(7)]
    words = ["normal", "high", "low", "stuck", "young", "step", "drift"]
    sink.write([results(n + 1, windows=[one]) for n, one in enumerate(steps)])
    assert [row["state"] for row in reader.windows("noise-1")] == words
    heads = SeriesHeads("s1")
    heads.follow(CATALOG)
    for one, word in zip(steps, words, strict=True):
        (line,) = window_lines(heads, one)
        assert f'state="{word}"' in line
    lines = JsonLinesSink(tmp_path / "r.jsonl")
    lines.write([results(1, windows=steps)])
    lines.close()
    said = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text("utf-8").splitlines()]
    assert [one["state"] for one in said if one["type"] == "window"] == words


def test_a_window_is_the_sum_of_its_parts(sink, reader):
    sink.write(
        [
            results(
                1, windows=[windows({"n": 3, "sum_a": 4, "sum_b": 2, "low": 1, "high": 3, "expected": 5.5, "state": 1})]
            ),
            results(2, windows=[windows({"n": 4, "sum_a": 9, "sum_b": 2, "status": 1, "expected": 6.5, "state": 1})]),
            results(
                3, windows=[windows({"n": 1, "sum_a": 2, "part": 3, "status": WindowStatus.LATE, "low": 0, "high": 7})]
            ),
            results(
                4,
                windows=[
                    windows({"n": 2, "sum_a": 1, "part": 4, "status": WindowStatus.LATE, "start": T0 - WINDOW_MS})
                ],
            ),
        ]
    )
    early, whole = reader.windows("cam-1")
    assert (early["n"], early["in"], early["status"], early["state"], early["expected"]) == (
        2,
        1,
        "late",
        "young",
        None,
    )
    assert whole == {
        "start": T0,
        "metric": "person",
        "kind": "count",
        "n": 5,
        "in": 11,
        "out": 2,
        "mean": None,
        "low": 0.0,
        "high": 7.0,
        "exposure": 1.0,
        "expected": 6.5,
        "lower": None,
        "upper": None,
        "p": None,
        "state": "surge",
        "status": "revised",
    }
    assert reader.latest() == [{"beat": "b1", "device": "cam-1", **whole}]
    assert reader.totals() == {"observations": 7, "windows": 2, "by_device": {"cam-1": {"n": 7, "in": 12, "out": 2}}}


def test_levels_have_a_mean_and_no_passages(sink, reader):
    sink.write([results(1, windows=[windows({"series": 3, "n": 4, "sum_a": 250.0, "low": 60, "high": 65})])])
    (window,) = reader.windows("noise-1", "noise")
    assert (window["mean"], window["in"], window["out"], window["kind"]) == (62.5, None, None, "level")
    assert reader.totals()["by_device"] == {"noise-1": {"n": 4, "in": 0, "out": 0}}


def test_windows_are_chosen_by_device_metric_time_and_limit(sink, reader):
    rows = [
        {"series": series, "start": T0 + step * WINDOW_MS, "n": step + 1} for step in range(10) for series in (0, 1, 3)
    ]
    rows = [row for row in rows if not (row["series"] == 0 and row["start"] == T0 + 4 * WINDOW_MS)]
    sink.write([results(1, windows=[windows(*rows)])])
    assert len(reader.windows("cam-1")) == 19
    assert [row["n"] for row in reader.windows("cam-1", "person")] == [1, 2, 3, 4, 6, 7, 8, 9, 10]
    assert [row["n"] for row in reader.windows("cam-1", "person", limit=2)] == [9, 10]
    assert [row["n"] for row in reader.windows("cam-1", "vehicle", T0 + WINDOW_MS, T0 + 3 * WINDOW_MS)] == [2, 3]
    assert reader.windows("cam-1", "noise") == reader.windows("nobody") == []
    assert reader.windows("cam-1", limit=0) == []
    assert [(row["device"], row["metric"], row["n"]) for row in reader.latest()] == [
        ("cam-1", "person", 10),
        ("cam-1", "vehicle", 10),
        ("noise-1", "noise", 10),
    ]


def test_alerts_stand_as_their_newest_revision_open_and_critical_first(sink, reader):
    sink.write(
        [
            results(1, alerts=[alert("old", 0, raised_ms=T0), alert("crit", 0, raised_ms=T0 + 1, severity="critical")]),
            results(
                2, alerts=[alert("new", 0, raised_ms=T0 + 2), alert("done", 0, raised_ms=T0 + 3, severity="critical")]
            ),
            results(3, alerts=[alert("done", 1, state="cleared", severity="critical", by="王警官", changed_ms=T0 + 9)]),
            results(4, alerts=[alert("old", 1, state="acknowledged", raised_ms=T0, changed_ms=T0 + 10)]),
        ]
    )
    assert [row["id"] for row in reader.alerts()] == ["crit", "new", "old", "done"]
    assert [row["id"] for row in reader.alerts(open_only=True)] == ["crit", "new", "old"]
    assert [row["id"] for row in reader.alerts(limit=1)] == ["crit"]
    assert [row["id"] for row in reader.alerts(since_ms=T0 + 9)] == ["old", "done"]
    found = reader.alert("done")
    assert found is not None
    assert (found["by"], found["revision"]) == ("王警官", 1)
    assert [row["state"] for row in reader.alert_history("done")] == ["raised", "cleared"]
    assert reader.counts()["alerts"] == 4
    assert reader.counts()["open_alerts"] == 3


def test_hotspots_are_the_newest_map_and_a_cells_history(sink, reader):
    sink.write([results(1, maps=[hotspot_map(T0, ("c1", "b1"), ("c2", "b2"))])])
    sink.write([results(2, maps=[hotspot_map(T0 + 60_000, ("c2", "b2"), ("c3", "b1"))])])
    newest = reader.hotspots()
    assert newest is not None
    assert (newest["ts"], newest["cell_m"], [(c["cell"], c["rank"]) for c in newest["cells"]]) == (
        T0 + 60_000,
        250.0,
        [("c2", 1), ("c3", 2)],
    )
    sink.write([results(3, maps=[hotspot_map(T0 + 120_000)])])
    empty = reader.hotspots()
    assert empty is not None
    assert empty["cells"] == []
    assert reader.counts()["hotspots"] == 3


def test_the_rest_is_read_newest_first(sink, reader):
    sink.write(
        [
            results(
                1,
                gates=[
                    gates(
                        {"seq": 1, "ts": T0, "plate": "h1:a"}, {"seq": 2, "ts": T0 + 5, "allowed": -1, "direction": 1}
                    )
                ],
                states=[states((4, T0, "open"), (4, T0 + 5, "closed"))],
                anomalies=[anomaly(T0), anomaly(T0 + 5, p=float("nan"))],
                incidents=[incident("a", T0), incident("b", T0 + 5)],
                health=[health("cam-1", T0), health("cam-1", T0 + WINDOW_MS, quality=0.5), health("door-1", T0)],
            ),
            results(2, health=[health("cam-1", T0, quality=0.1)]),
        ]
    )
    assert [(row["seq"], row["direction"], row["allowed"]) for row in reader.gates()] == [
        (2, "out", None),
        (1, "in", True),
    ]
    assert reader.gates("gate-1", limit=1)[0]["seq"] == 2
    assert reader.gates("cam-1") == []
    assert reader.states("door-1") == [
        {"metric": "door", "ts": T0 + 5, "value": "closed"},
        {"metric": "door", "ts": T0, "value": "open"},
    ]
    assert [(row["ts"], row["p"]) for row in reader.anomalies()] == [(T0 + 5, None), (T0, 1e-7)]
    assert reader.query("SELECT id FROM incidents WHERE ts > ?", (T0,)) == [("b",)]
    assert [(row["device"], row["quality"]) for row in reader.health()] == [("cam-1", 0.5), ("door-1", 0.8)]


def test_counters_are_exact_whatever_is_written_again(path, reader):
    written = [results(n, accepted=n, duplicates=1, late=2 * n) for n in range(1, 11)]
    for end in (3, 7, 7, 10):
        sink = StoreSink(path, "s1")
        sink.write(written[:end])
        sink.write(written[end // 2 : end])
        assert sink._file._connection is not None
        sink._file._connection.close()  # as a kill would
    assert reader.counters() == {"accepted": 55, "duplicates": 10, "late": 110}
    assert reader.progress()["position"] == 10


def test_a_write_that_fails_leaves_nothing_and_can_be_repeated(sink, reader):
    good = results(1, windows=[windows({})], accepted=1)
    bad = results(2, states=[states((4, 2**62, "x"))], accepted=1)
    bad.states[0].value[0] = object()  # type: ignore[call-overload]
    with pytest.raises(StoreError, match="log positions 1 to 2 could not be written"):
        sink.write([good, bad])
    assert reader.series() == []
    assert reader.counters()["accepted"] == 0
    sink.write([good])
    assert reader.totals()["observations"] == 1
    assert len(reader.series()) == len(CATALOG)


def test_a_full_disk_is_an_error_that_names_the_file(sink, reader):
    sink._file._connection.execute(
        f"PRAGMA max_page_count = {sink._file._connection.execute('PRAGMA page_count').fetchone()[0] + 2}"
    )
    many = results(1, windows=[windows(*[{"start": T0 + n} for n in range(5000)])])
    with pytest.raises(StoreError, match=r"store\.db: results .* full"):
        sink.write([many])
    sink.write([many])  # the file is opened again, without the limit
    assert reader.totals()["observations"] == 5000


def test_a_store_of_another_site_or_log_is_refused(path, sink):
    sink.write([results(5)])
    with pytest.raises(StoreMismatchError, match="belongs to site 's1', expected 's2'"):
        StoreSink(path, "s2")
    with pytest.raises(StoreMismatchError, match="the log was replaced"):
        sink.write([results(1, now_ms=T0 + DAY_MS)])
    sink.write([results(6, catalog=list(CATALOG[:2])), results(7, catalog=list(CATALOG[:2]))])
    assert sink.position == 7


def test_a_pipeline_that_learned_again_in_another_order_goes_on_in_the_same_series(sink, reader):
    sink.write([results(1, windows=[windows(*({"series": index, "n": 1} for index in range(3)))])])
    known = reader.series()
    turned = [SeriesKey("b9", "new", 2, "water"), *reversed(CATALOG)]
    last = len(turned) - 1
    sink.write([results(2, catalog=turned, windows=[windows({"series": last, "n": 5}, {"series": 0, "n": 7})])])
    assert reader.series()[: len(known)] == known
    assert reader.series()[len(known) :] == [
        {"id": len(known), "beat": "b9", "device": "new", "kind": "level", "metric": "water"}
    ]
    assert reader.totals()["by_device"]["new"]["n"] == 7
    assert reader.windows(CATALOG[0].device, CATALOG[0].metric)[0]["n"] == 5


def test_a_device_moved_to_another_beat_keeps_its_series(path, sink, reader):
    sink.write([results(1, windows=[windows({"n": 1})])])
    moved = [SeriesKey("elsewhere", CATALOG[0].device, CATALOG[0].kind, CATALOG[0].metric), *CATALOG[1:]]
    sink.write([results(2, catalog=moved, windows=[windows({"n": 2})])])
    assert [row["beat"] for row in reader.series()[:2]] == ["elsewhere", CATALOG[1].beat]
    assert len(reader.series()) == len(CATALOG)
    sink.close()
    again = StoreSink(path, "s1")
    again.write([results(3, catalog=list(CATALOG), windows=[windows({"n": 4})])])
    again.close()
    assert reader.series()[0]["beat"] == CATALOG[0].beat
    assert reader.totals()["observations"] == 4


def test_files_of_other_versions_and_kinds_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "store.db"
    sink = StoreSink(path, "s1")
    sink.write([results(1, accepted=3)])
    sink.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreVersionError, match=f"version 99, and this program knows versions up to {schema.VERSION}"):
        StoreSink(path, "s1")
    with pytest.raises(StoreVersionError, match="upgrade it"):
        StoreReader(path).counts()

    foreign = tmp_path / "foreign.db"
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE x (y)")
    connection.close()
    with pytest.raises(StoreError, match="something else"):
        StoreSink(foreign, "s1")
    text = tmp_path / "text.db"
    text.write_text("not a database, and long enough to be looked at " * 100)
    damaged = StoreSink(text, "s1")
    with pytest.raises(StoreError, match="not a database"):
        damaged.write([results(1)])
    damaged.close()
    with pytest.raises(StoreError, match="not a database"):
        StoreReader(text).series()


def test_an_older_store_is_brought_up_to_date_by_the_sink_and_not_by_a_reader(path, monkeypatch):
    sink, now = StoreSink(path, "s1"), schema.VERSION
    sink.write([results(1, accepted=3)])
    sink.close()
    monkeypatch.setattr(schema, "_STEPS", (*schema._STEPS, ("CREATE TABLE later (x)", "INSERT INTO later VALUES (7)")))
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)
    monkeypatch.setattr("stream.sinks.store.reader.VERSION", schema.VERSION)
    reader = StoreReader(path)
    with pytest.raises(StoreVersionError, match=f"version {now}, expected {now + 1}: start the node once"):
        reader.counters()
    sink = StoreSink(path, "s1")
    assert sink._file._connection is not None
    assert sink._file._connection.execute("SELECT x FROM later").fetchall() == [(7,)]
    assert reader.counters()["accepted"] == 3
    sink.close()


def test_old_rows_go_in_portions_and_totals_stay(path, reader):
    keep = Retention(windows_days=2, gates_days=2, states_days=2, anomalies_days=2, hotspots_days=2, health_days=2,
                     alerts_days=2, incidents_days=2)  # fmt: skip
    sink = StoreSink(path, "s1", retention=keep, prune_every_s=60)
    days = [T0 + day * DAY_MS for day in range(10)]
    for position, ts in enumerate(days, 1):
        sink.write(
            [
                results(
                    position,
                    now_ms=ts + 1000,
                    watermark_ms=ts + 1000,
                    sure=True,
                    windows=[
                        windows(
                            {"start": ts, "sum_a": 2.0},
                            {"start": ts, "part": position, "status": 3},
                            {"series": 2, "start": ts},
                        )
                    ],
                    gates=[gates({"seq": position, "ts": ts})],
                    states=[states((4, ts, "open"))],
                    anomalies=[anomaly(ts)],
                    maps=[hotspot_map(ts, ("c1", "b1"))] if position < 6 else [],
                    health=[health("cam-1" if position > 2 else "gone", ts)],
                    alerts=[
                        alert(f"open-{position}", changed_ms=ts),
                        alert(f"done-{position}", state="cleared", changed_ms=ts),
                    ],
                    incidents=[incident(f"i{position}", T0)],
                )
            ]
        )
    counts = reader.counts()
    kept = 2  # the newest and that of the day before; an incident counts from when it came, a second later
    assert [counts[name] for name in ("gates", "states", "anomalies", "incidents")] == [kept, kept, kept, kept + 1]
    assert len(reader.windows("cam-1")) == kept
    assert counts["alerts"] == 10 + kept
    assert counts["open_alerts"] == 10
    assert reader.alert_history("done-1") == []
    assert counts["hotspots"] == 1
    assert [row["device"] for row in reader.health()] == ["cam-1", "gone"]
    assert reader.totals() == {
        "observations": 30,
        "windows": 20,
        "by_device": {"cam-1": {"n": 20, "in": 30, "out": 0}, "gate-1": {"n": 10, "in": 10, "out": 0}},
    }
    sink.close()


def test_a_portion_is_small_and_the_rest_follows(sink, reader):
    sink.write([results(1, windows=[windows(*[{"start": T0 + n} for n in range(100)])], accepted=100)])
    connection, now = sink._file._connection, T0 + 60 + 180 * DAY_MS
    assert prune(connection, Retention(), now, portion=25)
    assert len(reader.windows("cam-1")) == 75
    assert prune(connection, Retention(), now, portion=25)
    assert not prune(connection, Retention(), now, portion=25)
    assert [row["start"] - T0 for row in reader.windows("cam-1")] == list(range(60, 100))
    assert reader.totals()["observations"] == 100


@pytest.mark.parametrize("sure", [False, True])
def test_a_clock_that_jumps_ahead_deletes_a_day_at_most(path, reader, sure):
    """Not even where the devices, which take their time from the node, say the same."""
    sink = StoreSink(path, "s1", retention=Retention(windows_days=2), prune_every_s=60)
    at = [T0 + hours * DAY_MS // 24 for hours in (0, 2, 40)]
    sink.write(
        [results(1, now_ms=at[2], watermark_ms=at[2], windows=[windows(*({"start": ms} for ms in at))], sure=True)]
    )
    ahead = T0 + 9000 * DAY_MS
    for position in range(2, 9):
        sink.write([results(position, now_ms=ahead + position, watermark_ms=ahead, sure=sure)])
    sink.write([results(9, now_ms=at[2] + 1000, watermark_ms=at[2], sure=True, put_back=True)])
    assert len(reader.windows("cam-1")) == (1 if sure else 3)
    sink.close()


def test_after_a_clock_that_was_ahead_nothing_stands_in_the_future(path, reader):
    sink = StoreSink(path, "s1")
    later = T0 + 300 * DAY_MS
    sink.write([results(1, now_ms=T0, watermark_ms=T0, windows=[windows({"start": T0})], health=[health("cam-1", T0)])])
    wrong = results(
        2, now_ms=later, watermark_ms=later, windows=[windows({"start": later})], health=[health("cam-1", later)]
    )
    sink.write([wrong])
    for _ in range(2):  # the second time after a crash: the results before it come again
        sink.write([wrong])
        sink.write([results(3, now_ms=T0 + 1000, watermark_ms=T0, put_back=True)])
        sink.close()
        sink = StoreSink(path, "s1")
    fresh = [windows({"start": T0 + 300_000})]
    health_now = [health("cam-1", T0 + 300_000)]
    sink.write([results(4, now_ms=T0 + 400_000, watermark_ms=T0 + 300_000, windows=fresh, health=health_now)])
    assert reader.progress()["now_ms"] == T0 + 400_000
    assert [row["start"] for row in reader.health()] == [T0 + 300_000]
    assert max(row["start"] for row in reader.latest()) == T0 + 300_000
    sink.close()


def test_totals_stay_exact_after_a_clock_was_set_back(sink, reader):
    """Windows go on as further parts then, and are written again while they change like any other."""
    sink.write([results(1, windows=[windows({"n": 3, "sum_a": 3, "status": WindowStatus.OPEN})])])
    for position, n in ((8, 1), (9, 5), (10, 7)):
        again = windows(
            {"n": n, "sum_a": n, "part": 7, "status": WindowStatus.OPEN},
            {"n": n, "sum_a": n, "part": 7, "status": WindowStatus.OPEN, "start": T0 + WINDOW_MS},
        )
        late = windows({"n": 1, "sum_a": 1, "part": position, "status": WindowStatus.LATE})
        sink.write([results(position, windows=[again, late])])
    n = 3 + 7 + 3 + 7
    assert reader.totals() == {"observations": n, "windows": 2, "by_device": {"cam-1": {"n": n, "in": n, "out": 0}}}


def test_the_reader_goes_over_to_a_new_file(path, reader):
    sink = StoreSink(path, "s1")
    sink.write([results(1, accepted=5)])
    before = reader.version()
    assert reader.counters()["accepted"] == 5
    sink.close()
    for file in path.parent.iterdir():
        file.unlink()
    with pytest.raises(StoreMissingError):
        reader.version()
    sink = StoreSink(path, "s1")
    assert reader.version() != before
    assert reader.counters()["accepted"] == 0
    sink.close()


def test_a_planned_stop_leaves_nothing_unwritten(sink, reader):
    pipeline, writer = Pipeline(pipeline_with(site="s1", country=""), places()), Writer()
    for step in range(5):  # quicker than open windows are written
        record = writer.count("cam-1", NOON + step * 100, 3).record()
        sink.write([pipeline.process(record)])
    assert reader.counters()["accepted"] == 5
    assert reader.totals()["observations"] < 5
    sink.write([pipeline.flush()])
    assert reader.totals()["by_device"]["cam-1"] == {"n": 5, "in": 15, "out": 0}


def test_many_threads_read_whole_writes_while_one_writes(path):
    sink = StoreSink(path, "s1")
    sink.write([results(0)])
    reader, wrong, done = StoreReader(path), [], threading.Event()

    def look() -> None:
        while not done.is_set():
            reader.version()
            totals = reader.totals()["observations"]
            rows = reader.windows("cam-1")
            if totals % 20 or len(rows) % 10 or any(row["n"] != 2 for row in rows):
                wrong.append((totals, len(rows)))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for position in range(1, 40):
        rows = [{"start": T0 + position * 10 + n, "part": part} for n in range(10) for part in (0, position)]
        sink.write([results(position, windows=[windows(*rows)])])
    done.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert reader.totals()["observations"] == 39 * 20
    reader.close()
    assert reader.counters() == {"accepted": 0, "duplicates": 0, "late": 0}  # opens again
    reader.close()
    sink.close()
    sink.close()


def test_a_worker_that_was_thought_dead_writes_nothing_twice(path, sink, reader):
    """It was stopped while another wrote on; when it wakes it sends what the other has written already, and more."""
    first, second, third = (
        results(n, windows=[windows({"n": n}, {"series": 1, "n": 3})], accepted=5) for n in (1, 2, 3)
    )
    sink.write([first])
    other = StoreSink(path, "s1")
    more = [*CATALOG, SeriesKey(beat="b9", device="new", kind=0, metric="person")]
    newest = windows({"series": len(CATALOG), "n": 7})
    other.write([first, results(2, catalog=more, windows=[*second.windows, newest], accepted=5)])
    before = reader.totals(), reader.counters()
    sink.write([second])
    assert (reader.totals(), reader.counters()) == before
    sink.write([second, third])
    other.write([second, third])
    other.close()
    assert reader.counters()["accepted"] == 15
    assert reader.totals()["observations"] == 3 + 3 + 7
    assert reader.progress()["position"] == 3
