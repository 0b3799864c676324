"""Brokers that run beside a node: the embedded one of the demo, and Mosquitto with the production configuration.

``python -m deploy.processes.broker --port N`` runs the embedded broker (rumqttd, in the ``iotcore`` wheel) in this
process. It listens on 127.0.0.1 only and keeps nothing on disk: a demo's broker, not a station's. It is a process of
its own so that a node can be restarted, or killed, without it.
"""

import argparse
import getpass
import logging
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.processes.supervisor import Supervisor, listening
from ingest.setup.extras import load

MAX_PAYLOAD: Final = 1_048_576
"""Largest packet the brokers take, bytes: ten times what an edge agent sends, so that an oversized payload of up to
this length reaches the gateway and is put on record there."""
_READY: Final = "broker listens on"
_CONFIRM_S: Final = 0.15
_PER_LISTENER: Final = "per_listener_settings true\n"
MOSQUITTO_DIR: Final = Path(__file__).parents[1] / "mosquitto"

_RUMQTTD: Final = """\
id = 0
[router]
id = 0
max_connections = 10010
max_outgoing_packet_count = 1000
max_segment_size = 16777216
max_segment_count = 32
[{version}.1]
name = "loopback"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
[{version}.1.connections]
connection_timeout_ms = 60000
max_payload_size = {max_payload}
max_inflight_count = 500
dynamic_filters = true
"""
"""rumqttd's own configuration: with iotcore's short options it accepts more than 20 kB and never acknowledges it.

A subscriber that falls more than 32 segments (512 MiB) behind would lose the oldest messages; that is also the most
memory the broker keeps per subscription. Without ``dynamic_filters`` it would disconnect whoever publishes what nobody
subscribed to."""


def embedded_command(port: int) -> list[str]:
    """Return the command that runs the embedded broker on a port of the loopback interface."""
    return [sys.executable, "-m", "deploy.processes.broker", "--port", str(port)]


def run_embedded(port: int, protocol: str = "3.1.1") -> None:
    """Run the embedded broker in this process until it is ended by a signal."""
    with tempfile.TemporaryDirectory(prefix="patrolgrid-broker-") as folder:
        path = Path(folder) / "rumqttd.toml"
        version = "v5" if protocol == "5" else "v4"
        path.write_text(_RUMQTTD.format(version=version, port=port, max_payload=MAX_PAYLOAD), encoding="ascii")
        ending = {signal.SIGTERM, signal.SIGINT}
        signal.pthread_sigmask(signal.SIG_BLOCK, ending)  # before the broker's threads start, which inherit it
        broker = load("iotcore.iotcore").IotCoreBroker(config_path=str(path))
        broker.check_ports()
        broker.start()
        print(f"{_READY} 127.0.0.1:{port} (MQTT {protocol})", flush=True)
        signal.sigwait(ending)


class MosquittoMissingError(RuntimeError):
    """There is no mosquitto program; the text says how to get one."""


def mosquitto_program() -> str:
    """Return the path of the mosquitto program. Raises `MosquittoMissingError`."""
    # Debian puts it in /usr/sbin, which is not on everybody's PATH.
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin")
    if found is None:
        raise MosquittoMissingError("there is no mosquitto program here; `make services` installs it")
    return found


def write_mosquitto(folder: Path, port: int, *, anonymous: bool = True, ports: Mapping[int, int] | None = None) -> Path:
    """Write the production configuration for a scratch folder and port; return the file's path.

    It is ``deploy/mosquitto/patrolgrid.conf`` with its places replaced, so that tests run what stations run.

    Parameters
    ----------
    port
        Where the node's own listener is.
    anonymous
        Ask for no password, and leave out the access lists, which go by user name.
    ports
        More of the shipped listeners, also those that are comments there: shipped port → port.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("patrolgrid.acl", "devices.acl"):
        shutil.copy(MOSQUITTO_DIR / name, folder / name)
        (folder / name).chmod(0o600)
    (folder / "data").mkdir(exist_ok=True)
    common, mark, listeners = (MOSQUITTO_DIR / "patrolgrid.conf").read_text(encoding="utf-8").partition(_PER_LISTENER)
    # Started by root it would become the user `mosquitto`, who may not write to a scratch folder.
    text = common.replace("/var/lib/mosquitto/", f"{folder / 'data'}/").replace("log_dest stderr", "log_dest stdout")
    text += f"user {getpass.getuser()}\n"
    if anonymous:
        text += f"listener {port} 127.0.0.1\nallow_anonymous true\n"
    else:
        text += mark
        wanted = {1883: port, **(ports or {})}
        for block in listeners.split("\n\n"):
            lines = re.findall(r"^#?([a-z_]{1,60} [^ ]{1,200}(?: 127\.0\.0\.1)?)$", block, flags=re.MULTILINE)
            number = int(lines[0].split()[1]) if lines and lines[0].startswith("listener") else 0
            if number in wanted:
                text += "\n".join([f"listener {wanted[number]} 127.0.0.1", *lines[1:]]) + "\n"
    path = folder / "mosquitto.conf"
    path.write_text(text.replace("/etc/mosquitto/patrolgrid/", f"{folder}/"), encoding="utf-8")
    return path


def mosquitto_command(config: Path) -> list[str]:
    """Return the command that runs Mosquitto with a configuration. Raises `MosquittoMissingError`."""
    return [mosquitto_program(), "-c", str(config)]


def start_broker(supervisor: Supervisor, kind: str, port: int, folder: Path) -> None:
    """Start a broker (``embedded`` or ``mosquitto``) under a supervisor and wait until it accepts connections.

    Raises `deploy.processes.supervisor.ChildError` with its last words where it does not, `MosquittoMissingError`
    where it is not installed.
    """
    log = supervisor.log_of("broker")
    embedded = kind != "mosquitto"
    command = embedded_command(port) if embedded else mosquitto_command(write_mosquitto(folder, port))
    said = log.stat().st_size if log.exists() else 0

    def ready() -> bool:
        # The embedded broker says so itself, since another program may be listening on that port.
        return (not embedded or _READY in _from(log, said)) and listening("127.0.0.1", port)

    supervisor.start("broker", command, ready=ready)
    time.sleep(_CONFIRM_S)  # where the port was taken in the same moment, it has ended by now
    supervisor.check()


def _from(log: Path, start: int) -> str:
    content = log.read_bytes() if log.exists() else b""
    return content[start if len(content) >= start else 0 :].decode("utf-8", "replace")


def main(arguments: list[str] | None = None) -> int:
    """Run the embedded broker from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.processes.broker", description="The embedded MQTT broker of a demo."
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--protocol", choices=("3.1.1", "5"), default="3.1.1")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # rumqttd reports every routed packet as an error record.
    logging.getLogger("rumqttd").setLevel(logging.CRITICAL)
    try:
        run_embedded(options.port, options.protocol)
    except (OSError, RuntimeError, ValueError) as error:
        print(f"broker: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
