"""Training beside the node: in a process of its own, of low priority, on the node's own store.

`Trainer` is a thread of the node's. It starts the process when it is time, and puts the model that it made into the
log: the beats' forest (`deploy.node.forest_process`), or the fit of the hotspot forecast to the site's own history
(`deploy.node.fit_process`). If the process fails, the node keeps the model it has, and the status says why.
"""

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from deploy.processes import ChildError, Supervisor
from deploy.settings import Settings
from ingest.clock import Clock
from ingest.days.calendar_file import LAST_CALENDAR
from ingest.files import read_json, replace_json
from ingest.gateway.places_file import LAST_GOOD
from ingest.log import Log, Record, RecordKind
from models.context.beat_forest import BeatForest, ContextError
from models.hotspots.mixing import Fit

_LOG = logging.getLogger(__name__)
TOO_LITTLE: Final = 3
"""Exit code of the process for a history that is too short yet."""
_FIRST_S: Final = 60.0
"""A node that has just started has better things to do for so long."""
_PAUSE_S: Final = 600.0
"""Wall time between two looks, however fast the site's clock runs."""
_RETRY_H: Final = 1.0
"""Site time after which a training that failed, or had too little history, is tried again."""
_LONGEST_S: Final = 3_600.0
_HOUR_MS: Final = 3_600_000


class Job(NamedTuple):
    """What is trained."""

    name: str
    """Of the process, and of the file that notes the last training."""
    kind: RecordKind
    """Of the record that brings the model."""
    file: str
    """Where the process writes the model, in the site's folder."""
    every_h: float
    command: list[str]
    """The process's, without the file."""
    check: Callable[[bytes], dict[str, int]]
    """Returns what is to be said of a model; raises ValueError for one that the pipeline would refuse."""


def forest_job(settings: Settings) -> Job:
    """Return the training of the beats' forest."""

    def check(payload: bytes) -> dict[str, int]:
        forest = BeatForest.load(payload)
        return {"from_ms": forest.from_ms, "to_ms": forest.to_ms, "rows": forest.rows, "beats": len(forest.beats)}

    training = settings.training
    command = [
        *("-m", "deploy.node.forest_process"),
        *_site_options(settings),
        *("--window-s", str(settings.pipeline.window_s)),
        *("--days", str(training.days)),
        *("--least-days", str(training.min_days)),
    ]
    return Job("training", RecordKind.MODEL, "model.pgb", training.every_h, command, check)


def fit_job(settings: Settings) -> Job:
    """Return the fit of the hotspot forecast to what was reported; at most once a day, whatever the forest's pace."""

    def check(payload: bytes) -> dict[str, int]:
        fit = Fit.decode(payload)
        return {"events": fit.events}

    command = [
        *("-m", "deploy.node.fit_process"),
        *_site_options(settings),
        *(
            "--places",
            str((settings.site_dir / LAST_GOOD).resolve()),
            "--or-places",
            str(settings.places_file.resolve()),
        ),
        *("--cell-m", str(settings.pipeline.hotspot_cell_m)),
    ]
    return Job("fitting", RecordKind.FIT, "fit.bin", max(settings.training.every_h, 24.0), command, check)


def _site_options(settings: Settings) -> list[str]:
    """Return the options that say which site it is, and how its people count time."""
    return [
        *("--store", str((settings.site_dir / "store.db").resolve())),
        *("--timezone", settings.site.timezone),
        *("--country", settings.site.country),
        *("--calendar", str((settings.site_dir / LAST_CALENDAR).resolve())),
    ]


