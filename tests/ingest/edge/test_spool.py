"""What append() returned for is there: through restarts, kills, acknowledgements in any order."""

import os
import signal
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
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ingest.edge import spool_writer
from ingest.edge.spool import Spool
from ingest.edge.spool_file import SpoolError
from ingest.observations import Count, State
from tests.ingest.edge.spools import BIG, acknowledge, content, level, look, places, put, reader, rewind, waiting
from tests.support import examples, wait_for


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
