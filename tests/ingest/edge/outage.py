"""An outage of the network, with whatever else goes wrong meanwhile, for tests of any size."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from tests.ingest.edge.ten_devices import Plan

_UNIT: Final = {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "65536", "MALLOC_MMAP_THRESHOLD_": "65536"}
"""As the service's unit has it."""


class Trouble:
    """An agent of ten devices that is killed again and again, and whose spool is damaged."""

    def __init__(self, plan: Plan, seed: int) -> None:
        self.plan, self.rng = plan, random.Random(seed)
        self.told = -1
        """Highest number of a message that the agent has acknowledged."""
        self.damaged = 0
        """Files."""
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "tests.ingest.edge.ten_devices", msgspec.json.encode(self.plan).decode()]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **_UNIT}
        )
        return self._process

    def until(self, number: int) -> None:
        """Read what the agent says, until it has acknowledged a message."""
        assert self._process is not None
        assert self._process.stdout is not None
        while self.told < number:
            line = self._process.stdout.readline()
            assert line, f"the agent ended at message {self.told}"
            self.told = int(line)

    def kill(self) -> None:
        """End the agent as a power cut does, except that the disk has what it was given."""
        process = self._process
        assert process is not None
        process.kill()
        process.communicate()

    def killed_after(self, messages: int) -> None:
        """Run the agent for about so many messages, and kill it."""
        self.start()
        self.until(self.told + max(messages, 1))
        self.kill()
        # A message may be in the spool of which nobody was told: the next agent goes on behind it.

    def damage(self, pages: int) -> None:
        """Overwrite pages in the spool's files."""
        files = [one for one in Path(self.plan.folder).iterdir() if one.suffix != ".lock" and one.stat().st_size]
        for path in self.rng.sample(files, min(pages, len(files))):
            with path.open("r+b") as file:
                file.seek(self.rng.randrange(0, path.stat().st_size, 4_096))
                file.write(self.rng.randbytes(min(4_096, path.stat().st_size - file.tell())))
            self.damaged += 1

    def counts(self) -> dict[str, Any]:
        """Wait until the broker has everything, end the agent, and return its spool's counts, and what it occupied."""
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                found: dict[str, Any] = json.loads(line)
                status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
                kept = dict(one.split(":", 1) for one in status.splitlines())
                found["peak_mb"] = int(kept["VmHWM"].split()[0]) / 1_000
                found["resident_mb"] = int(kept["VmRSS"].split()[0]) / 1_000
                break
            self.told = int(line)
        self._process.communicate("")
        return found
