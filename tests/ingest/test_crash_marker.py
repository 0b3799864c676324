"""What ended the process is passed by at the next start; what was only in hand by chance is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ingest.clock import SystemClock
from ingest.gateway.gateway import Gateway
from ingest.gateway.plates import Plates
from ingest.gateway.quarantine import Quarantine
from ingest.log.sqlite_log import SqliteLog
from ingest.mqtt.client import Inbound
from ingest.setup.crash_marker import MOST, CrashMarker, no_longer_than, survives
from tests.configs import gateway_with
from tests.ingest.test_gateway import OBS, PLATES, count, seqs

ROOT = Path(__file__).parents[2]


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _hang() -> None:
    while True:
        pass


def _died_with(path: Path, mark: bytes) -> CrashMarker:
    """Return the marker of a process that follows one that was killed with something in hand."""
    script = (
        "import os, pathlib\nfrom ingest.setup.crash_marker import CrashMarker\n"
        f"CrashMarker(pathlib.Path({str(path)!r})).begin({mark!r})\nos.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == -signal.SIGKILL
    return CrashMarker(path)


def test_what_was_in_hand_is_known_after_a_kill(tmp_path):
    marker = _died_with(tmp_path / "mark", b"this one")
    assert marker.suspect == b"this one"
    assert not marker.begin(b"another")
    assert marker.begin(b"this one")
    marker.end()
    assert CrashMarker(tmp_path / "mark").suspect is None


def test_a_mark_has_no_content_that_is_too_long_and_a_damaged_file_names_nothing(tmp_path):
    path = tmp_path / "mark"
    marker = CrashMarker(path)
    marker.begin(b"x" * 10_000)
    assert CrashMarker(path).suspect == b"x" * MOST
    assert CrashMarker(path).begin(b"x" * 10_000)
    path.write_bytes(b"\xff" * 100)
    assert CrashMarker(path).suspect is None
    path.write_bytes(b"")
    assert CrashMarker(path).suspect is None
    assert not CrashMarker(path).begin(b"")


@pytest.mark.parametrize("work", [_die, _hang, os.abort])
def test_a_copy_of_the_process_dies_in_its_place(work):
    assert not survives(work, cpu_s=1)


def test_an_exception_and_waiting_for_a_lock_prove_nothing(monkeypatch):
    assert survives(lambda: 1 / 0, cpu_s=1)
    lock = threading.Lock()
    lock.acquire()
    monkeypatch.setattr("ingest.setup.crash_marker._PATIENCE_S", 0.2)
    assert survives(lock.acquire, cpu_s=0.1)


def test_the_suspect_is_judged_once_and_has_no_effect_on_the_process(tmp_path):
    seen: list[int] = []
    marker = _died_with(tmp_path / "mark", b"it")
    assert marker.begin(b"it")
    assert not marker.judge(lambda: seen.append(1), 1)
    assert seen == []
    assert not marker.begin(b"it")
    marker = _died_with(tmp_path / "mark", b"it")
    assert marker.begin(b"it")
    assert marker.judge(_die, 1)


def test_what_ends_the_trying_process_too_is_not_tried_for_ever(tmp_path):
    _died_with(tmp_path / "mark", b"it")
    for _ in range(3):
        child = os.fork()
        if child == 0:  # a start that dies with its copy, as where a whole container is short of memory
            marker = CrashMarker(tmp_path / "mark")
            marker.begin(b"it")
            marker.judge(lambda: os.kill(os.getppid(), signal.SIGKILL), 1)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    marker = CrashMarker(tmp_path / "mark")
    assert marker.begin(b"it")
    assert marker.judge(lambda: None, 1)


def test_a_calculation_without_an_end_ends_the_process_also_in_a_thread_that_holds_the_interpreter():
    script = (
        "import re, threading\n"
        "from ingest.setup.crash_marker import allow_watchdogs, no_longer_than\n"
        "allow_watchdogs()\n"
        "def work():\n"
        "    with no_longer_than(0.5):\n"
        "        re.match(r'(a+)+$', 'a' * 64 + 'b')\n"
        "thread = threading.Thread(target=work)\n"
        "thread.start()\n"
        "thread.join()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False, capture_output=True, timeout=60)
    assert done.returncode == -signal.SIGPROF
    assert b"in work" in done.stderr


def test_a_block_that_ends_in_time_is_left_alone():
    with no_longer_than(0.2):
        pass
    sum(range(8_000_000))
    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)


class Flushed:
    """A gateway that is not connected, given messages by hand."""

    def __init__(self, folder: Path, plates: Plates = PLATES) -> None:
        self.log = SqliteLog(folder / "log.db", min_free_bytes=0)
        self.quarantine = Quarantine(folder / "quarantine.db")
        config = gateway_with("s", marker=folder / "reading.mark")
        self.gateway = Gateway(config, None, self.log, self.quarantine, SystemClock(), plates)
        self.gateway._in_hand.begin()  # as `start` does

    def give(self, *payloads: bytes) -> None:
        for payload in payloads:
            self.gateway._inbox.put(Inbound(OBS.encode(), payload, 0, 0, False, len(payload)))
        self.gateway._flush(self.gateway._inbox, len(payloads))
        assert not self.gateway._keeper.trouble


class Deadly(Plates):
    """Hides plates until there is something that ends the process."""

    def hidden_payload(self, raw: bytes) -> bytes:
        if b"deadly" in raw:
            _die()
        return super().hidden_payload(raw)


def _kill_while_reading(folder: Path, payload: bytes) -> None:
    """Let a gateway die of a message."""
    child = os.fork()
    if child == 0:
        try:
            Flushed(folder, Deadly([("aaaa", b"a" * 32)])).give(count(0), payload, count(1))
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def test_the_message_that_ended_the_gateway_is_passed_by_and_quarantined(tmp_path):
    deadly = b'{"type":"deadly"}'
    _kill_while_reading(tmp_path, deadly)
    after = Flushed(tmp_path, Deadly([("aaaa", b"a" * 32)]))
    after.give(count(0), deadly, count(1))
    (entry,) = after.quarantine.list()
    assert (entry.reason, entry.topic, entry.payload, entry.size) == ("crash", OBS, b"", len(deadly))
    assert "withheld" in entry.detail
    assert not entry.whole
    assert seqs(after.log) == [0, 1]


def test_a_message_that_was_in_hand_by_chance_is_taken(tmp_path):
    payload = count(7)
    _kill_while_reading(tmp_path, b'{"type":"deadly"}')
    Flushed(tmp_path).give(b'{"type":"deadly"}', payload)
    after = Flushed(tmp_path)
    (entry,) = after.quarantine.list()
    assert (entry.reason, entry.payload) == ("type", b'{"type":"deadly"}')
    assert seqs(after.log) == [7]
    assert b"deadly" not in (tmp_path / "reading.mark").read_bytes(), "a mark names, and holds no content"
