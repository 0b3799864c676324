"""What an edge agent writes to its card: ``python -m benchmarks.edge_wear --minutes 30``.

Four agents take one observation a second on real files: one device's that reads lines, and the service with ten devices
and a broker beside it (QoS 1, so that it remembers each message); each once with a station's broker that answers, and
once with one that is away. Counted is ``write_bytes`` of ``/proc/<pid>/io``: the pages of files that the agent made the
kernel write. What the file system writes for itself (its journal) comes on top, and depends on it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.wear import DAY_S, start, until, written
from deploy.processes.broker import MosquittoMissingError, embedded_command, mosquitto_command, write_mosquitto
from deploy.processes.supervisor import free_port, listening

SAYS = {
    "count": lambda n: {"type": "count", "interval_s": 1, "in": n % 7},
    "level": lambda n: {"type": "level", "metric": "noise", "value": 50 + n % 9, "unit": "dB"},
    "state": lambda n: {"type": "state", "metric": "door", "value": "open" if n % 2 else "closed"},
}
SETTLE_S = 60
DEVICES = 10


def agent(folder: Path, name: str, port: int, stack: ExitStack) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "console.cli", "edge", "--site", "s", "--beat", "b", "--device", name]
    command += ["--spool", str(folder / name / "spool.db"), "--broker", f"127.0.0.1:{port}"]
    return start(command, folder, name, stack, stdin=subprocess.PIPE)


def service(folder: Path, name: str, port: int, beside: int, stack: ExitStack) -> subprocess.Popen[bytes]:
    text = f'[agent]\nsite = "s"\nfolder = "{name}"\n[broker]\nport = {port}\n'
    text += "".join(f'[[devices]]\ndevice = "{name}-{number}"\nbeat = "b"\n' for number in range(DEVICES))
    text += f'[[sources]]\nkind = "mqtt"\ncodecs = ["zigbee2mqtt"]\nport = {beside}\nclient_id = "{name}"\n'
    for number in range(DEVICES):
        bound = f'device = "{name}-{number}"\nmatch = "zigbee2mqtt/{number}"\n'
        text += f'[[bindings]]\ncodec = "zigbee2mqtt"\n{bound}'
    (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "console.cli", "edge", "run", "--config", str(folder / f"{name}.toml")]
    return start(command, folder, name, stack)


def measure(folder: Path, minutes: float, kind: str) -> dict[str, Any]:
    port = free_port()
    try:
        broker = mosquitto_command(write_mosquitto(folder / "mosquitto", port))
    except MosquittoMissingError:
        broker = embedded_command(port)
    with ExitStack() as stack:
        start(broker, folder, "broker", stack)
        until(lambda: listening("127.0.0.1", port), "the broker listens")
        agents = {"answers": agent(folder, "answers", port, stack), "away": agent(folder, "away", free_port(), stack)}
        agents["service_answers"] = service(folder, "service_answers", port, port, stack)
        agents["service_away"] = service(folder, "service_away", free_port(), port, stack)
        beside = Client(CallbackAPIVersion.VERSION2)
        beside.connect("127.0.0.1", port)
        beside.loop_start()
        stack.callback(beside.loop_stop)
        stack.callback(beside.disconnect)
        began, before = time.monotonic(), dict.fromkeys(agents, 0)
        for second in range(SETTLE_S + round(60 * minutes)):
            if second == SETTLE_S:
                before = {name: written(process.pid) for name, process in agents.items()}
            line = json.dumps(SAYS[kind](second)).encode() + b"\n"
            for process in agents.values():
                if process.stdin is not None:
                    process.stdin.write(line)
                    process.stdin.flush()
            beside.publish(f"zigbee2mqtt/{second % DEVICES}", json.dumps({"noise": 50 + second % 9}), qos=1)
            time.sleep(max(began + second + 1 - time.monotonic(), 0))
        wrote = {name: written(process.pid) - before[name] for name, process in agents.items()}
    seconds = time.monotonic() - began - SETTLE_S
    per_day = {f"broker_{name}": round(size * DAY_S / seconds / 1e6, 1) for name, size in wrote.items()}
    return {"says": kind, "minutes": minutes, "write_bytes": wrote, "mb_a_day": per_day}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.edge_wear", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="how long to count (default: %(default)s)")
    parser.add_argument("--says", choices=SAYS, default="count", help="what comes every second (default: %(default)s)")
    parser.add_argument("--dir", type=Path, default=Path.cwd(), help="a folder on a real disk (default: this one)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix=".wear-", dir=options.dir) as folder:
        print(json.dumps(measure(Path(folder), options.minutes, options.says), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
