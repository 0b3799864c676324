"""The API's answers, one function a route (docs/api.md)."""

import uuid
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse

from console.board.answers import ApiError, json_response, language_of, one_line, read_body
from console.board.connections import Connection, gives_way
from console.board.hub import Board
from console.board.overview import Row, agent_trouble, trouble
from console.board.plan_page import plan_document
from console.board.who import Watched, noted_order, press_of, who_of
from console.deliver.receipts import Receipt, Receipts
from ingest.events import Command, FalseAlarm, Id
from ingest.places import Places
from stream.sentences import Why
from stream.sentences.catalogue import Sentences, choices, in_all_languages, page_texts
from stream.sentences.languages import LANGUAGES, choose_language
from stream.sentences.plain import plain
from stream.sinks.store.reader import StoreReader

HEARTBEAT_S: Final = 10.0
MAX_STREAMS: Final = 100
MAX_HOURS: Final = 24 * 14
HOUR_MS: Final = 3_600_000
_OPEN: Final = {"raised", "acknowledged"}


def _board(request: Request) -> Board:
    board: Board = request.app.state.board
    return board


async def site(request: Request) -> Response:
    """GET /api/site: what changes only where people edit it."""
    board = _board(request)
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
    language = choose_language([request.path_params["language"]], _board(request).config.language)
    response = json_response(page_texts(language, "board-"))
    response.headers["Content-Language"] = language
    return response


