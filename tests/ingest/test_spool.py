"""What append() returned for is there: through restarts, kills, damage, full disks, acknowledgements in any order."""

import errno
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ingest.edge import spool as spool_module
from ingest.edge import spool_writer
from ingest.edge.spool import Spool
from ingest.edge.spool_file import SpoolError, lines, read_lines
from ingest.observations import Count, Level, Observation, State
from tests.support import examples, wait_for

BIG = 1 << 30


def put(spool, observations, memory=None):
    numbers = spool.put([("d", one) for one in observations], memory)
    spool.settle()
    return numbers


def level(value, ts=1):
    return Level(ts=ts, metric="noise", value=value, unit="dB")


def reader(spool):
    return spool._writer.readers.get("d") or spool.reader("d")


def look(spool):
    """What waits, as (place, JSON), without a trace."""
    view, found = reader(spool), {}
    while batch := spool.take(view, limit=100_000, max_bytes=BIG):
        found |= dict(zip(batch.places, batch.payloads, strict=True))
    for segment, position in view._rows(sorted(found)):
        segment.state[position] = 0
    view._at = [0, 0, 0, 0]
    return sorted(found.items())


def waiting(spool):
    return [msgspec.json.decode(payload, type=Observation) for _, payload in look(spool)]


def places(spool):
    return [place for place, _ in look(spool)]


def acknowledge(spool, places):
    spool.acknowledge(reader(spool), list(places))


def rewind(spool):
    return spool.rewind(reader(spool))


def content(folder):
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix != ".lock")


def test_every_start_numbers_under_a_new_boot_id_and_what_waits_keeps_its_own(tmp_path):
    path = tmp_path / "deep" / "spool.db"
    with closing(Spool(path, hold_s=0)) as spool:
        first = spool.boot
        assert put(spool, [level(1.0), level(2.0)]) == [0, 1]
        acknowledge(spool, [0])
    with closing(Spool(path, hold_s=0)) as spool:
        assert spool.boot != first
        assert put(spool, [level(3.0)]) == [0]
        assert [(one.value, one.seq, one.boot) for one in waiting(spool)] == [(2.0, 1, first), (3.0, 0, spool.boot)]


def test_a_card_that_forgets_its_last_writes_gives_no_number_twice(tmp_path):
    """An overlay, a card that lies about syncs, a cloned card: the files are again what they were."""
    path, given_numbers = tmp_path / "spool.db", set()
    with closing(Spool(path)) as spool:
        put(spool, [level(0.0)])
        boot = spool.boot
    image = path.read_bytes()
    for _ in range(3):
        path.write_bytes(image)
        with closing(Spool(path)) as spool:
            new = {(spool.boot, number) for number in put(spool, [level(1.0), level(2.0)])}
            assert [(one.boot, one.seq) for one in waiting(spool)][:1] == [(boot, 0)]
        assert not new & given_numbers
        given_numbers |= new


def test_a_batch_is_bounded_in_rows_and_bytes_but_never_empty(tmp_path):
    with closing(Spool(tmp_path / "s.db")) as spool:
        put(spool, [level(float(n)) for n in range(20)])
        size = len(look(spool)[0][1])
        for limit, most, count in ((5, BIG, 5), (20, size * 3 + 20, 3), (20, 1, 1), (2, BIG, 2)):
            batch = spool.take(reader(spool), limit=limit, max_bytes=most)
            assert batch is not None
            assert len(batch.payloads) == count
            last = list(batch.places)
        assert last == [9, 10]


def test_one_bad_observation_and_none_is_taken(tmp_path):
    with closing(Spool(tmp_path / "s.db")) as spool:
        with pytest.raises(ValueError, match="observation 1 of 2"):
            put(spool, [level(1.0), State(ts=1, metric="<b>", value="x")])
        with pytest.raises(ValueError, match="interval_s"):
            put(spool, [Count(ts=1, interval_s=-1)])
        assert waiting(spool) == []
        assert put(spool, [level(1.0)]) == [0]
        assert put(spool, []) == []


