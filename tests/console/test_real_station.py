"""README, "A real station": its commands in an empty folder, word for word, with a real Mosquitto, node and board.

Only what would change this machine is played: root's commands (`sudo` keeps the units in a folder of its own and starts
what they name), `make`, and `mosquitto_pub` where it is not installed. Ports are free ones.
"""

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import closing
from functools import partial
from pathlib import Path

import httpx
import pytest
from paho.mqtt.publish import single

from ingest.gateway.quarantine import Quarantine
from stream.sinks.store.reader import StoreReader
from tests.documented import examples
from tests.support import alive, free_port, require_program, wait_for

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("whole-chain")]
OF_THE_MACHINE = {"clock", "disk"}
"""What the doctor may find here that no station can help: no time service in a container, little room."""
PLAYED = {
    "make": "",
    "sudo": """
import os, re, shutil, socket, subprocess, sys, time
from pathlib import Path

units = Path(os.environ["PLAYED_UNITS"])
command, *rest = sys.argv[1:]
if command == "cp":
    for file in rest[:-1]:
        shutil.copy(file, units)
elif command == "systemctl" and rest[:2] == ["enable", "--now"]:
    for name in rest[2:]:
        text = (units / f"{name}.service").read_text("utf-8")
        said = lambda key: re.findall(rf"^{key}=(.*)$", text, flags=re.MULTILINE)
        words = said("ExecStart")[0].split()
        environment = {**os.environ, **dict(one.split("=", 1) for one in said("Environment"))}
        ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        if said("Type") == ["notify"]:
            environment["NOTIFY_SOCKET"] = "ready.socket"
            ready.settimeout(90)
            os.chdir(said("WorkingDirectory")[0])  # a socket's path may have 108 characters
            ready.bind("ready.socket")
        with (units / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                                       cwd=(said("WorkingDirectory") or ["."])[0], start_new_session=True)
        (units / f"{name}.pid").write_text(str(process.pid))
        if "NOTIFY_SOCKET" in environment:
            assert ready.recv(64) == b"READY=1"
        if "broker" in name:
            port = int(re.findall(r"^listener (\\d+)", Path(words[-1]).read_text("utf-8"), flags=re.MULTILINE)[0])
            for _ in range(500):
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except OSError:
                    time.sleep(0.02)
""",
    "mosquitto_pub": """
import sys
from paho.mqtt.publish import single

words = sys.argv[1:]
given = {words[at]: words[at + 1] for at in range(len(words)) if words[at].startswith("-") and words[at] != "-r"}
tls = {"ca_certs": given["--cafile"]} if "--cafile" in given else None
single(given["-t"], given["-m"], qos=1, retain="-r" in words, hostname=given.get("-h", "127.0.0.1"),
       port=int(given["-p"]), client_id=given["-u"], auth={"username": given["-u"], "password": given["-P"]}, tls=tls)
""",
}


def blocks(name, heading):
    """Return the shell blocks of a section of a README."""
    text = (ROOT / name).read_text(encoding="utf-8")
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```sh\n(.*?)^```$", section, flags=re.MULTILINE | re.DOTALL)


BLOCKS = blocks("README.md", "A real station")


