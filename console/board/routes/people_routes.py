"""The API's answers about people: who they are, how they come in and go, their links, and what officers say."""

from functools import partial
from io import BytesIO
from typing import Annotated, Any, Final, Literal

import anyio.to_thread
import msgspec
import segno
from starlette.requests import Request
from starlette.responses import Response

from console.board.answers import ApiError, json_response, one_line
from console.board.document.people_answers import (
    BegunAnswer,
    DidAnswer,
    HomeAnswer,
    MeAnswer,
    NewLinkAnswer,
    PeopleAnswer,
)
from console.board.document.plain_answers import Done
from console.board.hub import Board, board_of
from console.board.operations import Body, Operation, told
from console.board.who import noted_order, place_of, press_of, session_cookie, who_of
from console.people.links import LinkError
from console.people.passwords import PasswordError
from console.people.people import PeopleError, Person, SignInError, Visitor
from console.people.sessions import LASTS_MS
from console.shift.own_shift import own_shift
from console.shift.shift_times import times_of
from ingest.events import DidWhat, Id, PatrolDid
from ingest.observations import EpochMs
from stream.sentences.catalogue import Sentences
from stream.sentences.languages import LANGUAGES

_KNOWN: Final = "patrolgrid-known"
_KNOWN_S: Final = 180 * 86_400
_MOST_VALID_H: Final = 24 * 31
_OLDEST_MS: Final = 86_400_000
"""What was pressed before that is not said any more: the node would take it for something of now."""
_NO_LINK: Final = ("403 link_expired", "403 link_forged", "403 link_other", "403 link_purpose", "403 link_revoked")
_BAD_PASSWORD: Final = ("422 password_easy", "422 password_long", "422 password_short")
Word = Annotated[str, msgspec.Meta(max_length=400)]


class SignIn(Body, frozen=True):
    """An account's id and password."""

    id: Word
    password: Word


class NewPassword(Body, frozen=True):
    """A password in the place of the old one."""

    new: Word
    old: Word = ""


class LinkToken(Body, frozen=True):
    """What stands behind the # of a personal link."""

    token: Word


class NewLink(Body, frozen=True):
    """For how long a patrol's link opens something."""

    valid_h: Annotated[float, msgspec.Meta(gt=0, le=_MOST_VALID_H)] = 14.0


class Said(Body, frozen=True):
    """What an officer has done."""

    what: DidWhat
    stop: Word = ""
    note: Annotated[str, msgspec.Meta(max_length=1000)] = ""
    id: Id | Literal[""] = ""
    """Of one press of a button: its repeats say nothing new."""
    at_ms: EpochMs | None = None
    """When it was pressed, where that was before it could be sent; by the site's clock."""


def _visitor(request: Request) -> Visitor:
    """Return who asks. Raises `ApiError` where the site has no accounts."""
    visitor = who_of(request).visitor
    if visitor is None:
        raise ApiError(409, "no_accounts")
    return visitor


def _told(person: Person) -> dict[str, Any]:
    return {name: getattr(person, name) for name in ("id", "name", "role", "language", "officer")}


async def me(request: Request) -> Response:
    """GET /api/me: who asks and what they may do; what a page needs before anybody has signed in."""
    who, board = who_of(request), board_of(request)
    visitor = who.visitor
    return json_response(
        {
            "accounts": who.accounts,
            "person": None if visitor is None else _told(visitor.person),
            "rights": who.rights,
            "purpose": None if visitor is None else visitor.purpose,
            "about": "" if visitor is None else visitor.about,
            "ends_ms": None if visitor is None else visitor.ends_ms,
            "left_ms": None if visitor is None else visitor.ends_ms - board.doors.now_ms(),
            "home": who.home,
            "menu": who.menu,
            "shift": await _own_shift(board, visitor),
            "demo": board.config.demo or None,
            "site": {
                "name": board.site_name,
                "language": board.config.language,
                "timezone": board.config.timezone,
                "languages": {language: Sentences(language)("language-name") for language in LANGUAGES},
            },
        }
    )


async def _own_shift(board: Board, visitor: Visitor | None) -> dict[str, Any] | None:
    """Return the shift for which somebody has signed in, so that their page tells them when it is over."""
    if visitor is None or visitor.purpose is not None or not visitor.may("book") or board.settings is None:
        return None
    since_ms = board.hub.site_ms() - (board.doors.now_ms() - (visitor.ends_ms - LASTS_MS))
    settings, times = board.settings, times_of(board.settings.patrol, board.config.timezone)
    found = await anyio.to_thread.run_sync(own_shift, times, settings.telling, visitor.person, since_ms)
    return found and {name: getattr(found, name) for name in ("name", "usual", "begin_ms", "end_ms")}


