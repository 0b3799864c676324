"""A barrier that is passed while it says it is down; one that says little, or late, proves nothing."""

from models.rules.barriers import Barriers

MINUTE = 60_000


def working(vehicles=20):
    """A barrier that has let vehicles through, one a minute, and the time."""
    barriers, now = Barriers(), 0
    for _ in range(vehicles):
        now += MINUTE
        barriers.says(0, now - 2_000, "up")
        barriers.passed(0, now)
        barriers.says(0, now + 5_000, "down")
        assert barriers.tick(now) == []
    return barriers, now


def drive(barriers, times):
    """Passes with a tick a minute; returns what was found."""
    events = []
    for now in range(min(times), max(times) + 3 * MINUTE, MINUTE):
        for ts in times:
            if now <= ts < now + MINUTE:
                barriers.passed(0, ts)
        events += barriers.tick(now + MINUTE)
    return events


def test_three_passes_in_a_row_under_a_barrier_that_is_down():
    barriers, now = working()
    first = now + 5 * MINUTE
    (event,) = drive(barriers, [first, first + MINUTE, first + 2 * MINUTE, first + 3 * MINUTE])
    assert (event.row, event.on, event.ts, event.passes) == (0, True, first, 3)
    assert barriers.active(0)
    (over,) = barriers.says(0, first + 20 * MINUTE, "up")
    assert not over.on
    assert not barriers.active(0)
    assert barriers.says(0, first + 21 * MINUTE, "down") == []


def test_two_passes_are_not_enough_and_one_that_is_explained_begins_again():
    barriers, now = working()
    later = now + 5 * MINUTE
    assert drive(barriers, [later, later + MINUTE]) == []
    barriers.says(0, later + 10 * MINUTE, "up")
    barriers.passed(0, later + 10 * MINUTE + 2_000)
    barriers.says(0, later + 11 * MINUTE, "down")
    assert drive(barriers, [later + 20 * MINUTE, later + 21 * MINUTE]) == []


def test_words_that_come_after_their_pass_explain_it():
    barriers, now = working()
    for number in range(5):
        ts = now + (5 + number) * MINUTE
        barriers.passed(0, ts)
        barriers.says(0, ts - 2_000, "up")
        barriers.says(0, ts + 5_000, "down")
        assert barriers.tick(ts + 2 * MINUTE) == []


def test_a_barrier_that_has_not_been_seen_to_work_proves_nothing():
    barriers, now = working(vehicles=5)
    assert drive(barriers, [now + minute * MINUTE for minute in range(5, 15)]) == []
    silent = Barriers()
    assert drive(silent, [minute * MINUTE for minute in range(10)]) == []
    only_down = Barriers()
    only_down.says(0, 0, "down")
    assert drive(only_down, [minute * MINUTE for minute in range(1, 40)]) == []


def test_goes_on_from_its_state():
    barriers, now = working()
    barriers.passed(0, now + 5 * MINUTE)
    barriers.says(7, now, "down")
    other = Barriers()
    other.restore(barriers.capture())
    times = [now + 6 * MINUTE, now + 7 * MINUTE]
    assert drive(other, times) == drive(barriers, times) != []
