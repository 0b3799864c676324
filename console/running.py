"""A site's processes under one supervisor: what `demo`, `up`, `board` and `replay` start, and how they stop."""

import math
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from console.board.board_config import PASSWORD_VARIABLE, BoardConfig, load_config
from console.common import NODE_FILE, PARTS_FILE, SUPERVISED, FoundSite
from console.errors import CommandError
from deploy.node.lock import is_locked, site_lock
from deploy.processes import LOOP, UNUSABLE, ChildError, Ended, StopRequest, Supervisor, free_port
from deploy.processes.broker import start_broker
from deploy.settings import PREFIX, SECRETS, Settings, dump_toml, with_values
from ingest.clock import wall_ms
from ingest.days.patrol_settings import roster_of
from ingest.files import replace_file, replace_json
from stream.sentences.catalogue import Sentences
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.tables import StoreError

NODE_STOP_S: Final = 90.0
"""A node that is behind works its log off before it ends."""
BOARD_SETTINGS: Final = "board.toml"
"""In a site's folder: the settings that its board goes by, without secrets."""
_BOARD_S: Final = 30.0
_SAMPLE_S: Final = 0.25
_PORT_ATTEMPTS: Final = 4


class Running:
    """The processes of one site; made by `run_site`.

    `start_broker` changes the port in `settings` to the one really used.
    """

    def __init__(self, settings: Settings, texts: Sentences, supervisor: Supervisor, stop: StopRequest) -> None:
        self.settings, self.supervisor, self.stop = settings, supervisor, stop
        self.folder = settings.site_dir
        self._texts = texts
        self._ended: dict[str, Ended] = {}
        """Parts that have ended and not run for long since: how the last time."""

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
        config, status = self.folder / NODE_FILE, self.folder / "node.json"
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

    def start_board(self) -> str:
        """Start the board and return its address; a taken port is stepped around."""
        self.begin_board()
        return self.board_url()

    def begin_board(self, *, simulated: bool = False, demo: Mapping[str, str] | None = None) -> None:
        """Start the board, and wait for nothing: it needs no node, and both take seconds. `board_url` waits.

        It is begun anew whatever it ended of: a node must not end because nobody can look at it.

        `demo` is the account that a demo's sign-in page offers.
        """
        settings, address = self.settings, self.folder / "board.url"
        address.unlink(missing_ok=True)
        known = self.folder / BOARD_SETTINGS
        known.write_text(dump_toml(settings), encoding="utf-8")
        config = BoardConfig(
            store_path=str(self.folder / "store.db"),
            places_path=str(settings.places_file),
            settings_file=str(known),
            site=settings.site.id,
            host=settings.board.host,
            port=settings.board.port,
            officers=roster_of(settings.patrol).officers,
            language=settings.site.language,
            timezone=settings.site.timezone,
            simulated=simulated,
            demo=dict(demo or {}),
            broker=msgspec.structs.replace(settings.people_login(), password=""),  # the board has the environment's
            command_key_file=str(settings.command_key_file),
            seal_key_file=str(settings.seal_key_file),
            tls_cert=str(settings.board.tls_cert or ""),
            tls_key=str(settings.board.tls_key or ""),
            fenced=settings.board.fenced,
            hosts=tuple(settings.board.hosts),
            map_link=settings.board.map_link,
            address_file=str(address),
        )
        file = self.folder / "board.json"
        _write_config(file, config)
        self.supervisor.start(
            "board",
            [sys.executable, "-m", "console.board", "--config-json", str(file)],
            environment=board_environment(settings),
            last_code=None,
        )

    def board_url(self, *, give_up: bool = True) -> str:
        """Return the address of the board that has begun, once it answers.

        Unless to `give_up`, a board that does not is started again by `until_stopped`. Raises ChildError.
        """
        address, file = self.folder / "board.url", self.folder / "board.json"
        self.supervisor.await_ready(
            "board",
            lambda: address.exists() and bool(address.read_text(encoding="utf-8").strip()),
            _BOARD_S,
            give_up=give_up,
        )
        url = address.read_text(encoding="utf-8").strip()
        # Started again it has the same address, which browsers have open.
        config = load_config(file)
        _write_config(file, msgspec.structs.replace(config, port=urlsplit(url).port or config.port))
        return url

    def start_deliver(self) -> None:
        """Start delivery, where it is wanted and there are channels.

        Nothing waits for it: channels that are set up wrongly must not keep a station from running. Where it ends it is
        begun anew whatever the reason, for the file of channels may be put right meanwhile.
        """
        settings = self.settings
        if settings.deliver.enabled and settings.channels_file.exists():
            arguments = ["deliver", "run", "--config", str(self.folder / NODE_FILE)]
            self.supervisor.start(
                "deliver",
                [sys.executable, "-m", "console.cli", *arguments],
                environment=child_environment(),
                last_code=None,
            )

    def start_edge(self) -> None:
        """Start the edge agent of this machine, where the settings name one; nothing waits for it, as for delivery."""
        file = self.settings.edge.file
        if file is not None:
            self.supervisor.start(
                "edge",
                [sys.executable, "-m", "console.cli", "edge", "run", "--config", str(file.resolve())],
                environment=child_environment(),
                last_code=None,
            )

    def until_stopped(self, seconds: float = math.inf) -> None:
        """Wait until somebody asks to stop or the time is over. What ends by itself meanwhile is started again.

        Raises ChildError where a part ends that no later start would help: its settings cannot be used.
        """
        deadline = time.monotonic() + seconds
        while not self.stop.wait(min(0.5, max(deadline - time.monotonic(), 0.0))) and time.monotonic() < deadline:
            self._mend()

    def _mend(self) -> None:
        """Start again what has ended, and tell so: here, and to status, doctor and board in the site's folder."""
        found, texts = self.supervisor.mend(), self._texts
        for one in found:
            code = "loop" if one.times == LOOP else "ended"
            why, *words = one.how.splitlines()
            said = texts(f"run-{code}", part=one.name, why=why, times=one.times, wait=one.wait_s)
            # Its last words are the same each time.
            print("\n".join([said, *(words if one.times in {1, LOOP} else [])]), flush=True)
        well = self._ended.keys() - self.supervisor.ended().keys()
        for name in sorted(well):
            print(texts("run-well", part=name), flush=True)
        self._ended = {name: one for name, one in self._ended.items() if name not in well}
        self._ended |= {one.name: one for one in found}
        if found or well:
            parts = {one.name: {"times": one.times, "how": one.how.splitlines()[0]} for one in self._ended.values()}
            with suppress(OSError):  # a full disk: it is told on the terminal, and the part is started all the same
                replace_json(self.folder / PARTS_FILE, parts)

    def end(self) -> None:
        """Stop what runs, in the order that loses nothing: the broker after those that it serves."""
        for name in ("edge", "deliver", "board", "node"):
            if name in self.supervisor:
                self.supervisor.ask(name)
        for name in ("edge", "node", "deliver", "board", "broker"):
            if name in self.supervisor:
                self.supervisor.stop(name)

    def wait_caught_up(self, timeout_s: float, *, even_if_stopped: bool = False) -> bool:
        """Wait until the node has taken and processed everything that was published before now.

        It has when two of its statuses in a row, both made after this call began, show no message waiting, no record
        unprocessed and no new message. Tells whether it got there in time.
        """
        began_ms, deadline = wall_ms(), time.monotonic() + timeout_s
        before, seen, quiet = -1, 0, 0
        while time.monotonic() < deadline and (even_if_stopped or not self.stop.asked):
            self.supervisor.check()
            status = FoundSite(self.settings.site.id, self.folder).status()
            if status and status["wall_ms"] > max(began_ms, seen):
                seen, messages = status["wall_ms"], status["counters"]["messages"]
                still = not status["lag"]["records"] and not status.get("waiting") and messages == before
                quiet, before = quiet + 1 if still else 0, messages
                if quiet == 2:
                    return True
            time.sleep(_SAMPLE_S)
        return False


