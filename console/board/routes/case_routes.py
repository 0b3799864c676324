"""An alert's own page: what made it, its numbers, the observations behind it, and running it again."""

from pathlib import Path
from typing import Annotated, Any, Final, TypedDict

import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from console.board.answers import ApiError, json_response
from console.board.hub import HOUR_MS, board_of
from console.board.operations import Body, Operation, told
from console.board.who import who_of
from console.long_work import BusyError
from console.training.raw_records import Behind, observations_behind
from ingest.vocabulary import ALERT_KINDS
from models.hotspots.grid import distance_m
from stream.sentences import Why
from stream.sentences.catalogue import in_all_languages
from stream.sinks.store.reader import StoreReader

Row = dict[str, Any]
_BEFORE_MS: Final = 3 * HOUR_MS
_AFTER_MS: Final = HOUR_MS
_MOST_SPAN_MS: Final = 26 * HOUR_MS
_RAW_BEFORE_MS: Final = 15 * 60_000
_RAW_AFTER_MS: Final = 5 * 60_000
_MOST_RAW_MS: Final = HOUR_MS
_MOST_DEVICES: Final = 6
_NEAR_M: Final = 500.0
_NEAR_MS: Final = 12 * HOUR_MS
_MOST_NEAR: Final = 20


class CaseAnswer(TypedDict):
    """What is known of how an alert came about."""

    id: str
    by_model: bool
    """Whether a model found it, so that it takes part in the budget; else it is of a rule."""
    anomalies: list[dict[str, Any]]
    """What was found at its devices while it went on, the oldest first."""
    budget: dict[str, Any] | None
    """How the alert budget stands today; None for a rule."""
    since_ms: int
    until_ms: int
    series: list[dict[str, Any]]
    """Windows of its devices around it: ``device, metric, kind, windows``."""
    raw: Behind
    raw_since_ms: int
    raw_until_ms: int
    incidents: list[dict[str, Any]]
    """What was reported near it."""
    stops: list[dict[str, Any]] | None
    """Patrols' stops in its beat around then; None for whom no plan is shown."""
    may_run: bool
    """Whether it can be run again from here by whoever asks."""


class AgainOrder(Body, frozen=True):
    """Run an alert again."""

    set: Annotated[
        dict[str, str], msgspec.Meta(description="Settings to try beside, such as alerts.per_day; key and value.")
    ] = msgspec.field(default_factory=dict)


class AgainAnswer(TypedDict):
    """The work that has begun."""

    id: str


async def case(request: Request) -> Response:
    """GET /api/alerts/{id}/case: how an alert came about."""
    board, identifier, who = board_of(request), request.path_params["id"], who_of(request)
    found = await board.asker.ask(lambda reader: _known(reader, identifier, plan=who.may("plan")))
    if found is None:
        raise ApiError(404, "no_alert", id=identifier[:64])
    alert, document = found
    since = _begun(alert) - _RAW_BEFORE_MS
    until = min(max(alert["changed_ms"], alert["raised_ms"]) + _RAW_AFTER_MS, since + _RAW_BEFORE_MS + _MOST_RAW_MS)
    log = Path(board.config.store_path).parent / "log.db"
    raw = await anyio.to_thread.run_sync(observations_behind, log, _devices(alert), since, until)
    may_run = who.may("bench") and board.settings is not None and raw["state"] == "there"
    return json_response({**document, "raw": raw, "raw_since_ms": since, "raw_until_ms": until, "may_run": may_run})


def _begun(alert: Row) -> int:
    return int(min(alert.get("cause_ms") or alert["raised_ms"], alert["raised_ms"]))


def _devices(alert: Row) -> list[str]:
    return list(alert.get("devices") or [alert["device"]])[:_MOST_DEVICES]


def _known(reader: StoreReader, identifier: str, *, plan: bool) -> tuple[Row, Row] | None:
    """Return an alert and what the store knows of it."""
    alert = reader.alert(identifier)
    if alert is None:
        return None
    begun, by_model = _begun(alert), alert["kind"] in ALERT_KINDS and ALERT_KINDS[alert["kind"]].by_model
    since = begun - _BEFORE_MS
    until = min(max(alert["changed_ms"], alert["raised_ms"]) + _AFTER_MS, since + _MOST_SPAN_MS)
    series = []
    for device in _devices(alert):
        windows: dict[tuple[str, str], list[Row]] = {}
        for row in reader.windows(device, since_ms=since, until_ms=until, limit=1000):
            windows.setdefault((row["metric"], row["kind"]), []).append(row)
        series += [
            {"device": device, "metric": metric, "kind": kind, "windows": rows}
            for (metric, kind), rows in windows.items()
        ]
    status = reader.meta("status") or {}
    document = {
        "id": identifier,
        "by_model": by_model,
        "anomalies": _anomalies(reader, alert, begun),
        "budget": status.get("budget") if by_model else None,
        "since_ms": since,
        "until_ms": until,
        "series": series,
        "incidents": _near(reader, alert, begun),
        "stops": _stops(reader, alert, begun) if plan else None,
    }
    return alert, document


