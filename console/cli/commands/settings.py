"""``patrolgrid settings``: what is in force, or an example file to begin with."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Final

from console.common import add_settings_arguments, print_json, settings_of
from deploy.settings.documents import dump_toml, example_toml

EXAMPLES: Final = """\
examples:
  patrolgrid settings --example > patrolgrid.toml        a file with every key, its default and its meaning
  patrolgrid settings --config patrolgrid.toml           what is in force with that file and the environment
  PATROLGRID_BROKER__PORT=8883 patrolgrid settings --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_settings_arguments(parser)
    parser.add_argument("--example", action="store_true", help="print an example file instead")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Print settings; secrets are never among them."""
    if options.example:
        print(example_toml(), end="")
        return 0
    settings = settings_of(options)
    if options.json:
        document = asdict(settings)
        document["secrets"] = sorted(settings.secrets)
        print_json(document)
    else:
        print(dump_toml(settings), end="")
    return 0
