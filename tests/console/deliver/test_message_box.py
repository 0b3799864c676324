"""The outbox: what is due, in which order, what is dropped, what is handed on, and what a restart keeps."""

import sqlite3

import pytest

from console.deliver.message_box import MessageBox
from console.deliver.orders import Order
from console.deliver.outbox_file import FILE
from console.deliver.receipts import Receipts
from tests.stream.make_results import T0
from tests.stream.make_results import alert as make_alert

CHAT, MAIL, CAP = Order("chat"), Order("mail"), Order("cap", follows=True)


@pytest.fixture
def outbox(tmp_path):
    box = MessageBox(tmp_path / FILE)
    yield box
    box.close()


def revised(revision, **more):
    return make_alert("a1", revision, **{"heard_ms": T0 + revision * 1000, **more})


def due(outbox, channel, now_ms):
    message = outbox.next(channel, now_ms)
    assert message is not None
    return message


def states(tmp_path, alert="a1"):
    return [(r.channel, r.revision, r.state, r.why) for r in Receipts(tmp_path).of(alert)]


def test_the_most_severe_goes_first_then_the_oldest(outbox):
    for at, (name, severity) in enumerate([("w1", "warning"), ("w2", "warning"), ("c", "critical"), ("i", "info")]):
        outbox.take(make_alert(name, 1, severity=severity), [CHAT], at)
    found = []
    while (message := outbox.next("chat", 100)) is not None:
        found.append(message.alert.id)
        outbox.accepted(message, 100)
    assert found == ["c", "w1", "w2", "i"]


def test_a_revision_is_told_once_however_often_it_comes(outbox, tmp_path):
    assert outbox.take(revised(1), [CHAT, MAIL], 0) == {"chat", "mail"}
    assert outbox.take(revised(1), [CHAT, MAIL], 1) == set()
    assert [row[:2] for row in states(tmp_path)] == [("chat", 1), ("mail", 1)]


@pytest.mark.parametrize("state", ["acknowledged", "cleared", "expired"])
def test_what_is_taken_up_or_over_falls_silent(outbox, tmp_path, state):
    outbox.take(revised(1), [CHAT, MAIL], 0)
    outbox.accepted(due(outbox, "chat", 0), 5, "ok")
    outbox.take(revised(2, state=state), [CHAT, MAIL], 10)
    assert outbox.next("mail", 10**9) is None
    assert states(tmp_path) == [("chat", 1, "accepted", ""), ("mail", 1, "dropped", state)]


def test_a_call_takes_the_place_of_one_that_still_waits_and_numbers_alone_call_nobody(outbox, tmp_path):
    outbox.take(revised(1), [CHAT], 0)
    outbox.take(revised(2, heard_ms=T0 + 1000), [CHAT], 1)  # brings numbers only
    assert states(tmp_path) == [("chat", 1, "waiting", "")]
    outbox.take(revised(3), [CHAT], 2)
    assert states(tmp_path) == [("chat", 3, "waiting", ""), ("chat", 1, "dropped", "newer")]


def test_what_was_acknowledged_and_comes_again_is_told_again(outbox):
    outbox.take(revised(1), [CHAT], 0)
    outbox.accepted(due(outbox, "chat", 0), 0)
    outbox.take(revised(2, state="acknowledged", by="Wang"), [CHAT], 1)
    outbox.take(revised(3), [CHAT], 2)
    assert due(outbox, "chat", 2).key == "s1-a1-3"


def test_who_follows_hears_of_the_rest_only_where_it_heard_of_the_beginning(outbox):
    outbox.take(revised(1), [CAP], 0)
    outbox.take(revised(2, state="cleared"), [CAP], 1)
    assert outbox.next("cap", 1) is None
    outbox.take(revised(3), [CAP], 2)
    outbox.accepted(due(outbox, "cap", 2), 2)
    outbox.take(revised(4, heard_ms=T0 + 3000), [CAP], 3)
    message = due(outbox, "cap", 3)
    assert (message.alert.revision, message.earlier) == (4, ((3, T0 + 3000),))
    outbox.accepted(message, 3)
    outbox.take(revised(5, state="acknowledged"), [CAP], 4)
    assert due(outbox, "cap", 4).earlier == ((3, T0 + 3000), (4, T0 + 4000))


def test_an_end_that_comes_while_a_message_is_on_its_way_is_told_after_it(outbox):
    outbox.take(revised(1), [CAP], 0)
    on_its_way = due(outbox, "cap", 0)
    outbox.take(revised(2, state="cleared"), [CAP], 1)
    assert outbox.next("cap", 1) is None
    outbox.accepted(on_its_way, 2)
    assert due(outbox, "cap", 2).alert.state == "cleared"


def test_what_is_refused_or_late_is_handed_on_and_whoever_has_it_first_is_enough(outbox, tmp_path):
    def ways(channel, _persons):
        return [MAIL] if channel == "chat" else []

    outbox.take(revised(1), [CHAT], 0)
    assert outbox.hand_on(ways, 30_000, 29_000) == set()
    outbox.not_accepted(due(outbox, "chat", 0), 29_000, 60_000, "hangs")
    assert outbox.hand_on(ways, 30_000, 30_000) == {"mail"}
    assert outbox.hand_on(ways, 30_000, 31_000) == set()
    outbox.accepted(due(outbox, "mail", 31_000), 32_000)
    assert states(tmp_path) == [("chat", 1, "dropped", "otherwise"), ("mail", 1, "accepted", "")]
    outbox.take(revised(2), [CHAT], 40_000)
    outbox.not_accepted(due(outbox, "chat", 40_000), 40_100, 340_000, "refused", "errcode 93000", refused=True)
    assert outbox.hand_on(ways, 30_000, 40_200) == {"mail"}
    outbox.accepted(due(outbox, "chat", 340_000), 340_001)
    assert outbox.next("mail", 10**9) is None


