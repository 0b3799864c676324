"""The API's answers about shifts: their book, notes in it, and shifts handed over, read and taken."""

import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from console.board.answers import ApiError, json_response, one_line
from console.board.hub import Board, board_of
from console.board.operations import Body, Operation, Query, Since, Until, asked, told
from console.board.routes.alert_routes import giver
from console.board.routes.people_routes import sign_out
from console.board.who import noted_order, press_of, who_of
from console.shift.shift_book import ShiftBook, ShiftNow, ShiftSite, handed, read_site, shift_book, shift_now
from console.shift.shift_times import FIRST_MS, LAST_MS, ShiftSpan
from deploy.settings import Settings, with_values
from ingest.events import LONG_NOTE, Action, Command, Id, MaybeId
from stream.sinks.store.book_table import entry, handed_over

_MOST_DAYS: Final = 62
_DAY_MS: Final = 86_400_000
_LATE_MS: Final = _DAY_MS
"""So long after its end a shift may still be handed over: whoever forgot it says so the next day."""
_MOST_BYTES: Final = 16_384
_SENT: Final = ("422 no_name", "422 name_by_hand", "422 note_too_long", "503 broker_away", "503 unconfirmed")
By = Annotated[str, msgspec.Meta(max_length=200, description="Who, where the site has no accounts.")]
Words = Annotated[str, msgspec.Meta(max_length=4 * LONG_NOTE)]


class ShiftQuery(Query, frozen=True):
    """Which shift."""

    shift: Annotated[MaybeId, msgspec.Meta(description="Its id, such as night-2026-11-26; empty: the running one.")] = (
        ""
    )


class ShiftsQuery(Query, frozen=True):
    """Of which days."""

    since: Annotated[
        Since | None, msgspec.Meta(description="Shifts that end after this time; else those of the last two days.")
    ] = msgspec.field(name="from", default=None)
    until: Annotated[
        Until | None, msgspec.Meta(description="Shifts that begin before this time; a day: its end. Else up to now.")
    ] = msgspec.field(name="to", default=None)


class BookNote(Body, frozen=True):
    """A note in the shift book."""

    note: Words
    alert: MaybeId = ""
    """At which alert; empty: at none."""
    by: By = ""
    id: MaybeId = ""
    """Of one press of a button: its repeats say nothing new."""


class ShiftHandedOver(Body, frozen=True):
    """A shift that somebody hands over."""

    shift: Id
    to: Annotated[str, msgspec.Meta(max_length=200, description="To whom; empty: to whoever comes.")] = ""
    note: Words = ""
    by: By = ""
    id: MaybeId = ""
    sign_out: Annotated[bool, msgspec.Meta(description="End the session once the broker has it.")] = False


class HandOverTaken(Body, frozen=True):
    """What was handed over, and somebody has read and taken."""

    hand_over: Id
    by: By = ""
    id: MaybeId = ""


class BookAnswer(msgspec.Struct, frozen=True):
    """What was sent to the node: it stands in the book a moment later."""

    id: str
    """Of the entry."""
    by: str
    """Whose name it bears."""


def site_of(board: Board) -> ShiftSite:
    """Return what is the same for all shifts. It reads files: not for the event loop."""
    settings = board.settings
    if settings is None:
        settings = with_values(Settings(), site={"timezone": board.config.timezone})
    return read_site(Path(board.config.store_path).parent, settings, board.config.officers)


async def shift(request: Request) -> Response:
    """GET /api/shift?shift=: all of a shift's page."""
    board, query = board_of(request), asked(request, ShiftQuery)
    return json_response(await _book(board, query.shift, board.hub.site_ms()))


async def shifts(request: Request) -> Response:
    """GET /api/shifts?from=&to=: the shifts of some days."""
    board, query = board_of(request), asked(request, ShiftsQuery)
    now_ms = board.hub.site_ms()
    until = now_ms if query.until is None else query.until
    since = until - 2 * _DAY_MS if query.since is None else query.since
    if not (0 < until - since <= _MOST_DAYS * _DAY_MS and since >= FIRST_MS and until <= LAST_MS):
        raise ApiError(422, "bad_span", most=_MOST_DAYS)
    site = await anyio.to_thread.run_sync(site_of, board)
    found = await anyio.to_thread.run_sync(site.times.between, since, until)
    return json_response([shift_now(one, site, now_ms) for one in found])


async def note(request: Request) -> Response:
    """POST /api/book: write a note."""
    board, order = board_of(request), told(request, BookNote)
    if order.alert and await board.asker.ask(lambda reader: reader.alert(order.alert)) is None:
        raise ApiError(404, "no_alert", id=order.alert)
    text = _paragraphs(order.note)
    if not text:
        raise ApiError(422, "no_note")
    return await _send(request, "note", order, text, alert=order.alert)


