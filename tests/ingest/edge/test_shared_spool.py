"""One spool for several devices: what goes first, what is given up first, what is counted, what codecs remember."""

import errno
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.edge import spool_reader, spool_segments, spool_writer
from ingest.edge.spool import Spool
from ingest.edge.spool_file import lines, memory_of, rows_of, together
from ingest.edge.spool_queue import Worth, worth_of
from ingest.observations import Count, Gate, Level, Observation, State
from tests.support import examples, wait_for


def count(n: int, value: int = 1) -> Count:
    return Count(ts=n, interval_s=1, in_=value)


def smoke(n: int, value: str = "alarm") -> State:
    return State(ts=n, metric="smoke", value=value)


def put(spool, device, *observations, memory=None):
    spool.put([(device, one) for one in observations], memory)
    return spool.settle()


def drained(spool, view, most=10**9, acknowledge=True, **options):
    """Everything that goes out now, in its order."""
    found: list[dict[str, Any]] = []
    while len(found) < most and (batch := spool.take(view, limit=50, max_bytes=9_000, **options)) and batch.payloads:
        found += map(msgspec.json.decode, batch.payloads)
        if acknowledge:
            spool.acknowledge(view, batch.places)
    return found


# What goes first ----------------------------------------------------------------------------------------------------


def test_each_device_gets_its_own_under_its_own_numbers(tmp_path):
    with closing(Spool(tmp_path / "s")) as spool:
        assert spool.put([("a", count(1)), ("b", count(2)), ("a", smoke(3)), ("a", count(4))]) == [0, 0, 0, 1]
        spool.settle()
        found = {name: drained(spool, spool.reader(name)) for name in "abc"}
    assert [(one["ts"], one["seq"], one["boot"][12:]) for one in found["a"]] == [(3, 0, ""), (1, 0, "r"), (4, 1, "r")]
    assert [one["ts"] for one in found["b"]] == [2]
    assert not found["c"]


def test_live_goes_before_a_long_backlog_and_an_alarm_before_all(tmp_path, monkeypatch):
    monkeypatch.setattr(spool_reader, "LITTLE", 100)
    monkeypatch.setattr(spool_reader, "_LATE_S", 0.0)
    path = tmp_path / "s"
    with closing(Spool(path, file_bytes=4_000, max_bytes=1 << 20)) as spool:
        for n in range(300):
            put(spool, "a", count(n), *([smoke(n, "ok")] if n % 100 == 50 else []))
    with closing(Spool(path, file_bytes=4_000, max_bytes=1 << 20)) as spool:
        view = spool.reader("a")
        spool.rewind(view)  # it connects
        drained(spool, view, 40)
        put(spool, "a", count(1_000))
        put(spool, "a", smoke(1_001))
        found = drained(spool, view)
        assert [(one["ts"], one["backfill"]) for one in found[:2]] == [(1_001, False), (1_000, False)]
        rest = [one["ts"] for one in found[2:] if one["type"] == "count"]
        assert rest == list(range(300 - len(rest), 300))
        assert all(one["backfill"] for one in found[2:])
        assert not spool.stats().waiting


def test_alarms_of_a_backlog_go_before_its_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(spool_reader, "LITTLE", 10)
    with closing(Spool(tmp_path / "s", file_bytes=2_000, max_bytes=1 << 20)) as spool:
        for n in range(60):
            put(spool, "a", smoke(n) if n in {7, 31, 59} else count(n))
        view = spool.reader("a")
        spool.rewind(view)
        assert [one["ts"] for one in drained(spool, view)[:3]] == [7, 31, 59]


def test_while_little_waits_everything_goes_in_its_order_and_is_no_backfill(tmp_path):
    with closing(Spool(tmp_path / "s")) as spool:
        view = spool.reader("a")
        put(spool, "a", *(count(n) for n in range(500)))
        spool.rewind(view)
        put(spool, "a", count(500))
        found = drained(spool, view)
    assert [one["ts"] for one in found] == list(range(501))
    assert not any(one["backfill"] for one in found)


