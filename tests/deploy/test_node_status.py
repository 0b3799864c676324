"""A node's status: in a place of its own, and nothing that fails keeps it from being written."""

import errno
import logging
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from deploy.node import status_file
from deploy.node.status import NodeStatus, SiteStatus
from deploy.node.status_file import StatusFile, read_status
from deploy.settings import with_values
from deploy.settings.sections import Settings
from deploy.wiring import SiteSinks
from ingest.clock import SystemClock
from ingest.gateway.quarantine import Quarantine
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.store_sink import StoreSink
from stream.sinks.store.tables import StoreError
from tests.ingest import damage
from tests.stream import make_results as make


def settings_in(folder: Path) -> Settings:
    return with_values(Settings(), data={"dir": folder}, site={"id": "s"})


def test_a_store_that_is_locked_for_a_while_is_told_once_and_ends_nothing(tmp_path, monkeypatch, caplog):
    settings = settings_in(tmp_path)
    settings.site_dir.mkdir()
    store = StoreSink(settings.site_dir / "store.db", "s")
    heard = []
    sinks = SiteSinks(store, None, [], [heard.append])  # type: ignore[arg-type] # not asked
    status = NodeStatus(settings, sinks, SystemClock(), None, None, None, {}, None)  # type: ignore[arg-type] # same
    monkeypatch.setattr(status, "entries", lambda *, last: {"status": {"now_ms": 1, "last": last, "failing": {}}})
    honest = store.put_metas

    def locked(entries):
        raise StoreError(f"meta {[*entries]} could not be written: database is locked")

    with caplog.at_level(logging.WARNING):
        monkeypatch.setattr(store, "put_metas", locked)
        status.put()
        status.put()
        assert len(caplog.records) == 1
        assert "database is locked" in caplog.text
        monkeypatch.setattr(store, "put_metas", honest)
        status.put(last=True)
    assert [told["last"] for told in heard] == [False, False, True]
    assert StoreReader(store.path).meta("status") == heard[-1] == read_status(settings.site_dir)
    status.close()
    store.close()


class OneStatus(SiteStatus):
    """Says only what every site says."""

    def entries(self, *, last):
        return {"status": {**self.common(1, 1, 0, recount=True), "failing": {}, "connected": not last}}


@pytest.mark.parametrize("way", ["junk", "zeroed", "text"])
def test_where_store_and_quarantine_fail_the_file_says_so_with_what_is_known(tmp_path, way):
    settings = settings_in(tmp_path)
    folder = settings.site_dir
    store, quarantine = StoreSink(folder / "store.db", "s"), Quarantine(folder / "quarantine.db")
    store.write([make.results(1, accepted=7, windows=[make.windows({"n": 7})])])
    status = OneStatus(settings, SiteSinks(store, quarantine, [], []))
    status.put()
    assert read_status(folder)["failing"] == {}
    status.close()
    store.close()
    quarantine.close()
    for name in ("store.db", "quarantine.db"):
        damage.WAYS[way](folder / name)
    with closing(Quarantine(folder / "elsewhere.db")) as elsewhere:
        elsewhere.path = folder / "quarantine.db"
        broken = SiteSinks(StoreSink(folder / "store.db", "s"), elsewhere, [], [])  # waits for a person: not `mends`
        status = OneStatus(settings, broken)
        status.put()
        told = read_status(folder)
        assert "store.db" in told["failing"]["store"]
        assert told["counters"]["received"] == 1
        status.close()
        broken.store.close()


def test_damage_that_a_reader_comes_upon_is_mended(tmp_path):
    settings = settings_in(tmp_path)
    folder = settings.site_dir
    store, quarantine = StoreSink(folder / "store.db", "s", mends=True), Quarantine(folder / "quarantine.db")
    store.write([make.results(1, alerts=[make.alert()], windows=[make.windows({"n": 7})])])
    status = OneStatus(settings, SiteSinks(store, quarantine, [], []))
    damage.without_root_of("alerts")(store.path)
    status.put()
    assert "malformed" in read_status(folder)["failing"]["store"]
    assert store.lacks(2), "what it had is made again from the log"
    status.put(last=True)
    assert [one["file"] for one in read_status(folder)["damaged"]] == ["store.db"]
    for part in (status, store, quarantine):
        part.close()


def test_on_a_full_disk_it_is_written_into_its_own_blocks_and_a_disk_that_says_no_is_told_in_the_log(
    tmp_path, monkeypatch, caplog
):
    file = StatusFile(tmp_path)
    file.put({"now_ms": 1, "failing": {}})

    def full(*_args: object, **_more: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(status_file, "replace_file", full)
    file.put({"now_ms": 2, "failing": {"log": "full"}})
    assert read_status(tmp_path) == {"now_ms": 2, "failing": {"log": "full"}}
    assert not file.trouble
    file.put({"now_ms": 3, "failing": {"log": "x" * 9_000}})
    assert "No space" in file.trouble
    assert "'log'" in caplog.text
    assert read_status(tmp_path)["now_ms"] == 2


def test_what_is_no_status_is_none(tmp_path):
    assert read_status(tmp_path) == {}
    for content in (b"", b"{", b"[]", b"\0" * 100):
        (tmp_path / "status.json").write_bytes(content)
        assert read_status(tmp_path) == {}


def test_a_store_that_somebody_locks_does_not_hold_up_the_status(tmp_path):
    settings = settings_in(tmp_path)
    store = StoreSink(settings.site_dir / "store.db", "s", mends=True)
    store.write([make.results(1)])
    with (
        closing(sqlite3.connect(store.path, isolation_level=None)) as other,
        closing(Quarantine(settings.site_dir / "quarantine.db")) as quarantine,
    ):
        other.execute("BEGIN IMMEDIATE")
        status = OneStatus(settings, SiteSinks(store, quarantine, [], []))
        status.put()
        assert read_status(settings.site_dir)["wall_ms"] > 0
        with pytest.raises(StoreError, match="locked"):
            store.put_meta("x", 1)
        other.execute("ROLLBACK")
        store.put_meta("x", 1)
        status.close()
    store.close()


def test_an_idle_node_writes_its_status_now_and_then_and_at_once_where_something_changes(tmp_path, monkeypatch):
    settings, now = settings_in(tmp_path), [100.0]
    settings.site_dir.mkdir()
    store = StoreSink(settings.site_dir / "store.db", "s")
    sinks = SiteSinks(store, None, [], [])  # type: ignore[arg-type] # not asked
    status = NodeStatus(settings, sinks, SystemClock(), None, None, None, {}, None)  # type: ignore[arg-type] # same
    told = {"connected": True, "failing": {}}
    monkeypatch.setattr(status, "entries", lambda *, last: {"status": dict(told)})
    monkeypatch.setattr("deploy.node.status.time.monotonic", lambda: now[0])
    written = []
    for second in range(12):
        told |= {"wall_ms": second, "counters": {"received": second}, "connected": second < 7}
        told["failing"] = {} if second < 9 else {"log": f"full: {second}"}  # one change, whatever the numbers in it
        now[0] += 1.0
        status.put()
        written.append(StoreReader(store.path).meta("status")["wall_ms"])
        assert read_status(settings.site_dir)["wall_ms"] == written[-1]
    assert written == [0, 0, 0, 0, 0, 5, 5, 7, 7, 9, 9, 9]
    status.put(last=True)
    assert StoreReader(store.path).meta("status")["wall_ms"] == 11
    status.close()
    store.close()
