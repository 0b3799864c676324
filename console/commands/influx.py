"""``patrolgrid influx setup``: buckets, downsampling and two tokens, one that writes and one that reads."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from console.commands.common import add_settings_arguments, settings_of, texts_of
from console.commands.errors import CommandError

if TYPE_CHECKING:
    import argparse

EXAMPLES: Final = """\
examples:
  INFLUX_TOKEN=... patrolgrid influx setup               InfluxDB 2, with the operator's token
  patrolgrid influx setup --admin-user admin --admin-token-file admin.password          InfluxDB 1 with users
  patrolgrid influx setup --check                        say what would be made

The address: [influx] in the settings, or PATROLGRID_INFLUX__URL. May be run again: it makes what is missing.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    child = actions.add_parser("setup", help="make what is missing", description="Make what is missing.")
    add_settings_arguments(child)
    child.add_argument("--check", action="store_true", help="change nothing, say what is missing")
    child.add_argument("--admin-user", default="", metavar="NAME", help="administrator (InfluxDB 1 with users)")
    child.add_argument(
        "--admin-token-file", type=Path, metavar="FILE", help="its token or password (default: INFLUX_TOKEN)"
    )
    child.add_argument(
        "--tokens-dir", type=Path, metavar="DIR", help="where new tokens go (default: the site's folder)"
    )


def run(options: argparse.Namespace) -> int:
    """Prepare the server; return 1 where a check found something missing."""
    from deploy.influx import influx_address, set_up  # noqa: PLC0415 - quick start

    settings = settings_of(options)
    texts = texts_of(options, settings)
    if not settings.influx.url:
        raise CommandError(texts("influx.url"), code=2)
    admin = os.environ.get("INFLUX_TOKEN", "")
    if options.admin_token_file is not None:
        admin = options.admin_token_file.read_text(encoding="utf-8").split("\n", 1)[0].strip()
    if settings.influx.version == "2" and not admin:
        raise CommandError(texts("influx.admin"), code=2)
    prepared = set_up(
        influx_address(settings), admin, admin_user=options.admin_user, zone=settings.site.timezone, check=options.check
    )
    for one in prepared.done:
        print(f"{texts('influx.missing' if options.check else 'influx.made')}  {one}")
    if not prepared.done:
        print(texts("influx.same"))
    folder = options.tokens_dir or settings.site_dir
    for name, token in (("token_file", prepared.write_token), ("read_token_file", prepared.read_token)):
        if token:
            path = folder / f"influx-{'write' if name == 'token_file' else 'read'}.token"
            _keep(path, token)
            print(texts("influx.token", path=path, key=f"influx.{name}"))
    return 1 if options.check and prepared.done else 0


def _keep(path: Path, token: str) -> None:
    """Write a token that only its owner can read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(token + "\n")
    path.chmod(0o600)
