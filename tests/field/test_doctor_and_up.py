"""Whatever keeps `patrolgrid up` from running, the doctor has named: each thing is broken, and `up` is started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.processes.supervisor import Supervisor
from tests.console.ward import BREAKS, Hospital, Ward
from tests.support import wait_for

ROOT = Path(__file__).resolve().parents[2]
SAID = {"calendar", "reach", "ports", "secrets", "broker", "deliver", "channels", "influx"}
"""Checks whose failures `up` says once it has started: it waits for them, or does without."""
pytestmark = pytest.mark.field


@pytest.fixture(scope="module")
def hospital(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hospital")
    with Supervisor(folder) as supervisor:
        yield Hospital(folder, supervisor)


@pytest.mark.parametrize("name", BREAKS)
def test_what_the_doctor_fails_up_does_not_start_with_or_starts_all_the_same(tmp_path, hospital, name):
    ward, broken = Ward(tmp_path, hospital), BREAKS[name]
    broken.do(ward)
    said = tmp_path / "up.txt"
    with said.open("wb") as file:
        up = subprocess.Popen(
            [sys.executable, "-m", "console.cli", "up", "--config", str(ward.config)],
            stdout=file, stderr=subprocess.STDOUT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    try:
        wait_for(lambda: up.poll() is not None or "Ctrl-C" in said.read_text("utf-8"), said.read_text)
        assert (up.poll() is None) is broken.up, said.read_text("utf-8")
        if broken.up and broken.check in SAID and broken.state == "fail":
            wait_for(lambda: broken.says in said.read_text("utf-8"), said.read_text)
    finally:
        up.terminate()
        up.wait(90)
