"""The week's report is told when it is due: once a week, also over restarts, in figures, with the report as a file.

How it is told once: what was told stands in the outbox, in one transaction with its messages, and beside the reports
for the case that the outbox is lost. The report is made by a process of its own, since it takes seconds of a processor
and much memory, and alerts must not wait for it.
"""

import contextlib
import logging
import os
import sqlite3
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from console.deliver.orders import Attachment, Message, Order
from console.deliver.telling import Telling
from console.deliver.worker import FAULTS
from console.report.document import WeekReport
from console.report.reckoning import FOLDER, kept_report
from console.report.week import Week, week_of
from ingest.clock import wall_ms
from ingest.files import read_json, replace_json
from stream.results import Alert
from stream.sentences import Why
from stream.sentences.languages import LANGUAGES
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.tables import StoreError

_LOG: Final = logging.getLogger(__name__)
_LOOK_S: Final = 30.0
_AGAIN_S: Final = 600.0
_LONGEST_S: Final = 900.0
_NICE: Final = 10
_LEAST_KNOWN_H: Final = 24.0
"""Of a week of which less is known nothing is told: the site has hardly begun."""
_MEDIA: Final = {"pdf": "application/pdf", "html": "text/html"}


class Teller(Protocol):
    """What brings messages to people: `console.deliver.service.Deliverer`."""

    def knows(self, identifier: str) -> bool:
        """Tell whether something was told."""

    def announce(self, alert: Alert, orders: Sequence[Order]) -> None:
        """Tell something."""


class WeekTeller:
    """Looks now and then, in a thread of its own, whether the report of a week is due, and has it told.

    Parameters
    ----------
    folder
        The site's.
    site, zone
        Its id and its zone.
    telling
        Says when, and whom.
    teller
        Tells.
    command
        The command line that makes a report, up to the files it is to write.
    """

    def __init__(
        self, folder: Path, site: str, zone: ZoneInfo, telling: Telling, teller: Teller, command: Sequence[str]
    ) -> None:
        self._folder, self._site, self._zone = folder, site, zone
        self._telling, self._teller, self._command = telling, teller, command
        self._reader = StoreReader(folder / "store.db")
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="week", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End, also what is being made."""
        with self._lock:
            self._stopping.set()
            if self._process is not None:
                self._process.kill()
        if self._thread.is_alive():
            self._thread.join()
        self._reader.close()

    def _run(self) -> None:
        wait_s = 0.0
        while not self._stopping.wait(wait_s):
            try:
                wait_s = _LOOK_S if self.look() else _AGAIN_S
            except StoreError as error:
                _LOG.debug("no report of a week yet: %s", error)
                wait_s = _LOOK_S
            except (*FAULTS, sqlite3.Error):
                _LOG.exception("the report of a week could not be told, and is tried again; please report it")
                wait_s = _AGAIN_S

    def look(self) -> bool:
        """Tell what is due; return whether all of it was told. Raises `StoreError` without a store."""
        now_ms = int(self._reader.progress()["now_ms"])
        running = week_of(now_ms, self._zone)
        week, told = running.shifted(-1), True
        for number in self._telling.weekly(running.begin_ms(self._zone), now_ms):
            identifier = f"week-{week}" + (f"-{number + 1}" if number else "")
            if not (self._teller.knows(identifier) or self._noted(week).get(identifier)):
                told = self._tell(week, number, identifier) and told
        return told

    def _tell(self, week: Week, number: int, identifier: str) -> bool:
        """Tell a week to whom one entry names; nobody where none of them has an address."""
        if not self._telling.week_orders(number, _message(self._site, identifier, None), wall_ms()):
            return True
        report = self._made(week)
        if report is None:
            return False
        if report.unknown.week_h - report.unknown.hours < _LEAST_KNOWN_H:
            return True
        about = _message(self._site, identifier, report)
        self._teller.announce(about, self._telling.week_orders(number, about, wall_ms()))
        replace_json(self._notes(week), self._noted(week) | {identifier: wall_ms()})
        return True

    def _notes(self, week: Week) -> Path:
        return self._folder / FOLDER / f"{week}.told"

    def _noted(self, week: Week) -> dict[str, object]:
        return read_json(self._notes(week))

    def _made(self, week: Week) -> WeekReport | None:
        """Make the files of a report, as far as they can be; return it, None where it cannot be made."""
        (self._folder / FOLDER).mkdir(parents=True, exist_ok=True)
        for language in LANGUAGES:
            for ending in _MEDIA:
                path = _file(self._folder, week, language, ending)
                if not path.exists() and not self._make(week, language, ending, path):
                    _LOG.warning("the report of %s cannot be made as %s in %s", week, ending, language)
        return kept_report(self._folder, week)

    def _make(self, week: Week, language: str, ending: str, path: Path) -> bool:
        with self._lock:
            if self._stopping.is_set():
                return False
            arguments = [*self._command, "--week", str(week), f"--{ending}", str(path), "--lang", language]
            self._process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            with contextlib.suppress(OSError, AttributeError):  # the node comes first, where the system can say so
                os.setpriority(os.PRIO_PROCESS, self._process.pid, _NICE)
        try:
            return self._process.wait(_LONGEST_S) == 0
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return False
        finally:
            self._process = None


def attached(folder: Path, message: Message, language: str) -> Attachment | None:
    """Return the report that a message is about, in a language: the PDF, else the page; None where neither is there."""
    if message.act != "week":
        return None
    week = message.alert.id.removeprefix("week-")[:8]
    for ending, media in _MEDIA.items():
        path = folder / FOLDER / f"{week}.{language}.{ending}"
        if path.is_file():
            return Attachment(f"{message.alert.site}-{week}.{ending}", media, path.read_bytes())
    return None


def _file(folder: Path, week: Week, language: str, ending: str) -> Path:
    return folder / FOLDER / f"{week}.{language}.{ending}"


def _message(site: str, identifier: str, report: WeekReport | None) -> Alert:
    """Return a report as a message: in the shape of an alert that is over, with its figures for a sentence."""
    return Alert(
        id=identifier, revision=1, site=site, beat="", device="", kind="week", state="expired", severity="info",
        raised_ms=report.begin_ms if report else 0, changed_ms=report.made_ms if report else 0, lon=0.0, lat=0.0,
        place={}, why=Why("report-message", {"lines": _lines(report)} if report else {}),
    )  # fmt: skip


def _lines(report: WeekReport) -> list[Why]:
    alerts, answers, patrol, false = report.alerts, report.answers, report.patrol, report.false_alarms
    before, taken, devices = alerts.before[-1], answers.acknowledge, report.devices
    against = (
        Why("report-against", {"mean": before.mean, "least": before.least, "most": before.most, "known": before.known})
        if before.known
        else Why("report-against-none")
    )
    found = [Why("report-message-alerts", {"n": alerts.total, "against": against})]
    if taken.median_s is not None:
        found.append(Why("report-message-taken", {"median_s": taken.median_s, "p90_s": taken.p90_s}))
    found.append(Why("report-message-unanswered", {"n": answers.unanswered, "false": false.total}))
    if patrol.stops:
        got, wanted = patrol.delivered_min / 60, patrol.planned_min / 60
        found.append(Why("report-message-patrol", {"got": got, "wanted": wanted}))
    if devices is not None:
        found.append(Why("report-message-dark", {"hours": devices.dark_h, "n": devices.known}))
    if report.unknown.hours:
        found.append(Why("report-not-known", {"hours": report.unknown.hours, "week": report.unknown.week_h}))
    return found
