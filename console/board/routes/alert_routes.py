"""The API's answers about single alerts, and what people do about one or many of them."""

import uuid
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from console.board.answers import ApiError, hand_over, json_response, language_of, one_line
from console.board.document.alert_answers import AlertAnswer, CommandAnswer
from console.board.document.plain_answers import Done
from console.board.hub import Board, board_of
from console.board.operations import Body, Operation, told
from console.board.routes.history_routes import with_numbers
from console.board.who import noted_order, press_of, who_of
from console.deliver.receipts import Receipt, Receipts
from console.shift.shift_book import note_of
from ingest.events import NOTE, Command, FalseAlarm, Id
from stream.sentences.catalogue import Sentences
from stream.sinks.store.book_table import notes_of

Action = Literal["acknowledge", "clear"]
MOST_AT_ONCE: Final = 1000
"""Alerts that one order may be about."""
_MOST_BYTES: Final = 70 * MOST_AT_ONCE
_OPEN: Final = {"raised", "acknowledged"}
_REFUSED: Final = ("404 no_alert", "409 already_cleared", "409 already_expired", "422 no_name", "422 name_by_hand",
    "422 too_long", "503 broker_away", "503 unconfirmed")  # fmt: skip


async def alert(request: Request) -> Response:
    """GET /api/alerts/{id}: one alert with all its changes, and who has been told of it."""
    identifier = request.path_params["id"]
    may_read = who_of(request).may("book")
    found, history, notes = await board_of(request).asker.ask(
        lambda reader: (
            reader.alert(identifier),
            reader.alert_history(identifier),
            notes_of(reader.query, [identifier]).get(identifier, []) if may_read else [],
        )
    )
    if found is None:
        raise ApiError(404, "no_alert", id=identifier[:64])
    receipts = await anyio.to_thread.run_sync(_receipts, Path(board_of(request).config.store_path).parent, identifier)
    changes = [with_numbers(row) for row in history]
    return json_response(
        {**with_numbers(found), "history": changes, "notes": [*map(note_of, notes)], "receipts": receipts}
    )


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


class AlertsOrder(AlertOrder, frozen=True, kw_only=True):
    """What somebody does about many alerts at once."""

    ids: Annotated[tuple[Id, ...], msgspec.Meta(min_length=1, max_length=MOST_AT_ONCE)]


class AlertsOrdered(msgspec.Struct, frozen=True):
    """What has become of an order about many alerts."""

    id: str
    """Of the press of the button."""
    by: str
    sent: list[str]
    """Ids of the alerts whose commands the broker has."""
    passed: dict[str, str]
    """Id → why nothing was to be done: ``no_alert``, ``already_acknowledged``, ``already_cleared``,
    ``already_expired``."""
    left: list[str]
    """Ids of those that could not be sent any more; to send the same order again is harmless."""
    message: str
    """Why they could not, as a sentence; empty where nothing is left."""


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


async def acknowledge_many(request: Request) -> Response:
    """POST /api/alerts/acknowledge: the same for many alerts, one command each."""
    return await _commands(request, "acknowledge")


async def clear_many(request: Request) -> Response:
    """POST /api/alerts/clear: the same for many alerts, one command each."""
    return await _commands(request, "clear")


async def _command(request: Request, action: Action) -> Response:
    board, identifier = board_of(request), request.path_params["id"]
    order = told(request, AlertOrder)
    by, name = await giver(request, order.by, order.note)
    found = await board.asker.ask(lambda reader: reader.alert(identifier))
    if found is None:
        raise ApiError(404, "no_alert", id=identifier[:64])
    press = press_of(request, order.id)
    sent = _sent(board, order, action, identifier, by, name)
    answered = {"id": order.id, "command": sent.id, "alert": identifier, "action": action, "by": name or by}
    if press in board.taken:
        return json_response(answered, 202)
    over = _over(found, action)
    if over:
        raise ApiError(409, over, by=found.get("by"))
    reason = {"reason": sent.reason} if sent.reason else {}
    # Not the note: it may have number plates in it, which the gateway takes out; the alert's history has it.
    await noted_order(request, partial(board.publish, sent), action, identifier, press, command=sent.id, **reason)
    return json_response(answered, 202)


