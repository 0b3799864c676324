"""Hazards in records that the log cannot take yet: told at once, from a copy of the state.

A pipeline's results are a pure function of the log, and that stays so: what is found here is only told, and changes
nothing. The gateway logs the same records as soon as it can, with the same times of receipt; the pipeline then finds
the same hazards, and the alerts have the same ids, so that whoever heard of one knows it again.
"""

import logging
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from ingest.log import Record
from ingest.vocabulary import ALERT_KINDS
from stream.pipeline.pipeline import Pipeline
from stream.results import Alert

_LOG: Final = logging.getLogger(__name__)
_MOST: Final = 10_000
"""Records that wait to be looked at; beyond that the oldest go, for the newest word counts."""


class Unlogged:
    """Records that are not in the log. `put` may be called in any thread, all else in the engine's."""

    def __init__(self, make_pipeline: Callable[[], Pipeline]) -> None:
        self._make_pipeline = make_pipeline
        self._records: deque[Record] = deque(maxlen=_MOST)
        self._copy: Pipeline | None = None
        self.telling = False
        """Whether records come that the log cannot take."""

    def put(self, records: list[Record]) -> None:
        """Take records that could not be logged."""
        self._records.extend(records)

    def forget(self) -> None:
        """Let go of the copy: the log has taken records, and the state has gone on."""
        self._copy, self.telling = None, False

    def tell(self, pipeline: Pipeline, people: Callable[[list[Alert]], None]) -> None:
        """Look at the records that wait, and tell what rules find in them."""
        self.telling = self.telling or bool(self._records)
        alerts = self._hazards(pipeline)
        if alerts:
            _LOG.warning("told without the log, which cannot be written: %d changes of alerts", len(alerts))
            people(alerts)

    def _hazards(self, pipeline: Pipeline) -> list[Alert]:
        """Return what rules find in the records that wait, as changes of alerts; models need the log."""
        found: list[Alert] = []
        if self._copy is None and self._records:
            self._copy = self._make_pipeline()
            if pipeline.position:
                self._copy.restore(pipeline.snapshot())
        while self._records and self._copy is not None:
            record = self._records.popleft()
            try:
                record = msgspec.structs.replace(record, position=self._copy.position + 1)
                found += self._copy.process(record).alerts
            except Exception:  # noqa: BLE001 - when it is logged it is poison, and quarantined
                _LOG.exception("a record that is not in the log cannot be processed")
                self._copy = None
                break
        return [alert for alert in found if not ALERT_KINDS[alert.kind].by_model]
