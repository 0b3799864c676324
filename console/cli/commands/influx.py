"""``patrolgrid influx``: prepares InfluxDB, and brings to it what was there before it was named."""

import argparse
import os
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from console.common import add_settings_arguments, settings_and_texts
from console.errors import CommandError
from deploy.influx.backfill import backfill
from deploy.influx.setup import downsample, set_up
from deploy.settings import Settings
from ingest.files import replace_file
from stream.sentences.catalogue import Sentences
from stream.sinks.influx.http import UnavailableError
from stream.sinks.influx.past import Span

_MONTH_MS: Final = 30 * 86_400_000
EXAMPLES: Final = """\
examples:
  INFLUX_TOKEN=... patrolgrid influx setup               InfluxDB 2, with the operator's token
  patrolgrid influx setup --admin-user admin --admin-token-file admin.password          InfluxDB 1 with users
  patrolgrid influx setup --check                        say what would be made
  patrolgrid influx backfill                             send what the store has from before InfluxDB was named
  patrolgrid influx backfill --from 2026-11-01 --until 2026-11-08
  INFLUX_TOKEN=... patrolgrid influx downsample          then make the coarse values of those days

The address: [influx] in the settings, or PATROLGRID_INFLUX__URL. All may be run again: setup makes what is missing, the
others write the same values over themselves. The node may run meanwhile.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    child = actions.add_parser("setup", help="make what is missing", description="Make what is missing.")
    add_settings_arguments(child)
    child.add_argument("--check", action="store_true", help="change nothing, say what is missing")
    _add_admin(child)
    child.add_argument(
        "--tokens-dir", type=Path, metavar="DIR", help="where new tokens go (default: the site's folder)"
    )
    for name, summary in (
        ("backfill", "send what only the store has"),
        ("downsample", "make 5-minute and daily values of the past"),
    ):
        child = actions.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        add_settings_arguments(child)
        since = "default: all there is" if name == "backfill" else "default: a month ago"
        child.add_argument("--from", dest="since", metavar="DAY", help=f"local day or time ({since})")
        child.add_argument("--until", metavar="DAY", help="local day or time, not included (default: now)")
        if name == "downsample":
            _add_admin(child)


def _add_admin(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--admin-user", default="", metavar="NAME", help="administrator (InfluxDB 1 with users)")
    parser.add_argument(
        "--admin-token-file", type=Path, metavar="FILE", help="its token or password (default: INFLUX_TOKEN)"
    )


def run(options: argparse.Namespace) -> int:
    """Do what was asked; return 1 where a check found something missing, or InfluxDB refused lines."""
    settings, texts = settings_and_texts(options)
    if not settings.influx.url:
        raise CommandError(texts("influx-url"), code=2)
    return {"setup": _set_up, "backfill": _backfill, "downsample": _downsample}[options.action](
        options, settings, texts
    )


def _admin(options: argparse.Namespace, settings: Settings, texts: Sentences) -> str:
    """Return the administrator's token or password."""
    admin = os.environ.get("INFLUX_TOKEN", "")
    if options.admin_token_file is not None:
        admin = options.admin_token_file.read_text(encoding="utf-8").split("\n", 1)[0].strip()
    if settings.influx.version == "2" and not admin:
        raise CommandError(texts("influx-admin"), code=2)
    return admin


def _set_up(options: argparse.Namespace, settings: Settings, texts: Sentences) -> int:
    prepared = set_up(
        settings.influx, _admin(options, settings, texts),
        admin_user=options.admin_user, zone=settings.site.timezone, check=options.check,
    )  # fmt: skip
    for one in prepared.done:
        print(f"{texts('influx-missing' if options.check else 'influx-made')}  {one}")
    if not prepared.done:
        print(texts("influx-same"))
    folder = options.tokens_dir or settings.site_dir
    for name, token in (("token_file", prepared.write_token), ("read_token_file", prepared.read_token)):
        if token:
            path = folder / f"influx-{'write' if name == 'token_file' else 'read'}.token"
            replace_file(path, f"{token}\n".encode(), mode=0o600)
            print(texts("influx-token", path=path, key=f"influx.{name}"))
    return 1 if options.check and prepared.done else 0


def _backfill(options: argparse.Namespace, settings: Settings, texts: Sentences) -> int:
    zone = ZoneInfo(settings.site.timezone)

    def shown(span: Span) -> None:
        end = datetime.fromtimestamp(span.until_ms / 1000, zone)
        if span.lines:
            print(f"{end:%Y-%m-%d %H:%M}  {len(span.lines):,}", flush=True)

    try:
        fed = backfill(
            settings.site_dir / "store.db", settings.influx, settings.site.id, zone=zone,
            since_ms=_time_ms(options.since, zone, "--from"), until_ms=_time_ms(options.until, zone, "--until"),
            on_span=shown,
        )  # fmt: skip
    except UnavailableError as error:
        raise CommandError(str(error)) from error
    print(texts("influx-backfilled", lines=fed.lines))
    if fed.expired:
        print(texts("influx-expired", count=fed.expired))
    for refusal in fed.refused[:10]:
        print(f"  {refusal.detail}: {refusal.payload.decode('utf-8', 'replace')[:200]}")
    return 1 if fed.refused else 0


def _downsample(options: argparse.Namespace, settings: Settings, texts: Sentences) -> int:
    zone = ZoneInfo(settings.site.timezone)
    now_ms = round(datetime.now(zone).timestamp() * 1000)
    since_ms = _time_ms(options.since, zone, "--from")
    done = downsample(
        settings.influx, _admin(options, settings, texts),
        now_ms - _MONTH_MS if since_ms is None else since_ms, _time_ms(options.until, zone, "--until") or now_ms,
        admin_user=options.admin_user, zone=settings.site.timezone,
        on_day=lambda day: print(f"{day:%Y-%m-%d}", flush=True),
    )  # fmt: skip
    print(texts("influx-downsampled", days=done))
    return 0


def _time_ms(text: str | None, zone: ZoneInfo, name: str) -> int | None:
    """Return a local day or time in epoch ms, None where none was given."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(
            f"{name} is {text!r}, expected a day such as 2026-11-01, or 2026-11-01T08:00", code=2
        ) from None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp() * 1000)
