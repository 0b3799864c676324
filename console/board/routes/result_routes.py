"""The API's answers about results of the past, by pages: incidents, anomalies, windows, hotspot maps."""

from collections.abc import Callable
from typing import Annotated, Final, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from console.board.answers import ApiError, json_response
from console.board.document.result_answers import (
    AnomaliesAnswer,
    HotspotsAnswer,
    IncidentsAnswer,
    MapsAnswer,
    WindowsAnswer,
)
from console.board.hub import HOUR_MS, board_of
from console.board.operations import Operation, Query, Since, Until, asked
from console.board.routes.history_routes import Some
from ingest.events import Provenance
from stream.sentences import Why
from stream.sentences.catalogue import in_all_languages
from stream.sinks.store import result_pages
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.result_pages import PageAsked, ResultPage


class PagesQuery(Query, frozen=True):
    """Of which time, of which beats, and how many."""

    since: Annotated[Since | None, msgspec.Meta(description="From this time on.")] = msgspec.field(
        name="from", default=None
    )
    until: Annotated[Until | None, msgspec.Meta(description="Before this time; a day: until its end.")] = msgspec.field(
        name="to", default=None
    )
    beat: Annotated[Some, msgspec.Meta(description="Ids of beats.")] = ()
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000, description="How many at most.")] = 200
    after: Annotated[str, msgspec.Meta(max_length=400, description="What the answer before gave as next.")] = ""

    def pages(self) -> PageAsked:
        """Return the same for the store."""
        return PageAsked(since_ms=self.since, until_ms=self.until, beats=self.beat, limit=self.limit, after=self.after)


class IncidentsQuery(PagesQuery, frozen=True):
    """Which incidents."""

    category: Annotated[Some, msgspec.Meta(description="Categories, such as theft.")] = ()
    provenance: Annotated[tuple[Provenance, ...], msgspec.Meta(description="From whom it came.")] = ()
    hours: Annotated[
        float, msgspec.Meta(ge=0.1, le=24 * 366, description="How far back, where neither from nor to is given.")
    ] = 72.0


class AnomaliesQuery(PagesQuery, frozen=True):
    """Which anomalies."""

    kind: Annotated[Some, msgspec.Meta(description="Kinds of anomalies, such as surge.")] = ()
    device: Annotated[Some, msgspec.Meta(description="Ids of devices.")] = ()
    metric: Annotated[Some, msgspec.Meta(description="What is measured, such as person or noise.")] = ()


class WindowsQuery(PagesQuery, frozen=True):
    """Which windows."""

    kind: tuple[Literal["count", "gate", "level", "state"], ...] = ()
    device: Annotated[Some, msgspec.Meta(description="Ids of devices.")] = ()
    metric: Annotated[Some, msgspec.Meta(description="What is measured, such as person or noise.")] = ()
    limit: Annotated[int, msgspec.Meta(ge=1, le=5000, description="How many at most.")] = 1000


class MapsQuery(PagesQuery, frozen=True):
    """Which maps, and of which beats their cells."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=100, description="How many at most.")] = 10


async def _page(
    request: Request, read: Callable[[StoreReader, PageAsked], ResultPage], asked_for: PageAsked
) -> ResultPage:
    try:
        return await board_of(request).asker.ask(lambda reader: read(reader, asked_for))
    except ValueError as error:
        raise ApiError(422, "bad_parameter", name="after", value=asked_for.after[:40], detail=str(error)) from error


async def hotspots(request: Request) -> Response:
    """GET /api/hotspots: the newest map; ``null`` before the first."""
    return json_response({"hotspots": await board_of(request).asker.ask(lambda reader: reader.hotspots())})


async def maps(request: Request) -> Response:
    """GET /api/hotspots/maps: the maps of the past."""
    page = await _page(request, result_pages.maps, asked(request, MapsQuery).pages())
    return json_response({"maps": page.rows, "next": page.next})


async def incidents(request: Request) -> Response:
    """GET /api/incidents: what was reported, by whom it came, newest first."""
    board, query = board_of(request), asked(request, IncidentsQuery)
    wanted = msgspec.structs.replace(query.pages(), kinds=query.category, provenances=query.provenance)
    if query.since is None and query.until is None:
        wanted = msgspec.structs.replace(wanted, since_ms=board.hub.site_ms() - round(query.hours * HOUR_MS))
    page = await _page(request, result_pages.incidents, wanted)
    words = dict.fromkeys(row["category"] for row in page.rows)
    named = {word: in_all_languages(Why("incident-word", {"category": word, "count": 1})) for word in words}
    found = {"incidents": page.rows, "next": page.next, "since_ms": wanted.since_ms, "categories": named}
    return json_response(found)


async def anomalies(request: Request) -> Response:
    """GET /api/anomalies: what the models and rules found, newest first."""
    query = asked(request, AnomaliesQuery)
    wanted = msgspec.structs.replace(query.pages(), kinds=query.kind, devices=query.device, metrics=query.metric)
    page = await _page(request, result_pages.anomalies, wanted)
    return json_response({"anomalies": page.rows, "next": page.next})


async def windows(request: Request) -> Response:
    """GET /api/windows: the windows of all devices, newest first."""
    query = asked(request, WindowsQuery)
    wanted = msgspec.structs.replace(query.pages(), kinds=query.kind, devices=query.device, metrics=query.metric)
    page = await _page(request, result_pages.windows, wanted)
    return json_response({"windows": page.rows, "next": page.next})


OPERATIONS: Final = (
    Operation(
        path="/api/hotspots",
        answer=HotspotsAnswer,
        endpoint=hotspots,
        right="hotspots",
        says="The newest map; null before the first.",
    ),
    Operation(
        path="/api/hotspots/maps",
        answer=MapsAnswer,
        endpoint=maps,
        right="hotspots",
        query=MapsQuery,
        says="Hotspot maps of the past, newest first and by pages.",
    ),
    Operation(
        path="/api/incidents",
        answer=IncidentsAnswer,
        endpoint=incidents,
        right="alerts",
        seen=True,
        query=IncidentsQuery,
        says="Incidents as they were told, newest first and by pages.",
    ),
    Operation(
        path="/api/anomalies",
        answer=AnomaliesAnswer,
        endpoint=anomalies,
        right="alerts",
        query=AnomaliesQuery,
        says="What models and rules have found, newest first and by pages.",
    ),
    Operation(
        path="/api/windows",
        answer=WindowsAnswer,
        endpoint=windows,
        right="alerts",
        query=WindowsQuery,
        says="The windows of devices with what was expected of them, newest first and by pages.",
    ),
)
