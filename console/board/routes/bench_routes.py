"""The API's answers on the engineer's bench: what the simulator lets happen, and what other settings would tell."""

import uuid
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypedDict

import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from console.board.answers import ApiError, json_response, language_of
from console.board.hub import Board, board_of
from console.board.operations import Body, Operation, told
from console.board.who import noted_order, who_of
from console.demo.scoring import EARLY_MS, Alert, found_first, rises
from console.long_work import BusyError, Work
from console.training.tried import NOT_TRIED, TRIED, meanings
from ingest.places import PlacesError
from simulators.devices.ordered import RefusedOrder
from simulators.world.neighbourhood import Spec, load
from simulators.world.ordered_scenario import OrderedScenario
from simulators.world.scenarios import KINDS, Truth
from simulators.world.usual import LEVELS, MARKS, UsualDay, usual_days
from stream.sentences import Why
from stream.sentences.catalogue import in_all_languages
from stream.sinks.store.reader import StoreReader

_MOST_PLACES: Final = 4_000_000
_MOST_ALERTS: Final = 2_000
_FIRST: Final = {"school": 0, "market": 1, "shifts": 2}
"""Rhythms that stand first in lists: their rushes are easiest to see."""
Texts = dict[str, str]
"""Language → text."""
Number = Annotated[float, msgspec.Meta(ge=-1e9, le=1e9)]
Span = tuple[float, float]
Setting = Annotated[str, msgspec.Meta(max_length=60)]
Value = Annotated[str, msgspec.Meta(max_length=2000)]
When = Annotated[str, msgspec.Meta(pattern=r"^(|\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?)?)$", description="Local time.")]


class ScenarioKnown(TypedDict):
    """A kind of scenario that can be ordered."""

    name: str
    title: Texts
    does: Texts
    device: str
    found_as: Sequence[str]
    by_night: bool
    strengths: Span | None
    usual: Span | None
    unit: Texts | None
    minutes: Span | None
    lasts: Span


class Happened(TypedDict):
    """A scenario that has begun, or was ordered; `truth` as `simulators.world.scenarios.Truth`."""

    truth: Truth
    title: Texts
    state: Literal["planned", "running", "found", "missed"]
    after_s: float | None
    alert: str | None


class OrderRefused(TypedDict):
    """An order that cannot be carried out."""

    order: str
    text: Texts


class Tried(TypedDict):
    """A setting that can be tried."""

    key: str
    now: Any
    means: str


class Rhythmic(TypedDict):
    """A simulated device with a rhythm that is known by construction."""

    device: str
    profile: str
    title: Texts


class Truths(TypedDict):
    """What is usual of a simulated device as it is made, of each kind of day, a value every `step_s`."""

    device: str
    profile: str
    step_s: int
    days: list[UsualDay]


class Bench(TypedDict):
    """What there is to work with."""

    simulator: Literal["none", "silent", "runs"]
    scenarios: list[ScenarioKnown]
    happened: list[Happened]
    refused: list[OrderRefused]
    settings: list[Tried]
    rhythms: list[Rhythmic]
    site_ms: int


class Ordered(TypedDict):
    """An order on its way."""

    order: str


class ScenarioOrder(Body, frozen=True):
    """What is to happen."""

    scenario: Annotated[str, msgspec.Meta(max_length=48, description="A name of /api/bench.")]
    after_min: Annotated[float, msgspec.Meta(ge=0, le=1440, description="In how many minutes; 0: at once.")] = 0.0
    beat: Annotated[str, msgspec.Meta(max_length=48)] = ""
    device: Annotated[str, msgspec.Meta(max_length=48)] = ""
    strength: Number | None = None
    minutes: Number | None = None


class WhatIf(Body, frozen=True):
    """What is to be tried, on what."""

    set: Annotated[dict[Setting, Value], msgspec.Meta(max_length=30, description="Settings to try: key → value.")] = (
        msgspec.field(default_factory=dict)
    )
    models: Literal["kept", "store", "none"] = "kept"
    places: Annotated[str, msgspec.Meta(max_length=_MOST_PLACES, description="A places file to try.")] = ""
    since: When = msgspec.field(name="from", default="")
    until: When = msgspec.field(name="to", default="")


