"""``patrolgrid plates``: secret keys for the tokens in the place of number plates, and for plates that are sealed."""

import argparse
import sys
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from console.common import add_settings_arguments, local_time, print_json, settings_and_texts
from ingest.gateway.plate_keys import add_seal_key, public_seal_keys, read_keys, rotate
from ingest.gateway.plates import LINK_DAYS
from stream.sentences.catalogue import Sentences

EXAMPLES: Final = """\
examples:
  patrolgrid plates rotate                               a new key; the node that runs uses it within seconds
  patrolgrid plates show                                 where the keys are, and since when each is in use

  patrolgrid plates keys > station.seal                  the public key that edge agents seal plates to (--seal-key)
  patrolgrid plates keys --new > station.seal            a new one; what was sealed to older ones can still be opened

`keys` makes the first key where there is none. The public key is no secret; the file that it belongs to is, and without
it nobody can open what waits in the edge devices. Needs the extra seal.

Rotation: every vehicle gets a new token. For 28 days its passes carry the old one too, so that nobody becomes a
stranger by it; after that nothing leads from new tokens to old ones. Where several gateways serve a site, copy both
files to all of them.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in (
        ("rotate", "make a new key, and link old tokens to new ones for a while"),
        ("show", "tell which keys there are; never the keys themselves"),
        ("keys", "print the public key that edge agents seal plates to"),
    ):
        child = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        add_settings_arguments(child)
        child.add_argument("--json", action="store_true", help="print JSON")
        if name == "keys":
            child.add_argument("--new", action="store_true", help="make a new key, for edge agents to use from now on")


def run(options: argparse.Namespace) -> int:
    """Rotate or show the keys. Raises `PlateKeyError` for a file that cannot be used."""
    settings, texts = settings_and_texts(options)
    if options.action == "keys":
        return _keys(settings.seal_key_file, texts, options)
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


def _keys(path: Path, texts: Sentences, options: argparse.Namespace) -> int:
    """Print the newest public key, a line for a file; what people should know goes to standard error."""
    made = add_seal_key(path) if options.new or not path.exists() else None
    *older, newest = public_seal_keys(path)
    if options.json:
        print_json({"file": str(path), "made": made, "key": newest, "older": older})
        return 0
    if made is not None:
        print(texts("plates-sealed", id=made, file=path), file=sys.stderr)
    print(newest)
    return 0
