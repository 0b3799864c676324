"""Count baselines: what they expect, what they find, and that their probabilities mean what they say."""

from typing import Any

import numpy as np
import pytest

from ingest.vocabulary import HiddenState
from models.baselines import negbin
from models.baselines.counts import CountBaseline
from models.calendar import Calendar
from models.state import ROW
from tests.models.traffic import T0, Neighbourhood, warm

CALENDAR = Calendar("Asia/Shanghai", "CN")
DAYS = 15
ONE_WORKER = pytest.mark.xdist_group("watched cameras")
"""What shares `watched` runs on one worker: it takes seconds to make."""
PLACE: dict[str, Any] = {"mean": 60.0, "amplitude": 0.3}


@pytest.fixture(scope="module")
def watched():
    """Fifty cameras watched for fifteen days: (what the place is like, a maker of models that know it)."""
    saved = warm(CountBaseline(300, CALENDAR, 50), Neighbourhood(50, **PLACE), days=DAYS).capture()

    def fresh() -> CountBaseline:
        model = CountBaseline(300, CALENDAR)
        model.restore(saved)
        return model

    return Neighbourhood(50, **PLACE), fresh


def test_expects_what_is_usual_at_this_time_on_this_kind_of_day():
    place = Neighbourhood(20, window_s=1800, mean=80.0)
    model = warm(CountBaseline(1800, CALENDAR, 20), place, days=28)
    for hours in range(0, 24 * 7, 5):
        start = T0 + (28 * 24 + hours) * 3_600_000
        test = model.test(np.arange(20), start, np.zeros(20), np.ones(20))
        ratio = test.expected / place.mean(start)
        assert np.median(ratio) == pytest.approx(1.0, abs=0.15)


ORDINARY = [(mean, dispersion) for mean in (3.0, 30.0, 300.0) for dispersion in (0.0, 0.05, 0.2, 0.5)]
"""(mean of a window, α): Poisson and negative binomial, small counts and large."""


def test_probabilities_are_uniform_and_false_alarms_rare_on_200_ordinary_device_weeks():
    each, window_s, weeks = 9, 900, 4
    places = [
        Neighbourhood(each, window_s=window_s, mean=mean, dispersion=dispersion, seed=seed)
        for seed, (mean, dispersion) in enumerate(ORDINARY)
    ]
    size, per_week = each * len(places), 7 * 86_400 // window_s
    model = CountBaseline(window_s, CALENDAR, size)
    tails, alarms, before = [], np.zeros(size), np.zeros(size, dtype=bool)
    for step in range(weeks * per_week):
        start = T0 + step * window_s * 1000
        count = np.concatenate([place.count(start) for place in places])
        test = model.step(np.arange(size), start, count, np.ones(size))
        if step >= 2 * per_week:
            tails.append(test.p_upper)
            alarms += test.alarm & ~before
        before = test.alarm
    assert size * (weeks - 2) >= 200
    for kind, (mean, dispersion) in enumerate(ORDINARY):
        mine, case = slice(kind * each, (kind + 1) * each), f"mean {mean}, dispersion {dispersion}"
        assert alarms[mine].sum() / (each * (weeks - 2)) <= 0.5, case
        p = np.array(tails)[:, mine]
        for q in (0.1, 0.25, 0.5, 0.75, 0.9):
            assert (p < q).mean() == pytest.approx(q, abs=0.1), case
        assert (p < 0.01).mean() < 0.025, case
        assert (p > 0.99).mean() < 0.03, case
    everyone = np.concatenate(tails)
    for q in (0.1, 0.25, 0.5, 0.75, 0.9):
        assert (everyone < q).mean() == pytest.approx(q, abs=0.03)
    assert 0.004 < (everyone < 0.01).mean() < 0.025
    assert 0.003 < (everyone > 0.99).mean() < 0.025


@ONE_WORKER
def test_a_threefold_surge_is_seen_within_a_third_of_an_open_window(watched):
    place, fresh = watched
    model = fresh()
    start = T0 + (DAYS * 24 + 15) * 3_600_000
    for before in range(start - 3_600_000, start, 300_000):
        model.step(np.arange(50), before, np.rint(place.mean(before)), np.ones(50))
    mean = place.mean(start)
    share = np.full(50, 1 / 3)
    ordinary = model.test(np.arange(50), start, np.rint(mean / 3), share)
    surge = model.test(np.arange(50), start, np.rint(mean), share)
    assert not ordinary.alarm.any()
    assert surge.alarm[mean >= 50].mean() > 0.8
    assert surge.alarm[mean >= 70].mean() > 0.95
    assert (surge.state[surge.alarm] == 1).all()


