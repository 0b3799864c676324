"""The API's answers for whoever draws the map: the places file, changes of it, imports, and the picture under it."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Final, TypeVar

import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from console.board.answers import ApiError, json_response, language_of, one_line
from console.board.hub import Board, board_of
from console.board.operations import Body, Operation, Query, asked, told
from console.board.who import who_of
from console.devices.changes_told import feature_in_words
from console.devices.place_accounts import settle_accounts
from console.devices.places_answers import (
    ChangesAnswer,
    OneChangeAnswer,
    PlacesAnswer,
    SavedAnswer,
    TriedAnswer,
    change_of,
    findings_of,
    other_of,
)
from console.people.pki import PkiError
from ingest.places import PlacesError
from ingest.places.patches import Patch, PlacesConflictError, patched
from ingest.places.places_journal import NoChangeError, PlacesChange
from stream.sentences.catalogue import Sentences

T = TypeVar("T")
MOST_DRAFT: Final = 16 << 20
"""Bytes of what somebody has drawn, or of a file that is imported."""


class Draft(Body, frozen=True):
    """Changes of features, each as it was seen and as it is to be."""

    patches: Annotated[list[Patch], msgspec.Meta(max_length=100_000)]
    base: Annotated[str, msgspec.Meta(max_length=16, description="The version that the changes were made from.")] = ""
    file: Annotated[str, msgspec.Meta(max_length=200, description="The file that the changes come from.")] = ""
    by: Annotated[str, msgspec.Meta(max_length=64, description="Who, where the site has no accounts.")] = ""


class Undo(Body, frozen=True):
    """Who takes a change back."""

    by: Annotated[str, msgspec.Meta(max_length=64, description="Who, where the site has no accounts.")] = ""


class ChangesQuery(Query, frozen=True):
    """Which changes."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=1000, description="How many at most.")] = 50
    before: Annotated[int, msgspec.Meta(ge=1, le=1 << 53, description="Only changes below this number.")] = 1 << 53


async def places(request: Request) -> Response:
    """GET /api/places: the places file, what is wrong or odd in it, and whether it can be changed."""
    book = board_of(request).book
    now, unwritable = await at_work(request, lambda: (book.read(), book.unwritable()))
    found: PlacesAnswer = {
        "version": now.version,
        "document": now.document,
        "findings": findings_of(now, book, texts_of(request)),
        "unwritable": unwritable,
    }
    return json_response(found)


async def try_places(request: Request) -> Response:
    """POST /api/places/try: what would be wrong or odd, and what somebody else has changed; nothing is written."""
    draft, book, texts = told(request, Draft), board_of(request).book, texts_of(request)

    def tried() -> TriedAnswer:
        try:
            then, _ = book.tried(lambda document: patched(document, draft.patches))
        except PlacesConflictError as error:
            return {"findings": [], "others": [other_of(one, texts) for one in error.differs]}
        return {"findings": findings_of(then, book, texts), "others": []}

    return json_response(await at_work(request, tried))


async def change_places(request: Request) -> Response:
    """POST /api/places: change the places file; a running node takes it up within seconds."""
    draft, book, by = told(request, Draft), board_of(request).book, await _giver(request, told(request, Draft).by)
    edit, what = partial(patched, patches=draft.patches), "import" if draft.file else "edit"
    change = await at_work(request, partial(book.change, edit, by, what, base=draft.base, file=one_line(draft.file)))
    if change is None:
        raise ApiError(422, "nothing_changed")
    return await _saved(request, change, f"places-{what}", str(change.number))


async def undo(request: Request) -> Response:
    """POST /api/places/changes/{number}/undo: take a change back, whoever made it; what came after it stays."""
    number, book = request.path_params["number"], board_of(request).book
    by = await _giver(request, told(request, Undo).by)
    change = await at_work(request, partial(book.undo, number, by))
    return await _saved(request, change, "places-undo", str(number))


async def _saved(request: Request, change: PlacesChange, what: str, about: str) -> Response:
    """Answer what a change has become, with the accounts that it asked for."""
    board, accounts, trouble = board_of(request), [], ""
    texts = texts_of(request)
    features = [feature_in_words(key, Sentences("en")) for key in change.keys[:20]]
    await board.doors.note(who_of(request), what, about, change=change.number, features=features)
    if board.settings is not None:
        try:
            settle = partial(settle_accounts, board.settings, change.patches, board.config.login())
            accounts = (await anyio.to_thread.run_sync(settle)).made
        except (PkiError, OSError) as error:
            trouble = texts.told(str(error))
    found: SavedAnswer = {
        "change": change.number, "version": change.after, "accounts": accounts, "trouble": trouble,
    }  # fmt: skip
    return json_response(found)


