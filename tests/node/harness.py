"""A whole site in processes of its own: broker, node, devices; each can be killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from deploy.processes.broker import embedded_command, mosquitto_command, write_mosquitto
from deploy.processes.supervisor import free_port, listening
from simulators.world.neighbourhood import places_geojson, quarter
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.tables import StoreMissingError
from tests.support import wait_for

SITE = "quarter"
ROOT = Path(__file__).resolve().parents[2]


class Process:
    """One child, its command kept so that it can be started again; output goes to a file."""

    def __init__(self, name: str, command: list[str], folder: Path) -> None:
        self.name, self.command, self.folder = name, command, folder
        self.child: subprocess.Popen | None = None

    def start(self) -> None:
        with (self.folder / f"{self.name}.log").open("ab") as log:
            self.child = subprocess.Popen(self.command, stdout=log, stderr=log, cwd=ROOT, stdin=subprocess.DEVNULL)

    def send(self, number: int) -> None:
        assert self.child is not None, f"{self.name} was never started"
        self.child.send_signal(number)

    def wait(self, timeout_s: float = 60) -> int:
        assert self.child is not None, f"{self.name} was never started"
        return self.child.wait(timeout_s)

    def end(self, number: int, timeout_s: float = 60) -> int:
        self.send(number)
        return self.wait(timeout_s)

    def kill(self) -> None:
        if self.child is not None and self.child.poll() is None:
            self.end(signal.SIGKILL)


class Site:
    """Broker, node and devices on free ports of this machine, in a scratch folder."""

    def __init__(self, folder: Path, *, broker: str, speed: float = 60.0, origin_ms: int = 1_795_442_700_000) -> None:
        self.folder, self.speed = folder, speed
        self.origin_ms, self.started_ms = origin_ms, time.time_ns() // 1_000_000
        self.port = free_port()
        command = (
            mosquitto_command(write_mosquitto(folder / "mosquitto", self.port))
            if broker == "mosquitto"
            else embedded_command(self.port)
        )
        places = folder / "places.geojson"
        places.write_text(json.dumps(places_geojson()), encoding="utf-8")
        config = folder / "patrolgrid.toml"
        config.write_text(
            f"""
            [site]
            id = "{SITE}"
            places = "{places}"
            [data]
            dir = "{folder / "data"}"
            [clock]
            mode = "scaled"
            origin_ms = {self.origin_ms}
            started_ms = {self.started_ms}
            speed = {speed}
            [broker]
            port = {self.port}
            [gateway]
            # Seconds of the site's clock: at this speed ten minutes are over before a killed node is back.
            repeat_window_s = 86400
            """,
            encoding="utf-8",
        )
        self.broker = Process("broker", command, folder)
        self.node = Process("node", [sys.executable, "-m", "deploy.node", "--config", str(config)], folder)
        self.devices: list[Process] = []

    def start_broker(self) -> None:
        self.broker.start()
        wait_for(lambda: listening("127.0.0.1", self.port), "the broker listens")

    def subscribed(self) -> None:
        """Start the node and wait until it is connected: only then does the broker keep messages for it."""
        self.node.start()
        wait_for(lambda: (self.status() or {}).get("connected") is True, "the node is connected")

    def add_devices(self, name: str, ids: list[str], *arguments: str) -> None:
        """Prepare one device process for some devices of the quarter."""
        chosen = self.folder / f"{name}.txt"
        chosen.write_text("\n".join(ids), encoding="utf-8")
        command = [sys.executable, "-m", "simulators.run", "--port", str(self.port), "--site", SITE]
        command += ["--devices-file", str(chosen), "--report", str(self.folder / f"{name}.json"), "--drain-s", "60"]
        command += ["--origin-ms", str(self.origin_ms), "--started-ms", str(self.started_ms)]
        self.devices.append(Process(name, [*command, "--speed", str(self.speed), *arguments], self.folder))

    def reader(self) -> StoreReader:
        return StoreReader(self.folder / "data" / SITE / "store.db")

    def status(self) -> dict | None:
        try:
            return self.reader().meta("status", None)
        except StoreMissingError:
            return None

    def truth(self) -> dict[str, dict[str, int]]:
        """What the devices say was acknowledged: device → observations, in, out."""
        found: dict[str, dict[str, int]] = {}
        for process in self.devices:
            report = json.loads((self.folder / f"{process.name}.json").read_text(encoding="utf-8"))
            assert report["unacknowledged"] == 0
            for device, total in report["devices"].items():
                if total["n"]:
                    found[device] = {"n": total["n"], "in": total["in"], "out": total["out"]}
        return found

    def settled(self, truth: dict[str, dict[str, int]], timeout_s: float = 120) -> dict[str, dict[str, int]]:
        """Wait until the store has as many observations as the truth (or more), and return its totals by device."""
        wanted = sum(total["n"] for total in truth.values())
        deadline = time.monotonic() + timeout_s
        while self.totals()["observations"] < wanted and time.monotonic() < deadline:
            time.sleep(0.2)
        time.sleep(1)  # whatever would be too many has a chance to come
        assert self.node.end(signal.SIGTERM) == 0
        by_device = self.totals()["by_device"]
        return {
            device: {"n": total["n"], "in": round(total["in"]), "out": round(total["out"])}
            for device, total in by_device.items()
        }

    def totals(self) -> dict:
        try:
            return self.reader().totals()
        except StoreMissingError:
            return {"observations": 0, "by_device": {}}

    def stop(self) -> None:
        for process in (*self.devices, self.node, self.broker):
            process.kill()


def halves(count: int = 2) -> list[list[str]]:
    """Split the quarter's devices over some processes."""
    ids = sorted(quarter().places.devices)
    return [ids[index::count] for index in range(count)]


def environment_seed() -> int:
    """Seed of the moments of death; printed, so that a failure can be repeated."""
    seed = int(os.environ.get("TEST_SEED", time.time_ns() % 1_000_000))
    print(f"TEST_SEED={seed}")  # noqa: T201 - pytest shows it where the test fails
    return seed
