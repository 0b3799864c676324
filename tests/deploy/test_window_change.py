"""Another window_s: the log is worked off in the old windows first, and the store knows since when it has the new."""

from __future__ import annotations

import logging
from contextlib import closing

import pytest

from deploy.node.window_change import finish_windows, note_window_length, saved_window_s
from deploy.wiring import SiteSinks
from ingest.gateway.quarantine import Quarantine
from ingest.log import HistorySeries
from ingest.log.sqlite_log import SqliteLog
from ingest.vocabulary import Kind
from stream.engines.embedded import EmbeddedEngine
from stream.engines.snapshot_files import SnapshotFiles
from stream.pipeline.pipeline import Pipeline
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.store_sink import StoreSink
from stream.training import stored_windows
from tests.configs import pipeline_with
from tests.stream.build import MINUTE, NOON, Writer, forget, places
from tests.stream.test_embedded_engine import drain, unplaced

PLACES = places({"cam-1": "camera"})


class Site:
    """What a node works with, its engine ended whenever it has worked the log off."""

    def __init__(self, folder) -> None:
        self.folder, self.writer = folder, Writer()
        self.log = SqliteLog(folder / "log.db", min_free_bytes=0)
        self.store, quarantine = StoreSink(folder / "store.db", "test"), Quarantine(folder / "quarantine.db")
        self.sinks = SiteSinks(self.store, quarantine, [self.store], [])
        self.reader = StoreReader(folder / "store.db")

    def counted(self, start: int, minutes: int) -> None:
        for minute in range(start, start + minutes):
            now = NOON + minute * MINUTE
            self.log.append([unplaced(self.writer.count("cam-1", now, 3).record(now + 1000))])

    def run(self, window_s: int) -> None:
        config = pipeline_with(country="", window_s=window_s)
        changed = finish_windows(config, PLACES, self.log, self.sinks, self.folder)
        note_window_length(self.sinks, window_s, changed)
        drain(
            EmbeddedEngine(
                self.log, lambda: Pipeline(config, PLACES), [self.store], self.folder / "state", quarantine=forget
            )
        )

    def close(self) -> None:
        self.reader.close()
        self.sinks.quarantine.close()
        self.store.close()
        self.log.close()


@pytest.mark.parametrize(("before", "after"), [(300, 60), (300, 900)])
def test_nothing_is_lost_where_the_node_was_killed_before_the_change(tmp_path, caplog, before, after):
    with closing(Site(tmp_path)) as site:
        site.counted(0, 13)
        site.run(before)
        site.counted(13, 11)  # in the log, and nobody has worked on it yet
        assert saved_window_s(tmp_path / "state") == before
        with caplog.at_level(logging.WARNING):
            site.run(after)
        assert f"window_s changes from {before} to {after}" in caplog.text
        assert saved_window_s(tmp_path / "state") == after
        site.counted(24, 40)
        site.run(after)
        assert site.reader.totals()["by_device"]["cam-1"]["in"] == 64 * 3
        # What belongs to a window that the old ones had begun is stored as an addition: up to the next border of both.
        late = {60: 2, 900: 7}[after]
        assert site.reader.counters() == {"accepted": 64, "duplicates": 0, "late": late}
        lengths = site.reader.window_lengths()
        assert [length for _, length, _ in lengths] == [before, after]
        assert lengths[0][0] == 0
        assert lengths[1][0] == NOON + 23 * MINUTE + 1000


def test_what_is_learned_from_the_store_knows_how_long_its_windows_were(tmp_path):
    with closing(Site(tmp_path)) as site:
        site.counted(0, 30)
        site.run(300)
        site.run(60)
        site.counted(30, 60)
        site.run(60)
        (number,) = (row["id"] for row in site.reader.series())
        name = HistorySeries("b1", "cam-1", Kind.COUNT, "person")
        found = list(stored_windows(site.reader, 60_000, NOON - 10 * MINUTE, NOON + 90 * MINUTE, {number: name}))
        # three a minute, whether the window had one minute or five
        values = [value for portion in found for value in portion.value.tolist()]
        assert len(values) > 40
        assert values == pytest.approx([3.0] * len(values))


def test_without_a_state_that_can_be_read_nothing_is_to_be_finished(tmp_path):
    assert saved_window_s(tmp_path / "state") is None
    files = SnapshotFiles(tmp_path / "state")
    files.save(5, b"no snapshot")
    assert saved_window_s(tmp_path / "state") is None
    with closing(Site(tmp_path)) as site:
        assert finish_windows(pipeline_with(window_s=60), PLACES, site.log, site.sinks, tmp_path) is None
        note_window_length(site.sinks, 60, None)
        note_window_length(site.sinks, 60, None)
        assert site.reader.window_lengths() == [(0, 60, 0)]