def _anomalies(reader: StoreReader, alert: Row, begun: int) -> list[Row]:
    devices, until = msgspec.json.encode(_devices(alert)).decode(), max(alert["changed_ms"], alert["raised_ms"])
    return reader.bodies(
        """SELECT body FROM anomalies WHERE device IN (SELECT value FROM json_each(?)) AND kind = ?
        AND ts BETWEEN ? AND ? ORDER BY ts, device, metric LIMIT 50""",
        (devices, alert["kind"], begun - HOUR_MS, until),
        "text",
    )


def _near(reader: StoreReader, alert: Row, begun: int) -> list[Row]:
    rows = reader.query(
        "SELECT ts, body FROM incidents WHERE ts BETWEEN ? AND ? ORDER BY ts DESC LIMIT 2000",
        (begun - _NEAR_MS, begun + _NEAR_MS),
    )
    found = []
    for ts, body in rows:
        row = {**msgspec.json.decode(body), "ts": ts}
        away = float(distance_m(alert["lon"], alert["lat"], row["lon"], row["lat"]))
        if away <= _NEAR_M:
            words = in_all_languages(Why("incident-word", {"category": row["category"], "count": 1}))
            found.append({**row, "away_m": round(away), "category_text": words})
    return found[:_MOST_NEAR]


def _stops(reader: StoreReader, alert: Row, begun: int) -> list[Row]:
    rows = reader.query(
        """SELECT body FROM patrol_stops WHERE arrive_ms BETWEEN ? AND ? AND beat = ? AND state != 'replaced'
        ORDER BY arrive_ms LIMIT ?""",
        (begun - _BEFORE_MS, begun + _BEFORE_MS, alert["beat"], _MOST_NEAR),
    )
    return [msgspec.json.decode(body) for (body,) in rows]


async def again(request: Request) -> Response:
    """POST /api/alerts/{id}/again: run an alert again, in a process of its own."""
    board, identifier = board_of(request), request.path_params["id"]
    order = told(request, AgainOrder)
    if await board.asker.ask(lambda reader: reader.alert(identifier)) is None:
        raise ApiError(404, "no_alert", id=identifier[:64])
    if board.settings is None:
        raise ApiError(409, "no_settings")
    tried = [text for key, value in order.set.items() for text in ("--set", f"{key}={value}")]
    arguments = [
        *("whatif", "--config", board.config.settings_file, "--site", board.config.site, "--json", "--quiet"),
        *("--alert", identifier, *tried),
    ]
    visitor = who_of(request).visitor
    try:
        begun = await anyio.to_thread.run_sync(
            lambda: board.work.begin(
                "again",
                {"alert": identifier, "set": order.set},
                lambda _folder: arguments,
                by=visitor.person.id if visitor else "",
            )
        )
    except BusyError as error:
        raise ApiError(409, "busy", kind=error.running.kind) from error
    except OSError as error:
        raise ApiError(503, "work_failed", detail=str(error)[:200]) from error
    await board.doors.note(who_of(request), "again", identifier)
    return json_response(AgainAnswer(id=begun.id), 202)


OPERATIONS: Final = (
    Operation(
        path="/api/alerts/{id}/case",
        endpoint=case,
        right="alerts",
        answer=CaseAnswer,
        errors=("404 no_alert",),
        seen=True,
        says="How an alert came about: what was found, the windows around it, the raw observations behind it.",
    ),
    Operation(
        method="POST",
        path="/api/alerts/{id}/again",
        endpoint=again,
        right="bench",
        body=AgainOrder,
        answer=AgainAnswer,
        status=202,
        errors=("404 no_alert", "409 busy", "409 no_settings", "503 work_failed"),
        says="Run an alert again: the same records through a pipeline in the state of before.",
    ),
)