def test_when_full_the_oldest_go_and_are_counted(tmp_path, caplog):
    with closing(Spool(tmp_path / "s.db", max_bytes=20_000)) as spool:
        for n in range(1_000):
            put(spool, [level(float(n))])
        stats = spool.stats()
        assert stats.size <= 20_000
        assert stats.dropped + stats.waiting == 1_000
        assert 500 < stats.dropped < 900
        kept = [one.seq for one in waiting(spool)]
        assert kept == list(range(stats.dropped, 1_000))
    assert "dropped" in caplog.text
    with closing(Spool(tmp_path / "s.db", max_bytes=20_000)) as spool:
        assert [one.seq for one in waiting(spool)] == kept
    assert len(content(tmp_path)) <= 20_000


def test_what_was_acknowledged_and_pushed_out_is_not_called_dropped(tmp_path):
    with closing(Spool(tmp_path / "s.db", max_bytes=20_000, hold_s=3_600)) as spool:
        for n in range(500):
            put(spool, [level(float(n))])
            acknowledge(spool, places(spool))
        assert (spool.stats().dropped, spool.stats().waiting) == (0, 0)


def test_held_ones_wait_again_after_a_rewind_until_their_time_is_over(tmp_path, monkeypatch):
    with closing(Spool(tmp_path / "s.db", hold_s=60)) as spool:
        put(spool, [level(1.0), level(2.0), level(3.0)])
        acknowledge(spool, [1, 0, 7])
        assert places(spool) == [2]
        assert rewind(spool) == 2
        assert places(spool) == [0, 1, 2]
        acknowledge(spool, [0, 1])
        later = time.monotonic() + 61
        monkeypatch.setattr("ingest.edge.spool.time.monotonic", lambda: later)
        assert rewind(spool) == 0
        assert places(spool) == [2]
        assert spool.stats().held == 0


def test_a_second_agent_is_refused(tmp_path):
    program = f"from pathlib import Path; from ingest.edge.spool import Spool; Spool(Path({str(tmp_path / 's.db')!r}))"
    with closing(Spool(tmp_path / "s.db")):
        found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert found.returncode != 0
    assert "in use by another process" in found.stderr


@pytest.mark.parametrize("path", ["/proc/nothing/s.db", "/dev/null/s.db", "/proc"])
def test_a_path_that_cannot_be_used_is_named(path):
    with pytest.raises(SpoolError, match=path):
        Spool(Path(path))


def test_threads_get_numbers_of_their_own(tmp_path):
    with closing(Spool(tmp_path / "s.db")) as spool:
        numbers = []

        def work():
            for _ in range(50):
                numbers.extend(put(spool, [level(1.0), level(2.0)]))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(numbers) == list(range(400)) == [one.seq for one in waiting(spool)]


def test_nobody_else_may_read_what_it_writes(tmp_path):
    path = tmp_path / "own" / "s.db"
    before = os.umask(0)
    try:
        path.parent.mkdir(mode=0o700)
        path.touch(mode=0o644)  # as a version before this one left it
        with closing(Spool(path, max_bytes=8_000)) as spool:
            for n in range(30):
                put(spool, [level(float(n))])
            modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert len(modes) > 2
    assert set(modes.values()) == {0o600}
    Spool(tmp_path / "made" / "s.db").close()
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == 0o700


# Acknowledged data is gone ------------------------------------------------------------------------------------------


