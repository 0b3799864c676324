"""How soon an alert is accepted by a channel, while another one hangs, too; and how soon all are silent.

A process of its own delivers (`patrolgrid deliver run`) from a store to fake servers on loopback. The time runs from
before the alert is written into the store until the server has the whole message.
"""

import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from console.deliver.receipts import Receipts
from tests.console.deliver.fakes import FakeHttp
from tests.console.stores import Node
from tests.stream.make_results import alert as make_alert
from tests.support import free_port, wait_for


class Station:
    """A store, two channels, and a process that delivers."""

    def __init__(self, folder: Path, chat: FakeHttp, hook: FakeHttp) -> None:
        self.site = folder / "data" / "s1"
        self.site.mkdir(parents=True)
        self.node, self.chat, self.hook, self.numbers = Node(self.site), chat, hook, count()
        channels, self.config = folder / "channels.toml", folder / "patrolgrid.toml"
        bot = f"kind = 'wecom'\nwhere = 'inside'\nkey = 'k'\nbase_url = '{chat.url}'\nper_minute = 10000\n"
        webhook = f"kind = 'webhook'\nwhere = 'inside'\nurl = '{hook.url}/x'\nper_minute = 10000\n"
        channels.write_text(f"[chat]\n{bot}[hook]\n{webhook}", encoding="utf-8")
        channels.chmod(0o600)
        self.config.write_text(
            f"[site]\nid = 's1'\n[data]\ndir = '{folder / 'data'}'\n[broker]\nport = {free_port()}\n"
            f"[deliver]\nchannels_file = '{channels}'\n[telling]\nrules = ['critical @ #chat #hook']\n",
            encoding="utf-8",
        )

    @contextmanager
    def delivering(self):
        """Run the process, and wait until it delivers."""
        command = [sys.executable, "-m", "console.cli", "deliver", "run", "--config", str(self.config)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            before = len(self.hook.got)
            self.tell()
            wait_for(lambda: len(self.hook.got) > before, "nothing is delivered")
            yield
        finally:
            process.terminate()
            process.wait()

    def tell(self, *, name: str = "", revision: int = 1, **more: Any) -> tuple[str, float]:
        """Write an alert; return its id, and when that began."""
        name = name or f"a{next(self.numbers)}"
        began = time.monotonic()
        alert = make_alert(name, revision, severity="critical", kind="smoke", **more)
        self.node.write(alerts=[alert])
        return name, began

    def delays(self, alerts: int, gap_s: float) -> list[float]:
        """Return from alert to message, in seconds, at the webhook."""
        began = {}
        for _ in range(alerts):
            name, at = self.tell()
            began[f"s1-{name}-1"] = at
            time.sleep(gap_s)
        wait_for(lambda: began.keys() <= {one.headers["Idempotency-Key"] for one in self.hook.accepted()}, "missing")
        came = {one.headers["Idempotency-Key"]: one.at for one in reversed(self.hook.accepted())}
        return [came[key] - at for key, at in began.items()]

    def _wait_for_attempts(self, chat: int, hook: int) -> None:
        wait_for(lambda: len(self.chat.got) > chat and len(self.hook.got) > hook, "no attempt")

    def _wait_for_drop(self, name: str) -> None:
        wait_for(lambda: {one.state for one in Receipts(self.site).of(name)} == {"dropped"}, "still waits")

    def _wait_for_all(self, name: str) -> None:
        wait_for(lambda: {one.state for one in Receipts(self.site).of(name)} == {"accepted"}, "not accepted")

    def silence(self, rounds: int) -> float:
        """Return how long after an acknowledgement, at the most, a server was still called, in seconds."""
        longest = 0.0
        self.chat.usual = self.hook.usual = "500"
        for _ in range(rounds):
            before = len(self.chat.got), len(self.hook.got)
            name, _began = self.tell()
            self._wait_for_attempts(*before)
            _, acknowledged = self.tell(name=name, revision=2, state="acknowledged", by="Wang")
            self._wait_for_drop(name)
            time.sleep(2.5)
            last = max(one.at for one in (*self.chat.got, *self.hook.got))
            longest = max(longest, last - acknowledged)
            self.chat.usual = self.hook.usual = "ok"
            name, _began = self.tell()  # a success, after which the wait between attempts begins anew
            self._wait_for_all(name)
            self.chat.usual = self.hook.usual = "500"
        self.chat.usual = self.hook.usual = "ok"
        return longest


def run(quick: object) -> dict[str, Any]:
    """Return delays and the silence after an acknowledgement; fewer of them where it has to be `quick`."""
    alerts, rounds = (60, 3) if quick else (500, 10)
    with tempfile.TemporaryDirectory() as folder, closing(FakeHttp()) as chat, closing(FakeHttp()) as hook:
        station = Station(Path(folder), chat, hook)
        with station.delivering():
            idle = station.delays(alerts, 0.1)
            silence = station.silence(rounds)
        chat.usual = "hang"
        with station.delivering():
            beside = station.delays(alerts, 0.1)
    return {
        "alert to message, idle, p99": _seconds(np.quantile(idle, 0.99), 1.0),
        "alert to message, idle, median": _seconds(np.median(idle)),
        "alert to message while another channel hangs, p99": _seconds(np.quantile(beside, 0.99), 2.0),
        "last call after an acknowledgement": _seconds(silence, 2.0),
    }


def _seconds(value: float, target: float | None = None) -> dict[str, Any]:
    return {"value": round(float(value), 4), "unit": "s", "target": target, "at_most": True}
