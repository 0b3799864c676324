"""``patrolgrid grafana``: brings dashboards, data source and alert rules to Grafana, or tells what differs."""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from console.common import add_settings_arguments, settings_of, texts_of
from console.errors import CommandError

EXAMPLES: Final = """\
examples:
  patrolgrid grafana sync                                create or update what differs, say what changed
  patrolgrid grafana sync --check                        change nothing; exit code 1 where something differs
  patrolgrid grafana sync --only zh-CN                   only the dashboards in Chinese
  patrolgrid grafana draw --out pictures                 pictures of what they show, without Grafana

Address and token: [grafana] in the settings, or PATROLGRID_GRAFANA__URL and PATROLGRID_GRAFANA__TOKEN. Pictures
are drawn from the dashboards' own queries to the InfluxDB of [influx], by its reading token; pip install '.[figures]'.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, summary in (("sync", "create or update what differs"), ("check", "tell what differs, change nothing")):
        child = actions.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        add_settings_arguments(child)
        child.add_argument("--only", choices=("en", "zh-CN"), help="language of dashboards (default: both)")
        child.add_argument("--check", action="store_true", help="change nothing; exit code 1 where something differs")
    child = actions.add_parser("draw", help="draw what the dashboards show", description="Draw what they show, as PNG.")
    add_settings_arguments(child)
    child.add_argument("--only", choices=("en", "zh-CN"), help="language (default: both)")
    child.add_argument("--out", type=Path, default=Path("pictures"), metavar="DIR", help="folder (default: pictures)")
    child.add_argument("--at", metavar="TIME", help="what is now, such as 2026-11-23T22:00 (default: the newest data)")


def run(options: argparse.Namespace) -> int:
    """Synchronise or draw; return 1 where a check found something."""
    if options.action == "draw":
        return _draw(options)
    from deploy.grafana.api import Grafana  # noqa: PLC0415 - quick start
    from deploy.grafana.dashboards import LANGUAGES  # noqa: PLC0415 - quick start
    from deploy.grafana.sync import data_source, sync  # noqa: PLC0415 - quick start
    from deploy.settings.load import read_secret  # noqa: PLC0415 - quick start
    from ingest.places import load_places  # noqa: PLC0415 - quick start

    settings = settings_of(options)
    texts = texts_of(options, settings)
    if not settings.grafana.url:
        raise CommandError(texts("grafana.url"), code=2)
    token = read_secret(settings, "grafana.token")
    if not token:
        raise CommandError(texts("grafana.token"), code=2)
    check = options.check or options.action == "check"
    # The site's language first: alert rules speak one language only.
    first = options.only or settings.site.language
    languages = [options.only] if options.only else sorted(LANGUAGES, key=lambda one: one != first)
    # A site that is elsewhere has no places file here: its maps look for one in Grafana's own folder.
    places = load_places(settings.places_file) if settings.places_file.exists() else None
    grafana = Grafana(settings.grafana.url, token, timeout_s=settings.grafana.timeout_s)
    try:
        changes = sync(grafana, data_source(settings), languages=languages, places=places, check=check)
    finally:
        grafana.close()
    for change in changes:
        action = texts(f"grafana.{'would_' if check else ''}{change.action}")
        print(
            f"{action}  {texts(f'grafana.{change.kind}')}  {change.name}" + (f"  ({change.why})" if change.why else "")
        )
    if not changes:
        print(texts("grafana.same"))
    return 1 if check and changes else 0


def _draw(options: argparse.Namespace) -> int:
    from deploy.grafana.asking import Influx, QueryError  # noqa: PLC0415 - quick start
    from deploy.grafana.dashboards import LANGUAGES  # noqa: PLC0415 - quick start
    from deploy.grafana.outlines import outlines  # noqa: PLC0415 - quick start
    from deploy.influx.setup import reading_address  # noqa: PLC0415 - quick start
    from ingest.places import load_places  # noqa: PLC0415 - quick start

    try:
        from deploy.grafana.pictures import NoFontError, busiest_beat, newest_ms, pictures  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise CommandError(f"pictures need {error.name}: pip install '.[figures]'") from error
    settings = settings_of(options)
    texts = texts_of(options, settings)
    if not settings.influx.url:
        raise CommandError(texts("influx.url"), code=2)
    zone = ZoneInfo(settings.site.timezone)
    influx = Influx(reading_address(settings))
    places = load_places(settings.places_file) if settings.places_file.exists() else None
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        if options.at is None:
            end_ms = newest_ms(influx)
        else:
            end_ms = round(datetime.fromisoformat(options.at).replace(tzinfo=zone).timestamp() * 1000)
        beat = busiest_beat(influx, end_ms)
        for language in [options.only] if options.only else LANGUAGES:
            found = pictures(
                influx, language, end_ms, zone,
                outlines=None if places is None else outlines(places, language),
                chosen={"beat": {"beat": beat}} if beat else {},
            )  # fmt: skip
            for name, picture in found:
                path = options.out / f"{name}-{language}.png"
                path.write_bytes(picture)
                print(f"{path}  {len(picture) // 1024} KiB")
    except (QueryError, NoFontError, ValueError) as error:
        raise CommandError(str(error)) from error
    return 0
