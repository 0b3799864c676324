"""What a shift's page gathers: as it was known at the shift's end, or is known now."""

from zoneinfo import ZoneInfo

import pytest

from console.deliver.mutes import Mute, Mutes
from console.deliver.outbox_file import FILE, open_outbox
from console.shift.happened import AlertTold
from console.shift.shift_book import ShiftSite, handed, shift_book
from console.shift.shift_times import ShiftTimes
from ingest.clock import wall_ms
from ingest.days.patrol_settings import PatrolSettings
from ingest.days.site_calendar import timed_entry
from ingest.events import MOST_HANDED
from stream.sinks.store.reader import StoreReader
from tests.console.stores import Node
from tests.stream import make_results as make

T0, MINUTE, HOUR = make.T0, 60_000, 3_600_000
SHANGHAI = ZoneInfo("Asia/Shanghai")
SETTINGS = PatrolSettings(
    officers=("p1: Li Wei", "p2: Zhao"),
    shifts=("daily 08:00-16:00 @ p1: early", "daily 16:00-00:00 @ p1 p2: late"),
)
"""T0 is 16:00 in Shanghai: the beginning of the late shift of 2026-11-23."""


@pytest.fixture
def node(tmp_path):
    made = Node(tmp_path)
    yield made
    made.close()


@pytest.fixture
def book(node, tmp_path):
    reader = StoreReader(node.store_path)
    times = ShiftTimes(SETTINGS, SHANGHAI)
    works = timed_entry("maintenance", "maintenance", "2026-11-23 22:00/2026-11-24 02:00 @ b2: cable works")

    def ask(now_ms=T0 + HOUR, shift="late-2026-11-23"):
        names = {"p1": "Li Wei", "wang": "Wang Lei"}
        site = ShiftSite(folder=tmp_path, times=times, zone=SHANGHAI, calendar=(works,), names=names)
        found = times.find(shift)
        assert found is not None
        return shift_book(reader, site, found, now_ms)

    yield ask
    reader.close()


def test_a_shift_in_which_nothing_happened_says_so(node, book):
    node.write(health=[make.health()])
    found = book()
    assert (found.shift.state, found.shift.name, found.shift.officers) == ("running", "late", ["Li Wei", "p2"])
    assert (found.before and found.before.id, found.after and found.after.id) == (
        "early-2026-11-23",
        "night-2026-11-24",
    )
    nothing = [found.alerts, found.devices, found.incidents, found.patrols, found.notes, found.open, found.hand_overs]
    assert nothing == [[]] * 7
    assert found.gaps is None, "no window was ever written: nobody knows"
    assert book(T0 - HOUR).shift.state == "coming"
    assert book(T0 + 9 * HOUR).shift.state == "over"


def test_alerts_are_told_as_they_were_known_at_the_end(node, book):
    changes = [
        make.alert("before", 1, raised_ms=T0 - HOUR, changed_ms=T0 - HOUR),
        make.alert("before", 2, raised_ms=T0 - HOUR, changed_ms=T0 + MINUTE, state="acknowledged", by="Li Na"),
        make.alert("before", 3, raised_ms=T0 - HOUR, changed_ms=T0 + 2 * MINUTE, state="acknowledged", by="Li Na"),
        make.alert("before", 4, raised_ms=T0 - HOUR, changed_ms=T0 + 3 * MINUTE, state="cleared", by="Zhao",
                   note="a fair", reason="ordinary"),
        make.alert("late", 1, severity="critical", raised_ms=T0 + 7 * HOUR, changed_ms=T0 + 7 * HOUR),
        make.alert("late", 2, severity="critical", raised_ms=T0 + 7 * HOUR, changed_ms=T0 + 9 * HOUR, state="expired"),
        make.alert("next", 1, raised_ms=T0 + 9 * HOUR, changed_ms=T0 + 9 * HOUR),
        make.alert("old", 1, kind="silent", raised_ms=T0 - 9 * HOUR, changed_ms=T0 - 9 * HOUR),
        make.alert("gone", 1, kind="silent", raised_ms=T0, changed_ms=T0 + 5),
        make.alert("gone", 2, kind="silent", raised_ms=T0, changed_ms=T0 + HOUR, state="cleared"),
    ]  # fmt: skip
    node.write(alerts=changes)
    found = book(T0 + 20 * HOUR)
    assert [one.id for one in found.alerts] == ["late", "before"], "the worst first"
    late, before = found.alerts
    assert (before.acknowledged_ms, before.acknowledged_by) == (T0 + MINUTE, "Li Na")
    assert (before.ended_ms, before.ended_by, before.note, before.reason) == (
        T0 + 3 * MINUTE, "Zhao", "a fair", "ordinary",
    )  # fmt: skip
    assert (late.state, late.ended_ms, late.told) == ("raised", None, []), "what came later is not of this shift"
    assert [one.id for one in found.devices] == ["gone"]
    assert [one.id for one in found.open] == ["late", "old"]
    assert [one.id for one in book(T0 + 20 * HOUR, "early-2026-11-24").alerts] == []