async def hand_over(request: Request) -> Response:
    """POST /api/shift/hand-over: hand a shift over, with all that is open, and sign out where that is wanted."""
    board, order, now_ms = board_of(request), told(request, ShiftHandedOver), board_of(request).hub.site_ms()
    book = await _book(board, order.shift, now_ms)
    if book.shift.state == "coming":
        raise ApiError(409, "shift_coming")
    if now_ms - book.shift.end_ms > _LATE_MS:
        raise ApiError(409, "shift_too_old")
    if book.shift.state == "over":  # what is handed over is how things are now
        book = await _book(board, "", now_ms)
    things, more = handed(book)
    to = one_line(order.to)
    if len(to) > 64:
        raise ApiError(422, "note_too_long", most=LONG_NOTE)
    text = _paragraphs(order.note)
    answer = await _send(request, "hand_over", order, text, about=order.shift, to=to, handed=things, more=more)
    if not order.sign_out or who_of(request).visitor is None:
        return answer
    left = await sign_out(request)
    answer.raw_headers += [one for one in left.raw_headers if one[0] == b"set-cookie"]
    return answer


async def take(request: Request) -> Response:
    """POST /api/shift/take: say that one has read what was handed over, and takes it."""
    board, order = board_of(request), told(request, HandOverTaken)
    by, _ = await giver(request, order.by, "")

    def known(query: Callable[..., list[object]]) -> str:
        found = entry(query, order.hand_over)
        if found is None or found["action"] != "hand_over":
            raise ApiError(404, "no_hand_over")
        (over,) = [one for one in handed_over(query, [found["about"]]) if one["id"] == order.hand_over]
        if over["taken"] is not None and over["taken"]["by"] != by:
            raise ApiError(409, "already_taken", by=over["taken"]["name"] or over["taken"]["by"])
        if over["by"] == by:
            raise ApiError(409, "own_hand_over")
        return str(over["about"])

    await board.asker.ask(lambda reader: known(reader.query))
    return await _send(request, "take", order, "", about=order.hand_over)


async def _book(board: Board, identifier: str, now_ms: int) -> ShiftBook:
    site = await anyio.to_thread.run_sync(site_of, board)
    found: ShiftSpan | None = site.times.find(identifier) if identifier else site.times.at(now_ms)
    if found is None:
        raise ApiError(404, "no_shift", id=identifier[:64])
    return await board.asker.ask(lambda reader: shift_book(reader, site, found, now_ms))


async def _send(
    request: Request,
    action: Action,
    order: BookNote | ShiftHandedOver | HandOverTaken,
    text: str,
    **more: object,
) -> Response:
    """Send an entry to the node; a press that is repeated is the same entry."""
    board = board_of(request)
    by, name = await giver(request, order.by, text, LONG_NOTE)
    identifier = uuid.uuid5(uuid.NAMESPACE_OID, f"{by}/{order.id}") if order.id else uuid.uuid4()
    sent = msgspec.convert(
        {
            "id": identifier.hex,
            "action": action,
            "by": by,
            "name": name,
            "ts": board.hub.site_ms(),
            "note": text,
            **more,
        },
        Command,
    )
    # Not the note: it may have number plates in it, which the gateway takes out; the book has it.
    about, press = sent.about or sent.alert or sent.id, press_of(request, order.id)
    detail = {"to": sent.to, "open": len(sent.handed) + sent.more} if action == "hand_over" else {}
    await noted_order(request, partial(board.publish, sent), action, about, press, command=sent.id, **detail)
    return json_response(BookAnswer(sent.id, name or by), 202)


def _paragraphs(text: str) -> str:
    """Return a person's text with its lines, and without what could make it read as another (`one_line`)."""
    return "\n".join(filter(None, map(one_line, text.splitlines())))


OPERATIONS: Final = (
    Operation(
        path="/api/shift",
        endpoint=shift,
        right="book",
        query=ShiftQuery,
        answer=ShiftBook,
        errors=("404 no_shift",),
        seen=True,
        says="A shift's book: what happened in it, what is open, notes, and who handed over to whom.",
    ),
    Operation(
        path="/api/shifts",
        endpoint=shifts,
        right="book",
        query=ShiftsQuery,
        answer=list[ShiftNow],
        errors=("422 bad_span",),
        says="The shifts of some days, in order.",
    ),
    Operation(
        method="POST",
        path="/api/book",
        endpoint=note,
        right="book",
        body=BookNote,
        answer=BookAnswer,
        status=202,
        most_bytes=_MOST_BYTES,
        errors=("404 no_alert", "422 no_note", *_SENT),
        says="Write a note into the shift book, or at an alert: answered once the broker has it.",
    ),
    Operation(
        method="POST",
        path="/api/shift/hand-over",
        endpoint=hand_over,
        right="book",
        body=ShiftHandedOver,
        answer=BookAnswer,
        status=202,
        most_bytes=_MOST_BYTES,
        errors=("404 no_shift", "409 shift_coming", "409 shift_too_old", *_SENT),
        says="Hand a shift over with all that is open, and sign out where that is wanted.",
    ),
    Operation(
        method="POST",
        path="/api/shift/take",
        endpoint=take,
        right="book",
        body=HandOverTaken,
        answer=BookAnswer,
        status=202,
        errors=("404 no_hand_over", "409 already_taken", "409 own_hand_over", *_SENT),
        says="Say that one has read what was handed over, and takes it.",
    ),
)
