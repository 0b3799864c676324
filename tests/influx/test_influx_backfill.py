"""What a store holds comes to InfluxDB afterwards: the same points as the sink would have written."""

from __future__ import annotations

import json
import sqlite3

import pytest
from hypothesis import given, settings

from console.cli.main import main
from deploy.influx.backfill import backfill
from ingest.vocabulary import WindowStatus
from stream.results import RECALLED
from stream.sinks.influx.http import UnavailableError
from stream.sinks.influx.past import CHUNK_MS, Past
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.store_sink import StoreSink
from stream.sinks.store.tables import StoreMissingError
from tests.influx import contents
from tests.influx.servers import TOKEN
from tests.influx.site import Site
from tests.stream.make_results import (
    T0,
    WINDOW_MS,
    alert,
    anomaly,
    health,
    hotspot_map,
    result_lists,
    results,
    states,
    windows,
)  # fmt: skip
from tests.support import examples, free_port


def life():
    """Some hours with everything in them: revised and late windows, alerts, maps that change."""
    late = {"n": 2, "sum_a": 3.0, "part": 8, "status": WindowStatus.LATE}
    recalled = {"start": T0 + WINDOW_MS, "n": 0, "part": RECALLED, "expected": 7.5, "state": 0}
    return [
        results(1, windows=[windows({"n": 1}, {"series": 3, "sum_a": 40.5, "start": T0 + 2 * CHUNK_MS})]),
        results(2, windows=[windows({"n": 4, "sum_a": 4.0, "status": WindowStatus.CLOSED, "expected": 5.0})]),
        results(3, states=[states((4, T0, "open"), (4, T0 + 5000, "closed"))], anomalies=[anomaly(T0 + 1000)]),
        results(4, alerts=[alert("a", 1, changed_ms=T0), alert("a", 2, changed_ms=T0 + 300, state="cleared")]),
        results(5, maps=[hotspot_map(T0, ("c1", "b1"), ("c2", "b1"))], health=[health(), health("d2", skew_s=-1.0)]),
        results(6, maps=[hotspot_map(T0 + CHUNK_MS, ("c2", "b1"), ("c3", "b2"))]),
        results(7, maps=[hotspot_map(T0 + CHUNK_MS + 1000)]),
        results(8, windows=[windows(late, recalled, late | {"start": T0 + WINDOW_MS})]),
    ]


def stored(folder, written):
    folder.mkdir(parents=True, exist_ok=True)
    store = StoreSink(folder / "store.db", "s1")
    store.write(written)
    store.close()
    return folder / "store.db"


