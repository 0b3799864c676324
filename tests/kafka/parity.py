"""A recorded day of the simulated quarter through both engines, compared value by value.

    python -m tests.kafka.parity --hours 24 --report parity.json        (`make parity`)

The day's records, faults included, are appended to a Kafka of its own; two workers work them off, and what is in their
store is compared with that of the embedded engine's pipeline over the same records: every window, passage, change of
state, anomaly, alert with every revision, hotspot map, incident and data quality (`tests.kafka.same_results`).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from deploy.settings.load import load_settings
from deploy.wiring import pipeline_config
from ingest.log.kafka_address import KafkaAddress
from tests.kafka.day import recorded
from tests.kafka.harness import SiteOnKafka
from tests.kafka.same_results import contents, differences, replay
from tests.kafka_node import KafkaNode


def run(folder: Path, *, hours: float, shards: int, workers: int, seed: int, wait_s: float) -> dict[str, Any]:
    """Work off some hours on both engines; return what was compared and what differs."""
    began = time.monotonic()
    records = recorded(hours, shards, seed=seed)
    sys.stderr.write(f"{len(records):,} records of {hours:g} h in {time.monotonic() - began:.1f} s\n")
    with KafkaNode(folder / "kafka") as node:
        site = SiteOnKafka(folder, KafkaAddress(bootstrap=node.bootstrap), shards=shards, checkpoint_s=5.0)
        try:
            site.append(records)
            began = time.monotonic()
            processes = [site.worker(f"worker-{number + 1}") for number in range(workers)]
            site.settle(wait_s)
            took_s = time.monotonic() - began
            codes = [site.end(process) for process in processes]
        finally:
            site.close()
        expected = folder / "expected.db"
        by_shard = [[record for record in records if record.shard == shard] for shard in range(shards)]
        began = time.monotonic()
        replay(by_shard, pipeline_config(load_settings(site.config)), site.places, expected)
        wanted, found = contents(expected), contents(site.store)
    return {
        "hours": hours,
        "records": len(records),
        "shards": shards,
        "workers": workers,
        "exit_codes": codes,
        "kafka_s": round(took_s, 1),
        "embedded_s": round(time.monotonic() - began, 1),
        "compared": {name: len(rows) for name, rows in wanted.items()},
        "differences": differences(found, wanted),
    }


def main() -> int:
    """Compare, print, and return 1 where anything differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.kafka.parity", description="A day through both engines.")
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--wait-s", type=float, default=3_600.0, help="longest wait for the workers")
    parser.add_argument("--report", type=Path, help="write what came of it here, as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="patrolgrid-parity-") as folder:
        report = run(
            Path(folder),
            hours=options.hours,
            shards=options.shards,
            workers=options.workers,
            seed=options.seed,
            wait_s=options.wait_s,
        )
    text = json.dumps(report, indent=2, ensure_ascii=False)
    sys.stdout.write(f"{text}\n")
    if options.report is not None:
        options.report.write_text(f"{text}\n", encoding="utf-8")
    return 1 if report["differences"] or any(report["exit_codes"]) else 0


if __name__ == "__main__":
    sys.exit(main())
