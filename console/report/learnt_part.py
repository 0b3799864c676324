"""What the models learnt anew in a week: series that can be judged now, new rhythms, and what people called usual."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from console.people.people import People
from console.people.people_file import has_file
from console.report.document import AcceptedWord, KnownRush, LearntPart, SeriesOf
from console.report.plain_names import PlainNames
from console.report.week import HOUR_MS
from console.training.acceptance import NOTED
from console.training.rushes import Rush
from ingest.events import Belief
from ingest.log.log_view import LogView
from ingest.log.records import RecordKind
from ingest.sqlite import StorageError
from ingest.vocabulary import MODELLED, HiddenState, WindowStatus

Query = Callable[[str, Sequence[object]], list[Any]]
Rushes = Mapping[tuple[str, int, str], Sequence[Rush]]
"""(device, kind, metric) → rushes."""
_DAY_MS: Final = 24 * HOUR_MS
_STATES: Final = """
SELECT w.series, total(w.state = ?), count(*) FROM windows w
WHERE w.start >= ? AND w.start < ? AND w.part = 0 AND w.status IN (?, ?) AND w.n > 0 GROUP BY w.series
"""


class Rhythms(NamedTuple):
    """Rushes that the models know."""

    known: list[KnownRush] | None
    """None where nobody has looked."""
    compared: bool
    """Whether the report of the week before tells which are new."""


def learnt_part(
    query: Query, span: tuple[int, int], names: PlainNames, accepted: Iterable[AcceptedWord], rhythms: Rhythms
) -> LearntPart:
    """Return what was learnt anew in a span of time."""
    begin_ms, until_ms = span
    series = {
        row[0]: SeriesOf(beat=row[1], device=names.text(row[2]), name=names.device(row[2]), metric=row[3])
        for row in query("SELECT id, beat, device, metric, kind FROM series ORDER BY id", ())
        if row[4] in MODELLED
    }
    was, now = _young(query, begin_ms - _DAY_MS, begin_ms), _young(query, until_ms - _DAY_MS, until_ms)
    return LearntPart(
        grown=[one for number, one in series.items() if now.get(number) is False and was.get(number, True)],
        young=sum(now.get(number) is True for number in series),
        accepted=sorted(accepted, key=lambda one: (one.at_ms, one.device, one.metric)),
        rhythms=rhythms.known,
        compared=rhythms.compared,
    )


def _young(query: Query, since_ms: int, until_ms: int) -> dict[int, bool]:
    """Return for each series with windows in a span whether its model was too young for more than half of them."""
    rows = query(_STATES, (HiddenState.YOUNG, since_ms, until_ms, WindowStatus.CLOSED, WindowStatus.REVISED))
    return {series: 2 * young > windows for series, young, windows in rows}


def known_rushes(rushes: Rushes, before: Sequence[KnownRush] | None, names: PlainNames) -> list[KnownRush]:
    """Return rushes with whether the report of the week before had them."""
    known = {(one.device, one.metric, one.begin, tuple(one.weekdays)) for one in before or ()}
    return [
        KnownRush(
            device=names.text(device),
            name=names.device(device),
            metric=metric,
            begin=rush.begin,
            end=rush.end,
            weekdays=list(rush.weekdays),
            new=before is not None and (names.text(device), metric, rush.begin, rush.weekdays) not in known,
        )
        for (device, _kind, metric), found in sorted(rushes.items())
        for rush in found
    ]


def accepted_words(folder: Path, span: tuple[int, int], names: PlainNames) -> list[AcceptedWord]:
    """Return what people called usual in a span of time: from the log, and from the audit log where that is older."""
    found: dict[tuple[str, str, int], AcceptedWord] = {}

    def add(at_ms: int, device: str, metric: str, since_ms: int) -> None:
        one = AcceptedWord(
            at_ms=at_ms, device=names.text(device), name=names.device(device), metric=metric, since_ms=since_ms
        )
        found.setdefault((device, metric, since_ms), one)

    with suppress(StorageError):  # there is no log of its own on Kafka, and its records are days old at most
        for at_ms, payload in LogView(folder / "log.db").of_kind(RecordKind.BELIEF, *span):
            with suppress(msgspec.MsgspecError):
                belief = msgspec.json.decode(payload, type=Belief)
                add(at_ms, belief.device, belief.metric, belief.since_ms)
    if has_file(folder):
        with suppress(StorageError):  # who looks after accounts says that they cannot be read
            for device, detail in People(folder).audit.noted(NOTED):
                noted, since = detail.get("at_ms"), detail.get("since_ms")
                if isinstance(noted, int) and isinstance(since, int) and span[0] <= noted < span[1]:
                    add(noted, device, str(detail.get("metric", "")), since)
    return list(found.values())
