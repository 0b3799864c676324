"""``patrolgrid board``: the live board of a site, beside a node that runs already."""

from __future__ import annotations

import argparse
from typing import Final

from console.common import add_settings_arguments, chosen_site, settings_of, texts_of
from console.demo.running import Running
from console.errors import CommandError
from deploy.processes.stopping import StopRequest
from deploy.processes.supervisor import ChildError, Supervisor
from deploy.settings.load import at_broker, with_values

EXAMPLES: Final = """\
examples:
  patrolgrid board                                       the site that was written to last
  patrolgrid board --site demo --port 8070

The board listens on 127.0.0.1 (board.host); put a proxy with sign-in before it to open it to others.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_settings_arguments(parser, site=True)
    parser.add_argument("--port", type=int, metavar="N", help="first port to try (default: the settings')")


def run(options: argparse.Namespace) -> int:
    """Run a board until asked to stop."""
    settings = settings_of(options)
    site = chosen_site(settings, options.site)
    node = site.node()
    changes: dict[str, object] = {"id": site.id}
    if node.get("timezone"):
        changes["timezone"] = node["timezone"]
    settings = with_values(at_broker(settings, None, node), site=changes)
    if options.port is not None:
        settings = with_values(settings, board={"port": options.port})
    texts = texts_of(options, settings)
    with StopRequest() as stop, Supervisor(settings.site_dir) as supervisor:
        try:
            running = Running(settings, supervisor)
            print(texts("run-board", url=running.start_board()))
            print(texts("run-stop"), flush=True)
            while not stop.wait(0.5):
                supervisor.check()
        except ChildError as error:
            raise CommandError(f"{texts('run-died')} {error}") from error
    return 0
