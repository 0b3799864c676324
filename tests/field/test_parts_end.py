"""A station whose parts are killed: `patrolgrid up` starts them again, says so, and the board keeps its address."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from functools import partial
from pathlib import Path

import pytest

from simulators.world.neighbourhood import QUARTER
from tests.support import free_port, wait_for

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.field


def board_answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as page:  # noqa: S310 - http, as printed
            return page.status == 200
    except OSError:
        return False


def told(said: Path, part: str) -> bool:
    return f"{part} ended by itself" in said.read_text()


def test_a_killed_node_broker_and_board_come_back_under_the_same_address(tmp_path):
    shutil.copyfile(QUARTER, tmp_path / "places.geojson")
    config, folder = tmp_path / "patrolgrid.toml", tmp_path / "data" / "s1"
    config.write_text(
        "[site]\nid = 's1'\nplaces = 'places.geojson'\nlanguage = 'en'\n[data]\ndir = 'data'\n"
        f"[broker]\nmode = 'embedded'\nport = {free_port()}\n[board]\nport = {free_port()}\n"
    )
    said = tmp_path / "up.txt"
    with said.open("wb") as file:
        up = subprocess.Popen(
            [sys.executable, "-m", "console.cli", "up", "--config", str(config)],
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    try:
        wait_for(lambda: "Ctrl-C" in said.read_text() or up.poll() is not None, said.read_text)
        assert up.poll() is None, said.read_text()
        url = re.findall(r"http://\S+", said.read_text())[0]
        for part in ("node", "broker", "board"):
            children = Path(f"/proc/{up.pid}/task/{up.pid}/children").read_text().split()
            found = {pid: Path(f"/proc/{pid}/cmdline").read_bytes().decode() for pid in children}
            (pid,) = [int(pid) for pid, line in found.items() if f".{part}\0" in line]
            os.kill(pid, signal.SIGKILL)
            wait_for(partial(told, said, part), said.read_text)
            assert json.loads((folder / "parts.json").read_text())[part]["times"] == 1
            wait_for(lambda: board_answers(url), "the board at its address")
            wait_for(
                lambda: bool(json.loads((folder / "status.json").read_text())["connected"]),
                "a node that is connected",
            )
        wait_for(lambda: said.read_text().count("runs again") == 3, said.read_text, 150)
        assert json.loads((folder / "parts.json").read_text()) == {}
        assert up.poll() is None
    finally:
        up.send_signal(signal.SIGTERM)
        assert up.wait(90) == 0
