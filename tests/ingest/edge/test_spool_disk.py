"""A disk that is full, broken or slow costs nothing while the agent lives."""

import errno
import os
import stat
import threading
from contextlib import closing

import pytest

from ingest.edge import spool as spool_module
from ingest.edge import spool_writer
from ingest.edge.spool import Spool
from ingest.observations import State
from tests.ingest.edge.spools import acknowledge, level, put, waiting
from tests.support import wait_for

# A disk that is full, broken or slow --------------------------------------------------------------------------------


class Disk:
    """Takes what it is told to, a part of the next write, and then nothing."""

    def __init__(self, monkeypatch):
        self.error = None
        self._write, self._sync = os.write, os.fsync
        monkeypatch.setattr(os, "write", self.write)
        monkeypatch.setattr(os, "fsync", self.fsync)
        monkeypatch.setattr(spool_writer, "Backoff", lambda _first, _longest: Quick())

    def write(self, file, data):
        if self.error is None or not stat.S_ISREG(os.fstat(file).st_mode):
            return self._write(file, data)
        if len(data) > 20:
            return self._write(file, data[:20])
        raise OSError(self.error, os.strerror(self.error))

    def fsync(self, file):
        if self.error is not None:
            raise OSError(self.error, os.strerror(self.error))
        self._sync(file)


class Quick:
    def next_s(self):
        return 0.01

    def reset(self):
        pass


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_while_the_disk_takes_nothing_the_queue_goes_on_in_memory(tmp_path, monkeypatch, caplog, error):
    disk = Disk(monkeypatch)
    path = tmp_path / "s.db"
    with closing(Spool(path)) as spool:
        put(spool, [level(0.0)])
        disk.error = error
        for n in range(1, 50):
            put(spool, [level(float(n))])
        assert [one.value for one in waiting(spool)] == [float(n) for n in range(50)]
        wait_for(lambda: os.strerror(error) in spool.trouble, "nothing was said")
        assert spool.stats().unwritten >= 49
        acknowledge(spool, range(10))
        disk.error = None
        wait_for(lambda: not spool.trouble, "it did not try again")
        put(spool, [level(50.0)])
        assert spool.stats().unwritten == 0
    assert f"the disk takes nothing: {os.strerror(error)}" in caplog.text
    assert "takes observations again" in caplog.text
    with closing(Spool(path)) as spool:
        assert [one.value for one in waiting(spool)] == [float(n) for n in range(10, 51)]
    assert not list(tmp_path.glob("*broken*"))


@pytest.mark.parametrize("other", [None, b"somebody else's"])
def test_a_file_that_somebody_took_away_is_written_again(tmp_path, monkeypatch, caplog, other):
    monkeypatch.setattr(spool_writer, "SYNC_S", 0.05)
    monkeypatch.setattr(spool_module, "SYNC_S", 0.05)
    monkeypatch.setattr(spool_writer, "Backoff", lambda _first, _longest: Quick())
    path = tmp_path / "deep" / "s.db"
    with closing(Spool(path)) as spool:
        put(spool, [level(1.0)])
        for entry in path.parent.iterdir():
            entry.unlink()
        if other is None:
            path.parent.rmdir()
        else:
            path.write_bytes(other)
        put(spool, [level(815.0)])
        wait_for(lambda: path.exists() and b"815" in path.read_bytes(), "it was not written again")
    with closing(Spool(path)) as spool:
        assert [one.value for one in waiting(spool)] == [1.0, 815.0]
    assert "the disk takes nothing" in caplog.text


def test_a_start_with_a_full_disk_sends_what_is_there_and_goes_on_in_memory(tmp_path, monkeypatch):
    path = tmp_path / "s.db"
    with closing(Spool(path)) as spool:
        put(spool, [level(0.0)])

    def refuse(*_args, **_options):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        with closing(Spool(path)) as spool:
            put(spool, [level(1.0)])
            assert [one.value for one in waiting(spool)] == [0.0, 1.0]
            assert spool.trouble == os.strerror(errno.EROFS)
            assert spool.stats().unwritten == 1, "the other is in the file"
    with closing(Spool(path)) as spool:
        assert [one.value for one in waiting(spool)] == [0.0]


def test_memory_is_bounded_and_what_is_dropped_is_counted_and_a_detectors_word_goes_last(tmp_path, monkeypatch, caplog):
    disk = Disk(monkeypatch)
    with closing(Spool(tmp_path / "s.db", memory_bytes=20_000)) as spool:
        disk.error = errno.ENOSPC
        put(spool, [State(ts=1, metric="smoke", value="alarm")])
        for n in range(1_000):
            put(spool, [level(float(n))])
        stats = spool.stats()
        assert stats.size <= 20_000
        assert stats.waiting + stats.dropped == 1_001
        found = waiting(spool)
        assert (found[0].metric, found[-1].value) == ("smoke", 999.0)
        assert "No space left on device" in caplog.text
        assert caplog.text.count("the disk takes nothing") == 1
    assert f"{stats.waiting} observations are lost: No space left on device" in caplog.text


def test_a_slow_disk_holds_nobody_up(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(spool_writer, "PATIENCE_S", 0.01)
    goes_on = threading.Event()
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: (goes_on.wait(), write(file, data))[1])
    path = tmp_path / "s.db"
    with closing(Spool(path)) as spool:
        spool.put([("d", level(1.0))])
        assert not spool.settle()
        put(spool, [level(2.0)])
        assert [one.value for one in waiting(spool)] == [1.0, 2.0]
        acknowledge(spool, [0])
        assert spool.stats().waiting == 1
        assert caplog.text.count("the disk is slow") == 1
        goes_on.set()
        wait_for(spool.settle, "it did not catch up")
    with closing(Spool(path)) as spool:
        assert [one.value for one in waiting(spool)] == [2.0]
