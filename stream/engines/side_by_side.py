"""Two pipelines over the same records: what each tells people, and in what they differ.

Both begin with the same state and take the same log, so that what differs follows from their settings alone.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Final, Literal

import msgspec

from ingest.log import Record, RecordKind
from ingest.vocabulary import ALERT_KINDS
from stream.pipeline.pipeline import Pipeline
from stream.results import Alert, Results
from stream.sentences import Why

_LOG: Final = logging.getLogger(__name__)
Cause = Literal["", "budget", "joined", "unnoticed"]
"""Why a run does not tell what the other tells: the budget holds it back, it is part of another alert, it is not found;
or none of these, for a rule."""


class ToldAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert as a run left it."""

    id: str
    kind: str
    severity: str
    beat: str
    device: str
    devices: tuple[str, ...]
    """All devices that it concerns, the one that began it first."""
    raised_ms: int
    """When it was told, by the site's time."""
    since_ms: int
    """Event time of its cause; 0 where none is known."""
    ended_ms: int | None
    """When it was cleared or expired; None while it goes on."""
    state: str
    why: Why

    def overlaps(self, other: "ToldAlert", slack_ms: int) -> bool:
        """Tell whether both were there at one time, or nearly."""
        mine, theirs = self.span(), other.span()
        return mine[0] <= theirs[1] + slack_ms and theirs[0] <= mine[1] + slack_ms

    def span(self) -> tuple[float, float]:
        """Return when it began and ended, epoch ms; infinity for what goes on."""
        begin = min(self.raised_ms, self.since_ms or self.raised_ms)
        return begin, float("inf") if self.ended_ms is None else self.ended_ms