async def _commands(request: Request, action: Action) -> Response:
    """Send a command for each of many alerts, until one cannot be sent."""
    board, order = board_of(request), told(request, AlertsOrder)
    by, name = await giver(request, order.by, order.note)
    ids = list(dict.fromkeys(order.ids))
    wanted = "SELECT body FROM alerts WHERE id IN (SELECT value FROM json_each(?))"
    rows = await board.asker.ask(lambda reader: reader.bodies(wanted, (msgspec.json.encode(ids).decode(),)))
    passed = dict.fromkeys(ids, "no_alert") | {row["id"]: _over(row, action) for row in rows}
    passed = {one: why for one, why in passed.items() if why}
    waiting = [_sent(board, order, action, one, by, name) for one in ids if one not in passed]
    sent: list[str] = []

    def send() -> None:
        for command in waiting[len(sent) :]:
            board.publish(command)
            sent.append(command.alert)

    failed: ApiError | None = None
    try:
        await hand_over(send)
    except ApiError as error:
        failed = error
    reason = {"reason": order.reason} if order.reason else {}
    noted: dict[str, dict[str, object]] = {one.alert: {"command": one.id, **reason} for one in waiting[: len(sent)]}
    if failed is not None and failed.key == "unconfirmed":  # it may have arrived
        noted[waiting[len(sent)].alert] = {"unconfirmed": True, "command": waiting[len(sent)].id, **reason}
    await board.doors.note_all(who_of(request), action, noted)
    if failed is not None and not sent:
        raise failed
    problem = "" if failed is None else Sentences(language_of(request))(f"board-error-{failed.key}", **failed.values)
    left = [command.alert for command in waiting[len(sent) :]]
    return json_response(AlertsOrdered(order.id, name or by, sent, passed, left, problem), 202)


def _over(alert: dict[str, Any], action: Action) -> str:
    """Return why nothing is to be done about an alert any more; empty where there is."""
    if alert["state"] in _OPEN and not (action == "acknowledge" and alert["state"] == "acknowledged"):
        return ""
    # An alert that ended without a person ended by itself, whichever way.
    ended_alone = alert["state"] == "expired" or not alert.get("by")
    return "already_expired" if ended_alone else f"already_{alert['state']}"


def _sent(board: Board, order: AlertOrder, action: Action, alert: str, by: str, name: str) -> Command:
    """Return the command of an order about one alert: the same one where the press of a button is the same."""
    about = f"{by}/{order.id}" if not isinstance(order, AlertsOrder) else f"{by}/{order.id}/{alert}"
    return Command(
        id=(uuid.uuid5(uuid.NAMESPACE_OID, about) if order.id else uuid.uuid4()).hex,
        action=action,
        alert=alert,
        by=by,
        ts=board.hub.site_ms(),
        note=one_line(order.note),
        name=name,
        reason=order.reason or "",
    )


async def giver(request: Request, by: str, note: str, most: int = NOTE) -> tuple[str, str]:
    """Return who gives an order: account and name; without accounts, the name that was typed. Raises `ApiError`."""
    typed = one_line(by)
    if len(typed) > 64 or len(one_line(note)) > most:
        raise ApiError(422, "too_long" if most == NOTE else "note_too_long", most=most)
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
        path="/api/alerts/{id}",
        answer=AlertAnswer,
        endpoint=alert,
        right="alerts",
        seen=True,
        errors=("404 no_alert",),
        says="One alert with all its changes, oldest first, and who has been told of it, newest revision first.",
    ),
    Operation(
        method="POST",
        path="/api/alerts/{id}/seen",
        answer=Done,
        endpoint=seen,
        right="alerts",
        errors=("404 no_alert",),
        says="Say that somebody has seen an alert that had ended unseen: for the audit log.",
    ),
    Operation(
        method="POST",
        path="/api/alerts/{id}/acknowledge",
        answer=CommandAnswer,
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
        answer=CommandAnswer,
        endpoint=clear,
        right="clear",
        body=AlertOrder,
        status=202,
        errors=_REFUSED,
        says="Say that an alert is over; with a reason, that it was a false alarm.",
    ),
    Operation(
        method="POST",
        path="/api/alerts/acknowledge",
        endpoint=acknowledge_many,
        right="acknowledge",
        body=AlertsOrder,
        most_bytes=_MOST_BYTES,
        answer=AlertsOrdered,
        status=202,
        errors=_REFUSED[3:],
        says="Take many alerts up at once: one command each; says which were sent.",
    ),
    Operation(
        method="POST",
        path="/api/alerts/clear",
        endpoint=clear_many,
        right="clear",
        body=AlertsOrder,
        most_bytes=_MOST_BYTES,
        answer=AlertsOrdered,
        status=202,
        errors=_REFUSED[3:],
        says="Say of many alerts at once that they are over: one command each; says which were sent.",
    ),
)
