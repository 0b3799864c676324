"""Nothing lost, nothing twice: a city whose processes are killed at random, compared with what is true.

    python -m tests.kafka.chaos --minutes 5 --report chaos.json        (`make chaos`)

Two gateways and two workers share a site of four shards. For some minutes one of them at a time is ended with SIGKILL
and started again; in between Mosquitto is killed once and Kafka once. Then the devices stop, and two things must hold:

1. the store's totals equal the devices' own books, device by device;
2. the records in Kafka, read again from the beginning by one undisturbed pipeline, give what the store holds, row by
   row and field by field (`tests.kafka.same_results`).
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from deploy.settings.load import load_settings
from deploy.wiring import pipeline_config
from tests.kafka.city import City
from tests.kafka.same_results import contents, differences, records, replay
from tests.support import wait_for


@dataclass
class Report:
    """What was done, and what came of it."""

    seed: int
    minutes: float
    kills: dict[str, int] = field(default_factory=dict)
    """Process → how often it was killed."""
    observations: int = 0
    """What the devices say they published and had acknowledged."""
    devices: int = 0
    wrong_devices: dict[str, Any] = field(default_factory=dict)
    """Devices whose totals differ: what the store has, and what they say."""
    records: int = 0
    """Records in Kafka, of all shards."""
    compared: dict[str, int] = field(default_factory=dict)
    """Rows compared, by what they are."""
    differences: dict[str, Any] = field(default_factory=dict)
    ended_badly: dict[str, str] = field(default_factory=dict)
    """Worker → its exit code, and the end of what it wrote."""
    settled_s: float = 0.0
    """Seconds from the devices' last word until everything was in the store."""

    @property
    def passed(self) -> bool:
        """Whether both things hold."""
        return not (self.wrong_devices or self.differences or self.ended_badly) and self.observations > 0


def run(
    city: City,
    seconds: float,
    seed: int,
    *,
    kafka_too: bool,
    pause_s: tuple[float, float] = (3.0, 10.0),
    away_s: tuple[float, float] = (0.2, 3.0),
    hold_s: float = 15.0,
    idle_s: float = 15.0,
    say: Callable[[str], None] = print,
) -> Report:
    """Disturb a city for some seconds, let it settle, and compare. The city has been started; it is ended here."""
    chance, report = random.Random(seed), Report(seed, round(seconds / 60, 2))
    city.add_devices(2, "--seed", str(seed % 1000), "--hold-s", str(hold_s), "--loss", "0.01")
    # Mosquitto saves its sessions every five seconds: what it had never saved, nobody could ask of it.
    saved, since = city.folder / "mosquitto" / "data" / "mosquitto.db", time.time()
    wait_for(lambda: saved.exists() and saved.stat().st_mtime > since, "the broker has saved the gateways' sessions")
    ends, struck = time.monotonic() + seconds, 0.0
    great: list[tuple[float, str, Callable[[], None]]] = []
    if kafka_too:
        great.append((time.monotonic() + seconds * chance.uniform(0.2, 0.45), "kafka", lambda: _kafka_again(city)))
    great.append((time.monotonic() + seconds * chance.uniform(0.5, 0.8), "broker", lambda: _broker_again(city)))
    while time.monotonic() < ends:
        time.sleep(chance.uniform(*pause_s))
        if great and time.monotonic() > great[0][0]:
            _, name, act = great.pop(0)
            act()
            struck = time.monotonic()
        else:
            victim = chance.choice([*city.gateways, *city.workers])
            name = victim.name
            victim.kill()
            time.sleep(chance.uniform(*away_s))
            victim.start()
        report.kills[name] = report.kills.get(name, 0) + 1
        say(f"{seconds - (ends - time.monotonic()):6.1f} s  killed {name}, stored {city.totals()['observations']:,}")
    for _, name, act in great:
        act()
        report.kills[name], struck = 1, time.monotonic()
    # Devices that end must have had the time to come back (up to three seconds), and to say again what the broker may
    # have forgotten, and what it took before the gateways were back.
    time.sleep(max(struck + hold_s + 6 - time.monotonic(), 0))
    _compare(city, report, idle_s, say)
    return report


def _kafka_again(city: City) -> None:
    city.kafka.kill()
    time.sleep(1.0)
    city.kafka.start()


