"""``patrolgrid record``: what a broker carries, into a compressed file."""

import argparse
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from console.common import add_settings_arguments, settings_of, texts_of
from console.errors import CommandError
from deploy.processes import StopRequest
from deploy.settings import at_broker
from ingest.gateway.routes import Routes
from ingest.places import load_places
from simulators.replay.recording import Recorder

EXAMPLES: Final = """\
examples:
  patrolgrid record night.pgr.gz --duration 3600         an hour from the configured broker
  patrolgrid record night.pgr.gz --broker 127.0.0.1:1883
  patrolgrid replay night.pgr.gz --speed 10

Number plates are replaced by tokens under a key that is forgotten when the recording ends. What devices say in vendors'
dialects is left out: there may be names in it, and pictures of people.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_settings_arguments(parser)
    parser.add_argument("file", type=Path, help="file to write; must not exist")
    parser.add_argument("--broker", metavar="HOST:PORT", help="broker (default: the settings')")
    parser.add_argument("--duration", type=float, metavar="S", help="stop after so many seconds (default: on Ctrl-C)")


def run(options: argparse.Namespace) -> int:
    """Record until stopped."""
    settings = at_broker(settings_of(options), options.broker)
    texts = texts_of(options, settings)
    if options.file.exists():
        raise CommandError(f"{options.file} exists already; name another file")
    places = load_places(settings.places_file) if settings.places_file.exists() else None
    speaks = Routes(settings.site.id, places, dialects=True).speaks
    with (
        StopRequest() as stop,
        closing(Recorder(options.file, settings.broker, lambda: stop.asked, speaks)) as recorder,
    ):
        deadline = time.monotonic() + (options.duration or 1e9)
        while not stop.wait(min(0.5, max(deadline - time.monotonic(), 0.0))) and time.monotonic() < deadline:
            if recorder.failure is not None:
                break
    if recorder.failure is not None:
        raise CommandError(f"{options.file}: {recorder.failure}; {recorder.messages} messages came before")
    size = options.file.stat().st_size
    print(texts("record-done", file=options.file, messages=recorder.messages, size=size))
    return 0