def test_until_a_reconnect_is_over_only_a_little_of_a_backlog_goes(tmp_path, monkeypatch):
    monkeypatch.setattr(spool_reader, "LITTLE", 100)
    with closing(Spool(tmp_path / "s")) as spool:
        view = spool.reader("a")
        put(spool, "a", *(count(n) for n in range(1_000)))
        spool.rewind(view)
        assert len(drained(spool, view, is_settled=False)) == 100
        put(spool, "a", smoke(5))
        assert [one["ts"] for one in drained(spool, view, is_settled=False)] == [5]
        assert len(drained(spool, view)) == 900


def test_a_batch_that_may_grow_waits_but_never_with_an_alarm(tmp_path):
    with closing(Spool(tmp_path / "s")) as spool:
        view = spool.reader("a")
        put(spool, "a", count(1))
        batch = spool.take(view, limit=50, max_bytes=9_000, may_wait=True)
        assert batch is not None
        assert not batch.payloads
        put(spool, "a", Level(ts=2, metric="smoke", value=9.0))
        batch = spool.take(view, limit=50, max_bytes=9_000, may_wait=True)
        assert batch is not None
        assert json.loads(batch.payloads[0])["ts"] == 2


def test_what_is_live_and_falls_behind_becomes_backlog_and_an_alarm_overtakes_it(tmp_path, monkeypatch):
    monkeypatch.setattr(spool_reader, "LITTLE", 100)
    with closing(Spool(tmp_path / "s")) as spool:
        view = spool.reader("a")
        spool.rewind(view)
        put(spool, "a", *(smoke(n, "ok") for n in range(500)))
        with monkeypatch.context() as patch:
            patch.setattr(spool_reader, "_BEHIND_S", -1.0)
            drained(spool, view, 50)
        put(spool, "a", smoke(1_000))
        found = [one["ts"] for one in drained(spool, view)]
        assert found.index(1_000) == 0
        assert sorted(found) == [*range(50, 500), 1_000]


def test_nothing_is_sent_before_it_is_in_the_file_so_that_a_kill_cannot_count_it_twice(tmp_path, monkeypatch):
    goes_on, write, woken = threading.Event(), os.write, []
    with closing(Spool(tmp_path / "s")) as spool:
        view = spool.reader("a", lambda: woken.append(1))
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", lambda file, data: (goes_on.wait(), write(file, data))[1])
            spool.put([("a", smoke(1))])
            assert not drained(spool, view)
            assert not woken
            goes_on.set()
            wait_for(lambda: woken, "nobody was told that it may be sent")
            assert len(drained(spool, view)) == 1
        goes_on.clear()
        with monkeypatch.context() as patch:  # a disk that is slow is not waited for
            patch.setattr(os, "write", lambda file, data: (goes_on.wait(), write(file, data))[1])
            patch.setattr(spool_writer, "PATIENCE_S", 0.0)
            spool.put([("a", smoke(2))])
            assert len(drained(spool, view)) == 1
            goes_on.set()


def test_a_device_that_is_added_later_gets_what_was_put_for_it(tmp_path):
    woken = []
    with closing(Spool(tmp_path / "s")) as spool:
        put(spool, "later", count(1))
        view = spool.reader("later", lambda: woken.append(1))
        assert len(drained(spool, view)) == 1
        put(spool, "later", count(2))
        put(spool, "other", count(2))
        assert woken == [1]


def test_what_the_broker_may_have_forgotten_is_held_however_long_it_is_away(tmp_path, monkeypatch):
    monkeypatch.setattr(spool_writer, "_TIDY_S", 0.0)
    with closing(Spool(tmp_path / "s", hold_s=60.0)) as spool:
        view, is_up = spool.reader("a"), False
        view.is_up = lambda: is_up
        put(spool, "a", count(1), count(2))
        drained(spool, view)
        later = time.monotonic() + 100
        monkeypatch.setattr("ingest.edge.spool.time.monotonic", lambda: later)
        put(spool, "a", count(3))
        assert spool.rewind(view) == 2
        drained(spool, view)
        is_up = True
        later += 100
        assert spool.rewind(view) == 0


