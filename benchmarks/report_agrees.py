"""A month's reports against an independent reckoning: ``python -m benchmarks.report_agrees FOLDER [WEEK …]``.

FOLDER has, or gets, the month of `benchmarks.month`. Each week is reported by ``patrolgrid report week --json``; the
tables are exported to CSV, and every figure that docs/report.md defines is reckoned from these by
`tests.console.report.independent`. It prints how many figures agree and each one that does not; exit code 1 then.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.month import SITE, ZONE, make
from ingest.days.patrol_settings import PatrolSettings
from ingest.places import load_places
from tests.console.report.independent import Exports, differences, reckoned

WEEKS = ("2026-W46", "2026-W45", "2026-W43")
"""The last one, with three before it; that in which the node was down; the first one, with none before."""


def main() -> int:
    folder = Path(sys.argv[1])
    make(folder)
    shutil.rmtree(folder / SITE / "reports", ignore_errors=True)  # what was kept may be of another version
    exports = Exports(folder, SITE, ZONE)
    places, bad = load_places(folder / SITE / "places.geojson"), 0
    for name in sys.argv[2:] or WEEKS:
        arguments = ["report", "week", "--week", name, "--json", "--data-dir", str(folder), "--site", SITE]
        answer = subprocess.run([sys.executable, "-m", "console.cli", *arguments], capture_output=True, check=True)
        report = json.loads(answer.stdout)
        mine = reckoned(exports, name, report["made_ms"] / 1000, [*places.beats], places.devices, PatrolSettings())
        agree, wrong = differences(mine, report)
        print(f"{name}: {agree} figures agree, {len(wrong)} do not")
        print("".join(f"  {line}\n" for line in wrong[:60]), end="")
        bad += len(wrong)
    return int(bad > 0)


if __name__ == "__main__":
    raise SystemExit(main())