def test_it_is_what_the_sink_would_have_written(tmp_path, server):
    database = f"backfill_{server.version}"
    server.database(database)
    site = Site(tmp_path, server.address(database))
    # Until now nobody had named InfluxDB; from here on the sink writes, too.
    site.store.write(life())
    told = []
    for _ in range(2):
        fed = backfill(tmp_path / "store.db", server.address(database), "s1", on_span=told.append)
        assert not fed.refused
        contents.check(server, database, "s1", life())
    assert [len(span.lines) for span in told[: len(told) // 2]] == [len(span.lines) for span in told[len(told) // 2 :]]
    later = results(9, now_ms=T0 + 3 * CHUNK_MS, windows=[windows({"start": T0 + 3 * CHUNK_MS, "n": 3})])
    site.write(later)
    assert site.sink.drain(60)
    contents.check(server, database, "s1", [*life(), later])
    site.close()


def test_only_a_span(tmp_path):
    past = Past(stored(tmp_path, life()), "s1")
    assert past.extent() == (T0, T0 + 2 * CHUNK_MS + 1)
    whole = [line for span in past.spans(T0, T0 + 2 * CHUNK_MS + 1) for line in span.lines]
    some = [line for span in past.spans(T0 + 1, T0 + CHUNK_MS + 1) for line in span.lines]
    assert set(some) < set(whole)
    assert {int(line.rsplit(" ", 1)[1]) * 1000 for line in some} <= {*range(T0, T0 + CHUNK_MS + 1, 1000)}
    assert sum("current=0i" in line for line in whole) == 3
    assert sum("current=0i" in line for line in some) == 1
    past.close()


def test_a_store_of_version_0_1_tells_the_sentences_that_it_has(tmp_path):
    path = stored(tmp_path, life())
    said = {"text": {"en": "41 people.", "zh-CN": "41人。"}, "advice": {"en": "Look."}, "drivers": {"en": "theft"}}
    with sqlite3.connect(path) as connection:
        for table in ("anomalies", "alerts", "alert_history", "hotspots"):
            for row, body in connection.execute(f"SELECT DISTINCT body, body FROM {table}").fetchall():  # noqa: S608
                old = {name: value for name, value in json.loads(body).items() if name != "why"} | said
                connection.execute(f"UPDATE {table} SET body = ? WHERE body = ?", (json.dumps(old), row))  # noqa: S608
    connection.close()
    past = Past(path, "s1")
    extent = past.extent()
    assert extent is not None
    lines = [line for span in past.spans(*extent) for line in span.lines]
    past.close()
    assert sum('text="41 people.",text_zh="41人。"' in line for line in lines) == 3
    reader = StoreReader(path)
    assert [reader.alerts()[0]["text"], reader.anomalies()[0]["text"]] == [said["text"]] * 2
    assert reader.alert_history("a")[0]["advice"] == said["advice"]
    reader.close()


@settings(max_examples=examples(25))
@given(result_lists())
def test_every_store_can_be_read(tmp_path_factory, written):
    folder = tmp_path_factory.mktemp("any")
    past = Past(stored(folder, written), "s1")
    extent = past.extent()
    lines = [line for span in past.spans(*extent) for line in span.lines] if extent else []
    heads = [(line.split(" ")[0], line.rsplit(" ", 1)[1]) for line in lines if line.startswith(("people,", "level,"))]
    assert len(heads) == len(set(heads)), "a window twice"
    past.close()


def test_what_is_missing_is_told(tmp_path, one):
    with pytest.raises(StoreMissingError):
        backfill(tmp_path / "none.db", one.address("x"), "s1")
    path = stored(tmp_path, life())
    with pytest.raises(UnavailableError, match="cannot be reached"):
        backfill(path, one.address("x", url=f"http://127.0.0.1:{free_port()}"), "s1")
    with pytest.raises(UnavailableError, match="influx setup"):
        backfill(path, one.address("no_such_database"), "s1")


def test_the_command(two, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    stored(tmp_path / "patrolgrid-data" / "s1", life())
    two.database("by-backfill")
    for name, value in {
        "SITE__ID": "s1", "SITE__TIMEZONE": "UTC", "INFLUX__URL": two.url, "INFLUX__ORG": "pg",
        "INFLUX__BUCKET": "by-backfill",
        "INFLUX__TOKEN": TOKEN,
    }.items():  # fmt: skip
        monkeypatch.setenv(f"PATROLGRID_{name}", value)
    monkeypatch.setenv("PATROLGRID_SITE__ID", "s2")
    assert main(["influx", "backfill", "--lang", "en"]) == 1
    assert "there is no store yet" in capsys.readouterr().err
    monkeypatch.setenv("PATROLGRID_SITE__ID", "s1")
    assert main(["influx", "backfill", "--lang", "en"]) == 0
    assert "lines are in InfluxDB." in capsys.readouterr().out
    contents.check(two, "by-backfill", "s1", life())
    assert main(["influx", "backfill", "--lang", "en", "--from", "tomorrow"]) == 2
    assert "--from is 'tomorrow', expected a day" in capsys.readouterr().err
    assert main(["influx", "backfill", "--lang", "en", "--from", "2027-01-01"]) == 0
    assert "0 lines are in InfluxDB." in capsys.readouterr().out
    monkeypatch.delenv("INFLUX_TOKEN", raising=False)
    assert main(["influx", "downsample", "--lang", "en"]) == 2