def test_what_is_dropped_is_not_brought_back_by_an_attempt_that_ends_later(outbox, tmp_path):
    outbox.take(revised(1), [CHAT], 0)
    message = due(outbox, "chat", 0)
    outbox.take(revised(2, state="acknowledged"), [CHAT], 1)
    outbox.not_accepted(message, 2, 3, "hangs")
    assert states(tmp_path) == [("chat", 1, "dropped", "acknowledged")]


def test_a_restart_keeps_what_waits_and_what_is_known(tmp_path):
    box = MessageBox(tmp_path / FILE)
    box.take(revised(1), [CHAT, MAIL], 0)
    box.accepted(due(box, "chat", 0), 7)
    box.close()
    again = MessageBox(tmp_path / FILE)
    assert again.knows("a1", 1)
    assert again.new
    again.begin()
    assert not again.new
    assert again.next("chat", 10) is None
    assert due(again, "mail", 10).key == "s1-a1-1"
    assert again.tried_since("chat", 0) == [7]
    again.close()


def test_a_file_that_is_damaged_is_put_aside(tmp_path):
    (tmp_path / FILE).write_bytes(b"junk" * 4096)
    box = MessageBox(tmp_path / FILE)
    assert not box.new  # also what was open before is told again
    assert box.take(revised(1), [CHAT], 0) == {"chat"}
    box.close()
    assert list(tmp_path.glob(f"{FILE}.damaged-*"))


def test_others_may_not_read_it(outbox, tmp_path):
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0


def test_what_has_been_over_for_long_is_forgotten_and_what_is_open_is_not(outbox, tmp_path):
    outbox.take(revised(1), [CHAT], 0)
    outbox.take(make_alert("b", 1), [CHAT], 0)
    outbox.take(revised(2, state="cleared"), [CHAT], 1)
    outbox.prune(1000)
    assert (outbox.knows("a1", 1), outbox.knows("b", 1)) == (False, True)
    assert states(tmp_path) == []


def test_a_clock_that_was_set_back_makes_nothing_wait_but_what_is_held_for_quiet_hours(outbox):
    outbox.take(revised(1), [CHAT, MAIL._replace(due_ms=9_000_000)], 5_000_000)
    outbox.not_accepted(due(outbox, "chat", 5_000_000), 5_000_000, 5_060_000, "away")
    outbox.clock_set_back(4_999_000)  # a thread that is a little ahead
    assert outbox.due_ms("chat") == 5_060_000
    outbox.clock_set_back(1_000_000)
    assert (outbox.due_ms("chat"), outbox.due_ms("mail")) == (1_000_000, 9_000_000)
    assert outbox.called()[0].called_ms == 1_000_000, "reminders would wait, too"


def test_receipts_of_a_site_where_nobody_delivers_are_none(tmp_path):
    assert Receipts(tmp_path).of("a1") == []
    assert Receipts(tmp_path).waiting() == {}


def test_a_reminder_makes_way_for_none_before_it_and_bears_a_number_of_its_own(outbox, tmp_path):
    outbox.take(revised(1), [CHAT], 1000)
    called = outbox.called()[0]
    assert (called.alert.id, called.called_ms, called.reminded, called.escalated) == ("a1", 1000, 0, 0)
    assert outbox.call_again(called._replace(reminded=1), [CHAT], "reminder", 2000) == {"chat"}
    message = due(outbox, "chat", 2000)
    assert (message.act, message.round, message.key) == ("reminder", 1, "s1-a1-1-1")
    assert states(tmp_path) == [("chat", 1, "dropped", "newer"), ("chat", 1, "waiting", "")]
    assert outbox.called()[0].reminded == 1
    outbox.take(revised(2, state="acknowledged", by="Wang"), [CHAT], 3000)
    assert outbox.called() == []
    assert outbox.call_again(called, [CHAT], "escalation", 4000) == set()


def test_what_is_raised_again_says_who_had_it(outbox):
    outbox.take(revised(1), [CHAT], 0)
    outbox.take(revised(2, state="acknowledged", by="Wang"), [CHAT], 1)
    outbox.take(revised(3), [CHAT], 2)
    message = due(outbox, "chat", 2)
    assert (message.act, message.had) == ("again", "Wang")


def test_what_is_taken_silently_calls_nobody_later_either(outbox):
    outbox.take(revised(1), [], 1000, silently=True)
    assert outbox.called() == []


def test_what_is_written_together_is_written_whole_or_not_at_all(outbox, tmp_path):
    def half() -> None:
        with outbox.together():
            outbox.take(revised(1), [CHAT], 0)
            outbox.take(make_alert("b", 1), [CHAT], 0)
            assert outbox.knows("a1", 1)
            raise sqlite3.OperationalError("disk I/O error")

    with pytest.raises(sqlite3.OperationalError):
        half()
    assert not outbox.knows("a1", 1)
    assert states(tmp_path) == []
    assert outbox.take(revised(1), [CHAT], 0) == {"chat"}
