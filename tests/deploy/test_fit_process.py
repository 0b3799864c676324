"""The forecast is fitted to a site's own incidents beside the node, and the fit goes through the log."""

import json

import numpy as np

from deploy.node import fit_process
from deploy.node.trainer import TOO_LITTLE, fit_job
from deploy.settings import with_values
from deploy.settings.sections import Settings
from ingest.log import Record, RecordKind
from ingest.vocabulary import Reason
from models.hotspots.mixing import Fit
from stream.pipeline.pipeline import Pipeline
from stream.sinks.store.store_sink import StoreSink
from tests.configs import pipeline_with
from tests.stream.build import MINUTE, NOON, Writer, places
from tests.stream.make_results import incident, results

SQUARE = [[121.47, 31.23], [121.48, 31.23], [121.48, 31.24], [121.47, 31.24], [121.47, 31.23]]
PLACES = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "properties": {"kind": "beat", "id": "b1"},
            "geometry": {"type": "Polygon", "coordinates": [SQUARE]},
        }
    ],
}


def fitted(folder, many):
    """Fit to so many incidents of a year; return the exit code and the job."""
    settings = with_values(Settings(), data={"dir": folder}, site={"id": "s"})
    settings.site_dir.mkdir(parents=True, exist_ok=True)
    settings.places_file.write_text(json.dumps(PLACES), encoding="utf-8")
    draw = np.random.default_rng(1)
    found = [
        incident(f"i{number}", NOON - number * 4 * 3_600_000, lon=121.472 + 0.004 * draw.random(), lat=31.235)
        for number in range(many)
    ]
    store = StoreSink(settings.site_dir / "store.db", "s")
    store.write([results(1, now_ms=NOON, incidents=found)])
    store.close()
    job = fit_job(settings)
    options = [*job.command[2:], "--out", str(settings.site_dir / job.file), "--nice", "0"]
    return fit_process.main(options), job, settings.site_dir / job.file


def test_a_fit_is_made_and_taken_by_the_pipeline(tmp_path):
    code, job, file = fitted(tmp_path, 150)
    assert code == 0
    payload = file.read_bytes()
    assert job.check(payload) == {"events": 149}  # the newest is of now
    pipeline = Pipeline(pipeline_with(site="test", country=""), places())
    out = pipeline.process(Record(job.kind, NOON, payload, position=1))
    assert out.refusals == []
    again = Pipeline(pipeline_with(site="test", country=""), places())
    again.restore(pipeline.snapshot())
    share = Fit.decode(payload).share
    assert np.allclose(again.site.hotspots.grid._share, share)


def test_too_little_history_is_told_and_a_fit_that_is_none_is_refused(tmp_path, capsys):
    assert fitted(tmp_path, 20)[0] == TOO_LITTLE
    assert "20 incidents, expected 100" in capsys.readouterr().err
    pipeline, writer = Pipeline(pipeline_with(site="test", country=""), places()), Writer()
    pipeline.process(writer.tick(NOON))
    (refusal,) = pipeline.process(writer._next(RecordKind.FIT, b"\xc1", NOON + MINUTE)).refusals
    assert refusal.reason is Reason.MODEL
