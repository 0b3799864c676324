"""Long work that somebody asked the board for: how far it is, what came of it, and ending it."""

from typing import Any, Final, TypedDict

import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from console.board.answers import ApiError, json_response
from console.board.hub import board_of
from console.board.operations import Operation
from console.board.who import who_of
from console.long_work import Work


class WorksAnswer(TypedDict):
    """All work that is kept."""

    work: list[Work]
    """The newest first."""


class WorkAnswer(TypedDict):
    """A piece of work."""

    work: Work
    result: Any
    """What it has printed, as JSON; null until it is done."""


async def works(request: Request) -> Response:
    """GET /api/work: what is under way and what is kept."""
    return json_response(WorksAnswer(work=await anyio.to_thread.run_sync(board_of(request).work.all)))


async def one_work(request: Request) -> Response:
    """GET /api/work/{id}: a piece of work and what came of it."""
    work, identifier = board_of(request).work, request.path_params["id"]
    found = await anyio.to_thread.run_sync(work.one, identifier)
    if found is None:
        raise ApiError(404, "no_work", id=identifier[:64])
    result = await anyio.to_thread.run_sync(work.result, identifier)
    return json_response({"work": found, "result": None if result is None else msgspec.Raw(result)})


async def cancel(request: Request) -> Response:
    """POST /api/work/{id}/cancel: ask a piece of work to end."""
    board, identifier = board_of(request), request.path_params["id"]
    if not await anyio.to_thread.run_sync(board.work.cancel, identifier):
        raise ApiError(404, "no_work", id=identifier[:64])
    await board.doors.note(who_of(request), "cancel", identifier)
    return json_response({})


OPERATIONS: Final = (
    Operation(path="/api/work", endpoint=works, right="bench", answer=WorksAnswer,
        says="Long work: what is under way, and the last pieces that are kept."),
    Operation(path="/api/work/{id}", endpoint=one_work, right="bench", answer=WorkAnswer, errors=("404 no_work",),
        says="A piece of long work, and what came of it."),
    Operation(method="POST", path="/api/work/{id}/cancel", endpoint=cancel, right="bench", errors=("404 no_work",),
        says="Ask a piece of long work to end."),
)  # fmt: skip