def test_a_connection_that_is_made_anew_takes_up_what_the_one_before_had(tmp_path):
    with closing(Spool(tmp_path / "s", file_bytes=500)) as spool:
        view = spool.reader("a")
        for n in range(20):
            put(spool, "a", count(n))
        drained(spool, view, 10, acknowledge=False)
        assert [one["ts"] for one in drained(spool, spool.reader("a"))] == list(range(20))


@settings(max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_whatever_is_acknowledged_rewound_or_restarted_each_arrives(tmp_path_factory, data):
    """Three devices, small files, connections that come and go: all that was put is sent, and nothing else."""
    path = tmp_path_factory.mktemp("spool") / "s"
    rng = random.Random(data.draw(st.integers(0, 10**9)))
    given, sent = set(), set()

    def opened():
        spool = Spool(path, file_bytes=rng.choice([600, 5_000]), max_bytes=1 << 20, hold_s=rng.choice([0.0, 3_600.0]))
        return spool, {name: spool.reader(name) for name in "abc"}

    spool, views = opened()
    for step in range(data.draw(st.integers(5, 25))):
        name, what = rng.choice("abc"), rng.random()
        if what < 0.4:
            numbers = range(step * 100, step * 100 + rng.randint(1, 30))
            some = [count(n) if rng.random() < 0.7 else smoke(n, "ok") for n in numbers]
            put(spool, name, *some)
            given |= {(name, one.ts) for one in some}
        elif what < 0.8:
            for _ in range(rng.randint(1, 4)):
                batch = spool.take(views[name], limit=7, max_bytes=700)
                if batch is not None:
                    sent |= {(name, json.loads(one)["ts"]) for one in batch.payloads}
                    if rng.random() < 0.8:
                        spool.acknowledge(views[name], batch.places)
        elif what < 0.9:
            spool.rewind(views[name], [])
            views[name] = spool.reader(name)
        else:
            spool.close()
            spool, views = opened()
    for name in views:
        sent |= {(name, one["ts"]) for one in drained(spool, spool.reader(name))}
    waits, drops = spool.stats().waiting, spool.stats().drops
    spool.close()
    assert sent == given
    assert (waits, drops) == (0, {})


# What is given up first -----------------------------------------------------------------------------------------------

WORTH = {
    Worth.LEVEL: Level(ts=1, metric="co2", value=9.0),
    Worth.COUNT: count(1),
    Worth.READING: Level(ts=1, metric="noise", value=50.0),
    Worth.STATE: State(ts=1, metric="lamp", value="on"),
    Worth.GATE: Gate(ts=1),
    Worth.HAZARD: Level(ts=1, metric="smoke", value=9.0),
    Worth.WORD: smoke(1),
}


@pytest.mark.parametrize(("worth", "observation"), WORTH.items())
def test_what_an_observation_is_worth(worth, observation):
    assert worth_of(observation) == worth


def test_where_there_is_no_room_the_least_valuable_go_first_and_each_is_counted(tmp_path, caplog):
    path, given = tmp_path / "s", dict.fromkeys(Worth, 0)
    with closing(Spool(path, max_bytes=100_000, file_bytes=4_000)) as spool:
        for n in range(1_400):
            for worth in (Worth.LEVEL, Worth(n % len(Worth))) if n % 3 == 0 else (Worth(n % len(Worth)),):
                put(spool, f"d{n % 3}", msgspec.structs.replace(WORTH[worth], ts=n))
                given[worth] += 1
        stats = spool.stats()
        assert stats.size <= 100_000
        assert stats.waiting + stats.dropped == sum(given.values())
    with closing(Spool(path, max_bytes=100_000)) as spool:
        assert spool.stats().drops == stats.drops, "a count outlives the agent"
        kept = [
            msgspec.json.decode(msgspec.json.encode(one), type=Observation)
            for name in ("d0", "d1", "d2")
            for one in drained(spool, spool.reader(name))
        ]
    left = dict.fromkeys(Worth, 0)
    for one in kept:
        left[worth_of(one)] += 1
    assert {
        why: given[worth] - left[worth] for worth in Worth if (why := f"full {worth.name.lower()}") in stats.drops
    } == stats.drops
    assert left[Worth.LEVEL] < 60, "only those of late"
    assert left[Worth.WORD] == given[Worth.WORD]
    assert left[Worth.HAZARD] == given[Worth.HAZARD]
    assert "dropped" in caplog.text


def test_what_is_too_old_goes_by_the_time_that_agents_ran_and_by_no_clock(tmp_path, monkeypatch):
    monkeypatch.setattr(spool_writer, "_TIDY_S", 0.02)
    path = tmp_path / "s"
    ran = 0.0
    monkeypatch.setattr(spool_segments.FurtherFiles, "ran_s", lambda _self: ran)
    with closing(Spool(path, file_bytes=300, max_age_s=1_000)) as spool:
        put(spool, "a", *(count(n) for n in range(9)))
        put(spool, "a", count(10))
    ran = 900.0
    with closing(Spool(path, file_bytes=300, max_age_s=1_000)) as spool:
        put(spool, "a", *(count(n) for n in range(20, 29)))
        put(spool, "a", count(30))
        assert spool.stats().dropped == 0
        ran = 1_500.0
        with spool._changed:
            spool._writer.tidy_due = 0.0
            spool._changed.notify_all()
        wait_for(lambda: spool.stats().drops == {"old count": 9}, "it was not given up")
        assert [one["ts"] for one in drained(spool, spool.reader("a"))] == [10, *range(20, 29), 30]


# Damage is counted ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_what_damage_takes_is_counted_exactly(tmp_path, seed):
    rng, path = random.Random(seed), tmp_path / "s"
    with closing(Spool(path, file_bytes=20_000, max_bytes=1 << 20)) as spool:
        for n in range(600):
            put(spool, rng.choice("ab"), *(rng.choice([count(n), smoke(n)]) for _ in range(rng.randint(1, 3))))
        total = spool.stats().waiting
    files = [one for one in sorted(tmp_path.iterdir()) if one.suffix != ".lock"]
    assert len(files) > 4
    for file in rng.sample(files, 3):
        content = bytearray(file.read_bytes())
        start = rng.randrange(0, max(len(content) - 1, 1), 4_096)
        content[start : start + 4_096] = bytes(len(content[start : start + 4_096]))
        file.write_bytes(content)
    if seed % 2:
        rng.choice(files[:2]).unlink()
    if seed == 4:
        with (tmp_path / "s.lock").open("r+b") as file:
            file.write(bytes(4_096))
    with closing(Spool(path, file_bytes=20_000, max_bytes=1 << 20)) as spool:
        sent = sum(len(drained(spool, spool.reader(name))) for name in "ab")
        stats = spool.stats()
        assert 0 < stats.dropped == total - sent
        assert set(stats.drops) == {"damaged"}
        assert stats.waiting == 0
    with closing(Spool(path)) as spool:
        assert spool.stats().dropped == total - sent


def test_a_disk_that_was_full_for_a_while_costs_what_is_said_and_no_more(tmp_path, monkeypatch):
    monkeypatch.setattr(spool_writer, "Backoff", lambda _first, _longest: Quick())
    with closing(Spool(tmp_path / "s", memory_bytes=20_000)) as spool:
        view = spool.reader("a")
        put(spool, "a", *(count(n) for n in range(50)))
        write = os.write
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
            for n in range(50, 500):
                put(spool, "a", smoke(n) if n % 10 == 0 else count(n))
            assert spool.trouble
            patch.setattr(os, "write", write)
            wait_for(lambda: not spool.trouble, "it did not try again")
        put(spool, "a", count(500))
        sent = drained(spool, view)
        stats = spool.stats()
        assert len(sent) + stats.dropped == 501
        assert set(stats.drops) == {"memory count"}
        assert sum(one["type"] == "state" for one in sent) == 45


class Quick:
    def next_s(self):
        return 0.01

    def reset(self):
        pass


# What codecs remember -------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.sampled_from(["a", "cam-1"]), st.integers(0, 99)), max_size=8),
       st.dictionaries(st.text(max_size=8), st.none() | st.binary(max_size=30), max_size=4))  # fmt: skip
