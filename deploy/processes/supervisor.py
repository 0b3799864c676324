"""Starting children, watching them, and never leaving one behind.

Every child runs in a process group of its own, so that Ctrl-C in the terminal reaches the supervisor alone and the
children are stopped in an order that loses nothing. On Linux a child also ends when its supervisor is killed outright:
the kernel then sends it SIGTERM (``PR_SET_PDEATHSIG``, prctl(2); it goes by the thread that started the child, so
start children from the main thread).
"""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_PR_SET_PDEATHSIG: Final = 1
_LAST_LINES: Final = 12
_CONNECT_S: Final = 0.3
_LOG_BYTES: Final = 4 << 20
"""A log larger than this is put aside when its child is started again."""
_LIBC: Final = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
"""Loaded before the fork: a child between fork and exec may not load libraries."""


class ChildError(RuntimeError):
    """A child did not become ready, or ended by itself; the text has its name, its end and its last words."""


@dataclass(slots=True)
class Child:
    """One process under a supervisor."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    stop_s: float
    """How long it may take to end after SIGTERM."""
    log_start: int = 0

    def last_words(self) -> str:
        """Return the last lines that this child, and not one before it, wrote to its log."""
        try:
            with self.log.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(self.log_start, size - 8_192))
                lines = file.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return ""
        return "\n".join(f"  {self.name}| {line}" for line in lines[-_LAST_LINES:])

    def how_it_ended(self) -> str:
        """Return a sentence on its exit code or signal, with its last words."""
        code = self.process.poll()
        if code is None:
            how = "is running"
        elif code < 0:
            how = f"was ended by {signal.Signals(-code).name}"
        else:
            how = f"ended with exit code {code}"
        words = self.last_words()
        return f"{self.name} {how} (log: {self.log})" + (f"\n{words}" if words else "")


class Supervisor:
    """Starts named children, notices a death, and stops all of them in reverse order.

    Use as a context manager: leaving it, by any way, stops what still runs.
    """

    def __init__(self, log_dir: Path) -> None:
        self._log_dir = log_dir
        self._children: dict[str, Child] = {}
        log_dir.mkdir(mode=0o700, parents=True, exist_ok=True)

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        ready: Callable[[], bool] | None = None,
        ready_s: float = 30.0,
        stop_s: float = 15.0,
        environment: Mapping[str, str] | None = None,
    ) -> Child:
        """Start a child and wait until `ready()` says that it does its work.

        Its output goes to ``{log_dir}/{name}.log``; `environment` stands in for this process's. Raises `ChildError`
        where it cannot be started, ends, or is not ready after `ready_s` seconds; it is then stopped.
        """
        if name in self._children:
            raise ChildError(f"{name} is already running")
        path = self.log_of(name)
        if path.exists() and path.stat().st_size > _LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        with path.open("ab") as log:
            log_start = log.seek(0, os.SEEK_END)
            try:
                process = subprocess.Popen(
                    list(command),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    preexec_fn=die_with(os.getpid()),  # noqa: PLW1509 - system calls only, no lock
                    env={**(os.environ if environment is None else environment), "PYTHONUNBUFFERED": "1"},
                )
            except OSError as error:
                raise ChildError(f"{name} cannot be started: {' '.join(command)}: {error}") from error
        child = self._children[name] = Child(name, process, path, stop_s, log_start)
        deadline = time.monotonic() + ready_s
        while ready is not None and not ready():
            if process.poll() is not None:
                del self._children[name]
                raise ChildError(child.how_it_ended())
            if time.monotonic() > deadline:
                self.stop(name)
                raise ChildError(f"{name} was not ready after {ready_s:g} s (log: {path})\n{child.last_words()}")
            time.sleep(0.03)
        return child

    def log_of(self, name: str) -> Path:
        """Return the file that a child of that name writes to."""
        return self._log_dir / f"{name}.log"

    def __contains__(self, name: str) -> bool:
        """Whether a child of that name was started and not stopped."""
        return name in self._children

    def check(self) -> None:
        """Raise `ChildError` if a child has ended by itself; it is then no longer watched."""
        for name, child in self._children.items():
            if child.process.poll() is not None:
                reason = child.how_it_ended()
                self.stop(name)
                raise ChildError(reason)

    def wait(self, name: str, timeout_s: float) -> int | None:
        """Wait for a child that is meant to end; return its exit code, or None where it still runs."""
        child = self._children[name]
        try:
            code = child.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None
        del self._children[name]
        return code

    def ask(self, name: str) -> None:
        """Ask a child to end (SIGTERM), and go on; `stop` waits for it."""
        with contextlib.suppress(ProcessLookupError):
            self._children[name].process.terminate()

    def stop(self, name: str) -> int:
        """Ask a child to end (SIGTERM), end it after its time (SIGKILL to its group), return its exit code."""
        child = self._children.pop(name)
        process = child.process
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(child.stop_s)
        # What the child itself started and left behind is in its group, also after its own end.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        return process.wait()

    def stop_all(self) -> dict[str, int]:
        """Stop all children, the last one started first; return their exit codes by name."""
        return {name: self.stop(name) for name in reversed(list(self._children))}

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop all children."""
        self.stop_all()


def die_with(parent: int) -> Callable[[], None]:
    """Return a ``preexec_fn`` that makes a child end with its parent, where the system can, and hear all signals."""
    libc = _LIBC

    def hook() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
            if os.getppid() != parent:  # it died between fork and prctl
                os._exit(1)

    return hook


def free_port(wanted: int = 0, host: str = "127.0.0.1", tries: int = 50) -> int:
    """Return a port that can be listened on: `wanted`, one of the next ones, or with 0 any.

    Raises OSError where none of them is free.
    """
    for port in range(wanted, min(wanted + (tries if wanted else 1), 65_536)):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            if sys.platform != "win32":  # a port whose last connection is in TIME_WAIT is free
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError(f"no free port on {host} from {wanted} to {wanted + tries - 1}")


def listening(host: str, port: int) -> bool:
    """Tell whether something accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=_CONNECT_S):
            return True
    except OSError:
        return False