def test_what_is_acknowledged_is_gone_from_the_file_while_the_agent_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(spool_writer, "_TIDY_S", 0.02)
    with closing(Spool(tmp_path / "s.db", hold_s=0.05)) as spool:
        for n in range(40):
            put(spool, [Count(ts=1, interval_s=1, in_=4_711)])
            acknowledge(spool, [n])
        wait_for(lambda: b'"in":4711' not in content(tmp_path), "it stands in a file")
        put(spool, [Count(ts=1, interval_s=1, in_=815)])
        put(spool, [Count(ts=1, interval_s=1, in_=4_712)])
        acknowledge(spool, [41])
        wait_for(lambda: b'"in":4712' not in content(tmp_path), "it stands in a file")
        assert b'"in":815' in content(tmp_path)


def test_what_is_acknowledged_is_gone_from_all_files_when_the_agent_ends(tmp_path):
    path = tmp_path / "s.db"
    with closing(Spool(path, max_bytes=16_000, hold_s=3_600)) as spool:
        for n in range(100):
            put(spool, [Count(ts=1, interval_s=1, in_=4_711 if n % 2 else 815)])
        places(spool)
        acknowledge(spool, range(1, 100, 2))
        assert b'"in":4711' in content(tmp_path)
    assert b'"in":4711' not in content(tmp_path)
    with closing(Spool(path)) as spool:
        assert [one.in_ for one in waiting(spool)] == [815] * 50
        acknowledge(spool, places(spool))
    assert content(tmp_path) == b""


# Power cuts and damage ----------------------------------------------------------------------------------------------


def last_of(content):
    return msgspec.json.decode(content.splitlines()[-1].split(b"\t")[1])


class Card:
    """Notes what a power cut would leave of a file: its content at the last sync."""

    def __init__(self, monkeypatch):
        self.synced, self.syncs = b"", 0
        self._sync = os.fsync
        monkeypatch.setattr(os, "fsync", self.fsync)

    def fsync(self, file):
        self._sync(file)
        if stat.S_ISREG(os.fstat(file).st_mode):
            self.synced = Path(f"/proc/self/fd/{file}").read_bytes()
            self.syncs += 1


def test_a_hazard_is_on_the_disk_when_observe_returns(tmp_path, monkeypatch):
    card = Card(monkeypatch)
    with closing(Spool(tmp_path / "s.db")) as spool:
        put(spool, [level(1.0)])
        assert card.syncs == 0
        for news in (
            State(ts=1, metric="smoke", value="ok"),
            State(ts=2, metric="smoke", value="alarm"),
            Level(ts=3, metric="smoke", value=4.0),
        ):
            put(spool, [news])
            assert last_of(card.synced)["ts"] == news.ts
        syncs = card.syncs
        put(spool, [State(ts=2, metric="smoke", value="alarm"), Level(ts=3, metric="smoke", value=5.0)])
        assert card.syncs == syncs, "no news, and a card has only so many writes"


def test_a_word_that_flaps_does_not_wear_out_the_card_and_delays_no_other(tmp_path, monkeypatch):
    card = Card(monkeypatch)
    with closing(Spool(tmp_path / "s.db")) as spool:
        for n in range(200):
            put(spool, [State(ts=n, metric="door", value="open" if n % 2 else "closed")])
        assert 20 <= card.syncs < 40
        put(spool, [State(ts=200, metric="smoke", value="alarm")])
        assert last_of(card.synced)["ts"] == 200
        for n in range(300):  # made-up names have a share together
            put(spool, [State(ts=n, metric=f"m{n}", value="on")])
        assert card.syncs < 140


def test_what_waits_is_synced_within_seconds_and_what_is_acknowledged_costs_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(spool_writer, "SYNC_S", 0.2)
    monkeypatch.setattr(spool_module, "SYNC_S", 0.2)
    card = Card(monkeypatch)
    with closing(Spool(tmp_path / "s.db", hold_s=0.0)) as spool:
        for n in range(20):
            put(spool, [level(float(n))])
            acknowledge(spool, [n])
        put(spool, [level(815.0)])
        wait_for(lambda: b"815" in card.synced, "it was not synced")
        assert card.syncs == 1


