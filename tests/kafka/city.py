"""A whole city on one machine: Mosquitto, Kafka, gateways, workers and devices, each a process that can be killed."""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

from deploy.kafka import site_topics as topics
from deploy.processes.broker import mosquitto_command, write_mosquitto
from deploy.processes.supervisor import free_port, listening
from ingest.log.kafka_address import KafkaAddress
from ingest.places import Places, parse_places
from simulators.world.neighbourhood import places_geojson, quarter
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.tables import StoreMissingError
from tests.kafka_node import KafkaNode
from tests.node.harness import Process
from tests.support import wait_for

_STARTED_MS: Final = 1_795_442_700_000
"""Site time at which it all begins: an evening, with the market and the bars busy."""


class City:
    """All processes of a site on Kafka, on free ports of this machine and in one folder.

    Parameters
    ----------
    folder
        Everything is written here.
    shards, gateways, workers
        How many of each.
    speed
        How many seconds pass at the site in one.
    kafka
        One that runs already, and goes on running; else it has its own.
    site
        The site's id: on a Kafka that others use it must be its own.
    """

    def __init__(
        self,
        folder: Path,
        *,
        shards: int = 4,
        gateways: int = 2,
        workers: int = 2,
        speed: float = 30.0,
        kafka: KafkaNode | None = None,
        site: str = "quarter",
    ) -> None:
        self.folder, self.shards, self.speed, self.site = folder, shards, speed, site
        self.port, self.ports = free_port(), dict[str, int]()
        self.started_ms = time.time_ns() // 1_000_000
        self.own_kafka = kafka is None
        self.kafka = kafka or KafkaNode(folder / "kafka", free_port(), heap_mb=384)
        places = folder / "places.geojson"
        places.write_text(json.dumps(places_geojson()), encoding="utf-8")
        self.config = folder / "patrolgrid.toml"
        self.config.write_text(
            f"""
            [site]
            id = "{site}"
            places = "{places}"
            [data]
            dir = "{folder / "data"}"
            [clock]
            mode = "scaled"
            origin_ms = {_STARTED_MS}
            started_ms = {self.started_ms}
            speed = {speed}
            [broker]
            port = {self.port}
            protocol = "5"
            [gateway]
            shared_group = "city"
            [kafka]
            bootstrap = "{self.kafka.bootstrap}"
            shards = {shards}
            [worker]
            # Whoever is killed every few seconds has to save more often.
            checkpoint_s = 1
            """,
            encoding="utf-8",
        )
        self.broker = Process("broker", mosquitto_command(write_mosquitto(folder / "mosquitto", self.port)), folder)
        self.gateways = [self._ours("gateway", number) for number in range(gateways)]
        self.workers = [self._ours("worker", number) for number in range(workers)]
        self.devices: list[Process] = []

    @property
    def address(self) -> KafkaAddress:
        """How to reach Kafka."""
        return KafkaAddress(bootstrap=self.kafka.bootstrap)

    @property
    def places(self) -> Places:
        """The site's places."""
        return parse_places(places_geojson())

    @property
    def store(self) -> Path:
        """Where the site's stage stores results."""
        return self.folder / "data" / self.site / "store.db"

    def start(self) -> None:
        """Start all but the devices, and wait until the gateways are subscribed: the broker keeps what comes then."""
        if self.own_kafka:
            self.kafka.start()
        topics.create(self.address, topics.topics_of(self.site, self.shards, 168))
        self.start_broker()
        for process in (*self.gateways, *self.workers):
            process.start()
        # From its session on, the broker keeps a gateway's share; before, nobody would.
        wait_for(lambda: all(self.ready(gateway) for gateway in self.gateways), "the gateways subscribe")

    def start_broker(self) -> None:
        """Start Mosquitto, or start it again."""
        self.broker.start()
        wait_for(lambda: listening("127.0.0.1", self.port), "the broker listens")

    def add_devices(self, processes: int = 2, *arguments: str) -> None:
        """Start the quarter's devices that number what they say, divided among processes, and wait until they speak."""
        ids = sorted(spec.device.id for spec in quarter().specs if spec.numbered)
        for index in range(processes):
            name = f"devices-{index}"
            chosen = self.folder / f"{name}.txt"
            chosen.write_text("\n".join(ids[index::processes]), encoding="utf-8")
            command = [sys.executable, "-m", "simulators.run", "--port", str(self.port), "--site", self.site]
            command += ["--devices-file", str(chosen), "--report", str(self.folder / f"{name}.json"), "--drain-s", "90"]
            command += ["--origin-ms", str(_STARTED_MS), "--started-ms", str(self.started_ms)]
            command += ["--ready", str(self.folder / f"{name}.ready"), "--speed", str(self.speed)]
            process = Process(name, [*command, *arguments], self.folder)
            process.start()
            self.devices.append(process)
        ready = [self.folder / f"{process.name}.ready" for process in self.devices]
        wait_for(lambda: all(path.exists() for path in ready), "the devices speak")

    def ready(self, process: Process) -> bool:
        """Tell whether a gateway or worker says that it does its work."""
        try:
            with urlopen(f"http://127.0.0.1:{self.ports[process.name]}/readyz", timeout=20) as answer:
                return answer.status == 200
        except OSError:
            return False

    def end_devices(self) -> dict[str, dict[str, int]]:
        """Let the devices say their last, and return their books: device → observations, in, out."""
        books: dict[str, dict[str, int]] = {}
        for process in self.devices:
            process.send(signal.SIGTERM)
        for process in self.devices:
            assert process.wait(120) == 0, f"{process.name} failed"
            report = json.loads((self.folder / f"{process.name}.json").read_text(encoding="utf-8"))
            assert report["unacknowledged"] == 0, f"{process.name}: {report['unacknowledged']} unacknowledged"
            for device, total in report["devices"].items():
                if total["n"]:
                    books[device] = {"n": total["n"], "in": total["in"], "out": total["out"]}
        return books

    def totals(self) -> dict[str, Any]:
        """Return the store's totals."""
        try:
            return StoreReader(self.store).totals()
        except StoreMissingError:
            return {"observations": 0, "by_device": {}}

    def stored(self) -> dict[str, dict[str, int]]:
        """Return the store's totals by device, in the form of the devices' books."""
        by_device = self.totals()["by_device"]
        return {
            device: {"n": total["n"], "in": round(total["in"]), "out": round(total["out"])}
            for device, total in by_device.items()
        }

    def end_gateways(self) -> None:
        """Stop the gateways in order: what they have received is in Kafka then."""
        for gateway in self.gateways:
            assert gateway.end(signal.SIGTERM) == 0, f"{gateway.name} failed"

    def stop(self) -> None:
        """End everything at once."""
        for process in (*self.devices, *self.gateways, *self.workers, self.broker):
            process.kill()
        if self.own_kafka:
            self.kafka.kill()

    def _ours(self, kind: str, number: int) -> Process:
        name = f"{kind}-{number + 1}"
        self.ports[name] = free_port()
        command = [sys.executable, "-m", "console.cli", kind, "--config", str(self.config), "--name", name]
        return Process(name, [*command, "--metrics-port", str(self.ports[name])], self.folder)