async def sign_in(request: Request) -> Response:
    """POST /api/sign-in: begin a session with an id and a password."""
    asked, board, known = told(request, SignIn), board_of(request), request.cookies.get(_KNOWN, "")[:400]
    if not who_of(request).accounts:
        raise ApiError(409, "no_accounts")
    people = board.doors.people
    sign = partial(people.sign_in, asked.id, asked.password, place_of(request), known)
    try:
        token = await anyio.to_thread.run_sync(sign, limiter=board.doors.slow)
    except SignInError as error:
        raise _refused(error) from error
    response = await _begun(request, token)
    visitor = await anyio.to_thread.run_sync(people.visitor, token)
    if visitor is not None:
        known = await anyio.to_thread.run_sync(people.recognise, visitor.person.id, known)
    secure = request.url.scheme == "https"
    response.set_cookie(_KNOWN, known, _KNOWN_S, path="/api/sign-in", httponly=True, secure=secure, samesite="strict")
    return response


async def open_link(request: Request) -> Response:
    """POST /api/link: begin a session with a personal link's token."""
    asked, board, visitor = told(request, LinkToken), board_of(request), who_of(request).visitor
    if not who_of(request).accounts:
        raise ApiError(409, "no_accounts")
    beside = None if visitor is None else visitor.person
    begin = partial(board.doors.people.open_link, asked.token, place_of(request), beside=beside)
    try:
        token = await anyio.to_thread.run_sync(begin)
    except SignInError as error:
        raise _refused(error) from error
    except LinkError as error:
        raise ApiError(403, f"link_{error.why}") from error
    return await _begun(request, token)


