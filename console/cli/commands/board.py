"""``patrolgrid board``: the live board of a site, beside a node that runs already."""

import argparse
from typing import Final

from console.common import add_settings_arguments, chosen_site, settings_of, texts_of
from console.running import run_site
from deploy.settings import at_broker, with_values

EXAMPLES: Final = """\
examples:
  patrolgrid board                                       the site that was written to last
  patrolgrid board --site demo --port 8070

The board listens on 127.0.0.1 (board.host). `patrolgrid people` and `patrolgrid pki` open it to others, as
docs/security.md says.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_settings_arguments(parser, site=True)
    parser.add_argument("--port", type=int, metavar="N", help="first port to try (default: the settings')")


def run(options: argparse.Namespace) -> int:
    """Run a board until asked to stop."""
    settings = settings_of(options)
    site = chosen_site(settings, options.site)
    settings = with_values(
        at_broker(settings, None, site.node()), site={"id": site.id, "timezone": site.zone(settings).key}
    )
    if options.port is not None:
        settings = with_values(settings, board={"port": options.port})
    texts = texts_of(options, settings)
    with run_site(settings, texts, alone=False) as running:
        print(texts("run-board", url=running.start_board()))
        print(texts("run-stop"), flush=True)
        running.until_stopped()
    return 0
