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
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

_PR_SET_PDEATHSIG: Final = 1
_LAST_LINES: Final = 12
_CONNECT_S: Final = 0.3
_FIRST_S: Final = 1.0
_LONGEST_S: Final = 30.0
"""The pause before a child that has ended is started again: it doubles from the first to the longest."""
_LASTED_S: Final = 60.0
"""A child that has run for so long was well: where it ends, the pauses start over."""
LOOP: Final = 5
"""A child that has ended so many times, and never ran for long, ends for a reason that does not pass by itself."""
UNUSABLE: Final = 2
"""Exit code of a child whose settings cannot be started with: no later start is any better."""
_LOG_BYTES: Final = 4 << 20
"""A log larger than this is put aside when its child is started again."""
_LIBC: Final = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
"""Loaded before the fork: a child between fork and exec may not load libraries."""


class ChildError(RuntimeError):
    """A child did not become ready, or ended by itself; the text has its name, its end and its last words."""

    def __init__(self, text: str, code: int | None = None) -> None:
        super().__init__(text)
        self.code = code
        """The exit code that it ended with; None where it did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """How a child is started, this time and any other."""

    command: Sequence[str]
    again: Callable[[], Sequence[str]]
    environment: Mapping[str, str] | None
    stop_s: float
    """How long it may take to end after SIGTERM."""
    last_code: int | None
    """Exit code after which it is not started again; None: always."""


@dataclass(slots=True)
class Child:
    """One process under a supervisor."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    order: _Order
    log_start: int = 0
    started: float = 0.0
    """When (monotonic)."""

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


class Ended(NamedTuple):
    """A child that has ended by itself and is to be started again."""

    name: str
    how: str
    """How it ended, with its last words."""
    times: int
    """How often it has ended since it last ran for long."""
    wait_s: float
    """The pause before its next start."""


@dataclass(slots=True)
class _Turn:
    """A child that has ended at least once since it last ran for long."""

    order: _Order
    times: int = 0
    due: float = 0.0
    """When it is to be started again (monotonic)."""


class Supervisor:
    """Starts named children, notices a death, and stops all of them in reverse order.

    Use as a context manager: leaving it, by any way, stops what still runs.
    """

    def __init__(self, log_dir: Path) -> None:
        self._log_dir = log_dir
        self._children: dict[str, Child] = {}
        self._turns: dict[str, _Turn] = {}
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
        again: Callable[[], Sequence[str]] | None = None,
        last_code: int | None = UNUSABLE,
    ) -> Child:
        """Start a child and wait until `ready()` says that it does its work.

        Its output goes to ``{log_dir}/{name}.log``; `environment` stands in for this process's. `again` returns the
        command by which `mend` starts it later, by default the same; after `last_code` it does not. Raises
        `ChildError` where it cannot be started, ends, or is not ready after `ready_s` seconds; it is then stopped.
        """
        order = _Order(
            command=list(command),
            again=again or (lambda: command),
            environment=environment,
            stop_s=stop_s,
            last_code=last_code,
        )
        child = self._begin(name, order)
        if ready is not None:
            self.await_ready(name, ready, ready_s)
        return child

    def await_ready(self, name: str, ready: Callable[[], bool], ready_s: float = 30.0, *, give_up: bool = True) -> None:
        """Wait until `ready()` says that a child does its work; raises as `start` does.

        So several that need nothing of each other can be started at once. Unless to `give_up`, a child that ends or is
        not ready in time stays for `mend`.
        """
        child, deadline = self._children[name], time.monotonic() + ready_s
        while not ready():
            if child.process.poll() is not None:
                if give_up:
                    del self._children[name]
                raise ChildError(child.how_it_ended(), child.process.returncode)
            if time.monotonic() > deadline:
                if give_up:
                    self.stop(name)
                raise ChildError(f"{name} was not ready after {ready_s:g} s (log: {child.log})\n{child.last_words()}")
            time.sleep(0.03)

    def _begin(self, name: str, order: _Order) -> Child:
        """Start a child, and wait for nothing."""
        if name in self._children:
            raise ChildError(f"{name} is already running")
        command, environment = order.command, order.environment
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
        self._children[name] = Child(name, process, path, order, log_start, time.monotonic())
        return self._children[name]

    def mend(self) -> list[Ended]:
        """Start again what has ended by itself, after a pause; return what has ended since the last call.

        Call it often: it waits for nothing. The pause doubles with every end, up to half a minute, and starts over
        after a minute's run. Raises `ChildError` for a child that ended with its order's `last_code`.
        """
        now = time.monotonic()
        found: list[Ended] = []
        for name, child in list(self._children.items()):
            code = child.process.poll()
            if now - child.started >= _LASTED_S:
                self._turns.pop(name, None)
            if code is None:
                continue
            how = child.how_it_ended()
            self.stop(name)
            if code == child.order.last_code:
                raise ChildError(how, code)
            turn = self._turns.setdefault(name, _Turn(child.order))
            found.append(self._put_off(name, turn, how, now))
        for name, turn in list(self._turns.items()):
            if name in self._children or now < turn.due:
                continue
            try:
                self._begin(name, replace(turn.order, command=turn.order.again()))
            except (ChildError, OSError) as error:  # no more processes, or no memory: later, perhaps
                found.append(self._put_off(name, turn, str(error), now))
        return found

    @staticmethod
    def _put_off(name: str, turn: _Turn, how: str, now: float) -> Ended:
        wait_s = min(_FIRST_S * 2.0 ** min(turn.times, 10), _LONGEST_S)
        turn.times += 1
        turn.due = now + wait_s
        return Ended(name, how, turn.times, wait_s)

    def ended(self) -> dict[str, int]:
        """Return the children that `mend` has come upon and that have not run for a minute since: name → how often."""
        return {name: turn.times for name, turn in self._turns.items()}

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
                raise ChildError(reason, self.stop(name))

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
                process.wait(child.order.stop_s)
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
