"""Runs the board: finds a port, answers, tells the real address, and stops when it is asked to."""

import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import uvicorn
from starlette.applications import Starlette

from console.board.app import make_app
from console.board.board_config import BoardConfig, BoardConfigError
from console.board.commands import MqttCommandPublisher
from console.board.connections import Connection
from ingest.files import replace_file
from ingest.gateway.places_file import LAST_GOOD, PlacesFile
from ingest.gateway.plate_keys import command_keys
from ingest.places import PlacesError
from stream.sinks.store.reader import StoreReader

TRIES: Final = 20
"""Ports tried after the wanted one, before any free one is taken."""
GRACE_S: Final = 3
"""How long open requests may take when the board stops."""


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket on `port`, on one of the next `TRIES` where it is taken, or on any free one.

    Raises OSError where `host` itself is no address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    wanted = [candidate for candidate in range(port, port + TRIES + 1) if 0 < candidate <= 65_535] if port else []
    for candidate in [*wanted, 0]:
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, candidate))
            sock.listen(128)
        except OSError:
            sock.close()
            if candidate == 0:
                raise
            continue
        return sock
    raise AssertionError("port 0 either binds or raises")


def address(host: str, port: int) -> str:
    """Return the URL under which this machine's browser reaches the board."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{name}]:{port}/" if ":" in name else f"http://{name}:{port}/"


class Server(uvicorn.Server):
    """Uvicorn that tells when it answers, and ends the event streams before it waits for requests to finish."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], app: Starlette) -> None:
        super().__init__(config)
        self._ready, self._app = ready, app

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer, and tell so."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the event streams, which never end by themselves, then what else is under way."""
        await self._app.state.board.hub.stop()
        await super().shutdown(sockets)


def serve(config: BoardConfig) -> int:
    """Serve the board until SIGTERM or SIGINT; return the exit code (0 stopped, 1 could not start).

    The real address is printed once the board answers, and written to ``config.address_file``, whole or not at all.
    """
    try:
        config.check()
        file = PlacesFile(Path(config.store_path).with_name(LAST_GOOD), Path(config.places_path))
        file.load()
        sock = listen(config.host, config.port)
    except (BoardConfigError, PlacesError) as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"host {config.host!r}, places {config.places_path!r}: {error}")
    url = address(config.host, sock.getsockname()[1])
    reader = StoreReader(Path(config.store_path), ZoneInfo(config.timezone))
    try:
        keys = command_keys(Path(config.command_key_file)) if config.command_key_file else ()
        publisher = MqttCommandPublisher(config.site, config.login(), keys)
    except (OSError, ValueError) as error:
        sock.close()
        return _fail(f"broker {config.broker}: {error}")
    app = make_app(reader, file, publisher.publish, config)

    def report() -> None:
        if config.address_file:
            replace_file(Path(config.address_file), f"{url}\n".encode(), durable=False)
        print(f"PatrolGrid board: {url}", flush=True)

    server = Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
            http=Connection,
        ),
        report,
        app,
    )
    before = _quiet_signals()
    try:
        server.run(sockets=[sock])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        publisher.close()
        reader.close()
        sock.close()
    return 0 if server.started else 1


def _quiet_signals() -> dict[signal.Signals, Any]:
    """Take SIGTERM and SIGINT; return the handlers that were there.

    Uvicorn stops on them and then raises them again, which would end the process before it has tidied up, and with
    a code that reads as a failure.
    """
    try:
        return {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    except ValueError:  # not the main thread: there are no signals to take
        return {}


def _fail(text: str) -> int:
    print(f"board: {text}", file=sys.stderr, flush=True)
    return 1
