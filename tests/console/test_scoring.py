"""Alerts against truth, worked out by hand."""

from hypothesis import given
from hypothesis import strategies as st

from console.demo.scoring import latencies, latency_summary, rises, score
from simulators.world.scenarios import Truth

MINUTE = 60_000
HOUR = 60 * MINUTE


def truth(name="smoke", start=10 * MINUTE, end=16 * MINUTE, **changes):
    fields = {
        "id": f"{name}-1",
        "name": name,
        "beat": "b",
        "devices": ("d1",),
        "start": start,
        "end": end,
        "kinds": (name,),
        "also": ("heat",),
        "tolerance_s": 300,
        "lon": 0.0,
        "lat": 0.0,
    }
    return Truth(**{**fields, **changes})


def alert(kind="smoke", at=11 * MINUTE, device="d1", **changes):
    fields = {"id": f"{kind}-{device}-{at}", "revision": 1, "state": "raised", "kind": kind, "device": device}
    return {**fields, "beat": "b", "changed_ms": at, "cause_ms": at, "cause_seq": 3, **changes}


def scored(truths, alerts, devices=10, until_ms=24 * HOUR):
    return score(truths, alerts, devices=devices, start_ms=0, until_ms=until_ms)


def test_found_with_its_delay_and_nothing_false():
    found = scored([truth()], [alert(at=11 * MINUTE), alert(kind="heat", at=12 * MINUTE)])
    assert (found["scenarios"], found["detected"], found["missed"]) == (1, 1, [])
    assert found["delay_s_median"] == 60.0
    assert found["false_alarms_per_device_day"] == 0.0


def test_what_may_be_raised_besides_does_not_find():
    found = scored([truth()], [alert(kind="heat", at=12 * MINUTE)])
    assert (found["detected"], found["missed"], found["false_alarms"]) == (0, ["smoke-1"], 0)


def test_another_device_kind_or_time_is_false():
    alerts = [alert(device="d2"), alert(kind="surge"), alert(at=9 * MINUTE), alert(at=16 * MINUTE + 300_001)]
    found = scored([truth()], alerts)
    assert (found["detected"], found["false_alarms"]) == (0, 4)
    assert found["false_by_kind"] == {"smoke": 3, "surge": 1}
    assert found["false_alarms_per_device_day"] == 0.4


def test_an_alert_of_neighbours_finds_what_happens_at_any_of_them():
    first = alert("surge", at=9 * MINUTE, device="d9")
    joined = alert("surge", at=11 * MINUTE, device="d9", id=first["id"], revision=2, devices=("d9", "d1"))
    assert scored([truth("surge")], [joined])["detected"] == 1
    assert scored([truth("surge")], [joined])["false_alarms"] == 0
    both = scored([truth("surge")], [first, joined])
    assert (both["detected"], both["false_alarms"]) == (1, 1)
    assert scored([truth("surge", devices=("d7",))], [joined])["detected"] == 0


def test_without_devices_the_beat_counts():
    series = truth("burglary_series", devices=(), also=())
    assert scored([series], [alert("burglary_series", device="r01c02")])["detected"] == 1
    assert scored([series], [alert("burglary_series", device="r01c02", beat="other")])["detected"] == 0


def test_a_scenario_that_was_not_over_is_not_scored_and_still_explains():
    found = scored([truth()], [alert()], until_ms=12 * MINUTE)
    assert (found["scenarios"], found["false_alarms"]) == (0, 0)
    assert found["delay_s_median"] is None


def test_an_alert_counts_once_however_often_it_changes():
    first = alert(device="d9")
    again = {**first, "revision": 3, "changed_ms": 20 * MINUTE}
    cleared = {**first, "revision": 2, "state": "cleared"}
    assert scored([], [first, first, cleared, again])["false_alarms"] == 1
    assert [row["revision"] for row in rises([again, cleared, first])] == [1, 3]


def test_latency_takes_only_what_was_alerted_at_once():
    published = [("d1", 1_000, 3, 5_000_000), ("d2", 2_000, -1, 6_000_000), ("d3", 3_000, 9, 7_000_000)]
    heard = [
        (alert(at=1_000), 25_000_000),
        (alert(at=1_000), 99_000_000),  # the same cause again
        (alert(at=2_000, device="d2", cause_seq=77), 16_000_000),  # numbered by the gateway
        (alert(at=3_000, device="d3", cause_seq=12), 90_000_000),  # a rule that waited: another observation's number
        (alert(at=3_000, device="d3", cause_seq=9, state="cleared"), 90_000_000),
        (alert(at=3_000, device="d3", cause_seq=-1), 90_000_000),
    ]
    assert latencies(published, heard) == [10.0, 20.0]


@given(st.lists(st.floats(0, 1e6), max_size=300).map(sorted))
def test_percentiles_are_values_that_occurred(took):
    found = latency_summary(took)
    assert found["n"] == len(took)
    if took:
        assert min(took) <= found["p50"] + 0.05
        assert found["p50"] <= found["p99"] <= max(took) + 0.05
    else:
        assert found["p50"] is None
