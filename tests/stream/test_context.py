"""The context stage, and models in the log."""

from functools import cache

import numpy as np
import pytest

from ingest.log.records import RecordKind
from ingest.vocabulary import HiddenState
from models.calendar import Calendar
from models.context.forest_training import BeatHistory, train
from stream.detect.context_stage import ContextStage
from stream.detect.findings import Findings
from stream.detect.planned import Planned
from stream.pipeline.pipeline import Pipeline
from stream.results import SeriesKey, ShardOutput
from stream.windows.catalog import Catalog
from stream.windows.quality import Quality
from tests.configs import pipeline_with
from tests.models.beats import A_DAY, CALENDAR, T0, WINDOW_S, expected, history
from tests.stream.build import MINUTE, NOON, Writer, places, text_of

CONFIG = pipeline_with(site="s", window_s=WINDOW_S)
SERIES = [("cam-1", 0, "person"), ("cam-1", 0, "vehicle"), ("noise-1", 2, "noise"), ("cam-2", 0, "person")]
NIGHT = 70 * A_DAY + 4
"""Two o'clock, ten days behind what the model was trained on."""


@cache
def model() -> bytes:
    made = history()
    return train(
        BeatHistory(("b1", "b2", "b3"), made.start_ms, made.sums, made.alarmed), CALENDAR, WINDOW_S, trees=40, seed=1
    ).pack()


class Beat:
    """A stage with one beat, and windows for it: people and noise of one device each, cam-2 with nobody."""

    def __init__(self, *, trained: bool = True) -> None:
        catalog = Catalog(places({"cam-1": "camera", "cam-2": "camera", "noise-1": "noise"}), 16)
        quality = Quality(catalog, silent_s=300)
        for device, kind, metric in SERIES:
            catalog.series.append(SeriesKey(beat="b1", device=device, kind=kind, metric=metric))
        catalog.series_device = np.array([catalog.device("b1", device) for device, *_ in SERIES])
        self.catalog = catalog
        self.findings = Findings(catalog, quality, Planned(Calendar("UTC"), catalog))
        self.stage = ContextStage(WINDOW_S, CALENDAR, self.findings)
        self.stage.add_series(list(range(len(SERIES))))
        if trained:
            self.stage.take(model())

    def close(
        self, step: int, shift: tuple[float, float, float] = (0, 0, 0), states: tuple[int, ...] = ()
    ) -> ShardOutput:
        mean = np.append(expected(step)[:, 0], 0.0)
        deviation = np.array([*np.sqrt(mean[:2]), 0.5, 0.0])
        seen = mean + deviation * np.array([*shift, 0.0])
        n = np.array([1, 1, 10, 0])
        fields = {
            "n": n,
            "sum_a": np.where(n == 10, seen * 10, seen / 2),
            "sum_b": np.where(n == 10, 0.0, seen / 2),
            "expected": np.where(n > 0, mean, np.nan).astype(np.float32),
            "lower": (mean - 2.5758 * deviation).astype(np.float32),
            "upper": (mean + 2.5758 * deviation).astype(np.float32),
            "state": np.array([*states, *(0,) * (4 - len(states))], dtype=np.uint8),
        }
        number = T0 // (WINDOW_S * 1000) + step
        now_ms = self.findings.now_ms = (number + 1) * WINDOW_S * 1000 + MINUTE
        self.stage.close(number, fields)
        anomalies, notices = self.findings.take()
        return ShardOutput(step, now_ms, 0, self.catalog.series, anomalies=anomalies, notices=notices)


STRANGE = (-3.6, 3.6, 0.0)


