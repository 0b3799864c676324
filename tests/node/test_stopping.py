"""SIGTERM ends every process, whoever does not answer: no broker, one that hangs, an InfluxDB that hangs.

``pytest -n 0 -s tests/node/test_stopping.py`` prints how long each takes: ten seconds at most.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from simulators.world.neighbourhood import places_geojson
from tests.support import free_port, wait_for

pytestmark = pytest.mark.field

CLI = [sys.executable, "-m", "console.cli"]


class Hanging:
    """Accepts connections, and never says anything."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                self.connections.append(self.server.accept()[0])

    def close(self) -> None:
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        for one in self.connections:
            one.close()


@pytest.fixture
def hanging():
    made = [Hanging(), Hanging()]
    yield made
    for one in made:
        one.close()


@pytest.fixture(params=["none", "hanging"])
def site(request, tmp_path, hanging):
    """A settings file, and what there is of a broker; InfluxDB hangs always."""
    broker, influx = hanging
    port = free_port() if request.param == "none" else broker.port
    (tmp_path / "places.geojson").write_text(json.dumps(places_geojson()), "utf-8")
    (tmp_path / "patrolgrid.toml").write_text(
        f"""
        [site]
        id = "s"
        places = "places.geojson"
        [data]
        dir = "data"
        [broker]
        port = {port}
        [influx]
        url = "http://127.0.0.1:{influx.port}"
        version = "1"
        [board]
        port = {free_port()}
        [kafka]
        bootstrap = "127.0.0.1:{free_port()}"
        """,
        "utf-8",
    )
    return tmp_path, port


STARTS = {
    "node": ([sys.executable, "-m", "deploy.node"], "data/s/node.json"),
    "up": ([*CLI, "up"], "data/s/board.url"),
    "gateway": ([*CLI, "gateway", "--name", "g"], "data/s/quarantine.db"),
    "worker": ([*CLI, "worker"], ""),
    "record": ([*CLI, "record", "x.pgr.gz"], "x.pgr.gz"),
}
"""Name → its command, and a file that shows that it runs; without one a line of its output does."""


def end(process: subprocess.Popen, name: str) -> None:
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    sys.stdout.write(f"{name} ended within {time.monotonic() - began:.1f} s\n")
    assert process.returncode in (0, 1, -signal.SIGTERM)


@pytest.mark.parametrize("name", STARTS)
def test_sigterm_ends_it_whoever_does_not_answer(site, hanging, name):
    folder, _ = site
    command, shows = STARTS[name]
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen(
            [*command, "--config", str(folder / "patrolgrid.toml")], cwd=folder, stdout=out, stderr=out,
            env=os.environ | {"PYTHONPATH": str(Path.cwd())}, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def runs() -> bool:
        return (folder / shows).exists() if shows else (folder / "out").stat().st_size > 0

    wait_for(lambda: runs() or process.poll() is not None, f"{name} runs")
    if name in {"node", "up"}:
        wait_for(lambda: hanging[1].connections, "it waits for InfluxDB")
    end(process, name)


@pytest.mark.parametrize("name", ["simulate", "edge"])
def test_sigterm_ends_what_devices_run(site, name):
    folder, port = site
    options = {
        "simulate": ["--port", str(port), "--site", "s"],
        "edge": ["--site", "s", "--beat", "b", "--device", "d", "--spool", "s.db", "--broker", f"127.0.0.1:{port}"],
    }
    process = subprocess.Popen(
        [*CLI, name, *options[name]], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=os.environ | {"PYTHONPATH": str(Path.cwd())}, stdin=subprocess.PIPE,
    )  # fmt: skip
    runs = (folder / "s.db").exists if name == "edge" else lambda: listens_for(process.pid, signal.SIGTERM)
    wait_for(runs, "it runs")
    end(process, name)


def listens_for(pid: int, number: int) -> bool:
    """Tell whether a process has a handler for a signal."""
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    caught = int(next(line for line in lines if line.startswith("SigCgt")).split()[1], 16)
    return bool(caught >> (number - 1) & 1)
