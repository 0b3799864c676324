"""``patrolgrid settings``: what is in force, or an example file to begin with."""

import argparse
from operator import attrgetter
from typing import Final

from console.common import add_settings_arguments, print_json, settings_of
from deploy.settings import SECRETS, SECTIONS, dump_toml
from deploy.settings.load import example_file
from stream.sentences.languages import language_of

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
        print(example_file(language_of(options.lang)).read_text(encoding="utf-8"), end="")
        return 0
    settings = settings_of(options)
    if options.json:
        document: dict[str, object] = {name: getattr(settings, name).public() for name in SECTIONS}
        print_json(document | {"secrets": [name for name in sorted(SECRETS) if attrgetter(name)(settings)]})
    else:
        print(dump_toml(settings), end="")
    return 0
