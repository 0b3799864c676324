"""Errors of the API: JSON with a word for machines and a sentence for people, in the language that they read."""

import logging
import unicodedata
from collections.abc import Callable
from typing import Any, Final, TypeVar

import anyio.to_thread
import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from console.board.commands import BrokerAwayError, UnconfirmedError
from stream.sentences.catalogue import Sentences
from stream.sentences.languages import accepted, choose_language
from stream.sentences.plain import plain
from stream.sinks.store.tables import StoreMissingError

T = TypeVar("T")
MAX_BODY: Final = 4096
_log = logging.getLogger(__name__)


class ApiError(Exception):
    """A request that cannot be answered as asked: status, code of its text behind ``board-error-``, and its values."""

    def __init__(self, status: int, key: str, **values: object) -> None:
        super().__init__(f"{status} {key} {values}")
        self.status, self.key, self.values = status, key, values


def language_of(request: Request) -> str:
    """Return the language of a request: ``?lang=``, then Accept-Language, then the site's."""
    default: str = request.app.state.board.config.language
    asked = request.query_params.get("lang") or request.headers.get("accept-language", "")
    return choose_language(accepted(asked), default)


def json_response(document: Any, status: int = 200) -> Response:  # noqa: ANN401 - JSON
    """Return a document as JSON; not-a-number becomes null."""
    return Response(msgspec.json.encode(document, enc_hook=_number), status, media_type="application/json")


def _number(value: object) -> int:
    """Return what is a number by another name, such as `operations.Since`."""
    if isinstance(value, int):
        return int(value)
    raise NotImplementedError


def answer(request: Request, status: int, key: str, values: dict[str, object]) -> Response:
    """Return an error's answer."""
    language = language_of(request)
    if "detail" in values:
        values = {**values, "detail": plain(str(values["detail"]), language)}
    response = json_response({"error": key, "message": Sentences(language)(f"board-error-{key}", **values)}, status)
    response.headers["Content-Language"] = language
    return response


async def on_api_error(request: Request, error: Exception) -> Response:
    """Answer an `ApiError`."""
    if not isinstance(error, ApiError):
        raise error
    return answer(request, error.status, error.key, error.values)


async def on_store_error(request: Request, error: Exception) -> Response:
    """Answer while the store is not there yet, or cannot be read."""
    _log.warning("%s %s: %s", request.method, request.url.path, error)
    return answer(request, 503, "no_store" if isinstance(error, StoreMissingError) else "store", {})


async def on_people_error(request: Request, error: Exception) -> Response:
    """Answer while the file of people cannot be read or written."""
    _log.error("%s %s: %s", request.method, request.url.path, error)
    return answer(request, 503, "people", {})


async def on_http_error(request: Request, error: Exception) -> Response:
    """Answer an unknown path or a wrong method in the same form."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    key = {404: "not_found", 405: "wrong_method"}.get(status, "internal")
    response = answer(request, status, key, {"path": request.url.path[:100], "method": request.method})
    if isinstance(error, HTTPException) and error.headers:
        response.headers.update(error.headers)
    return response


async def on_crash(request: Request, _error: Exception) -> Response:
    """Answer an error that nobody foresaw, without telling its inside; the server's log has the trace."""
    return answer(request, 500, "internal", {"path": request.url.path[:100], "method": request.method})


async def read_body(request: Request, kind: type[T], most: int = MAX_BODY) -> T:
    """Return what a request says. Raises `ApiError` where it is no JSON, longer than `most`, or something else."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise ApiError(415, "not_json")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise ApiError(413, "too_long")
    try:
        return msgspec.json.decode(body, type=kind)
    except (ValueError, RecursionError) as error:
        raise ApiError(422, "bad_body", detail=str(error)[:200]) from error


def one_line(text: str) -> str:
    """Return a person's text without control and direction characters, which could make a record read as another."""
    kept = (" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c) not in {"Cc", "Cf", "Cs"})
    return " ".join("".join(kept).split())


async def hand_over(send: Callable[[], None]) -> None:
    """Send something to the node. Raises `ApiError` where the broker does not take it."""
    try:
        await anyio.to_thread.run_sync(send)
    except BrokerAwayError as error:
        raise ApiError(503, "broker_away") from error
    except UnconfirmedError as error:
        raise ApiError(503, "unconfirmed") from error
