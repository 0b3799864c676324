"""An edge agent of ten devices after an outage: how fast its backlog drains beside live traffic, how soon alarms come.

One process is the agent, as `patrolgrid edge run` makes it, beside a real broker. It has kept 200,000 observations.
While they drain every device says something twenty times a second, and one of them gives an alarm. An alarm's time runs
from its event to the broker's subscriber. What the agent occupies is the highest that the kernel has seen of it.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from benchmarks.ingest_bench import broker
from deploy.processes.broker import MosquittoMissingError
from ingest.login import BrokerAddress
from ingest.mqtt import Inbound, Session
from ingest.observations import Count, Observation, State
from tests.ingest.edge.outage import Trouble
from tests.ingest.edge.ten_devices import DEVICES, Plan
from tests.support import free_port, wait_for

_LIVE_S: Final = 20.0
_DECODER: Final = msgspec.json.Decoder(Observation | list[Observation])


def after_outage(kind: str, messages: int, folder: Path) -> dict[str, Any]:
    """Return the figures of one agent, and one broker."""
    plan = Plan(
        folder=str(folder / "edge"), port=free_port(), messages=messages, live_s=_LIVE_S,
        start_ms=time.time_ns() // 1_000_000 - messages * 1_000,
    )  # fmt: skip
    away = Trouble(plan, seed=1)
    began = time.monotonic()
    away.start()
    away.until(messages - 1)
    put_s = time.monotonic() - began
    away.kill()
    heard: list[tuple[float, bytes]] = []

    def hear(message: Inbound) -> None:
        heard.append((time.time(), message.payload))

    with broker(kind, folder / "broker") as port:
        ear = Session(BrokerAddress(port=port), "ear", filters=["patrolgrid/v1/+/+/+/obs"], on_message=hear)
        ear.start()
        try:
            wait_for(lambda: ear.up, "the subscriber connects")
            agent = Trouble(msgspec.structs.replace(plan, port=port), seed=1)
            agent.start()
            counts = agent.counts()
        finally:
            ear.close()
    return _figures(kind, messages, put_s, heard, counts)


def _figures(
    kind: str, messages: int, put_s: float, heard: list[tuple[float, bytes]], counts: dict[str, Any]
) -> dict[str, Any]:
    backlog, delays, seen = list[float](), list[float](), set[tuple[str, int | None, int]]()
    for at, payload in heard:
        found = _DECODER.decode(payload)
        for one in found if isinstance(found, list) else [found]:
            ts = one.ts if isinstance(one.ts, int) else 0
            if isinstance(one, Count):
                backlog.append(at)
            elif isinstance(one, State) and (one.boot, one.seq, ts) not in seen:
                seen.add((one.boot, one.seq, ts))
                delays.append(at - ts / 1_000)
    total = messages * len(DEVICES)
    times = np.array(backlog)
    # A little goes at once, the rest when the connection has proved itself.
    rest = times[times > times[0] + np.diff(times).max()] if len(times) > 1 else times
    during = np.array(delays)
    rate = len(rest) / (rest[-1] - rest[0])
    note = f"{total:,} kept; all there after {times[-1] - times[0]:.1f} s, {len(times) - total:,} of them twice"
    alarms = f"p50 {np.median(during) * 1_000:.0f} ms, longest {during.max() * 1_000:.0f} ms, of {len(during)}"
    return {
        f"{kind}: put, each message to disk": {"value": total / put_s, "unit": "observations/s"},
        f"{kind}: backlog drains": {"value": rate, "unit": "observations/s", "target": 20_000, "note": note},
        f"{kind}: alarms meanwhile, p99": {
            "value": float(np.percentile(during, 99)) * 1_000, "unit": "ms", "target": 1_000, "at_most": True,
            "note": alarms,
        },
        f"{kind}: agent of ten devices": {
            "value": counts["peak_mb"], "unit": "MB resident", "target": 40, "at_most": True,
            "note": f"{counts['resident_mb']:.1f} MB at the end",
        },
    }  # fmt: skip


def run(quick: Any) -> dict[str, Any]:
    """All of it; about a minute."""
    messages = 4_000 if quick else 20_000
    with tempfile.TemporaryDirectory(prefix="edge-") as folder:
        try:
            return after_outage("mosquitto", messages, Path(folder))
        except MosquittoMissingError:
            return after_outage("embedded", messages, Path(folder))
