import zlib
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import frame
from ingest.frame import FrameKind
from models.context import beat_forest as context
from models.context import forest_training as context_training
from models.context.beat_forest import BEAT, BeatForest, ContextError, Episodes, Recent
from models.context.forest_training import BeatHistory, TooLittleError, train
from models.frames import unpack
from tests.models.beats import A_DAY, BEATS, CALENDAR, T0, WINDOW_S, history, spans, window
from tests.support import examples

NIGHT = T0 + 2 * 3_600_000
HERE = np.arange(len(BEATS))


@cache
def forest() -> BeatForest:
    return train(history(), CALENDAR, WINDOW_S, trees=40, samples=1024, seed=1)


def surprise(shift: tuple[float, float, float]) -> np.ndarray:
    return forest().judge(HERE, NIGHT, spans(shift), CALENDAR).surprise


def test_a_mix_is_strange_though_each_of_its_parts_is_not() -> None:
    """Few people among many vehicles: each by itself happens, both together do not."""
    assert surprise((-3.4, 0.0, 0.0)).max() < context.ALARM - 0.7
    assert surprise((0.0, 3.4, 0.0)).max() < context.ALARM - 0.7
    assert surprise((-3.4, 3.4, 0.0)).min() >= context.ALARM
    assert surprise((3.4, 3.4, 0.0)).max() < context.ALARM - 0.7
    assert surprise((0.0, 0.0, 0.0)).max() < 1.0


def test_drivers_name_the_channels_that_make_it_strange() -> None:
    usual = forest().judge(HERE, NIGHT, spans((-3.4, 3.4, 0.2)), CALENDAR).usual
    drop = forest().drivers(usual, NIGHT, CALENDAR)
    assert drop.shape == (3, 3)
    assert (np.minimum(drop[0], drop[1]) > drop[2] + 0.5).all()
    assert (usual[0] < 0).all()
    assert (usual[1] > 0).all()


def test_what_is_seen_is_told_as_people_count_it() -> None:
    span = spans((0.0, 0.0, 1.0))
    span[:, 2] *= 4  # four noise sensors, or four windows of one
    found = forest().judge(HERE, NIGHT, span, CALENDAR)
    assert found.seen[2] == pytest.approx(np.full(3, 55.5))
    assert found.expected[2] == pytest.approx(np.full(3, 55.0))
    assert found.seen[0] == pytest.approx(span[context.OBSERVED, 0])


def test_probabilities_hold_for_days_that_were_not_trained_on() -> None:
    later = history(days=40, seed=9)
    rows = context_training._rows(later, CALENDAR, WINDOW_S)  # as trained on, but other days
    x = context.features(forest().scales.apply(rows.found, rows.beat), rows.day_class, rows.second)
    p = forest().tail.p(forest().forest.score(x))
    for level, most in ((0.1, 1.35), (0.01, 1.8), (0.002, 3.0)):
        assert level / most < (p <= level).mean() < level * most


def test_a_beat_with_one_channel_or_unknown_to_the_forest_is_not_judged() -> None:
    span = spans((-4.0, 4.0, 0.0))
    span[:, 1:, 0] = 0.0
    found = forest().judge(forest().index(["east", "north", "new"]), NIGHT, span, CALENDAR)
    assert found.judged.tolist() == [False, True, False]
    assert found.surprise[[0, 2]].tolist() == [0.0, 0.0]
    assert np.isnan(found.seen[1, 0])


def test_without_a_channel_the_others_are_judged() -> None:
    span = spans((-4.0, 4.0, 0.0))
    span[:, 2] = 0.0
    found = forest().judge(HERE, NIGHT, span, CALENDAR)
    assert found.judged.all()
    assert found.surprise.min() >= context.ALARM


@pytest.mark.parametrize("size", [1, 5000])
def test_one_beat_or_many_are_judged_the_same(size: int) -> None:
    rng = np.random.default_rng(0)
    which = rng.integers(0, 3, size)
    span = spans((1.0, -1.5, 0.5))[:, :, which]
    many = forest().judge(HERE[which], NIGHT, span, CALENDAR)
    assert np.array_equal(many.surprise, surprise((1.0, -1.5, 0.5))[which])


def test_zeros_and_huge_values_give_numbers() -> None:
    for value in (0.0, 1e9):
        span = np.full((context.SUMS, 3, 3), value)
        found = forest().judge(HERE, NIGHT, span, CALENDAR)
        assert np.isfinite(found.surprise).all()


# -- sums and spans ------------------------------------------------------------------------------------------------


