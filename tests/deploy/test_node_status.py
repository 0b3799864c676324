"""A node's status: what cannot be written must not end the node."""

import logging

from deploy.node.status import NodeStatus
from deploy.settings.sections import Settings
from deploy.wiring import SiteSinks
from ingest.clock import SystemClock
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.store_sink import StoreSink
from stream.sinks.store.tables import StoreError


def test_a_store_that_is_locked_for_a_while_is_told_once_and_ends_nothing(tmp_path, monkeypatch, caplog):
    store = StoreSink(tmp_path / "store.db", "s")
    heard = []
    sinks = SiteSinks(store, None, [], [heard.append])  # type: ignore[arg-type] # not asked
    status = NodeStatus(Settings(), sinks, SystemClock(), None, None, None, None, None)  # type: ignore[arg-type] # same
    monkeypatch.setattr(status, "entries", lambda *, last: {"status": {"now_ms": 1, "last": last}})
    honest = store.put_meta

    def locked(key, value):
        raise StoreError(f"meta {key!r} could not be written: database is locked")

    with caplog.at_level(logging.WARNING):
        monkeypatch.setattr(store, "put_meta", locked)
        status.put()
        status.put()
        assert len(caplog.records) == 1
        assert "database is locked" in caplog.text
        monkeypatch.setattr(store, "put_meta", honest)
        status.put(last=True)
    assert heard == [{"now_ms": 1, "last": True}]
    assert StoreReader(tmp_path / "store.db").meta("status") == heard[0]
    status.close()
    store.close()