def _write_config(file: Path, config: BoardConfig) -> None:
    replace_file(file, msgspec.json.format(msgspec.json.encode(config, enc_hook=str), indent=1) + b"\n", durable=False)


@contextmanager
def run_site(settings: Settings, texts: Sentences, *, alone: bool = True) -> Iterator[Running]:
    """Give a way to start a site's processes; leaving the block, by any way, stops them.

    With `alone` nobody else runs the same site meanwhile, also while its node has ended and is about to be started
    again. Raises `CommandError` where a process cannot be started, or ends for good.
    """
    folder = settings.site_dir
    with ExitStack() as stack:
        if alone:
            stack.enter_context(site_lock(folder, SUPERVISED))
            (folder / PARTS_FILE).unlink(missing_ok=True)
        stop, supervisor = stack.enter_context(StopRequest()), stack.enter_context(Supervisor(folder))
        try:
            yield Running(settings, texts, supervisor, stop)
        except ChildError as error:
            raise CommandError(f"{texts('run-died')} {error}", 2 if error.code == UNUSABLE else 1) from error


def child_environment() -> dict[str, str]:
    """Return the environment for children: settings are in their files already, only secrets stay."""
    secrets = {PREFIX + name.replace(".", "__").upper() for name in SECRETS}
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX) or name in secrets}


