"""The API's answers about the alerts of any time: found by filters, counted by day, and as a spreadsheet's table."""

import csv
from bisect import bisect_left
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta, tzinfo
from functools import partial
from io import StringIO
from itertools import pairwise
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

import anyio
import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from console.board.answers import ApiError, json_response, language_of
from console.board.document.alert_answers import AlertsAnswer
from console.board.hub import HOUR_MS, Board, board_of
from console.board.operations import Operation, Query, Since, Until, asked
from console.board.overview import Row
from console.csv_cells import guarded
from ingest.events import FalseAlarm
from ingest.vocabulary import Severity
from stream.results import AlertState
from stream.sentences import OUTSIDE, Why, numbers_of
from stream.sentences.catalogue import Sentences, with_why
from stream.sinks.store.alert_tables import AlertSearch, choices_of, count_alerts, place_of, search_alerts
from stream.sinks.store.reader import StoreReader

_PORTION: Final = 500
"""Alerts that are written into a table at a time: a year's are never in memory at once."""
_DOWNLOADS: Final = anyio.CapacityLimiter(1)
_DAYS: Final = 1100
"""Days that are counted at most: more than alerts are kept."""
_COLUMNS: Final = (
    "raised", "severity", "kind", "place", "beat", "device", "text", "state", "by", "reason", "note", "changed", "id",
)  # fmt: skip
Some = Annotated[tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=64)], ...], msgspec.Meta(max_length=50)]


class AlertFilter(Query, frozen=True):
    """Which alerts are looked for: of several values of one parameter any will do."""

    since: Annotated[Since | None, msgspec.Meta(description="Raised from this time on.")] = msgspec.field(
        name="from", default=None
    )
    until: Annotated[Until | None, msgspec.Meta(description="Raised before this time; a day: until its end.")] = (
        msgspec.field(name="to", default=None)
    )
    kind: Annotated[Some, msgspec.Meta(description="Kinds of alerts, such as surge.")] = ()
    beat: Annotated[Some, msgspec.Meta(description="Ids of beats.")] = ()
    device: Annotated[Some, msgspec.Meta(description="Ids of devices; also one of several of an alert.")] = ()
    person: Annotated[Some, msgspec.Meta(description="Who has taken it up or said that it was over.")] = ()
    severity: tuple[Severity, ...] = ()
    state: tuple[AlertState, ...] = ()
    reason: Annotated[
        tuple[FalseAlarm | Literal["any", "none"], ...],
        msgspec.Meta(description="Why it was a false alarm; any: it was one, none: it was not."),
    ] = ()
    text: Annotated[
        str,
        msgspec.Meta(
            max_length=200,
            description="Words that must all be in names, notes, sentences, devices or people; capitals do not matter.",
        ),
    ] = ""

    def search(self) -> AlertSearch:
        """Return the same for the store."""
        return AlertSearch(
            since_ms=self.since,
            until_ms=self.until,
            kinds=self.kind,
            beats=self.beat,
            devices=self.device,
            people=self.person,
            severities=self.severity,
            states=self.state,
            reasons=self.reason,
            text=self.text,
        )


class AlertsQuery(AlertFilter, frozen=True):
    """Which alerts, and how many."""

    open: Annotated[
        bool, msgspec.Meta(description="Only alerts that are open, the most severe first; not with other filters.")
    ] = False
    hours: Annotated[
        float,
        msgspec.Meta(
            ge=0.0,
            le=24 * 366,
            description="Only alerts that changed within so many hours, open ones first; not with other filters.",
        ),
    ] = 0.0
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000, description="How many at most.")] = 200
    after: Annotated[str, msgspec.Meta(max_length=100, description="What the answer before gave as next.")] = ""


class AlertDay(msgspec.Struct, frozen=True):
    """How many alerts were raised on a day of the site."""

    day: str
    """As an ISO date."""
    begin_ms: int
    alerts: int


class AlertDays(msgspec.Struct, frozen=True, kw_only=True):
    """What there is of the alerts that a filter lets through."""

    total: int
    days: list[AlertDay]
    """Newest first; days without alerts are left out."""
    severities: dict[str, int]
    states: dict[str, int]
    reasons: dict[str, int]
    """Of false alarms alone."""
    kinds: list[str]
    """Kinds of the alerts of that time, whatever else is asked for: what could be asked for instead."""
    people: list[str]
    """Who took up or cleared alerts of that time."""


def with_numbers(row: Row) -> Row:
    """Return an alert, or a change of it, with what was observed and expected, and its probability, as numbers."""
    row = with_why(row)
    return {**row, **numbers_of(row["why"])}


async def alerts(request: Request) -> Response:
    """GET /api/alerts: newest first and by pages; of the open or the recent ones the list that the board shows."""
    board, query = board_of(request), asked(request, AlertsQuery)
    search = query.search()
    if query.open or query.hours:
        if query.after or search != AlertSearch():
            raise ApiError(422, "not_together")
        since = board.hub.site_ms() - round(query.hours * HOUR_MS) if query.hours else None
        rows = await board.asker.ask(
            lambda reader: reader.alerts(open_only=query.open, limit=query.limit, since_ms=since)
        )
        return json_response({"alerts": [with_numbers(row) for row in rows], "next": None})

    def find(reader: StoreReader) -> list[Row]:
        ask = partial(reader.bodies, text="text")
        return search_alerts(ask, search, limit=query.limit + 1, after=query.after)

    try:
        found = await board.asker.ask(find)
    except ValueError as error:
        raise ApiError(422, "bad_parameter", name="after", value=query.after[:40], detail=str(error)) from error
    more = place_of(found[query.limit - 1]) if len(found) > query.limit else None
    return json_response({"alerts": [with_numbers(row) for row in found[: query.limit]], "next": more})


