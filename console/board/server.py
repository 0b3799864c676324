"""Runs the board: finds a port, answers, tells the real address, and stops when it is asked to."""

import asyncio
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import uvicorn
from msgspec.structs import replace
from starlette.applications import Starlette

from console.board.app import make_app
from console.board.board_config import BoardConfig, BoardConfigError
from console.board.commands import MqttCommandPublisher
from console.board.connections import Connection
from console.devices.claim_book import CLAIMS, ClaimBook
from console.devices.claim_desk import ClaimDesk
from console.devices.credentials import Credentials
from console.people.caretaker import Caretaker
from console.people.people import People
from console.people.pki import Certified
from deploy.station.station_files import StationFolder
from ingest.edge.signed_settings import key_text, settings_key
from ingest.files import replace_file
from ingest.gateway.places_file import LAST_GOOD, PlacesFile
from ingest.gateway.plate_keys import command_keys, public_seal_keys
from ingest.login import is_loopback
from ingest.places import Device, Places, PlacesError, load_places
from ingest.setup.settings import SettingsError
from stream.sinks.store.reader import StoreReader

TRIES: Final = 20
"""Ports tried after the wanted one, before any free one is taken."""
HANDSHAKE_S: Final = 10.0
"""From a connection to the end of its TLS handshake."""
GRACE_S: Final = 3
"""How long open requests may take when the board stops."""


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket on `port`, on one of the next `TRIES` where it is taken, or on any free one.

    Raises OSError where `host` itself is no address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    wanted = [candidate for candidate in range(port, port + TRIES + 1) if 0 < candidate <= 65_535] if port else []
    for candidate in [*wanted, 0]:
        # Named as TCP, or asyncio leaves Nagle's algorithm on: an answer's body waits 40 ms for an acknowledgement.
        sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
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


def address(host: str, port: int, *, tls: bool = False) -> str:
    """Return the URL under which this machine's browser reaches the board."""
    scheme = "https" if tls else "http"
    name = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"{scheme}://[{name}]:{port}/" if ":" in name else f"{scheme}://{name}:{port}/"


def exposed(config: BoardConfig, people: People) -> str:
    """Return why a board may not be reached from other machines; empty where it is not, or may be.

    Raises StorageError where it cannot be known whether there are accounts.
    """
    if config.fenced or is_loopback(config.host):
        return ""
    missing = [] if people.anybody() else ["accounts (`patrolgrid people add`)"]
    missing += [] if config.tls_cert else ["TLS (`patrolgrid pki init`)"]
    if not missing:
        return ""
    return (
        f"board.host is {config.host!r}, which other machines reach, and there is no {' and no '.join(missing)}; "
        "expected both, or board.host = 127.0.0.1 (docs/security.md)"
    )


class Server(uvicorn.Server):
    """Uvicorn that tells when it answers, and ends the event streams before it waits for requests to finish."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], app: Starlette) -> None:
        super().__init__(config)
        self._ready, self._app = ready, app

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer, and tell so."""
        if self.config.ssl is not None:
            # Uvicorn gives a handshake a minute; whoever holds many half open must not keep others out for so long.
            loop = asyncio.get_running_loop()
            loop.create_server = partial(  # type: ignore[method-assign]  # uvicorn passes no such option on
                loop.create_server, ssl_handshake_timeout=HANDSHAKE_S
            )
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
        people = People(Path(config.store_path).parent)
        if why := exposed(config, people):
            return _fail(why)
        file = PlacesFile(Path(config.store_path).with_name(LAST_GOOD), Path(config.places_path))
        file.load()
        sock = listen(config.host, config.port)
    except (BoardConfigError, PlacesError) as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"host {config.host!r}, places {config.places_path!r}: {error}")
    url = address(config.host, sock.getsockname()[1], tls=bool(config.tls_cert))
    reader = StoreReader(Path(config.store_path), ZoneInfo(config.timezone))
    try:
        certified = Certified(Path(config.tls_cert), Path(config.tls_key)) if config.tls_cert else None
        keys = command_keys(Path(config.command_key_file)) if config.command_key_file else ()
        publisher = MqttCommandPublisher(config.site, config.login(), keys, simulated=config.simulated)
    except (OSError, ValueError) as error:
        sock.close()
        return _fail(f"broker {config.broker}: {error}")
    if certified is not None:
        config = replace(config, hosts=(*config.hosts, *certified.names))
    try:
        app = make_app(reader, file, publisher.publish, config, publisher.say, publisher if config.simulated else None)
    except SettingsError as error:
        publisher.close()
        sock.close()
        return _fail(str(error))

    def report() -> None:
        if config.address_file:
            replace_file(Path(config.address_file), f"{url}\n".encode(), durable=False)
        print(f"PatrolGrid board: {url}", flush=True)

    asgi = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        http=Connection,
        # Only a proxy in front may say where requests come from; anybody else would choose whom attempts count for.
        proxy_headers=config.fenced,
    )
    asgi.load()
    asgi.ssl = certified.context if certified is not None else None
    desk = desk_of(config, people, file)
    caretaker = Caretaker(config.site, people, publisher, certified, desk.turn if desk is not None else lambda: None)
    server, before = Server(asgi, report, app), _quiet_signals()
    caretaker.start()
    if desk is not None:
        desk.start()
    try:
        server.run(sockets=[sock])
    finally:
        caretaker.stop()
        if desk is not None:
            desk.stop()
        for number, handler in before.items():
            signal.signal(number, handler)
        publisher.close()
        reader.close()
        sock.close()
    return 0 if server.started else 1


def desk_of(config: BoardConfig, people: People, file: PlacesFile) -> ClaimDesk | None:
    """Return what answers devices' codes; None where the station was not made by `patrolgrid init`."""
    station, keys = StationFolder(Path(config.places_path).parent), Path(config.command_key_file).parent
    if not config.command_key_file or not (station.broker / "devices.passwd").exists():
        return None
    credentials = Credentials(station, keys / "tls", config.login())

    def places() -> Places:
        """Return the places as they are now: a device may have been added a second ago, before the node has seen it."""
        try:
            return load_places(Path(config.places_path))
        except (PlacesError, OSError):
            return file.places

    def keys_of(device: Device) -> tuple[str, str]:
        sealed, own = Path(config.seal_key_file or keys / "seal.key"), command_keys(keys / "settings.key")[0]
        return key_text(settings_key(own, device.id)), public_seal_keys(sealed)[-1] if sealed.exists() else ""

    book = ClaimBook(keys / CLAIMS)
    return ClaimDesk(
        config.site, credentials, book, places=places, keys_of=keys_of, login=config.login(), audit=people.audit
    )


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
