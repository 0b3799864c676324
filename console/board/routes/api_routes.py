"""The API's answers, one function a route (docs/api.md)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, Final

import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse

from console.board.answers import ApiError, json_response, language_of
from console.board.connections import Connection, gives_way
from console.board.document.result_answers import DeviceAnswer
from console.board.document.site_answers import HealthAnswer, OverviewAnswer, PlanAnswer, SiteAnswer
from console.board.hub import HOUR_MS, board_of
from console.board.operations import Operation, Query, asked
from console.board.overview import Row
from console.board.plan_page import plan_document
from console.board.who import Watched, who_of
from console.device_trouble import agent_trouble, trouble
from ingest.places import Places
from stream.sentences import Why
from stream.sentences.catalogue import Sentences, choices, in_all_languages, page_texts
from stream.sentences.languages import LANGUAGES, choose_language
from stream.sentences.plain import plain
from stream.sinks.store.reader import StoreReader

HEARTBEAT_S: Final = 10.0
MAX_STREAMS: Final = 100


class DeviceQuery(Query, frozen=True):
    """How much of a device."""

    hours: Annotated[float, msgspec.Meta(ge=0.1, le=24 * 14, description="How far back its windows go.")] = 12.0


async def site(request: Request) -> Response:
    """GET /api/site: what changes only where people edit it."""
    board = board_of(request)
    config, places = board.config, board.places
    return json_response(
        {
            "id": config.site,
            "name": board.site_name,
            "timezone": config.timezone,
            "language": config.language,
            "languages": {language: Sentences(language)("language-name") for language in LANGUAGES},
            "simulated": config.simulated,
            "places": board.file.version,
            "kinds": {kind: in_all_languages(Why("kind", {"kind": kind})) for kind in choices("kind")},
            "site_ms": board.hub.site_ms(),
            "map_link": config.map_link,
            **_geography(places, devices=who_of(request).may("alerts")),
        }
    )


async def locale(request: Request) -> Response:
    """GET /locale/{language}.json: the page's texts, in the language that comes nearest."""
    language = choose_language([request.path_params["language"]], board_of(request).config.language)
    response = json_response(page_texts(language, "board-"))
    response.headers["Content-Language"] = language
    return response


def _geography(places: Places, *, devices: bool) -> dict[str, Any]:
    return {
        "bounds": places.bounds() if places.beats or places.devices else None,
        "beats": list(places.beats.values()),
        "devices": [
            {
                "id": d.id,
                "beat": d.beat,
                "type": d.type,
                "name": d.name,
                "lon": d.lon,
                "lat": d.lat,
                "heading": d.heading,
            }
            for d in places.devices.values()
            if devices
        ],
        "streets": {
            "type": "FeatureCollection",
            "features": [
                {
                    "type": "Feature",
                    "properties": {"name": street.name},
                    "geometry": {"type": "LineString", "coordinates": street.line},
                }
                for street in places.streets
            ],
        },
        "landmarks": list(places.landmarks),
        "background": places.background if places.background is not None and places.background.shown else None,
    }


async def overview(request: Request) -> Response:
    """GET /api/overview: everything at a glance."""
    whole = who_of(request).may("alerts")
    return Response(board_of(request).hub.overview(whole=whole), media_type="application/json")


