"""The board as an ASGI application: one page, its files, and the API; nothing from outside."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
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

from console.board import api
from console.board.commands import CommandPublisher
from console.board.errors import ApiError, on_api_error, on_crash, on_http_error, on_store_error
from console.board.reading import Asker, Reader
from console.board.security import SecureHeaders
from console.board.state import BoardSettings, BoardState
from ingest.places import Places
from stream.sinks.store.tables import StoreError

STATIC_DIR: Final = Path(__file__).resolve().parent.parent / "static"


async def _page(_request: Request) -> Response:
    return FileResponse(STATIC_DIR / "index.html", media_type="text/html; charset=utf-8")


def make_app(reader: Reader, places: Places, command_publisher: CommandPublisher, settings: BoardSettings) -> Starlette:
    """Return the board.

    The store is watched from the application's start-up to its shutdown. The reader, which is used from one thread of
    the board's own, and the publisher are the caller's to close, after shutdown.
    """
    state = BoardState(settings, places, command_publisher, Asker(reader))

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await state.hub.look()
        watch = asyncio.create_task(state.hub.watch(), name="watch the store")
        try:
            yield
        finally:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch
            await state.hub.stop()
            state.asker.close()

    app = Starlette(
        routes=[
            Route("/", _page),
            Route("/healthz", api.healthz),
            Route("/api/site", api.site),
            Route("/api/overview", api.overview),
            Route("/api/events", api.events),
            Route("/api/device/{id}", api.device),
            Route("/api/alerts", api.alerts),
            Route("/api/alerts/{id}", api.alert),
            Route("/api/alerts/{id}/{action}", api.command, methods=["POST"]),
            Mount("/static", StaticFiles(directory=STATIC_DIR)),
            Route("/locale/{language}.json", api.locale),
            Mount("/vendor/leaflet", StaticFiles(directory=leaflet.BASE_DIR)),
        ],
        middleware=[Middleware(SecureHeaders, names=settings.hosts)],
        exception_handlers={
            ApiError: on_api_error,
            StoreError: on_store_error,
            HTTPException: on_http_error,
            Exception: on_crash,
        },
        lifespan=lifespan,
    )
    app.state.board = state
    app.state.settings = settings
    return app