def _geography(places: Places, *, devices: bool) -> dict[str, Any]:
    return {
        "bounds": places.bounds() if places.beats or places.devices else None,
        "beats": list(places.beats.values()),
        "devices": [
            {"id": d.id, "beat": d.beat, "type": d.type, "name": d.name, "lon": d.lon, "lat": d.lat}
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
    }


async def overview(request: Request) -> Response:
    """GET /api/overview: everything at a glance."""
    whole = who_of(request).may("alerts")
    return Response(_board(request).hub.overview(whole=whole), media_type="application/json")


async def events(request: Request) -> Response:
    """GET /api/events: the overview, pushed when something changed."""
    board, who = _board(request), who_of(request)
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
    board, identifier = _board(request), request.path_params["id"]
    hours = _number(request, "hours", 12.0, 0.1, MAX_HOURS)
    until = board.hub.site_ms()
    since = until - round(hours * HOUR_MS)

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


async def alerts(request: Request) -> Response:
    """GET /api/alerts?open=&hours=&limit=: alerts as they stand, newest first."""
    board = _board(request)
    open_only = request.query_params.get("open", "0").lower() in {"1", "true", "yes"}
    limit = round(_number(request, "limit", 200, 1, 1000))
    hours = _number(request, "hours", 0.0, 0.0, 24 * 366)
    since = board.hub.site_ms() - round(hours * HOUR_MS) if hours else None
    rows = await board.asker.ask(lambda reader: reader.alerts(open_only=open_only, limit=limit, since_ms=since))
    return json_response({"alerts": rows})


async def alert(request: Request) -> Response:
    """GET /api/alerts/{id}: one alert with all its changes, and who has been told of it."""
    identifier = request.path_params["id"]
    found, history = await _board(request).asker.ask(
        lambda reader: (reader.alert(identifier), reader.alert_history(identifier))
    )
    if found is None:
        raise ApiError(404, "no_alert", id=identifier[:64])
    receipts = await anyio.to_thread.run_sync(_receipts, Path(_board(request).config.store_path).parent, identifier)
    return json_response({**found, "history": history, "receipts": receipts})


def _receipts(folder: Path, alert: str) -> list[Receipt] | None:
    """Return who has been told of an alert; None where that cannot be read just now."""
    try:
        return Receipts(folder).of(alert)
    except OSError:
        return None


async def hotspots(request: Request) -> Response:
    """GET /api/hotspots: the newest map; ``null`` before the first."""
    return json_response({"hotspots": await _board(request).asker.ask(lambda reader: reader.hotspots())})


async def plan(request: Request) -> Response:
    """GET /api/plan: the running shift's stops, planned against delivered, the staffing sheet."""
    board = _board(request)
    now_ms, folder = board.hub.site_ms(), Path(board.config.store_path).parent
    document = await board.asker.ask(lambda reader: plan_document(reader, now_ms, board.config.officers, folder))
    # What is printed is kept: whoever cuts the audit log off later, it shows by this sheet.
    head = await anyio.to_thread.run_sync(board.doors.people.audit.head) if who_of(request).accounts else None
    document["failed"] = plain(document["failed"], language_of(request))
    return json_response(document | {"audit": str(head) if head else None})


async def incidents(request: Request) -> Response:
    """GET /api/incidents?hours=&limit=: what was reported, by whom it came, newest first."""
    board = _board(request)
    limit = round(_number(request, "limit", 200, 1, 1000))
    since = board.hub.site_ms() - round(_number(request, "hours", 72.0, 0.1, 24 * 366) * HOUR_MS)
    rows = await board.asker.ask(lambda reader: reader.incidents(limit=limit, since_ms=since))
    words = dict.fromkeys(row["category"] for row in rows)
    return json_response(
        {
            "incidents": rows,
            "since_ms": since,
            "categories": {
                word: in_all_languages(Why("incident-word", {"category": word, "count": 1})) for word in words
            },
        }
    )


class _Order(msgspec.Struct, forbid_unknown_fields=True):
    by: Annotated[str, msgspec.Meta(max_length=200)] = ""
    note: Annotated[str, msgspec.Meta(max_length=1000)] = ""
    reason: FalseAlarm | None = None
    """It was a false alarm, and why."""
    id: Id | Literal[""] = ""
    """Of one press of a button: its repeats say nothing new."""


async def acknowledge(request: Request) -> Response:
    """POST /api/alerts/{id}/acknowledge: send a person's command to the node; 202 once the broker has it."""
    return await _command(request, "acknowledge")


async def seen(request: Request) -> Response:
    """POST /api/alerts/{id}/seen: somebody has seen an alert that had ended unseen; for the audit log alone."""
    board, identifier = _board(request), request.path_params["id"]
    if await board.asker.ask(lambda reader: reader.alert(identifier)) is None:
        raise ApiError(404, "no_alert", id=identifier[:64])
    await board.doors.note_once(who_of(request), "see", identifier)
    return json_response({})


async def clear(request: Request) -> Response:
    """POST /api/alerts/{id}/clear: the same for an alert that is over."""
    return await _command(request, "clear")


async def _command(request: Request, action: Literal["acknowledge", "clear"]) -> Response:
    board, identifier = _board(request), request.path_params["id"]
    order = await read_body(request, _Order)
    by, name = await _giver(request, one_line(order.by))
    note = one_line(order.note)
    if len(by) > 64 or len(note) > 280:
        raise ApiError(422, "too_long")
    found = await board.asker.ask(lambda reader: reader.alert(identifier))
    if found is None:
        raise ApiError(404, "no_alert", id=identifier[:64])
    press = press_of(request, order.id)
    sent_id = uuid.uuid5(uuid.NAMESPACE_OID, f"{by}/{order.id}") if order.id else uuid.uuid4()
    answered = {"id": order.id, "command": sent_id.hex, "alert": identifier, "action": action, "by": name or by}
    if press in board.taken:
        return json_response(answered, 202)
    if found["state"] not in _OPEN or (action == "acknowledge" and found["state"] == "acknowledged"):
        # An alert that ended without a person ended by itself, whichever way.
        ended_alone = found["state"] == "expired" or not found.get("by")
        raise ApiError(409, "already_expired" if ended_alone else f"already_{found['state']}", by=found.get("by"))
    reason = {} if order.reason is None else {"reason": order.reason}
    sent = Command(
        id=sent_id.hex,
        action=action,
        alert=identifier,
        by=by,
        ts=board.hub.site_ms(),
        note=note,
        name=name,
        reason=order.reason or "",
    )
    send = partial(board.publish, sent)
    # Not the note: it may have number plates in it, which the gateway takes out; the alert's history has it.
    await noted_order(request, send, action, identifier, press, command=sent.id, **reason)
    return json_response(answered, 202)


async def _giver(request: Request, typed: str) -> tuple[str, str]:
    """Return who gives a command: account and name; without accounts, the name that was typed."""
    visitor = who_of(request).visitor
    if visitor is None:
        if not typed:
            raise ApiError(422, "no_name")
        return typed, ""
    if typed:
        path = request.url.path[:100]
        await _board(request).doors.refused(who_of(request), "name_by_hand", path, name=typed[:64])
        raise ApiError(422, "name_by_hand")
    person = visitor.person
    return person.id, _board(request).config.officers.get(person.officer, person.name)[:64]


async def authority(request: Request) -> Response:
    """GET /ca.crt: what a phone is told to trust; no secret, and worth nothing before it is compared."""
    certificate = _board(request).config.tls_cert
    path = Path(certificate).parent / "ca.crt"
    if not certificate or not path.is_file():
        raise ApiError(404, "not_found", path=request.url.path)
    return FileResponse(path, media_type="application/x-x509-ca-cert", filename="patrolgrid-ca.crt")


async def healthz(request: Request) -> Response:
    """GET /healthz: 200 while the board can read its store, 503 otherwise; says how fresh the data is."""
    freshness, who = _board(request).hub.freshness, who_of(request)
    ok = freshness.state != "store_error"
    more = {"data": freshness.state, "parts": freshness.parts} if who.may("alerts") else {}
    return json_response({"ok": ok, **more}, 200 if ok else 503)


def _number(request: Request, name: str, default: float, least: float, most: float) -> float:
    text = request.query_params.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        raise ApiError(422, "bad_number", name=name, value=text[:40], least=least, most=most)
    return value
