"""The API's answers about devices: how they get in, what waits for approval, and all that is done with them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, TypeVar

import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from console.board.answers import ApiError, json_response, language_of, one_line
from console.board.hub import Board, board_of
from console.board.operations import Body, Operation, told
from console.board.who import who_of
from console.common import FoundSite
from console.devices.device_lines import Connecting, connecting
from console.devices.registry import CODE_HOURS, Registry, Row
from console.devices.waiting import Unbound
from console.errors import CommandError
from console.people.pki import PkiError
from deploy.settings import Settings, at_broker
from ingest.places import DeviceType, Point
from stream.sentences.catalogue import Sentences
from stream.sinks.store.tables import StoreError

T = TypeVar("T")
_NOBODY: Final = "board"
"""Who it was, where the site has no accounts."""
_CHANGES: Final = ("409 registry", "422 registry", "503 no_registry", "503 registry")
Words = Annotated[str, msgspec.Meta(max_length=200)]
Lon = Annotated[float, msgspec.Meta(ge=-180, le=180)]
Lat = Annotated[float, msgspec.Meta(ge=-90, le=90)]
Names = Annotated[dict[Annotated[str, msgspec.Meta(max_length=16)], Words], msgspec.Meta(max_length=8)]
"""Language → name."""


class AtPlace(Body, frozen=True, kw_only=True):
    """Where a device is: a position, or a beat for the middle of it."""

    lon: Lon | None = None
    lat: Lat | None = None
    beat: Words = ""

    @property
    def at(self) -> Point | None:
        """The position, lon and lat."""
        if (self.lon is None) != (self.lat is None):
            raise ApiError(422, "bad_body", detail="one of lon and lat is missing, expected both or neither")
        return None if self.lon is None or self.lat is None else (self.lon, self.lat)


class NewDevice(AtPlace, frozen=True, kw_only=True):
    """A device to be put in."""

    id: Words
    type: DeviceType
    name: Names = msgspec.field(default_factory=dict)


class Approval(AtPlace, frozen=True, kw_only=True):
    """What is taken in of what waits."""

    codec: Words
    match: Annotated[str, msgspec.Meta(max_length=512)]
    part: Words = ""
    id: Words = ""
    """Of the new device, or of one that is `there`; of what speaks our own format its own by default."""
    there: bool = False
    type: DeviceType | None = None
    name: Names = msgspec.field(default_factory=dict)


class NewNames(Body, frozen=True, kw_only=True):
    """What people call a device."""

    name: Names


class Because(Body, frozen=True, kw_only=True):
    """Why."""

    why: Words = ""


class Paper(Body, frozen=True, kw_only=True):
    """What stands on a technician's page."""

    hours: float = CODE_HOURS
    account: bool = False
    """User name and password on the page, and no code: for what cannot take one."""


class Devices(msgspec.Struct, frozen=True, kw_only=True):
    """The devices of a site, and what waits."""

    devices: list[Row]
    waiting: list[Unbound]
    accounts: bool
    """Whether accounts are at a broker that `patrolgrid init` has set up."""
    unwritable: str
    """Why nothing can be changed; empty where it can."""


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """A device as it stands after a change."""

    id: str
    beat: str = ""
    topic: str = ""
    """Where it has to publish; empty for one that was taken out."""


class Printed(msgspec.Struct, frozen=True, kw_only=True):
    """A technician's page: shown once, and kept nowhere."""

    page: str
    """HTML."""
    code: str
    until: str


def _settings(board: Board) -> Settings:
    if board.settings is None:
        raise ApiError(503, "no_registry")
    return board.settings


def _folder(board: Board) -> Path:
    return Path(board.config.store_path).parent


async def _with_registry(request: Request, work: Callable[[Registry], T]) -> T:
    """Return what some work on the registry gives, and note what it has changed. Raises `ApiError`."""
    board, who = board_of(request), who_of(request)
    settings, done = _settings(board), list[tuple[str, str, Mapping[str, object]]]()
    by = _NOBODY if who.visitor is None else who.visitor.person.id

    def note(what: str, device: str, detail: Mapping[str, object]) -> None:
        done.append((what, device, detail))

    def run() -> T:
        return work(Registry(settings, _folder(board), by, note, board.config.login()))

    try:
        return await anyio.to_thread.run_sync(run, limiter=board.changing)
    except CommandError as error:
        raise ApiError(422, "registry", detail=str(error)) from error
    except (PkiError, StoreError) as error:
        raise ApiError(409, "registry", detail=str(error)) from error
    except OSError as error:
        raise ApiError(503, "registry", detail=str(error)) from error
    finally:
        for what, device, detail in done:
            await board.doors.note(who, what, device, **detail)


def _placed(registry: Registry, device: str) -> Placed:
    return Placed(id=device, beat=registry.known(device).beat, topic=registry.topic(device))


async def devices(request: Request) -> Response:
    """GET /api/registry: how devices get in, and what waits."""

    def work(registry: Registry) -> Devices:
        return Devices(
            devices=registry.rows(),
            waiting=registry.waiting(),
            accounts=registry.has_accounts,
            unwritable=registry.unwritable(),
        )

    return json_response(await _with_registry(request, work))


async def device_in(request: Request) -> Response:
    """GET /api/registry/{id}: how a device connects, with lines to copy."""
    board, who, device = board_of(request), who_of(request), request.path_params["id"]
    node = FoundSite(board.config.site, _folder(board)).node()
    broker = at_broker(_settings(board), None, node if node["running"] else None).broker

    def work(registry: Registry) -> Connecting:
        if device not in registry.places.devices:
            raise ApiError(404, "no_device", id=device[:64])
        return connecting(
            registry, device, broker, str(request.base_url), signed_in=who.accounts, now_ms=board.hub.site_ms(),
            simulated=board.config.simulated,
        )  # fmt: skip

    return json_response(await _with_registry(request, work))


