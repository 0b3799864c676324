"""What power cuts and damage leave of a spool, and what is taken over from spools of version 0.2."""

import errno
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.edge import spool as spool_module
from ingest.edge import spool_writer
from ingest.edge.spool import Spool
from ingest.edge.spool_file import SpoolError, lines, read_lines
from ingest.observations import Level, State
from tests.ingest.edge.spools import acknowledge, content, level, put, waiting
from tests.support import examples, wait_for

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
