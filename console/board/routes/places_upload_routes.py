"""The API's answers about what comes into the places from files: lists of devices, outlines, and the picture below."""

import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final

import msgspec
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from console.board.answers import ApiError, json_response, one_line
from console.board.hub import Board, board_of
from console.board.operations import Operation, Query, asked
from console.board.routes.places_routes import MOST_DRAFT, at_work, texts_of
from console.board.who import who_of
from console.devices.places_answers import ImageAnswer, ImportAnswer, findings_of, import_of
from ingest.codecs.csv_files import CsvError
from ingest.files import replace_file
from ingest.places import PlacesError, parse_places
from ingest.places.background import IMAGE_NAME, MOST_BYTES, picture_of
from ingest.places.importing import bring

IMAGES: Final = "backgrounds"
"""The folder of pictures, in the site's."""
_MOST_IMAGES: Final = 20
"""Pictures that are kept, so that a change of them can be taken back; the oldest go."""
_MEDIA: Final = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}
_LISTS: Final = {"text/csv": ".csv", "application/geo+json": ".geojson"}


class ImportQuery(Query, frozen=True):
    """What of a file."""

    name: Annotated[str, msgspec.Meta(max_length=200, description="The file's name, for messages.")] = ""
    without_example: Annotated[
        bool, msgspec.Meta(description="Take out what is left of the example that the station began with.")
    ] = False


async def import_places(request: Request) -> Response:
    """POST /api/places/import: what a CSV or a GeoJSON would change; nothing is written."""
    query, book, texts = asked(request, ImportQuery), board_of(request).book, texts_of(request)
    content, media = await _upload(request, _LISTS, MOST_DRAFT)
    name = one_line(query.name) or f"import{_LISTS[media]}"

    def tried() -> ImportAnswer:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, f"import{_LISTS[media]}")
            file.write_bytes(content)
            now = book.read()
            if now.wrong:
                raise PlacesError(now.wrong[0])
            places = parse_places(now.document, str(book.path))
            try:
                found = bring(now.document, places, file, name, without_example=query.without_example)
            except CsvError as error:
                raise PlacesError(str(error).replace(str(file), name)) from error
        then, patches = book.tried(lambda _: found.merged.document)
        return import_of(found, patches, findings_of(then, book, texts), name, texts)

    return json_response(await at_work(request, tried))


async def take_image(request: Request) -> Response:
    """POST /api/places/images: keep a picture, so that the places can name it as their background."""
    content, _ = await _upload(request, dict.fromkeys(_MEDIA.values(), ""), MOST_BYTES)
    try:
        picture = picture_of(content)
    except ValueError as error:
        raise ApiError(422, "no_picture", detail=str(error)) from error
    folder, laid = _images(board_of(request)), board_of(request).places.background
    name = f"{sha256(content).hexdigest()[:16]}.{picture.suffix}"

    def keep() -> None:
        replace_file(folder / name, content, mode=0o640)
        known = sorted(folder.glob("*.*"), key=lambda path: path.stat().st_mtime)
        for old in known[:-_MOST_IMAGES]:
            if laid is None or old.name != laid.image:
                old.unlink(missing_ok=True)

    await at_work(request, keep)
    await board_of(request).doors.note(who_of(request), "places-image", name)
    found: ImageAnswer = {"image": name, "width": picture.width, "height": picture.height}
    return json_response(found)


async def image(request: Request) -> Response:
    """GET /api/places/images/{name}: a picture that lies, or lay, under the map."""
    name = request.path_params["name"]
    path = _images(board_of(request)) / name
    if not IMAGE_NAME.match(name) or not path.is_file():
        raise ApiError(404, "not_found", path=request.url.path[:100])
    return FileResponse(path, media_type=_MEDIA[path.suffix[1:]])


def _images(board: Board) -> Path:
    return Path(board.config.store_path).parent / IMAGES


async def _upload(request: Request, kinds: dict[str, str], most: int) -> tuple[bytes, str]:
    """Return a body that is no JSON, and its media type. Raises `ApiError`."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media not in kinds:
        raise ApiError(415, "wrong_media", media=media[:60] or "—", known=", ".join(kinds))
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise ApiError(413, "too_large", limit=most >> 20)
    return bytes(body), media


OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/api/places/import",
        endpoint=import_places,
        right="registry",
        query=ImportQuery,
        uploads=tuple(_LISTS),
        answer=ImportAnswer,
        errors=("413 too_large", "415 wrong_media", "422 places_wrong", "503 places_file"),
        says="What a CSV or a GeoJSON would change in the places; nothing is written.",
    ),
    Operation(
        method="POST",
        path="/api/places/images",
        endpoint=take_image,
        right="registry",
        uploads=tuple(_MEDIA.values()),
        answer=ImageAnswer,
        errors=("413 too_large", "415 wrong_media", "422 no_picture", "503 places_file"),
        says="Keep a picture, which the places can name as their background.",
    ),
    Operation(
        path="/api/places/images/{name}",
        endpoint=image,
        right="hotspots",
        media="image/*",
        errors=("404 not_found",),
        says="A picture that lies under the map.",
    ),
)
