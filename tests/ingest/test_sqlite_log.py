"""What is particular to the SQLite log: files, full disks, retention by age, SIGKILL."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing

import pytest

from ingest.log import log_file, sqlite_log
from ingest.log.log_view import LogView
from ingest.log.records import LogFullError, Record, RecordKind
from ingest.log.sqlite_log import SqliteLog
from ingest.sqlite import StorageError


def record(ms: int = 0, size: int = 0) -> Record:
    return Record(RecordKind.OBSERVATIONS, ms, bytes(size))


def test_a_file_of_another_kind_is_refused_by_name(tmp_path):
    path = tmp_path / "other.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA application_id=7")
    connection.execute("CREATE TABLE t (x)")
    connection.close()
    with pytest.raises(StorageError, match=r"another kind.*other\.db"):
        SqliteLog(path)
    (tmp_path / "text.db").write_text("this is not a database, whatever its name says; " * 40)
    with pytest.raises(StorageError, match=r"text\.db"):
        SqliteLog(tmp_path / "text.db")


def test_impossible_settings_are_refused(tmp_path):
    with pytest.raises(ValueError, match="max_bytes"):
        SqliteLog(tmp_path / "log.db", max_bytes=10)
    with pytest.raises(ValueError, match="max_age_s"):
        SqliteLog(tmp_path / "log.db", max_age_s=0)


def test_a_full_disk_is_a_full_log_and_leaves_nothing_half_written(tmp_path):
    log = SqliteLog(tmp_path / "log.db", min_free_bytes=0)
    log.append([record(1)])
    pages = log._writer.execute("PRAGMA page_count").fetchone()[0]
    log._writer.execute(f"PRAGMA max_page_count={pages + 5}")  # SQLite then fails as it does when the disk is full
    with pytest.raises(LogFullError, match=r"disk is full.*log\.db"):
        log.append([record(2, 100), record(3, 100_000)])
    assert [r.received_ms for r in log.read(0, limit=9)] == [1]
    log._writer.execute("PRAGMA max_page_count=100000")
    log.append([record(4, 100_000)])
    assert [r.received_ms for r in log.read(0, limit=9)] == [1, 4]
    log.close()


def test_room_for_others_is_kept_on_the_disk(tmp_path, monkeypatch):
    log = SqliteLog(tmp_path / "log.db", min_free_bytes=1 << 60)
    with pytest.raises(LogFullError, match="free on the disk"):
        log.append([record(1)])
    monkeypatch.setattr(log, "min_free_bytes", 0)
    log.append([record(n, 50_000) for n in range(10)])
    log.commit("engine", log.head())
    monkeypatch.setattr(log, "min_free_bytes", 1 << 60)
    log.append([record(99, 50_000)])  # pages of committed records are used again, the file does not grow
    assert log.read(0, limit=20)[-1].received_ms == 99
    log.close()


def test_old_records_go_by_age_once_committed(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite_log, "_AGE_EVERY_S", 0.0)
    log = SqliteLog(tmp_path / "log.db", max_age_s=10, min_free_bytes=0)
    log.append([record(0), record(1_000), record(2_000)])
    log.append([record(30_000)])
    assert len(log.read(0, limit=9)) == 4, "nobody has committed anything"
    log.commit("engine", 2)
    log.append([record(9_000_000)])
    assert len(log.read(0, limit=9)) == 5, "the node's own clock alone is not believed"
    log.commit("engine", 2, 30_000)
    log.append([record(30_001)])
    assert [r.received_ms for r in log.read(0, limit=9)] == [2_000, 30_000, 9_000_000, 30_001]
    assert log.read(0, limit=1)[0].position == 3
    assert log.committed("engine") == 2
    log.close()


def test_the_file_stays_within_its_allowance(tmp_path):
    path = tmp_path / "log.db"
    log = SqliteLog(path, max_bytes=2 << 20, min_free_bytes=0)
    for n in range(400):
        log.commit("engine", log.append([record(n, 20_000)]))
    assert log.read(0, limit=1000)[-1].received_ms == 399
    log.close()
    assert path.stat().st_size <= (2 << 20) + (1 << 16)


def test_a_long_backlog_is_read_in_portions(tmp_path, monkeypatch):
    monkeypatch.setattr(log_file, "_READ_BYTES", 50_000)
    log = SqliteLog(tmp_path / "log.db", min_free_bytes=0)
    log.append([record(n, 20_000) for n in range(10)])
    seen, after = [], 0
    while found := log.read(after, limit=100):
        assert len(found) <= 3
        seen += [r.received_ms for r in found]
        after = found[-1].position
    assert seen == list(range(10))
    log.close()


def test_a_closed_log_says_so(tmp_path):
    log = SqliteLog(tmp_path / "log.db", min_free_bytes=0)
    log.close()
    with pytest.raises(StorageError, match=r"closed.*log\.db"):
        log.append([record(1)])
    with pytest.raises(StorageError, match="closed"):
        log.head()


WRITER = """
import sys
from pathlib import Path
from ingest.log.records import Record, RecordKind
from ingest.log.sqlite_log import SqliteLog
log = SqliteLog(Path(sys.argv[1]), min_free_bytes=0)
n = log.head()
while True:
    n = log.append([Record(RecordKind.TICK, 0, bytes(n % 7000)), Record(RecordKind.TICK, 1, b"")])
    log.commit("engine", n)
    print(n, flush=True)
