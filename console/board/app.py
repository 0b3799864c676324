"""The board as an ASGI application: one page, its files, and the API; nothing from outside."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from xstatic.pkg import leaflet

from console.board.answers import ApiError, on_api_error, on_crash, on_http_error, on_people_error, on_store_error
from console.board.board_config import BoardConfig
from console.board.commands import BrokerAwayError
from console.board.hub import Asker, Board, Simulator
from console.board.operations import route
from console.board.pages import DOORS, PAGES
from console.board.routes import (
    alert_routes,
    api_routes,
    bench_routes,
    book_routes,
    case_routes,
    device_routes,
    document_routes,
    history_routes,
    people_routes,
    places_routes,
    places_upload_routes,
    registry_routes,
    report_routes,
    result_routes,
    work_routes,
)
from console.board.security import SecureHeaders
from console.board.who import SignedIn, need
from ingest.events import Command, PatrolDid
from ingest.gateway.places_file import PlacesFile
from ingest.sqlite import StorageError
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.tables import StoreError

OPERATIONS: Final = (
    *history_routes.OPERATIONS,  # before those of one alert, whose id may be any word
    *alert_routes.OPERATIONS,
    *case_routes.OPERATIONS,
    *result_routes.OPERATIONS,
    *report_routes.OPERATIONS,
    *api_routes.OPERATIONS,
    *people_routes.OPERATIONS,
    *device_routes.OPERATIONS,
    *registry_routes.OPERATIONS,
    *bench_routes.OPERATIONS,
    *places_routes.OPERATIONS,
    *places_upload_routes.OPERATIONS,
    *work_routes.OPERATIONS,
    *document_routes.OPERATIONS,
    *book_routes.OPERATIONS,
)
"""All that the API does; without a right it is for everybody who was let in, or one of `who.OPEN`."""
STATIC_DIR: Final = Path(__file__).resolve().parent.parent / "static"


def _page(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_request: Request) -> Response:
        return FileResponse(STATIC_DIR / name, media_type="text/html; charset=utf-8")

    return answer


def _unheard(_officer: str, _did: PatrolDid) -> None:
    raise BrokerAwayError("this board says nothing for officers")


def make_app(
    reader: StoreReader,
    file: PlacesFile,
    publish: Callable[[Command], None],
    config: BoardConfig,
    say: Callable[[str, PatrolDid], None] = _unheard,
    simulator: Simulator | None = None,
) -> Starlette:
    """Return the board.

    The places are those of `file`, which was loaded; they are looked at again now and then.

    The store is watched from the application's start-up to its shutdown. The reader, which is used from one thread of
    the board's own, is the caller's to close, after shutdown. `publish` and `say` send to the node what a person
    commands and what an officer has done, see `console.board.commands.MqttCommandPublisher`; `simulator` is there where
    devices are simulated.
    """
    board = Board(config, file, publish, say, Asker(reader), simulator)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await board.hub.look()
        watch = asyncio.gather(board.hub.watch(), board.watch_places())
        try:
            yield
        finally:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch
            await board.hub.stop()
            await asyncio.to_thread(board.work.close)
            board.asker.close()

    app = Starlette(
        routes=[*_pages(), *map(route, OPERATIONS), *_files()],
        middleware=[Middleware(SecureHeaders, names=config.hosts), Middleware(SignedIn, doors=board.doors)],
        exception_handlers={
            ApiError: on_api_error,
            StoreError: on_store_error,
            StorageError: on_people_error,
            HTTPException: on_http_error,
            Exception: on_crash,
        },
        lifespan=lifespan,
    )
    app.state.board, app.state.operations = board, OPERATIONS
    return app


def _pages() -> list[BaseRoute]:
    return [
        *(Route(page.path, need(page.right, _page(page.file), seen=True)) for page in PAGES),
        *(Route(path, _page("door.html")) for path in DOORS),
    ]


def _files() -> list[BaseRoute]:
    return [
        Mount("/static", StaticFiles(directory=STATIC_DIR)),
        Mount("/vendor/leaflet", StaticFiles(directory=leaflet.BASE_DIR)),
    ]
