"""The API's answers about alerts: as they stand, one with its changes, and what people do about them."""

import uuid
from functools import partial
from pathlib import Path
from typing import Annotated, Final, Literal

import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from console.board.answers import ApiError, json_response, one_line
from console.board.hub import HOUR_MS, board_of
from console.board.operations import Body, Operation, Query, Since, Until, asked, told
from console.board.overview import Row
from console.board.who import noted_order, press_of, who_of
from console.deliver.receipts import Receipt, Receipts
from ingest.events import Command, FalseAlarm, Id
from ingest.vocabulary import Severity
from stream.results import AlertState
from stream.sentences import numbers_of
from stream.sentences.catalogue import with_why
from stream.sinks.store.alert_tables import AlertSearch, place_of, search_alerts
from stream.sinks.store.reader import StoreReader

_OPEN: Final = {"raised", "acknowledged"}
_REFUSED: Final = ("404 no_alert", "409 already_cleared", "409 already_expired", "422 no_name", "422 name_by_hand",
    "422 too_long", "503 broker_away", "503 unconfirmed")  # fmt: skip
Some = Annotated[tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=64)], ...], msgspec.Meta(max_length=50)]


class AlertFilter(Query, frozen=True):
    """Which alerts are looked for: of several values of one parameter any will do."""

    since: Annotated[Since | None, msgspec.Meta(description="Raised from this time on.")] = msgspec.field(
        name="from", default=None
    )
    until: Annotated[Until | None, msgspec.Meta(description="Raised before this time; a day: until its end.")] = (
        msgspec.field(name="to", default=None)
    )
    kind: Annotated[Some, msgspec.Meta(description="Kinds of alerts, such as surge.")] = ()
    beat: Annotated[Some, msgspec.Meta(description="Ids of beats.")] = ()
    device: Annotated[Some, msgspec.Meta(description="Ids of devices; also one of several of an alert.")] = ()
    person: Annotated[Some, msgspec.Meta(description="Who has taken it up or said that it was over.")] = ()
    severity: tuple[Severity, ...] = ()
    state: tuple[AlertState, ...] = ()
    reason: Annotated[
        tuple[FalseAlarm | Literal["any", "none"], ...],
        msgspec.Meta(description="Why it was a false alarm; any: it was one, none: it was not."),
    ] = ()
    text: Annotated[
        str,
        msgspec.Meta(
            max_length=200,
            description="Words that must all be in names, notes, sentences, devices or people; capitals do not matter.",
        ),
    ] = ""

    def search(self) -> AlertSearch:
        """Return the same for the store."""
        return AlertSearch(
            since_ms=self.since,
            until_ms=self.until,
            kinds=self.kind,
            beats=self.beat,
            devices=self.device,
            people=self.person,
            severities=self.severity,
            states=self.state,
            reasons=self.reason,
            text=self.text,
        )


class AlertsQuery(AlertFilter, frozen=True):
    """Which alerts, and how many."""

    open: Annotated[
        bool, msgspec.Meta(description="Only alerts that are open, the most severe first; not with other filters.")
    ] = False
    hours: Annotated[
        float,
        msgspec.Meta(
            ge=0.0,
            le=24 * 366,
            description="Only alerts that changed within so many hours, open ones first; not with other filters.",
        ),
    ] = 0.0
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000, description="How many at most.")] = 200
    after: Annotated[str, msgspec.Meta(max_length=100, description="What the answer before gave as next.")] = ""


def with_numbers(row: Row) -> Row:
    """Return an alert, or a change of it, with what was observed and expected, and its probability, as numbers."""
    row = with_why(row)
    return {**row, **numbers_of(row["why"])}