def test_devices_without_an_expectation_shift_nothing() -> None:
    nan = float("nan")
    total = context.sums(
        np.array([0, 0, 1, 1, 0]),
        np.array([0, 0, 0, 1, 2]),
        np.array([10.0, 99.0, 5.0, 7.0, 60.0]),
        np.array([8.0, nan, 6.0, 7.0, -5.0]),
        np.array([2.0, nan, 6.0, 7.0, -7.5758]),
        np.array([22.6064, nan, 6.0, 7.0, -2.4242]),
        2,
    )
    assert total[context.OBSERVED].tolist() == [[10, 5], [0, 7], [60, 0]]
    assert total[context.EXPECTED].tolist() == [[8, 6], [0, 7], [-5, 0]]
    assert total[context.DEVICES].tolist() == [[1, 1], [0, 1], [1, 0]]
    # Counts stray at least as Poisson ones; readings as their band says.
    assert total[context.VARIANCE] == pytest.approx(np.array([[16, 6], [0, 7], [1, 0]]), rel=1e-3)


def test_recent_holds_half_an_hour_and_no_more() -> None:
    recent = Recent(300, 1)
    one = np.ones((context.SUMS, 3, 1))
    starts = [0, 300_000, 600_000, 1_500_000, 1_800_000, 9_000_000]
    assert [float(recent.push(start, one)[0, 0, 0]) for start in starts] == [1, 2, 3, 4, 4, 1]


def test_a_clock_put_back_leaves_what_is_ahead_out() -> None:
    recent = Recent(300, 1)
    one = np.ones((context.SUMS, 3, 1))
    recent.push(3_000_000, one)
    assert recent.push(300_000, one)[0, 0, 0] == 1


def test_state_goes_on_where_it_was_taken() -> None:
    rng = np.random.default_rng(0)
    first, again = Recent(600, 3), Recent(600, 3)
    for step in range(5):
        first.push(step * 600_000, window(rng, step))
    again.restore(first.capture())
    again.grow(BEAT, 4)
    wider = np.concatenate([window(rng, 5), np.zeros((context.SUMS, 3, 1))], axis=2)
    assert np.array_equal(first.push(3_000_000, wider[:, :, :3]), again.push(3_000_000, wider)[:, :, :3])
    with pytest.raises(ValueError, match=r"'start' is int64\(3,\), expected int64\(6,\)"):
        Recent(300, 3).restore(first.capture())


def test_an_episode_begins_goes_on_and_ends() -> None:
    episodes = Episodes(2)
    quiet = np.zeros(2, dtype=bool)
    steps = [(1, [4.0, 1.0]), (2, [2.5, 1.0]), (3, [4.0, 0.0]), (4, [1.0, 0.0]), (5, [1.9, 0.0]), (6, [1.0, 0.0])]
    alarmed = [[part.tolist() for part in episodes.step(at, np.array(seen), quiet)] for at, seen in steps]
    assert [news[0] for news, _ in alarmed] == [True, False, True, False, False, False]
    assert [over[0] for _, over in alarmed] == [False, False, False, False, True, False]
    assert not any(news[1] or over[1] for news, over in alarmed)


def test_no_episode_begins_where_a_device_tells_its_own() -> None:
    episodes = Episodes(1)
    news, _ = episodes.step(1, np.array([9.0]), np.array([True]))
    assert not news[0]
    assert episodes.onset_ms[0] == 0
    episodes.step(2, np.array([9.0]), np.array([False]))
    assert episodes.step(3, np.array([9.0]), np.array([True]))[0][0]
    again = Episodes(1)
    again.restore(episodes.capture())
    again.grow(BEAT, 3)
    assert again.onset_ms.tolist() == [2, 0, 0]


# -- training ------------------------------------------------------------------------------------------------------


def test_the_same_history_gives_the_same_bytes() -> None:
    first, again = (train(history(days=15), CALENDAR, WINDOW_S, trees=5, samples=64, seed=1).pack() for _ in range(2))
    assert first == again


def test_windows_in_which_a_device_told_something_are_not_learned_from() -> None:
    plain = history(days=15)
    wild = BeatHistory(plain.beats, plain.start_ms, plain.sums.copy(), plain.alarmed.copy())
    wild.alarmed[5::50] = True
    wild.sums[5::50, context.OBSERVED] *= 7.0
    few = train(wild, CALENDAR, WINDOW_S, trees=5, samples=64)
    assert few.rows == int((~wild.alarmed).sum())
    assert few.scales.own == pytest.approx(train(plain, CALENDAR, WINDOW_S, trees=5, samples=64).scales.own, rel=0.15)