async def changes(request: Request) -> Response:
    """GET /api/places/changes: who has changed the places, and what, the newest first."""
    query, book = asked(request, ChangesQuery), board_of(request).book
    found = await at_work(request, lambda: book.changes(limit=query.limit, before=query.before))
    names = await anyio.to_thread.run_sync(partial(_names, board_of(request), {one.by for one in found}))
    texts = texts_of(request)
    answered: ChangesAnswer = {"changes": [change_of(one, names, texts) for one in found]}
    return json_response(answered)


async def one_change(request: Request) -> Response:
    """GET /api/places/changes/{number}: one change, with each feature as it was and as it was then."""
    board = board_of(request)
    found = await at_work(request, partial(board.book.one, request.path_params["number"]))
    names = await anyio.to_thread.run_sync(partial(_names, board, {found.by}))
    answered: OneChangeAnswer = {**change_of(found, names, texts_of(request)), "patches": found.patches}
    return json_response(answered)


def texts_of(request: Request) -> Sentences:
    """Return the sentences of whoever asks."""
    return Sentences(language_of(request))


async def at_work(request: Request, work: Callable[[], T]) -> T:
    """Do what waits for disk and lock, beside the event loop. Raises `ApiError` for what cannot be done."""
    try:
        return await anyio.to_thread.run_sync(work, limiter=board_of(request).changing)
    except NoChangeError as error:
        raise ApiError(404, "no_change", detail=str(error)) from error
    except PlacesConflictError as error:
        raise ApiError(409, "places_changed", detail=str(error)) from error
    except PlacesError as error:
        raise ApiError(422, "places_wrong", detail=str(error)) from error
    except OSError as error:
        raise ApiError(503, "places_file", detail=str(error)) from error


async def _giver(request: Request, typed: str) -> str:
    """Return who changes something: the account, or without accounts the name that was typed."""
    visitor = who_of(request).visitor
    if visitor is None:
        return one_line(typed)[:64] or "board"
    if typed:
        raise ApiError(422, "name_by_hand")
    return visitor.person.id


def _names(board: Board, people: set[str]) -> dict[str, str]:
    """Return what people are called, by their id."""
    known = {one: board.doors.people.person(one) for one in people if one and not one.startswith("cli:")}
    return {one: person.name for one, person in known.items() if person is not None}


_WRITES: Final = ("409 places_changed", "422 places_wrong", "503 places_file")
OPERATIONS: Final = (
    Operation(
        path="/api/places",
        endpoint=places,
        right="registry",
        answer=PlacesAnswer,
        errors=("422 places_wrong", "503 places_file"),
        says="The places file as it is, with all that is wrong or odd in it.",
    ),
    Operation(
        method="POST",
        path="/api/places",
        endpoint=change_places,
        right="registry",
        body=Draft,
        most_bytes=MOST_DRAFT,
        answer=SavedAnswer,
        errors=(*_WRITES, "422 nothing_changed", "422 name_by_hand"),
        says="Change the places file; a running node takes it up within seconds.",
    ),
    Operation(
        method="POST",
        path="/api/places/try",
        endpoint=try_places,
        right="registry",
        body=Draft,
        most_bytes=MOST_DRAFT,
        answer=TriedAnswer,
        errors=("422 places_wrong", "503 places_file"),
        says="What would be wrong or odd after a change, and what somebody else has changed; nothing is written.",
    ),
    Operation(
        path="/api/places/changes",
        endpoint=changes,
        right="registry",
        query=ChangesQuery,
        answer=ChangesAnswer,
        errors=("503 places_file",),
        says="Who has changed the places, and what, the newest first.",
    ),
    Operation(
        path="/api/places/changes/{number:int}",
        endpoint=one_change,
        right="registry",
        answer=OneChangeAnswer,
        errors=("404 no_change", "503 places_file"),
        says="One change of the places, with each feature before and after it.",
    ),
    Operation(
        method="POST",
        path="/api/places/changes/{number:int}/undo",
        endpoint=undo,
        right="registry",
        body=Undo,
        answer=SavedAnswer,
        errors=(*_WRITES, "404 no_change", "422 name_by_hand"),
        says="Take a change of the places back, whoever made it; what came after it stays.",
    ),
)