async def alerts(request: Request) -> Response:
    """GET /api/alerts: newest first and by pages; of the open or the recent ones the list that the board shows."""
    board, query = board_of(request), asked(request, AlertsQuery)
    search = query.search()
    if query.open or query.hours:
        if query.after or search != AlertSearch():
            raise ApiError(422, "not_together")
        since = board.hub.site_ms() - round(query.hours * HOUR_MS) if query.hours else None
        rows = await board.asker.ask(
            lambda reader: reader.alerts(open_only=query.open, limit=query.limit, since_ms=since)
        )
        return json_response({"alerts": [with_numbers(row) for row in rows], "next": None})

    def find(reader: StoreReader) -> list[Row]:
        ask = partial(reader.bodies, text="text")
        return search_alerts(ask, search, limit=query.limit + 1, after=query.after)

    try:
        found = await board.asker.ask(find)
    except ValueError as error:
        raise ApiError(422, "bad_parameter", name="after", value=query.after[:40], detail=str(error)) from error
    more = place_of(found[query.limit - 1]) if len(found) > query.limit else None
    return json_response({"alerts": [with_numbers(row) for row in found[: query.limit]], "next": more})


async def alert(request: Request) -> Response:
    """GET /api/alerts/{id}: one alert with all its changes, and who has been told of it."""
    identifier = request.path_params["id"]
    found, history = await board_of(request).asker.ask(
        lambda reader: (reader.alert(identifier), reader.alert_history(identifier))
    )
    if found is None:
        raise ApiError(404, "no_alert", id=identifier[:64])
    receipts = await anyio.to_thread.run_sync(_receipts, Path(board_of(request).config.store_path).parent, identifier)
    changes = [with_numbers(row) for row in history]
    return json_response({**with_numbers(found), "history": changes, "receipts": receipts})


def _receipts(folder: Path, alert: str) -> list[Receipt] | None:
    """Return who has been told of an alert; None where that cannot be read just now."""
    try:
        return Receipts(folder).of(alert)
    except OSError:
        return None


class AlertOrder(Body, frozen=True):
    """What somebody does about an alert."""

    by: Annotated[str, msgspec.Meta(max_length=200, description="Who, where the site has no accounts.")] = ""
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
    board, identifier = board_of(request), request.path_params["id"]
    if await board.asker.ask(lambda reader: reader.alert(identifier)) is None:
        raise ApiError(404, "no_alert", id=identifier[:64])
    await board.doors.note_once(who_of(request), "see", identifier)
    return json_response({})


async def clear(request: Request) -> Response:
    """POST /api/alerts/{id}/clear: the same for an alert that is over."""
    return await _command(request, "clear")


async def _command(request: Request, action: Literal["acknowledge", "clear"]) -> Response:
    board, identifier = board_of(request), request.path_params["id"]
    order = told(request, AlertOrder)
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
        await board_of(request).doors.refused(who_of(request), "name_by_hand", path, name=typed[:64])
        raise ApiError(422, "name_by_hand")
    person = visitor.person
    return person.id, board_of(request).config.officers.get(person.officer, person.name)[:64]


OPERATIONS: Final = (
    Operation(
        path="/api/alerts",
        endpoint=alerts,
        right="alerts",
        query=AlertsQuery,
        errors=("422 not_together",),
        says="Alerts as they stand, newest first and by pages.",
    ),
    Operation(
        path="/api/alerts/{id}",
        endpoint=alert,
        right="alerts",
        seen=True,
        errors=("404 no_alert",),
        says="One alert with all its changes, oldest first, and who has been told of it, newest revision first.",
    ),
    Operation(
        method="POST",
        path="/api/alerts/{id}/seen",
        endpoint=seen,
        right="alerts",
        errors=("404 no_alert",),
        says="Say that somebody has seen an alert that had ended unseen: for the audit log.",
    ),
    Operation(
        method="POST",
        path="/api/alerts/{id}/acknowledge",
        endpoint=acknowledge,
        right="acknowledge",
        body=AlertOrder,
        status=202,
        errors=(*_REFUSED, "409 already_acknowledged"),
        says="Take an alert up: answered once the broker has it; what the node makes of it then shows at the alert.",
    ),
    Operation(
        method="POST",
        path="/api/alerts/{id}/clear",
        endpoint=clear,
        right="clear",
        body=AlertOrder,
        status=202,
        errors=_REFUSED,
        says="Say that an alert is over; with a reason, that it was a false alarm.",
    ),
)
