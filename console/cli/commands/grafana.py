"""``patrolgrid grafana``: brings dashboards and alert rules to Grafana, tells what differs, or writes files for it."""

import argparse
import sys
from contextlib import closing
from pathlib import Path
from typing import Final

from console.common import add_settings_arguments, settings_and_texts
from console.errors import CommandError
from deploy.grafana.api import Grafana
from deploy.grafana.build import files, write
from deploy.grafana.sync import data_source, sync
from ingest.places import load_places
from stream.sentences.languages import LANGUAGES

EXAMPLES: Final = """\
examples:
  patrolgrid grafana sync                                create or update what differs, say what changed
  patrolgrid grafana sync --check                        change nothing; exit code 1 where something differs
  patrolgrid grafana sync --only zh-CN                   of the dashboards only those in Chinese
  patrolgrid grafana files grafana                       files for a Grafana that reads them at its start

Grafana 9.4 or newer.
Address and token: [grafana] in the settings, or PATROLGRID_GRAFANA__URL and PATROLGRID_GRAFANA__TOKEN.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, summary in (("sync", "create or update what differs"), ("check", "tell what differs, change nothing")):
        child = actions.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        add_settings_arguments(child)
        child.add_argument("--only", choices=LANGUAGES, help="language of dashboards (default: both)")
        child.add_argument("--check", action="store_true", help="change nothing; exit code 1 where something differs")
    summary = "write the files that Grafana reads at its start"
    child = actions.add_parser("files", help=summary, description=summary[0].upper() + summary[1:] + ".")
    add_settings_arguments(child)
    child.add_argument("folder", type=Path, metavar="DIR", help="where provisioning/ and dashboards/ are written")


def run(options: argparse.Namespace) -> int:
    """Synchronise or compare; return 1 where a check found something."""
    settings, texts = settings_and_texts(options)
    places = load_places(settings.places_file) if settings.places_file.exists() else None
    if places is None:
        print(texts("sync-no-places", path=str(settings.places_file.absolute())), file=sys.stderr)
    if options.action == "files":
        made = files(settings.site, places)
        write(options.folder, made)
        print(texts("sync-files", count=len(made), path=str(options.folder)))
        return 0
    if not settings.grafana.url:
        raise CommandError(texts("sync-url"), code=2)
    token = settings.grafana.read_secret("token")
    if not token:
        raise CommandError(texts("sync-token"), code=2)
    check = options.check or options.action == "check"
    with closing(Grafana(settings.grafana.url, token, timeout_s=settings.grafana.timeout_s)) as grafana:
        changes = sync(
            grafana,
            data_source(settings),
            site=settings.site,
            languages=[options.only] if options.only else LANGUAGES,
            places=places,
            check=check,
        )
    for change in changes:
        action = texts(f"sync-{'would_' if check else ''}{change.action}")
        kind = texts(f"sync-{change.kind.replace(' ', '-')}")
        print(f"{action}  {kind}  {change.name}" + (f"  ({change.why})" if change.why else ""))
    if not changes:
        print(texts("sync-same"))
    return 1 if check and changes else 0