async def put_in(request: Request) -> Response:
    """POST /api/registry: put a device in."""
    new = told(request, NewDevice)

    def work(registry: Registry) -> Placed:
        registry.add(new.id, new.type, at=new.at, beat=new.beat, name=_named(new.name))
        return _placed(registry, new.id)

    return json_response(await _with_registry(request, work), 201)


async def approve(request: Request) -> Response:
    """POST /api/registry/waiting: take in something that waits."""
    said = told(request, Approval)

    def work(registry: Registry) -> Placed:
        key = said.codec, said.match, said.part
        found = next((one for one in registry.waiting() if (one.codec, one.match, one.part) == key), None)
        if found is None:
            raise ApiError(404, "nothing_waits", name=" ".join(filter(None, key))[:200])
        device = registry.approve(
            found, device=said.id, there=said.there, kind=said.type or "", at=said.at, beat=said.beat,
            name=_named(said.name),
        )  # fmt: skip
        return _placed(registry, device)

    return json_response(await _with_registry(request, work), 201)


def _named(name: Mapping[str, str]) -> dict[str, str] | Literal[""]:
    """Return names as the places file has them, which turn no text around that they stand in; empty for none."""
    return {language: text for language, text in ((one, one_line(text)) for one, text in name.items()) if text} or ""


async def move(request: Request) -> Response:
    """POST /api/registry/{id}/move: put a device to another place or beat."""
    device, to = request.path_params["id"], told(request, AtPlace)

    def work(registry: Registry) -> Placed:
        registry.move(device, at=to.at, beat=to.beat)
        return _placed(registry, device)

    return json_response(await _with_registry(request, work))


async def rename(request: Request) -> Response:
    """POST /api/registry/{id}/name: say what people call it."""
    device, names = request.path_params["id"], told(request, NewNames)

    def work(registry: Registry) -> Placed:
        registry.rename(device, _named(names.name) or {})
        return _placed(registry, device)

    return json_response(await _with_registry(request, work))


async def replace(request: Request) -> Response:
    """POST /api/registry/{id}/replace: take away what it connects with, and give it a fresh account."""
    device, why = request.path_params["id"], told(request, Because).why

    def work(registry: Registry) -> Placed:
        registry.replace(device, why)
        return _placed(registry, device)

    return json_response(await _with_registry(request, work))


async def retire(request: Request) -> Response:
    """POST /api/registry/{id}/retire: take a device out."""
    device, why = request.path_params["id"], told(request, Because).why

    def work(registry: Registry) -> Placed:
        registry.retire(device, why)
        return Placed(id=device)

    return json_response(await _with_registry(request, work))


async def sheet(request: Request) -> Response:
    """POST /api/registry/{id}/sheet: a technician's page with a code that works once."""
    device, paper, language = request.path_params["id"], told(request, Paper), language_of(request)

    def work(registry: Registry) -> Printed:
        made = registry.sheet(device, Sentences(language), hours=paper.hours, account=paper.account)
        return Printed(page=made.page, code=made.code, until=made.until)

    return json_response(await _with_registry(request, work), 201)


OPERATIONS: Final = (
    Operation(
        path="/api/registry",
        endpoint=devices,
        right="registry",
        answer=Devices,
        errors=_CHANGES,
        says="The devices, how each connects, and what speaks and waits for approval.",
    ),
    Operation(
        path="/api/registry/{id}",
        endpoint=device_in,
        right="registry",
        answer=Connecting,
        errors=(*_CHANGES, "404 no_device"),
        says="How a device connects: topic, account, doors of the broker, an example, and lines to copy.",
    ),
    Operation(
        method="POST",
        path="/api/registry",
        endpoint=put_in,
        right="registry",
        body=NewDevice,
        answer=Placed,
        status=201,
        errors=_CHANGES,
        says="Put a device in, with an account where the site has accounts for devices.",
    ),
    Operation(
        method="POST",
        path="/api/registry/waiting",
        endpoint=approve,
        right="registry",
        body=Approval,
        answer=Placed,
        status=201,
        errors=(*_CHANGES, "404 nothing_waits"),
        says="Take in something that waits: as a new device, or as a part of one that is there.",
    ),
    Operation(
        method="POST",
        path="/api/registry/{id}/move",
        endpoint=move,
        right="registry",
        body=AtPlace,
        answer=Placed,
        errors=_CHANGES,
        says="Put a device to another place or beat.",
    ),
    Operation(
        method="POST",
        path="/api/registry/{id}/name",
        endpoint=rename,
        right="registry",
        body=NewNames,
        answer=Placed,
        errors=_CHANGES,
        says="Say what people call a device, by language.",
    ),
    Operation(
        method="POST",
        path="/api/registry/{id}/replace",
        endpoint=replace,
        right="registry",
        body=Because,
        answer=Placed,
        errors=_CHANGES,
        says="Take away what a device connects with, and give it a fresh account: it was stolen, lost or exchanged.",
    ),
    Operation(
        method="POST",
        path="/api/registry/{id}/retire",
        endpoint=retire,
        right="registry",
        body=Because,
        answer=Placed,
        errors=_CHANGES,
        says="Take a device out, with its account and certificates.",
    ),
    Operation(
        method="POST",
        path="/api/registry/{id}/sheet",
        endpoint=sheet,
        right="registry",
        body=Paper,
        answer=Printed,
        status=201,
        errors=_CHANGES,
        says="Make a technician's page with a code that works once; it is shown once.",
    ),
)