def test_a_line_gives_back_what_it_was_made_of(said, memory):
    rows = [(device, b'{"type":"count","n":%d}' % n) for device, n in said]
    content = together(rows, memory)
    found, remembered = list(rows_of([(9, content)], "")), memory_of([(9, content)])
    assert [(one.device, one.payload) for one in found] == rows
    assert (remembered or {}) == {key: value for key, value in memory.items() if value is not None}
    whole = lines([content])
    assert all(whole[one.at : one.at + len(one.payload)] == one.payload for one in found)


def test_what_is_remembered_is_there_after_a_restart_whatever_became_of_the_observations(tmp_path, monkeypatch):
    monkeypatch.setattr(spool_writer, "_TIDY_S", 0.01)
    path, wanted = tmp_path / "s", {}
    for round_ in range(4):
        with closing(Spool(path, file_bytes=1_500, hold_s=0.0)) as spool:
            assert spool.memory() == wanted
            view = spool.reader("a")
            for n in range(30):
                key = f"k{n % 7}"
                changes = {key: None if n % 5 == 4 else b"%d %d" % (round_, n)}
                put(spool, "a", *([count(n)] if n % 2 else []), memory=changes)
                wanted |= changes
                if round_ % 2:
                    drained(spool, view)
            wanted = {key: value for key, value in wanted.items() if value is not None}
            assert spool.memory() == wanted
    with closing(Spool(path)) as spool:
        assert spool.memory() == wanted