async def bench(request: Request) -> Response:
    """GET /api/bench: scenarios that can be ordered, those that have happened and whether they were found, settings."""
    board = board_of(request)
    said = board.simulator.happening if board.simulator is not None else None
    state = "none" if board.simulator is None else "silent" if said is None or said.silent() else "runs"
    now_ms = board.hub.site_ms()
    truths = said.truths if said is not None else []
    raised = await board.asker.ask(partial(_raised, truths)) if truths else []
    return json_response(
        {
            "simulator": state,
            "scenarios": [_known(name) for name in KINDS],
            "happened": [_happened(truth, raised, now_ms) for truth in reversed(truths)],
            "refused": [_refused(one) for one in (said.refused if said is not None else [])],
            "settings": _settings(board, language_of(request)),
            "rhythms": await anyio.to_thread.run_sync(_rhythms, board),
            "site_ms": now_ms,
        }
    )


def _known(name: str) -> ScenarioKnown:
    kind = KINDS[name]
    return {
        "name": name,
        "title": in_all_languages(Why("scenario", {"name": name})),
        "does": in_all_languages(Why("scenario-does", {"name": name})),
        "device": kind.device,
        "found_as": kind.finds,
        "by_night": kind.night_only,
        "strengths": kind.strengths,
        "usual": kind.usual,
        "unit": in_all_languages(Why("scenario-unit", {"unit": kind.unit})) if kind.unit else None,
        "minutes": kind.minutes,
        "lasts": kind.length_min,
    }


def _refused(one: RefusedOrder) -> OrderRefused:
    return {"order": one.order, "text": in_all_languages(Why("simulate-refused", {"code": one.code, **one.values}))}


def _raised(truths: Sequence[Truth], reader: StoreReader) -> list[Alert]:
    """Return the revisions with which the alerts were raised that may have found one of the scenarios."""
    kinds = {kind for truth in truths for kind in truth.kinds}
    since = min(truth.start for truth in truths) - EARLY_MS
    changed = reader.alerts(since_ms=since, limit=_MOST_ALERTS)
    revisions = (row for alert in changed if alert["kind"] in kinds for row in reader.alert_history(alert["id"]))
    return [alert for alert in rises(revisions) if alert["changed_ms"] >= since]


def _happened(truth: Truth, raised: list[Alert], now_ms: int) -> Happened:
    first = found_first(truth, raised)
    state: Literal["planned", "running", "found", "missed"] = "planned"
    if first is not None:
        state = "found"
    elif truth.start <= now_ms:
        state = "running" if now_ms <= truth.end + truth.tolerance_s * 1000 else "missed"
    return {
        "truth": truth,
        "title": in_all_languages(Why("scenario", {"name": truth.name})),
        "state": state,
        "after_s": None if first is None else max(first["changed_ms"] - truth.start, 0) / 1000,
        "alert": None if first is None else first["id"],
    }


def _settings(board: Board, language: str) -> list[Tried]:
    if board.settings is None:
        return []
    words, found = meanings(language), []
    for key in sorted((one for one in TRIED if one not in NOT_TRIED), key=lambda one: not one.startswith("alerts.")):
        section, _, name = key.partition(".")
        now = getattr(getattr(board.settings, section), name)
        plain = now if isinstance(now, int | float | str | list | tuple) else "" if now is None else str(now)
        found.append(Tried(key=key, now=plain, means=words.get(key, "")))
    return found


def _specs(board: Board) -> dict[str, Spec]:
    """Return the simulated devices with their habits; none of a site whose devices are real."""
    if board.simulator is None:
        return {}
    try:
        site = load(Path(board.config.places_path))
    except (OSError, PlacesError):  # being edited
        return {}
    return {spec.device.id: spec for spec in site.specs if spec.device.type in {"camera", *LEVELS}}


def _rhythms(board: Board) -> list[Rhythmic]:
    found = [
        Rhythmic(device=one, profile=spec.profile, title=in_all_languages(Why("rhythm", {"profile": spec.profile})))
        for one, spec in _specs(board).items()
    ]
    return sorted(found, key=lambda one: (_FIRST.get(one["profile"], len(_FIRST)), one["profile"], one["device"]))


