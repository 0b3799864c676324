"""A site on Kafka whose records are written by the test: settings, worker processes, and how far they are."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.kafka import site_topics as topics
from deploy.processes.supervisor import free_port
from ingest.log.kafka_address import KafkaAddress, records_topic, site_topic
from ingest.log.kafka_log import KafkaLog
from ingest.log.records import Record
from ingest.places import Places
from simulators.world.neighbourhood import places_geojson
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.tables import StoreMissingError
from tests.kafka.day import SITE, places
from tests.node.harness import Process
from tests.support import wait_for

_LABEL = re.compile(r'(\w+)="([^"]*)"')


class SiteOnKafka:
    """One site with topics of its own, and workers that can be started, stopped and killed.

    Parameters
    ----------
    folder
        Everything is written here.
    address
        A running Kafka. Topics of the site must not be there yet.
    shards, checkpoint_s
        As in the settings.
    site
        Its id.
    """

    def __init__(
        self, folder: Path, address: KafkaAddress, *, shards: int = 2, checkpoint_s: float = 1.0, site: str = SITE
    ) -> None:
        self.folder, self.address, self.shards, self.site = folder, address, shards, site
        self.places: Places = places()
        self.appended = 0
        topics.create(address, topics.topics_of(site, shards, 168))
        self._log = KafkaLog(address, records_topic(site), shards=shards, timeout_s=60)
        places_file = folder / "places.geojson"
        places_file.write_text(json.dumps(places_geojson()), encoding="utf-8")
        self.config = folder / "patrolgrid.toml"
        self.config.write_text(
            f"""
            [site]
            id = "{site}"
            places = "{places_file}"
            [data]
            dir = "{folder / "data"}"
            [sinks]
            mqtt = false
            [kafka]
            bootstrap = "{address.bootstrap}"
            shards = {shards}
            [worker]
            checkpoint_s = {checkpoint_s}
            """,
            encoding="utf-8",
        )
        self.ports: dict[str, int] = {}
        self.workers: list[Process] = []

    @property
    def data(self) -> Path:
        """The site's folder."""
        return self.folder / "data" / self.site

    @property
    def store(self) -> Path:
        """Where results are."""
        return self.data / "store.db"

    def append(self, records: Sequence[Record]) -> None:
        """Append records as a gateway would."""
        for start in range(0, len(records), 500):
            self._log.append(list(records[start : start + 500]))
        self.appended += len(records)

    def worker(self, name: str) -> Process:
        """Start a worker (it is stopped by `close`)."""
        self.ports[name] = free_port()
        command = [sys.executable, "-m", "console.cli", "worker", "--config", str(self.config), "--name", name]
        process = Process(name, [*command, "--metrics-port", str(self.ports[name])], self.folder)
        process.start()
        self.workers.append(process)
        return process

    def ask(self, name: str, path: str = "readyz") -> tuple[int, str]:
        """Return status and text of a worker's page; (0, why) where it does not answer."""
        try:
            with urlopen(f"http://127.0.0.1:{self.ports[name]}/{path}", timeout=60) as answer:
                return answer.status, answer.read().decode()
        except URLError as error:
            return getattr(error, "code", 0), str(error)

    def ready(self, name: str) -> bool:
        """Tell whether a worker says that it does its work."""
        return self.ask(name)[0] == 200

    def metric(self, name: str, metric: str) -> dict[str, float]:
        """Return a worker's metric by topic and partition, ``records/0``."""
        found = {}
        for name_labels, value in (line.rsplit(" ", 1) for line in self.ask(name, "metrics")[1].splitlines()):
            label = dict(_LABEL.findall(name_labels))
            if name_labels.startswith(f"patrolgrid_worker_{metric}{{") and "partition" in label:
                found[f"{label['topic'].rpartition('.')[2]}/{label['partition']}"] = float(value)
        return found

    def stored(self) -> int:
        """Return up to which offset of the site's topic the store has results; -1 without a store."""
        try:
            return int(StoreReader(self.store).progress()["position"])
        except StoreMissingError:
            return -1

    def results(self) -> int:
        """Return how many results the shards have given."""
        return asyncio.run(self._end(site_topic(self.site)))

    async def _end(self, topic: str) -> int:
        consumer = AIOKafkaConsumer(bootstrap_servers=self.address.bootstrap)
        await consumer.start()
        try:
            place = TopicPartition(topic, 0)
            return int((await consumer.end_offsets([place]))[place])
        finally:
            await consumer.stop()

    def settle(self, timeout_s: float = 90.0) -> None:
        """Wait until every record has given a result, and the store has them all."""
        wait_for(lambda: self.results() >= self.appended, "every record gives a result", timeout_s)
        quiet_s = time.monotonic()
        end = self.results()
        while time.monotonic() - quiet_s < 1.0 or self.stored() < end:
            time.sleep(0.1)
            if (now := self.results()) != end:
                end, quiet_s = now, time.monotonic()
            assert time.monotonic() - quiet_s < timeout_s, f"the store has {self.stored()} of {end} results"

    def close(self) -> None:
        """Kill what still runs."""
        for process in self.workers:
            process.kill()
        self._log.close()

    @staticmethod
    def end(process: Process) -> int:
        """Stop a worker as systemd would, and return its exit code."""
        return process.end(signal.SIGTERM)
