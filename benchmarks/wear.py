"""What a nearly idle site writes to its disk: ``python -m benchmarks.wear --minutes 30``.

A hundred devices say one thing a minute each, every device at its own second; a node and a board run beside Mosquitto
(or the embedded broker), on real files. Counted is ``write_bytes`` of ``/proc/<pid>/io`` of the node and of the board:
what they made the kernel write, the pages of files that changed, without the broker. Then the node is killed, and a
second one tells what that costs: the records it reads again, and how long it takes until it is where the first was.
"""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from console.board.board_config import BoardConfig
from deploy.processes.broker import MosquittoMissingError, embedded_command, mosquitto_command, write_mosquitto
from deploy.processes.supervisor import free_port, listening
from ingest.login import BrokerAddress
from ingest.places import Places
from ingest.topics import observations
from simulators.world.neighbourhood import scale
from stream.engines.snapshot_files import SnapshotFiles
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.tables import StoreError

SITE = "wear"
DAY_S = 86_400
SEED = 7


def geojson(places: Places) -> dict[str, Any]:
    """Return places as the document that they can be loaded from."""
    features = [
        {
            "properties": {"kind": "beat", "id": beat.id, "name": beat.name},
            "geometry": {"type": "Polygon", "coordinates": [beat.polygon]},
        }
        for beat in places.beats.values()
    ]
    features += [
        {
            "properties": {"kind": "device", "id": one.id, "beat": one.beat, "type": one.type, "name": one.name},
            "geometry": {"type": "Point", "coordinates": [one.lon, one.lat]},
        }
        for one in places.devices.values()
    ]
    return {"type": "FeatureCollection", "features": [{"type": "Feature", **one} for one in features]}


def say(kind: str, number: int, now_ms: int, rng: Random) -> dict[str, Any]:
    """Return what a device of some type says."""
    head: dict[str, Any] = {"boot": "w", "seq": number, "ts": now_ms}
    match kind:
        case "camera":
            people = {"interval_s": 60, "in": rng.randint(0, 9), "out": rng.randint(0, 9), "of": "person"}
            return {"type": "count", **head, **people}
        case "gate":
            plate = f"h1:k:{rng.randrange(500):04x}"
            return {"type": "gate", **head, "direction": "in", "plate": plate, "vehicle": "car", "allowed": True}
        case "door" | "manhole":
            word = {"door": "closed", "manhole": "closed"}[kind]
            return {"type": "state", **head, "metric": "door" if kind == "door" else "cover", "value": word}
        case _:
            # A quiet night: readings as usual, which scatter a little.
            metric, unit, value, scatter = {
                "noise": ("noise", "dB", 50.0, 8.0),
                "smoke": ("smoke", "%/m", 0.1, 0.05),
                "heat": ("temperature", "°C", 21.0, 0.5),
                "water": ("water", "cm", 3.0, 0.2),
            }.get(kind, ("temperature", "°C", 15.0, 0.5))
            reading = round(value + scatter * rng.random(), 2)
            return {"type": "level", **head, "metric": metric, "value": reading, "unit": unit}


