"""What only the InfluxDB sink must do: wait on disk, split what is refused, keep types, never stop the engine."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.vocabulary import WindowStatus
from stream.results import RECALLED, SeriesKey
from stream.sentences.languages import LANGUAGES
from stream.sinks.influx.http import ExpiredError, UnavailableError
from stream.sinks.influx.lines import clean, clean_tag, float_texts, point_line
from stream.sinks.influx.points import incident_line
from stream.sinks.influx.schema import MEASUREMENTS, TAGS
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.store_sink import StoreSink
from stream.sinks.store.tables import StoreError
from tests.influx.outage import outage
from tests.influx.schema_page import page, page_file
from tests.influx.site import Site
from tests.stream.make_results import T0, alert, anomaly, health, hotspot_map, incident, results, states, windows
from tests.support import examples, wait_for


@pytest.fixture
def site(tmp_path):
    made = Site(tmp_path)
    yield made
    made.close()


def many(position, rows=250, catalog=None):
    catalog = catalog or [SeriesKey("b1", f"cam-{n}", 0, "person") for n in range(rows)]
    return results(position, catalog=catalog, windows=[windows(*({"series": n, "n": position} for n in range(rows)))])


def test_an_influxdb_that_is_away_costs_only_delay(site):
    site.fake.away.set()
    catalog = [SeriesKey("b1", f"cam-{n}", 0, "person") for n in range(250)]
    for position in range(1, 21):
        site.write(many(position, catalog=catalog))
    assert wait_for(lambda: site.sink.state["trouble"], "trouble is told") == "away"
    assert site.sink.state["backlog_lines"] == 20 * 250
    site.close()
    site.open()
    assert site.sink.state["backlog_lines"] == 20 * 250
    site.fake.away.clear()
    assert site.sink.drain(60)
    assert len(site.fake.lines) == 20 * 250
    assert len(set(site.fake.lines)) == 20 * 250, "every row once, the last one last"
    assert ",n=20i," in site.fake.lines[-1]
    assert site.sink.state["trouble"] == ""


def test_what_anybody_may_send_as_a_category_makes_no_series():
    lines = [incident_line("s", incident(f"in-{n}", T0 + 1000 * n, category=f"made-up-{n}")) for n in range(50)]
    series = {line.partition(" ")[0] for line in lines}
    assert len(series) == 1
    assert ",category=other," in series.pop()
    assert 'said="made-up-7"' in lines[7]
    assert ",category=theft," in incident_line("s", incident(category="theft"))


def test_a_bad_line_ends_alone_in_quarantine(site):
    site.fake.bad = b"cam-77 "
    site.fake.bad = b"device=cam-77,"
    site.write(many(1))
    assert site.sink.drain(60)
    assert [refusal.topic for refusal in site.refused] == ["influxdb"]
    assert b"cam-77" in site.refused[0].payload
    assert len(site.fake.lines) == 249
    assert site.sink.state["rejected"] == 1


def test_a_large_batch_goes_as_two_halves_and_is_whole_before_the_next(tmp_path):
    site = Site(tmp_path, batch_lines=3000)
    site.fake.bad = b"device=cam-2999,"
    site.fake.errors.extend([UnavailableError("away", 0.01), OSError("reset")])
    catalog = [SeriesKey("b1", f"cam-{n}", 0, "person") for n in range(3000)]
    for position in (1, 2):
        site.write(many(position, rows=3000, catalog=catalog))
    assert site.sink.drain(60)
    lines = site.fake.lines
    first = [number for number, line in enumerate(lines) if ",n=1i," in line]
    second = [number for number, line in enumerate(lines) if ",n=2i," in line]
    assert max(first) < min(second), "a later row must not be written over by an earlier one"
    assert len({lines[number] for number in second}) == 2999
    assert max(body.count(b"\n") for body in site.fake.bodies) < 1600
    assert {refusal.payload.split(b" ")[0] for refusal in site.refused} == {b"people,beat=b1,device=cam-2999,site=s1"}
    assert site.sink.state["retries"] > 0
    site.close()


def test_what_is_older_than_the_server_keeps_is_not_split(site):
    site.fake.errors.append(ExpiredError("points beyond retention policy dropped=100"))
    site.write(many(1))
    assert site.sink.drain(60)
    assert site.sink.state["expired_batches"] == 1
    assert not site.refused


def test_errors_of_all_kinds_are_tried_again(site):
    site.fake.errors.extend([UnavailableError("status 503", 0.01), OSError("reset"), RuntimeError("odd")])
    site.write(many(1, rows=3))
    assert site.sink.drain(60)
    assert len(site.fake.lines) == 3
    assert site.sink.state["retries"] == 3


def test_a_value_of_another_type_is_quarantined_and_the_rest_goes_in(site):
    wrong = msgspec.structs.replace(anomaly(), observed="forty")
    site.write(results(1, anomalies=[wrong, anomaly(T0 + 1000)], health=[health()]))
    assert site.sink.drain(60)
    assert [refusal.reason for refusal in site.refused] == ["type"]
    assert "anomaly.observed is 'forty', expected float" in site.refused[0].detail
    assert sorted(line.split(",")[0] for line in site.fake.lines) == ["anomaly", "device_health"]


def test_a_backlog_that_is_full_drops_the_oldest_and_says_so(tmp_path):
    site = Site(tmp_path, backlog_mb=20_000 / (1 << 20))
    site.fake.away.set()
    catalog = [SeriesKey("b1", f"cam-{n}", 0, "person") for n in range(100)]
    for position in range(1, 60):
        site.write(many(position, rows=100, catalog=catalog))
    state = site.sink.state
    assert state["dropped"] + state["backlog_lines"] == 59 * 100
    assert 0 < state["backlog_bytes"] <= 20_000
    site.close()


def test_late_parts_are_summed_with_what_the_store_has(site):
    first = results(1, windows=[windows({"n": 4, "sum_a": 4.0, "status": WindowStatus.CLOSED, "expected": 5.0})])
    site.write(first)
    site.write(results(2, windows=[windows({"n": 2, "sum_a": 3.0, "part": 2, "status": WindowStatus.LATE})]))
    site.write(results(3, windows=[windows({"n": 1, "sum_a": 1.0, "part": 3, "status": WindowStatus.LATE})]))
    assert site.sink.drain(60)
    assert ",device=cam-1,site=s1 in=4i,out=0i,n=4i," in site.fake.lines[0]
    assert ",device=cam-1,site=s1 in=8i,out=0i,n=7i," in site.fake.lines[-1]
    assert "expected=5.0" in site.fake.lines[-1]
    assert 'status="revised"' in site.fake.lines[-1]


def test_a_window_that_was_added_to_waits_for_the_store(site, monkeypatch):
    """Each sink has a thread of its own: what the store has not yet would be missing in the sum for ever."""
    first = results(1, windows=[windows({"n": 4, "sum_a": 4.0, "status": WindowStatus.CLOSED})])
    late = results(2, windows=[windows({"n": 2, "sum_a": 3.0, "part": 2, "status": WindowStatus.LATE})])
    site.write(first)
    reached = []

    def look(seconds):
        reached.append(seconds)
        if len(reached) == 3:
            site.store.write([late])

    monkeypatch.setattr("stream.sinks.influx.sink.time.sleep", look)
    site.sink.write([late])
    assert len(reached) == 3
    assert site.sink.drain(60)
    assert " in=7i,out=0i,n=6i," in site.fake.lines[-1]
    monkeypatch.setattr("stream.sinks.influx.sink._STORE_S", 0.0)
    more = results(3, windows=[windows({"n": 1, "sum_a": 1.0, "part": 3, "status": WindowStatus.LATE})])
    with pytest.raises(StoreError, match="has come to log position 2, and windows of 3"):
        site.sink.write([more])
    site.write(more)
    assert site.sink.drain(60)
    assert " in=8i,out=0i,n=7i," in site.fake.lines[-1]


def test_what_the_model_recalls_of_late_windows_is_shown(site):
    late = {"n": 2, "sum_a": 3.0, "part": 2, "status": WindowStatus.LATE}
    recalled = {"n": 0, "sum_a": 0.0, "part": RECALLED, "status": WindowStatus.LATE, "expected": 7.5, "state": 0}
    site.write(results(2, windows=[windows(late)]))
    site.write(results(3, windows=[windows(recalled)]))
    assert site.sink.drain(60)
    assert " in=3i,out=0i,n=2i," in site.fake.lines[-1]
    assert 'expected=7.5,state="normal"' in site.fake.lines[-1]


def test_what_came_after_a_windows_end_keeps_what_the_model_recalls(site):
    """Windows just before a node's first start are revised without ever having been judged: no hole in the band."""
    recalled = {"n": 0, "sum_a": 0.0, "part": RECALLED, "status": WindowStatus.LATE, "expected": 7.5, "state": 0}
    site.write(results(1, windows=[windows(recalled)]))
    assert site.sink.drain(60)
    assert " in=" not in site.fake.lines[0], "of a window that is only recalled nobody knows that it was empty"
    revised = {"n": 4, "sum_a": 4.0, "status": WindowStatus.REVISED}
    site.write(results(2, windows=[windows(revised)]))
    site.write(results(3, windows=[windows(revised | {"n": 5, "sum_a": 5.0})]))
    assert site.sink.drain(60)
    for line, count in zip(site.fake.lines[1:], (4, 5), strict=True):
        assert f" in={count}i,out=0i,n={count}i," in line
        assert 'expected=7.5,state="young",status="revised"' in line
    reader = StoreReader(site.folder / "store.db")
    (window,) = reader.windows("cam-1")
    reader.close()
    assert (window["in"], window["expected"]) == (5, 7.5)