def board_environment(settings: Settings) -> dict[str, str]:
    """Return the environment for the board: of passwords only that of the account at the broker that it uses."""
    environment = child_environment()
    for name in SECRETS:
        environment.pop(PREFIX + name.replace(".", "__").upper(), None)
    password = settings.people_login().password
    return environment | ({PASSWORD_VARIABLE: password} if password else {})


def refuse_running(settings: Settings) -> None:
    """Raise `CommandError` where somebody runs the site already."""
    if is_locked(settings.site_dir) or is_locked(settings.site_dir, SUPERVISED):
        url = settings.site_dir / "board.url"
        where = f"; its board is at {url.read_text(encoding='utf-8').strip()}" if url.exists() else ""
        raise CommandError(f"site {settings.site.id} is running already, in {settings.site_dir}{where}")


def own_broker(settings: Settings, port: int | None, **sections: dict[str, Any]) -> Settings:
    """Return settings with an embedded broker of the site's own, the board's port, and other sections changed."""
    board = {} if port is None else {"port": port}
    broker = {"mode": "embedded", "host": "127.0.0.1", "tls": False, "username": ""}
    return with_values(settings, broker=broker, board=board, **sections)


def totals(settings: Settings) -> dict[str, int]:
    """Return what a site's store holds in all, zeros where there is none."""
    found = dict.fromkeys(
        ("received", "messages", "duplicates", "stored", "windows", "anomalies", "alerts", "hotspots"), 0
    )
    with closing(StoreReader(settings.site_dir / "store.db")) as reader:
        try:
            counts, status = reader.counts(), reader.meta("status") or {}
            found["stored"] = int(reader.totals()["observations"])
        except StoreError:
            return found
    found |= {name: int(counts[name]) for name in ("windows", "anomalies", "alerts", "hotspots")}
    found |= {name: int(status.get("counters", {}).get(name, 0)) for name in ("received", "messages", "duplicates")}
    return found | {f"quarantined.{reason}": int(count) for reason, count in status.get("quarantined", {}).items()}


def since(before: dict[str, int], after: dict[str, int]) -> dict[str, Any]:
    """Return what came between two `totals`, with ``quarantined`` by reason."""
    change = {key: value - before.get(key, 0) for key, value in after.items()}
    quarantined = {
        key.split(".", 1)[1]: value for key, value in change.items() if key.startswith("quarantined.") and value
    }
    return {**{key: value for key, value in change.items() if "." not in key}, "quarantined": quarantined}
