"""``patrolgrid replay``: real or recorded data through a real broker, as if it came in now.

Without ``--broker`` it runs a broker and a node of its own, whose clock follows the data, in a folder named after the
file, so that a replay never touches another site's data.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
import time
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any, Final

from tqdm import tqdm

from console.common import add_settings_arguments, print_json, print_table, settings_of, texts_of
from console.demo.running import Running, refuse_running, since, totals
from console.errors import CommandError
from deploy.processes.stopping import StopRequest
from deploy.processes.supervisor import ChildError, Supervisor
from deploy.settings.load import at_broker, with_values
from deploy.settings.sections import Settings
from ingest.login import BrokerAddress
from simulators.replay.auckland import auckland_track
from simulators.replay.counts import csv_track, identifier
from simulators.replay.recording import RecordingTrack
from simulators.replay.track import Track, publish
from stream.sentences.catalogue import Sentences

EXAMPLES: Final = """\
examples:
  patrolgrid replay counts.csv --speed max               columns timestamp,device,count; local times
  patrolgrid replay night.pgr.gz --speed 10              a recording made with `patrolgrid record`
  patrolgrid replay auckland --from 2024-01-01 --days 28 --speed max --serve
  patrolgrid replay night.pgr.gz --broker 127.0.0.1:1883 --site demo

