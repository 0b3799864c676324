"""An alert run again: whether the same records, through a pipeline in the state of before, still give it."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from console.errors import CommandError
from console.training.what_if import Outcome
from stream.engines.side_by_side import ToldAlert
from stream.sentences import Why
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.tables import StoreError

_SLACK_MS: Final = 3_600_000
"""So far apart two alerts of one kind and device are still taken for the same, where their ids differ."""
_GOES_ON: Final = {"raised", "acknowledged"}


class StoredAlert(NamedTuple):
    """An alert as people were told it, and the span of the log to run again for it."""

    told: ToldAlert
    since_ms: int
    until_ms: int | None
    """None while it goes on: up to the end of the log."""


def stored_alert(store: Path, identifier: str) -> StoredAlert:
    """Return an alert of the store. Raises `CommandError` where there is none of that id, or none can be read."""
    with closing(StoreReader(store, untouched=True)) as reader:
        try:
            row = reader.alert(identifier)
        except StoreError as error:
            raise CommandError(str(error)) from error
    if row is None:
        raise CommandError(f"--alert {identifier[:64]!r}: there is no such alert in {store}", 2)
    ended_ms = None if row["state"] in _GOES_ON else row["changed_ms"]
    told = ToldAlert(
        id=row["id"],
        kind=row["kind"],
        severity=row["severity"],
        beat=row["beat"],
        device=row["device"],
        devices=tuple(row.get("devices") or (row["device"],)),
        raised_ms=row["raised_ms"],
        since_ms=row.get("cause_ms") or 0,
        ended_ms=ended_ms,
        state=row["state"],
        why=msgspec.convert(row["why"], Why),
    )
    begin = min(told.since_ms or told.raised_ms, told.raised_ms)
    return StoredAlert(told, begin - 1, None if ended_ms is None else ended_ms + 1)


def found_again(told: ToldAlert, outcome: Outcome) -> dict[str, Any]:
    """Return what became of an alert: as it was told, as it comes out again, and as it would with what is tried.

    ``again`` and ``then`` are None where it does not come out; ``differs`` names in what the first two differ, of
    ``raised_ms, ended_ms, severity, devices, why``.
    """
    again, then = _same(told, outcome.now), _same(told, outcome.then)
    return {"told": told, "again": again, "then": then, "differs": _differs(told, again)}


def _same(told: ToldAlert, alerts: Sequence[ToldAlert]) -> ToldAlert | None:
    for one in alerts:
        if one.id == told.id:
            return one
    near = [
        one
        for one in alerts
        if one.kind == told.kind and {*one.devices} & {*told.devices} and one.overlaps(told, _SLACK_MS)
    ]
    return min(near, key=lambda one: (abs(one.raised_ms - told.raised_ms), one.id), default=None)


def _differs(told: ToldAlert, again: ToldAlert | None) -> list[str]:
    if again is None:
        return []
    names = [name for name in ("raised_ms", "ended_ms", "severity") if getattr(told, name) != getattr(again, name)]
    if {*told.devices} != {*again.devices}:
        names.append("devices")
    return [*names, *(["why"] if told.why != again.why else [])]