def test_who_was_told_and_what_was_written_at_it(node, book, tmp_path):
    node.write(
        alerts=[make.alert("al-1", 1, raised_ms=T0, changed_ms=T0)],
        book=[
            make.note("n-1", T0 + 5, alert="al-1"),
            make.note("n-2", T0 + 9 * HOUR, alert="al-1"),
            make.note("n-3", T0),
        ],
    )
    outbox = open_outbox(tmp_path / FILE)
    for revision, state, at_ms in ((1, "accepted", 3), (2, "accepted", 7), (3, "dropped", 9)):
        outbox.execute(
            "INSERT INTO messages (alert, revision, channel, address, persons, follows, chain, rank, state, queued_ms, "
            "due_ms, at_ms, body) VALUES ('al-1', ?, 'mail', '', 'wang p9', 0, 0, 1, ?, 0, 0, ?, '')",
            (revision, state, at_ms),
        )
    outbox.commit()
    outbox.close()
    found = book()
    (alert,) = found.alerts
    assert alert.told == [AlertTold("mail", ["Wang Lei", "p9"], "accepted", 7)]
    assert alert.notes == 1
    assert [(one.id, one.name, one.alert) for one in found.notes] == [("n-3", "Li Na", ""), ("n-1", "Li Na", "al-1")]


def test_patrols_reports_and_what_was_left_undone(node, book):
    stops = [
        make.stop("a", 0, state="done", delivered_min=9.5),
        make.stop("b", 1, state="skipped", note="street closed"),
        make.stop("c", 2),
        make.stop("d", 20),
        make.stop("e", 1, state="replaced"),
    ]
    reports = [
        make.incident("i-1", T0 + MINUTE, text="bicycle"),
        make.incident("i-0", T0 - MINUTE),
        make.incident("h", T0, backfill=True),
    ]
    node.write(patrols=[make.officer_plan(*stops)], incidents=reports)
    found = book()
    (mine,) = found.patrols
    assert (mine.name, mine.stops, mine.done, mine.skipped, mine.missed) == ("Li Wei", 3, 1, 1, 1)
    assert (mine.planned_min, mine.delivered_min) == (36.0, 9.5)
    assert [(one["state"], one["note"]) for one in found.undone] == [("skipped", "street closed"), ("missed", "")]
    assert [(one["id"], one["text"]) for one in found.incidents] == [("i-1", "bicycle")]
    assert found.incidents[0]["words"]["en"]


def test_hours_without_data_are_gaps_and_silent_devices_are_named(node, book):
    window = make.WINDOW_MS
    held = [step for step in range(-1, 12) if step not in {3, 4, 8}]
    node.write(
        windows=[make.windows(*({"start": T0 + step * window, "n": int(step != 9)} for step in held))],
        health=[
            *(make.health("cam-1", T0 + step * window, silent=step in {2, 3}) for step in range(-1, 5)),
            make.health("door-1", T0, silent=True),
        ],
    )
    found = book(T0 + 12 * window + 700_000)
    assert found.gaps == [(T0 + 3 * window, T0 + 5 * window), (T0 + 8 * window, T0 + 10 * window)]
    assert found.silent == [{"device": "cam-1", "minutes": 10}, {"device": "door-1", "minutes": 5}]
    assert (book(shift="early-2026-11-23").gaps, book(shift="early-2026-11-23").silent) == (None, None)


def test_what_is_open_beside_alerts_is_handed_on_with_them(node, book, tmp_path):
    node.write(
        alerts=[make.alert(f"al-{n}", 1, raised_ms=T0, changed_ms=T0) for n in range(70)],
        health=[make.health("cam-1", silent=True), make.health("noise-1"), make.health("door-1", quality=0.1)],
    )
    mutes = Mutes(tmp_path)
    mutes.add(Mute(0, wall_ms() + HOUR, "b1", "surge", "", "wang", "street fair"))
    mutes.add(Mute(0, wall_ms() - HOUR, "b1", "", "", "wang", "over"))
    mutes.close()
    found = book()
    assert [(one.what, one.id, one.where, one.text, one.by) for one in found.things] == [
        ("mute", "", ["b1"], "street fair", "Wang Lei"),
        ("works", "", ["b2"], "cable works", ""),
        ("device", "cam-1", ["b1"], "", ""),
    ]
    things, more = handed(found)
    assert (len(things), more) == (MOST_HANDED, 70 + 3 - MOST_HANDED)
    assert [one.what for one in things[:4]] == ["mute", "works", "device", "alert"]
    assert (things[0].id, things[0].text, things[2].text) == ("surge", "street fair", "silent")
    assert book(T0 + 20 * HOUR).things == [], "of a shift that is over its hand-over has them"


def test_hand_overs_name_both_and_what_was_open(node, book):
    node.write(
        alerts=[make.alert("al-1", 1)],
        book=[
            make.hand_over("h-1", T0 + 5, about="late-2026-11-23", note="all quiet",
                           handed=({"what": "alert", "id": "al-1"}, {"what": "works", "text": "cable"}), more=3),
            make.hand_over("h-2", T0 + 6, about="late-2026-11-23"),
            make.note("t-1", T0 + 9, action="take", about="h-1", by="wang", name="Wang Lei", note=""),
        ],
    )  # fmt: skip
    first, second = book().hand_overs
    assert (first.name, first.to, first.note, first.more) == ("Li Na", "Wang Lei", "all quiet", 3)
    assert (first.taken_by, first.taken_ms, second.taken_ms) == ("Wang Lei", T0 + 9, None)
    assert [(one.what, bool(one.words)) for one in first.handed] == [("alert", True), ("works", False)]
    assert [one.id for one in book(shift="night-2026-11-24").received] == ["h-1", "h-2"]
    assert book().notes == [], "hand-overs are no notes"