def test_errors_in_common_are_told_from_chance() -> None:
    """A day that is a tenth busier than expected is ordinary: its mark grows with the counts."""
    base = history(days=40)
    rng = np.random.default_rng(4)
    common = 1.0 + 0.1 * rng.standard_normal((len(base.start_ms), 1, 1))
    base.sums[:, context.OBSERVED, :2] += base.sums[:, context.EXPECTED, :2] * (common - 1.0)
    rows = context_training._rows(base, CALENDAR, WINDOW_S)
    scales = context_training.fit_scales(rows.found, rows.beat, len(BEATS))
    assert scales.shared[:2] == pytest.approx(np.full((2, 3), 0.01), rel=0.35)
    assert np.std(scales.apply(rows.found, rows.beat), axis=1) == pytest.approx(np.ones(3), rel=0.1)


def test_too_little_history_is_said() -> None:
    with pytest.raises(TooLittleError, match=r"3 days with 432 .* at least 4 days with 2000"):
        train(history(days=3), CALENDAR, WINDOW_S)
    nothing = BeatHistory(
        (), np.zeros(0, dtype=np.int64), np.zeros((0, context.SUMS, 3, 0)), np.zeros((0, 0), dtype=bool)
    )
    with pytest.raises(TooLittleError, match="no closed window"):
        train(nothing, CALENDAR, WINDOW_S)


def test_a_beat_with_little_history_has_the_scales_of_all() -> None:
    some = history()
    some.sums[: 57 * A_DAY, :, :, 2] = 0.0
    forest = train(some, CALENDAR, WINDOW_S, trees=5, samples=64)
    assert forest.scales.own[:, 2] == pytest.approx(forest.scales.own[:, :2].mean(axis=1), rel=0.3)


# -- the file ------------------------------------------------------------------------------------------------------


def test_a_model_comes_back_from_its_bytes() -> None:
    data = forest().pack()
    again = BeatForest.load(data)
    assert again.pack() == data
    assert (again.beats, again.window_s, again.rows) == (BEATS, WINDOW_S, forest().rows)
    assert np.array_equal(again.judge(HERE, NIGHT, spans((2, -2, 1)), CALENDAR).score, forest().judge(
        HERE, NIGHT, spans((2, -2, 1)), CALENDAR).score)  # fmt: skip


def altered(meta: dict[str, object], arrays: dict[str, np.ndarray | None]) -> bytes:
    """Pack something else under a right check sum; None leaves an array out."""
    old_meta, old_arrays = unpack(FrameKind.FOREST, forest().pack())
    kept = {name: values for name, values in {**old_arrays, **arrays}.items() if values is not None}
    return frame.encode(FrameKind.FOREST, {**old_meta, **meta}, kept)


@pytest.mark.parametrize(
    ("meta", "arrays", "complaint"),
    [
        ({"features": ["people"]}, {}, "trained on"),
        ({"beats": ["east", "north"]}, {}, "2 beats"),
        ({"beats": ["east", "east", "west"]}, {}, "all different"),
        ({"beats": "east"}, {}, r"\$\.beats"),
        ({"beats": [1, 2, 3]}, {}, r"\$\.beats\[0\]"),
        ({"window_s": -1}, {}, r"\$\.window_s"),
        ({"rows": None}, {}, r"\$\.rows"),
        ({}, {"scales/own": np.zeros((3, 3))}, "spread is not positive"),
        ({}, {"scales/own": np.ones((2, 3))}, r"own is float64\(2, 3\)"),
        ({}, {"scales/location": np.full((3, 3), np.nan)}, "location"),
        ({}, {"scales/shared": None}, "scales are .*expected .*shared"),
        ({}, {"forest/value": None}, "'value' is missing"),
        ({}, {"forest/shape": np.array([40, 1024, 4])}, "none of its 4"),
        ({}, {"forest/shape": np.array([40, 1024, 20])}, "20 features, expected 9"),
        ({}, {"tail/law": np.zeros(4)}, "share"),
    ],
)
def test_hostile_models_are_refused_with_a_reason(
    meta: dict[str, object], arrays: dict[str, np.ndarray | None], complaint: str
) -> None:
    with pytest.raises(ContextError, match=complaint):
        BeatForest.load(altered(meta, arrays))


def test_damaged_bytes_are_refused() -> None:
    for data in (b"", forest().pack()[:-1], b"PGba" + forest().pack()[4:]):
        with pytest.raises(ContextError, match="model of the beats' context"):
            BeatForest.load(data)


@settings(max_examples=examples(30))
@given(st.integers(0, 1500), st.binary(min_size=1, max_size=8))
def test_altered_bytes_make_no_other_error(at: int, patch: bytes) -> None:
    data = bytearray(forest().pack())
    data[at : at + len(patch)] = patch
    body = bytes(data[:-4])
    try:
        found = BeatForest.load(body + zlib.crc32(body).to_bytes(4, "little"))
    except ContextError:
        return
    assert np.isfinite(found.judge(HERE, NIGHT, spans((1, 1, 1)), CALENDAR).surprise).all()