def test_testing_learns_nothing():
    place = Neighbourhood(3)
    model = warm(CountBaseline(300, CALENDAR, 3), place, days=1)
    before = model.capture().arrays
    model.test(np.arange(3), T0 + 86_400_000, np.array([500.0, 0.0, 7.0]), np.array([0.2, 1.0, 0.5]))
    after = model.capture().arrays
    assert all(before[name].tobytes() == after[name].tobytes() for name in before)


@ONE_WORKER
def test_a_dead_camera_is_told_from_a_quiet_one(watched):
    place, fresh = watched
    model = fresh()
    start = T0 + (DAYS * 24 + 10) * 3_600_000
    for step in range(24):
        at = start + step * 300_000
        total = np.rint(place.mean(at)[:2]) * [0, 1]
        test = model.step([0, 1], at, total, np.ones(2))
    assert test.state.tolist() == [3, 0]
    assert test.alarm[0]
    assert start <= test.onset_ms[0] <= start + 3_600_000
    assert test.onset_ms[1] == 0


@ONE_WORKER
def test_an_event_has_a_beginning_and_an_end(watched):
    place, fresh = watched
    model = fresh()
    start = T0 + (DAYS * 24 + 12) * 3_600_000
    states, onsets = [], []
    for step in range(36):
        at = start + step * 300_000
        factor = 3.0 if 6 <= step < 18 else 1.0
        test = model.step([0], at, np.rint(place.mean(at)[:1] * factor), np.ones(1))
        states.append(int(test.state[0]))
        onsets.append(int(test.onset_ms[0]))
    assert states[:6] == [0] * 6
    assert set(states[8:18]) == {1}
    assert states[-1] == 0
    assert onsets[12] == pytest.approx(start + 6 * 300_000, abs=600_000)
    assert onsets[-1] == 0


def test_regular_events_do_not_become_the_baseline_and_a_lasting_change_does():
    # Every other evening the first street is full for two hours: its quiet evening stays the measure. In the second
    # there are more people from the fifth week on. (Half hours: what a step costs hardly hangs on how many take it.)
    model, rng = CountBaseline(1800, CALENDAR, 2), np.random.default_rng(5)
    for step in range(48 * 70):
        day, hour = step // 48, (step % 48) / 2
        mean = 90.0 if day % 2 and 19 <= hour < 21 else 30.0, 20.0 if day < 28 else 45.0
        model.step([0, 1], T0 + step * 1_800_000, rng.poisson(mean), np.ones(2))
        if step == 48 * 42:
            events = model.test([0], T0 + (42 * 24 + 20) * 3_600_000, [90.0], [1.0])
    assert events.expected[0] < 45
    assert events.alarm[0]
    lasting = model.test([1], T0 + (72 * 24 + 12) * 3_600_000, [45.0], [1.0])
    assert lasting.expected[0] == pytest.approx(45.0, rel=0.25)
    assert not lasting.alarm[0]


def test_fourteen_days_of_backfill_are_as_good_as_fourteen_days():
    place = Neighbourhood(10, window_s=1800, mean=80.0, dispersion=0.1)
    live = warm(CountBaseline(1800, CALENDAR, 10), place, days=14)
    late = CountBaseline(1800, CALENDAR, 10)
    starts = T0 + np.arange(14 * 48) * 1_800_000
    rows = np.tile(np.arange(10), len(starts))
    again = Neighbourhood(10, window_s=1800, mean=80.0, dispersion=0.1)
    totals = np.concatenate([again.count(int(at)) for at in starts])
    order = np.random.default_rng(0).permutation(len(rows))
    late.amend(rows[order], np.repeat(starts, 10)[order], totals[order], np.ones(len(rows)))
    at = T0 + (14 * 24 + 12) * 3_600_000
    a = live.test(np.arange(10), at, np.zeros(10), np.ones(10))
    b = late.test(np.arange(10), at, np.zeros(10), np.ones(10))
    np.testing.assert_allclose(b.expected, a.expected, rtol=0.2)
    np.testing.assert_allclose(b.upper - b.lower, a.upper - a.lower, rtol=0.25)
    assert (b.state != 4).all()
    assert (late.last_ms == 0).all()


def test_late_parts_of_a_window_count_by_their_share():
    model = CountBaseline(300, CALENDAR, 1)
    model.amend([0, 0, 0], [T0, T0, T0], [3.0, 4.0, 5.0], [0.25, 0.25, 0.5])
    other = CountBaseline(300, CALENDAR, 1)
    other.amend([0], [T0], [12.0], [1.0])
    assert all(
        a.tobytes() == b.tobytes()
        for a, b in zip(model.capture().arrays.values(), other.capture().arrays.values(), strict=True)
    )


