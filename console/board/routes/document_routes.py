"""GET /api/openapi.json: the document that describes the API."""

from functools import cache, partial
from typing import Any, Final

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response

from console.board.answers import json_response, language_of
from console.board.document.openapi import Document, openapi
from console.board.operations import Operation


async def document(request: Request) -> Response:
    """GET /api/openapi.json: this document."""
    make = partial(_document, request.app.state.operations, language_of(request))
    return json_response(await anyio.to_thread.run_sync(make))


@cache
def _document(operations: tuple[Operation, ...], language: str) -> Document:
    return openapi(operations, language)


OPERATIONS: Final = (
    Operation(
        path="/api/openapi.json",
        endpoint=document,
        answer=dict[str, Any],
        says="This document, in the form of OpenAPI 3.1.",
    ),
)