PAYLOADS = st.lists(st.integers(0, 10**9).map(lambda n: b'{"n":%d}' % n), min_size=1, max_size=30)


@settings(max_examples=examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(payloads=PAYLOADS, data=st.data())
def test_a_file_that_was_cut_anywhere_has_all_before_the_cut(tmp_path, payloads, data):
    whole = lines(payloads)
    cut = data.draw(st.integers(0, len(whole)))
    path = tmp_path / "s.db"
    path.write_bytes(whole[:cut] + bytes(data.draw(st.sampled_from([0, 1, 4_096]))))
    assert [one for _, one in read_lines(path)] == payloads[: whole[:cut].count(b"\n")]


@settings(max_examples=examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(payloads=PAYLOADS, data=st.data())
def test_damage_costs_the_lines_that_it_touches_and_no_other(tmp_path, payloads, data):
    whole = lines(payloads)
    start = data.draw(st.integers(0, len(whole) - 1))
    end = data.draw(st.integers(start + 1, len(whole)))
    noise = data.draw(st.one_of(st.just(bytes(end - start)), st.binary(max_size=40)))
    path = tmp_path / "s.db"
    path.write_bytes(whole[:start] + noise + whole[end:])
    found = [one for _, one in read_lines(path)]
    before, behind = whole[:start].count(b"\n"), max(whole[end:].count(b"\n") - 1, 0)
    assert found[:before] == payloads[:before]
    assert found[len(found) - behind :] == payloads[len(payloads) - behind :]
    for entry in tmp_path.iterdir():
        entry.unlink()


def test_a_damaged_file_is_kept_aside_and_its_good_lines_are_sent(tmp_path, caplog):
    path = tmp_path / "s.db"
    with closing(Spool(path)) as spool:
        put(spool, [level(float(n)) for n in range(100)])
    whole = path.read_bytes()
    path.write_bytes(bytes(4_096) + whole[4_096:])
    with closing(Spool(path)) as spool:
        found = [one.value for one in waiting(spool)]
        assert found == [float(n) for n in range(100 - len(found), 100)]
        assert 50 < len(found) < 100
        [aside] = tmp_path.glob("s.db.broken-*")
        assert aside.read_bytes() == bytes(4_096) + whole[4_096:]
        assert "damaged" in caplog.text
    caplog.clear()
    with closing(Spool(path)) as spool:
        assert [one.value for one in waiting(spool)] == found
    assert caplog.text == ""


@pytest.mark.parametrize("bytes_", [b"\0" * 5_000, b"this is no spool, whatever it was" * 200, b"\n" * 100])
def test_a_file_that_is_no_spool_is_kept_aside(tmp_path, bytes_, caplog):
    path = tmp_path / "s.db"
    path.write_bytes(bytes_)
    with closing(Spool(path)) as spool:
        assert waiting(spool) == []
        assert put(spool, [level(1.0)]) == [0]
    assert [entry.read_bytes() for entry in tmp_path.glob("s.db.broken-*")] == [bytes_]
    assert "damaged" in caplog.text


def test_what_a_disk_cannot_read_is_passed_over(tmp_path, monkeypatch):
    path = tmp_path / "s.db"
    with closing(Spool(path)) as spool:
        put(spool, [level(float(n)) for n in range(200)])
    read = os.pread

    def pread(file, size, start):
        if start == 4_096:
            raise OSError(errno.EIO, "Input/output error")
        return read(file, size, start)

    def read_bytes(_path):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "pread", pread)
    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    with closing(Spool(path)) as spool:
        found = {one.value for one in waiting(spool)}
    assert {0.0, 199.0} < found
    assert 100 < len(found) < 200


def test_a_dying_card_does_not_fill_up_with_copies(tmp_path):
    path = tmp_path / "s.db"
    for n in range(12):
        path.write_bytes(path.read_bytes() + b"noise\n" if path.exists() else b"noise\n")
        with closing(Spool(path)) as spool:
            put(spool, [level(float(n))])
            assert [one.value for one in waiting(spool)] == [float(k) for k in range(n + 1)]
    assert len(list(tmp_path.glob("*.broken-*"))) == 5


# A long queue has several files -------------------------------------------------------------------------------------


def test_a_long_queue_is_sent_in_order_from_all_its_files(tmp_path):
    path = tmp_path / "s.db"
    with closing(Spool(path, max_bytes=80_000)) as spool:
        for n in range(300):
            put(spool, [level(float(n))])
    assert len(list(tmp_path.glob("s.db.0*"))) >= 3
    with closing(Spool(path, max_bytes=80_000, hold_s=0)) as spool:
        for n in range(300, 600):
            put(spool, [level(float(n))])
        sent, last = [], 0
        while batch := spool.take(reader(spool), limit=7, max_bytes=BIG):
            last = batch.places[-1]
            sent += [msgspec.json.decode(payload)["value"] for payload in batch.payloads]
            if len(sent) % 3:
                acknowledge(spool, batch.places)
        assert sent == [float(n) for n in range(600)]
        acknowledge(spool, range(last + 1))
        assert spool.stats().waiting == 0
    assert content(tmp_path) == b""
    assert [entry.name for entry in sorted(tmp_path.iterdir())] == ["s.db", "s.db.lock"]


def test_a_file_that_vanished_costs_its_own_observations(tmp_path, caplog):
    path = tmp_path / "s.db"
    with closing(Spool(path, max_bytes=80_000)) as spool:
        for n in range(300):
            put(spool, [level(float(n))])
    with closing(Spool(path, max_bytes=80_000)) as spool:
        sorted(tmp_path.glob("s.db.0*"))[1].unlink()
        found = [one.value for one in waiting(spool)]
        assert 100 < len(found) < 300
        assert (found[0], found[-1], spool.stats().waiting) == (0.0, 299.0, len(found))
    assert "cannot be read" in caplog.text


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


# Spools of version 0.2 ----------------------------------------------------------------------------------------------


def old_spool(path, rows=400):
    with closing(sqlite3.connect(path)) as db:
        db.execute(
            "CREATE TABLE spool (seq INTEGER PRIMARY KEY AUTOINCREMENT, payload BLOB NOT NULL, acked_ms INTEGER)"
        )
        db.executemany(
            "INSERT INTO spool (seq, payload) VALUES (?, ?)",
            [
                (n, msgspec.json.encode(Level(ts=n, metric="noise", value=float(n), seq=n, boot="old")))
                for n in range(rows)
            ],
        )
        db.commit()


def test_what_waits_in_an_old_spool_goes_first_under_its_numbers(tmp_path):
    path = tmp_path / "s.db"
    old_spool(path)
    with closing(Spool(path, owner="d", max_bytes=100_000)) as spool:
        put(spool, [level(1.0)])
        found = waiting(spool)
        assert [(one.boot, one.seq) for one in found] == [*(("old", n) for n in range(400)), (spool.boot, 0)]
    assert b"SQLite" not in content(tmp_path)
    with closing(Spool(path, owner="d", max_bytes=100_000)) as spool:
        assert waiting(spool) == found


@pytest.mark.parametrize("damage", [slice(0, 4_096), slice(8_192, 12_288), slice(0, 100)])
def test_what_can_be_read_of_a_damaged_old_spool_is_saved(tmp_path, damage):
    path = tmp_path / "s.db"
    old_spool(path)
    whole = bytearray(path.read_bytes())
    whole[damage] = bytes(damage.stop - damage.start)
    path.write_bytes(whole)
    with closing(Spool(path, owner="d")) as spool:
        found = {(one.boot, one.seq) for one in waiting(spool)}
    assert len(found) > 300
    assert found <= {("old", n) for n in range(400)}


@pytest.mark.parametrize("row", [None, 7, b"", b"[" * 5_000, b"\xff", "{}"])
def test_a_row_of_an_old_spool_that_is_none_stops_nothing(tmp_path, row):
    path = tmp_path / "s.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE spool (seq INTEGER PRIMARY KEY, payload, acked_ms INTEGER)")
        good = msgspec.json.encode(Level(ts=1, metric="noise", value=1.0, seq=1, boot="old"))
        db.executemany("INSERT INTO spool (payload) VALUES (?)", [(row,), (good,)])
        db.commit()
    with closing(Spool(path, owner="d")) as spool:
        assert [one.seq for one in waiting(spool)] == [1]