def test_a_young_series_leans_on_its_kind():
    place = Neighbourhood(30, window_s=1800, mean=40.0, amplitude=1.2, same_phase=True)
    model = CountBaseline(1800, CALENDAR, 30)
    model.set_kinds(np.arange(30), np.zeros(30, dtype=int))
    warm(model, place, days=21)
    model.grow(ROW, 32)
    model.set_kinds(np.array([30, 31]), [0, -1])
    # One working day only, so that nothing is known of weekends yet.
    day = T0 + 21 * 86_400_000
    for step in range(48):
        at = day + step * 1_800_000
        model.step(np.array([30, 31]), at, np.rint(place.mean(at)[[0, 0]]), np.ones(2))
    expected = [model.test(np.array([30]), day + h * 3_600_000, [0.0], [1.0]).expected[0] for h in (28, 40)]
    truth = [place.mean(day + h * 3_600_000)[0] for h in (28, 40)]
    assert expected == pytest.approx(truth, rel=0.4)


def test_a_new_series_is_young_and_raises_nothing():
    model = CountBaseline(300, CALENDAR, 1)
    test = model.step([0], T0, [5000.0], [1.0])
    assert test.state[0] == 4
    assert not test.alarm[0]
    assert test.surprise[0] == 0
    assert test.onset_ms[0] == 0


def test_memory_is_under_20_kb_a_series():
    model = CountBaseline(300, CALENDAR, 1000)
    assert sum(array.nbytes for array in model.capture().arrays.values()) / 1000 < 20_000


