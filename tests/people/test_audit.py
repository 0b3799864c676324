"""The audit log: what is tampered with shows, and nothing else does."""

import sqlite3
import stat
import threading
from contextlib import closing

import pytest

from console.people.audit import Audit, AuditFault, Head, read_head
from console.people.people_file import PeopleFile, has_file
from ingest.sqlite import StorageError


@pytest.fixture
def file(tmp_path):
    with closing(PeopleFile(tmp_path)) as made:
        yield made


def filled(file, entries=6):
    audit = Audit(file, clock=iter(range(1_000, 10_000)).__next__)
    for number in range(entries):
        audit.note(f"p{number % 2}", "acknowledge", f"alert-{number}", note=f"on my way {number}")
    return audit


def tamper(file, *statements):
    with closing(sqlite3.connect(file.path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def test_a_log_that_nobody_touched_is_whole(file):
    audit = filled(file)
    assert audit.verify() == []
    assert audit.verify(audit.head(), read_head(str(audit.head()))) == []
    assert audit.head().number == 6
    newest = audit.entries(limit=1)[0]
    assert (newest.number, newest.at_ms, newest.by, newest.about) == (6, 1_005, "p1", "alert-5")
    assert newest.detail == {"note": "on my way 5"}
    assert [one.number for one in audit.entries(by="p0")] == [5, 3, 1]
    assert [one.number for one in audit.entries(about="alert-2", before=6)] == [3]


def test_an_empty_log_is_whole_until_somebody_kept_a_head(file):
    assert Audit(file).verify() == []
    assert Audit(file).head() == Head(0, "")
    assert Audit(file).verify(Head(3, "ab" * 32)) == [AuditFault("cut", 3)]


@pytest.mark.parametrize("column", ["at_ms", "by", "what", "about", "detail", "hash"])
def test_an_entry_that_was_changed_is_found(file, column):
    audit = filled(file)
    value = "zeroblob(32)" if column == "hash" else "7"
    tamper(file, "UPDATE audit SET COLUMN = VALUE WHERE number = 3".replace("COLUMN", column).replace("VALUE", value))
    expected = [AuditFault("changed", 3)] if column != "hash" else [AuditFault("changed", 3), AuditFault("changed", 4)]
    assert audit.verify() == expected


@pytest.mark.parametrize("change", ["by = CAST(x'ff' AS TEXT)", "hash = 'words'", "hash = 7"])
def test_what_is_no_text_or_no_hash_hides_nothing_and_the_log_goes_on(file, change):
    audit = filled(file)
    tamper(file, "UPDATE audit SET CHANGE WHERE number = 6".replace("CHANGE", change))
    assert audit.note("p1", "see", "alert-1") == 7
    assert AuditFault("changed", 6) in audit.verify()
    assert audit.entries(limit=1)[0].number == 7
    assert audit.head().number == 7


def test_a_number_that_leaves_no_next_one_is_an_error_of_the_file(file):
    audit = filled(file)
    tamper(file, "UPDATE audit SET number = 9223372036854775807 WHERE number = 6")
    assert audit.verify() == [AuditFault("missing", 2**63 - 1)]
    with pytest.raises(StorageError):
        audit.note("p1", "see", "alert-1")


def test_entries_that_changed_places_are_found(file):
    audit = filled(file)
    move = "UPDATE audit SET (by, what, about, detail, at_ms) = (SELECT by, what, about, detail, at_ms FROM "
    tamper(
        file,
        "CREATE TEMP TABLE kept AS SELECT * FROM audit",
        move + "kept WHERE number = 4) WHERE number = 3",
        move + "kept WHERE number = 3) WHERE number = 4",
    )
    assert audit.verify() == [AuditFault("changed", 3), AuditFault("changed", 4)]
    tamper(
        file,
        "UPDATE audit SET number = -1 WHERE number = 3",
        "UPDATE audit SET number = 3 WHERE number = 4",
        "UPDATE audit SET number = 4 WHERE number = -1",
    )
    assert audit.verify()[0] == AuditFault("changed", 3)


def test_entries_that_were_taken_out_are_found(file):
    audit = filled(file)
    tamper(file, "DELETE FROM audit WHERE number IN (3, 4)")
    assert audit.verify() == [AuditFault("missing", 5)]
    tamper(file, "UPDATE audit SET number = number - 2 WHERE number > 4")
    assert audit.verify() == [AuditFault("changed", 3), AuditFault("changed", 4)]


def test_an_entry_that_was_put_in_is_found(file):
    audit = filled(file)
    tamper(
        file,
        "UPDATE audit SET number = -number - 1 WHERE number > 3",
        "UPDATE audit SET number = -number WHERE number < 0",
        "INSERT INTO audit SELECT 4, at_ms, 'p9', what, about, detail, hash FROM audit WHERE number = 3",
    )
    assert AuditFault("changed", 4) in audit.verify()


def test_a_log_whose_end_was_cut_off_shows_by_a_head_that_was_kept(file):
    audit = filled(file)
    head = audit.head()
    tamper(file, "DELETE FROM audit WHERE number > 4")
    assert audit.verify() == []
    assert audit.verify(head) == [AuditFault("cut", 6)]
    assert audit.verify(read_head(str(head))) == [AuditFault("cut", 6)]
    audit.note("p1", "acknowledge", "another")
    audit.note("p1", "acknowledge", "another")
    assert audit.verify(head) == [AuditFault("other", 6)]


def test_a_chain_made_anew_shows_by_an_older_head(file):
    old = filled(file).head()
    tamper(file, "UPDATE audit SET by = 'nobody' WHERE number = 2")
    with file.change() as connection:
        rows = [row[:6] for row in connection.execute("SELECT * FROM audit ORDER BY number")]
        connection.execute("DELETE FROM audit")
    clever = Audit(file, clock=iter(row[1] for row in rows).__next__)
    for row in rows:
        clever.note(row[2], row[3], row[4])
    assert clever.verify() == []
    assert clever.verify(old) == [AuditFault("other", 6)]


def test_a_trigger_that_takes_entries_out_and_a_view_are_named(file):
    audit = filled(file)
    hides = "CREATE TRIGGER hides AFTER INSERT ON audit WHEN new.by = 'p1' BEGIN DELETE FROM audit WHERE by = 'p1'; END"
    tamper(file, hides, "CREATE VIEW other AS SELECT 1")
    assert audit.verify() == [AuditFault("foreign", 0, "trigger hides"), AuditFault("foreign", 0, "view other")]


def test_junk_in_the_table_is_a_fault_and_no_crash(file):
    audit = filled(file)
    tamper(file, "UPDATE audit SET by = x'ff00', hash = 'text', detail = 'no json' WHERE number = 2")
    assert audit.verify() == [AuditFault("changed", 2), AuditFault("changed", 3)]
    assert audit.entries(limit=10)[4].detail == {"unreadable": "no json"}


def test_an_act_and_its_entry_are_one(file):
    audit = Audit(file)

    def act(fails):
        with file.change() as connection:
            connection.execute("CREATE TABLE acts (one)")
            audit.note("p1", "act", "x")
            if fails:
                raise RuntimeError

    with pytest.raises(RuntimeError):
        act(fails=True)
    assert audit.head().number == 0
    assert file.rows("SELECT name FROM sqlite_master WHERE name = 'acts'") == []
    act(fails=False)
    assert audit.head().number == 1


def test_many_writers_make_one_chain(file, tmp_path):
    def write(name):
        with closing(PeopleFile(tmp_path)) as own:
            for number in range(10):
                Audit(own).note(name, "act", str(number))

    threads = [threading.Thread(target=write, args=(f"p{one}",)) for one in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Audit(file).head().number == 40
    assert Audit(file).verify() == []


def test_what_people_write_is_kept_harmless_and_short(file):
    audit = Audit(file)
    audit.note("p\x1b[31m\ud800", "act", "x" * 999, note="y" * 9_999, who=object)
    entry = audit.entries()[0]
    assert entry.by == "p\\x1b[31m?"
    assert len(entry.about) == 200
    assert len(entry.detail["cut"]) == 4_000
    assert audit.verify() == []
    for wrong in ("", "Act", "a b", "a" * 41):
        with pytest.raises(ValueError, match="expected a word"):
            audit.note("p1", wrong, "x")


def test_heads_of_paper_are_read_as_people_copy_them():
    assert read_head(" 7:9F3C21AB00FFEE00 ") == Head(7, "9f3c21ab00ffee00")
    for wrong in ("", "7", "7: 9f3c", "seven: 9f3c21ab00ffee00", "7: " + "0" * 65):
        with pytest.raises(ValueError, match="no head of an audit log"):
            read_head(wrong)


def test_only_its_owner_reads_the_file_and_a_damaged_one_is_refused(tmp_path):
    assert not has_file(tmp_path)
    with closing(PeopleFile(tmp_path)) as file:
        Audit(file).note("p1", "act", "x")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("people.db*")}
    assert modes["people.db"] == modes["people.db-wal"] == 0o600
    assert has_file(tmp_path)
    file.path.chmod(0o644)
    with closing(PeopleFile(tmp_path)) as file:
        assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    file.path.write_bytes(b"junk" * 5_000)
    with pytest.raises(StorageError, match=r"people\.db"):
        PeopleFile(tmp_path)
    assert file.path.read_bytes().startswith(b"junk")  # it was not put aside: see the module
