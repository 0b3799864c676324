"""``patrolgrid edge``: the edge agent, as a service or fed with JSON lines on standard input. Needs no numpy."""

import argparse
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from console import edge_claim, edge_run
from console.errors import CommandError
from ingest.edge import EdgeAgent, EdgeSettings, bounded_lines, feed
from ingest.edge.spool_file import SpoolError
from ingest.login import BrokerAddress, parse_address
from ingest.setup.extras import MissingExtraError, load
from stream.sentences.languages import LANGUAGES, language_of

EXAMPLES: Final = """\
examples:
  patrolgrid edge run --config edge.toml                 many devices and sources, as a service
  patrolgrid edge claim PG1/s1/10.1.2.3:8884/tls/7K3Q9M-ABCD-EFGH-JKMN-PQRS   the code of a device's sheet
  patrolgrid edge run --example                          every setting, with its meaning
  patrolgrid edge settings pi-01 new.toml                at the station: what the agent is to go by from now on
  patrolgrid edge settings pi-01                         whether it does
  read-my-camera | patrolgrid edge --site station-1 --beat old-market --device cam-07 --spool /var/lib/cam-07.db
  echo '{"type":"level","metric":"noise","value":71.5,"unit":"dB"}' | patrolgrid edge --site station-1 \\
      --beat old-market --device noise-02 --spool noise.db --broker 10.0.0.5:8883 --tls-ca ca.crt

Each line is one observation or an array of them; `ts` may be left out and is then now. What a line held is in the
spool before the next is read, and stays there until the broker has acknowledged it; while the disk takes nothing, it
goes on in memory. The password of the device, whose id is the user name, comes from --password-file or
PATROLGRID_BROKER__PASSWORD. At the end of the input the agent waits up to --flush-s for the broker; what is not
acknowledged then goes out when it is started again (exit code 1). SIGTERM ends it within ten seconds.
"""
_LOOK_S: Final = 0.2
_LAST_S: Final = 3.0
"""How long a broker that is there is waited for after SIGTERM."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add, actions = parser.add_argument, parser.add_subparsers(dest="action", metavar="ACTION")
    edge_run.add_arguments(actions.add_parser("run", help="run many devices and sources, from a settings file"))
    edge_claim.add_arguments(actions)
    _station_arguments(actions)
    add("--site", metavar="ID")
    add("--beat", metavar="ID")
    add("--device", metavar="ID")
    add("--spool", type=Path, metavar="FILE", help="where observations wait for the broker")
    add("--broker", default="127.0.0.1:1883", metavar="HOST:PORT", help="default: 127.0.0.1:1883")
    add("--mqtt", choices=("3.1.1", "5"), default="3.1.1", help="protocol version (default: 3.1.1)")
    add("--password-file", type=Path, metavar="FILE", help="file with the device's password on its first line")
    add("--tls", action="store_true", help="speak TLS, trusting the system's authorities")
    add("--tls-ca", type=Path, metavar="FILE", help="speak TLS, trusting these authorities")
    add("--tls-cert", type=Path, metavar="FILE", help="the device's certificate")
    add("--tls-key", type=Path, metavar="FILE", help="its private key")
    add("--seal-key", type=Path, metavar="FILE", help="seal number plates to the station's public key in this file")
    add("--flush-s", type=float, default=30.0, metavar="S", help="wait so long at the end (default: 30)")
    add("--json", action="store_true", help="print what was done as JSON")


def _station_arguments(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add what is done at the station, and not beside the devices; `console.common` would take memory there."""
    send = actions.add_parser("settings", help="at the station: send an agent settings, signed, or show what it has")
    key = actions.add_parser("key", help="at the station: print the key that an agent checks settings with")
    for child in (send, key):
        child.add_argument("device", metavar="DEVICE", help="the device that the agent speaks through")
        child.add_argument("--config", type=Path, metavar="FILE", help="the station's settings file")
        child.add_argument("--data-dir", type=Path, metavar="DIR", help="folder of the sites' data")
        child.add_argument("--lang", choices=LANGUAGES, help="language of what is said")
    what = send.add_mutually_exclusive_group()
    what.add_argument("file", nargs="?", type=Path, metavar="FILE", help="TOML: keys as in the agent's own file")
    what.add_argument("--places", action="store_true", help="the places file's bindings for the agent's devices")
    what.add_argument("--none", action="store_true", help="let it go by its own file again")
    send.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Run an agent with a settings file, or feed standard input to the agent of one device."""
    if options.action == "run":
        return edge_run.run(options)
    if options.action == "claim":
        return edge_claim.run(options)
    if options.action in {"settings", "key"}:
        return int(load("console.edge_settings").run(options))
    missing = [f"--{name}" for name in ("site", "beat", "device", "spool") if getattr(options, name) is None]
    if missing:
        raise CommandError(f"{', '.join(missing)} is missing; or `patrolgrid edge run --config edge.toml`", code=2)
    os.umask(0o077)  # whatever it writes is for nobody but its owner
    with closing(_agent(options)) as agent, _ended_by_signals() as ended:
        taken, refused = feed(agent, bounded_lines(sys.stdin.buffer, ended.is_set))
        arrived = _flush(agent, options.flush_s, ended)
    stats = agent.stats()
    texts = load("stream.sentences.catalogue").Sentences(language_of(None))  # a service says nothing and needs none
    lost = stats.spool.dropped + stats.spool.unwritten
    if options.json:
        document: dict[str, object] = {"taken": taken, "refused": refused, "acknowledged": stats.acknowledged}
        document |= {"all_arrived": arrived, "lost": lost, "plates_removed": stats.plates_removed}
        document |= {"conflict": stats.conflict} if stats.conflict else {}
        print(json.dumps(document, indent=2))
    else:
        print(texts("edge-done", taken=taken, refused=refused, acknowledged=stats.acknowledged), file=sys.stderr)
    if stats.plates_removed:
        print(texts("edge-plates", removed=stats.plates_removed), file=sys.stderr)
    if lost:
        trouble = agent.spool.trouble or "none"
        raise CommandError(texts("edge-lost", lost=lost, spool=options.spool, trouble=trouble))
    if not arrived:
        raise CommandError(
            f"the broker at {options.broker} has not acknowledged everything; the rest is in {options.spool}"
        )
    return 0


def _agent(options: argparse.Namespace) -> EdgeAgent:
    """Return the running agent. Raises `CommandError` for what a person has to put right first."""
    try:
        host, port = parse_address(options.broker)
        settings = EdgeSettings(
            site=options.site,
            beat=options.beat,
            device=options.device,
            spool=options.spool,
            seal_key=options.seal_key,
            broker=BrokerAddress(
                host=host,
                port=port,
                protocol=options.mqtt,
                password="" if options.password_file else os.environ.get("PATROLGRID_BROKER__PASSWORD", ""),
                password_file=options.password_file,
                tls=bool(options.tls or options.tls_ca or options.tls_cert),
                tls_ca=options.tls_ca,
                tls_cert=options.tls_cert,
                tls_key=options.tls_key,
            ),
        )
        return EdgeAgent(settings)
    except SpoolError:
        raise  # perhaps only for a moment: the agent before this one has not ended yet
    except (ValueError, OSError, MissingExtraError) as error:
        raise CommandError(str(error), code=2) from error


def _flush(agent: EdgeAgent, seconds: float, ended: threading.Event) -> bool:
    """Wait until everything has arrived, and tell whether it has; shortly where the agent is to end."""
    until, hurried = time.monotonic() + seconds, False
    while not agent.flush(min(_LOOK_S, max(until - time.monotonic(), 0.0))):
        if ended.is_set() and not hurried:  # a broker that is away is not waited for
            until, hurried = time.monotonic() + (_LAST_S if agent.connected else 0.0), True
        if time.monotonic() >= until:
            return False
    return True


@contextmanager
def _ended_by_signals() -> Iterator[threading.Event]:
    """End the input at SIGTERM or SIGINT: what has been read is worked off, what was not is left to who wrote it."""
    ended, nothing = threading.Event(), os.open(os.devnull, os.O_RDONLY)

    def end(_number: int, _frame: object) -> None:
        ended.set()
        os.dup2(nothing, sys.stdin.fileno())  # a read that waits is begun again, and finds the end

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(nothing)
