"""The report on models: from windows with known truth to words."""

from __future__ import annotations

import numpy as np
import pytest

from console.training.model_health import DAY_MS, ModelHealth, model_health, summary
from console.training.rushes import rushes
from console.training.saved_state import SavedState, SeriesModel
from ingest.vocabulary import HiddenState, Kind, WindowStatus
from models.baselines import negbin
from models.baselines.counts import CountBaseline
from models.calendar import SATURDAY, WORKING, Calendar
from stream.results import SeriesKey
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.store_sink import StoreSink
from tests.stream import make_results as make

WINDOW = 300_000
END = make.T0
NAMES = ("good", "narrow", "young", "gone", "stuck")
CATALOG = [
    *(SeriesKey("b1", name, int(Kind.COUNT), "person") for name in NAMES[:4]),
    SeriesKey("b1", "stuck", int(Kind.LEVEL), "noise"),
    SeriesKey("b1", "door", int(Kind.STATE), "door"),
]
STATES = {"young": HiddenState.YOUNG, "stuck": 3}


def counted(days: int, name: str) -> dict[str, np.ndarray]:
    """What a model with mean 25 says of counts; that of `narrow` believes in less spread than there is."""
    rng = np.random.default_rng(5)
    n = days * 288
    y = rng.negative_binomial(4.0, 4.0 / 29.0, n).astype(float)
    mean, spread = np.full(n, 25.0), np.full(n, 0.01 if name == "narrow" else 0.25)
    upper_tail, lower_tail = negbin.tails(y, mean, spread)
    low, high = negbin.band(2.5758, mean, spread)
    return {
        "start": END - WINDOW * np.arange(n, 0, -1) - (3 * DAY_MS if name == "gone" else 0),
        "sum_a": y,
        "expected": mean,
        "lower": np.floor(low),
        "upper": np.ceil(high),
        "p": np.minimum(upper_tail, lower_tail),
    }


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("store") / "store.db"
    sink = StoreSink(path, "s1")
    rows = []
    for series, name in enumerate(NAMES):
        columns = counted(5, name)
        usual = {"series": series, "status": WindowStatus.CLOSED, "state": STATES.get(name, HiddenState.NORMAL)}
        rows += [
            usual | {key: float(values[at]) if key != "start" else int(values[at]) for key, values in columns.items()}
            for at in range(len(columns["p"]))
        ]
    rows.append({"series": 0, "start": END, "status": WindowStatus.OPEN, "sum_a": 1e6})
    sink.write([make.results(1, catalog=CATALOG, windows=[make.windows(*rows)])])
    sink.close()
    reader = StoreReader(path)
    yield reader
    reader.close()


def report(store, saved: SavedState | None = None, country: str | None = None, **more) -> dict[str, ModelHealth]:
    calendar = Calendar("Asia/Shanghai", country)
    found = model_health(store, saved or SavedState(), calendar, WINDOW, **more)
    return {model.device: model for model in found}


def test_what_is_wrong_with_a_model_is_told(store):
    models = report(store)
    assert list(models) == list(NAMES), "a state has no model of this kind"
    assert {name: model.needs for name, model in models.items()} == {
        "good": "",
        "narrow": "narrow",
        "young": "young",
        "gone": "unseen",
        "stuck": "stuck",
    }
    assert [models[name].verdict for name in ("good", "narrow", "young")] == ["good", "narrow", "little"]
    good = models["good"].calibration
    assert good is not None
    assert good["windows"] == 5 * 288
    assert good["below_1pct"] == pytest.approx(0.01, abs=0.008)
    assert good["inside"] == pytest.approx(0.99, abs=0.02)
    assert (models["young"].calibration, models["young"].young) == (None, 1.0)
    assert models["good"].windows == 5 * 288 + 1, "with the one that is open"


def test_calibration_looks_back_as_far_as_it_is_told(store):
    near = report(store, days=1.0)["good"].calibration
    assert near is not None
    assert near["windows"] == 288
    assert report(store, days=1.0)["gone"].calibration is None


