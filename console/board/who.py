"""Who asks: whose session a request's cookie is, what they may do, and what is answered without one.

A site without accounts answers everybody, as its board then listens on this machine alone. Once the board has seen an
account it never goes back to that while it runs, and a file of people that cannot be read lets nobody in.
"""

import ipaddress
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote

import anyio
import anyio.to_thread
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from console.board.answers import ApiError, answer, hand_over
from console.board.pages import ASKED_BY_NAME, PAGES
from console.board.security import same_origin
from console.people.people import People, SignInError, Visitor
from console.people.rights import RIGHTS, Right
from console.people.tokens import TokenError, Tokens
from ingest.clock import wall_ms
from ingest.sqlite import StorageError

Endpoint = Callable[[Request], Awaitable[Response]]
OPEN: Final = frozenset({"/signin", "/go", "/healthz", "/api/me", "/api/sign-in", "/api/link", "/ca.crt"})
"""What is answered to everybody: the ways in, and whether the board lives."""
_OPEN_UNDER: Final = ("/static/", "/locale/", "/vendor/")
"""Files that are the same at every site; nothing in them is of this one."""
_HOMES: Final = {"password": "/password", "patrol": "/patrol", "alert": "/go"}
_AGAIN_MS: Final = 600_000
"""How soon it is noted again that somebody looked at the same."""
_REPEATS_MS: Final = 60_000
"""So long what somebody is refused again is counted, before one entry says how often it was."""
_MOST_NOTED: Final = 10_000
_MOST_ASKED: Final = 1000
_CHECK_MS: Final = 5_000
_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Who:
    """Who asks. Where the site has no accounts, everybody may do everything that they could before there were any."""

    accounts: bool
    visitor: Visitor | None = None
    token: str = ""
    """Of the session, or a program's."""
    program: bool = False

    def may(self, right: Right, about: str = "") -> bool:
        """Tell whether they have a right, on something where it is about one thing."""
        return not self.accounts or (self.visitor is not None and self.visitor.may(right, about))

    @property
    def rights(self) -> list[Right]:
        """What they may do."""
        return [right for right in RIGHTS if not self.accounts or (self.visitor and right in self.visitor.rights)]

    @property
    def menu(self) -> list[str]:
        """The paths of the pages that their menu names."""
        purpose = self.visitor.purpose if self.visitor is not None else None
        return [page.path for page in PAGES if page.in_menu and self.may(page.right) and purpose is None]

    @property
    def home(self) -> str:
        """The page that is theirs."""
        purpose = self.visitor.purpose if self.visitor is not None else None
        return _HOMES.get(purpose or "", "/")


