"""The week that a model expects, as it is shown of one device."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from console.training.learnt_week import blocks, rhythms
from console.training.rushes import ordinary_days, rushes
from console.training.saved_state import SavedState
from ingest.vocabulary import Kind
from models.baselines.counts import CountBaseline
from models.calendar import REST, SATURDAY, WORKING, Calendar
from models.levels.level_baseline import LevelBaseline
from models.state import State

CALENDAR = Calendar("Asia/Shanghai")
NOON = 1_795_406_400_000  # a Monday
WINDOW_S = 600
DAY = 86_400_000
COUNTED = [("cam-1", int(Kind.COUNT), "person"), ("school", int(Kind.COUNT), "person")]
READ = [("noise-1", int(Kind.LEVEL), "noise")]


@pytest.fixture(scope="module")
def saved():
    model = CountBaseline(WINDOW_S, CALENDAR, 2)
    rates = model.rates
    for amount, exposure in (rates.fine, rates.coarse, rates.overall[:2]):
        exposure[:] = 30.0
        amount[:] = 20.0 * 30.0
    rates.overall[2] = 30.0
    rates.fine[0, WORKING, 45:49, 1] = 90.0 * 30.0  # the school bell, from 7:30 to 8:10
    level, rng = LevelBaseline(WINDOW_S, CALENDAR, 1), np.random.default_rng(1)
    midnight = NOON - 12 * 3_600_000
    for at in range(midnight - 4 * DAY, midnight, WINDOW_S * 1000):
        night = (at - midnight) // 3_600_000 % 24 < 6
        level.step([0], at, [(40.0 if night else 60.0) + rng.normal()], [1])
    return SavedState(
        1, NOON, counting=[(COUNTED, model.capture())], leveling=[(READ, level.capture())],
    )  # fmt: skip


def test_a_device_is_shown_what_the_whole_model_expects_of_it(saved):
    model = CountBaseline(WINDOW_S, CALENDAR)
    model.restore(saved.counting[0][1])
    (found,) = rhythms(saved, CALENDAR, WINDOW_S, "school")
    assert (found.kind, found.metric, found.step_s) == ("count", "person", WINDOW_S)
    assert [day.weekday for day in found.days] == list(range(7))
    assert [day.kind for day in found.days] == [WORKING] * 5 + [SATURDAY, REST]
    midnight = ordinary_days(CALENDAR, NOON)[2]
    for step in (0, 46, 100):
        test = model.test([0, 1], midnight + step * WINDOW_S * 1000, np.zeros(2), np.ones(2))
        day = found.days[2]
        shown = [day.expected[step], day.lower[step], day.upper[step]]
        assert shown == pytest.approx([test.expected[1], test.lower[1], test.upper[1]], abs=1e-3)
    bell = slice(45, 49)
    assert min(found.days[0].expected[bell]) > 2 * max(found.days[6].expected[bell])
    assert found.rushes == rushes(saved, CALENDAR, WINDOW_S)[COUNTED[1]] != []


def test_a_week_is_printed_as_blocks(saved):
    (found,) = rhythms(saved, CALENDAR, WINDOW_S, "school")
    lines, most = blocks(found)
    assert [len(line) for line in lines] == [48] * 7
    assert lines[0][15] == "█" == max(lines[0]), "the bell at half past seven"
    assert "█" not in lines[6]
    assert most > 40
    odd = msgspec.structs.replace(found, days=[msgspec.structs.replace(day, expected=[1.0] * 7) for day in found.days])
    assert blocks(odd) == (["█" * 7] * 7, 1.0), "windows of other lengths"


def test_a_sensor_is_shown_its_nights_and_days(saved):
    (found,) = rhythms(saved, CALENDAR, WINDOW_S, "noise-1")
    assert (found.kind, found.metric, found.rushes) == ("level", "noise", [])
    monday = found.days[0]
    assert monday.expected[6] < 50 < monday.expected[26]
    assert monday.lower[26] < monday.expected[26] < monday.upper[26]
    again = rhythms(saved, CALENDAR, WINDOW_S, "noise-1")
    assert again == [found], "to look changes nothing"


def test_what_has_no_model_has_no_rhythm(saved):
    assert rhythms(saved, CALENDAR, WINDOW_S, "door-1") == []
    assert rhythms(SavedState(), CALENDAR, WINDOW_S, "cam-1") == []
    state = saved.counting[0][1]
    lacking = State(state.values, {path: held for path, held in state.arrays.items() if path != "kind"})
    assert rhythms(SavedState(1, NOON, counting=[(COUNTED, lacking)]), CALENDAR, WINDOW_S, "cam-1") == []
