"""Gate rules: strangers, tailgating, circling, wrong way, overstay, convoys; bounded memory."""

import numpy as np
import pytest

from ingest.vocabulary import Direction, Permit
from models.rules.gates import GateRules, TokenTable

DAY = 86_400_000
T0 = 1_795_363_200_000


def go(rules: GateRules, *passes: tuple[float, int, int, int, int], night: bool = False) -> list[tuple[str, int]]:
    """Passes are (seconds, gate, direction, allowed, token); returns (kind, index)."""
    seconds, rows, ways, allowed, tokens = zip(*passes, strict=True)
    found = rules.passes(
        rows,
        T0 + (np.array(seconds) * 1000).astype(np.int64),
        ways,
        allowed,
        np.array(tokens, dtype=np.uint64),
        np.full(len(rows), night),
    )
    return [(event.kind, event.index) for event in found]


def test_a_stranger_at_night():
    rules = GateRules()
    assert go(rules, (0, 0, Direction.IN, Permit.NO, 5), night=True) == [("stranger_vehicle", 0)]
    assert go(rules, (60, 0, Direction.OUT, Permit.NO, 5), night=True) == []
    assert go(rules, (120, 0, Direction.IN, Permit.YES, 6), night=True) == []
    assert go(rules, (180, 0, Direction.IN, Permit.NO, 7), night=False) == []
    assert go(rules, (30 * 86_400, 0, Direction.IN, Permit.NO, 5), night=True) == [("stranger_vehicle", 0)]
    assert go(rules, (31 * 86_400, 0, Direction.IN, Permit.NO, 0), night=True) == []


def test_where_nobody_says_who_is_allowed_the_site_is_learned_first():
    rules = GateRules()
    assert (
        go(rules, (0, 0, Direction.IN, Permit.UNKNOWN, 5), (60, 0, Direction.IN, Permit.UNKNOWN, 6), night=True) == []
    )
    assert go(
        rules,
        (8 * 86_400, 0, Direction.IN, Permit.UNKNOWN, 7),
        (8 * 86_400 + 60, 0, Direction.IN, Permit.UNKNOWN, 5),
        night=True,
    ) == [("stranger_vehicle", 0)]


def test_tailgating_is_the_second_vehicle_close_behind():
    rules = GateRules()
    assert go(rules, (0, 0, Direction.IN, Permit.YES, 1), (2, 0, Direction.IN, Permit.NO, 2)) == [("tailgating", 1)]
    assert go(rules, (100, 0, Direction.IN, Permit.YES, 1), (104, 0, Direction.IN, Permit.NO, 2)) == []
    assert go(rules, (200, 0, Direction.IN, Permit.YES, 1), (201, 0, Direction.OUT, Permit.NO, 2)) == []
    assert go(rules, (300, 0, Direction.IN, Permit.YES, 1), (301, 1, Direction.IN, Permit.NO, 2)) == []
    assert go(rules, (400, 0, Direction.IN, Permit.NO, 9), (401, 0, Direction.IN, Permit.NO, 9)) == []
    assert go(rules, (500, 0, Direction.IN, Permit.YES, 1), (502, 0, Direction.IN, Permit.NO, 0)) == [("tailgating", 1)]


def test_circling_over_several_gates():
    rules = GateRules()
    passes = [(600 * n, n % 3, n % 2, Permit.NO, 8) for n in range(7)]
    assert go(rules, *passes) == [("circling", 5)]
    assert go(rules, *[(90_000 + 5000 * n, 0, n % 2, Permit.NO, 9) for n in range(9)]) == []
    assert go(rules, *[(200_000 + 60 * n, 0, n % 2, Permit.YES, 10) for n in range(9)]) == []


def test_wrong_way():
    rules = GateRules()
    rules.set_one_way(2, Direction.OUT)
    assert go(rules, (0, 2, Direction.IN, Permit.YES, 1), (60, 2, Direction.OUT, Permit.YES, 1)) == [("wrong_way", 0)]


def test_overstay_is_told_once():
    rules = GateRules()
    go(
        rules,
        (0, 4, Direction.IN, Permit.NO, 1),
        (5, 4, Direction.IN, Permit.YES, 2),
        (10, 4, Direction.IN, Permit.NO, 3),
        (70, 4, Direction.OUT, Permit.NO, 3),
    )
    assert rules.tick(T0 + 43_199_000) == []
    (event,) = rules.tick(T0 + 43_300_000)
    assert (event.kind, event.row, event.ts) == ("overstay", 4, T0)
    assert rules.tick(T0 + 49_999_000) == []
    assert go(rules, (60_000, 4, Direction.OUT, Permit.NO, 1)) == []


def test_a_convoy_of_strangers():
    rules = GateRules()
    go(rules, (0, 0, Direction.IN, Permit.YES, 1))
    start = 9 * 86_400
    assert go(rules, *[(start + 5 * n, 0, Direction.IN, Permit.NO, 100 + n) for n in range(5)]) == [("convoy", 3)]


def test_a_late_pass_raises_nothing_but_is_remembered():
    rules = GateRules()
    go(rules, (1000, 0, Direction.IN, Permit.YES, 1))
    assert go(rules, (10, 0, Direction.IN, Permit.NO, 2), night=True) == []
    assert go(rules, (2000, 0, Direction.IN, Permit.NO, 2), night=True) == []


def test_memory_is_bounded_and_the_longest_unseen_go_first():
    table = TokenTable(64)
    for token in range(1, 10_000):
        place = table.place(token)
        table.seen[place] = token
    assert table.token.size == 64
    assert table.find(9_999) is not None
    assert table.find(1) is None


def test_errors():
    with pytest.raises(ValueError, match="direction 5"):
        GateRules().set_one_way(0, 5)
    with pytest.raises(ValueError, match="at least 8"):
        TokenTable(3)


def test_what_is_newest_does_not_go_by_a_clock_that_was_put_back():
    rules, none = GateRules(), np.zeros(1, dtype=np.uint64)

    def drive(seconds: float, permit: int, *, newest: bool) -> list[str]:
        at, night = [T0 + round(seconds * 1000)], np.array([False])
        return [one.kind for one in rules.passes([0], at, [Direction.IN], [permit], none, night, np.array([newest]))]

    assert drive(100, Permit.YES, newest=True) == []  # 100 s fast, then put right
    assert drive(5, Permit.YES, newest=True) == []
    assert drive(7, Permit.NO, newest=True) == ["tailgating"]
    assert drive(8, Permit.NO, newest=False) == []
    assert drive(6, Permit.NO, newest=True) == []  # put back again: how far behind is not known
