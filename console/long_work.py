"""Long work that somebody asks the board for: a command in a process of its own, one at a time, its result kept.

What is asked for takes minutes (days of a log through two pipelines), and neither the board's event loop nor its one
thread for the store may wait for it. So the board runs what the command line has anyway, stands back behind the node
while it does, and keeps what it prints as JSON in a folder of its own, also over restarts of the board.
"""

import contextlib
import logging
import os
import shutil
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from console.common import PROGRESS_OPTION
from deploy.settings import PREFIX
from ingest.clock import wall_ms
from ingest.files import read_json, replace_file

FOLDER: Final = "work"
"""In a site's folder: one folder for each piece of work."""
KEPT: Final = 12
"""Pieces of work whose results are kept, the newest."""
_NICE: Final = 10
_PATIENCE_S: Final = 3.0
_ABOUT, _RESULT, _PROGRESS, _ERRORS = "work.json", "result.json", "progress.json", "errors.txt"
_LAST_WORDS: Final = 600
_LOG: Final = logging.getLogger(__name__)


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of work. Times are this machine's, epoch ms."""

    id: str
    kind: str
    """What it is for, such as ``whatif``; whoever asks tells their own from others' by it."""
    about: dict[str, Any]
    """What was asked for, as the page shows it."""
    by: str = ""
    """Who asked for it: an account's id; empty where there are no accounts."""
    state: Literal["running", "done", "failed", "cancelled", "interrupted"] = "running"
    """interrupted: the board ended before it."""
    begun_ms: int = 0
    ended_ms: int = 0
    """0 while it runs."""
    done: float | None = None
    """How much of it is done while it runs, 0-1; None where that is not known."""
    why: str = ""
    """What a piece of work that failed said last."""


class BusyError(RuntimeError):
    """Something else is under way."""

    def __init__(self, running: Work) -> None:
        super().__init__(running.id)
        self.running = running


class LongWork:
    """Runs commands for the board. May be used from several threads.

    Parameters
    ----------
    folder
        Of the site; everything is kept below it.
    command
        What arguments follow; the command line of this program by default.
    """

    def __init__(self, folder: Path, command: Sequence[str] = (sys.executable, "-m", "console.cli")) -> None:
        self._folder, self._command = folder / FOLDER, command
        self._lock = threading.Lock()
        self._running: Work | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._asked: Literal["", "cancelled", "interrupted"] = ""

    def begin(
        self,
        kind: str,
        about: dict[str, Any],
        arguments: Callable[[Path], Sequence[str]],
        *,
        by: str = "",
        files: Mapping[str, bytes] | None = None,
    ) -> Work:
        """Begin a piece of work and return it at once.

        `arguments` are made of the folder of the work, in which `files` lie then; the command has to print one JSON
        document on standard output, and to take `PROGRESS_OPTION`. Raises `BusyError` while another one is under way,
        OSError where it cannot be begun.
        """
        with self._lock:
            if self._running is not None:
                raise BusyError(self._running)
            work = Work(id=uuid.uuid4().hex[:12], kind=kind, about=about, by=by, begun_ms=wall_ms())
            folder = self._folder / work.id
            try:
                folder.mkdir(parents=True)
                for name, content in (files or {}).items():
                    replace_file(folder / name, content, durable=False)
                self._note(work)
                command = [*self._command, *arguments(folder), PROGRESS_OPTION, str(folder / _PROGRESS)]
                self._process = _started(command, folder)
            except (OSError, ValueError) as error:  # ValueError: an argument with a NUL, or half of a character
                shutil.rmtree(folder, ignore_errors=True)  # nothing was interrupted: nothing has begun
                raise error if isinstance(error, OSError) else OSError(str(error)) from error
            with contextlib.suppress(OSError, AttributeError):  # the node comes first, where the system can say so
                os.setpriority(os.PRIO_PROCESS, self._process.pid, _NICE)
            self._running, self._asked = work, ""
            self._thread = threading.Thread(target=self._await, args=(work, self._process), name="long-work")
            self._thread.start()
            return work

    def all(self) -> list[Work]:
        """Return what is under way and what is kept, the newest first."""
        found = []
        for path in self._folder.glob(f"*/{_ABOUT}"):
            with contextlib.suppress(OSError, msgspec.MsgspecError):  # just being thrown away, or of a later version
                found.append(self._seen(msgspec.json.decode(path.read_bytes(), type=Work)))
        return sorted(found, key=lambda work: (work.begun_ms, work.id), reverse=True)

    def one(self, identifier: str) -> Work | None:
        """Return a piece of work; None where there is none of that id."""
        return next((work for work in self.all() if work.id == identifier), None)

    def result(self, identifier: str) -> bytes | None:
        """Return the JSON that a piece of work has printed; None unless it is done and kept."""
        work = self.one(identifier)
        if work is None or work.state != "done":
            return None
        try:
            return (self._folder / work.id / _RESULT).read_bytes()
        except OSError:
            return None

    def cancel(self, identifier: str) -> bool:
        """Ask a piece of work to end; tell whether it was under way."""
        with self._lock:
            if self._running is None or self._running.id != identifier or self._process is None:
                return False
            self._asked = self._asked or "cancelled"
            self._process.terminate()
            return True

    def close(self) -> None:
        """End what is under way, and wait until it is."""
        with self._lock:
            thread, process = self._thread, self._process
            if process is not None:
                self._asked = self._asked or "interrupted"
                process.terminate()
        if thread is not None and process is not None:
            thread.join(_PATIENCE_S)
            process.kill()
            thread.join()

    def _await(self, work: Work, process: subprocess.Popen[bytes]) -> None:
        code = process.wait()
        folder = self._folder / work.id
        with self._lock:
            ended: dict[str, Any] = {"ended_ms": wall_ms(), "done": None}
            if self._asked:
                ended["state"] = self._asked
            elif code == 0:
                ended["state"] = "done"
            else:
                said = ""
                with contextlib.suppress(OSError):  # somebody has thrown the folder away meanwhile
                    said = (folder / _ERRORS).read_bytes().decode(errors="replace").strip()
                ended |= {"state": "failed", "why": said[-_LAST_WORDS:] or str(code)}
            self._running = self._process = None
            self._forget_old()
            try:
                self._note(msgspec.structs.replace(work, **ended))
            except OSError as error:  # a full disk: it is shown as interrupted then
                _LOG.error("what came of %s cannot be kept: %s", work.kind, error)

    def _seen(self, work: Work) -> Work:
        """Return a piece of work as it is now: what nobody works on any more was interrupted."""
        running = self._running
        if work.state != "running":
            return work
        if running is None or running.id != work.id:
            return msgspec.structs.replace(work, state="interrupted")
        share = read_json(self._folder / work.id / _PROGRESS).get("share")
        return msgspec.structs.replace(work, done=share)

    def _note(self, work: Work) -> None:
        replace_file(self._folder / work.id / _ABOUT, msgspec.json.encode(work), durable=False)

    def _forget_old(self) -> None:
        for work in self.all()[KEPT:]:
            shutil.rmtree(self._folder / work.id, ignore_errors=True)


def _started(command: Sequence[str], folder: Path) -> "subprocess.Popen[bytes]":
    with (folder / _RESULT).open("wb") as out, (folder / _ERRORS).open("wb") as err:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=_environment())


def _environment() -> dict[str, str]:
    """Return the environment for a child: settings are in the file that it is given, and it needs no secret."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
