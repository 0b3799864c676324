"""From observations to an unusual mix: pipeline, store, training, the log, and the pipeline again."""

import numpy as np

from deploy.node.forest_process import read_history
from ingest.log.records import RecordKind
from models.calendar import Calendar
from models.context import forest_training as context_training
from stream.pipeline.pipeline import Pipeline
from stream.sinks.store.store_sink import StoreSink
from tests.configs import pipeline_with
from tests.stream.build import Writer, places, text_of

WINDOW_S = 1800
A_DAY = 48
T0 = 1_795_363_200_000
"""Midnight in Shanghai."""
CAMERAS = [f"cam-{number}" for number in range(6)]


def record(writer: Writer, rng: np.random.Generator, step: int, shift: tuple[float, float, float] = (0, 0, 0)):
    """Half an hour of six cameras and a noise sensor; `shift` moves each of them, in standard deviations."""
    end = T0 + (step + 1) * WINDOW_S * 1000
    busy = 1.0 + 0.7 * np.sin(2 * np.pi * step / A_DAY)
    for camera in CAMERAS:
        for of, mean, part in (("person", 90 * busy, shift[0]), ("vehicle", 40 * busy, shift[1])):
            seen = round(float(rng.poisson(mean) + part * np.sqrt(mean)))
            writer.count(camera, end - 1000, max(seen, 0), interval=WINDOW_S - 2.0, of=of)
    writer.level("noise-1", end - 2000, 55.0 + 0.5 * (rng.standard_normal() + shift[2]))
    return writer.record(received=end - 500)


def test_what_no_device_tells_is_told_of_the_beat(tmp_path, monkeypatch):
    monkeypatch.setattr(context_training, "LEAST_ROWS", 400)
    config = pipeline_with(site="s", window_s=WINDOW_S, hotspot_every_s=1e9, emit_open_s=1e9)
    writer, rng = Writer(), np.random.default_rng(3)
    pipeline = Pipeline(config, places(dict.fromkeys(CAMERAS, "camera") | {"noise-1": "noise"}))
    store = StoreSink(tmp_path / "store.db", "s")
    days = 20
    results = [pipeline.process(record(writer, rng, step)) for step in range(days * A_DAY)]
    store.write(results)
    assert not [one for result in results for one in result.anomalies if one.kind == "context"]
    history = read_history(store.path, days=40, window_s=WINDOW_S)
    store.close()
    assert history.beats == ("b1",)
    forest = context_training.train(history, Calendar("Asia/Shanghai", "CN"), WINDOW_S, trees=40)
    taken = pipeline.process(writer._next(RecordKind.MODEL, forest.pack(), writer.newest))
    assert not taken.refusals
    after = []
    for step in range(days * A_DAY, days * A_DAY + 12):
        shift = (-2.0, 2.0, 0.0) if step == days * A_DAY + 5 else (0.0, 0.0, 0.0)
        after.append(pipeline.process(record(writer, rng, step, shift)))
    alarmed = [one for result in after for one in result.anomalies]
    assert {one.kind for one in alarmed} == {"context"}, [text_of(one)["en"] for one in alarmed]
    assert alarmed[0].device == alarmed[0].beat == "b1"
    assert alarmed[0].ts == T0 + (days * A_DAY + 5) * WINDOW_S * 1000
    assert text_of(alarmed[0])["en"].startswith("Few people") or text_of(alarmed[0])["en"].startswith("Many vehicles")
    alerts = [alert for result in after for alert in result.alerts if alert.kind == "context"]
    assert alerts[0].state == "raised"
    assert alerts[-1].state == "cleared"
