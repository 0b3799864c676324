"""A damaged log: put aside, what can be read is kept at its position, and positions go on above the highest."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from ingest.files import all_put_aside
from ingest.log.records import Record, RecordKind
from ingest.log.sqlite_log import SqliteLog
from tests.ingest import damage

HEAD = 300


def payload(position: int) -> bytes:
    return f"record {position} ".encode() * (position % 97 + 1)


def filled(path: Path) -> None:
    with closing(opened(path)) as log:
        for position in range(1, HEAD + 1):
            log.append([Record(RecordKind.COMMAND, 1_000 + position, payload(position))])
        log.commit("embedded", HEAD - 10)


def opened(path: Path, floor: int = 0) -> SqliteLog:
    return SqliteLog(path, min_free_bytes=0, floor=lambda: floor)


def read(log: SqliteLog) -> dict[int, Record]:
    return {record.position: record for record in log.read(0, limit=10_000)}


@pytest.mark.parametrize("way", damage.DATABASE_WAYS)
def test_whatever_is_wrong_with_it_the_log_goes_on_above_the_highest_position(tmp_path, way, caplog):
    path = tmp_path / "log.db"
    filled(path)
    damage.DATABASE_WAYS[way](path)
    before = path.read_bytes() if path.is_file() else b""
    with closing(opened(path, floor=HEAD)) as log:
        kept = read(log)
        assert all(one.payload == payload(position) for position, one in kept.items()), "never another record"
        assert all(one.received_ms == 1_000 + position for position, one in kept.items())
        assert log.head() == HEAD
        assert log.append([Record(RecordKind.TICK, 9_999, b"")]) == HEAD + 1
        assert read(log).keys() == kept.keys() | {HEAD + 1}
    assert "log.db" in caplog.text
    if way == "emptied":  # nobody can tell it from a new one, but by what others know
        return
    [aside] = all_put_aside(tmp_path)
    assert aside.file == "log.db"
    assert aside.saved == len(kept)
    assert not before or (tmp_path / aside.kept).read_bytes() == before, "what is put aside is not touched"


@pytest.mark.parametrize("table", ["records", "consumers", "sqlite_sequence"])
def test_where_the_root_of_a_table_is_gone_every_record_is_kept(tmp_path, table):
    path = tmp_path / "log.db"
    filled(path)
    damage.without_root_of(table)(path)
    with closing(opened(path)) as log:
        assert [*read(log)] == [*range(1, HEAD + 1)]
        assert log.head() == HEAD
        assert log.committed("embedded") == (0 if table == "consumers" else HEAD - 10)


@pytest.mark.parametrize("way", ["head_zeroed", "of_a_later_version"])
def test_where_only_the_head_is_wrong_nearly_all_is_kept(tmp_path, way):
    path = tmp_path / "log.db"
    filled(path)
    damage.DATABASE_WAYS[way](path)
    with closing(opened(path)) as log:
        assert [*read(log)] == [*range(1, HEAD + 1)]
        assert log.append([Record(RecordKind.TICK, 0, b"")]) == HEAD + 1


def test_junk_in_every_page_leaves_the_records_whose_bytes_are_whole(tmp_path):
    path = tmp_path / "log.db"
    filled(path)
    damage.junk(path)
    with closing(opened(path, floor=HEAD)) as log:
        assert len(read(log)) > HEAD // 4


def test_sectors_that_the_disk_cannot_read_cost_what_stood_in_them(tmp_path, monkeypatch):
    path, honest = tmp_path / "log.db", os.pread
    filled(path)
    damage.without_root_of("records")(path)

    def worn(file: int, size: int, at: int) -> bytes:
        if 10 <= at // 4096 < 14:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return honest(file, size, at)

    monkeypatch.setattr(os, "pread", worn)
    with closing(opened(path, floor=HEAD)) as log:
        assert HEAD - 100 < len(read(log)) < HEAD


def test_what_is_only_written_ahead_is_kept_too(tmp_path):
    path, copy = tmp_path / "log.db", tmp_path / "cut" / "log.db"
    with closing(opened(path)) as log:
        for position in range(1, HEAD + 1):
            log.append([Record(RecordKind.COMMAND, 1_000 + position, payload(position))])
        damage.copy_open(path, copy)
    assert copy.with_name("log.db-wal").stat().st_size > 100_000
    for way in (damage.emptied, damage.zeroed, damage.text):
        damage.copy_open(copy, tmp_path / way.__name__ / "log.db")
        way(tmp_path / way.__name__ / "log.db")
        with closing(opened(tmp_path / way.__name__ / "log.db")) as log:
            assert [*read(log)] == [*range(1, HEAD + 1)], way.__name__


@pytest.mark.parametrize("part", ["-wal", "-shm"])
@pytest.mark.parametrize("way", ["emptied", "zeroed", "junk", "a_folder", "text", "truncated"])
def test_a_damaged_file_beside_it_costs_no_more_than_what_stood_in_it(tmp_path, part, way):
    path, copy = tmp_path / "log.db", tmp_path / "cut" / "log.db"
    filled(path)
    with closing(opened(path)) as log:
        log.append([Record(RecordKind.COMMAND, 0, b"the last")])
        damage.copy_open(path, copy)
    damage.WAYS[way](copy.with_name(f"log.db{part}"))
    with closing(opened(copy, floor=HEAD + 1)) as log:
        assert [*read(log)][:HEAD] == [*range(1, HEAD + 1)]
        assert log.append([Record(RecordKind.TICK, 0, b"")]) == HEAD + 2


def test_a_page_that_goes_bad_while_it_is_used_is_mended_without_a_restart(tmp_path):
    path = tmp_path / "log.db"
    filled(path)
    with closing(opened(path)) as log:
        assert log.head() == HEAD
        log._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with closing(sqlite3.connect(path)) as other:
            root = other.execute("SELECT rootpage FROM sqlite_master WHERE name = 'records'").fetchone()[0]
        with path.open("r+b") as file:
            file.seek((root - 1) * damage.PAGE)
            file.write(b"\xa5" * damage.PAGE)
        log._reader.execute("PRAGMA shrink_memory")
        for connection in (log._reader, log._writer):
            connection.execute("PRAGMA cache_size=0")
        done = threading.Barrier(3, timeout=60)
        given: list[int] = []

        def append() -> None:
            done.wait()
            given.append(log.append([Record(RecordKind.COMMAND, 5, b"new")]))

        threads = [threading.Thread(target=append) for _ in range(2)]
        for thread in threads:
            thread.start()
        done.wait()
        found = read(log)
        for thread in threads:
            thread.join(60)
        assert sorted(given) == [HEAD + 1, HEAD + 2]
        assert [*read(log)] == [*range(1, HEAD + 3)]
        assert found.keys() <= read(log).keys()
    assert len(all_put_aside(tmp_path)) == 1


def test_a_crash_in_the_middle_of_saving_is_made_good_at_the_next_start(tmp_path, monkeypatch):
    path = tmp_path / "log.db"
    filled(path)
    damage.head_zeroed(path)

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("ingest.log.sqlite_log.rescue", cut)
        with pytest.raises(KeyboardInterrupt):
            opened(path)
    with closing(opened(path)) as log:
        assert [*read(log)] == [*range(1, HEAD + 1)]


@pytest.mark.parametrize("field", ["received_ms", "kind", "payload"])
def test_a_record_that_has_changed_on_the_disk_is_known_by_its_sum(tmp_path, field, caplog):
    path = tmp_path / "log.db"
    filled(path)
    changed = {"received_ms": 1 << 42, "kind": 99, "payload": b"other"}[field]
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"UPDATE records SET {field} = ? WHERE position = 30", (changed,))  # noqa: S608 - of ours
        other.commit()
    with closing(opened(path)) as log:
        record = read(log)[30]
        assert record.kind is RecordKind.OBSERVATIONS, "which the pipeline refuses by name where it is none"
        assert record.received_ms == 1_029
        assert log.read(29, limit=1)[0].received_ms == 1_029
    assert "position 30" in caplog.text


def test_records_of_before_have_no_sum_and_are_read(tmp_path):
    path = tmp_path / "log.db"
    filled(path)
    with closing(sqlite3.connect(path)) as old:
        old.execute("ALTER TABLE records DROP COLUMN sum")
        old.execute("PRAGMA user_version=2")
        old.commit()
    with closing(opened(path)) as log:
        assert [*read(log)] == [*range(1, HEAD + 1)]
        log.append([Record(RecordKind.TICK, 0, b"")])
    damage.head_zeroed(path)
    with closing(opened(path)) as log:
        assert [*read(log)] == [*range(1, HEAD + 2)], "rows with and without a sum"


def test_a_log_that_was_removed_or_is_an_old_copy_goes_on_where_others_are(tmp_path, caplog):
    with closing(opened(tmp_path / "log.db", floor=500)) as log:
        assert log.head() == 500
        assert log.append([Record(RecordKind.TICK, 0, b"")]) == 501
    assert "500" in caplog.text


def test_a_disk_that_fails_again_and_again_is_not_filled_with_copies(tmp_path):
    path = tmp_path / "log.db"
    for _ in range(20):
        filled(path)
        damage.text(path)
        opened(path).close()
    damage.text(path)
    with closing(opened(path)) as log, pytest.raises(OSError, match="is the disk failing"):
        log.head()
    assert len(all_put_aside(tmp_path)) == 20


def test_without_the_right_to_mend_it_is_refused_by_name(tmp_path):
    path = tmp_path / "log.db"
    filled(path)
    damage.text(path)
    with pytest.raises(OSError, match=r"log\.db"):
        SqliteLog(path)
    assert not all_put_aside(tmp_path)


def test_a_log_that_somebody_locks_is_told_soon_and_goes_on_afterwards(tmp_path):
    path = tmp_path / "log.db"
    filled(path)
    with closing(opened(path)) as log, closing(sqlite3.connect(path, isolation_level=None)) as other:
        assert log._writer.execute("PRAGMA busy_timeout").fetchone()[0] <= 1_000
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OSError, match=r"locked.*log\.db"):
            log.append([Record(RecordKind.TICK, 0, b"")])
        assert len(log.read(0, limit=10_000)) == HEAD, "it can be read"
        other.execute("ROLLBACK")
        assert log.append([Record(RecordKind.TICK, 0, b"")]) == HEAD + 1
    assert not all_put_aside(tmp_path)


def test_a_disk_that_does_not_let_it_be_opened_yet_keeps_nobody_from_starting(tmp_path, monkeypatch, caplog):
    path = tmp_path / "log.db"
    filled(path)
    honest = sqlite3.connect

    def full(database, *args, **more):
        if database == ":memory:":
            return honest(database, *args, **more)
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", full)
        log = opened(path)
        assert "tried again" in caplog.text
        for use in (log.head, lambda: log.read(0, limit=1), lambda: log.append([Record(RecordKind.TICK, 0, b"")])):
            with pytest.raises(OSError, match=r"log\.db"):
                use()
        with pytest.raises(OSError, match=r"log\.db"):
            SqliteLog(path)
    assert log.append([Record(RecordKind.TICK, 0, b"")]) == HEAD + 1
    assert not all_put_aside(tmp_path)
    log.close()
