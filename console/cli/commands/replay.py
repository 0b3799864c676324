"""``patrolgrid replay``: real or recorded data through a real broker, as if it came in now.

Without ``--broker`` it runs a broker and a node of its own, whose clock follows the data, in a folder named after the
file, so that a replay never touches another site's data.
"""

import argparse
import json
import math
import shutil
import time
from array import array
from datetime import date
from heapq import merge
from pathlib import Path
from typing import Any, Final

from console.common import (
    add_settings_arguments,
    bad_rows_json,
    counted,
    print_json,
    print_table,
    progress_bar,
    settings_and_texts,
    tell_bad_rows,
    zone_of,
)
from console.errors import CommandError
from console.running import own_broker, refuse_running, run_site, since, totals
from deploy.processes import StopRequest
from deploy.settings import Settings, at_broker
from ingest.files import read_json, replace_file
from ingest.login import BrokerAddress
from simulators.replay.auckland import auckland_track
from simulators.replay.csv_counts import CountsTrack, csv_track, site_of
from simulators.replay.recording import RecordingTrack
from simulators.replay.track import Sent, Track, publish
from stream.sentences.catalogue import Sentences

EXAMPLES: Final = """\
examples:
  patrolgrid replay counts.csv --speed max               columns timestamp,device,count; local times
  patrolgrid replay night.pgr.gz --speed 10              a recording made with `patrolgrid record`
  patrolgrid replay auckland --from 2024-01-01 --days 28 --speed max --serve
  patrolgrid replay night.pgr.gz --broker 127.0.0.1:1883 --site demo

docs/csv.md tells what a CSV may look like. With --keep and the same --site, another file adds to what is there.

`auckland` is 21 street sensors of Auckland with their places, hourly, 2019-2025 (CC BY 4.0); it needs the extra
realdata, and says the command that installs it.
"""
_AUCKLAND: Final = "auckland"
_GZIP: Final = b"\x1f\x8b"
_MARKER: Final = "replay.json"
_REPLAYED: Final = "replayed.keys"
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
    add("--country", metavar="CODE", help="whose holidays count, such as CN (default: the site's, in its time zone)")
    add("--calendar", type=Path, metavar="ICS", help="calendar file (default: the settings' one)")
    add("--of", choices=("person", "vehicle"), default="person", help="what a CSV counts (default: person)")
    add(
        "--broker",
        metavar="HOST:PORT",
        help="publish to this broker, for a node that runs already; user, password and TLS are the settings'",
    )
    add("--site", metavar="ID", help="the site's word in topics (default: made from the file's name)")
    add("--keep", action="store_true", help="continue with the data of an earlier replay (default: begin without)")
    add("--serve", action="store_true", help="start the board, too, and stay until Ctrl-C")
    add("--port", type=int, metavar="N", help="port of the board (default: 8060; a taken one is stepped around)")
    add("--quiet", action="store_true", help="no progress bar")
    add("--json", action="store_true", help="print the summary as JSON")


def run(options: argparse.Namespace) -> int:
    """Replay, and say what came of it."""
    speed, start = _speed(options.speed), _date(options.start)
    settings, texts = settings_and_texts(options)
    track = _open(options, zone_of(options, settings).key, start)
    if isinstance(track, CountsTrack):
        tell_bad_rows(texts, options.what, track.bad)
    if options.broker is not None:
        return _into_running(options, settings, track, speed, texts)
    return _with_own_node(options, settings, track, speed, texts)


def _open(options: argparse.Namespace, timezone: str, start: date | None) -> Track:
    """Return what the options name: the word ``auckland``, a recording, or a counts CSV."""
    if options.what == _AUCKLAND:
        return auckland_track(start, options.days, site=options.site or _AUCKLAND)
    path = Path(options.what)
    if not path.is_file():
        raise CommandError(f"there is no file {path}; expected a counts CSV, a recording, or the word {_AUCKLAND}")
    site = options.site or site_of(path.name.split(".", 1)[0])
    with path.open("rb") as file:
        if file.read(2) == _GZIP:
            return RecordingTrack(path, site, timezone)
    return csv_track(path, timezone=timezone, site=site, of=options.of)


def _into_running(options: argparse.Namespace, settings: Settings, track: Track, speed: float, texts: Sentences) -> int:
    """Replay to a broker whose node runs already."""
    broker = at_broker(settings, options.broker).broker
    with StopRequest() as stop:
        sent, _ = _publish(track, broker, speed, options, stop, texts)
    if options.json:
        document = {"site": track.site, "published": sent.observations, "messages": sent.messages}
        print_json(document | _of_file(track))
    else:
        print(texts("replay-sent", count=sent.messages, host=broker.host, port=str(broker.port)))
    return 0


