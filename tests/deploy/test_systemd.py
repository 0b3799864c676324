"""The systemd units: systemd reads them without a complaint, and they start commands that there are."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from console.cli.main import COMMANDS, _parser

UNITS = sorted((Path(__file__).parents[2] / "deploy" / "systemd").glob("*.service"))


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_starts_a_command_that_there_is(unit):
    (command,) = re.findall(r"^ExecStart=(.*)$", unit.read_text("utf-8"), flags=re.MULTILINE)
    program, name, *options = command.split()
    if unit.name == "patrolgrid-broker.service":
        assert command == "/usr/sbin/mosquitto -c /etc/mosquitto/patrolgrid/patrolgrid.conf"
        return
    if unit.name == "patrolgrid-edge.service":
        assert program == "/opt/patrolgrid-edge/current/bin/patrolgrid"
        assert _parser([name, *options], lambda: "en").parse_args([name, *options]).action == "run"
        return
    assert program == "/opt/patrolgrid/.venv/bin/patrolgrid"
    assert name in COMMANDS
    assert options in ([], ["--name", "%i"])


def test_systemd_reads_them(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed; apt-get install systemd brings it")
    copies = []
    for unit in UNITS:
        copy = tmp_path / unit.name
        text = re.sub(r"/opt/patrolgrid\S{0,40}/bin/patrolgrid", "/bin/true", unit.read_text("utf-8"))
        copy.write_text(text.replace("/usr/sbin/mosquitto", "/bin/true"), "utf-8")
        copies.append(str(copy))
    done = subprocess.run(["systemd-analyze", "verify", *copies], capture_output=True, text=True, check=False)
    # It also tells of whatever else is wrong on this machine.
    assert not [line for line in done.stderr.splitlines() if "patrolgrid" in line], done.stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_is_closed(unit):
    """By systemd's own measure, from 0 (closed) to 10 (open)."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed; apt-get install systemd brings it")
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(unit)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert re.search(r"exposure level for patrolgrid.*: [01]\.[0-9] ", done.stdout), done.stdout[-200:]
    assert done.returncode == 0
