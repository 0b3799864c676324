"""``patrolgrid edge``: the edge agent, fed with JSON lines on standard input. Needs no numpy."""

import argparse
import json
import os
import sys
from contextlib import closing
from pathlib import Path
from typing import Final

from console.common import language_of
from console.errors import CommandError
from ingest.edge import EdgeAgent, EdgeSettings, feed
from ingest.login import BrokerAddress, parse_address
from stream.sentences.catalogue import Sentences

EXAMPLES: Final = """\
examples:
  read-my-camera | patrolgrid edge --site station-1 --beat old-market --device cam-07 --spool /var/lib/cam-07.db
  echo '{"type":"level","metric":"noise","value":71.5,"unit":"dB"}' | patrolgrid edge --site station-1 \\
      --beat old-market --device noise-02 --spool noise.db --broker 10.0.0.5:8883 --tls-ca ca.crt

Each line is one observation or an array of them; `ts` may be left out and is then now. What a line held is on disk
before the next is read, and stays there until the broker has acknowledged it. The password of the device, whose id is
the user name, comes from --password-file or PATROLGRID_BROKER__PASSWORD. At the end of the input the agent waits up to
--flush-s for the broker; what is not acknowledged then goes out when it is started again (exit code 1).
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add = parser.add_argument
    add("--site", required=True, metavar="ID")
    add("--beat", required=True, metavar="ID")
    add("--device", required=True, metavar="ID")
    add("--spool", required=True, type=Path, metavar="FILE", help="where observations wait for the broker")
    add("--broker", default="127.0.0.1:1883", metavar="HOST:PORT", help="default: 127.0.0.1:1883")
    add("--mqtt", choices=("3.1.1", "5"), default="3.1.1", help="protocol version (default: 3.1.1)")
    add("--password-file", type=Path, metavar="FILE", help="file with the device's password on its first line")
    add("--tls", action="store_true", help="speak TLS, trusting the system's authorities")
    add("--tls-ca", type=Path, metavar="FILE", help="speak TLS, trusting these authorities")
    add("--tls-cert", type=Path, metavar="FILE", help="the device's certificate")
    add("--tls-key", type=Path, metavar="FILE", help="its private key")
    add("--flush-s", type=float, default=30.0, metavar="S", help="wait so long at the end (default: 30)")
    add("--json", action="store_true", help="print what was done as JSON")


def run(options: argparse.Namespace) -> int:
    """Feed standard input to an agent."""
    host, port = parse_address(options.broker)
    settings = EdgeSettings(
        site=options.site,
        beat=options.beat,
        device=options.device,
        spool=options.spool,
        broker=BrokerAddress(
            host=host,
            port=port,
            protocol=options.mqtt,
            password=_password(options.password_file),
            tls=bool(options.tls or options.tls_ca or options.tls_cert),
            tls_ca=options.tls_ca,
            tls_cert=options.tls_cert,
            tls_key=options.tls_key,
        ),
    )
    with closing(EdgeAgent(settings)) as agent:
        taken, refused = feed(agent, sys.stdin.buffer)
        arrived = agent.flush(options.flush_s)
        stats = agent.stats()
    if options.json:
        document: dict[str, object] = {"taken": taken, "refused": refused, "acknowledged": stats.acknowledged}
        document |= {"all_arrived": arrived} | ({"conflict": stats.conflict} if stats.conflict else {})
        print(json.dumps(document, indent=2))
    else:
        texts = Sentences(language_of(None))
        print(texts("edge-done", taken=taken, refused=refused, acknowledged=stats.acknowledged), file=sys.stderr)
    if not arrived:
        raise CommandError(
            f"the broker at {options.broker} has not acknowledged everything; the rest is in {options.spool}"
        )
    return 0


def _password(path: Path | None) -> str:
    if path is None:
        return os.environ.get("PATROLGRID_BROKER__PASSWORD", "")
    try:
        return path.read_text(encoding="utf-8").split("\n", 1)[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"--password-file {path}: {error}", code=2) from error
