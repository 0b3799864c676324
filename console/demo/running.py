"""A site's processes under one supervisor: what `demo`, `up` and `replay` start, and in which order they stop."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from console.errors import CommandError
from deploy.node.lock import is_locked
from deploy.processes.broker import start_broker
from deploy.processes.supervisor import ChildError, Supervisor, free_port
from deploy.settings.load import dump_toml, with_values
from deploy.settings.sections import PREFIX, SECRETS, Settings
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.tables import StoreError, StoreMissingError

NODE_STOP_S: Final = 90.0
"""A node that is behind works its log off before it ends."""
_BOARD_S: Final = 30.0
_SAMPLE_S: Final = 0.25
_PORT_ATTEMPTS: Final = 4


class Running:
    """The processes of one site.

    Parameters
    ----------
    settings
        The site's; `start_broker` changes the port in them to the one really used.
    supervisor
        Owns the children.
    """

    def __init__(self, settings: Settings, supervisor: Supervisor) -> None:
        self.settings, self.supervisor = settings, supervisor
        self.folder = settings.site_dir
        self.board_url = ""

    def start_broker(self, kind: str, wanted: int) -> int:
        """Start a broker on the wanted port or the next free one, and return the port."""
        for attempt in range(_PORT_ATTEMPTS):
            port = free_port(wanted + attempt)
            try:
                start_broker(self.supervisor, kind, port, self.folder / "broker")
                break
            except ChildError:  # somebody took the port between looking and listening
                if attempt + 1 == _PORT_ATTEMPTS:
                    raise
        self.settings = with_values(self.settings, broker={"host": "127.0.0.1", "port": port, "protocol": "3.1.1"})
        return port

    def start_node(self, **sections: dict[str, Any]) -> None:
        """Start the node with some settings changed. It is ready when its gateway and engine run."""
        self.settings = with_values(self.settings, **sections)
        config, status = self.folder / "node.toml", self.folder / "node.json"
        config.write_text(dump_toml(self.settings), encoding="utf-8")
        status.unlink(missing_ok=True)
        self.supervisor.start(
            "node",
            [sys.executable, "-m", "deploy.node", "--config", str(config)],
            ready=status.exists,
            ready_s=60.0,
            stop_s=NODE_STOP_S,
            environment=child_environment(),
        )

    def start_board(self, *, simulated: bool = False) -> str:
        """Start the board and return its address; a taken port is stepped around."""
        settings, address = self.settings, self.folder / "board.url"
        address.unlink(missing_ok=True)
        broker = msgspec.structs.replace(settings.broker, password="")  # the board has the environment's
        document = {
            "store_path": str(self.folder / "store.db"),
            "places_path": str(settings.places_file),
            "site": settings.site.id,
            "host": settings.board.host,
            "port": settings.board.port,
            "language": settings.site.language,
            "timezone": settings.site.timezone,
            "simulated": simulated,
            "broker": msgspec.to_builtins(broker, enc_hook=str),
            "hosts": settings.board.hosts,
            "address_file": str(address),
        }
        config = self.folder / "board.json"
        config.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        self.supervisor.start(
            "board",
            [sys.executable, "-m", "console.board", "--config-json", str(config)],
            ready=lambda: address.exists() and bool(address.read_text(encoding="utf-8").strip()),
            ready_s=_BOARD_S,
            environment=child_environment(),
        )
        self.board_url = address.read_text(encoding="utf-8").strip()
        return self.board_url

    def status(self) -> dict[str, Any]:
        """Return the node's last status; empty before the first."""
        reader = StoreReader(self.folder / "store.db")
        try:
            return dict(reader.meta("status") or {})
        except StoreMissingError:
            return {}
        finally:
            reader.close()

    def wait_caught_up(self, *, timeout_s: float, stopped: Callable[[], bool] = lambda: False, settle: int = 2) -> bool:
        """Wait until the node has taken and processed everything that was published before now.

        It has when `settle` of its statuses in a row, all made after this call began, show no message waiting, no
        record unprocessed and no new message. Tells whether it got there in time.
        """
        began_ms, deadline = time.time_ns() // 1_000_000, time.monotonic() + timeout_s
        before, seen, quiet = -1, 0, 0
        while time.monotonic() < deadline and not stopped():
            self.supervisor.check()
            status = self.status()
            if status and status["wall_ms"] > max(began_ms, seen):
                seen, messages = status["wall_ms"], status["counters"]["messages"]
                still = not status["lag"]["records"] and not status.get("waiting") and messages == before
                quiet, before = quiet + 1 if still else 0, messages
                if quiet >= settle:
                    return True
            time.sleep(_SAMPLE_S)
        return False


def child_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment for children: settings are in their files already, only secrets stay."""
    environment = os.environ if environment is None else environment
    secrets = {PREFIX + name.replace(".", "__").upper() for name in SECRETS}
    return {name: value for name, value in environment.items() if not name.startswith(PREFIX) or name in secrets}


def refuse_running(settings: Settings) -> None:
    """Raise `CommandError` where a node works on the site's folder already."""
    if is_locked(settings.site_dir):
        url = settings.site_dir / "board.url"
        where = f"; its board is at {url.read_text(encoding='utf-8').strip()}" if url.exists() else ""
        raise CommandError(f"site {settings.site.id} is running already, in {settings.site_dir}{where}")


def totals(settings: Settings) -> dict[str, int]:
    """Return what a site's store holds in all, zeros where there is none."""
    reader = StoreReader(settings.site_dir / "store.db")
    try:
        counts, counters = reader.counts(), (reader.meta("status") or {}).get("counters", {})
        quarantined = (reader.meta("status") or {}).get("quarantined", {})
        return {
            "received": int(counters.get("received", 0)),
            "messages": int(counters.get("messages", 0)),
            "duplicates": int(counters.get("duplicates", 0)),
            "stored": int(reader.totals()["observations"]),
            "windows": int(counts["windows"]),
            "anomalies": int(counts["anomalies"]),
            "alerts": int(counts["alerts"]),
            "hotspots": int(counts["hotspots"]),
            **{f"quarantined.{reason}": int(count) for reason, count in quarantined.items()},
        }
    except StoreError:
        return dict.fromkeys(
            ("received", "messages", "duplicates", "stored", "windows", "anomalies", "alerts", "hotspots"), 0
        )
    finally:
        reader.close()


def since(before: dict[str, int], after: dict[str, int]) -> dict[str, Any]:
    """Return what came between two `totals`, with ``quarantined`` by reason."""
    change = {key: value - before.get(key, 0) for key, value in after.items()}
    quarantined = {
        key.split(".", 1)[1]: value for key, value in change.items() if key.startswith("quarantined.") and value
    }
    return {**{key: value for key, value in change.items() if "." not in key}, "quarantined": quarantined}
