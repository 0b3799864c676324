"""Planning beside the pipeline: a thread makes a shift's plan, and makes it again when officers are called away.

It reads what was done from the site's store and puts a plan into the log, as the forest's trainer does with a forest.
Whatever fails, the plan before stays, and the status says why. A crash between appending and telling does no harm: a
plan stands in the log, or is made again.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any, Final

import msgspec

from deploy.settings import Settings
from deploy.wiring import days_of
from ingest.clock import Clock
from ingest.files import read_json
from ingest.log import Log, Record, RecordKind
from ingest.places import Places
from models.patrols.staffing import ShiftRules
from stream.patrol.shift_planner import ShiftPlanner, ShiftTime
from stream.patrol.staffing_sheet import SERVED, SHEET, WEEKS, keep_sheet, load_of_alerts, monday_of, staffing_sheet
from stream.sinks.store.patrol_tables import coming_risk, plans_between
from stream.sinks.store.reader import Row, StoreReader
from stream.sinks.store.tables import StoreError

_LOG: Final = logging.getLogger(__name__)
_PAUSE_S: Final = 0.5
_LEAD_MS: Final = 600_000
"""So long before a shift begins its plan is made."""
_SEEN_S: Final = 30.0
"""So long a plan may take from the log to the store before it is taken for lost."""
_RETRY_S: Final = 30.0
_NO_FORECAST: Final = "there is no forecast yet: promised stops, beats' minima and stops at random"
_ENDED: Final = {"state": "failed", "detail": "its thread has ended; start the node again"}
_SOON_MS: Final = 900_000
_DAY_MS: Final = 86_400_000
_WATCHED_MS: Final = 30 * _DAY_MS
"""Somebody may have watched the plans of so long, and learned who goes where after which stop."""


class Planner:
    """Keeps the plans of running and coming shifts. `start` and `stop` it; `status` may be asked at any time.

    Parameters
    ----------
    settings
        The site's: sections ``[patrol]`` and ``[site]``, and the folder with the store.
    clock
        The site's time.
    log
        Where plans go.
    places
        Returns the places as they are by now.
    """

    def __init__(self, settings: Settings, clock: Clock, log: Log, places: Callable[[], Places]) -> None:
        self._settings, self._clock, self._log, self._places = settings, clock, log, places
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="planner", daemon=True)
        self._status: dict[str, Any] = {"state": "off", "detail": ""}
        self._secret = secrets.token_bytes(16)
        self._planner: ShiftPlanner | None = None
        self._planned_by: Places | None = None
        self._made: dict[str, tuple[int, float]] = {}
        """Shift -> when its newest plan was made (epoch ms), and when it was appended (steady seconds)."""
        self._staffed_ms = 0
        self._marks: dict[str, object] = {}
        """Shift -> who is away and what was skipped when its newest plan was made."""

    def start(self) -> None:
        """Begin to plan, where the settings have shifts."""
        if self._settings.patrol.shifts:
            self._status = {"state": "waiting", "detail": ""}
            self._thread.start()

    def stop(self) -> None:
        """End; the thread is gone when this returns."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def status(self) -> dict[str, Any]:
        """Return ``state`` (off, waiting, planned, failed), ``detail``, and how the newest plan was made."""
        ended = self._thread.ident is not None and not self._thread.is_alive() and not self._stop.is_set()
        return self._status | (_ENDED if ended else {})

    def _run(self) -> None:
        with closing(StoreReader(self._settings.site_dir / "store.db")) as reader:
            wait_s = _PAUSE_S
            while not self._stop.wait(wait_s):
                try:
                    self.look(reader)
                    wait_s = _PAUSE_S
                except StoreError as error:  # it is being made, or mended
                    self._status |= {"detail": str(error)}
                    wait_s = _PAUSE_S
                except Exception as error:  # noqa: BLE001 - whatever it is, officers keep the plan before
                    _LOG.exception("no plan could be made, the one before stays")
                    self._status |= {"state": "failed", "detail": f"{type(error).__name__}: {error}"}
                    wait_s = _RETRY_S

    def look(self, reader: StoreReader) -> None:
        """Make the plans that are due now. Raises `StoreError`, OSError for a log that takes nothing."""
        # A clock that follows the data runs in the gateway, which may be another process.
        now_ms = self._clock.now_ms() if self._clock.live else reader.progress()["now_ms"]
        planner = self._current()
        for shift in planner.shifts(now_ms, now_ms + _LEAD_MS):
            rows = [row for row in self._rows(reader, shift) if row["shift"] == shift.id]
            if self._is_due(shift, rows, now_ms):
                self._make(planner, shift, rows, reader, now_ms)
        self._staff(reader, now_ms)
        if len(self._made) > 16:
            del self._made[next(iter(self._made))]

    def _staff(self, reader: StoreReader, now_ms: int) -> None:
        """Write the sheet of next week's staff where there is none of the last week; without a past, look tomorrow."""
        if abs(now_ms - self._staffed_ms) < _DAY_MS:
            return
        self._staffed_ms, settings = now_ms, self._settings
        made_ms = read_json(settings.site_dir / SHEET).get("made_ms", 0)
        if isinstance(made_ms, int) and 0 <= now_ms - made_ms < 7 * _DAY_MS:
            return
        calendar, patrol = days_of(settings), settings.patrol
        try:
            past = load_of_alerts(
                reader,
                calendar,
                list(self._places().beats),
                now_ms,
                weeks=WEEKS,
                answer_min=patrol.answer_min,
                routine_h=patrol.routine_h,
            )
            rules = ShiftRules(least=patrol.least)
            sheet = staffing_sheet(past, calendar, monday_of(calendar, now_ms + 7 * _DAY_MS), rules, share=SERVED)
        except ValueError as error:
            _LOG.info("no sheet of staff yet: %s", error)
            return
        keep_sheet(settings.site_dir, sheet | {"made_ms": now_ms})

    def _current(self) -> ShiftPlanner:
        """Return what plans by the places as they are."""
        places, settings = self._places(), self._settings
        if self._planner is None or self._planned_by is not places:
            self._planned_by = places
            self._planner = ShiftPlanner(
                settings.patrol, settings.site.timezone, places, settings.pipeline.hotspot_cell_m
            )
        return self._planner

    @staticmethod
    def _rows(reader: StoreReader, shift: ShiftTime) -> list[Row]:
        return plans_between(reader.query, shift.begin_ms, shift.begin_ms + 1)

    def _is_due(self, shift: ShiftTime, rows: Sequence[Row], now_ms: int) -> bool:
        """Tell whether a shift has no plan yet, or something has happened that its plan does not know."""
        made_ms, appended = self._made.get(shift.id, (0, 0.0))
        stored_ms = max((row["made_ms"] for row in rows), default=0)
        if stored_ms < made_ms and time.monotonic() - appended < _SEEN_S:
            return False  # the newest plan is on its way
        if not rows:
            return True
        mark = self._mark(rows)
        if shift.id not in self._marks:  # of a plan that a node before has made
            self._marks[shift.id] = mark
        if mark != self._marks[shift.id]:
            return True
        # Who is away for longer than was thought must not be waited for.
        away = {row["officer"] for row in rows if row["away_ms"]}
        return any(
            stop["officer"] in away and stop["state"] == "planned" and now_ms <= stop["arrive_ms"] < now_ms + _SOON_MS
            for row in rows
            for stop in row["stops"]
        )

    @staticmethod
    def _mark(rows: Sequence[Row]) -> object:
        skipped = {stop["id"] for row in rows for stop in row["stops"] if stop["state"] == "skipped"}
        return {row["officer"] for row in rows if row["away_ms"]}, skipped

    def _make(
        self, planner: ShiftPlanner, shift: ShiftTime, rows: Sequence[Row], reader: StoreReader, now_ms: int
    ) -> None:
        began = time.monotonic()
        made_ms = max(now_ms, self._made.get(shift.id, (0, 0.0))[0] + 1, *(row["made_ms"] + 1 for row in rows), 0)
        coming = coming_risk(reader.query)
        past = [] if rows else plans_between(reader.query, shift.begin_ms - _WATCHED_MS, shift.begin_ms)
        before = [row for row in past if row["name"] == shift.name]
        plan = planner.plan(shift, made_ms, coming, rows, self._secret, before)
        self._log.append([Record(RecordKind.PLAN, now_ms, msgspec.json.encode(plan))])
        self._made[shift.id] = plan.made_ms, time.monotonic()
        self._marks[shift.id] = self._mark(rows)
        took_s = round(time.monotonic() - began, 2)
        self._status = {
            "state": "planned",
            "detail": _NO_FORECAST if coming is None else "",
            "shift": shift.id,
            "made_ms": plan.made_ms,
            "solver": plan.solver,
            "stops": len(plan.stops),
            "seconds": took_s,
        }
        _LOG.info("shift %s: %d stops planned in %.2f s (%s)", shift.id, len(plan.stops), took_s, plan.solver)
