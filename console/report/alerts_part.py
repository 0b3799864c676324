"""Alerts of a week by place, hour, kind and severity against the weeks before; how people answered; false alarms."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple, get_args
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from numpy.typing import NDArray

from console.report.document import (
    SPANS,
    AlertPart,
    AnswerPart,
    BeatAlerts,
    Before,
    FalsePart,
    KindAlerts,
    Spread,
    ToldSums,
    Unanswered,
)
from console.report.plain_names import PlainNames
from console.report.week import HOURS, local_hour
from ingest.events import FalseAlarm
from ingest.vocabulary import SEVERITY_RANK

Query = Callable[[str, Sequence[object]], list[Any]]
REASONS: Final[tuple[str, ...]] = get_args(FalseAlarm)
_MOST_NAMED: Final = 50
_OVER: Final = "cleared"
_OF_PEOPLE: Final = frozenset({"officer_help"})
"""Kinds of alerts whose device is a person."""


class Raised(NamedTuple):
    """An alert, in a few words."""

    raised_ms: int
    beat: str
    kind: str


class _Revision(msgspec.Struct):
    """What a report needs to know of a revision."""

    id: str
    revision: int
    raised_ms: int
    changed_ms: int
    state: str
    severity: str
    kind: str
    beat: str
    device: str
    by: str = ""
    reason: str = ""
    place: dict[str, str] = {}


class AlertStory(NamedTuple):
    """An alert with all that became of it."""

    newest: _Revision
    taken_up_s: float | None
    """How long it took until a person took it up; None where none has."""
    cleared_s: float | None
    """How long until it was over, where it stands as cleared."""
    reason: str
    """Why it was none; empty where nobody says so."""


def raised_between(query: Query, begin_ms: int, until_ms: int) -> list[Raised]:
    """Return all alerts that were raised in a span of time."""
    rows = query(
        "SELECT raised_ms, beat, kind FROM alert_search WHERE raised_ms >= ? AND raised_ms < ? ORDER BY raised_ms, id",
        (begin_ms, until_ms),
    )
    return [Raised(*row) for row in rows]


def stories_between(query: Query, begin_ms: int, until_ms: int) -> list[AlertStory]:
    """Return the alerts that were raised in a span of time, with all their revisions taken together."""
    rows = query(
        "SELECT h.body FROM alert_search a JOIN alert_history h ON h.id = a.id "
        "WHERE a.raised_ms >= ? AND a.raised_ms < ? ORDER BY a.raised_ms, h.id, h.revision",
        (begin_ms, until_ms),
    )
    found: dict[str, list[_Revision]] = {}
    for (body,) in rows:
        revision = msgspec.json.decode(body, type=_Revision)
        found.setdefault(revision.id, []).append(revision)
    return [_story(revisions) for revisions in found.values()]


def _story(revisions: list[_Revision]) -> AlertStory:
    newest = revisions[-1]
    taken = next((one for one in revisions if one.state == "acknowledged" or (one.state == _OVER and one.by)), None)
    cleared: _Revision | None = None
    for one in reversed(revisions):
        if one.state != _OVER:
            break
        cleared = one
    return AlertStory(
        newest,
        None if taken is None else max(taken.changed_ms - newest.raised_ms, 0) / 1000,
        None if cleared is None else max(cleared.changed_ms - newest.raised_ms, 0) / 1000,
        next((one.reason for one in reversed(revisions) if one.reason), ""),
    )


def alert_part(
    stories: Sequence[AlertStory],
    past: Sequence[Sequence[Raised] | None],
    names: PlainNames,
    beats: Iterable[str],
    zone: ZoneInfo,
    high: int | None,
) -> AlertPart:
    """Return how many alerts there were, and where and when.

    Parameters
    ----------
    stories
        The week's.
    past
        The alerts of the weeks before, the last one first; None for a week that counts for nothing.
    beats
        Ids of all beats: those without an alert are told, too.
    high
        So many there may have been.
    """
    now = [Raised(one.newest.raised_ms, one.newest.beat, one.newest.kind) for one in stories]
    known = [week for week in past if week is not None]
    days = _tables(now, zone, lambda _one: "")[""]
    before = [_tables(week, zone, lambda _one: "")[""] for week in known]
    by_beat = _tables(now, zone, lambda one: one.beat)
    beats_before = [_tables(week, zone, lambda one: one.beat) for week in known]
    kinds = Counter(one.kind for one in now)
    kinds_before = [None if week is None else Counter(one.kind for one in week) for week in past]
    everywhere = [*dict.fromkeys([*beats, *sorted(by_beat), *sorted(beat for week in beats_before for beat in week)])]
    return AlertPart(
        total=len(now),
        high=high,
        before=_before([None if week is None else len(week) for week in past]),
        severities={name: sum(one.newest.severity == name for one in stories) for name in reversed(SEVERITY_RANK)},
        states=dict(Counter(one.newest.state for one in stories)),
        kinds=[
            KindAlerts(
                kind=kind,
                count=kinds[kind],
                before=_before([None if week is None else week[kind] for week in kinds_before]),
            )
            for kind in sorted(
                {*kinds, *(kind for week in kinds_before if week is not None for kind in week)},
                key=lambda kind: (-kinds[kind], kind),
            )
        ],
        beats=[
            BeatAlerts(
                beat=beat,
                name=names.beat(beat),
                count=int(by_beat[beat].sum()),
                hours=by_beat[beat].sum(axis=0).tolist(),
                mean_hours=_rounded(sum(week[beat].sum(axis=0) for week in beats_before) / len(known))
                if known
                else None,
                before=_before([None if week is None else sum(one.beat == beat for one in week) for week in past]),
            )
            for beat in everywhere
        ],
        days=days.tolist(),
        mean_days=_rounded(sum(before) / len(known)) if known else None,
    )


def _tables(alerts: Sequence[Raised], zone: ZoneInfo, key: Callable[[Raised], str]) -> dict[str, Any]:
    """Return tables by local weekday and hour, (7, 24), one a key; zeros for a key that does not occur."""
    found: dict[str, Any] = defaultdict(lambda: np.zeros((7, HOURS), dtype=np.int64))
    for one in alerts:
        weekday, hour = local_hour(one.raised_ms, zone)
        found[key(one)][weekday, hour] += 1
    return found


def _rounded(values: NDArray[np.float64]) -> list[Any]:
    found: list[Any] = np.round(values, 3).tolist()
    return found


def _before(counts: Sequence[int | None]) -> list[Before]:
    """Return mean, least and most of the last 4 and 8 weeks' counts, the last week first."""
    found = []
    for weeks in SPANS:
        known = [count for count in counts[:weeks] if count is not None]
        found.append(
            Before(
                weeks=weeks,
                known=len(known),
                mean=round(sum(known) / len(known), 3) if known else None,
                least=min(known, default=None),
                most=max(known, default=None),
            )
        )
    return found