async def _begun(request: Request, token: str) -> Response:
    """Return the answer that begins a session, and ends the one before it in this browser."""
    board, before = board_of(request), who_of(request)
    if before.visitor is not None:
        await anyio.to_thread.run_sync(board.doors.people.sign_out, before.token)
    now = await board.doors.who(token)
    response = json_response({"home": now.home, "person": None if now.visitor is None else _told(now.visitor.person)})
    lasts_s = None
    if now.visitor is not None and now.visitor.purpose is not None:  # a phone ends its browser whenever it likes
        lasts_s = max(0, (now.visitor.ends_ms - board.doors.now_ms()) // 1000)
    secure = request.url.scheme == "https"
    response.set_cookie(session_cookie(request), token, lasts_s, httponly=True, secure=secure, samesite="lax")
    return response


async def sign_out(request: Request) -> Response:
    """POST /api/sign-out: end the session."""
    await anyio.to_thread.run_sync(board_of(request).doors.people.sign_out, who_of(request).token)
    response = json_response({})
    name, secure = session_cookie(request), request.url.scheme == "https"
    response.delete_cookie(name, httponly=True, secure=secure, samesite="lax")
    return response


async def password(request: Request) -> Response:
    """POST /api/password: change one's password; the old one is asked for, unless a link was made for it."""
    visitor, who, asked = _visitor(request), who_of(request), told(request, NewPassword)
    people, slow = board_of(request).doors.people, board_of(request).doors.slow
    try:
        if visitor.purpose == "password":
            begun = await anyio.to_thread.run_sync(people.set_by_link, who.token, asked.new, limiter=slow)
            return await _begun(request, begun)
        if visitor.purpose is not None:
            raise ApiError(403, "no_right")
        change = partial(people.change_password, visitor.person.id, asked.old, asked.new, place_of(request), who.token)
        await anyio.to_thread.run_sync(change, limiter=slow)
    except PasswordError as error:
        raise ApiError(422, f"password_{error.why}") from error
    except SignInError as error:
        raise _refused(error) from error
    except LinkError as error:
        raise ApiError(403, f"link_{error.why}") from error
    return json_response({"home": who.home})


def _refused(error: SignInError) -> ApiError:
    if error.why == "wrong":
        return ApiError(403, "wrong_password")
    return ApiError(429, "locked", minutes=-(-error.wait_s // 60))


async def people(request: Request) -> Response:
    """GET /api/people: who there is, and the links that are open."""
    store = board_of(request).doors.people
    everybody = await anyio.to_thread.run_sync(lambda: (store.all(), store.links()))
    links: dict[str, list[dict[str, Any]]] = {}
    for link in everybody[1]:
        links.setdefault(link.person, []).append({"id": link.id, "purpose": link.purpose, "ends_ms": link.ends_ms})
    shown = [{**_told(one), "active": one.active, "links": links.get(one.id, [])} for one in everybody[0]]
    return json_response({"people": shown})


async def make_link(request: Request) -> Response:
    """POST /api/people/{id}/link: a patrol's personal link, with its QR code; nobody else's can be made here."""
    visitor, asked, identifier = _visitor(request), told(request, NewLink), request.path_params["id"]
    store = board_of(request).doors.people
    person = await anyio.to_thread.run_sync(store.person, identifier)
    if person is None or not person.active:
        raise ApiError(404, "no_person", id=identifier[:64])
    if person.role != "patrol":
        raise ApiError(403, "no_right")
    make = partial(store.link, person.id, "patrol", asked.valid_h * 3600, by=visitor.person.id)
    token = await anyio.to_thread.run_sync(make)
    url = f"{str(request.base_url).rstrip('/')}/go#{token}"
    image = BytesIO()
    segno.make(url, error="m").save(image, kind="svg", scale=6, xmldecl=False, dark="#000", light="#fff")
    return json_response({"url": url, "svg": image.getvalue().decode()}, 201)


async def revoke_link(request: Request) -> Response:
    """POST /api/links/{id}/revoke: let a patrol's link open nothing more."""
    visitor, identifier, store = _visitor(request), request.path_params["id"], board_of(request).doors.people

    def revoke() -> bool:
        if all(link.id != identifier or link.purpose != "patrol" for link in store.links()):
            return False
        store.revoke(identifier, visitor.person.id)
        return True

    try:
        found = await anyio.to_thread.run_sync(revoke)
    except PeopleError:
        found = False
    if not found:
        raise ApiError(404, "no_link")
    return json_response({})


async def did(request: Request) -> Response:
    """POST /api/did: what the officer who is signed in has done of their stops; 202 once the broker has it."""
    visitor, asked, board = _visitor(request), told(request, Said), board_of(request)
    officer = visitor.person.officer
    if not officer:
        raise ApiError(403, "no_officer")
    now_ms = board.hub.site_ms()
    at_ms = now_ms if asked.at_ms is None else asked.at_ms
    if at_ms < now_ms - _OLDEST_MS:
        raise ApiError(409, "too_old")
    said = {"what": asked.what, "stop": asked.stop, "ts": at_ms, "note": one_line(asked.note)}
    try:
        message = msgspec.convert(said, PatrolDid)
    except msgspec.ValidationError as error:
        raise ApiError(422, "bad_body", detail=str(error)[:200]) from error
    if asked.stop or asked.what in {"arrived", "done", "skipped"}:
        query = "SELECT officer FROM patrol_stops WHERE id = ?"
        if await board.asker.ask(lambda reader: reader.query(query, (asked.stop,))) != [(officer,)]:
            await board.doors.refused(who_of(request), "no_stop", asked.stop[:64], done=asked.what)
            raise ApiError(404, "no_stop", id=asked.stop[:64])
    press = press_of(request, asked.id)
    pressed = {} if asked.at_ms is None else {"at_ms": at_ms}
    send = partial(board.say, officer, message)
    await noted_order(request, send, "did", asked.stop, press, done=asked.what, **pressed)
    return json_response({"id": asked.id, "officer": officer, "what": asked.what, "stop": asked.stop}, 202)


OPERATIONS: Final = (
    Operation(path="/api/me", answer=MeAnswer, endpoint=me, says="Who asks and what they may do."),
    Operation(
        method="POST",
        path="/api/sign-in",
        answer=BegunAnswer,
        endpoint=sign_in,
        body=SignIn,
        errors=("403 wrong_password", "409 no_accounts", "429 locked"),
        says="Begin a session with an id and a password; its cookie comes with the answer.",
    ),
    Operation(
        method="POST",
        path="/api/link",
        answer=BegunAnswer,
        endpoint=open_link,
        body=LinkToken,
        errors=(*_NO_LINK, "409 no_accounts", "429 locked"),
        says="Begin a session with the token of a personal link.",
    ),
    Operation(method="POST", path="/api/sign-out", answer=Done, endpoint=sign_out, says="End the session."),
    Operation(
        method="POST",
        path="/api/password",
        answer=HomeAnswer,
        endpoint=password,
        body=NewPassword,
        errors=(*_NO_LINK, *_BAD_PASSWORD, "403 wrong_password", "403 no_right", "409 no_accounts", "429 locked"),
        says="Change one's password; a link that was made for it needs no old one.",
    ),
    Operation(
        path="/api/people",
        answer=PeopleAnswer,
        endpoint=people,
        right="links",
        seen=True,
        says="Who there is, with the links that are open.",
    ),
    Operation(
        method="POST",
        path="/api/people/{id}/link",
        answer=NewLinkAnswer,
        endpoint=make_link,
        right="links",
        body=NewLink,
        status=201,
        errors=("404 no_person", "409 no_accounts"),
        says="Make a patrol's personal link, with its QR code.",
    ),
    Operation(
        method="POST",
        path="/api/links/{id}/revoke",
        answer=Done,
        endpoint=revoke_link,
        right="links",
        errors=("404 no_link", "409 no_accounts"),
        says="Let a patrol's link open nothing more.",
    ),
    Operation(
        method="POST",
        path="/api/did",
        answer=DidAnswer,
        endpoint=did,
        right="did",
        body=Said,
        status=202,
        errors=(
            "403 no_officer",
            "404 no_stop",
            "409 no_accounts",
            "409 too_old",
            "503 broker_away",
            "503 unconfirmed",
        ),
        says="Say what the officer who is signed in has done of their stops: answered once the broker has it.",
    ),
)
