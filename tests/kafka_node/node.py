"""Starting, watching and stopping one Kafka node."""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from deploy.processes.supervisor import die_with, free_port, listening
from tests.kafka_node.node_config import ADDRESS, LOGGING, properties
from tests.support import alive

_HERE: Final = Path(__file__).parent
_READY: Final = b"Kafka Server started"
_MAIN: Final = "kafka.Kafka"
_FORMAT: Final = "kafka.tools.StorageTool"
_LAST_BYTES: Final = 4_096


class KafkaMissingError(RuntimeError):
    """Java or Kafka's jars are not here; the text says how to get them."""


class KafkaNodeError(RuntimeError):
    """The node could not be started or stopped; the text names its log and quotes its end."""


def kafka_version() -> str:
    """Return the version that ``pom.xml`` names, which is the one that `make services` brings."""
    text = (_HERE / "pom.xml").read_text(encoding="utf-8")
    return text.partition("<kafka.version>")[2].partition("</kafka.version>")[0]


def kafka_jars() -> Path:
    """Return the folder of Kafka's jars. Raises `KafkaMissingError` where they, or Java, are not here."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "patrolgrid" / "kafka" / kafka_version()
    if not folder.is_dir():
        raise KafkaMissingError(f"Kafka {kafka_version()} is not here ({folder}); `make services` brings it")
    if shutil.which("java") is None:
        raise KafkaMissingError("there is no java program here, and Kafka needs Java 17; `make services` brings it")
    return folder


class KafkaNode:
    """One node in a folder of its own, which keeps its data, ``kafka.log`` and ``kafka.pid``.

    As a context manager it runs while the block runs, and ends with this process, however that ends. Started with
    `detached` it goes on by itself until `stop`, also from another process.

    Parameters
    ----------
    folder
        Where everything is kept; made where absent, formatted at the first start.
    port
        Port on 127.0.0.1; 0 for any free one, which later starts of the same object keep.
    heap_mb
        Most memory of Java's heap; the process takes some 150 MB beside it.
    overrides
        Properties of the broker that go over those of `tests.kafka_node.node_config`.
    quick
        Compile less thoroughly: starts sooner, carries less. For tests, not for benchmarks.
    """

    def __init__(
        self,
        folder: Path,
        port: int = 0,
        *,
        heap_mb: int = 512,
        overrides: Mapping[str, str] | None = None,
        quick: bool = False,
    ) -> None:
        self.folder, self.port = folder.resolve(), port
        self._heap_mb, self._overrides, self._quick = heap_mb, dict(overrides or {}), quick
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """The address that clients are given."""
        return f"{ADDRESS}:{self.port}"

    @property
    def log(self) -> Path:
        """What the node says."""
        return self.folder / "kafka.log"

    def pid(self) -> int | None:
        """Return the process id of the node that runs in this folder, started by whomever; None where none does."""
        try:
            pid = int((self.folder / "kafka.pid").read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None
        return pid if alive(pid) and self._is_ours(pid) else None

    def start(self, *, detached: bool = False, ready_s: float = 90.0) -> None:
        """Format the folder where it is new, start the node, and return when it serves.

        Raises `KafkaMissingError`, or `KafkaNodeError` where it runs already, ends, or is not ready in time.
        """
        running = self.pid()
        if running is not None:
            raise KafkaNodeError(f"{self.folder}: Kafka runs here already (process {running})")
        jars = kafka_jars()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = self.port or free_port()
        if listening(ADDRESS, self.port):
            raise KafkaNodeError(f"port {self.port} of {ADDRESS} is taken; name another")
        (self.folder / "log4j2.properties").write_text(LOGGING, encoding="utf-8")
        config = self.folder / "server.properties"
        config.write_text(properties(self.folder, self.port, free_port(), self._overrides), encoding="utf-8")
        if not (self.folder / "data" / "meta.properties").exists():
            self._format(jars, config)
        with self.log.open("ab") as log:
            said = log.seek(0, os.SEEK_END)
            self._process = subprocess.Popen(
                self._java(jars, _MAIN, str(config)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=None if detached else die_with(os.getpid()),  # noqa: PLW1509 - system calls only, no lock
            )
        (self.folder / "kafka.pid").write_text(f"{self._process.pid}\n", encoding="ascii")
        self._await(said, ready_s)

    def stop(self, timeout_s: float = 30.0) -> None:
        """End the node in order (SIGTERM), by force after `timeout_s`. Does nothing where none runs."""
        pid = self.pid()
        if pid is not None:
            self._end(pid, signal.SIGTERM, timeout_s)
            if self.pid() == pid:
                self._end(pid, signal.SIGKILL, 10.0)
        self._forget()

    def kill(self) -> None:
        """End the node at once (SIGKILL), as a fault of the machine would; `start` goes on with the same data."""
        pid = self.pid()
        if pid is not None:
            self._end(pid, signal.SIGKILL, 10.0)
        self._forget()

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()

    def _java(self, jars: Path, main: str, *arguments: str) -> list[str]:
        quick = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"] if self._quick else []
        return [
            "java", f"-Xmx{self._heap_mb}m", "-XX:+ExitOnOutOfMemoryError", "-Djava.awt.headless=true", *quick,
            f"-Dlog4j2.configurationFile={self.folder / 'log4j2.properties'}", "-cp", f"{jars}/*", main, *arguments,
        ]  # fmt: skip

    def _format(self, jars: Path, config: Path) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode("ascii").rstrip("=").replace("-", "A")
        done = subprocess.run(
            self._java(jars, _FORMAT, "format", "-t", cluster, "-c", str(config)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode:
            raise KafkaNodeError(f"{self.folder}: cannot be formatted for Kafka: {(done.stdout + done.stderr)[-800:]}")

    def _await(self, said: int, ready_s: float) -> None:
        deadline = time.monotonic() + ready_s
        while True:
            with self.log.open("rb") as log:
                log.seek(said)
                if _READY in log.read():
                    return
            ended = self._process is not None and self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                self.kill()
                how = "ended at once" if ended else f"was not ready after {ready_s:g} s"
                raise KafkaNodeError(f"Kafka {how} (log: {self.log})\n{self._last_words()}")
            time.sleep(0.03)

    def _end(self, pid: int, how: signal.Signals, timeout_s: float) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)
        if self._process is not None and self._process.pid == pid:
            # Not by looking at /proc: the first thread is a zombie while others still hold the port.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout_s)
            return
        deadline = time.monotonic() + timeout_s
        while alive(pid) and time.monotonic() < deadline:
            time.sleep(0.02)

    def _forget(self) -> None:
        self._process = None
        (self.folder / "kafka.pid").unlink(missing_ok=True)

    def _is_ours(self, pid: int) -> bool:
        """Tell whether a process is a Kafka of this folder, and not a stranger who was given the same id later."""
        if self._process is not None and self._process.pid == pid:
            return True
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:  # not Linux: ask ps
            shown = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, check=False)
            command = shown.stdout
        return os.fsencode(self.folder / "server.properties") in command

    def _last_words(self) -> str:
        with contextlib.suppress(OSError), self.log.open("rb") as log:
            log.seek(max(log.seek(0, os.SEEK_END) - _LAST_BYTES, 0))
            return "\n".join(f"  kafka| {line}" for line in log.read().decode("utf-8", "replace").splitlines()[-12:])
        return ""