`auckland` is 21 street sensors of Auckland with their places, hourly, 2019-2025 (CC BY 4.0); it needs
pip install '.[realdata]'.
"""
_AUCKLAND: Final = "auckland"
_GZIP: Final = b"\x1f\x8b"
_MARKER: Final = "replay.json"
_CATCH_UP_S: Final = 900.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_settings_arguments(parser)
    add = parser.add_argument
    add("what", metavar="FILE", help="a counts CSV, a recording, or the word auckland")
    add("--speed", default="max", metavar="N", help="seconds of the data in one second, or max (default: max)")
    add("--from", dest="start", metavar="DATE", help="auckland: first day (default: 2019-01-01)")
    add("--days", type=int, default=28, metavar="N", help="auckland: how many days (default: 28)")
    add("--timezone", metavar="ZONE", help="time zone of the data's local times (default: the site's)")
    add("--of", choices=("person", "vehicle"), default="person", help="what a CSV counts (default: person)")
    add(
        "--broker",
        metavar="HOST:PORT",
        help="publish to this broker, for a node that runs already; user, password and TLS are the settings'",
    )
    add("--site", metavar="ID", help="the site's word in topics (default: made from the file's name)")
    add("--keep", action="store_true", help="go on with the data of an earlier replay (default: begin anew)")
    add("--serve", action="store_true", help="start the board, too, and stay until Ctrl-C")
    add("--port", type=int, metavar="N", help="port of the board (default: 8060; a taken one is stepped around)")
    add("--quiet", action="store_true", help="no progress bar")
    add("--json", action="store_true", help="print the summary as JSON")


def run(options: argparse.Namespace) -> int:
    """Replay, and say what came of it."""
    speed, start = _speed(options.speed), _date(options.start)
    settings = settings_of(options)
    texts = texts_of(options, settings)
    zone = options.timezone or settings.site.timezone
    track = _open(options.what, site=options.site, timezone=zone, of=options.of, start=start, days=options.days)
    with StopRequest() as stop:
        if options.broker is not None:
            return _into_running(options, settings, track, speed, stop, texts)
        try:
            return _OwnNode(options, settings, track, texts, stop).run(speed)
        except ChildError as error:
            raise CommandError(f"{texts('run-died')} {error}") from error


def _open(what: str, *, site: str | None, timezone: str, of: str, start: date | None, days: int) -> Track:
    """Return what `what` names: the word ``auckland``, a recording, or a counts CSV."""
    if what == _AUCKLAND:
        return auckland_track(start, days, site=site or _AUCKLAND)
    path = Path(what)
    if not path.is_file():
        raise CommandError(f"there is no file {what}; expected a counts CSV, a recording, or the word {_AUCKLAND}")
    name = site or identifier(path.name.split(".", 1)[0])
    with path.open("rb") as file:
        if file.read(2) == _GZIP:
            return RecordingTrack(path, name, timezone)
    return csv_track(path, timezone=timezone, site=name, of=of)


def _into_running(
    options: argparse.Namespace, settings: Settings, track: Track, speed: float, stop: StopRequest, texts: Sentences
) -> int:
    settings = at_broker(settings, options.broker)
    broker = settings.broker
    sent, _ = _publish(track, broker, speed, options, stop, texts)
    document = {"site": track.site, "published": sent}
    if options.json:
        print_json(document)
    else:
        print(texts("replay-sent", count=sent, host=broker.host, port=str(broker.port)))
    return 0


class _OwnNode:
    """A replay with a broker and a node of its own."""

    def __init__(
        self, options: argparse.Namespace, settings: Settings, track: Track, texts: Sentences, stop: StopRequest
    ) -> None:
        self.options, self.track, self.texts, self.stop = options, track, texts, stop
        settings = with_values(
            settings,
            site={"id": track.site, "timezone": track.timezone, "country": "", "holidays": [], "places": None},
            clock={"mode": "data"},
            broker={"mode": "embedded", "host": "127.0.0.1", "tls": False, "username": ""},
            gateway={"accept_unknown": True},
            # A window cannot be shorter than what one count covers: such counts would always come too late for it.
            pipeline={"window_s": max(settings.pipeline.window_s, round(track.interval_s))},
        )
        if options.port is not None:
            settings = with_values(settings, board={"port": options.port})
        self.settings = settings

    def run(self, speed: float) -> int:
        options, texts, track = self.options, self.texts, self.track
        refuse_running(self.settings)
        self._prepare()
        with ExitStack() as closing:
            supervisor = closing.enter_context(Supervisor(self.settings.site_dir))
            running = Running(self.settings, supervisor)
            before = totals(self.settings)
            port = running.start_broker("embedded", 1883)
            running.start_node()
            if options.serve:
                print(texts("run-board", url=running.start_board(simulated=False)), flush=True)
            sent, took_s = _publish(track, BrokerAddress(port=port), speed, options, self.stop, texts)
            if not options.json:
                print(texts("replay-catching"), flush=True)
            caught = running.wait_caught_up(timeout_s=_CATCH_UP_S, stopped=lambda: self.stop.asked)
            if not options.serve:
                supervisor.stop("node")
            document = {
                "site": track.site,
                "published": sent,
                **since(before, totals(self.settings)),
                "seconds": round(took_s, 2),
                "observations_s": round(sent / took_s) if took_s else None,
                "caught_up": caught,
                "data": str(self.settings.site_dir),
            }
            self._tell(document)
            if options.serve:
                print(texts("run-stop"), flush=True)
                while not self.stop.wait(0.5):
                    supervisor.check()
                for name in ("node", "board", "broker"):
                    supervisor.stop(name)
        return 0 if caught or self.stop.asked else 1

    def _prepare(self) -> None:
        """Make the site's folder, anew unless told to keep it; never touch one that no replay made."""
        folder, marker = self.settings.site_dir, self.settings.site_dir / _MARKER
        if folder.exists() and any(folder.iterdir()):
            if not marker.exists():
                raise CommandError(
                    f"{folder} holds the data of a site that is no replay; choose another --site or --data-dir"
                )
            if not self.options.keep:
                shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        marker.write_text(json.dumps({"of": str(self.options.what)}) + "\n", encoding="utf-8")
        places = json.dumps(self.track.places_geojson(), ensure_ascii=False)
        (folder / "places.geojson").write_text(places, encoding="utf-8")

    def _tell(self, document: dict[str, Any]) -> None:
        if self.options.json:
            print_json(document)
            return
        texts = self.texts
        rows: list[tuple[str, object]] = [
            (texts(f"sum-{key}"), f"{document[key]:,}")
            for key in ("published", "stored", "duplicates", "windows", "anomalies", "alerts")
        ]
        held = ", ".join(f"{reason} {count}" for reason, count in sorted(document["quarantined"].items()))
        rows += [(texts("sum-quarantined"), held or "0"), (texts("sum-rate"), f"{document['observations_s'] or 0:,}")]
        print_table([texts("sum-title"), ""], rows, indent="")
        print(texts("replay-status", site=self.track.site))


def _publish(
    track: Track,
    broker: BrokerAddress,
    speed: float,
    options: argparse.Namespace,
    stop: StopRequest,
    texts: Sentences,
) -> tuple[int, float]:
    """Publish with a progress bar; return how much went out and how many seconds it took."""
    hidden = options.quiet or options.json or not sys.stderr.isatty()
    began = time.monotonic()
    with tqdm(
        total=track.total,
        desc=texts("replay-progress"),
        unit=track.unit,
        unit_scale=True,
        disable=hidden,
        file=sys.stderr,
    ) as bar:
        sent = publish(
            track, broker, speed=speed, on_progress=lambda done: bar.update(done - bar.n), stopped=lambda: stop.asked
        )
    return sent, time.monotonic() - began


def _speed(text: str) -> float:
    if text == "max":
        return math.inf
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not speed > 0 or math.isinf(speed):
        raise CommandError(f"--speed is {text!r}, expected a number above 0, or max", code=2)
    return speed


def _date(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"--from is {text!r}, expected a day such as 2024-01-01", code=2) from error