async def rhythm(request: Request) -> Response:
    """GET /api/bench/rhythms/{id}: what is usual of a simulated device as it is made."""
    board, identifier = board_of(request), request.path_params["id"]
    spec = (await anyio.to_thread.run_sync(_specs, board)).get(identifier)
    if spec is None:
        raise ApiError(404, "no_rhythm", id=identifier[:64])
    days = [*usual_days(spec)]
    return json_response(Truths(device=identifier, profile=spec.profile, step_s=86_400 // MARKS, days=days))


async def order(request: Request) -> Response:
    """POST /api/bench/scenarios: let the simulator do something; 202 once the broker has it."""
    board, asked = board_of(request), told(request, ScenarioOrder)
    simulator, visitor = board.simulator, who_of(request).visitor
    said = simulator.happening if simulator is not None else None
    if simulator is None or said is None or said.silent():
        raise ApiError(409, "no_simulator")
    if asked.scenario not in KINDS:
        raise ApiError(404, "no_scenario", name=asked.scenario)
    at = board.hub.site_ms() + round(asked.after_min * 60_000) if asked.after_min else 0
    made = OrderedScenario(
        id=uuid.uuid4().hex,
        scenario=asked.scenario,
        at=at,
        beat=asked.beat,
        device=asked.device,
        strength=asked.strength,
        minutes=asked.minutes,
        by="" if visitor is None else visitor.person.id,
    )
    await noted_order(request, partial(simulator.order, made), "simulate", asked.scenario, order=made.id)
    return json_response({"order": made.id}, 202)


async def what_if(request: Request) -> Response:
    """POST /api/bench/whatif: begin a what-if run in a process of its own; 202."""
    board, asked, visitor = board_of(request), told(request, WhatIf), who_of(request).visitor
    if board.settings is None:
        raise ApiError(409, "no_settings")
    if not asked.set and not asked.places and asked.models == "kept":
        raise ApiError(422, "nothing_to_try")
    language, by = language_of(request), "" if visitor is None else visitor.person.id

    def arguments(folder: Path) -> list[str]:
        found = ["whatif", f"--config={board.config.settings_file}", "--json", f"--models={asked.models}"]
        found += [f"--set={key}={value}" for key, value in asked.set.items()]
        found += [f"--places={folder / 'places.geojson'}"] if asked.places else []
        found += [f"--from={asked.since}"] if asked.since else []
        found += [f"--to={asked.until}"] if asked.until else []
        return [*found, f"--lang={language}"]

    about: dict[str, Any] = {"set": asked.set, "models": asked.models, "places": bool(asked.places)}
    about |= {"from": asked.since, "to": asked.until}
    files = {"places.geojson": asked.places.encode()} if asked.places else {}
    try:
        begun = await anyio.to_thread.run_sync(
            partial(board.work.begin, "whatif", about, arguments, by=by, files=files)
        )
    except BusyError as error:
        raise ApiError(409, "busy", kind=error.running.kind) from error
    except OSError as error:
        raise ApiError(503, "work_failed", detail=str(error)[:200]) from error
    await board.doors.note(who_of(request), "whatif", begun.id)
    return json_response(begun, 202)


OPERATIONS: Final = (
    Operation(
        path="/api/bench",
        endpoint=bench,
        right="bench",
        answer=Bench,
        says="What the simulator can let happen, what it has let happen and whether it was found, and settings to try.",
    ),
    Operation(
        path="/api/bench/rhythms/{id}",
        endpoint=rhythm,
        right="bench",
        answer=Truths,
        errors=("404 no_rhythm",),
        says="What is usual of a simulated device as it is made: the truth beside the rhythm that was learnt.",
    ),
    Operation(
        method="POST",
        path="/api/bench/scenarios",
        endpoint=order,
        right="bench",
        body=ScenarioOrder,
        answer=Ordered,
        status=202,
        errors=("404 no_scenario", "409 no_simulator", "503 broker_away", "503 unconfirmed"),
        says="Let the simulator do something: answered once the broker has it; /api/bench tells what came of it.",
    ),
    Operation(
        method="POST",
        path="/api/bench/whatif",
        endpoint=what_if,
        right="bench",
        body=WhatIf,
        answer=Work,
        status=202,
        errors=("409 no_settings", "409 busy", "422 nothing_to_try", "503 work_failed"),
        most_bytes=_MOST_PLACES + 100_000,
        says="Begin to work out which alerts some days would have had with other settings, places or models.",
    ),
)