class Station:
    """A folder in which README's commands are typed."""

    parts: tuple[str, ...] = ("patrolgrid", "patrolgrid-broker")
    """Units that may run, in the order in which they are ended."""

    def __init__(self, folder):
        self.folder, self.broker_port, self.board_port = folder, free_port(), free_port()
        self.devices_port = self.broker_port + 1
        self.units = folder / "units"
        programs = folder / "programs"
        for path in (self.units, programs, folder / ".venv" / "bin"):
            path.mkdir(parents=True)
        for name, text in PLAYED.items():
            self._program(programs / name, text)
        self._program(folder / ".venv" / "bin" / "patrolgrid", "from console.cli.main import main\nsys.exit(main())\n")
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PATROLGRID_")}
        self.environment = {
            **clean, "PATH": f"{programs}:{clean['PATH']}", "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8",
            "PLAYED_UNITS": str(self.units),
        }  # fmt: skip

    @staticmethod
    def _program(path, text):
        path.write_text(f"#!{sys.executable}\nimport sys\n{text}", encoding="utf-8")
        path.chmod(0o755)

    def type(self, script):
        """Run what a person types; return what is shown."""
        ports = f"--broker-port {self.broker_port} --board-port {self.board_port}"
        script = script.replace("init station --yes", f"init station --yes {ports}")
        script = script.replace("-p 1884 ", f"-p {self.devices_port} ")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], cwd=self.folder, env=self.environment,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout

    def patrolgrid(self, *words):
        """Return what a command says as JSON, whatever its exit code."""
        config = ("--config", self.folder / "station" / "patrolgrid.toml")
        done = subprocess.run(
            [self.folder / ".venv" / "bin" / "patrolgrid", *words, "--json", *config],
            env=self.environment, cwd=self.folder, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return json.loads(done.stdout)

    def stop(self):
        for name in self.parts:
            file = self.units / f"{name}.pid"
            if file.exists():
                process = int(file.read_text())
                os.kill(process, signal.SIGTERM)
                wait_for(partial(_gone, process), f"{name} to end", 120)

    def logs(self):
        return "\n".join(path.read_text("utf-8", "replace") for path in self.units.glob("*.log"))


def _gone(process):
    return not alive(process)


@pytest.fixture(scope="module")
def station(tmp_path_factory):
    require_program("mosquitto", "run `make services`")
    here = Station(tmp_path_factory.mktemp("real"))
    try:
        yield here
    finally:
        here.stop()


@pytest.fixture(scope="module")
def shown(station):
    """Type the section as one session, up to the first alarm, and return what it showed."""
    return station.type("\n".join(BLOCKS[:-1]))


@pytest.fixture(scope="module")
def board(station, shown):
    """Come in by the link that `init` printed, as the head of the station does."""
    address = f"http://127.0.0.1:{station.board_port}"
    (token,) = re.findall(rf"{address}/go#(\S+)", shown)
    with httpx.Client(base_url=address, headers={"X-PatrolGrid": "1"}, timeout=30) as client:

        def answers():
            try:
                return client.get("/healthz").status_code == 200
            except httpx.HTTPError:
                return False

        wait_for(answers, station.logs)
        assert client.get("/api/alerts").status_code == 401, "nobody sees anything without an account"
        assert client.post("/api/link", json={"token": token}).status_code == 200
        assert client.post("/api/password", json={"new": "a river in the fog"}).status_code == 200
        yield client


@pytest.fixture(scope="module")
def imported(station, shown):
    """Type the rest: devices of one's own in the place of the example's."""
    return station.type(f"export PATROLGRID_CONFIG=$PWD/station/patrolgrid.toml\n{BLOCKS[-1]}")


def test_the_section_runs_and_its_alarm_is_on_the_board(station, board):
    alerts = wait_for(lambda: board.get("/api/alerts?open=1").json()["alerts"], station.logs)
    assert [(one["kind"], one["device"], one["severity"]) for one in alerts] == [("smoke", "smoke-01", "critical")]


def test_the_doctor_finds_nothing(shown):
    """It was asked while everything ran."""
    found = re.findall(r"^(warn|FAIL) +([^:]+):", shown, flags=re.MULTILINE)
    assert len(re.findall(r"^ok +[^:]+:", shown, flags=re.MULTILINE)) > 10
    assert {name for _, name in found} <= OF_THE_MACHINE, shown


def test_what_is_documented_of_every_type_arrives(station, board):
    """Whoever of the example has an account says what docs/devices.md shows, and all of it arrives."""
    folder = station.folder / "station"
    accounts = {path.stem: path.read_text().strip() for path in (folder / "secrets" / "devices").iterdir()}
    said = [one for one in examples() if one.account in accounts]
    assert {one.fate for one in said} >= {"stored", "type", "range", "json", "clock", "topic", "status", "incident"}
    data = folder / "data" / "station-1"
    with closing(StoreReader(data / "store.db")) as store:
        counted = wait_for(lambda: store.totals()["observations"], "README's alarm")
        for one in said:
            single(
                one.topic, one.payload, qos=1, port=station.devices_port, client_id=one.account,
                auth={"username": one.account, "password": accounts[one.account]},
            )  # fmt: skip
        stored = [one for one in said if one.fate == "stored" and one.topic.endswith("/obs")]
        assert all(f'"type":"{kind}"' in str(stored) for kind in ("count", "gate", "level", "state"))
        counted += sum(one.payload.count('"type"') for one in stored)
        wait_for(lambda: store.totals()["observations"] == counted, station.logs)
        assert store.totals()["by_device"].keys() >= {one.device for one in stored}
        wait_for(lambda: {one["id"] for one in store.incidents(limit=9)} == {"110-4711", "110-4712"}, station.logs)
    refused = sorted(one.fate for one in said if one.fate not in {"stored", "ignored"})
    with closing(Quarantine(data / "quarantine.db")) as quarantine:
        wait_for(lambda: sorted(one.reason for one in quarantine.list(limit=99)) == refused, station.logs)


def test_devices_of_ones_own_are_taken_up_and_have_accounts(board, imported):
    assert "added: 2" in imported
    assert "accounts at the broker: east-gate, back-door" in imported
    wait_for(
        lambda: {one["id"] for one in board.get("/api/site").json()["devices"]} == {"east-gate", "back-door"},
        "the board to know them",
    )


def test_the_chinese_page_says_the_same():
    chinese = blocks("README.zh-CN.md", "正式部署")
    assert len(chinese) == len(BLOCKS)
    for one, other in zip(BLOCKS, chinese, strict=True):
        assert _bare(one) == _bare(other)


def _bare(block):
    """Return a block's commands without comments and without what is in a language."""
    text = re.sub(r"(?m)\s+# .*$", "", block).replace(" --lang zh-CN", "")
    return re.sub(r"(?s)<<END.*?^END$", "", text, flags=re.MULTILINE)
