"""The demo's staffing sheet: what its station had to do is made up, and depends on the seed alone."""

import json

from console.demo.past_load import write_staffing
from deploy.settings import Settings
from ingest.places import Beat, Places
from stream.patrol.staffing_sheet import SHEET
from tests.stream.make_results import T0


def test_a_beat_asks_for_more_the_more_residents_it_has(tmp_path):
    ring = ((121.0, 31.0), (121.1, 31.0), (121.1, 31.1), (121.0, 31.0))
    places = Places({name: Beat(name, {"en": name}, ring, residents=n) for name, n in (("a", 500), ("b", 3000))}, {})
    write_staffing(Settings(), places, tmp_path, T0, 7)
    sheet = json.loads((tmp_path / SHEET).read_bytes())
    one, other = (sum(beat["asked"]) for beat in sheet["beats"])
    assert other > 3 * one > 0
    assert sheet["begin_ms"] <= T0 < sheet["begin_ms"] + 7 * 86_400_000
    assert sheet["shifts"]
    assert 0.9 < sheet["served"] <= 1