def test_an_unusual_mix_is_told_with_what_drives_it_and_ends():
    beat = Beat()
    assert not beat.close(NIGHT - 1).anomalies
    out = beat.close(NIGHT, STRANGE)
    (anomaly,) = out.anomalies
    assert (anomaly.beat, anomaly.device, anomaly.kind, anomaly.severity) == ("b1", "b1", "context", "info")
    assert anomaly.ts == T0 + NIGHT * WINDOW_S * 1000
    assert 0 < anomaly.p < 1e-3
    mean = expected(NIGHT)[:, 0]
    few = f"{mean[0] - 3.6 * mean[0] ** 0.5:.0f}"
    assert f"ew people ({few}" in text_of(anomaly)["en"]
    assert "any vehicles (" in text_of(anomaly)["en"]
    assert text_of(anomaly)["en"].endswith(".")
    assert " for a Monday around 02:30" in text_of(anomaly)["en"]
    assert "noise as usual" in text_of(anomaly)["en"]
    assert "行人偏少" in text_of(anomaly)["zh-CN"]
    assert "车辆偏多" in text_of(anomaly)["zh-CN"]
    (notice,) = out.notices
    assert (notice.act, notice.device, notice.by_model, notice.ends) == ("rise", "b1", True, True)
    assert notice.place["en"] == "Beat 1"
    assert notice.lonlat == pytest.approx((121.474, 31.234))
    assert notice.surprise == pytest.approx(-np.log10(anomaly.p))
    going_on = beat.close(NIGHT + 1, STRANGE)
    assert going_on.anomalies[0].ts == anomaly.ts
    assert "since 02:00" in text_of(going_on.anomalies[0])["en"]
    assert not beat.close(NIGHT + 2).notices
    over = beat.close(NIGHT + 3)
    (end,) = over.notices
    assert (end.act, end.device, end.kind, end.by_model) == ("fall", "b1", "context", True)
    assert end.cause_ms == anomaly.ts + 2 * WINDOW_S * 1000
    assert [(one.ts, one.duration_s) for one in over.anomalies] == [(anomaly.ts, 3600.0)]


def test_without_a_model_nothing_is_judged():
    out = Beat(trained=False).close(NIGHT, STRANGE)
    assert not out.anomalies
    assert not out.notices


def test_a_device_that_tells_its_own_alarm_is_enough():
    out = Beat().close(NIGHT, STRANGE, states=(HiddenState.DEFICIT,))
    assert not out.anomalies


def test_young_and_stuck_series_do_not_speak():
    for states in ((HiddenState.YOUNG, 0, 3), (0, HiddenState.YOUNG, 4)):
        assert not Beat().close(NIGHT, (9.0, -9.0, 9.0), states=states).anomalies


def test_state_goes_on_where_it_was_taken():
    first, again = Beat(), Beat(trained=False)
    first.close(NIGHT, STRANGE)
    state = first.stage.capture()
    again.stage.restore(state)
    again.stage.add_series(list(range(len(SERIES))))
    for name, values in again.stage.capture().arrays.items():
        assert np.array_equal(values, state.arrays[name]), name
    again.stage.findings.active.restore(first.stage.findings.active.capture())
    for step, shift in ((1, STRANGE), (2, (0, 0, 0)), (3, (0, 0, 0))):
        one, other = (beat.close(NIGHT + step, shift) for beat in (first, again))
        assert one.anomalies == other.anomalies
        assert one.notices == other.notices
    assert other.notices


def test_a_model_comes_through_the_log_and_stays_in_the_snapshot():
    writer = Writer()
    devices = places({"cam-1": "camera", "noise-1": "noise"})
    pipeline = Pipeline(CONFIG, devices)
    pipeline.process(writer.count("cam-1", NOON, 3).level("noise-1", NOON, 50.0).record())
    assert not pipeline.process(writer._next(RecordKind.MODEL, model(), NOON)).refusals
    again = Pipeline(CONFIG, devices)
    again.restore(pipeline.snapshot())
    for one in (pipeline, again):
        forest = one.shards[0].detection.context.forest
        assert forest is not None
        assert forest.pack() == model()
    assert again.snapshot() == pipeline.snapshot()


def test_a_model_does_not_put_the_clock_back():
    writer = Writer()
    pipeline = Pipeline(CONFIG, places())
    pipeline.process(writer.tick(NOON))
    out = pipeline.process(writer._next(RecordKind.MODEL, model(), NOON - 3_600_000))
    assert out.now_ms == NOON


@pytest.mark.parametrize("window_s", [WINDOW_S, 300])
def test_models_that_do_not_fit_go_to_quarantine_and_the_old_one_stays(window_s):
    writer = Writer()
    pipeline = Pipeline(pipeline_with(site="s", window_s=window_s), places())
    stage = pipeline.shards[0].detection.context
    if window_s == WINDOW_S:
        pipeline.process(writer._next(RecordKind.MODEL, model(), NOON))
    before, payload = stage.forest, model() if window_s == 300 else model()[:-7]
    (refusal,) = pipeline.process(writer._next(RecordKind.MODEL, payload, NOON)).refusals
    assert refusal.reason == "model"
    assert ("cut short" if window_s == WINDOW_S else "windows of 1800 s, expected 300 s") in refusal.detail
    assert stage.forest is before