"""


def test_what_was_appended_survives_sigkill(tmp_path):
    path = tmp_path / "log.db"
    promised = 0
    for _ in range(4):
        child = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
        assert child.stdout
        child.stdout.readline()
        time.sleep(random.uniform(0.05, 0.3))
        child.send_signal(signal.SIGKILL)
        lines = child.stdout.read().splitlines()
        child.wait()
        child.stdout.close()
        whole = [int(line) for line in lines if line.isdigit()]
        log = SqliteLog(path, min_free_bytes=0)
        # The last line may be cut short by the kill, so it promises nothing.
        promised = max([promised, *whole[:-1]])
        assert log.head() >= log.committed("engine") >= promised
        positions = [r.position for r in log.read(0, limit=1_000_000)]
        assert positions == list(range(1, log.head() + 1))
        assert log.head() % 2 == 0, "half an append was written"
        log.close()


def test_a_second_process_appends_while_the_first_does(tmp_path):
    """As `patrolgrid train` does beside a node: every record is read once, in order, by who waits for it."""
    path, each = tmp_path / "log.db", 60
    log = SqliteLog(path)
    script = (
        "import sys; from pathlib import Path; from ingest.log.records import Record, RecordKind\n"
        "from ingest.log.sqlite_log import SqliteLog\n"
        "log = SqliteLog(Path(sys.argv[1]))\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        f"positions = [log.append([Record(RecordKind.HISTORY, n, bytes(500))] * 3) for n in range({each})]\n"
        "assert log.wait(log.head() - 1, 0); log.commit('trainer', log.head()); log.close()\n"
        "print(*positions)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    read: list[Record] = []

    def follow():
        while len(read) < 4 * each:
            after = read[-1].position if read else 0
            if not log.wait(after, 60):
                return
            read.extend(log.read(after, limit=7))

    follower = threading.Thread(target=follow)
    follower.start()
    try:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.stdin.write("go\n")
        child.stdin.flush()
        for n in range(each):
            log.append([record(n)])
        out, _ = child.communicate(timeout=60)
    finally:
        child.kill()
        follower.join(60)
    assert child.returncode == 0
    assert [r.position for r in read] == list(range(1, 4 * each + 1))
    theirs = [r.position for r in read if r.kind is RecordKind.HISTORY]
    assert theirs[2::3] == [int(position) for position in out.split()]
    assert all(b - a == 1 for a, b in zip(theirs[::3], theirs[1::3], strict=True)), "an append stays together"
    assert log.committed("trainer") > 0
    log.close()


def test_a_log_of_0_1_keeps_its_positions_and_what_nobody_has_had(tmp_path, caplog):
    path = tmp_path / "log.db"
    with closing(SqliteLog(path, min_free_bytes=0)) as log:
        head = log.append([Record(RecordKind.TICK, n, b"") for n in range(5)])
        log.commit("embedded", head - 2)
    with closing(sqlite3.connect(path)) as old:
        old.execute("PRAGMA user_version=1")
    with closing(SqliteLog(path, min_free_bytes=0)) as log:
        assert [record.received_ms for record in log.read(0, limit=9)] == [3, 4]
        assert log.head() == head
        assert log.committed("embedded") == head - 2
        assert log.append([Record(RecordKind.TICK, 5, b"")]) == head + 1
    assert "3 records" in caplog.text
    assert "train --from-store" in caplog.text
    caplog.clear()
    SqliteLog(path, min_free_bytes=0).close()
    assert not caplog.text


def test_a_view_reads_beside_the_writer_and_leaves_nothing_where_there_is_none(tmp_path):
    path = tmp_path / "log.db"
    view = LogView(path)
    with pytest.raises(StorageError, match="there is no log yet"):
        view.span()
    log = SqliteLog(path, min_free_bytes=0)
    assert view.span() is None
    log.append([record(1000 * n) for n in range(1, 101)])
    assert (view.span(), view.received_ms(7), view.received_ms(101)) == ((1, 100), 7_000, 0)
    assert [view.first_from(ms) for ms in (0, 1_000, 1_001, 50_000, 100_001)] == [1, 1, 2, 50, 101]
    assert view.read(97, 10) == log.read(97, limit=10)
    log.close()
    assert [one.name for one in tmp_path.iterdir()] == ["log.db"]
    assert len(view.read(0, 1000)) == 100
    assert [one.name for one in tmp_path.iterdir()] == ["log.db"]
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version=99")
    with pytest.raises(StorageError, match="is of version 99, expected 3"):
        view.read(0, 1)