class Doors:
    """The way into a board: who somebody is, and what is noted of what they see."""

    def __init__(self, people: People, clock: Callable[[], int] = wall_ms) -> None:
        self.people, self._clock, self._tokens = people, clock, Tokens(people)
        self._accounts = False
        self._noted: dict[tuple[str, str, str], int] = {}
        self._refused: dict[tuple[str, str], tuple[int, int, str]] = {}
        """(Person, what they asked for) → since when, how often again, the first address."""
        self.slow = anyio.CapacityLimiter(1)
        """For what computes a password's hash: it takes no thread that others wait for."""

    def now_ms(self) -> int:
        """Return the time that sessions go by."""
        return self._clock()

    async def who(self, token: str) -> Who:
        """Return who has a session's token. Raises StorageError where that cannot be known."""
        await self._note_repeats()
        return await anyio.to_thread.run_sync(self._who, token)

    async def program(self, token: str, where: str) -> Who:
        """Return whose program carries a token. Raises `TokenError`, `SignInError`, and StorageError as `who` does."""
        found = await self.who("")
        if not found.accounts:
            return found
        visitor = await anyio.to_thread.run_sync(self._tokens.bearer, token, where)
        return Who(accounts=True, visitor=visitor, token=token, program=True)

    async def again(self, who: Who) -> Who:
        """Return what somebody may do by now, who was let in before. Raises StorageError."""
        if not who.program:
            return await self.who(who.token)
        try:
            visitor = await anyio.to_thread.run_sync(self._tokens.visitor, who.token)
        except TokenError:
            return Who(accounts=True)
        return replace(who, visitor=visitor)

    def _who(self, token: str) -> Who:
        self._accounts = self._accounts or self.people.anybody()
        return Who(self._accounts, self.people.visitor(token), token) if self._accounts else Who(accounts=False)

    async def note(self, who: Who, what: str, about: str, **detail: object) -> None:
        """Add what somebody did to the audit log. A log that cannot be written keeps nobody from the alerts."""
        if who.visitor is not None:
            program = {"token": who.visitor.token} if who.program else {}
            await self._write(who.visitor.person.id, what, about, **program, **detail)

    async def _write(self, by: str, what: str, about: str, **detail: object) -> None:
        try:
            await anyio.to_thread.run_sync(lambda: self.people.audit.note(by, what, about, **detail))
        except StorageError as error:
            _LOG.error("the audit log takes nothing: %s", error)

    async def note_all(self, who: Who, what: str, about: dict[str, dict[str, object]]) -> None:
        """Add the same about many things, an entry each with its details: all of them or none."""
        if who.visitor is None or not about:
            return
        by = who.visitor.person.id
        try:
            await anyio.to_thread.run_sync(lambda: self.people.audit.note_all(by, what, about))
        except StorageError as error:
            _LOG.error("the audit log takes nothing: %s", error)

    async def note_once(self, who: Who, what: str, about: str) -> None:
        """Add it unless that was done some minutes ago: a page asks again and again."""
        if who.visitor is None:
            return
        key, now_ms = (f"{who.visitor.person.id}/{who.visitor.token}", what, about), self._clock()
        if now_ms - self._noted.get(key, -_AGAIN_MS) < _AGAIN_MS:
            return
        if len(self._noted) >= _MOST_NOTED:
            self._noted.clear()
        self._noted[key] = now_ms
        await self.note(who, what, about)

    async def refused(self, who: Who, asked: str, about: str, **detail: object) -> None:
        """Note that somebody was refused what they asked for: one entry a minute, whatever they make up.

        `asked` is one of few words (a route's path as it is declared).
        """
        if who.visitor is None:
            return
        key = who.visitor.person.id, asked
        if key in self._refused:
            since_ms, again, first = self._refused[key]
            self._refused[key] = since_ms, again + 1, first
            return
        self._refused[key] = self._clock(), 0, about
        await self.note(who, "refused", about, **detail)

    async def _note_repeats(self) -> None:
        now_ms = self._clock()
        for key, (since_ms, again, about) in list(self._refused.items()):
            if abs(now_ms - since_ms) < _REPEATS_MS:
                continue
            del self._refused[key]
            if again:
                self._refused[key] = now_ms, 0, about
                await self._write(key[0], "refused", about, again=again)


class Watched:
    """Whether a stream's session still lasts; looked at every few seconds."""

    def __init__(self, doors: Doors, who: Who) -> None:
        self._doors, self._who, self._looked_ms = doors, who, wall_ms()

    async def over(self) -> bool:
        """Tell whether whoever began the stream may no longer have it."""
        now_ms = wall_ms()
        if abs(now_ms - self._looked_ms) < _CHECK_MS:
            return False
        self._looked_ms = now_ms
        try:
            now = await self._doors.again(self._who)
        except StorageError:
            return True
        return now.accounts and (now.visitor is None or now.rights != self._who.rights)


def who_of(request: HTTPConnection) -> Who:
    """Return who asks."""
    found: Who = request.scope["who"]
    return found


