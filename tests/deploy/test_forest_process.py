"""What the store gives to train on is what the context stage would have seen."""

import numpy as np
import pytest

from deploy.node import forest_process
from deploy.node.forest_process import read_history
from ingest.vocabulary import HiddenState, Kind, WindowStatus
from models.calendar import Calendar
from models.context import beat_forest as context
from stream.detect.context_stage import ContextStage
from stream.detect.findings import Findings
from stream.detect.planned import Planned
from stream.results import SeriesKey
from stream.sinks.store.store_sink import StoreSink
from stream.sinks.store.tables import StoreError, StoreMissingError
from stream.windows.catalog import Catalog
from stream.windows.quality import Quality
from tests.stream.build import places
from tests.stream.make_results import T0, WINDOW_MS, results, windows

CATALOG = [
    SeriesKey("b1", "cam-1", Kind.COUNT, "person"),
    SeriesKey("b1", "cam-2", Kind.COUNT, "person"),
    SeriesKey("b1", "cam-1", Kind.COUNT, "vehicle"),
    SeriesKey("b1", "noise-1", Kind.LEVEL, "noise"),
    SeriesKey("b2", "cam-9", Kind.COUNT, "person"),
    SeriesKey("b1", "smoke-1", Kind.LEVEL, "smoke"),
    SeriesKey("b1", "gate-1", Kind.GATE, "gate"),
]
FIELDS = ("n", "sum_a", "sum_b", "expected", "lower", "upper", "state")


def row(series, window=0, **more):
    usual = {"n": 5, "sum_a": 30.0, "sum_b": 10.0, "expected": 36.0, "lower": 20.0, "upper": 55.0, "state": 0}
    return {"series": series, "start": T0 + window * WINDOW_MS, "status": WindowStatus.CLOSED, **usual, **more}


ROWS = [
    row(0),
    row(1, expected=0.25, lower=0.0, upper=1.0, sum_a=1.0, sum_b=0.0),
    row(2, state=HiddenState.YOUNG),
    row(3, n=30, sum_a=1650.0, expected=54.0, lower=50.0, upper=58.0),
    row(4, sum_a=0.0, sum_b=0.0, state=HiddenState.DEAD),
    row(5),
    row(6, n=3, expected=np.nan, lower=np.nan, upper=np.nan),
    row(0, 1, expected=np.nan, lower=np.nan, upper=np.nan),
    row(1, 1, status=WindowStatus.REVISED),
    row(2, 1, status=WindowStatus.OPEN),
    row(3, 1, state=3),
    row(4, 1, sum_a=200.0, state=HiddenState.SURGE),
    row(0, 2, part=77, status=WindowStatus.LATE),
    row(0, 3, n=0, sum_a=0.0, sum_b=0.0),
    row(3, 3, state=1, sum_a=400.0),
]


@pytest.fixture
def store(tmp_path):
    sink = StoreSink(tmp_path / "store.db", "s")
    sink.write([results(1, catalog=CATALOG, windows=[windows(*ROWS)])])
    yield sink.path
    sink.close()


def test_sums_are_those_of_the_stage(store):
    history = read_history(store, days=10, window_s=300)
    assert history.beats == ("b1", "b2")
    assert history.start_ms.tolist() == [T0, T0 + WINDOW_MS, T0 + 3 * WINDOW_MS]
    assert history.alarmed.tolist() == [[False, True], [False, True], [True, False]]
    catalog = Catalog(places(), 16)
    catalog.series = CATALOG
    catalog.series_device = np.zeros(len(CATALOG), dtype=np.int64)
    stage = ContextStage(
        300, Calendar("UTC"), Findings(catalog, Quality(catalog, silent_s=300), Planned(Calendar("UTC"), catalog))
    )
    stage.add_series(list(range(len(CATALOG))))
    for number, window in enumerate((0, 1, 3)):
        fields = {name: np.zeros(len(CATALOG), dtype=np.float32) for name in FIELDS}
        fields["expected"][:] = np.nan
        for one in ROWS:
            if one["start"] == T0 + window * WINDOW_MS and one["status"] == WindowStatus.CLOSED:
                for name in FIELDS:
                    fields[name][one["series"]] = one[name]
        stage.recent = context.Recent(300, 2)
        stage.close(T0 // WINDOW_MS + window, fields)
        seen = stage.recent.capture().arrays["sums"].sum(axis=0)
        assert history.sums[number] == pytest.approx(seen, rel=1e-6), window


def test_only_the_newest_days_are_read_and_a_city_has_fewer(store, monkeypatch):
    assert len(read_history(store, days=WINDOW_MS / 86_400_000, window_s=300).start_ms) == 1
    monkeypatch.setattr(forest_process, "MOST_CELLS", 2)
    assert len(read_history(store, days=10, window_s=300).start_ms) == 1


def test_a_store_without_windows_gives_nothing(tmp_path):
    sink = StoreSink(tmp_path / "store.db", "s")
    history = read_history(sink.path, days=10, window_s=300)
    assert history.sums.shape == (0, context.SUMS, len(context.CHANNELS), 0)
    sink.close()


def test_files_that_are_no_store_are_told(tmp_path):
    with pytest.raises(StoreMissingError, match="start the node first"):
        read_history(tmp_path / "none.db", days=1, window_s=300)
    (tmp_path / "bad.db").write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match=r"bad\.db"):
        read_history(tmp_path / "bad.db", days=1, window_s=300)
