"""What append() returned for is in the file: through reopening, killing, and acknowledgements in any order."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ingest.edge.spool import Spool, SpoolError
from ingest.observations import Count, Level, State
from tests.support import examples

BIG = 1 << 30


def level(value, ts=1):
    return Level(ts=ts, metric="noise", value=value, unit="dB")


def seqs(spool, after=-1):
    return [row.seq for row in spool.waiting(after, limit=10_000, max_bytes=BIG)]


def test_numbers_go_on_after_reopening_even_when_it_was_empty(tmp_path):
    path = tmp_path / "deep" / "spool.db"
    spool = Spool(path, hold_s=0)
    boot = spool.boot
    assert spool.append([level(1.0), level(2.0)]) == [0, 1]
    spool.acknowledge([0, 1])
    assert spool.stats().waiting == 0
    spool.close()
    spool = Spool(path, hold_s=0)
    assert spool.boot == boot
    assert spool.append([level(3.0)]) == [2]
    [row] = spool.waiting(-1, limit=10, max_bytes=BIG)
    assert msgspec.json.decode(row.payload, type=Level) == Level(
        ts=1, metric="noise", value=3.0, unit="dB", seq=2, boot=boot
    )
    spool.close()


def test_a_batch_is_bounded_in_rows_and_bytes_but_never_empty(tmp_path):
    spool = Spool(tmp_path / "s.db")
    spool.append([level(float(n)) for n in range(20)])
    size = len(spool.waiting(-1, limit=1, max_bytes=BIG)[0].payload)
    assert len(spool.waiting(-1, limit=5, max_bytes=BIG)) == 5
    assert len(spool.waiting(-1, limit=20, max_bytes=size * 3 + 20)) == 3
    assert len(spool.waiting(-1, limit=20, max_bytes=1)) == 1
    assert [row.seq for row in spool.waiting(7, limit=2, max_bytes=BIG)] == [8, 9]
    spool.close()


def test_one_bad_observation_and_none_is_taken(tmp_path):
    spool = Spool(tmp_path / "s.db")
    with pytest.raises(ValueError, match="observation 1 of 2"):
        spool.append([level(1.0), State(ts=1, metric="<b>", value="x")])
    with pytest.raises(ValueError, match="interval_s"):
        spool.append([Count(ts=1, interval_s=-1)])
    assert seqs(spool) == []
    assert spool.append([level(1.0)]) == [0]
    assert spool.append([]) == []
    spool.close()


def test_when_full_the_oldest_go_and_are_counted(tmp_path):
    spool = Spool(tmp_path / "s.db", max_bytes=20_000)
    for n in range(1_000):
        spool.append([level(float(n))])
    stats = spool.stats()
    assert stats.size <= 20_000
    assert stats.dropped + stats.waiting == 1_000
    assert stats.dropped > 500
    assert seqs(spool) == list(range(stats.dropped, 1_000))
    spool.close()
    reopened = Spool(tmp_path / "s.db", max_bytes=20_000)
    assert reopened.stats() == stats
    reopened.close()
    assert sum(f.stat().st_size for f in tmp_path.iterdir()) < 5_000_000


def test_what_was_acknowledged_and_pushed_out_is_not_called_dropped(tmp_path):
    spool = Spool(tmp_path / "s.db", max_bytes=20_000, hold_s=3_600)
    for n in range(500):
        spool.acknowledge(spool.append([level(float(n))]))
    assert spool.stats().dropped == 0
    assert spool.stats().waiting == 0
    spool.close()


def test_held_ones_wait_again_after_a_rewind_until_their_time_is_over(tmp_path, monkeypatch):
    spool = Spool(tmp_path / "s.db", hold_s=60)
    spool.append([level(1.0), level(2.0), level(3.0)])
    spool.acknowledge([1, 0])
    assert seqs(spool) == [2]
    assert spool.rewind() == 2
    assert seqs(spool) == [0, 1, 2]
    spool.acknowledge([0, 1])
    later = time.time_ns() + 61_000_000_000
    monkeypatch.setattr("ingest.edge.spool.time.time_ns", lambda: later)
    assert spool.rewind() == 0
    assert seqs(spool) == [2]
    assert spool.stats().held == 0
    spool.close()


def test_a_second_agent_is_refused(tmp_path):
    spool = Spool(tmp_path / "s.db")
    program = f"from pathlib import Path; from ingest.edge.spool import Spool; Spool(Path({str(tmp_path / 's.db')!r}))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert found.returncode != 0
    assert "in use by another process" in found.stderr
    spool.close()


def test_a_broken_file_is_put_aside_and_a_new_numbering_begun(tmp_path, caplog):
    path = tmp_path / "s.db"
    spool = Spool(path)
    boot = spool.boot
    spool.append([level(1.0)])
    spool.close()
    path.write_bytes(b"this is no database, whatever it was" * 200)
    spool = Spool(path)
    assert spool.boot != boot
    assert spool.append([level(1.0)]) == [0]
    assert len(list(tmp_path.glob("s.db.broken-*"))) == 1
    assert "put aside" in caplog.text
    spool.close()


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/proc").exists(), reason="needs a folder that nobody can write")
def test_a_folder_that_cannot_be_made_is_named():
    with pytest.raises(SpoolError, match="/proc/nothing"):
        Spool(Path("/proc/nothing/s.db"))


def test_refusals_are_kept_and_bounded(tmp_path):
    spool = Spool(tmp_path / "s.db")
    for n in range(1_100):
        spool.refuse(b"x%d" % n, "no reason")
    found = spool.refusals()
    assert len(found) == 1_000
    assert found[-1] == ("no reason", b"x1099")
    assert spool.stats().refused == 1_100
    spool.close()


def test_threads_get_numbers_of_their_own(tmp_path):
    spool = Spool(tmp_path / "s.db")
    given = []

    def work():
        for _ in range(50):
            given.extend(spool.append([level(1.0), level(2.0)]))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(given) == list(range(400)) == seqs(spool)
    spool.close()


KILLED = """
import sys
from pathlib import Path
from ingest.observations import Level
from ingest.edge.spool import Spool
from tests.support import examples
spool = Spool(Path(sys.argv[1]))
n = 0
while True:
    numbers = spool.append([Level(ts=n, metric="noise", value=float(n)) for n in range(n, n + 3)])
    n += 3
    print(numbers[-1], flush=True)
