"""The trainer: a process beside the node, whose failures the node only tells of."""

import time
from pathlib import Path

import numpy as np
import pytest

from deploy.node.forest_process import main
from deploy.node.trainer import Trainer
from deploy.settings.load import with_values
from deploy.settings.sections import Settings
from ingest.clock import SystemClock
from ingest.log.records import LogFullError, Record, RecordKind
from ingest.vocabulary import Kind, WindowStatus
from models.context.beat_forest import BeatForest
from stream.results import SeriesKey, WindowRows
from stream.sinks.store.store_sink import StoreSink
from tests.models.beats import A_DAY, BEATS, T0, WINDOW_S, window
from tests.stream.make_results import results
from tests.support import wait_for

KINDS = ((Kind.COUNT, "person"), (Kind.COUNT, "vehicle"), (Kind.LEVEL, "noise"))
CATALOG = [SeriesKey(beat, f"{beat}-{metric}", kind, metric) for kind, metric in KINDS for beat in BEATS]


class Shelf:
    """A log that only takes."""

    def __init__(self, fails: bool = False) -> None:
        self.records: list[Record] = []
        self.fails = fails

    def append(self, records: list[Record]) -> int:
        if self.fails:
            raise LogFullError("no room")
        self.records += records
        return len(self.records)


def settings_for(folder: Path, **training: object) -> Settings:
    return with_values(
        Settings(),
        data={"dir": folder},
        site={"id": "s"},
        pipeline={"window_s": WINDOW_S},
        training={"min_days": 14, "days": 30, **training},
    )


def fill(settings: Settings, days: int) -> None:
    """Write days of ordinary windows into the site's store."""
    rng = np.random.default_rng(1)
    steps = days * A_DAY
    sums = np.stack([window(rng, step) for step in range(steps)]).astype(np.float32)
    observed, expected, variance = (sums[:, which].ravel() for which in range(3))
    half = 2.5758 * np.sqrt(variance)
    size = len(observed)
    start = T0 + np.arange(steps, dtype=np.int64) * WINDOW_S * 1000
    rows = WindowRows(
        series=np.tile(np.arange(len(CATALOG), dtype=np.int32), steps),
        start=np.repeat(start, len(CATALOG)),
        part=np.zeros(size, dtype=np.int64),
        status=np.full(size, WindowStatus.CLOSED, dtype=np.uint8),
        n=np.ones(size, dtype=np.int32),
        sum_a=observed.astype(np.float64),
        sum_b=np.zeros(size),
        low=observed.astype(np.float64),
        high=observed.astype(np.float64),
        exposure=np.ones(size, dtype=np.float32),
        expected=expected,
        lower=(expected - half).astype(np.float32),
        upper=(expected + half).astype(np.float32),
        p=np.full(size, 0.5, dtype=np.float32),
        state=np.zeros(size, dtype=np.uint8),
    )
    store = StoreSink(settings.site_dir / "store.db", "s")
    store.write([results(1, catalog=CATALOG, windows=[rows])])
    store.close()


def becomes(trainer: Trainer, *states: str) -> dict:
    wait_for(lambda: trainer.status()["state"] in states, f"the trainer is {states}", 120)
    return trainer.status()


class WatchedClock(SystemClock):
    """Counts how often it was looked at."""

    looks = 0

    def now_ms(self) -> int:
        self.looks += 1
        return super().now_ms()

    def wait_for_looks(self) -> None:
        """Wait until a trainer has looked several times whether it is time."""
        before = self.looks
        wait_for(lambda: self.looks >= before + 4, "the trainer looks at the clock")


