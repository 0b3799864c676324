"""Quarantine: nothing vanishes, not even what had to make room."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.files import all_put_aside
from ingest.gateway.quarantine import Quarantine, Totals
from ingest.refusal import Refusal
from ingest.sqlite import StorageError
from ingest.vocabulary import Reason
from tests.ingest import damage
from tests.support import examples


def refusal(number: int, reason: str = Reason.JSON, size: int = 0) -> Refusal:
    return Refusal(reason, "is wrong", f"payload {number}".encode() + bytes(size), "a/b", 1_000 + number)


@pytest.fixture
def quarantine(tmp_path):
    opened = Quarantine(tmp_path / "q.db", max_rows=50, max_bytes=100_000, max_payload=1_000)
    yield opened
    opened.close()


def test_entries_keep_what_came(quarantine):
    quarantine.add_many([refusal(1), refusal(2, Reason.CLOCK)])
    first, second = quarantine.list()
    assert (first.topic, first.reason, first.detail, first.payload) == ("a/b", "json", "is wrong", b"payload 1")
    assert (second.reason, second.received_ms, second.count, second.whole) == ("clock", 1_002, 1, True)
    assert quarantine.list(reason="clock") == [second]
    assert quarantine.list(after=first.id) == [second]
    assert quarantine.list(limit=1) == [first]
    assert quarantine.get(second.id) == second
    assert quarantine.get(99) is None
    assert quarantine.counts() == {"clock": 1, "json": 1}


def test_equal_refusals_share_an_entry(quarantine):
    quarantine.add_many([refusal(1), refusal(1)])
    quarantine.add_many([refusal(1), refusal(1, Reason.TYPE)])
    quarantine.add_many([])
    assert [(entry.reason, entry.count) for entry in quarantine.list()] == [("json", 3), ("type", 1)]
    assert quarantine.counts() == {"json": 3, "type": 1}


def test_long_payloads_are_cut_and_say_so(quarantine):
    quarantine.add_many([refusal(1, size=5_000), Refusal("size", "x", b"start", "t", 1, size=9_000_000)])
    long, cut = quarantine.list()
    assert (len(long.payload), long.size, long.whole) == (1_000, 5_009, False)
    assert (cut.payload, cut.size, cut.whole) == (b"start", 9_000_000, False)


def test_the_oldest_make_room_and_stay_counted(quarantine):
    quarantine.add_many([refusal(n, Reason.TYPE) for n in range(30)])
    for n in range(30, 200, 10):
        quarantine.add_many([refusal(n + i) for i in range(10)])
    assert len(quarantine.list(limit=1_000)) == 50
    assert quarantine.totals() == {"json": Totals(170, 120, 0), "type": Totals(30, 30, 0)}
    assert quarantine.list(limit=1_000)[-1].payload == b"payload 199"


def test_bytes_are_bounded_too(quarantine):
    quarantine.add_many([Refusal("json", "d" * 5_000, bytes([n]) * 9_000, "t" * 5_000, n) for n in range(200)])
    entries = quarantine.list(limit=1_000)
    assert sum(len(entry.payload) + len(entry.topic) + len(entry.detail) for entry in entries) <= 100_000
    assert quarantine.totals()["json"].total == 200
    assert quarantine.totals()["json"].dropped == 200 - len(entries)


def test_replay_is_remembered_until_it_comes_again(quarantine):
    quarantine.add_many([refusal(1), refusal(2), refusal(3)])
    ids = [entry.id for entry in quarantine.list()]
    assert quarantine.mark_replayed(ids[:2], 5_000) == 2
    assert quarantine.mark_replayed([ids[0], 999], 6_000) == 0
    assert [entry.id for entry in quarantine.list(waiting=True)] == [ids[2]]
    assert quarantine.list()[0].replayed_ms == 5_000
    quarantine.add_many([refusal(1)])
    assert [entry.id for entry in quarantine.list(waiting=True)] == [ids[0], ids[2]]
    assert quarantine.totals()["json"] == Totals(4, 0, 2)


def test_what_could_not_be_published_waits_again(quarantine):
    quarantine.add_many([refusal(number) for number in range(3)])
    ids = [entry.id for entry in quarantine.list()]
    quarantine.mark_replayed(ids[:2], 5_000)
    assert quarantine.mark_replayed([*ids[1:], 999], None) == 1
    assert [entry.id for entry in quarantine.list(waiting=True)] == ids[1:]
    assert quarantine.totals()["json"].replayed == 1


def test_two_processes_see_one_quarantine(tmp_path):
    one, two = Quarantine(tmp_path / "q.db"), Quarantine(tmp_path / "q.db")
    one.add_many([refusal(1)])
    two.add_many([refusal(1), refusal(2)])
    assert one.counts() == two.counts() == {"json": 3}
    assert [entry.count for entry in one.list()] == [2, 1]
    one.close()
    two.close()
    with pytest.raises(StorageError, match=r"q\.db"):
        one.list()
    with pytest.raises(StorageError, match=r"q\.db"):
        one.add_many([refusal(1)])


def test_texts_are_made_fit_for_a_terminal(quarantine):
    quarantine.add_many([Refusal("json", "x\ny\x00" + "z" * 9_999, b"\x1b\x00", "a\x1b[2Jb\ud800", 1)])
    entry = quarantine.list()[0]
    assert entry.topic == "a\\x1b[2Jb?"
    assert entry.detail.startswith("x\\x0ay\\x00zz")
    assert entry.payload == b"\x1b\x00"


def test_a_full_disk_stores_none_of_them(tmp_path):
    quarantine = Quarantine(tmp_path / "q.db")
    quarantine.add_many([refusal(1)])
    pages = quarantine._opened().execute("PRAGMA page_count").fetchone()[0]
    quarantine._opened().execute(f"PRAGMA max_page_count={pages + 3}")
    with pytest.raises(StorageError, match="full"):
        quarantine.add_many([refusal(n, size=9_000) for n in range(2, 20)])
    assert quarantine.counts() == {"json": 1}
    assert len(quarantine.list()) == 1
    quarantine.close()


@settings(max_examples=examples(30))
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 30), st.sampled_from(["json", "type"]), st.integers(0, 1500)), max_size=12),
        max_size=12,
    )
)
def test_what_is_held_and_what_was_dropped_is_what_came(tmp_path_factory, batches):
    quarantine = Quarantine(tmp_path_factory.mktemp("q") / "q.db", max_rows=10, max_bytes=5_000, max_payload=1_000)
    came = {"json": 0, "type": 0}
    for batch in batches:
        quarantine.add_many([refusal(*fields) for fields in batch])
        for _, reason, _ in batch:
            came[reason] += 1
    entries, totals = quarantine.list(limit=1_000), quarantine.totals()
    assert len(entries) <= 10
    for reason, number in came.items():
        held = sum(entry.count for entry in entries if entry.reason == reason)
        assert held + (totals[reason].dropped if reason in totals else 0) == number
    held_rows, held_bytes = quarantine._opened().execute("SELECT entries, bytes FROM held").fetchone()
    assert held_rows == len(entries)
    assert held_bytes >= sum(len(entry.payload) for entry in entries)
    quarantine.close()


@pytest.mark.parametrize("way", damage.DATABASE_WAYS)
def test_a_damaged_file_is_put_aside_and_what_can_be_read_is_kept(tmp_path, way):
    path = tmp_path / "q.db"
    with closing(Quarantine(path)) as quarantine:
        quarantine.add_many([refusal(n, size=n) for n in range(200)])
        quarantine.add_many([refusal(n, size=n) for n in range(10)])
        whole = {entry.payload: entry for entry in quarantine.list(limit=1_000)}
    damage.DATABASE_WAYS[way](path)
    with closing(Quarantine(path, mends=True)) as quarantine:
        kept = quarantine.list(limit=1_000)
        assert all(whole.get(entry.payload) == entry for entry in kept)
        assert sum(quarantine.counts().values()) >= len(kept)
        quarantine.add_many([refusal(500)])
        assert len(quarantine.list(limit=1_000)) == len(kept) + 1
    assert [one.saved for one in all_put_aside(tmp_path)] == ([] if way == "emptied" else [len(kept)])


def test_a_page_that_goes_bad_while_it_is_used_costs_what_stood_in_it(tmp_path):
    path = tmp_path / "q.db"
    with closing(Quarantine(path, mends=True)) as quarantine:
        quarantine.add_many([refusal(n, size=n) for n in range(200)])
        damage.without_root_of("entries")(path)
        quarantine._opened().execute("PRAGMA cache_size=0")
        quarantine._opened().execute("PRAGMA shrink_memory")
        quarantine.add_many([refusal(500)])
        assert len(quarantine.list(limit=1_000)) == 201
        assert quarantine.counts() == {"json": 201}
    assert [one.saved for one in all_put_aside(tmp_path)] == [200]


def test_a_disk_that_cannot_be_used_yet_does_not_keep_a_node_from_starting(tmp_path, monkeypatch):
    honest = sqlite3.connect

    def full(*_args: object, **_more: object) -> sqlite3.Connection:
        raise sqlite3.OperationalError("unable to open database file")

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", full)
        quarantine = Quarantine(tmp_path / "q.db", mends=True)
        with pytest.raises(StorageError, match=r"q\.db"):
            quarantine.add_many([refusal(1)])
    assert sqlite3.connect is honest
    quarantine.add_many([refusal(1)])
    assert quarantine.counts() == {"json": 1}
    quarantine.close()


def test_one_devices_entries_do_not_push_out_those_of_others(tmp_path):
    quarantine = Quarantine(tmp_path / "q.db", max_rows=100)
    quarantine.add_many([Refusal("json", "", b"calm", "patrolgrid/v1/s/b/calm/obs", 1)])
    quarantine.add_many([Refusal("metrics", "", b"quiet", "b/quiet", 1)])
    for part in range(10):
        loud = [
            Refusal("type", "", b"%d" % (part * 50 + n), f"patrolgrid/v1/s/b{n}/loud/obs", 1 + part) for n in range(50)
        ]
        quarantine.add_many(loud)
    entries = quarantine.list(limit=200)
    assert {entry.payload for entry in entries} >= {b"calm", b"quiet"}
    assert 90 < len(entries) <= 100
    assert [entry.payload for entry in entries][-1] == b"499", "of one device the oldest go"
    totals = quarantine.totals()
    assert (totals["type"].total, totals["json"].dropped, totals["metrics"].dropped) == (500, 0, 0)
    assert totals["type"].dropped + len(entries) - 2 == 500
    quarantine.close()
