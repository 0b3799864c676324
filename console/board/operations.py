"""What the API does, declared: of it follow the routes, what a request may say, and the document that describes it.

An `Operation` says where it is, whom it is for, which parameters and which body it takes, and what it answers. What a
request says beside that is refused by name, before its endpoint runs: a filter with a slip in its name must not give
everything, as if there were no filter.
"""

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any, Final, Literal, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from console.board.answers import MAX_BODY, ApiError, read_body
from console.board.who import Endpoint, need
from console.people.rights import Right
from ingest.codecs.csv_files import RowError
from ingest.codecs.csv_values import Instants
from ingest.observations import LATEST_MS, epoch_ms

T = TypeVar("T")
ALWAYS: Final = frozenset({"lang"})
"""Parameters that every request may have: the language of texts and errors."""
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_LOST_PLUS: Final = re.compile(r"(T[\d:.]{5,15}) (\d\d:?\d\d)")
"""A zone whose plus sign was not escaped, and so came as a blank."""


class Since(int):
    """A time (epoch ms) from which on something is asked for; a day alone is its beginning at the site."""


class Until(int):
    """A time (epoch ms) before which something is asked for; a day alone is its end at the site."""


class Query(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters behind a request's question mark. A tuple may be given several times, all else once."""


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a request says in JSON."""


class Nothing(Query, frozen=True):
    """No parameters."""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that the API does."""

    method: Literal["GET", "POST", "PUT", "DELETE"] = "GET"
    path: str
    endpoint: Endpoint
    says: str
    """What it is for, as one English sentence; its Chinese is in ``plain.zh-CN.po``."""
    right: Right | None = None
    """None: for everybody who was let in, and of the paths in `who.OPEN` for everybody."""
    query: type[Query] = Nothing
    body: type[msgspec.Struct] | None = None
    media: str = "application/json"
    """What it answers. Where that is not JSON there is no `answer`."""
    answer: Any = None
    """Type of what it answers in JSON: a Struct, a TypedDict or what else msgspec has a schema for."""
    status: int = 200
    errors: tuple[str, ...] = ()
    """Status and word of its own refusals, such as ``404 no_alert``; those that all have are not repeated."""
    also: tuple[str, ...] = ()
    """Further statuses with the same `answer`."""
    seen: bool = False
    """Whether it is noted who looked."""
    most_bytes: int = MAX_BODY
    """How long a body may be."""
    uploads: tuple[str, ...] = ()
    """Media types of a body that is not JSON; the endpoint reads that itself."""


def route(operation: Operation) -> Route:
    """Return the route that an operation is answered on."""

    async def checked(request: Request) -> Response:
        request.scope["asked"] = _asked(request, operation.query)
        if operation.body is not None:
            request.scope["told"] = await read_body(request, operation.body, operation.most_bytes)
        return await operation.endpoint(request)

    guarded = checked if operation.right is None else need(operation.right, checked, seen=operation.seen)
    return Route(operation.path, guarded, methods=[operation.method])


def asked(request: Request, _kind: type[T]) -> T:
    """Return what a request asks for, of the type that its operation declares as `query`."""
    found: T = request.scope["asked"]
    return found


def told(request: Request, _kind: type[T]) -> T:
    """Return what a request says, of the type that its operation declares as `body`."""
    found: T = request.scope["told"]
    return found


def _asked(request: Request, kind: type[Query]) -> Query:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    zone = ZoneInfo(request.app.state.board.config.timezone)
    values: dict[str, Any] = {}
    for name in request.query_params:
        if name in ALWAYS:
            continue
        if name not in fields:
            raise ApiError(422, "unknown_parameter", name=name[:40], known=", ".join([*fields, *sorted(ALWAYS)]))
        given = request.query_params.getlist(name)
        field = fields[name]
        several = isinstance(field.default, tuple)
        if len(given) > 1 and not several:
            raise ApiError(422, "repeated_parameter", name=name)
        try:
            found = msgspec.convert(
                given if several else given[0], field.type, strict=False, dec_hook=_reader_of_times(name, zone)
            )
        except (msgspec.ValidationError, RowError) as error:
            said = ", ".join(given)[:40]
            raise ApiError(422, "bad_parameter", name=name, value=said, detail=str(error)[:200]) from error
        values[field.name] = found
    return kind(**values)


def _reader_of_times(name: str, zone: ZoneInfo) -> Callable[[type, object], object]:
    def read(kind: type, value: object) -> object:
        text = str(value).strip()
        if _DAY.fullmatch(text):
            try:
                day = date.fromisoformat(text) + timedelta(days=kind is Until)
                ms = round(datetime.combine(day, time(), zone).timestamp() * 1000)
            except (ValueError, OverflowError) as error:
                raise RowError(str(error)) from error
            # The begin of 1970 is no time where clocks are ahead, and still a day that people write for "all".
            return kind(min(max(ms, 0), LATEST_MS))
        if text.isdecimal() and text.isascii() and len(text) <= 13 and int(text) <= LATEST_MS:
            return kind(epoch_ms(int(text)))
        return kind(Instants(zone).first(_LOST_PLUS.sub(r"\1+\2", text), name))

    return read