def test_a_forest_is_trained_and_goes_into_the_log_once(tmp_path):
    settings = settings_for(tmp_path)
    fill(settings, days=20)
    shelf, clock = Shelf(), WatchedClock()
    trainer = Trainer(settings, clock, shelf, first_s=0.0, pause_s=0.05, options=("--nice", "0", "--trees", "5"))  # type: ignore[arg-type]
    trainer.start()
    status = becomes(trainer, "trained", "failed")
    clock.wait_for_looks()  # none of them may train again
    trainer.stop()
    assert status["state"] == "trained", status
    assert (status["beats"], status["rows"]) == (3, 3 * 20 * A_DAY)
    assert [(record.kind, record.shard) for record in shelf.records] == [(RecordKind.MODEL, 0)]
    forest = BeatForest.load(shelf.records[0].payload)
    assert forest.beats == tuple(sorted(BEATS))
    assert (forest.window_s, forest.to_ms) == (WINDOW_S, T0 + (20 * A_DAY - 1) * WINDOW_S * 1000)
    # The next node knows that it was done.
    again = Trainer(settings, clock, Shelf(), first_s=0.0, pause_s=0.05)  # type: ignore[arg-type]
    again.start()
    clock.wait_for_looks()
    again.stop()
    assert again.status()["state"] == "waiting"
    assert again.status()["rows"] == status["rows"]


def test_failures_and_short_histories_are_told_and_nothing_goes_into_the_log(tmp_path):
    settings = settings_for(tmp_path)
    shelf = Shelf()
    trainer = Trainer(settings, SystemClock(), shelf, first_s=0.0, pause_s=30.0, options=("--nice", "0"))  # type: ignore[arg-type]
    settings.site_dir.mkdir()
    (settings.site_dir / "store.db").write_bytes(b"this is no store" * 300)
    trainer.start()
    status = becomes(trainer, "failed", "trained")
    trainer.stop()
    assert status["state"] == "failed"
    assert "store.db" in status["detail"]
    assert not shelf.records


def test_a_training_under_way_ends_with_the_node(tmp_path):
    settings = settings_for(tmp_path)
    fill(settings, days=20)
    trainer = Trainer(settings, SystemClock(), Shelf(), first_s=0.0)  # type: ignore[arg-type]
    trainer.start()
    becomes(trainer, "running")
    began = time.monotonic()
    trainer.stop()
    assert time.monotonic() - began < 20
    assert trainer.status()["state"] in {"waiting", "trained"}


def test_switched_off_it_does_nothing(tmp_path):
    trainer = Trainer(settings_for(tmp_path, enabled=False), SystemClock(), Shelf(), first_s=0.0)  # type: ignore[arg-type]
    trainer.start()
    trainer.stop()
    assert trainer.status()["state"] == "off"


@pytest.fixture
def kept_priority(monkeypatch):
    asked = []
    monkeypatch.setattr("os.nice", asked.append)
    return asked


def arguments(settings: Settings, out: Path) -> list[str]:
    store = str(settings.site_dir / "store.db")
    return ["--store", store, "--out", str(out), "--window-s", str(WINDOW_S), "--country", "CN", "--trees", "5"]


def test_the_process_says_how_much_is_missing(tmp_path, capsys, kept_priority):
    settings = settings_for(tmp_path)
    fill(settings, days=9)
    assert main(arguments(settings, tmp_path / "out")) == 3
    assert "9 days with 1296" in capsys.readouterr().out
    assert kept_priority == [19]
    assert not (tmp_path / "out").exists()


def test_the_process_says_why_it_cannot(tmp_path, capsys, kept_priority):
    assert main([*arguments(settings_for(tmp_path), tmp_path / "out"), "--timezone", "Moon/Far"]) == 1
    assert "Moon/Far" in capsys.readouterr().err
    assert main(arguments(settings_for(tmp_path), tmp_path / "out")) == 1
    assert "start the node first" in capsys.readouterr().err


def test_a_full_log_is_a_failure_that_is_tried_again(tmp_path, monkeypatch):
    settings = settings_for(tmp_path)
    trainer = Trainer(settings, SystemClock(), Shelf(fails=True))  # type: ignore[arg-type]
    made = tmp_path / "made"
    fill(settings, days=20)
    monkeypatch.setattr("os.nice", lambda _: 0)
    assert main([*arguments(settings, made), "--least-days", "4"]) == 0
    monkeypatch.setattr(trainer, "_command", lambda: ["cp", str(made), str(settings.site_dir / "model.pgb")])
    with pytest.raises(LogFullError):
        trainer._once()
    trainer._log.fails = False  # type: ignore[attr-defined]
    trainer._once()
    assert trainer.status()["state"] == "trained"