def test_two_changes_of_an_alert_within_a_second_both_stand(site):
    site.write(results(1, alerts=[alert("a", 1, changed_ms=T0), alert("a", 2, changed_ms=T0 + 300, state="cleared")]))
    assert site.sink.drain(60)
    times = [int(line.rsplit(" ", 1)[1]) for line in site.fake.lines]
    assert times == [T0 // 1000, T0 // 1000 + 1]


def test_numbers_that_are_brought_up_to_date_are_no_alert_more(site):
    grown = alert("a", 2, changed_ms=T0 + 300_000, heard_ms=T0)
    site.write(results(1, alerts=[alert("a", 1, changed_ms=T0, heard_ms=T0), grown]))
    doubled = alert("a", 3, changed_ms=T0 + 600_000, heard_ms=T0 + 600_000)
    site.write(results(2, alerts=[doubled, alert("a", 4, changed_ms=T0 + 900_000, heard_ms=T0 + 600_000)]))
    assert site.sink.drain(60)
    times = [(int(line.rsplit(" ", 1)[1]) - T0 // 1000, line.split("revision=")[1][:2]) for line in site.fake.lines]
    assert times == [(0, "1i"), (0, "2i"), (600, "3i"), (600, "4i")]


def test_a_cell_that_leaves_the_map_says_so_also_after_a_restart(site):
    site.write(results(1, maps=[hotspot_map(T0, ("c1", "b1"), ("c2", "b1"))]))
    assert site.sink.drain(60)
    site.close()
    site.open()
    site.write(results(2, maps=[hotspot_map(T0 + 60_000, ("c2", "b1"))]))
    site.write(results(3, maps=[hotspot_map(T0 + 120_000)]))
    site.write(results(4, maps=[hotspot_map(T0 + 180_000, ("c1", "b1"))]))
    assert site.sink.drain(60)
    last = {
        line.split(" ")[0]: [line.split(" ", 1)[1].rpartition(" ")[0], line.split(" ")[-1]] for line in site.fake.lines
    }
    assert last["hotspot,beat=b1,cell=c2,site=s1"] == ["risk=0.0,current=0i", str(T0 // 1000 + 120)]
    assert "current=1i" in last["hotspot,beat=b1,cell=c1,site=s1"][0]
    assert last["hotspot,beat=b1,cell=c1,site=s1"][1] == str(T0 // 1000 + 180)
    assert sum("current=0i" in line for line in site.fake.lines) == 2


def test_results_of_a_new_log_are_not_taken_for_old_ones(site):
    site.write(many(50, rows=2))
    site.store.close()
    (site.folder / "store.db").unlink()
    site.store = StoreSink(site.folder / "store.db", "s1")
    site.write(results(3, now_ms=T0 + 10_000_000, windows=[windows({"n": 9})]))
    assert site.sink.drain(60)
    assert any(",n=9i," in line for line in site.fake.lines)


def test_what_the_node_says_is_written_now_and_then(site):
    status = {
        "now_ms": T0,
        "rates": {"observations_s": 12.5, "messages_s": 3.0},
        "counters": dict.fromkeys(("received", "stored", "duplicates", "late", "open_alerts"), 3),
        "lag": {"records": 2, "seconds": 0.5},
        "quarantined": {"clock": 2, "json": 1},
        "failing": {},
    }
    for _ in range(5):
        site.sink.put_status(status)
    site.sink.put_status(status | {"now_ms": T0 + 10_000})
    assert site.sink.drain(60)
    assert len(site.fake.lines) == 6
    assert "quarantined=3i" in site.fake.lines[0]
    assert site.fake.lines[1].startswith("pipeline,reason=clock,site=s1 quarantined=2i ")


@settings(max_examples=examples(60))
@given(st.lists(st.floats(width=32), max_size=20), st.lists(st.floats(), max_size=20))
def test_numbers_read_back_as_they_were(small, large):
    for column in (np.array(small, np.float32), np.array(large, np.float64)):
        texts = float_texts(column)
        for number, text in zip(column, texts, strict=True):
            assert (text == "null") == (not np.isfinite(number))
            if text != "null":
                assert column.dtype.type(float(text)) == number


@settings(max_examples=examples(60))
@given(st.text(max_size=20), st.text(max_size=20))
def test_no_text_breaks_a_line(tag, text):
    line = point_line("alert", {"kind": tag, "site": "s"}, {"text": text, "revision": 1}, 7)
    assert "\n" not in line
    assert line.endswith(",revision=1i 7")
    assert clean(clean(text)) == clean(text)
    assert clean_tag(clean_tag(tag)) == clean_tag(tag)


def test_the_schema_says_all_that_is_written():
    for language in LANGUAGES:
        assert page_file(language).read_text("utf-8") == page(language), "run python -m tests.influx.schema_page"
    for measurement in MEASUREMENTS.values():
        assert list(measurement.tags) == sorted(measurement.tags)
        assert set(measurement.tags) <= set(TAGS)
        assert "$timeFilter" in measurement.example


# -- against real servers ------------------------------------------------------------------------------------------


def test_a_stop_of_the_server_in_mid_load_loses_and_doubles_nothing(server, tmp_path):
    """The short form of `python -m tests.influx.outage`, which stops it for a minute."""
    figures = outage(server, tmp_path, away_s=1.0, around_s=0.6, lines_s=800, max_wait_s=0.1)
    assert figures["attempts_that_failed"] > 0
    assert figures["most_lines_waiting"] > 100


def test_a_bad_line_harms_no_other(server, tmp_path):
    database = f"bad_{tmp_path.name}"
    server.database(database)
    site = Site(tmp_path, server.address(database))
    site.write(many(1, rows=200))
    assert site.sink.drain(60)
    # Another program has made a field of ours a text for one device's series: all of that measurement conflicts.
    other = b'level,beat=b1,device=n1,metric=noise,site=s1 value="loud" 1\n' + b"level,device=n1 value= 1"
    site.sink._backlog.append([other.decode().split("\n")])
    site.sink._sender.wake()
    site.write(results(2, windows=[windows({"n": 2, "start": T0 + 300_000})]))
    assert site.sink.drain(60), site.sink.state
    assert [b"value= 1" in refusal.payload for refusal in site.refused] == [True]
    found = server.query(database, 'SELECT count("n") FROM people')
    assert found[0]["count"] == 201
    site.close()


def test_a_type_conflict_with_another_programs_field_is_quarantined(server, tmp_path):
    database = f"conflict_{tmp_path.name}"
    server.database(database)
    site = Site(tmp_path, server.address(database))
    site.sink._backlog.append([[f'people,device=x n="many" {T0 // 1000}']])
    site.sink._sender.wake()
    assert site.sink.drain(60)
    site.write(results(1, windows=[windows({"n": 3})], states=[states((4, T0, "open"))]))
    assert site.sink.drain(60), site.sink.state
    assert len(site.refused) == 1
    assert "n" in site.refused[0].detail
    assert server.query(database, "SELECT value FROM state")[0]["value"] == "open"
    site.close()


def test_a_wrong_token_is_told_and_waits(two, tmp_path):
    site = Site(tmp_path, two.address("first", token="wrong"))  # noqa: S106 - that it is wrong is the point
    site.write(results(1, windows=[windows({})]))
    trouble = wait_for(lambda: site.sink.state["trouble"], "trouble is told")
    assert "status 401" in str(trouble)
    assert "token" in str(trouble)
    assert site.sink.state["backlog_lines"] == 1
    site.close()


def test_a_database_that_is_not_there_is_told_and_waits(one, tmp_path):
    site = Site(tmp_path, one.address("nowhere"))
    site.write(results(1, windows=[windows({})]))
    trouble = wait_for(lambda: site.sink.state["trouble"], "trouble is told")
    assert "status 404" in str(trouble)
    assert "patrolgrid influx setup" in str(trouble)
    one.database("nowhere")
    assert site.sink.drain(60)
    site.close()
