"""``patrolgrid broker``: a broker in the foreground, until Ctrl-C."""

import argparse
import tempfile
from pathlib import Path
from typing import Final

from console.common import add_language_argument
from console.errors import CommandError
from deploy.processes import StopRequest, Supervisor, free_port
from deploy.processes.broker import start_broker
from stream.sentences.catalogue import Sentences
from stream.sentences.languages import language_of

EXAMPLES: Final = """\
examples:
  patrolgrid broker                                      embedded, on 127.0.0.1:1883 or the next free port
  patrolgrid broker --kind mosquitto --data-dir /var/lib/patrolgrid/broker

The embedded broker keeps nothing on disk; for a station, run Mosquitto as a service (deploy/mosquitto/).
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--kind", choices=("embedded", "mosquitto"), default="embedded", help="default: embedded")
    parser.add_argument("--port", type=int, default=1883, help="first port to try (default: 1883)")
    parser.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="where Mosquitto keeps its sessions (default: thrown away)"
    )
    add_language_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Run a broker until a signal ends it."""
    texts = Sentences(language_of(options.lang))
    if not 0 < options.port < 65_536:
        raise CommandError(f"--port is {options.port}, expected 1 to 65535", code=2)
    with tempfile.TemporaryDirectory(prefix="patrolgrid-broker-") as scratch:
        folder = options.data_dir or Path(scratch)
        port = free_port(options.port)
        with StopRequest() as stop, Supervisor(folder) as supervisor:
            start_broker(supervisor, options.kind, port, folder)
            if port != options.port:
                print(texts("run-port", wanted=str(options.port), port=str(port)))
            print(texts("run-broker", port=str(port), kind=options.kind))
            print(texts("run-stop"), flush=True)
            while not stop.wait(0.5):
                supervisor.check()
    return 0
