"""What the pipeline promises: once in effect, windows by event time, alerts with a life, state that resumes."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.frame import FrameError
from ingest.log.records import Record, RecordKind
from ingest.places import PlacesError
from ingest.vocabulary import WindowStatus
from stream.detect.rules_stage import check_overrides
from stream.pipeline.pipeline import Pipeline
from stream.results import RECALLED
from tests.configs import pipeline_with
from tests.stream.build import MINUTE, NOON, Writer, places, text_of
from tests.support import examples

CONFIG = pipeline_with(site="test", country="")


def pipeline(**more):
    return Pipeline(CONFIG, places(**more))


def totals(all_results):
    """Sum of parts, newest row per (series, start, part): what a store would hold."""
    rows = {}
    for results in all_results:
        for block in results.windows:
            for i in range(len(block)):
                key = results.catalog[block.series[i]]
                rows[key.device, key.metric, int(block.start[i]), int(block.part[i])] = (
                    int(block.n[i]),
                    float(block.sum_a[i]),
                    float(block.sum_b[i]),
                )
    summed = {}
    for (device, metric, _, _), (n, a, b) in rows.items():
        before = summed.get((device, metric), (0, 0.0, 0.0))
        summed[device, metric] = (before[0] + n, before[1] + a, before[2] + b)
    return summed


def alerts(all_results):
    return [alert for results in all_results for alert in results.alerts]


def test_sums_counts_into_the_window_their_interval_lies_in():
    pipe, log = pipeline(), Writer()
    for minute in range(1, 12):
        log.count("cam-1", NOON + minute * MINUTE, 10, 1)
    out = [pipe.process(log.record()), pipe.process(log.tick(NOON + 20 * MINUTE))]
    closed = [block for results in out for block in results.windows if block.status[0] == WindowStatus.CLOSED]
    found = {int(block.start[0]) - NOON: (int(block.n[0]), float(block.sum_a[0])) for block in closed}
    assert found == {0: (5, 50.0), 5 * MINUTE: (5, 50.0), 10 * MINUTE: (1, 10.0)}
    assert closed[0].exposure[0] == pytest.approx(1.0)


def test_the_first_counts_after_a_quiet_time_are_seen_at_once():
    pipe, log = pipeline(), Writer()
    pipe.process(log.tick(NOON))
    results = pipe.process(log.count("cam-1", NOON + 2_000, 3, interval=1.0).record(NOON + 2_000))
    assert totals([results]) == {("cam-1", "person"): (1, 3.0, 0.0)}


def test_a_repeated_record_changes_nothing():
    pipe, log = pipeline(), Writer()
    log.count("cam-1", NOON + MINUTE, 3).level("noise-1", NOON + MINUTE, 50.0)
    record = log.record()
    first = pipe.process(record)
    again = pipe.process(Record(kind=record.kind, received_ms=record.received_ms, payload=record.payload, position=2))
    assert (first.accepted, first.duplicates) == (2, 0)
    assert (again.accepted, again.duplicates) == (0, 2)
    assert totals([first, again, pipe.flush()])["cam-1", "person"] == (1, 3.0, 0.0)


def test_late_observations_revise_or_add_and_raise_no_alert():
    pipe, log = pipeline(), Writer()
    log.count("cam-1", NOON + MINUTE, 1)
    out = [pipe.process(log.record())]
    out.append(pipe.process(log.tick(NOON + 12 * MINUTE)))
    log.count("cam-1", NOON + 2 * MINUTE, 1, received=NOON + 12 * MINUTE)
    log.count("cam-1", NOON - 300 * MINUTE, 1, received=NOON + 12 * MINUTE)
    log.level("noise-1", NOON + 2 * MINUTE, 60.0, received=NOON + 12 * MINUTE)
    out.append(pipe.process(log.record(NOON + 12 * MINUTE)))
    assert out[-1].late == 3
    statuses = {int(status) for block in out[-1].windows for status in block.status}
    assert statuses == {WindowStatus.REVISED, WindowStatus.LATE}
    out.append(pipe.process(log.tick(NOON + 30 * MINUTE)))
    assert totals(out)["cam-1", "person"] == (3, 3.0, 0.0)
    assert [alert.kind for alert in alerts(out)] == []


DAY = 24 * 60 * MINUTE


@pytest.mark.parametrize(("off", "says"), [(121_000, "121 s ahead"), (-31 * DAY, "31.0 days old"), (-NOON, "days old")])
def test_a_wrong_clock_keeps_counts_out_and_nothing_else(off, says):
    pipe, log = pipeline(), Writer()
    log.count("cam-1", NOON + 120_000, 1, received=NOON).count("cam-1", NOON - 30 * DAY, 1, received=NOON)
    log.count("cam-1", NOON + off, 1, received=NOON).gate("gate-1", NOON + off, received=NOON)
    log.level("smoke-1", NOON + off, 9.0, metric="smoke", received=NOON)
    log.state("door-1", NOON + off, "open", received=NOON)
    out = [pipe.process(log.record(NOON)), pipe.process(log.tick(NOON + 2 * MINUTE)), pipe.flush()]
    assert [(refusal.reason, refusal.topic) for refusal in out[0].refusals] == [
        ("clock", "b1/cam-1"),
        ("clock", "b1/gate-1"),
    ]
    assert says in out[0].refusals[0].detail
    assert [(alert.kind, alert.cause_ms) for alert in alerts(out)] == [("smoke", NOON), ("door_open", NOON)]
    assert out[0].accepted == 4
    # What bears an impossible time is kept beside the window of its receipt, and is in none that the models learn.
    assert sum(n for n, _, _ in totals(out).values()) == 4
    found = {
        (results.catalog[block.series[i]].device, int(block.start[i]), int(block.status[i]))
        for results in out
        for block in results.windows
        for i in range(len(block))
        if results.catalog[block.series[i]].device != "cam-1"
    }
    assert found == {("smoke-1", NOON, WindowStatus.LATE), ("door-1", NOON, WindowStatus.LATE)}


def test_everything_new_is_a_sign_of_life_whatever_its_time():
    pipe, log = pipeline(), Writer()
    out = []
    for minute in range(40):
        off = (0, -7 * MINUTE, 10 * MINUTE, -40 * DAY)[minute // 10]
        now = NOON + minute * MINUTE
        log.count("cam-1", now + off, 1, received=now)
        out.append(pipe.process(log.record(now)))
    out += [pipe.process(log.tick(NOON + 40 * MINUTE))]
    assert {alert.kind for alert in alerts(out)} == {"clock_wrong"}
    assert "silent" in [alert.kind for alert in alerts([pipe.process(log.tick(NOON + 45 * MINUTE))])]


def test_counts_longer_than_a_window_are_in_time_and_judged_by_their_mean():
    pipe, log = pipeline(), Writer()
    out = []
    for half_hour in range(1, 6 * 48):
        log.count("cam-1", NOON + half_hour * 30 * MINUTE, 60, interval=1800.0)
        out.append(pipe.process(log.record()))
    out.append(pipe.process(log.tick(NOON + 6 * 1440 * MINUTE)))
    assert sum(results.late for results in out) == 0
    assert {alert.kind for alert in alerts(out)} <= {"never_heard"}
    expected = [float(e) for results in out for block in results.windows for e in block.expected if not np.isnan(e)]
    assert expected[-1] == pytest.approx(60, rel=0.25)


def test_a_clock_that_runs_ahead_does_not_close_the_window_of_others():
    pipe, log = pipeline(devices={"cam-1": "camera", "cam-2": "camera"}), Writer()
    log.count("cam-1", NOON + 6 * MINUTE, 1, received=NOON + 4 * MINUTE)
    log.count("cam-2", NOON + 4 * MINUTE, 1, received=NOON + 4 * MINUTE)
    assert pipe.process(log.record(NOON + 4 * MINUTE)).late == 0


def test_a_batch_of_hours_closes_its_windows_in_order():
    pipe, log = pipeline(), Writer()
    for minute in range(1, 181):
        log.count("cam-1", NOON + minute * MINUTE, 2)
    out = [pipe.process(log.record()), pipe.flush()]
    assert out[0].late == 0
    assert totals(out)["cam-1", "person"] == (180, 360.0, 0.0)
    assert sum(int((block.status == WindowStatus.CLOSED).sum()) for block in out[0].windows) >= 35


def test_smoke_alarms_at_once_and_clears_with_its_condition():
    pipe, log = pipeline(), Writer()
    log.level("smoke-1", NOON + 1000, 0.4, metric="smoke", unit="%/m").level(
        "smoke-1", NOON + 2000, 6.0, metric="smoke", unit="%/m"
    )
    raised = alerts([pipe.process(log.record())])
    assert [(alert.kind, alert.state, alert.severity, alert.cause_seq) for alert in raised] == [
        ("smoke", "raised", "critical", 1)
    ]
    assert set(text_of(raised[0])) == {"en", "zh-CN"}
    assert "6" in text_of(raised[0])["en"]
    log.level("smoke-1", NOON + 60_000, 0.3, metric="smoke", unit="%/m")
    cleared = alerts([pipe.process(log.record())])
    assert [(alert.state, alert.revision, alert.id) for alert in cleared] == [("cleared", 2, raised[0].id)]


def test_a_door_left_open_needs_no_further_observation():
    pipe, log = pipeline(), Writer()
    log.state("door-1", NOON + 1000, "open")
    assert alerts([pipe.process(log.record())]) == []
    assert alerts([pipe.process(log.tick(NOON + 100_000))]) == []
    assert [alert.kind for alert in alerts([pipe.process(log.tick(NOON + 125_000))])] == ["door_open"]


def test_overrides_of_the_places_file_count():
    pipe, log = pipeline(overrides={"door-1": {"open_s": 10}}), Writer()
    log.state("door-1", NOON + 1000, "open")
    pipe.process(log.record())
    assert [alert.kind for alert in alerts([pipe.process(log.tick(NOON + 12_000))])] == ["door_open"]


def test_people_acknowledge_and_clear_once():
    pipe, log = pipeline(), Writer()
    log.state("door-1", NOON + 1000, "open")
    pipe.process(log.record())
    alert = alerts([pipe.process(log.tick(NOON + 125_000))])[0]
    command = {"action": "acknowledge", "alert": alert.id, "by": "Officer Li", "ts": NOON + 130_000}
    first = pipe.process(log.json(RecordKind.COMMAND, NOON + 130_000, id="c1", **command))
    assert [(a.state, a.by, a.revision) for a in first.alerts] == [("acknowledged", "Officer Li", 2)]
    assert pipe.process(log.json(RecordKind.COMMAND, NOON + 131_000, id="c1", **command)).alerts == []
    command["action"] = "clear"
    cleared = pipe.process(log.json(RecordKind.COMMAND, NOON + 132_000, id="c2", **command))
    assert [(a.state, a.by) for a in cleared.alerts] == [("cleared", "Officer Li")]
    unknown = pipe.process(log.json(RecordKind.COMMAND, NOON + 133_000, id="c3", **command))
    assert [refusal.reason for refusal in unknown.refusals] == ["command"]
    assert alert.id in unknown.refusals[0].detail


def test_a_stranger_at_night_is_told_from_a_resident():
    night = NOON + 11 * 60 * MINUTE
    pipe, log = pipeline(), Writer()
    for day in range(9, 0, -1):
        log.gate("gate-1", night - day * 86_400_000, plate="h1:k:resident", allowed=1, received=night)
    log.gate("gate-1", night + MINUTE, plate="h1:k:resident", allowed=-1)
    log.gate("gate-1", night + 2 * MINUTE, plate="h1:k:stranger", allowed=-1)
    out = [pipe.process(log.record())]
    assert [(alert.kind, alert.cause_ms) for alert in alerts(out)] == [("stranger_vehicle", night + 2 * MINUTE)]
    assert sum(len(block.plate) for results in out for block in results.gates) == 11


def test_a_resident_stays_known_when_the_key_of_the_tokens_is_rotated():
    night = NOON + 11 * 60 * MINUTE
    pipe, log = pipeline(), Writer()
    for day in range(9, 0, -1):
        log.gate("gate-1", night - day * 86_400_000, plate="h1:a:resident", allowed=1, received=night)
    log.gate("gate-1", night + MINUTE, plate="h1:b:resident h1:a:resident", allowed=-1)
    log.gate("gate-1", night + 2 * MINUTE, plate="h1:b:resident", allowed=-1)  # the link is over
    log.gate("gate-1", night + 3 * MINUTE, plate="h1:b:stranger h1:a:stranger", allowed=-1)
    out = [pipe.process(log.record())]
    assert [(alert.kind, alert.cause_ms) for alert in alerts(out)] == [("stranger_vehicle", night + 3 * MINUTE)]
    stored = [plate for results in out for block in results.gates for plate in block.plate]
    assert stored[-3:] == ["h1:b:resident", "h1:b:resident", "h1:b:stranger"], "links are not for the store"


def test_a_second_stranger_is_told_to_who_acknowledged_the_first():
    pipe, log = pipeline(), Writer()
    night = NOON + 11 * 60 * MINUTE

    def stranger(minute):
        ts = night + minute * MINUTE
        log.gate("gate-1", ts, plate=f"h1:aaaa{minute:032d}", allowed=0)
        return alerts([pipe.process(log.record())])

    (first,) = stranger(0)
    assert (first.kind, first.state) == ("stranger_vehicle", "raised")
    assert stranger(1) == []  # nobody has looked at the first: that alert stands
    ack = {"id": "c1", "action": "acknowledge", "alert": first.id, "by": "Li", "ts": night}
    pipe.process(log.json(RecordKind.COMMAND, night + 2 * MINUTE, **ack))
    (again,) = stranger(3)
    assert (again.id, again.revision, again.state, again.by) == (first.id, 3, "raised", "")
    assert again.cause_ms == night + 3 * MINUTE
    quiet = [pipe.process(log.tick(night + minute * MINUTE)) for minute in range(10, 300, 10)]
    assert [(alert.id, alert.state) for alert in alerts(quiet) if alert.kind == "stranger_vehicle"] == [
        (first.id, "expired")
    ]


def test_a_surge_is_seen_before_its_window_closes():
    pipe, log = pipeline(), Writer()
    rng = np.random.default_rng(1)
    for minute in range(-5 * 24 * 60, 0):
        log.count("cam-1", NOON + minute * MINUTE, rng.poisson(4), received=NOON - 5 * MINUTE)
        if minute % 4000 == 0:
            pipe.process(log.record(NOON - 5 * MINUTE))
    pipe.process(log.record(NOON - 5 * MINUTE))
    raised, anomalies = [], []
    for second in range(20, 300, 20):
        log.count("cam-1", NOON + second * 1000, 14, interval=20.0)
        out = pipe.process(log.record())
        raised += [(second, alert.kind) for alert in out.alerts if not alert.quiet]
        anomalies += out.anomalies
    assert raised
    assert raised[0][1] == "surge"
    assert raised[0][0] <= 100
    assert len(raised) == 1
    ended = []
    for minute in range(6, 60):
        log.count("cam-1", NOON + minute * MINUTE, 4)
        out = pipe.process(log.record())
        ended += [(minute, alert) for alert in out.alerts if not alert.quiet]
        anomalies += out.anomalies
    ((minute, cleared),) = ended
    assert cleared.state == "cleared"
    assert minute <= 25
    assert {(one.kind, one.ts) for one in anomalies} == {("surge", NOON)}
    assert anomalies[-1].duration_s == 300.0
    assert anomalies[-1].p == anomalies[-1].why.args["why"].args["p"] < 1e-6
    for told in (cleared, anomalies[-1]):
        assert text_of(told)["en"].endswith("; since 12:00. Over after 5 min.")
        assert text_of(told)["zh-CN"].endswith("自12:00起。现已结束，共持续5分钟。")


def test_a_history_gets_the_band_that_it_teaches():
    pipe, log = pipeline(), Writer()
    for five in range(-14 * 288, 0):
        log.count("cam-1", NOON + five * 5 * MINUTE, 20, interval=300.0, received=NOON)
    out = [pipe.process(log.record(NOON)), *(pipe.process(log.tick(NOON + tick * 1000)) for tick in range(1, 11))]
    recalled = [block for results in out for block in results.windows if block.part[0] == RECALLED]
    assert sum(len(block) for block in recalled) == 288
    assert recalled[0].n.sum() == 0
    assert recalled[0].expected.mean() == pytest.approx(20, rel=0.1)
    assert (recalled[0].lower < 20).all()
    assert (recalled[0].upper > 20).all()
    assert totals(out)["cam-1", "person"] == (14 * 288, 14 * 288 * 20.0, 0.0)


def test_a_device_that_reports_regularly_is_missed_when_silent():
    pipe, log = pipeline(), Writer()
    regular = [log.count("cam-1", NOON + second * 1000, 1, interval=30.0).record() for second in range(0, 600, 30)]
    out = [pipe.process(record) for record in regular]
    out += [pipe.process(log.tick(NOON + 600_000 + second * 1000)) for second in range(0, 400, 20)]
    assert [alert.kind for alert in alerts(out)] == ["silent"]
    back = pipe.process(log.count("cam-1", NOON + 1_010_000, 1, interval=30.0).record())
    assert [(alert.kind, alert.state) for alert in back.alerts] == [("silent", "cleared")]


def test_incidents_near_each_other_make_a_hotspot_and_a_series():
    pipe, log = pipeline(), Writer()
    out = []
    for index in range(3):
        fields = {"id": f"i{index}", "lon": 121.474, "lat": 31.234, "category": "burglary", "ts": NOON + index * MINUTE}
        out.append(pipe.process(log.json(RecordKind.INCIDENT, NOON + index * MINUTE, **fields)))
    again = {"id": "i0", "lon": 121.474, "lat": 31.234, "category": "burglary", "ts": NOON}
    out.append(pipe.process(log.json(RecordKind.INCIDENT, NOON + 4 * MINUTE, **again)))
    assert [len(results.incidents) for results in out] == [1, 1, 1, 0]
    assert [alert.kind for alert in alerts(out)] == ["burglary_series"]
    best = out[-1].maps[0].cells[0]
    assert (best.rank, best.risk, best.beat) == (1, 1.0, "b1")
    assert abs(best.lon - 121.474) < 0.001


def test_a_series_is_one_alert_however_its_middle_moves_and_another_category_has_its_own():
    pipe, log, out, moved = pipeline(), Writer(), [], 0.003  # 286 m: the middle then lies in another cell

    def tell(minute, category, lon):
        fields = {"id": f"i{minute}", "lon": lon, "lat": 31.234, "category": category, "ts": NOON + minute * MINUTE}
        out.append(pipe.process(log.json(RecordKind.INCIDENT, NOON + minute * MINUTE, **fields)))

    for minute, lon in enumerate((121.474, 121.474, 121.474, 121.474 + moved, 121.474 + moved)):
        tell(minute, "burglary", lon)
    (first, *later) = alerts(out)
    assert {alert.id for alert in later} == {first.id}
    assert [alert.why.args["count"] for alert in alerts(out)] == [3, 4, 5]
    assert [alert.quiet for alert in alerts(out)] == [False, True, True], "people are not called for every further one"
    taken = {"id": "c1", "action": "acknowledge", "alert": first.id, "by": "li", "ts": NOON + 5 * MINUTE}
    pipe.process(log.json(RecordKind.COMMAND, NOON + 5 * MINUTE, **taken))
    tell(6, "burglary", 121.474)
    assert (alerts(out)[-1].id, alerts(out)[-1].state) == (first.id, "raised"), "who took it up has not heard of this"
    for minute, category in enumerate(("theft", "vandalism") * 3, 7):
        tell(minute, category, 121.474)
    others = alerts(out)[-2:]
    assert [alert.why.args["category"] for alert in others] == ["theft", "vandalism"]
    assert len({first.id, *(alert.id for alert in others)}) == 3


def test_what_cannot_be_applied_is_refused_with_its_reason():
    pipe, log = pipeline(), Writer()
    bad = Record(kind=RecordKind.OBSERVATIONS, received_ms=NOON, payload=b"PGba\x09" + b"\0" * 30, position=1)
    assert "version 9" in pipe.process(bad).refusals[0].detail
    for kind in (RecordKind.INCIDENT, RecordKind.COMMAND, RecordKind.STATUS):
        results = pipe.process(Record(kind=kind, received_ms=NOON, payload=b"{not json", position=2))
        assert len(results.refusals) == 1
    for index in range(30):
        log.level("noise-1", NOON + index, 1.0, metric=f"m{index}")
    results = pipe.process(log.record())
    assert results.accepted == CONFIG.max_metrics
    assert {refusal.reason for refusal in results.refusals} == {"metrics"}


def test_a_device_that_speaks_is_online_whatever_its_retained_will_says():
    pipe, log = pipeline(), Writer()

    def online(minute):
        health = [row for results in [pipe.process(log.tick(NOON + minute * MINUTE))] for row in results.health]
        return {row.device: row.online for row in health}

    pipe.process(log.count("cam-1", NOON, 1).count("noise-1", NOON, 1).record())
    for device in ("cam-1", "noise-1"):
        pipe.process(log.json(RecordKind.STATUS, NOON, beat="b1", device=device, state="offline", ts=NOON))
    assert online(7) == {"cam-1": False, "noise-1": False}
    pipe.process(log.count("cam-1", NOON + 8 * MINUTE, 1).record())
    assert online(14) == {"cam-1": True, "noise-1": False}


def comparable(results):
    """Everything of some results, as bytes: equal means byte for byte."""
    blocks = []
    for block in results.windows:
        blocks += [getattr(block, name).tobytes() for name in block.__slots__]
    rest = (
        results.anomalies,
        results.alerts,
        results.maps,
        results.health,
        results.refusals,
        (results.accepted, results.duplicates, results.late, results.watermark_ms),
        [(block.ts.tobytes(), block.plate) for block in results.gates],
        [(block.ts.tobytes(), block.value) for block in results.states],
    )
    return blocks, msgspec.json.encode(rest)


@st.composite
def recordings(draw):
    log, records, now = Writer(), [], NOON
    for _ in range(draw(st.integers(2, 10))):
        for _ in range(draw(st.integers(0, 12))):
            ts = now + draw(st.integers(-40 * MINUTE, MINUTE))
            pick = draw(st.integers(0, 4))
            value = draw(st.integers(0, 90))
            received = max(now, log.newest)
            if pick == 0:
                log.count("cam-1", ts, value, received=received)
            elif pick == 1:
                log.level("noise-1", ts, float(value), received=received)
            elif pick == 2:
                log.state("door-1", ts, draw(st.sampled_from(["open", "closed"])), received=received)
            elif pick == 3:
                log.gate("gate-1", ts, plate=f"h1:k:{value % 3}", allowed=value % 3 - 1, received=received)
            else:
                log.count("cam-1", ts, value, seq=draw(st.integers(0, 40)), boot="b", received=received)
        records.append(log.record(max(now, log.newest)) if len(log.batch) else log.tick(max(now, log.newest)))
        now += draw(st.sampled_from([1000, MINUTE, 7 * MINUTE, 90 * MINUTE]))
    return records


@settings(max_examples=examples(40))
@given(recordings(), st.integers(0, 9))
def test_resumes_from_a_snapshot_byte_for_byte(records, cut):
    whole, before = pipeline(), pipeline()
    for record in records[:cut]:
        whole.process(record)
        before.process(record)
    data = before.snapshot()
    resumed = pipeline()
    resumed.restore(data)
    assert resumed.snapshot() == data
    for record in records[cut:]:
        assert comparable(whole.process(record)) == comparable(resumed.process(record))


@settings(max_examples=examples(40))
@given(recordings())
def test_every_new_observation_is_stored_exactly_once(records):
    pipe = pipeline()
    out = [pipe.process(record) for record in records]
    out.append(pipe.flush())
    assert sum(n for n, _, _ in totals(out).values()) == sum(results.accepted for results in out)


def test_a_gateway_clock_set_right_does_not_make_everything_late():
    pipe, log = pipeline(), Writer()
    day = 24 * 60 * MINUTE
    log.count("cam-1", NOON + MINUTE, 1, received=NOON + day)
    out = [pipe.process(log.record(NOON + day))]
    assert out[0].late == 1
    log.newest = 0
    log.count("cam-1", NOON + 2 * MINUTE, 1, received=NOON + 2 * MINUTE)
    out.append(pipe.process(log.record(NOON + 2 * MINUTE)))
    assert out[1].late == 0
    out += [pipe.process(log.tick(NOON + 30 * MINUTE)), pipe.flush()]
    assert totals(out)["cam-1", "person"] == (2, 2.0, 0.0)


def test_a_wrong_override_is_told_before_the_node_starts():
    check_overrides(places(overrides={"door-1": {"open_s": 10}}))
    with pytest.raises(PlacesError, match=r"'smoke-1'.*'smoke_on' is 'high'"):
        check_overrides(places(overrides={"smoke-1": {"smoke_on": "high"}}))


def test_a_wrong_override_leaves_the_device_its_default_rules():
    pipe, log = pipeline(overrides={"smoke-1": {"smoke_on": "high"}}), Writer()
    log.level("smoke-1", NOON, 9.0, metric="smoke", unit="%/m")
    assert [alert.kind for alert in alerts([pipe.process(log.record())])] == ["smoke"]


def test_half_a_beat_gone_silent_is_one_alert():
    pipe, log = pipeline(devices={f"cam-{index}": "camera" for index in range(6)}), Writer()
    out = []
    for second in range(0, 300, 30):
        for index in range(6):
            log.count(f"cam-{index}", NOON + second * 1000, 1, interval=30.0)
        out.append(pipe.process(log.record()))
    out += [pipe.process(log.tick(NOON + 300_000 + second * 1000)) for second in range(0, 400, 20)]
    assert [(alert.kind, alert.device, alert.severity) for alert in alerts(out)] == [("feed_lost", "b1", "critical")]
    back = [log.count("cam-1", NOON + 720_000, 1, interval=30.0).record(), log.tick(NOON + 721_000)]
    (fewer,) = [alert for record in back for alert in pipe.process(record).alerts]
    assert (fewer.kind, fewer.state, "cam-1" in fewer.devices, len(fewer.devices)) == ("feed_lost", "raised", False, 5)
    assert "5 of 6 devices" in text_of(fewer)["en"]


def test_a_beat_that_is_watched_again_leaves_an_alert_for_who_is_still_silent():
    pipe, log = pipeline(devices={f"cam-{index}": "camera" for index in range(6)}), Writer()
    for second in range(0, 300, 30):
        for index in range(6):
            log.count(f"cam-{index}", NOON + second * 1000, 1, interval=30.0)
        pipe.process(log.record())
    told = [pipe.process(log.tick(NOON + 300_000 + second * 1000)) for second in range(0, 400, 20)]
    back = [log.count(f"cam-{index}", NOON + 720_000 + index * 1000, 1, interval=30.0).record() for index in range(5)]
    told += [pipe.process(record) for record in [*back, log.tick(NOON + 800_000)]]
    lost, silent = {alert.id: alert for alert in alerts(told)}.values()
    assert (lost.kind, lost.state, silent.kind, silent.state) == ("feed_lost", "cleared", "silent", "raised")
    assert text_of(silent)["en"].startswith("Still at cam-5; over at 1 of 2 devices. Nothing heard for ")


def test_a_snapshot_of_another_site_or_window_is_refused():
    data = pipeline().snapshot()
    other = Pipeline(pipeline_with(site="other", country=""), places())
    with pytest.raises(FrameError, match="site"):
        other.restore(data)
    with pytest.raises(FrameError, match="check sum"):
        pipeline().restore(data[:-9] + b"x" + data[-8:])


def test_every_boot_of_a_restarting_device_counts_also_when_one_record_holds_many():
    pipe, log = pipeline(), Writer()
    for boot in range(9):
        for number in range(3):
            log.count("cam-1", NOON + MINUTE, 1, seq=number, boot=f"boot-{boot}")
    first = pipe.process(log.record())
    assert (first.accepted, first.duplicates) == (27, 0)
    resumed = pipeline()
    resumed.restore(pipe.snapshot())
    for number in range(6):  # the newest boot goes on after its repeats, and another one begins
        log.count("cam-1", NOON + MINUTE * (1 if number < 3 else 2), 1, seq=number, boot="boot-8")
        log.count("cam-1", NOON + 2 * MINUTE, 1, seq=number, boot="boot-9")
    record = log.record()
    again = [pipe.process(record), resumed.process(record)]
    assert [(out.accepted, out.duplicates) for out in again] == [(9, 3), (9, 3)]
    assert pipe.snapshot() == resumed.snapshot()


def test_names_that_one_device_makes_up_leave_room_for_other_devices():
    pipe, log = pipeline(), Writer()
    for number in range(900):
        log.level("noise-1", NOON + MINUTE, 1.0, metric=f"made-up-{number}")
    flood = pipe.process(log.record())
    assert flood.accepted == CONFIG.max_metrics
    assert sum(refusal.times for refusal in flood.refusals) == 900 - CONFIG.max_metrics
    assert len(flood.refusals) < 20, "what a device makes up is summed"
    log.level("smoke-1", NOON + MINUTE, 1.0, metric="smoke").count("cam-1", NOON + MINUTE, 1)
    calm = pipe.process(log.record())
    assert (calm.accepted, len(calm.refusals)) == (2, 0)


def test_every_series_is_found_again_after_a_restart_however_many_metrics_the_site_has():
    devices = {f"noise-{number}": "noise" for number in range(40)}
    pipe, log = pipeline(devices=devices), Writer()
    for number, device in enumerate(devices):
        log.level(device, NOON + MINUTE, 1.0, metric=f"m-{number}")
    pipe.process(log.record())
    resumed = pipeline(devices=devices)
    resumed.restore(pipe.snapshot())
    for number, device in enumerate(devices):
        log.level(device, NOON + 2 * MINUTE, 1.0, metric=f"m-{number}")
    assert resumed.process(log.record()).accepted == 40
    assert len(resumed.shards[0].catalog.series) == 40


def test_a_device_that_makes_up_states_for_ever_does_not_grow_the_state():
    pipe, log = pipeline(), Writer()
    log.state("door-1", NOON, "open")
    pipe.process(log.record())
    before = len(pipe.snapshot())
    for number in range(5_000):
        log.state("door-1", NOON + number, f"uptime {number}")
    out = pipe.process(log.record())
    assert sum(len(rows.value) for rows in out.states) == 5_000
    assert len(pipe.snapshot()) < before + 200