class AlertDifference(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that only one of two runs tells, or that both tell differently."""

    what: Literal["new", "gone", "different"]
    now: ToldAlert | None
    then: ToldAlert | None
    """As the first and as the second run tell it."""
    fields: tuple[str, ...] = ()
    """In what they differ: ``raised_ms, ended_ms, severity, devices``."""
    because: Cause = ""
    """Why the run that does not tell it does not."""


class Run:
    """One of the pipelines, and what it has told.

    Parameters
    ----------
    pipeline
        In the state to begin with.
    keeps
        Kinds of records that are passed over, because another calendar, or other places, are what is tried.
    """

    def __init__(self, pipeline: Pipeline, keeps: AbstractSet[RecordKind] = frozenset()) -> None:
        self.pipeline, self._keeps = pipeline, keeps
        self._alerts: dict[str, Alert] = {alert.id: alert for alert in pipeline.site.book.open()}
        self._found: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        """(device, kind) → when it was found."""

    def take(self, record: Record, poison: str | None = None) -> None:
        """Process a record; with a reason, pass it by."""
        if poison is not None:
            self._note(self.pipeline.pass_by(record, poison))
            return
        if record.kind in self._keeps:
            record = msgspec.structs.replace(record, kind=RecordKind.TICK, payload=b"")
        self._note(self.pipeline.process(record))

    def _note(self, results: Results) -> None:
        for alert in results.alerts:
            self._alerts[alert.id] = alert
        for anomaly in results.anomalies:
            times = self._found[anomaly.device, anomaly.kind]
            if not times or times[-1] != anomaly.ts:
                times.append(anomaly.ts)

    def told(self, since_ms: int, until_ms: int) -> list[ToldAlert]:
        """Return the alerts that were told or went on in a span of time, in the order in which they were raised."""
        found = [
            _told(alert)
            for alert in self._alerts.values()
            if alert.raised_ms < until_ms and (_goes_on(alert) or alert.changed_ms >= since_ms)
        ]
        return sorted(found, key=lambda one: (one.raised_ms, one.id))

    def why_not(self, alert: ToldAlert, told: Sequence[ToldAlert], slack_ms: int) -> Cause:
        """Return why this run, which told `told`, did not tell another's alert."""
        if not ALERT_KINDS[alert.kind].by_model:
            return ""
        for one in told:
            if one.kind == alert.kind and {*one.devices} & {*alert.devices} and one.overlaps(alert, slack_ms):
                return "joined"
        begin, end = (alert.since_ms or alert.raised_ms) - slack_ms, (alert.ended_ms or alert.raised_ms) + slack_ms
        for device in alert.devices:
            if any(begin <= ts <= end for ts in self._found.get((device, alert.kind), ())):
                return "budget"
        return "unnoticed"


def _goes_on(alert: Alert) -> bool:
    return alert.state in {"raised", "acknowledged"}


def _told(alert: Alert) -> ToldAlert:
    return ToldAlert(
        id=alert.id,
        kind=alert.kind,
        severity=alert.severity,
        beat=alert.beat,
        device=alert.device,
        devices=alert.devices or (alert.device,),
        raised_ms=alert.raised_ms,
        since_ms=alert.cause_ms,
        ended_ms=None if _goes_on(alert) else alert.changed_ms,
        state=alert.state,
        why=alert.why,
    )


def run_both(
    portions: Iterable[list[Record]],
    runs: Sequence[Run],
    poison: Mapping[int, str],
    progress: Callable[[int], None] = lambda _ms: None,
) -> None:
    """Let runs take the same records; `progress` is called with the time reached, epoch ms.

    Raises `ProcessingError` for a record that one of them cannot process: what it has told cannot be used then.
    """
    for records in portions:
        for record in records:
            for run in runs:
                try:
                    run.take(record, poison.get(record.position))
                except Exception as error:
                    _LOG.debug("record at log position %d cannot be processed", record.position, exc_info=True)
                    raise ProcessingError(record.position, f"{type(error).__name__}: {error}") from error
        if records:
            progress(records[-1].received_ms)


class ProcessingError(Exception):
    """A record makes the pipeline fail; it is to be passed by."""

    def __init__(self, position: int, why: str) -> None:
        super().__init__(f"the record at log position {position} cannot be processed: {why}")
        self.position, self.why = position, why


def differences(before: Run, after: Run, since_ms: int, until_ms: int, slack_ms: int) -> list[AlertDifference]:
    """Return in what two runs differ in a span of time, in the order of the alerts' beginnings.

    Alerts of one id are the same. Of the others those are that are of one kind, have a device in common and were there
    at one time, give or take `slack_ms`: a crowd that is told five minutes earlier is the same crowd.
    """
    now, then = before.told(since_ms, until_ms), after.told(since_ms, until_ms)
    pairs, alone, new = _paired(now, then, slack_ms)
    found = [
        AlertDifference(what="different", now=one, then=other, fields=fields)
        for one, other in pairs
        if (fields := _changed(one, other))
    ]
    found += [
        AlertDifference(what="gone", now=one, then=None, because=after.why_not(one, then, slack_ms)) for one in alone
    ]
    found += [
        AlertDifference(what="new", now=None, then=one, because=before.why_not(one, now, slack_ms)) for one in new
    ]
    return sorted(found, key=_order)


def _order(one: AlertDifference) -> tuple[int, str]:
    alert = one.now or one.then
    return (0, "") if alert is None else (alert.raised_ms, alert.id)


def _paired(
    now: list[ToldAlert], then: list[ToldAlert], slack_ms: int
) -> tuple[list[tuple[ToldAlert, ToldAlert]], list[ToldAlert], list[ToldAlert]]:
    """Return which alerts are the same, and those of either side that the other has not."""
    others = {alert.id: alert for alert in then}
    pairs = [(one, others.pop(one.id)) for one in now if one.id in others]
    same = {one.id for one, _ in pairs}
    alone: list[ToldAlert] = []
    for one in now:
        if one.id in same:
            continue
        near = [
            other
            for other in others.values()
            if other.kind == one.kind and {*other.devices} & {*one.devices} and one.overlaps(other, slack_ms)
        ]
        if near:
            nearest = min(near, key=partial(_distance, one))
            pairs.append((one, others.pop(nearest.id)))
        else:
            alone.append(one)
    return pairs, alone, list(others.values())


def _distance(one: ToldAlert, other: ToldAlert) -> tuple[int, str]:
    return abs(other.raised_ms - one.raised_ms), other.id


def _changed(one: ToldAlert, other: ToldAlert) -> tuple[str, ...]:
    changed = [name for name in ("raised_ms", "ended_ms", "severity") if getattr(one, name) != getattr(other, name)]
    return (*changed, *(["devices"] if {*one.devices} != {*other.devices} else []))
