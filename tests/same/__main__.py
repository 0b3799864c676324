"""Proves that a refactoring changed no result.

    python -m tests.same --base COMMIT --hours 24 --shards 4 --report same.json        (`make same BASE=COMMIT`)

The simulator of this tree makes a neutral recording of a day. The commit is checked out beside, and the recording goes
through its modules and through those of this tree, each in a process of its own; what the two have stored is compared
row by row. With `--engine kafka`, workers of this tree on a real Kafka work such a day off as well.

What people do about alerts is a part of the day, and alerts have ids: so a first pass through the commit, without
commands, tells which alerts there are.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.same.compare import Report, compare, printed
from tests.same.contents import STORED, Dump, read_dump
from tests.same.drive import read_recording
from tests.same.record import SITE, record, with_commands, write

ROOT: Final = Path(__file__).resolve().parents[2]
_START: Final = (
    "import sys, tests; tests.__path__.insert(0, sys.argv.pop(1)); from tests.same.drive import main; main()"
)
"""The driver comes from this tree, everything it drives from the tree that is the working directory."""


def run(options: argparse.Namespace, folder: Path) -> Report:
    """Record, drive both trees, and return what differs."""
    commit = _git("rev-parse", "--verify", f"{options.base}^{{commit}}")
    name = f"{commit[:12]}-{options.hours:g}h-{options.seed}"
    recording = folder / f"recording-{name}.jsonl.gz"
    expected = folder / f"dump-{name}-{options.shards}.jsonl.gz"
    seconds: dict[str, float] = {}
    if not recording.exists() or not expected.exists():
        with checkout(commit) as tree:
            if not recording.exists():
                with timed(seconds, "recording"):
                    _record(recording, tree, options.hours, options.seed)
            with timed(seconds, "base"):
                drive(tree, recording, expected, options.shards)
    own = folder / "own.jsonl.gz"
    with timed(seconds, "own"):
        drive(ROOT, recording, own, options.shards)
    report = {"base": commit, "hours": options.hours, "shards": options.shards, "seconds": seconds}
    report |= compare(read_dump(expected), read_dump(own))
    if options.engine == "kafka":
        with timed(seconds, "kafka"):
            report["kafka"] = _on_kafka(folder, options)
    return report


def _on_kafka(folder: Path, options: argparse.Namespace) -> Report:
    """Return what differs between workers on Kafka and this tree's embedded engine.

    Workers that work a whole day off at once read one shard faster than another. A person's command, which is in shard
    0, may then come before the alert that another shard raises; and how a clock that was set back looks to the site
    depends on how far each shard is. So this day has neither.
    """
    from tests.same.kafka import worked_off

    recording, dump, records = (folder / f"kafka-{name}.jsonl.gz" for name in ("recording", "dump", "records"))
    write(recording, *record(options.hours, options.seed, set_back=False))
    drive(ROOT, recording, dump, options.shards, records)
    with tempfile.TemporaryDirectory(prefix="patrolgrid-same-kafka-") as site:
        found = worked_off(Path(site), records, options.shards, options.wait_s)
    # How far time has come is told per log, and in which order sums were added up depends on who was faster.
    return compare(read_dump(dump), found, STORED - {"totals", "series totals"})


def _record(path: Path, tree: Path, hours: float, seed: int) -> None:
    """Make a recording: first without commands, for a first pass to tell the ids of alerts, then with them."""
    header, events = record(hours, seed)
    first, dump = path.with_name(f"first-{path.name}"), path.with_name(f"first-dump-{path.name}")
    write(first, header, events)
    drive(tree, first, dump, 1)
    alerts = raised(read_dump(dump))
    new = path.with_suffix(".new")
    write(new, header, with_commands(read_recording(first)[1], alerts, f"patrolgrid/v1/{SITE}/commands"))
    new.replace(path)
    first.unlink()
    dump.unlink()


def raised(dump: Dump) -> list[tuple[str, int]]:
    """Return id and time of every alert of a dump."""
    return [(key[0], fields["raised_ms"]) for key, fields in dump.rows["alerts"].items()]


def drive(
    tree: Path, recording: Path, dump: Path, shards: int, records: Path | None = None, seconds: Path | None = None
) -> None:
    """Drive a tree in a process of its own, whose modules are the tree's. Raises CalledProcessError."""
    new = dump.with_suffix(".new")
    command = [sys.executable, "-c", _START, str(ROOT / "tests"), str(recording.resolve()), str(new.resolve())]
    command += ["--tree", str(tree), "--shards", str(shards)]
    command += [] if records is None else ["--records", str(records.resolve())]
    command += [] if seconds is None else ["--seconds", str(seconds.resolve())]
    subprocess.run(command, check=True, cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)})
    new.replace(dump)


@contextmanager
def checkout(commit: str) -> Iterator[Path]:
    """Check a commit out beside, for as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix="patrolgrid-base-") as folder:
        tree = (Path(folder) / "tree").resolve()
        _git("worktree", "add", "--quiet", "--detach", str(tree), commit)
        try:
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree))


@contextmanager
def timed(seconds: dict[str, float], what: str) -> Iterator[None]:
    """Note how long something took."""
    began = time.monotonic()
    yield
    seconds[what] = round(time.monotonic() - began, 1)


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()


def main() -> int:
    """Compare, print, and return 1 where anything but texts differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.same", description="Proves that no result has changed.")
    parser.add_argument("--base", required=True, help="the commit to compare with")
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--shards", type=int, default=1)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--engine", choices=("embedded", "kafka"), default="embedded")
    parser.add_argument("--wait-s", type=float, default=3_600.0, help="longest wait for the workers on Kafka")
    parser.add_argument("--folder", type=Path, help="keep recording and dumps here; the base's, once there, are reused")
    parser.add_argument("--report", type=Path, help="write what came of it here, as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="patrolgrid-same-") as beside:
        folder = options.folder or Path(beside)
        folder.mkdir(parents=True, exist_ok=True)
        report = run(options, folder)
    for what, one in {"": report, "workers on Kafka against this tree's embedded engine": report.get("kafka")}.items():
        if one is not None:
            sys.stdout.write(f"{what}\n{printed(one)}\n")
    sys.stdout.write(f"seconds: {report['seconds']}\n")
    if options.report is not None:
        options.report.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return 1 if report["differences"] or report.get("kafka", {}).get("differences") else 0


if __name__ == "__main__":
    sys.exit(main())