async def days(request: Request) -> Response:
    """GET /api/alerts/days: how many alerts there are of what is looked for, by day of the site."""
    board, query = board_of(request), asked(request, AlertFilter)
    search = query.search()
    any_of_them = AlertSearch(since_ms=search.since_ms, until_ms=search.until_ms)
    counted, (kinds, people) = await board.asker.ask(
        lambda reader: (count_alerts(reader.query, search), choices_of(reader.query, any_of_them))
    )
    found = AlertDays(
        total=len(counted.times),
        days=by_day(counted.times, ZoneInfo(board.config.timezone)),
        severities=counted.severities,
        states=counted.states,
        reasons=counted.reasons,
        kinds=kinds,
        people=people,
    )
    return json_response(found)


def by_day(times: Sequence[int], zone: tzinfo) -> list[AlertDay]:
    """Count rising times (epoch ms) by day of a zone, newest day first; of the newest 1,100 days."""
    if not times:
        return []
    first, last = (datetime.fromtimestamp(ms / 1000, zone).date() for ms in (times[0], times[-1]))
    first = max(first, last - timedelta(days=_DAYS))
    dates = [first + timedelta(days=n) for n in range((last - first).days + 2)]
    begins = [round(datetime(one.year, one.month, one.day, tzinfo=zone).timestamp() * 1000) for one in dates]
    places = [bisect_left(times, begin) for begin in begins]
    found = [
        AlertDay(one.isoformat(), begin, after - before)
        for one, begin, (before, after) in zip(dates, begins, pairwise(places), strict=False)
        if after > before
    ]
    return found[::-1]


async def table(request: Request) -> Response:
    """GET /api/alerts.csv: the same alerts as a table, in the reader's language, for a spreadsheet."""
    board, query, language = board_of(request), asked(request, AlertFilter), language_of(request)
    search = query.search()
    name = "-".join(["alerts", *(_day(board, ms) for ms in (search.since_ms, (search.until_ms or 1) - 1) if ms)])

    async def portions() -> AsyncIterator[str]:
        # The mark of UTF-8 is for Excel, which takes Chinese for another encoding without it.
        said, after = Sentences(language, ZoneInfo(board.config.timezone)), ""
        yield "\ufeff" + _csv([[said(f"board-history-column_{column}") for column in _COLUMNS]])
        while True:
            text, after = await anyio.to_thread.run_sync(_portion, board, search, after, said, limiter=_DOWNLOADS)
            yield text
            if not after:
                return

    headers = {"Content-Disposition": f'attachment;filename="{name}.csv"', "Content-Language": language}
    return StreamingResponse(portions(), media_type="text/csv; charset=utf-8", headers=headers)


def _portion(board: Board, search: AlertSearch, after: str, said: Sentences) -> tuple[str, str]:
    """Return the next rows of a table as text, and behind which place it goes on; empty at the end."""
    rows: list[Row] = board.asker.beside(
        lambda reader: search_alerts(reader.bodies, search, limit=_PORTION, after=after)
    )
    text = _csv([_cells(board, row, said) for row in rows])
    return text, place_of(rows[-1]) if len(rows) == _PORTION else ""


def _cells(board: Board, row: Row, said: Sentences) -> list[str]:
    zone, places = ZoneInfo(board.config.timezone), board.places
    beat, device = places.beats.get(row["beat"]), places.devices.get(row["device"])
    raised, changed = (
        datetime.fromtimestamp(row[name] / 1000, zone).strftime("%Y-%m-%d %H:%M:%S")
        for name in ("raised_ms", "changed_ms")
    )
    names = [said.pick(one.name) if one and one.name else "" for one in (beat, device)]
    reason = row.get("reason") or ""
    told = {
        "raised": raised,
        "severity": said(f"board-severity-{row['severity']}"),
        "kind": said("kind", kind=row["kind"]),
        "place": said.pick(row["place"]) if row["place"] else said.why(OUTSIDE),
        "beat": names[0] or row["beat"],
        "device": f"{names[1]} ({row['device']})" if names[1] else row["device"],
        "text": said.why(msgspec.convert(with_why(row)["why"], Why)),
        "state": said(f"board-alertstate-{row['state']}"),
        "by": row.get("by") or "",
        "reason": said(f"board-reason-{reason}") if reason else "",
        "note": row.get("note") or "",
        "changed": changed,
        "id": row["id"],
    }
    return [guarded(told[column]) for column in _COLUMNS]


def _csv(rows: list[list[str]]) -> str:
    text = StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _day(board: Board, ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, ZoneInfo(board.config.timezone)).date().isoformat()


OPERATIONS: Final = (
    Operation(
        path="/api/alerts",
        answer=AlertsAnswer,
        endpoint=alerts,
        right="alerts",
        query=AlertsQuery,
        errors=("422 not_together",),
        says="Alerts as they stand, newest first and by pages.",
    ),
    Operation(
        path="/api/alerts/days",
        endpoint=days,
        right="alerts",
        query=AlertFilter,
        answer=AlertDays,
        says="How many alerts a filter lets through, by day of the site and by sort.",
    ),
    Operation(
        path="/api/alerts.csv",
        endpoint=table,
        right="alerts",
        query=AlertFilter,
        media="text/csv",
        seen=True,
        says="The same alerts as a table for a spreadsheet, in the language of the request.",
    ),
)
