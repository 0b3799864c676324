"""What tests of several rooms need: programs that may be missing, free ports, waiting without guessing."""

import os
import shutil
import socket
import time
from collections.abc import Callable

import pytest


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
    """Return a TCP port of the loopback interface that nobody listens on just now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wait_for(what: Callable[[], object], reason: str, timeout_s: float = 20.0) -> object:
    """Return the first true value of `what`; fail with `reason` when there is none in time."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        value = what()
        if value:
            return value
        time.sleep(0.02)
    pytest.fail(f"waited {timeout_s:g} s: {reason}")
