"""``patrolgrid edge run``: the edge agent as a service, with all its devices and sources. Needs no numpy."""

import argparse
import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from console.errors import CommandError
from deploy.processes.stopping import StopRequest, tell_started
from ingest.edge.edge_file import EdgeFile, codecs_of
from ingest.edge.service import EdgeService, examine
from ingest.edge.spool_file import SpoolError
from ingest.setup.extras import MissingExtraError, load
from ingest.setup.settings import SettingsError
from stream.sentences.languages import ENGLISH, language_of

_SECOND: Final = 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add = parser.add_argument
    add("--config", type=Path, metavar="FILE", default=Path("edge.toml"), help="settings (default: ./edge.toml)")
    add("--check", action="store_true", help="only tell whether the settings can be used, and what they come to")
    add("--example", action="store_true", help="print a settings file with every key and its meaning")
    add("--json", action="store_true", help="with --check: print it as JSON")


def example_file(language: str) -> Path:
    """Return a settings file with every key and its meaning."""
    name = "edge.example.toml" if language == ENGLISH else f"edge.example.{language}.toml"
    return Path(__file__).parents[1] / "deploy" / name


def run(options: argparse.Namespace) -> int:
    """Run an agent until it is asked to stop, or until its standard input has ended."""
    if options.example:
        print(example_file(language_of(None)).read_text(encoding="utf-8"), end="")
        return 0
    os.umask(0o077)  # whatever it writes is for nobody but its owner
    if options.check:
        with _put_right():
            _show(examine(options.config), as_json=options.json)
        return 0
    logging.basicConfig(format="%(levelname)s %(message)s", level=logging.INFO, stream=sys.stderr)
    with StopRequest() as stop, closing(_service(options.config)) as service:
        arrived = service.run(stop, tell_started, _ping_s())
    if not arrived:
        raise CommandError("the broker has not acknowledged everything; the rest goes out at the next start")
    return 0


def _ping_s() -> float:
    """Return how often systemd wants to hear from this process, 0 for never. Source: sd_watchdog_enabled(3)."""
    given = os.environ.get("WATCHDOG_USEC", "")
    whose = os.environ.get("WATCHDOG_PID", "")
    if not given.isdecimal() or (whose and whose != str(os.getpid())):
        return 0.0
    return int(given) / _SECOND


def _service(path: Path) -> EdgeService:
    """Return the running agent. Raises `CommandError` for what a person has to put right first."""
    with _put_right():
        return EdgeService(path)


@contextmanager
def _put_right() -> Iterator[None]:
    """Turn what a person has to put right into an end with code 2, which systemd does not start again."""
    try:
        yield
    except (SpoolError, SettingsError):
        raise  # the first perhaps only for a moment: the agent before this one has not ended yet
    except (ValueError, OSError, MissingExtraError) as error:
        raise CommandError(str(error), code=2) from error


def _show(file: EdgeFile, *, as_json: bool) -> None:
    """Print what settings come to."""
    found = {
        "site": file.agent.site,
        "broker": str(file.broker),
        "devices": [one.device for one in file.devices],
        "sources": [" ".join([str(one.__struct_config__.tag), *codecs_of(one)]) for one in file.sources],
        "bindings": len(file.bindings),
    }
    if as_json:
        print(json.dumps(found, indent=2))
        return
    texts = load("stream.sentences.catalogue").Sentences(language_of(None))  # which a running agent has no room for
    listed = {name: ", ".join(value) or "-" if isinstance(value, list) else str(value) for name, value in found.items()}
    print(texts("edge-checked", **listed))
