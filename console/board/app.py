"""The board as an ASGI application: one page, its files, and the API; nothing from outside."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import FileResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from xstatic.pkg import leaflet

from console.board import api
from console.board.errors import ApiError, on_api_error, on_crash, on_http_error, on_store_error
from console.board.hub import Hub
from console.board.reading import Asker
from console.board.security import SecureHeaders
from console.board.texts import LOCALE_DIR
from stream.sinks.schema import StoreError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.responses import Response

    from console.board.commands import CommandPublisher
    from console.board.reading import Reader
    from ingest.places import Places

STATIC_DIR: Final = Path(__file__).resolve().parent.parent / "static"


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardSettings:
    """What the page and the API need to know beside the store and the places."""

    site: str
    name: dict[str, str]
    """Language → name of the site."""
    language: str = "zh-CN"
    timezone: str = "Asia/Shanghai"
    simulated: bool = False
    hosts: tuple[str, ...] = ()
    quiet_s: float = 120.0


@dataclass(slots=True)
class BoardState:
    """What the routes share; in `Starlette.state` as ``board``."""

    settings: BoardSettings
    places: Places
    publisher: CommandPublisher
    asker: Asker
    hub: Hub = field(init=False)
    streams: int = 0
    """Event streams open now."""

    def __post_init__(self) -> None:
        self.hub = Hub(self.asker, quiet_s=self.settings.quiet_s)


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
            Mount("/locale", StaticFiles(directory=LOCALE_DIR)),
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
