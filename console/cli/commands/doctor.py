"""``patrolgrid doctor``: what stands in the way of a node, and what to do about it."""

import argparse
from typing import Final

from console.common import add_settings_arguments, print_json, settings_of, texts_of
from console.doctor.examine import examine
from console.doctor.verdicts import print_checks
from deploy.settings import find_file
from ingest.setup.settings import SettingsError

EXAMPLES: Final = """\
examples:
  patrolgrid doctor --config patrolgrid.toml             each line: ok, warn, or FAIL with what to do
  patrolgrid doctor --json | jq '.checks[] | select(.state != "ok")'

Exit code 1 where something would keep `patrolgrid up` from running, or does not work as it is set.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_settings_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Make all checks, print them, and return 1 where one failed."""
    try:
        settings, wrong = settings_of(options), None
    except SettingsError as error:
        settings, wrong = None, error
    texts = texts_of(options, settings)
    results = examine(texts, find_file(options.config), settings, wrong)
    failed = sum(check.state == "fail" for check in results)
    if options.json:
        checks = [{"check": found.id, "state": found.state, "text": found.text, "do": found.todo} for found in results]
        print_json({"ok": failed == 0, "checks": checks})
        return 1 if failed else 0
    print_checks(texts, results)
    warned = sum(check.state == "warn" for check in results)
    code, count = ("bad", failed) if failed else ("warned", warned) if warned else ("good", 0)
    print(texts(f"doctor-{code}", count=count))
    return 1 if failed else 0