KILLED = """
import sys
from pathlib import Path
from ingest.observations import Count
from ingest.edge.spool import Spool
spool = Spool(Path(sys.argv[1]), file_bytes=3_000)
n = int(spool.memory().get("n", b"0"))
while True:
    n += 1
    spool.put([("a", Count(ts=n, interval_s=1)), ("b", Count(ts=n, interval_s=1))], {"n": str(n).encode()})
    spool.settle()
    print(n, flush=True)
"""


def test_after_sigkill_observations_and_what_is_remembered_go_together(tmp_path):
    """A counter that is remembered, and every value of it said by two devices: none twice, none left out."""
    path, told = tmp_path / "s", 0
    for round_ in range(4):
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for _ in range(10 + 17 * round_):
            told = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        process.wait()
        told = max([told, *map(int, process.stdout.read().splitlines())])
        process.stdout.close()
    with closing(Spool(path)) as spool:
        assert int(spool.memory()["n"]) >= told
        for name in "ab":
            assert [one["ts"] for one in drained(spool, spool.reader(name))] == list(
                range(1, int(spool.memory()["n"]) + 1)
            )
        assert spool.stats().drops == {}


def test_a_line_that_is_damaged_takes_what_was_remembered_with_it(tmp_path):
    """The next total then gives an increment that has what was lost in it."""
    path = tmp_path / "s"
    with closing(Spool(path)) as spool:
        put(spool, "a", count(1), memory={"total": b"100"})
        put(spool, "a", count(2), memory={"total": b"105"})
    content = path.read_bytes()
    at = content.index(b'"ts":2')
    path.write_bytes(content[:at] + b"???" + content[at + 3 :])
    with closing(Spool(path)) as spool:
        assert spool.memory() == {"total": b"100"}
        assert [one["ts"] for one in drained(spool, spool.reader("a"))] == [1]
        assert spool.stats().drops == {"damaged": 1}
