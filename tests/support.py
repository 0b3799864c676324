"""What tests of several rooms need: programs that may be missing, free ports, waiting without guessing."""

import os
import random
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")
_PORTS = (20_000, 32_000)
SOAK = os.environ.get("PATROLGRID_SOAK") == "1"
"""Set by `make soak`: thousands of examples and histories where `make test` has some dozens."""


def examples(number: int) -> int:
    """Return how many examples a property test tries: so many, and fifty times as many in `make soak`."""
    return 50 * number if SOAK else number


def require_program(name: str, hint: str) -> str:
    """Return the path of a program; skip with the reason and `hint` where it is missing, and fail in CI."""
    path = shutil.which(name)
    if path is not None:
        return path
    reason = f"{name} is not installed; {hint}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def free_port() -> int:
    """Return a TCP port of the loopback interface that nobody listens on just now.

    It is below those that the system gives to outgoing connections: one of them could take the port of a server that
    a test ends and starts again.
    """
    while True:
        port = random.SystemRandom().randint(*_PORTS)  # hypothesis seeds the other one alike everywhere
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def wait_for(condition: Callable[[], T], reason: str | Callable[[], str], within_s: float = 60.0) -> T:
    """Return the first true value of `condition`; fail with `reason` (or what it returns) when there is none in time.

    Tests wait in this way and never for a time: the limit is for what is broken, not for what is slow.
    """
    end = time.monotonic() + within_s
    while not (value := condition()):
        if time.monotonic() > end:
            pytest.fail(f"waited {within_s:g} s: {reason if isinstance(reason, str) else reason()}")
        time.sleep(0.02)
    return value


def alive(pid: int) -> bool:
    """Tell whether a process of that id exists (and is not a zombie that nobody has collected)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[:1] != ["Z"]
