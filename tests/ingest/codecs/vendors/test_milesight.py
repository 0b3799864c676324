"""Milesight: totals, intervals and triggers of one counter say the same thing, and each person is counted once."""

import json
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from ingest.codecs.bindings import Binding
from ingest.codecs.codec import VendorMessage
from ingest.observations import Count, Level
from ingest.vocabulary import Reason
from tests.ingest.codecs.cases import Feed

ZONE, SERIAL = ZoneInfo("Asia/Shanghai"), "DEMO000000000001"


def ms(clock):
    return round(datetime.fromisoformat(f"2026-11-20T{clock}").replace(tzinfo=ZONE).timestamp() * 1000)


def feed(**more):
    return Feed("milesight", [Binding("milesight", "d-1", "ms/1", **more)])


def trigger(came, went, at, **more):
    said = [{"line": 1, "line_name": "Line1", "total": {"in": came, "out": went}, "group": {"in": 9, "out": 9}}]
    return report({"time": f"2026-11-20T{at}+08:00"}, "trigger", line_trigger_data=said, **more)


def periodic(now, total, start, end, *, flat=False, time=None, **more):
    lines = {
        "line_periodic_data": now and {"in": now[0], "out": now[1]},
        "line_total_data": total and {"in_counted": total[0], "out_counted": total[1]},
    }
    data = {
        name: [{"line": 1, **(figures if flat else {"total": figures})}] for name, figures in lines.items() if figures
    }
    time = time or {"start_time": f"2026-11-20T{start}+08:00", "end_time": f"2026-11-20T{end}+08:00"}
    return report(time, "interval", **data, **more)


def report(time, kind, **more):
    return {
        "event": "Line Crossing People Counting",
        "report_type": kind,
        "device_info": {"device_sn": SERIAL},
        "network_info": {"imei": "1" * 15},
        "time_info": time,
        **more,
    }


def say(to, said, topic="ms/1"):
    payload = json.dumps(said).encode()
    return to(VendorMessage(topic, payload, ms("09:00:00")))


def counts(*meanings):
    said = [one for meaning in meanings for _, one in meaning.observations]
    return sum(one.in_ for one in said), sum(one.out for one in said)


MIXED = [
    trigger(27, 25, "08:20:40"), periodic((3, 1), (30, 26), "08:20:49", "08:21:49"), trigger(31, 26, "08:22:10"),
    trigger(31, 26, "08:22:10"), periodic((1, 0), (31, 26), "08:21:49", "08:22:49"),
    periodic((2, 2), (36, 29), "08:23:49", "08:24:49"),
]  # fmt: skip


@pytest.mark.parametrize(("meaning", "wanted"), [("", (9, 4)), ("total", (9, 4)), ("interval", (6, 3))])
def test_each_person_is_counted_once_whichever_figures_are_gone_by(meaning, wanted):
    to = feed(meaning=meaning)
    heard = []
    for one in MIXED:
        to.restart()
        heard.append(say(to, one))
    assert counts(*heard) == wanted  # of a minute that did not arrive (08:22:49 to 08:23:49) only totals know


@pytest.mark.parametrize("flat", [False, True])
def test_the_first_report_has_its_interval_and_figures_may_be_flat(flat):
    ((_, said),) = say(feed(), periodic((3, 1), (30, 26), "08:20:00", "08:21:00", flat=flat)).observations
    assert said == Count(ms("08:21:00"), 60.0, 3, 1, "person")


def test_reports_with_intervals_alone_are_counted_as_they_are_and_once():
    to = feed()
    heard = [say(to, periodic((3, 1), None, "08:20:00", end)) for end in ("08:21:00", "08:21:00")]
    assert counts(*heard) == (3, 1)


@pytest.mark.parametrize(("time", "wanted"), [
    ({"time_zone": "UTC+8:00 China Standard Time (CT/CST)"}, "08:21:00"), ({}, "08:21:00"),
    ({"timezone": "UTC+8:00"}, "08:21:00"),
    ({"timezone": "UTC+7:00"}, "09:21:00"), ({"time_zone": "UTC+7:00", "dst_status": True}, "08:21:00"),
    ({"timezone": "UTC-0:00 GMT"}, "16:21:00"),
])  # fmt: skip
def test_times_without_a_zone_are_in_the_counters_own_or_the_sites(time, wanted):
    time = {"start_time": "2026/11/20 08:20:00", "end_time": "2026/11/20 08:21:00", **time}
    ((_, said),) = say(feed(), periodic((3, 1), None, "", "", time=time)).observations
    assert said.ts == ms(wanted)


@pytest.mark.parametrize("where", [
    lambda data: {"region_data": {"region_count_data": data}},
    lambda data: {"region_trigger_data": {"region_count_data": data}},
    lambda data: {"region_count_data": data},
])  # fmt: skip
@pytest.mark.parametrize("figures", [{"current_total": 4, "max_counted": 9}, {"total": {"current_total": "4"}}])
def test_how_many_are_in_a_region_is_occupancy(where, figures):
    to = Feed("milesight", [Binding("milesight", "d-1", SERIAL, "region 2")])
    meaning = say(
        to,
        report(
            {"time": "2026-11-20T08:20:40+08:00"},
            "trigger",
            **where([{"region": 1, **figures}, {"region": 2, **figures}]),
        ),
    )
    assert meaning.observations == [("d-1", Level(ms("08:20:40"), "occupancy", 4.0))]


def test_lines_may_be_devices_of_their_own_and_others_wait():
    to = Feed("milesight", [Binding("milesight", "d-1", SERIAL, "1"), Binding("milesight", "d-2", SERIAL, "Back door")])
    said = [
        {"line": number, "line_name": name, "in": number, "out": 0}
        for number, name in ((1, "a"), (2, "Back door"), (3, "c"))
    ]
    meaning = say(
        to,
        report(
            {"start_time": "2026-11-20T08:20:00", "end_time": "2026-11-20T08:21:00"},
            "interval",
            line_periodic_data=said,
        ),
    )
    assert [(device, one.in_) for device, one in meaning.observations] == [("d-1", 1), ("d-2", 2)]
    assert [(one.match, one.part, one.guess) for one in meaning.strangers] == [(SERIAL, "3", "camera")]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ([1], Reason.TYPE),
        ("x", Reason.TYPE),
        (trigger(-1, 0, "08:00:00"), Reason.RANGE),
        (trigger(1.5, 0, "08:00:00"), Reason.RANGE),
    ],
)
def test_what_cannot_be_read_is_refused(said, reason):
    assert [one.reason for one in say(feed(), said).refusals] == [reason]


def test_totals_that_a_broker_kept_are_news_where_they_are_newer():
    to = feed()
    say(to, trigger(27, 25, "08:20:40"))
    kept = VendorMessage(
        "ms/1", json.dumps(periodic((3, 1), (30, 26), "08:20:49", "08:21:49")).encode(), ms("09:00:00"), retained=True
    )
    assert counts(to(kept)) == (3, 1)
    assert to(kept).observations == []