def test_days_are_told_by_their_kind(store):
    # Five days up to Monday afternoon: from Wednesday to Monday.
    assert report(store)["good"].days == {"working": 4, "saturday": 1, "sunday": 1, "holiday": 0}
    calendar = Calendar("Asia/Shanghai", None, (np.datetime64("2026-11-20").astype(object),))
    days = {model.device: model.days for model in model_health(store, SavedState(), calendar, WINDOW)}
    assert days["good"] == {"working": 3, "saturday": 1, "sunday": 1, "holiday": 1}
    assert sum(days["gone"].values()) == 6
    seen: list[tuple[int, int]] = []
    report(store, progress=lambda *at: seen.append(at))
    assert seen[-1][0] == seen[-1][1] == len(seen)


def test_what_was_learned_comes_from_the_saved_state(store):
    evidence = np.zeros((3, 288))
    evidence[0], evidence[2, :60] = 4.0, 1.0
    model = SeriesModel(evidence, 1000.0, 0, stuck=False, spans={"observed": [(5, 50)], "history": [(1, 4), (60, 62)]})
    saved = SavedState(7, 0, {("good", int(Kind.COUNT), "person"): model})
    found = report(store, saved)
    assert found["good"].learnt_days == {"working": 4.0, "saturday": 0.0, "rest": 0.2}
    assert found["good"].missing == ["saturday", "rest"]
    assert found["good"].needs == "missing"
    assert (found["good"].history_windows, found["good"].last_learnt_ms) == (5, 62 * WINDOW)
    assert found["narrow"].learnt_days is None


def test_the_summary_adds_up(store):
    models = list(report(store).values())
    whole = summary(models)
    assert (whole["series"], whole["devices"]) == (5, 5)
    assert whole["states"] == {"judged": 3, "unseen": 1, "young": 1}
    assert whole["needs"] == {"narrow": 1, "stuck": 1, "unseen": 1, "young": 1}
    assert whole["windows"] == sum(model.calibration["windows"] for model in models if model.calibration)
    assert 0.9 < whole["inside"] < 1
    assert summary([]) == {
        "series": 0, "devices": 0, "states": {}, "verdicts": {}, "needs": {}, "missing": {}, "windows": 0,
        "below_1pct": None, "below_5pct": None, "inside": None, "band": 0.99,
    }  # fmt: skip


def test_an_empty_store_has_no_models(tmp_path):
    StoreSink(tmp_path / "store.db", "s1").close()
    reader = StoreReader(tmp_path / "store.db")
    assert report(reader) == {}
    reader.close()


def test_rushes_are_told_with_their_times_and_days():
    calendar = Calendar("Asia/Shanghai")
    model = CountBaseline(300, calendar, 2)
    noon = 1_795_406_400_000  # a Monday in Shanghai
    rates = model.rates
    for amount, exposure in (rates.fine, rates.coarse, rates.overall[:2]):
        exposure[:] = 30.0
        amount[:] = 20.0 * 30.0
    rates.overall[2] = 30.0
    slots = slice(450 // 5, 490 // 5)  # from 7:30 to 8:10
    rates.fine[0, WORKING, slots, 0] = 90.0 * 30.0
    market = slice(390 // 5, 660 // 5)  # from 6:30 to 11
    rates.fine[0, SATURDAY, market, 1] = 90.0 * 30.0
    names = [("gate-1", 0, "person"), ("cam-1", 0, "person")]
    saved = SavedState(1, noon, counting=[(names, model.capture())])
    found = rushes(saved, calendar, 300)
    assert list(found) == names
    (saturday,) = found[names[1]]
    assert saturday.weekdays == (5,)
    assert saturday.begin in {"06:20", "06:30"}
    assert saturday.end in {"11:00", "11:10"}
    (one,) = found[names[0]]
    assert one.weekdays == (0, 1, 2, 3, 4)
    assert one.begin in {"07:30", "07:20"}
    assert one.end in {"08:10", "08:20"}
    assert one.expected > 40
    assert rushes(SavedState(), calendar, 300) == {}
