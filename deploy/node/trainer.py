"""Training of the beats' forest beside the node: in a process of its own, of low priority, on the node's own store.

`Trainer` is a thread of the node's. It starts the process (`deploy.node.forest_process`) when it is time, and puts the
forest that it made into the log. If the process fails, the node keeps the forest it has, and the status says why.
"""

import logging
import os
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any, Final

from deploy.processes import ChildError, Supervisor
from deploy.settings import Settings
from ingest.clock import Clock
from ingest.days.calendar_file import LAST_CALENDAR
from ingest.files import read_json, replace_json
from ingest.log import Log, Record, RecordKind
from models.context.beat_forest import BeatForest, ContextError

_LOG = logging.getLogger(__name__)
_NAME: Final = "training"
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


class Trainer:
    """Trains the site's forest every so often. `start` and `stop` it; `status` may be asked at any time.

    Parameters
    ----------
    settings
        The section ``[training]``, the site's calendar, and the folder with the store.
    clock
        The site's time: a demo that runs sixty times as fast trains sixty times as often.
    log
        Where a new forest goes, as a record.
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
        *,
        first_s: float = _FIRST_S,
        pause_s: float = _PAUSE_S,
        options: Sequence[str] = (),
    ) -> None:
        self._settings, self._clock, self._log = settings, clock, log
        self._first_s, self._pause_s, self._options = first_s, pause_s, options
        self._note = settings.site_dir / "training.json"
        self._model = settings.site_dir / "model.pgb"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="trainer", daemon=True)
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
            except Exception as error:  # noqa: BLE001 - whatever it is, the node continues without a new forest
                self._failed(f"{type(error).__name__}: {error}")

    def _every_ms(self) -> int:
        return round(self._settings.training.every_h * _HOUR_MS)

    def _once(self) -> None:
        """Train once, and append what came of it."""
        self._tell("running")
        began = time.monotonic()
        with Supervisor(self._settings.site_dir) as children:
            child = children.start(
                _NAME, self._command(), environment={**os.environ, "OMP_NUM_THREADS": "1"}, stop_s=2.0
            )
            code = None
            while code is None and not self._stop.is_set():
                if time.monotonic() - began > _LONGEST_S:
                    raise ChildError(f"training took more than {_LONGEST_S:.0f} s and was ended")
                code = children.wait(_NAME, 0.5)
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
        forest = BeatForest.load(payload)  # what the pipeline would refuse does not go into the log
        now_ms = self._clock.now_ms()
        self._log.append([Record(RecordKind.MODEL, now_ms, payload)])
        self._due_ms = now_ms + self._every_ms()
        note = {
            "trained_ms": now_ms,
            "from_ms": forest.from_ms,
            "to_ms": forest.to_ms,
            "rows": forest.rows,
            "beats": len(forest.beats),
            "seconds": round(time.monotonic() - began, 1),
        }
        replace_json(self._note, note)
        self._status |= note
        self._tell("trained")
        _LOG.info("a forest of %d beats was trained on %d windows", len(forest.beats), forest.rows)

    def _command(self) -> list[str]:
        settings, training = self._settings, self._settings.training
        return [
            sys.executable,
            "-m",
            "deploy.node.forest_process",
            *("--store", str((settings.site_dir / "store.db").resolve())),
            *("--out", str(self._model.resolve())),
            *("--timezone", settings.site.timezone),
            *("--country", settings.site.country),
            *("--calendar", str((settings.site_dir / LAST_CALENDAR).resolve())),
            *("--window-s", str(settings.pipeline.window_s)),
            *("--days", str(training.days)),
            *("--least-days", str(training.min_days)),
            *self._options,
        ]

    def _retry_ms(self) -> int:
        return self._clock.now_ms() + min(round(_RETRY_H * _HOUR_MS), self._every_ms())

    def _failed(self, why: str) -> None:
        _LOG.warning("training failed, the forest before stays: %s", why)
        self._due_ms = self._retry_ms()
        self._tell("failed", why)

    def _tell(self, state: str, detail: str = "") -> None:
        self._status = {**self._status, "state": state, "detail": detail}

    def _noted(self) -> dict[str, Any]:
        """Return what the node before has noted of its last training; nothing where it cannot be read."""
        note = read_json(self._note)
        try:
            return {name: int(note[name]) for name in ("trained_ms", "from_ms", "to_ms", "rows", "beats")}
        except (ValueError, KeyError, TypeError):
            return {}
