"""An agent of ten devices that is fed from a source that sends again what was not acknowledged.

``python -m tests.ingest.edge.ten_devices '{"folder": "…", "port": 1883, "messages": 100, …}'``: message n has an
observation of every device, and what is remembered with it is n. Each number that the spool has is printed. At the end
it waits for the broker, and prints the spool's counts.
"""

import json
import os
import sys
import time
from contextlib import ExitStack, closing
from errno import ENOSPC
from pathlib import Path
from stat import S_ISREG
from typing import Any

import msgspec

from ingest.edge.agent import EdgeAgent, EdgeSettings
from ingest.edge.spool import Spool
from ingest.login import BrokerAddress
from ingest.observations import Count, Level, Observation, State

SITE, BEAT = "s1", "b1"
DEVICES = tuple(f"cam-{number}" for number in range(10))


class Plan(msgspec.Struct, kw_only=True):
    """What the agent does."""

    folder: str
    port: int
    messages: int
    start_ms: int
    """Event time of message 0; the others follow second by second."""
    full: str = ""
    """A file: while it is there the disk is full."""
    file_bytes: int = 256 << 10
    hold_s: float = 10.0
    live_s: float = 0.0
    """Afterwards every device says something twenty times a second for so long, and one gives an alarm."""
    devices: tuple[str, ...] = DEVICES


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def message(plan: Plan, n: int) -> list[tuple[str, Observation]]:
    return [(device, Count(ts=plan.start_ms + n * 1_000, interval_s=1, in_=1)) for device in plan.devices]


def feed(plan: Plan, spool: Spool) -> None:
    for n in range(int(spool.memory().get("n", b"-1")) + 1, plan.messages):
        spool.put(message(plan, n), {"n": b"%d" % n})
        while not spool.settle():
            time.sleep(0.01)
        say(str(n))


def live(plan: Plan, spool: Spool) -> None:
    end = time.monotonic() + plan.live_s
    step = 0
    while time.monotonic() < end:
        now_ms, alarm = time.time_ns() // 1_000_000, "alarm" if step % 2 else "ok"
        said: list[tuple[str, Observation]] = [
            (device, Level(ts=now_ms, metric="co2", value=400.0, unit="ppm")) for device in plan.devices
        ]
        spool.put([*said, (plan.devices[step % 10], State(ts=now_ms, metric="smoke", value=alarm))])
        step += 1
        time.sleep(0.05)


def main(text: str) -> None:
    plan = msgspec.json.decode(text, type=Plan)
    if plan.full:
        write = os.write

        def refuse(file: int, data: Any) -> int:
            if Path(plan.full).exists() and S_ISREG(os.fstat(file).st_mode):
                raise OSError(ENOSPC, os.strerror(ENOSPC))
            return write(file, data)

        os.write = refuse
    spool = Spool(Path(plan.folder) / "spool", file_bytes=plan.file_bytes, hold_s=plan.hold_s)
    with ExitStack() as stack:
        stack.enter_context(closing(spool))
        agents = [
            stack.enter_context(closing(EdgeAgent(
                EdgeSettings(
                    site=SITE, beat=BEAT, device=device, spool=spool.path, broker=BrokerAddress(port=plan.port),
                    backoff_s=(0.1, 0.5),
                ),
                spool,
            )))
            for device in plan.devices
        ]  # fmt: skip
        feed(plan, spool)
        live(plan, spool)
        while not all(agent.flush(1.0) for agent in agents):
            pass
        say(json.dumps(spool.stats()._asdict()))
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
