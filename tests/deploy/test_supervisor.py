"""Supervision: a child that dies is noticed, all are stopped in order, none outlives a killed supervisor."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from deploy.node.lock import LockedError, is_locked, site_lock
from deploy.processes import supervisor as supervisor_module
from deploy.processes.stopping import StopRequest
from deploy.processes.supervisor import ChildError, Supervisor, free_port, listening
from tests.support import alive, wait_for

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)",
]


def said_up(folder, name):
    return lambda: (folder / f"{name}.log").exists() and "up" in (folder / f"{name}.log").read_text()


def test_children_stop_in_reverse_order_and_stubborn_ones_are_killed(tmp_path):
    with Supervisor(tmp_path) as supervisor:
        for name, command in (("first", SLEEPER), ("second", STUBBORN), ("third", SLEEPER)):
            supervisor.start(name, command, ready=said_up(tmp_path, name), stop_s=0.5 if name == "second" else 60)
        codes = supervisor.stop_all()
    assert list(codes) == ["third", "second", "first"]
    assert codes == {"third": -signal.SIGTERM, "second": -signal.SIGKILL, "first": -signal.SIGTERM}


def test_a_death_is_told_with_its_last_words(tmp_path):
    with Supervisor(tmp_path) as supervisor:
        supervisor.start("crashing", [sys.executable, "-c", "raise SystemExit('no more paper')"])
        with pytest.raises(ChildError) as error:
            wait_for(supervisor.check, "a death that is noticed")
    assert "crashing ended with exit code 1" in str(error.value)
    assert "no more paper" in str(error.value)


def test_a_child_that_ends_before_it_is_ready_is_told(tmp_path):
    with Supervisor(tmp_path) as supervisor:
        with pytest.raises(ChildError, match="ended with exit code 3"):
            supervisor.start("early", [sys.executable, "-c", "raise SystemExit(3)"], ready=lambda: False)
        with pytest.raises(ChildError, match="was not ready after"):
            supervisor.start("never", SLEEPER, ready=lambda: False, ready_s=0.3)
        assert "never" not in supervisor
        with pytest.raises(ChildError, match="cannot be started"):
            supervisor.start("nothing", ["/no/such/program"])


@pytest.fixture
def hasty(monkeypatch):
    """No pause before a child is started again; what has run for a quarter of a second was well."""
    monkeypatch.setattr(supervisor_module, "_FIRST_S", 0.001)
    monkeypatch.setattr(supervisor_module, "_LONGEST_S", 0.05)
    monkeypatch.setattr(supervisor_module, "_LASTED_S", 0.25)


def mended(supervisor, count):
    """Call `mend` until so many ends have been told; return them."""
    told = []

    def enough():
        told.extend(supervisor.mend())
        return len(told) >= count

    wait_for(enough, "ends that are told")
    return told


def test_what_is_killed_is_started_again_and_the_pauses_start_over_once_it_has_lasted(tmp_path, hasty):
    with Supervisor(tmp_path) as supervisor:
        first = supervisor.start("part", SLEEPER, ready=said_up(tmp_path, "part"))
        assert supervisor.mend() == []
        first.process.kill()
        (told,) = mended(supervisor, 1)
        assert (told.name, told.times) == ("part", 1)
        assert "was ended by SIGKILL" in told.how
        assert supervisor.ended() == {"part": 1}
        wait_for(lambda: supervisor.mend() == [] and "part" in supervisor, "the next one")
        wait_for(lambda: supervisor.mend() == [] and not supervisor.ended(), "one that has lasted")
        assert list(supervisor.stop_all().values()) == [-signal.SIGTERM]


def test_a_loop_of_crashes_is_tried_ever_more_slowly_and_for_ever(tmp_path, hasty):
    with Supervisor(tmp_path) as supervisor:
        crashing = [sys.executable, "-S", "-c", "raise SystemExit('no more paper')"]
        supervisor.start("part", crashing, again=lambda: [*crashing, "again"])
        told = mended(supervisor, 4)
        assert [one.times for one in told] == [1, 2, 3, 4]
        assert [one.wait_s for one in told] == [0.001, 0.002, 0.004, 0.008]
        turn = supervisor._turns["part"]
        waits = [supervisor._put_off("part", turn, "", 0.0).wait_s for _ in range(20)]
        assert waits[-1] == 0.05


def test_settings_that_cannot_be_started_with_are_no_reason_to_try_again(tmp_path, hasty):
    refused = [sys.executable, "-S", "-c", "raise SystemExit(2)"]
    with Supervisor(tmp_path) as supervisor:
        supervisor.start("deliver", refused, last_code=None)
        assert len(mended(supervisor, 2)) >= 2
        supervisor.start("node", refused)
        with pytest.raises(ChildError, match="node ended with exit code 2") as error:
            wait_for(lambda: supervisor.mend() is None, "the end")
    assert error.value.code == 2


def test_last_words_are_of_this_run_only(tmp_path):
    (tmp_path / "again.log").write_text("an old error\n", encoding="utf-8")
    with Supervisor(tmp_path) as supervisor, pytest.raises(ChildError) as error:
        supervisor.start(
            "again", [sys.executable, "-c", "print('a new one'); raise SystemExit(1)"], ready=lambda: False
        )
    assert "a new one" in str(error.value)
    assert "an old error" not in str(error.value)


def test_what_a_child_left_behind_ends_with_it(tmp_path):
    script = f"import subprocess, sys; p = subprocess.Popen({SLEEPER!r}); print('up', p.pid, flush=True); p.wait()"
    with Supervisor(tmp_path) as supervisor:
        supervisor.start("parent", [sys.executable, "-c", script], ready=said_up(tmp_path, "parent"))
        grandchild = int((tmp_path / "parent.log").read_text().split("up ")[1].split()[0])
        supervisor.stop("parent")
    wait_for(lambda: not alive(grandchild), "the end of the grandchild")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_children_end_with_a_supervisor_that_is_killed(tmp_path):
    script = textwrap.dedent(f"""
        import sys, time
        from pathlib import Path
        from deploy.processes.supervisor import Supervisor
        supervisor = Supervisor(Path({str(tmp_path)!r}))
        child = supervisor.start("child", {SLEEPER!r})
        print(child.process.pid, flush=True)
        time.sleep(600)
    """)
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert alive(child)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_for(lambda: not alive(child), "the end of the child")


def test_a_taken_port_is_stepped_around():
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert listening("127.0.0.1", port)
        assert free_port(port) != port
        with pytest.raises(OSError, match="no free port"):
            free_port(port, tries=1)


def test_one_node_a_folder(tmp_path):
    assert not is_locked(tmp_path)
    with site_lock(tmp_path):
        assert is_locked(tmp_path)
        with pytest.raises(LockedError, match=str(os.getpid())), site_lock(tmp_path):
            pass
    assert not is_locked(tmp_path)


def test_a_signal_asks_to_stop_and_leaves_the_handlers_as_they_were():
    before = signal.getsignal(signal.SIGTERM)
    with StopRequest() as stop:
        assert not stop.wait(0.01)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(60)
        assert stop.asked
    assert signal.getsignal(signal.SIGTERM) is before
    began = time.monotonic()
    assert stop.wait(100.0)
    assert time.monotonic() - began < 50.0


def test_a_site_s_folder_is_private_where_it_is_made(tmp_path):
    with site_lock(tmp_path / "data" / "site-1"):
        assert (tmp_path / "data" / "site-1").stat().st_mode & 0o077 == 0
    with Supervisor(tmp_path / "data" / "site-2"):
        assert (tmp_path / "data" / "site-2").stat().st_mode & 0o077 == 0