def test_errors_say_what_was_wrong():
    model = CountBaseline(300, CALENDAR, 2)
    with pytest.raises(ValueError, match="expected the same"):
        model.step([0, 1], T0, [1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="expected the same"):
        model.step([0], T0, [1.0, 2.0], [1.0, 1.0])
    with pytest.raises(ValueError, match="window_s is 0"):
        CountBaseline(0, CALENDAR)
    saved = model.capture()
    saved.arrays["level"] = saved.arrays["level"][:1]
    with pytest.raises(ValueError, match=r"array 'level' is float32\(1, 2\), expected float32\(2, 2\)"):
        CountBaseline(300, CALENDAR).restore(saved)


@ONE_WORKER
def test_an_alarm_tells_the_shortest_period_that_is_strange_by_itself(watched):
    place, fresh = watched
    everyone, crowd = np.arange(50), 8.0

    def alarms(factors, exposure=1.0):
        """The alarms of the last of some windows, so many times the usual in each: (count, expected, windows, p)."""
        model, counted = fresh(), []
        for window, factor in enumerate(factors):
            start = T0 + (DAYS * 288 + 144 + window) * 300_000
            counted.append(np.rint(factor * place.mean(start)))
            test = model.step(everyone, start, counted[-1], np.ones(50))
        if exposure < 1.0:
            counted.append(np.rint(crowd * exposure * place.mean(start)))
            test = model.test(everyone, start + 300_000, counted[-1], np.full(50, exposure))
        assert (test.grounds[~test.alarm] == 0).all()
        return np.array(counted), test, np.flatnonzero(test.alarm)

    counted, test, found = alarms([1.0] * 12 + [crowd])
    assert len(found) == 50
    assert (test.grounds[:, 0] == counted[-1]).all()
    assert (test.grounds[:, 2] == 1).all()
    assert (test.grounds[:, 1] == test.expected).all()
    assert (test.grounds[:, 3] < 1e-5).all()

    counted, test, found = alarms([1.0] * 12, exposure=0.25)
    assert len(found) == 50
    assert test.grounds[found, 2] == pytest.approx(0.25)
    assert (test.grounds[found, 0] == counted[-1, found]).all()

    counted, test, found = alarms([1.0] * 6 + [1.7] * 12)
    windows = test.grounds[found, 2].astype(int)
    assert len(found) > 5
    assert (windows > 1).any()
    for row, summed in zip(found.tolist(), windows.tolist(), strict=True):
        assert test.grounds[row, 0] == counted[-summed:, row].sum()
    assert (test.grounds[found, 3] < 1e-5).all()

    quiet = alarms([1.0] * 12 + [0.0] * 12)[1]
    assert quiet.alarm.any()
    assert (quiet.grounds[quiet.alarm, 0] < quiet.grounds[quiet.alarm, 1]).all()
    assert (quiet.grounds[quiet.alarm, 3] < 1e-10).all()


@pytest.mark.parametrize("first_day", [0, 5], ids=["Monday", "Saturday"])
def test_a_new_office_raises_nothing_until_its_kinds_of_day_were_seen(first_day):
    rng, rows, told = np.random.default_rng(3), np.arange(8), 0
    begin = T0 + first_day * 86_400_000 + 36_000_000
    model = CountBaseline(900, CALENDAR, 8)
    for start in range(begin, begin + 15 * 86_400_000, 900_000):
        second = CALENDAR.instant(start)[1]
        busy = 90.0 * np.exp(-0.5 * ((second / 3600 - 13.0) / 2.5) ** 2) * (CALENDAR.weekday(start) < 5)
        count = rng.poisson((busy + 0.3) * rng.gamma(20.0, 0.05, 8)).astype(float)
        told += int(model.step(rows, start, count, np.ones(8)).alarm.sum())
    assert told <= 2  # hundreds where Monday is judged by Saturday and Sunday


def test_a_sum_of_which_windows_are_missing_is_no_steadier_than_what_is_there():
    place = Neighbourhood(50, mean=100.0, dispersion=0.08, amplitude=0.0)
    model, everyone = CountBaseline(300, CALENDAR, 50), np.arange(50)
    for step in range(5 * 288):
        model.step(everyone, T0 + step * 300_000, place.count(T0 + step * 300_000), np.ones(50))
    # On the next working day nothing of the hour before is left: its sums are this window.
    start = T0 + (7 * 288 + 144) * 300_000
    usual = model.test(everyone, start, np.zeros(50), np.ones(50)).expected
    test = model.test(everyone, start, np.rint(2.0 * usual), np.ones(50))
    alone = -np.log10(test.p_upper) - np.log10(2.0)
    old = test.state != HiddenState.YOUNG
    assert old.sum() > 40
    assert test.surprise[old] == pytest.approx(np.maximum(alone, 0.0)[old], rel=1e-3)


@pytest.mark.parametrize("first", [500.0, 65_535.0])
def test_a_first_value_that_is_a_lifetime_total_is_not_learned(first):
    model = CountBaseline(300, CALENDAR, 2)
    for step in range(36):
        count = first if step == 0 else 2.0
        model.step(np.arange(2), T0 + step * 300_000, [count, 2.0], np.ones(2))
    expected = model.test(np.arange(2), T0 + 86_400_000, np.zeros(2), np.ones(2)).expected
    assert expected[0] == pytest.approx(expected[1], rel=0.3)


def test_tails_and_bands_are_exact_near_zero():
    y, mean, spread = np.array([0, 3, 5, 10, 60.0]), np.full(5, 0.06), np.full(5, 8.0)
    few, many, wide = (values.astype(np.float32) for values in (y, mean, spread))
    upper, _ = negbin.quick_tails(few, many, wide, negbin.residual(few, many, wide))
    np.testing.assert_allclose(upper, negbin.tails(y, mean, spread)[0], rtol=1e-3)
    end = negbin.band(2.5758, many, wide)[1].astype(np.float64)
    assert end[0] == 2.0
    assert negbin.tails(end + 1, mean, spread)[0][0] < 0.005 < negbin.tails(end, mean, spread)[0][0] * 2


def test_a_code_of_a_known_counter_and_more_than_can_pass_are_passed_by():
    model, rows = CountBaseline(300, CALENDAR, 4), np.arange(4)
    for step in range(3 * 288):
        model.step(rows, T0 + step * 300_000, [7.0, 7.0, 7.0, 2_000.0], np.ones(4))
    before, later = model.capture().arrays, T0 + 3 * 86_400_000
    test = model.step(rows[:3], later, [65_535.0, 9_999.0, 65_534.0], np.ones(3))
    assert not test.alarm.any()
    assert not model.step(rows[3:], later, [60_215.0], [1]).alarm[0], "the difference of a total that began again"
    after = model.capture().arrays
    assert all(np.array_equal(before[path], after[path], equal_nan=True) for path in before)
    # A crowd is none, though it has the value of one.
    assert model.step(rows[3:], later, [9_999.0], [1]).alarm[0]
    assert model.step(rows[:1], later, [700.0], [1]).alarm[0]


@pytest.mark.parametrize("code", [65_535.0, 9_999.0])
def test_history_with_codes_teaches_what_it_teaches_without(code):
    clean, coded = CountBaseline(300, CALENDAR, 1), CountBaseline(300, CALENDAR, 1)
    starts, counts = T0 + np.arange(4 * 288) * 300_000, np.full(4 * 288, 20.0)
    spoilt = counts.copy()
    spoilt[2 * 288 :: 7] = code
    for model, values in ((clean, counts), (coded, spoilt)):
        model.amend(np.zeros(len(starts), dtype=int), starts, values, np.ones(len(starts)))
    expected = [model.test([0], int(starts[-1]) + 300_000, [0], [1]).expected[0] for model in (clean, coded)]
    assert expected[1] == pytest.approx(expected[0], rel=0.03)