def test_an_old_spool_that_an_old_agent_uses_is_left_alone(tmp_path):
    path = tmp_path / "s.db"
    old_spool(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        with pytest.raises(SpoolError, match="in use"):
            Spool(path)


# Kills and histories ------------------------------------------------------------------------------------------------

KILLED = """
import sys
from pathlib import Path
from ingest.observations import Level
from ingest.edge.spool import Spool
spool = Spool(Path(sys.argv[1]))
n = 0
while True:
    numbers = spool.put([("d", Level(ts=n, metric="noise", value=float(n))) for n in range(n, n + 3)])
    spool.settle()
    n += 3
    print(numbers[-1], flush=True)
"""


def test_what_was_returned_survives_sigkill(tmp_path):
    path, rounds = tmp_path / "s.db", []
    for round_ in range(5):
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for _ in range(20 + round_ * 13):
            told = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        process.wait()
        told = max([told, *map(int, process.stdout.read().splitlines())])
        process.stdout.close()
        rounds.append(told)
    with closing(Spool(path)) as spool:
        found = waiting(spool)
    boots = list(dict.fromkeys(one.boot for one in found))
    assert len(boots) == 5
    for boot, told in zip(boots, rounds, strict=True):
        numbers = [one.seq for one in found if one.boot == boot]
        assert numbers == list(range(len(numbers)))  # nothing missing, nothing twice
        assert numbers[-1] >= told


@settings(max_examples=examples(25), stateful_step_count=25, suppress_health_check=[HealthCheck.too_slow])
class SpoolMachine(RuleBasedStateMachine):
    """A spool with many small files against a plain model: what waits, and what is held, by a number of our own."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "s.db"
        self.spool = self.open()
        self.next, self.offset = 0, 0
        self.waiting_now, self.held = [], []

    def open(self):
        return Spool(self.path, hold_s=3_600, max_bytes=1 << 30, file_bytes=500)

    def found(self):
        return {msgspec.json.decode(payload)["ts"]: place for place, payload in look(self.spool)}

    @rule(n=st.integers(1, 5))
    def append(self, n):
        put(self.spool, [level(0.0, ts=self.next + k) for k in range(n)])
        self.waiting_now += range(self.next, self.next + n)
        self.next += n

    @precondition(lambda self: self.waiting_now)
    @rule(data=st.data())
    def acknowledge(self, data):
        some = data.draw(st.sets(st.sampled_from(self.waiting_now), max_size=6))
        places = self.found()
        acknowledge(self.spool, [*(places[one] for one in some), 10_000])
        self.waiting_now = [one for one in self.waiting_now if one not in some]
        self.held += sorted(some)

    @rule()
    def rewind(self):
        assert rewind(self.spool) == len(self.held)
        self.waiting_now = sorted(self.waiting_now + self.held)
        self.held = []

    @rule()
    def reopen(self):
        self.spool.close()
        self.held = []  # what was acknowledged is gone when an agent ends
        self.spool = self.open()

    @invariant()
    def the_same(self):
        assert list(self.found()) == self.waiting_now
        assert self.spool.stats()[:3] == (len(self.waiting_now), len(self.held), 0)

    def teardown(self):
        self.spool.close()
        self.folder.cleanup()


TestSpoolMachine = SpoolMachine.TestCase