class Devices:
    """All devices of a site over one connection, each with a second of its own in every minute."""

    def __init__(self, port: int, devices: list[tuple[str, str, str]]) -> None:
        rng = self.rng = Random(SEED)
        self.due = sorted((rng.uniform(0, 60), number) for number in range(len(devices)))
        self.devices, self.number, self.at = devices, 0, 0
        self.began = time.monotonic()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, "wear-devices")
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def speak_until(self, end: float) -> None:
        """Publish what falls due until a moment of the monotonic clock."""
        while True:
            second, which = self.due[self.at]
            due = self.began + 60 * self.number + second
            if due > end:
                time.sleep(max(end - time.monotonic(), 0))
                return
            time.sleep(max(due - time.monotonic(), 0))
            beat, device, kind = self.devices[which]
            payload = json.dumps(say(kind, self.number, time.time_ns() // 1_000_000, self.rng))
            self.client.publish(observations(SITE, beat, device), payload, qos=1)
            self.at += 1
            if self.at == len(self.due):
                self.at, self.number = 0, self.number + 1

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def written(pid: int) -> int:
    """Return the bytes that a process has made the kernel write."""
    lines = Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


def status(folder: Path) -> dict[str, Any]:
    with closing(StoreReader(folder / "data" / SITE / "store.db")) as reader:
        try:
            return dict(reader.meta("status") or {})
        except StoreError:
            return {}


def until(condition: Any, what: str, within_s: float = 60.0) -> float:
    """Wait until a condition holds; return the seconds."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > within_s:
            raise SystemExit(f"waited {within_s:g} s in vain: {what}")
        time.sleep(0.02)
    return time.monotonic() - began


def start(
    command: list[str], folder: Path, name: str, stack: ExitStack, stdin: int | None = None
) -> subprocess.Popen[bytes]:
    with (folder / f"{name}.log").open("ab") as log:
        child = subprocess.Popen(command, stdin=stdin, stdout=log, stderr=log)

    def end() -> None:
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
            child.wait(60)

    stack.callback(end)
    return child


def measure(folder: Path, minutes: float, settle_s: float, count: int) -> dict[str, Any]:
    port, site = free_port(), scale(count)
    try:
        broker = mosquitto_command(write_mosquitto(folder / "mosquitto", port))
    except MosquittoMissingError:
        broker = embedded_command(port)
    places = folder / "places.geojson"
    places.write_text(json.dumps(geojson(site.places)), encoding="utf-8")
    config, data = folder / "patrolgrid.toml", folder / "data" / SITE
    config.write_text(
        f'[site]\nid = "{SITE}"\nplaces = "{places}"\n[data]\ndir = "{folder / "data"}"\n[broker]\nport = {port}\n',
        encoding="utf-8",
    )
    board = BoardConfig(
        store_path=str(data / "store.db"), places_path=str(places), site=SITE, broker=BrokerAddress(port=port), port=0
    )
    (folder / "board.json").write_bytes(msgspec.json.encode(board, enc_hook=str))
    with ExitStack() as stack:
        start(broker, folder, "broker", stack)
        until(lambda: listening("127.0.0.1", port), "the broker listens")
        command = [sys.executable, "-m", "deploy.node", "--config", str(config)]
        node = start(command, folder, "node", stack)
        until(lambda: status(folder).get("connected"), "the node is connected")
        page = start(
            [sys.executable, "-m", "console.board", "--config-json", str(folder / "board.json")], folder, "board", stack
        )
        devices = Devices(port, [(spec.device.beat, spec.device.id, spec.device.type) for spec in site.specs])
        stack.callback(devices.close)
        devices.speak_until(time.monotonic() + settle_s)
        began, before = time.monotonic(), {"node": written(node.pid), "board": written(page.pid)}
        devices.speak_until(began + 60 * minutes)
        seconds = time.monotonic() - began
        wrote = {"node": written(node.pid) - before["node"], "board": written(page.pid) - before["board"]}
        figures: dict[str, Any] = {
            "devices": count,
            "minutes": round(seconds / 60, 2),
            "write_bytes": wrote,
            "gb_a_day": {name: round(size * DAY_S / seconds / 1e9, 3) for name, size in wrote.items()},
        }
        figures["gb_a_day"]["both"] = round(sum(wrote.values()) * DAY_S / seconds / 1e9, 3)
        node.send_signal(signal.SIGKILL)
        node.wait()
        saved = SnapshotFiles(data / "state").paths()
        reached = StoreReader(data / "store.db").progress()["position"]
        figures["records_to_read_again"] = reached - int(saved[0].stem) if saved else reached
        devices.close()
        at = time.time_ns() // 1_000_000
        node = start(command, folder, "node", stack)
        figures["until_it_is_back_s"] = round(
            until(
                lambda: (
                    (now := status(folder)).get("wall_ms", 0) > at and now["connected"] and not now["lag"]["records"]
                ),
                "back",
            ),
            2,
        )
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.wear", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="how long to count (default: %(default)s)")
    parser.add_argument("--settle-s", type=float, default=30.0, help="how long before that (default: %(default)s)")
    parser.add_argument("--devices", type=int, default=100, help="how many (default: %(default)s)")
    parser.add_argument("--dir", type=Path, default=Path.cwd(), help="a folder on a real disk (default: this one)")
    parser.add_argument("--keep", action="store_true", help="leave the files there")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix=".wear-", dir=options.dir))
    print(json.dumps(measure(folder, options.minutes, options.settle_s, options.devices), indent=2))
    if options.keep:
        print(folder)
    else:
        subprocess.run(["rm", "-r", str(folder)], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