def _broker_again(city: City) -> None:
    city.broker.kill()
    time.sleep(0.5)
    city.start_broker()


def _compare(city: City, report: Report, idle_s: float, say: Callable[[str], None], settle_s: float = 60.0) -> None:
    books, began = city.end_devices(), time.monotonic()
    report.devices = len(books)
    report.observations = wanted = sum(book["n"] for book in books.values())
    say(f"the devices have published {wanted:,} observations")
    wait_for(lambda: all(city.ready(process) for process in city.gateways), "the gateways are back")
    deadline = time.monotonic() + 120
    while city.totals()["observations"] < wanted and time.monotonic() < deadline:
        time.sleep(0.2)
    report.settled_s = round(time.monotonic() - began, 1)
    # Time goes on until the last windows are closed, and what would be too many has a chance to come.
    time.sleep(idle_s)
    city.end_gateways()
    by_shard = records(city.address, city.site, city.shards)
    expected = city.folder / "expected.db"
    expected.unlink(missing_ok=True)
    report.records = replay(by_shard, pipeline_config(load_settings(city.config)), city.places, expected)
    rows = contents(expected)
    report.compared = {name: len(found) for name, found in rows.items()}
    deadline = time.monotonic() + settle_s
    while True:  # the workers may still be at it
        report.differences = differences(contents(city.store), rows)
        if not report.differences or time.monotonic() > deadline:
            break
        time.sleep(1.0)
    # Nothing is added by waiting, nor by ending in order.
    time.sleep(2.0)
    for worker in city.workers:
        if (code := worker.end(signal.SIGTERM)) != 0:
            written = (worker.folder / f"{worker.name}.log").read_text(encoding="utf-8", errors="replace")
            report.ended_badly[worker.name] = f"exit code {code} at SIGTERM; its log ends with\n{written[-3000:]}"
    report.differences |= differences(contents(city.store), rows)
    stored = city.stored()
    for device in sorted(books.keys() | stored.keys()):
        if stored.get(device) != books.get(device):
            report.wrong_devices[device] = {"stored": stored.get(device), "said": books.get(device)}


def table(report: Report) -> str:
    """Return the report for people."""
    kills = ", ".join(f"{name} {count}" for name, count in sorted(report.kills.items()))
    lines = [
        f"{'passed' if report.passed else 'FAILED'} (seed {report.seed}, {report.minutes:g} minutes)",
        f"  killed                 {kills}",
        f"  devices' own books     {report.observations:,} observations of {report.devices} devices; "
        + (f"{len(report.wrong_devices)} DIFFER" if report.wrong_devices else "the store has exactly these"),
        f"  records read again     {report.records:,}; the store was complete {report.settled_s:g} s after the last",
    ]
    lines += [f"    {device}: {wrong}" for device, wrong in list(report.wrong_devices.items())[:5]]
    for name, count in report.compared.items():
        wrong = report.differences.get(name)
        said = "equal" if wrong is None else f"{wrong['missing']} missing, {wrong['too_much']} too many, "
        said += "" if wrong is None else f"{wrong['different']} different"
        lines.append(f"  {name:<22} {count:>9,} rows  {said}")
        lines += [f"      {example}" for example in (wrong or {}).get("examples", [])]
    lines += [f"    {worker}: {how}" for worker, how in report.ended_badly.items()]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Run the long form. Returns 0 where both things hold, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.kafka.chaos", description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=None, help="what chance starts from (default: the time)")
    parser.add_argument("--speed", type=float, default=30.0, help="how fast the site's clock runs")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the report here, as JSON")
    parser.add_argument("--folder", type=Path, help="keep everything in this folder (default: none is kept)")
    options = parser.parse_args(arguments)
    seed = time.time_ns() % 1_000_000 if options.seed is None else options.seed
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        city = City(folder, speed=options.speed)
        try:
            city.start()
            report = run(city, options.minutes * 60, seed, kafka_too=True)
        finally:
            city.stop()
    print(table(report))  # noqa: T201 - its answer
    if options.report:
        document = {**asdict(report), "passed": report.passed}
        options.report.write_text(json.dumps(document, indent=2, default=str) + "\n", encoding="utf-8")
    return 0 if report.passed else 1


if __name__ == "__main__":
    sys.exit(main())