class Trainer:
    """Trains a model of the site every so often. `start` and `stop` it; `status` may be asked at any time.

    Parameters
    ----------
    settings
        The section ``[training]``, the site's calendar, and the folder with the store.
    clock
        The site's time: a demo that runs sixty times as fast trains sixty times as often.
    log
        Where a new model goes, as a record.
    job
        What is trained; without it the beats' forest.
    first_s, pause_s
        Wall time before the first look, and between two.
    options
        More of the process's options.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        log: Log,
        job: Job | None = None,
        *,
        first_s: float = _FIRST_S,
        pause_s: float = _PAUSE_S,
        options: Sequence[str] = (),
    ) -> None:
        self._settings, self._clock, self._log = settings, clock, log
        self._first_s, self._pause_s, self._options = first_s, pause_s, options
        self._job = job or forest_job(settings)
        self._note = settings.site_dir / f"{self._job.name}.json"
        self._model = settings.site_dir / self._job.file
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=self._job.name, daemon=True)
        self._status: dict[str, Any] = {"state": "off", "detail": "", "trained_ms": 0, **self._noted()}
        self._due_ms = 0

    def start(self) -> None:
        """Begin to look whether it is time, unless the settings say no."""
        if self._settings.training.enabled:
            self._tell("waiting")
            self._thread.start()

    def stop(self) -> None:
        """End a training that is under way; the thread is gone when this returns."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def status(self) -> dict[str, Any]:
        """Return ``state`` (off, waiting, running, trained, failed), ``detail``, and what the last training gave."""
        return dict(self._status)

    def _run(self) -> None:
        trained_ms = int(self._status["trained_ms"])
        self._due_ms = trained_ms + self._every_ms() if trained_ms else 0
        wait_s = self._first_s
        while not self._stop.wait(wait_s):
            wait_s = self._pause_s
            # A clock that was put back must not put training off for years.
            if self._due_ms - 10 * self._every_ms() < self._clock.now_ms() < self._due_ms:
                continue
            try:
                self._once()
            except (ChildError, ContextError, OSError, ValueError) as error:
                self._failed(str(error))
            except Exception as error:  # noqa: BLE001 - whatever it is, the node continues without a new model
                self._failed(f"{type(error).__name__}: {error}")

    def _every_ms(self) -> int:
        return round(self._job.every_h * _HOUR_MS)

    def _once(self) -> None:
        """Train once, and append what came of it."""
        self._tell("running")
        began, name = time.monotonic(), self._job.name
        with Supervisor(self._settings.site_dir) as children:
            child = children.start(
                name, self._command(), environment={**os.environ, "OMP_NUM_THREADS": "1"}, stop_s=2.0
            )
            code = None
            while code is None and not self._stop.is_set():
                if time.monotonic() - began > _LONGEST_S:
                    raise ChildError(f"training took more than {_LONGEST_S:.0f} s and was ended")
                code = children.wait(name, 0.5)
            if self._stop.is_set():
                self._tell("waiting")
                return
            if code == TOO_LITTLE:
                self._due_ms = self._retry_ms()
                self._tell("waiting", child.last_words().rpartition("| ")[2])
                return
            if code != 0:
                raise ChildError(child.how_it_ended())
        payload = self._model.read_bytes()
        about = self._job.check(payload)  # what the pipeline would refuse does not go into the log
        now_ms = self._clock.now_ms()
        self._log.append([Record(self._job.kind, now_ms, payload)])
        self._due_ms = now_ms + self._every_ms()
        note = {"trained_ms": now_ms, **about, "seconds": round(time.monotonic() - began, 1)}
        replace_json(self._note, note)
        self._status |= note
        self._tell("trained")
        _LOG.info("%s: a model was made: %s", name, about)

    def _command(self) -> list[str]:
        return [sys.executable, *self._job.command, "--out", str(self._model.resolve()), *self._options]

    def _retry_ms(self) -> int:
        return self._clock.now_ms() + min(round(_RETRY_H * _HOUR_MS), self._every_ms())

    def _failed(self, why: str) -> None:
        _LOG.warning("%s failed, the model before stays: %s", self._job.name, why)
        self._due_ms = self._retry_ms()
        self._tell("failed", why)

    def _tell(self, state: str, detail: str = "") -> None:
        self._status = {**self._status, "state": state, "detail": detail}

    def _noted(self) -> dict[str, Any]:
        """Return what the node before has noted of its last training; nothing where it cannot be read."""
        note = read_json(self._note)
        try:
            return {"trained_ms": int(note["trained_ms"])} | {
                name: int(one) for name, one in note.items() if name != "seconds"
            }
        except (ValueError, KeyError, TypeError):
            return {}
