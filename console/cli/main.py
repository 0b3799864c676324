"""The command line: finds the command, turns errors into one line, and returns exit codes.

0 is success, 1 a failure that the line explains, 2 a wrong use of a command or a wrong setting.
"""

import argparse
import itertools
import os
import platform
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NoReturn, Protocol, cast

from console.cli.parser import speaking
from console.errors import CommandError
from ingest.files import keep_private
from ingest.setup.extras import EXTRAS, load, version
from stream.sentences.languages import LANGUAGES, language_of
from stream.sentences.plain import plain

COMMANDS: Final = {
    "demo": "run a living neighbourhood on this machine, board and all",
    "init": "make a station's folder: settings, an example of places, the broker's accounts, systemd units",
    "places": "check a places file, or import devices, beats and streets into it",
    "up": "run a site: its node and its board, from a settings file",
    "simulate": "publish simulated devices to a broker, with known truth",
    "record": "write what a broker carries to a compressed file",
    "replay": "send a recording or a counts CSV through MQTT again",
    "status": "show what a site has seen and how far it is",
    "doctor": "check broker, disk, files, clock, settings and places, and say what to do",
    "repair": "save what can be saved of damaged files, while the node is stopped",
    "listen": "show what a device sends, as it comes, and what becomes of it",
    "quarantine": "list, show, count or replay what could not be accepted",
    "plates": "keys for number plates: renew the one of the tokens, make the one that edge agents seal to",
    "audit": "show who saw and did what, and tell whether the log of it is whole",
    "pki": "the site's certificate authority: certificates of the board and of devices, revoked ones",
    "device": "put devices in, approve, replace, move and retire them; a sheet with a code for each",
    "models": "tell what each device's model has learned, what it lacks, and how well it fits",
    "train": "let the models learn from the store's past, or from a CSV file",
    "whatif": "run past days again with other settings, places or models, and tell which alerts would differ",
    "incidents": "import a file of reported incidents, or list them",
    "patrol": "say what was done of a plan (arrive, done, skip, help, away, back); list stops and shares",
    "people": "accounts of those who use the board: add, change, link, revoke, list",
    "export": "write what a site has found to a CSV or Parquet file",
    "report": "tell a week's figures against the weeks before, as text, a page or a PDF",
    "plan": "show the running shift's stops, and the officers and shifts that a week needs",
    "backtest": "run the shipped models over a file, without looking ahead",
    "gateway": "run one of a city's gateways: from MQTT to Kafka",
    "worker": "run one of a city's workers: from Kafka to results",
    "topics": "make a city's topics on Kafka, or tell what differs in them",
    "edge": "run the edge agent beside devices: spool until the broker has acknowledged",
    "codec": "list the dialects of vendors' devices, and try what a message of one becomes",
    "deliver": "take alerts to chat groups, mail and other systems; try the channels; tell who has been told",
    "broker": "run a broker: embedded, or Mosquitto with the shipped configuration",
    "board": "run the live board of a site whose node runs elsewhere",
    "influx": "prepare InfluxDB: buckets, downsampling, least-privilege tokens",
    "grafana": "bring dashboards and alert rules to Grafana, or tell what differs",
    "settings": "show the settings in force, or an example file",
    "completion": "print what a shell reads to complete commands and options",
}
"""Command → its line in the help. Its module in `console.cli.commands` has the same name."""

_EXAMPLES: Final = """\
examples:
  patrolgrid demo                                        the whole system, with a simulated neighbourhood
  patrolgrid replay counts.csv --speed max               a file of counts through the real chain
  patrolgrid status --json                               what the most recent site has seen
  patrolgrid up --config patrolgrid.toml                 a station

`patrolgrid COMMAND --help` tells more. Exit codes: 0 success, 1 failure, 2 wrong use or wrong setting.
"""
_COMPLETING: Final = "_ARGCOMPLETE"
_LANGUAGE: Final = re.compile(r"""^[ \t]{0,20}language[ \t]{0,20}=[ \t]{0,20}["']([^"']{1,40})""", re.MULTILINE)