"""


def test_what_was_returned_survives_sigkill(tmp_path):
    path, told = tmp_path / "s.db", -1
    for round_ in range(5):
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for _ in range(20 + round_ * 13):
            told = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        process.wait()
        told = max([told, *map(int, process.stdout.read().splitlines())])
        process.stdout.close()
    spool = Spool(path)
    found = seqs(spool)
    assert found == list(range(len(found)))  # nothing missing, nothing twice
    assert found[-1] >= told
    assert (found[-1] + 1) % 3 == 0  # an append is whole or not at all
    spool.close()


@settings(max_examples=examples(25), stateful_step_count=25, suppress_health_check=[HealthCheck.too_slow])
class SpoolMachine(RuleBasedStateMachine):
    """A spool against a plain model: a list of what waits, and a set of what is held."""

    def __init__(self):
        super().__init__()
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "s.db"
        self.spool = Spool(self.path, hold_s=3_600)
        self.boot = self.spool.boot
        self.next = 0
        self.waiting_now, self.held = set(), set()

    @rule(n=st.integers(1, 5))
    def append(self, n):
        got = self.spool.append([level(float(self.next + k), ts=self.next + k) for k in range(n)])
        assert got == list(range(self.next, self.next + n))
        self.next += n
        self.waiting_now.update(got)

    @precondition(lambda self: self.next)
    @rule(data=st.data())
    def acknowledge(self, data):
        some = data.draw(st.sets(st.integers(0, self.next + 2), max_size=6))
        self.spool.acknowledge(some)
        moved = self.waiting_now & some
        self.waiting_now -= moved
        self.held |= moved

    @rule()
    def rewind(self):
        assert self.spool.rewind() == len(self.held)
        self.waiting_now |= self.held
        self.held = set()

    @rule()
    def reopen(self):
        self.spool.close()
        self.spool = Spool(self.path, hold_s=3_600)
        assert self.spool.boot == self.boot

    @invariant()
    def the_same(self):
        rows = self.spool.waiting(-1, limit=10_000, max_bytes=BIG)
        assert [row.seq for row in rows] == sorted(self.waiting_now)
        for row in rows:
            assert msgspec.json.decode(row.payload)["ts"] == row.seq
        assert self.spool.stats()[:3] == (len(self.waiting_now), len(self.held), 0)

    def teardown(self):
        self.spool.close()
        self.folder.cleanup()


TestSpoolMachine = SpoolMachine.TestCase
