"""``patrolgrid plates rotate``: a new secret key for the tokens that stand in the place of number plates."""

import argparse
from typing import Final
from zoneinfo import ZoneInfo

from console.common import add_settings_arguments, local_time, print_json, settings_and_texts
from ingest.gateway.plate_keys import read_keys, rotate
from ingest.gateway.plates import LINK_DAYS

EXAMPLES: Final = """\
examples:
  patrolgrid plates rotate                               a new key; the node that runs uses it within seconds
  patrolgrid plates show                                 where the keys are, and since when each is in use

Every vehicle gets a new token. For 28 days its passes carry the old one too, so that nobody becomes a stranger by it;
after that nothing leads from new tokens to old ones. Where several gateways serve a site, copy the file to all of them.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in (
        ("rotate", "make a new key, and link old tokens to new ones for a while"),
        ("show", "tell which keys there are; never the keys themselves"),
    ):
        child = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        add_settings_arguments(child)
        child.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Rotate or show the keys. Raises `PlateKeyError` for a file that cannot be used."""
    settings, texts = settings_and_texts(options)
    path = settings.plate_key_file
    made = rotate(path) if options.action == "rotate" else None
    keys = read_keys(path)
    if options.json:
        shown = [{"id": key.id, "created_ms": key.created_ms} for key in keys]
        print_json({"file": str(path), "made": made, "keys": shown, "linked_days": LINK_DAYS})
        return 0
    if made is not None:
        print(texts("plates-rotated", id=made, days=LINK_DAYS, file=path))
    zone = ZoneInfo(settings.site.timezone)
    for key in keys:
        print(texts("plates-key", id=key.id, since=local_time(key.created_ms, zone)))
    return 0
