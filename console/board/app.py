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
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from xstatic.pkg import leaflet

from console.board import api_routes as routes
from console.board.answers import ApiError, on_api_error, on_crash, on_http_error, on_store_error
from console.board.board_config import BoardConfig
from console.board.hub import Asker, Board
from console.board.security import SecureHeaders
from ingest.events import Command
from ingest.gateway.places_file import PlacesFile
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.tables import StoreError

STATIC_DIR: Final = Path(__file__).resolve().parent.parent / "static"


def _page(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_request: Request) -> Response:
        return FileResponse(STATIC_DIR / name, media_type="text/html; charset=utf-8")

    return answer


def make_app(
    reader: StoreReader, file: PlacesFile, publish: Callable[[Command], None], config: BoardConfig
) -> Starlette:
    """Return the board.

    The places are those of `file`, which was loaded; they are looked at again now and then.

    The store is watched from the application's start-up to its shutdown. The reader, which is used from one thread of
    the board's own, is the caller's to close, after shutdown. `publish` sends a person's command to the node, see
    `console.board.commands.MqttCommandPublisher.publish`.
    """
    board = Board(config, file, publish, Asker(reader))

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
            board.asker.close()

    app = Starlette(
        routes=[
            Route("/", _page("index.html")),
            Route("/plan", _page("plan.html")),
            Route("/healthz", routes.healthz),
            Route("/api/site", routes.site),
            Route("/api/overview", routes.overview),
            Route("/api/events", routes.events),
            Route("/api/device/{id}", routes.device),
            Route("/api/alerts", routes.alerts),
            Route("/api/alerts/{id}", routes.alert),
            Route("/api/hotspots", routes.hotspots),
            Route("/api/incidents", routes.incidents),
            Route("/api/plan", routes.plan),
            Route("/api/alerts/{id}/{action}", routes.command, methods=["POST"]),
            Mount("/static", StaticFiles(directory=STATIC_DIR)),
            Route("/locale/{language}.json", routes.locale),
            Mount("/vendor/leaflet", StaticFiles(directory=leaflet.BASE_DIR)),
        ],
        middleware=[Middleware(SecureHeaders, names=config.hosts)],
        exception_handlers={
            ApiError: on_api_error,
            StoreError: on_store_error,
            HTTPException: on_http_error,
            Exception: on_crash,
        },
        lifespan=lifespan,
    )
    app.state.board = board
    return app
