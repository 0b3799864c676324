"""The API's answers about what one device has said just now, and what its models have learnt of its weeks."""

from functools import partial
from pathlib import Path
from typing import Final

import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from console.board.answers import ApiError, json_response, language_of
from console.board.hub import board_of
from console.board.operations import Operation, Query, asked
from console.common import reason_in_words
from console.devices.just_heard import JustHeard, LatelyHeard, Mark, lately_heard
from console.training.learnt_week import LearntWeek, rhythms
from console.training.saved_state import read_saved
from deploy.wiring import days_of
from stream.sentences.catalogue import Sentences

_MOST_KEPT: Final = 16
"""Devices whose rhythm is kept until the node saves another state."""


class HeardQuery(Query, frozen=True):
    """Since when."""

    after: Mark = ""


class Learnt(msgspec.Struct, frozen=True, kw_only=True):
    """The rhythms of a device's series."""

    state_ms: int
    """The site's time of the saved state that they are read from, epoch ms; 0 where there is none."""
    problem: str
    window_s: int
    rhythms: list[LearntWeek]


async def heard(request: Request) -> Response:
    """GET /api/device/{id}/heard: what it has said just now, and what became of it."""
    folder = Path(board_of(request).config.store_path).parent
    look = partial(lately_heard, folder, request.path_params["id"], asked(request, HeardQuery).after)
    found = await anyio.to_thread.run_sync(look)
    texts = Sentences(language_of(request))
    return json_response(msgspec.structs.replace(found, heard=[_in_words(one, texts) for one in found.heard]))


def _in_words(one: JustHeard, texts: Sentences) -> JustHeard:
    if one.what != "refused":
        return one
    why, advice = reason_in_words(texts, one.word), texts(f"reason-do-{one.word}")
    return msgspec.structs.replace(one, why=why, advice=advice, detail=texts.told(one.detail))


async def rhythm(request: Request) -> Response:
    """GET /api/device/{id}/rhythm: what its models expect of a week."""
    board, device = board_of(request), request.path_params["id"]
    settings, folder = board.settings, Path(board.config.store_path).parent
    if settings is None:
        raise ApiError(503, "no_registry")

    def look() -> Learnt:
        newest = max((path.name for path in (folder / "state").glob("*.pgs")), default="")
        state, kept = board.rhythms.get(device, ("", None))
        if isinstance(kept, Learnt) and state == newest:
            return kept
        saved = read_saved(folder / "state", settings.pipeline.window_s)
        found = rhythms(saved, days_of(settings), settings.pipeline.window_s, device)
        window_s = settings.pipeline.window_s
        learnt = Learnt(state_ms=saved.now_ms, problem=saved.problem, window_s=window_s, rhythms=found)
        board.rhythms[device] = newest, learnt
        if len(board.rhythms) > _MOST_KEPT:
            del board.rhythms[next(iter(board.rhythms))]
        return learnt

    # One at a time, and on no thread that others wait for: a large site's state takes seconds to read.
    learnt = await anyio.to_thread.run_sync(look, limiter=board.reading)
    problem = Sentences(language_of(request)).told(learnt.problem)
    return json_response(msgspec.structs.replace(learnt, problem=problem))


OPERATIONS: Final = (
    Operation(
        path="/api/device/{id}/heard",
        endpoint=heard,
        right="alerts",
        query=HeardQuery,
        answer=LatelyHeard,
        says="What a device has said just now, and what became of it.",
    ),
    Operation(
        path="/api/device/{id}/rhythm",
        endpoint=rhythm,
        right="alerts",
        answer=Learnt,
        errors=("503 no_registry",),
        says="What a device's models expect of each weekday.",
    ),
)
