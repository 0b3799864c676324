"""The report of a week on the board: as a part of its page, with all figures, and as files."""

import time
from functools import partial
from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from console.board.answers import ApiError, json_response, language_of
from console.board.hub import Board, board_of
from console.board.operations import Operation, Query, asked
from console.errors import CommandError
from console.report.document import WeekReport
from console.report.pdf_file import pdf_of
from console.report.reckoning import WeekSource, is_final, week_report
from console.report.report_page import page_of, part_of
from console.report.week import Week, read_week
from deploy.settings import Settings
from ingest.setup.extras import MissingExtraError
from stream.sinks.store.reader import StoreReader

_KEPT: Final = 12
"""Reports that are remembered."""
_YOUNG_S: Final = 60.0
"""A report that may still change is made anew when it was made so long ago."""


class ReportQuery(Query, frozen=True):
    """Which week."""

    week: Annotated[
        str, msgspec.Meta(max_length=12, description="Such as 2026-W48; by default the newest that is over.")
    ] = ""


class ReportAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A week's report."""

    week: str
    weeks: list[str]
    """All that there can be a report of, the newest first."""
    html: str
    """The report as a part of a page, in the language asked for."""
    report: WeekReport
    """Its figures; docs/report.md has what each is."""


class BoardClosingError(RuntimeError):
    """The board ends: nobody waits for the report any more."""


async def report(request: Request) -> Response:
    """GET /api/report?week=: the report of a week, for the page and for programs."""
    board, language = board_of(request), language_of(request)
    found, weeks = await _made(board, asked(request, ReportQuery).week)
    html = await anyio.to_thread.run_sync(part_of, found, language)
    answer = ReportAnswer(week=found.week, weeks=[str(week) for week in weeks], html=html, report=found)
    response = json_response(answer)
    response.headers["Content-Language"] = language
    return response


async def report_html(request: Request) -> Response:
    """GET /api/report.html?week=: the same as a page that needs nothing else."""
    found, _ = await _made(board_of(request), asked(request, ReportQuery).week)
    page = await anyio.to_thread.run_sync(page_of, found, language_of(request))
    return _file(page.encode(), found, "html", "text/html; charset=utf-8")


async def report_pdf(request: Request) -> Response:
    """GET /api/report.pdf?week=: the same for paper."""
    board = board_of(request)
    found, _ = await _made(board, asked(request, ReportQuery).week)
    page = page_of(found, language_of(request))
    try:
        content = await anyio.to_thread.run_sync(pdf_of, page, limiter=board.reporting)
    except (CommandError, MissingExtraError) as error:
        raise ApiError(501, "no_pdf", detail=str(error)) from error
    return _file(content, found, "pdf", "application/pdf")


def _file(content: bytes, found: WeekReport, ending: str, media: str) -> Response:
    name = f'attachment;filename="{found.site}-{found.week}.{ending}"'
    return Response(content, media_type=media, headers={"Content-Disposition": name})


async def _made(board: Board, text: str) -> tuple[WeekReport, list[Week]]:
    """Return a report, made on a thread of its own, one at a time, and all weeks of which there can be one."""
    if board.settings is None:
        raise ApiError(503, "no_settings")
    try:
        week = read_week(text) if text else None
        return await anyio.to_thread.run_sync(partial(_make, board, board.settings, week), limiter=board.reporting)
    except ValueError as error:
        raise ApiError(422, "bad_parameter", name="week", value=text, detail=str(error)) from error


def _make(board: Board, settings: Settings, week: Week | None) -> tuple[WeekReport, list[Week]]:
    def question(reader: StoreReader) -> tuple[WeekReport, list[Week]]:
        folder = Path(board.config.store_path).parent
        source = WeekSource(reader, settings, board.places, ZoneInfo(board.config.timezone), folder)
        weeks = source.weeks()
        chosen = week or source.usual_week()
        known, made_s = board.reports.get(chosen, (None, 0.0))
        if known is None or (not is_final(known) and time.monotonic() - made_s > _YOUNG_S):
            known = week_report(source, chosen, partial(_check, board))
            board.reports[chosen] = known, time.monotonic()
            while len(board.reports) > _KEPT:
                del board.reports[next(iter(board.reports))]
        return known, weeks

    return board.asker.beside(question)


def _check(board: Board) -> None:
    if board.hub.stopping:
        raise BoardClosingError


_ERRORS: Final = ("503 no_settings",)
OPERATIONS: Final = (
    Operation(
        path="/api/report", endpoint=report, right="report", query=ReportQuery, answer=ReportAnswer, errors=_ERRORS,
        seen=True, says="The report of a week: every figure, and the report as a part of a page.",
    ),
    Operation(
        path="/api/report.html", endpoint=report_html, right="report", query=ReportQuery, media="text/html",
        errors=_ERRORS, seen=True, says="The report of a week as a page that needs nothing else.",
    ),
    Operation(
        path="/api/report.pdf", endpoint=report_pdf, right="report", query=ReportQuery, media="application/pdf",
        errors=(*_ERRORS, "501 no_pdf"), seen=True, says="The report of a week as a PDF.",
    ),
)  # fmt: skip