async def events(request: Request) -> Response:
    """GET /api/events: the overview, pushed when something changed."""
    board, who = board_of(request), who_of(request)
    connection: Connection | None = request.scope.get("state", {}).get("connection")
    if len(board.streams) >= MAX_STREAMS:
        if connection is None:
            raise ApiError(503, "too_many", limit=MAX_STREAMS)
        gives_way(one for one in board.streams.values() if one is not None).abort()

    async def stream() -> AsyncIterator[bytes]:
        board.streams[mark := object()] = connection
        try:
            seen, watched, whole = 0, Watched(board.doors, who), who.may("alerts")
            yield b"retry: 2000\n\n"
            while not board.hub.stopping:
                if await watched.over():
                    yield b"event: signed_out\ndata: {}\n\n"
                    return
                if board.hub.generation > seen:
                    document, seen = board.hub.overview(seen, whole=whole), board.hub.generation
                    yield b"event: overview\ndata: " + document + b"\n\n"
                elif not await board.hub.wait(seen, HEARTBEAT_S):
                    yield b"event: heartbeat\ndata: {}\n\n"
        finally:
            del board.streams[mark]

    return StreamingResponse(stream(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def device(request: Request) -> Response:
    """GET /api/device/{id}?hours=: one device's windows against what was expected, its alerts, its data quality."""
    board, identifier = board_of(request), request.path_params["id"]
    until = board.hub.site_ms()
    since = until - round(asked(request, DeviceQuery).hours * HOUR_MS)

    def gather(reader: StoreReader) -> tuple[list[Row], list[Row], list[Row], list[Row], list[Row], Row | None]:
        windows = reader.windows(identifier, since_ms=since, limit=20_000)
        agent = next((row for row in reader.agents() if row["device"] == identifier), None)
        alerts = [row for row in reader.alerts(limit=1000, since_ms=since) if row["device"] == identifier]
        health = [row for row in reader.health() if row["device"] == identifier]
        return windows, alerts, health, reader.states(identifier), reader.gates(identifier, limit=50), agent

    windows, alerts, health, states, gates, agent = await board.asker.ask(gather)
    place = board.places.devices.get(identifier)
    if place is None and not windows and not health:
        raise ApiError(404, "no_device", id=identifier[:64])
    series: dict[tuple[Any, Any], list[Row]] = {}
    for row in windows:
        series.setdefault((row["metric"], row["kind"]), []).append(row)
    return json_response(
        {
            "id": identifier,
            "since_ms": since,
            "until_ms": until,
            "series": [{"metric": metric, "kind": kind, "windows": rows} for (metric, kind), rows in series.items()],
            "states": states,
            "gates": gates,
            "alerts": alerts,
            "health": health[0] if health else None,
            "agent": agent,
            "trouble": (trouble(health[0]) if health else []) + (agent_trouble(agent) if agent else []),
        }
    )


async def plan(request: Request) -> Response:
    """GET /api/plan: the running shift's stops, planned against delivered, the staffing sheet."""
    board = board_of(request)
    now_ms, folder = board.hub.site_ms(), Path(board.config.store_path).parent
    document = await board.asker.ask(lambda reader: plan_document(reader, now_ms, board.config.officers, folder))
    # What is printed is kept: whoever cuts the audit log off later, it shows by this sheet.
    head = await anyio.to_thread.run_sync(board.doors.people.audit.head) if who_of(request).accounts else None
    document["failed"] = plain(document["failed"], language_of(request))
    return json_response(document | {"audit": str(head) if head else None})


async def authority(request: Request) -> Response:
    """GET /ca.crt: what a phone is told to trust; no secret, and worth nothing before it is compared."""
    certificate = board_of(request).config.tls_cert
    path = Path(certificate).parent / "ca.crt"
    if not certificate or not path.is_file():
        raise ApiError(404, "not_found", path=request.url.path)
    return FileResponse(path, media_type="application/x-x509-ca-cert", filename="patrolgrid-ca.crt")


async def healthz(request: Request) -> Response:
    """GET /healthz: 200 while the board can read its store, 503 otherwise; says how fresh the data is."""
    freshness, who = board_of(request).hub.freshness, who_of(request)
    ok = freshness.state != "store_error"
    more = {"data": freshness.state, "parts": freshness.parts} if who.may("alerts") else {}
    return json_response({"ok": ok, **more}, 200 if ok else 503)


OPERATIONS: Final = (
    Operation(
        path="/healthz",
        answer=HealthAnswer,
        also=("503",),
        endpoint=healthz,
        says="Whether the board can read its store, and how fresh the data is.",
    ),
    Operation(
        path="/ca.crt",
        endpoint=authority,
        media="application/x-x509-ca-cert",
        errors=("404 not_found",),
        says="The certificate of the site's authority, for phones.",
    ),
    Operation(
        path="/locale/{language}.json",
        answer=dict[str, str | dict[str, str]],
        endpoint=locale,
        says="The pages' texts in the language that comes nearest, which Content-Language names.",
    ),
    Operation(
        path="/api/site",
        answer=SiteAnswer,
        endpoint=site,
        right="hotspots",
        says="The site: what changes only where people edit it.",
    ),
    Operation(
        path="/api/overview", answer=OverviewAnswer, endpoint=overview, right="hotspots", says="Everything at a glance."
    ),
    Operation(
        path="/api/events",
        endpoint=events,
        right="hotspots",
        media="text/event-stream",
        errors=("503 too_many",),
        says="The overview as server-sent events: pushed when something changed, at most two a second.",
    ),
    Operation(
        path="/api/device/{id}",
        answer=DeviceAnswer,
        endpoint=device,
        right="alerts",
        seen=True,
        query=DeviceQuery,
        errors=("404 no_device",),
        says="One device: its windows against what was expected, its alerts, its data quality.",
    ),
    Operation(
        path="/api/plan",
        answer=PlanAnswer,
        endpoint=plan,
        right="plan",
        says="The plan of the shift that runs, planned against delivered, and the staffing sheet.",
    ),
)
