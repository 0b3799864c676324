"""Backtests: causal, scored as promised; and what the shipped models reach on real data."""

import csv
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from models.backtests import series_backtest as backtest
from models.calendar import Calendar
from tests.models.traffic import T0, Neighbourhood

DATA = Path(__file__).parents[2].parent / "shared" / "data"
CALENDAR = Calendar("Asia/Shanghai", "CN")


def test_a_prefix_gets_the_same_scores_as_the_whole():
    place = Neighbourhood(2, window_s=1800)
    times = T0 + np.arange(400) * 1_800_000
    values = np.array([place.count(int(at)) for at in times])
    values[50:60, 0] = np.nan
    for kind in ("counts", "levels"):
        whole = backtest.run(kind, times, values, CALENDAR, 1800)
        part = backtest.run(kind, times[:300], values[:300], CALENDAR, 1800)
        assert (whole.surprise[:300] == part.surprise).all()
        assert (whole.alarm[:300] == part.alarm).all()


def test_near_alarms_are_one_and_long_ones_are_cut():
    times = np.arange(100) * 300_000
    score = np.zeros(100)
    score[[2, 3, 8]] = 9.0
    assert backtest.alarms(times, score, 5.0, 300, join_s=1800) == [(600_000, 2_700_000)]
    assert backtest.alarms(times, score, 5.0, 300, join_s=1200) == [(600_000, 1_200_000), (2_400_000, 2_700_000)]
    score[:] = 9.0
    assert [end - begin for begin, end in backtest.alarms(times, score, 5.0, 300)] == [
        14_400_000,
        14_400_000,
        1_200_000,
    ]
    assert backtest.alarms(times, score, 10.0, 300) == []


def test_scoring_counts_hits_false_alarms_and_delay():
    times = np.arange(20 * 288) * 300_000
    score = np.zeros(len(times))
    day = 288
    score[15 * day + 5] = 6.0  # an event, late
    score[17 * day] = 7.0  # nothing
    score[3 * day] = 9.0  # in the warm-up
    events = [(15 * day * 300_000, (15 * day + 12) * 300_000), (18 * day * 300_000, (18 * day + 12) * 300_000)]
    found = backtest.score(times, score, events, 5.0, 300)
    assert (found.found, found.events, found.false) == (1, 2, 1)
    assert found.weeks == pytest.approx(6 / 7)
    assert found.delay_s == 6 * 300
    best = backtest.best_within(times, score, events, (0.0, 5.0), 300)
    assert (best[0.0].found, best[5.0].found) == (0, 1)


def test_bad_tables_are_told():
    with pytest.raises(ValueError, match="must increase"):
        backtest.run("counts", np.array([5, 5]), np.zeros((2, 1)), CALENDAR, 300)
    with pytest.raises(ValueError, match="expected"):
        backtest.run("counts", np.array([5]), np.zeros(1), CALENDAR, 300)


@pytest.mark.slow
def test_events_in_a_real_building():
    """People through two doors of a campus building (CalIt2): 24 events after two weeks."""
    if not DATA.is_dir():
        pytest.skip("the real data lies beside the project, in ../shared/data, and is not there")
    stamp = lambda text: round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)  # noqa: E731
    with (DATA / "calit2_counts.csv").open() as file:
        rows = list(csv.DictReader(file))
    times = np.array(sorted({stamp(row["timestamp"]) for row in rows}))
    values = np.full((len(times), 2), np.nan)
    for row in rows:
        column = ("door-in", "door-out").index(row["device"])
        values[np.searchsorted(times, stamp(row["timestamp"])), column] = float(row["count"])
    with (DATA / "calit2_events.csv").open() as file:
        events = [(stamp(row["start"]), stamp(row["end"])) for row in csv.DictReader(file)]
    scores = backtest.run("counts", times, values, Calendar("UTC", "US"), 1800)
    best = backtest.best_within(times, scores.surprise.max(axis=1), events, (1, 2, 5), 1800, join_s=3600.0)
    assert best[1].share >= 0.90
    assert best[2].share >= 0.91
    assert best[5].share >= 0.95
    shipped = backtest.score(times, scores.alarm.any(axis=1).astype(float), events, 0.5, 1800, join_s=3600.0)
    assert shipped.false_per_week <= 1.0