def answer_part(stories: Sequence[AlertStory], names: PlainNames, told: ToldSums | None) -> AnswerPart:
    """Return how soon people took alerts up, and which nobody did."""
    alone = [one.newest for one in stories if one.taken_up_s is None]
    named = [one for one in alone if one.severity != "info"]
    named.sort(key=lambda one: (-SEVERITY_RANK.get(one.severity, 0), one.raised_ms, one.id))  # type: ignore[call-overload]
    return AnswerPart(
        acknowledge=_spread(one.taken_up_s for one in stories),
        clear=_spread(one.cleared_s for one in stories),
        severities={
            name: _spread(one.taken_up_s for one in stories if one.newest.severity == name)
            for name in reversed(SEVERITY_RANK)
        },
        unanswered=len(alone),
        named=[_unanswered(one, names) for one in named[:_MOST_NAMED]],
        told=told,
    )


def _unanswered(one: _Revision, names: PlainNames) -> Unanswered:
    place = {} if one.kind in _OF_PEOPLE else {language: names.text(text) for language, text in one.place.items()}
    return Unanswered(
        id=one.id,
        raised_ms=one.raised_ms,
        kind=one.kind,
        severity=one.severity,
        beat=one.beat,
        beat_name=names.beat(one.beat),
        device=names.text(one.device) if names.device(one.device) else "",
        name=names.device(one.device) or place,
        state=one.state,
    )


def _spread(times: Iterable[float | None]) -> Spread:
    found = [time for time in times if time is not None]
    if not found:
        return Spread(n=0)
    median, p90 = np.quantile(found, (0.5, 0.9)).tolist()
    return Spread(n=len(found), median_s=round(median, 3), p90_s=round(p90, 3))


def false_part(stories: Sequence[AlertStory]) -> FalsePart:
    """Return the alerts that were none, by reason."""
    reasons = Counter(one.reason for one in stories if one.reason)
    ended = [one for one in stories if one.newest.state == _OVER and one.newest.by]
    return FalsePart(
        total=sum(reasons.values()),
        reasons={name: reasons[name] for name in [*REASONS, *sorted(reasons.keys() - set(REASONS))]},
        ended=len(ended),
        without=sum(not one.reason for one in ended),
    )