def place_of(request: HTTPConnection) -> str:
    """Return where a request comes from: an address, of IPv6 its network, as one machine has many in it."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host[:64]
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else host


def need(right: Right, endpoint: Endpoint, *, seen: bool = False) -> Endpoint:
    """Return an endpoint for whoever has a right; with `seen` it is noted who looked."""

    async def guarded(request: Request) -> Response:
        who, doors = who_of(request), request.app.state.board.doors
        if not who.may(right, request.path_params.get("id", "")):
            asked = request.url.path.replace(request.path_params.get("id") or "{id}", "{id}")
            await doors.refused(who, asked, request.url.path[:100])
            if request.url.path in ASKED_BY_NAME and who.home != request.url.path:
                return RedirectResponse(who.home, 303)
            raise ApiError(403, "no_right")
        answered = await endpoint(request)
        if seen:  # what is not there has raised: nobody fills the log with addresses that they make up
            await doors.note_once(who, "see", request.url.path[:100])
        return answered

    return guarded


def press_of(request: Request, identifier: str) -> str:
    """Return the name of one press of a button: nobody's id is taken for another person's."""
    visitor = who_of(request).visitor
    return f"{visitor.person.id if visitor else ''}/{identifier}" if identifier else ""


async def noted_order(
    request: Request, send: Callable[[], None], what: str, about: str, press: str = "", **detail: object
) -> None:
    """Send what somebody orders to the node, and note it, also where it may not have arrived. Raises `ApiError`.

    A `press` that the broker has taken already is sent no second time: a phone repeats what it had no answer to.
    """
    doors: Doors = request.app.state.board.doors
    taken: dict[str, None] = request.app.state.board.taken
    if press in taken:
        return
    try:
        await hand_over(send)
    except ApiError as error:
        if error.key == "unconfirmed":
            await doors.note(who_of(request), what, about, unconfirmed=True, **detail)
        raise
    if press:
        taken[press] = None
        if len(taken) > _MOST_NOTED:
            del taken[next(iter(taken))]
    await doors.note(who_of(request), what, about, **detail)


def session_cookie(request: HTTPConnection) -> str:
    """Return the name of the session's cookie; over TLS browsers take one of that name from this host alone."""
    return "__Host-patrolgrid" if request.url.scheme == "https" else "patrolgrid-session"


class SignedIn:
    """ASGI middleware: finds out who asks, and turns away whom nobody knows.

    Plain ASGI and no more, so that an event stream passes through without being held up.
    """

    def __init__(self, app: ASGIApp, doors: Doors) -> None:
        self.app, self.doors = app, doors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and not scope["path"].startswith(_OPEN_UNDER):
            request = Request(scope)
            refused = await self._let_in(request)
            if refused is not None:
                await refused(scope, receive, send)
                return
        await self.app(scope, receive, send)

    async def _let_in(self, request: Request) -> Response | None:
        who = await self._who(request)
        if isinstance(who, Response):
            return who
        request.scope["who"] = who
        if request.method not in {"GET", "HEAD"} and not same_origin(request):
            known = any(route.matches(request.scope)[0] is Match.FULL for route in request.app.routes)
            about = request.url.path[:100] if known else ""
            await self.doors.refused(who, "foreign", f"{about} (another page)".strip())
            return answer(request, 403, "foreign", {})
        if not who.accounts or who.visitor is not None or request.url.path in OPEN:
            return None
        if request.method == "GET" and request.url.path in ASKED_BY_NAME:
            asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"/signin?next={quote(asked[:_MOST_ASKED])}", 303)
        return answer(request, 401, "signed_out", {})

    async def _who(self, request: Request) -> Who | Response:
        """Return who asks, by a program's token or by the session's cookie; or what they are answered."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        try:
            if scheme.lower() == "bearer":
                return await self.doors.program(token.strip(), place_of(request))
            return await self.doors.who(request.cookies.get(session_cookie(request), ""))
        except StorageError as error:
            _LOG.error("nobody is let in: %s", error)
            return answer(request, 503, "people", {})
        except SignInError as error:
            return answer(request, 429, "locked", {"minutes": -(-error.wait_s // 60)})
        except TokenError as error:
            refused = answer(request, 401, f"token_{error.why}", {})
            refused.headers["WWW-Authenticate"] = "Bearer"
            return refused