class CommandModule(Protocol):
    """What a command's module has."""

    EXAMPLES: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's arguments."""

    def run(self, options: argparse.Namespace) -> int:
        """Do the command's work and return its exit code. Raises `CommandError` with a line for people."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    keep_private()
    language = _language(arguments)
    if _COMPLETING in os.environ:
        return _complete(language)
    try:
        options = _parser(arguments, language).parse_args(arguments)
        if options.speak:
            os.environ["PATROLGRID_LANG"] = options.speak
        return _module(options.command).run(options)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has seen enough (`| head`); leave no traceback at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - people get a line; --debug shows where it came from
        if "--debug" in arguments or os.environ.get("PATROLGRID_DEBUG"):
            traceback.print_exc()
        print(f"patrolgrid {_asked(arguments)}: {plain(explain(error), language())}", file=sys.stderr)
        return _exit_code(error)


def _complete(language: Callable[[], str]) -> int:
    """Answer a shell that asks how a line could go on (`patrolgrid completion` has told it how to ask)."""
    line = os.environ.get("COMP_LINE", "")[: int(os.environ.get("COMP_POINT") or 0) or None]
    load("argcomplete").autocomplete(_parser(line.split()[1:], language))
    return 0  # only where nobody has asked for anything: else it ends the process


def explain(error: BaseException) -> str:
    """Return one line for people about an error."""
    if isinstance(error, CommandError | ValueError | OSError | RuntimeError):
        return str(error) or type(error).__name__
    return f"{type(error).__name__}: {error} (--debug shows where; please report it)"


def _language(arguments: Sequence[str]) -> Callable[[], str]:
    """Return what finds out the reader's language, when something is to be said."""

    @cache
    def language() -> str:
        options = dict(itertools.pairwise("=".join(arguments).split("=")))
        path = options.get("--config") or os.environ.get("PATROLGRID_CONFIG") or "patrolgrid.toml"
        # Not by reading the settings: they may be what is wrong, and help is not to wait for them.
        with suppress(OSError, ValueError):
            configured = _LANGUAGE.search(Path(path).read_text(encoding="utf-8"))
            return language_of(options.get("--lang"), configured and configured[1])
        return language_of(options.get("--lang"))

    return language


def _asked(arguments: Sequence[str]) -> str | None:
    """Return the command that is asked for."""
    return next((word for word in arguments if word in COMMANDS), None)


def _module(name: str) -> CommandModule:
    """Import a command. Raises `MissingExtraError` where it needs an extra that is not installed."""
    return cast("CommandModule", load(f"console.cli.commands.{name}"))


def _exit_code(error: BaseException) -> int:
    if isinstance(error, CommandError):
        return error.code
    return 2 if type(error).__name__ in {"SettingsError", "PlacesError"} else 1


class _Version(argparse.Action):
    """Prints what a report of a fault needs to know."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        there = dict.fromkeys(EXTRAS.values(), True)
        for package, extra in EXTRAS.items():
            there[extra] = there[extra] and _is_there(package)
        extras = ", ".join(sorted(extra for extra, whole in there.items() if whole)) or "-"
        print("patrolgrid", version())
        print("Python", platform.python_version(), platform.platform())
        print("extras:", extras)
        parser.exit()


def _is_there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):  # half installed, or imported by something that hides where it is from
        return False


def _parser(arguments: list[str], language: Callable[[], str]) -> argparse.ArgumentParser:
    """Return the parser, with the arguments of the one command that is asked for."""
    parser = speaking(language)(
        prog="patrolgrid",
        description="Turns what a neighbourhood's cameras, gates and sensors see into anomalies, hotspots and alerts.",
        epilog=_EXAMPLES,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version, and what is installed with it")
    parser.add_argument("--lang", dest="speak", choices=LANGUAGES, help="as --lang of the commands")
    parser.add_argument("--debug", action="store_true", help="show where an error came from")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")
    asked = _asked(arguments)
    for name, summary in COMMANDS.items():
        if name != asked:
            commands.add_parser(name, help=summary, add_help=False)
            continue
        command = _module(name)
        child = commands.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            epilog=command.EXAMPLES,
        )
        command.add_arguments(child)
        # SUPPRESS: without it, this default would overwrite a --debug given before the command.
        child.add_argument(
            "--debug", action="store_true", default=argparse.SUPPRESS, help="show where an error came from"
        )
    return parser
