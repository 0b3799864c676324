"""``patrolgrid up``: a site's node and board under one supervisor, from a settings file."""

import argparse
from contextlib import suppress
from typing import Final

from console.common import add_settings_arguments, settings_and_texts
from console.doctor.examine import examine_at_start
from console.doctor.verdicts import print_checks
from console.errors import CommandError
from console.running import refuse_running, run_site
from deploy.processes import ChildError, tell_started
from deploy.wiring import open_places
from ingest.days.telling_settings import with_file
from ingest.gateway.places_file import LAST_GOOD
from ingest.setup.settings import SettingsError

EXAMPLES: Final = """\
examples:
  patrolgrid init                                        a station's folder to begin with
  patrolgrid doctor                                      what stands in the way
  patrolgrid up                                          run until Ctrl-C or SIGTERM

With broker.mode = "embedded" it starts a broker, too, which keeps nothing on disk: good for trying out.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_settings_arguments(parser)
    parser.add_argument("--headless", action="store_true", help="no board")


def run(options: argparse.Namespace) -> int:
    """Run node and board until asked to stop."""
    settings, texts = settings_and_texts(options)
    refuse_running(settings)
    if not settings.places_file.exists() and not (settings.site_dir / LAST_GOOD).exists():
        raise CommandError(
            f"{texts('doctor-places-none', file=settings.places_file)}; {texts('doctor-places-none-do')}"
        )
    open_places(settings, settings.site_dir).load()
    with run_site(settings, texts) as running:
        if settings.broker.mode == "embedded":
            port = running.start_broker("embedded", settings.broker.port)
            print(texts("run-broker", port=str(port), kind="embedded"))
        boarded = settings.board.enabled and not options.headless
        if boarded:
            running.begin_board()
        running.start_node()
        running.start_edge()
        running.start_deliver()
        with suppress(SettingsError):  # a rota that is broken is told below
            if settings.channels_file.exists() and not with_file(settings.telling).rules:
                print(texts("deliver-no_rules"))
        print(texts("run-data", folder=settings.site_dir))
        if boarded:
            with suppress(ChildError):  # it is told below, and tried again: detection and telling go on
                print(texts("run-board", url=running.board_url(give_up=False)))
        print(texts("run-stop"), flush=True)
        tell_started()
        with suppress(Exception):  # nothing that only says something may end a station
            print_checks(texts, examine_at_start(texts, settings))
        running.until_stopped()
        print(texts("run-stopping"), flush=True)
        running.end()
    return 0