def _with_own_node(
    options: argparse.Namespace, settings: Settings, track: Track, speed: float, texts: Sentences
) -> int:
    """Replay with a broker and a node of its own."""
    settings = own_broker(
        settings,
        options.port,
        site={"id": track.site, "timezone": track.timezone, "places": None, **_days(options, settings, track)},
        **({} if options.calendar is None else {"calendar": {"file": options.calendar.absolute()}}),
        clock={"mode": "data"},
        gateway={"accept_unknown": True},
        # Longer counts are judged in the window that they end in.
        pipeline={"window_s": max(settings.pipeline.window_s, round(track.interval_s))},
    )
    if isinstance(track, RecordingTrack):
        track.tells_time = True
    refuse_running(settings)
    known = _prepare(options, settings.site_dir, track)
    with run_site(settings, texts) as running:
        before = totals(settings)
        port = running.start_broker("embedded", 1883)
        running.start_node()
        if options.serve:
            print(texts("run-board", url=running.start_board()), flush=True)
        sent, took_s = _publish(track, BrokerAddress(port=port), speed, options, running.stop, texts)
        if not options.json:
            print(texts("replay-catching"), flush=True)
        caught = running.wait_caught_up(_CATCH_UP_S)
        if isinstance(track, CountsTrack) and caught and not running.stop.asked:
            _remember(settings.site_dir / _REPLAYED, track)
        if not options.serve:
            running.supervisor.stop("node")
        came = since(before, totals(settings))
        document = {
            "site": track.site,
            "published": sent.observations,
            **came,
            "duplicates": came["duplicates"] + known,
            "seconds": round(took_s, 2),
            "observations_s": round(sent.observations / took_s) if took_s else None,
            "caught_up": caught,
            "data": str(settings.site_dir),
            **_of_file(track),
        }
        if options.json:
            print_json(document)
        else:
            _print(document, texts)
        if options.serve:
            print(texts("run-stop"), flush=True)
            running.until_stopped()
            running.end()
        return 0 if caught or running.stop.asked else 1


def _days(options: argparse.Namespace, settings: Settings, track: Track) -> dict[str, Any]:
    """Return whose holidays count: the site's, as its node has them, unless the data is of another time zone."""
    if options.country is not None:
        return {"country": options.country}
    return {} if track.timezone == settings.site.timezone else {"country": "", "holidays": []}


def _prepare(options: argparse.Namespace, folder: Path, track: Track) -> int:
    """Make the site's folder, empty unless the data is to be kept; never touch one that no replay made.

    Returns how many of the track's counts are left out, because an earlier replay had them.
    """
    marker, places, known = folder / _MARKER, folder / "places.geojson", 0
    if folder.exists() and any(folder.iterdir()):
        if not marker.exists():
            raise CommandError(
                f"{folder} holds the data of a site that is no replay; choose another --site or --data-dir"
            )
        if not options.keep:
            shutil.rmtree(folder)
        elif isinstance(track, CountsTrack):
            track.beside(read_json(places) or {})
            known = track.leave_out(_replayed(folder / _REPLAYED))
    folder.mkdir(parents=True, exist_ok=True)
    marker.write_text(json.dumps({"of": str(options.what)}) + "\n", encoding="utf-8")
    places.write_text(json.dumps(track.places_geojson(), ensure_ascii=False), encoding="utf-8")
    return known


def _replayed(path: Path) -> "array[int]":
    """Return the keys of all counts that were replayed into a site, as far as that is known."""
    known = array("Q")
    if path.exists():
        content = path.read_bytes()
        known.frombytes(content[: len(content) // known.itemsize * known.itemsize])
    return known


def _remember(path: Path, track: CountsTrack) -> None:
    """Note the keys of counts that the node has taken."""
    replace_file(path, array("Q", merge(_replayed(path), track.keys())).tobytes())


def _of_file(track: Track) -> dict[str, Any]:
    """Return what of a CSV was not used, for JSON."""
    return {"missing": track.missing, **bad_rows_json(track.bad)} if isinstance(track, CountsTrack) else {}


def _print(document: dict[str, Any], texts: Sentences) -> None:
    rows: list[tuple[str, object]] = [
        (texts(f"sum-{key}"), f"{document[key]:,}")
        for key in ("published", "stored", "duplicates", "windows", "anomalies", "alerts")
    ]
    rows += [
        (texts("sum-quarantined"), counted(document["quarantined"]) or "0"),
        (texts("sum-rate"), f"{document['observations_s'] or 0:,}"),
    ]
    print_table([texts("sum-title"), ""], rows, indent="")
    print(texts("replay-status", site=document["site"]))


def _publish(
    track: Track,
    broker: BrokerAddress,
    speed: float,
    options: argparse.Namespace,
    stop: StopRequest,
    texts: Sentences,
) -> tuple[Sent, float]:
    """Publish with a progress bar; return how much went out and how many seconds it took."""
    began = time.monotonic()
    looks = {"total": track.total, "desc": texts("replay-progress"), "unit": track.unit, "unit_scale": True}
    with progress_bar(options, **looks) as progress:
        sent = publish(track, broker, speed=speed, on_progress=progress, stopped=lambda: stop.asked)
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
