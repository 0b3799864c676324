"""What happened in a span of time, from the store: alerts as they were known at its end, reports, patrols, gaps."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from console.deliver.receipts import Receipts
from ingest.vocabulary import SEVERITY_RANK, Severity
from stream.sentences import Why
from stream.sentences.catalogue import in_all_languages, with_texts
from stream.sinks.store.book_table import Query
from stream.sinks.store.reader import StoreReader

Row = dict[str, Any]
MOST_ALERTS: Final = 300
"""The worst and newest of a shift; in a flood nobody reads more on one sheet."""
_MOST_ROWS: Final = 100
_MOST_STOPS: Final = 2_000
_MINUTE_MS: Final = 60_000
_WINDOW_S: Final = 300
_ENDED: Final = frozenset({"cleared", "expired"})


class AlertTold(msgspec.Struct, frozen=True):
    """Whom a channel has told of an alert."""

    channel: str
    persons: list[str]
    """Their names; empty: whoever the channel reaches."""
    state: str
    """As in a receipt."""
    at_ms: int
    """By the wall clock (epoch ms)."""


class BookAlert(msgspec.Struct, kw_only=True):
    """What had become of an alert by the end of a span of time."""

    id: str
    kind: str
    severity: Severity
    beat: str
    device: str
    devices: list[str]
    place: dict[str, str]
    text: dict[str, str]
    state: str
    raised_ms: int
    changed_ms: int
    acknowledged_ms: int | None = None
    acknowledged_by: str = ""
    ended_ms: int | None = None
    ended_by: str = ""
    """Empty where it ended by itself."""
    note: str = ""
    reason: str = ""
    """Why it was a false alarm, see `ingest.events.FalseAlarm`."""
    told: list[AlertTold] | None = None
    """None where that cannot be read."""
    notes: int = 0
    """How many were written at it."""


class _AlertSite(Protocol):
    """What of a site is needed to tell of its alerts."""

    @property
    def folder(self) -> Path:
        """The site's."""

    @property
    def zone(self) -> tzinfo:
        """The site's."""

    @property
    def names(self) -> Mapping[str, str]:
        """Id of a person or an officer → name."""


def changed_alerts(query: Query, begin_ms: int, until_ms: int) -> tuple[list[str], int]:
    """Return the ids of the alerts that changed in a span of time, the worst first, and how many more there were."""
    found = query(
        """SELECT id, count(*) OVER () FROM alert_search WHERE id IN
        (SELECT id FROM alert_history WHERE changed_ms >= ? AND changed_ms < ?)
        ORDER BY instr('info warning critical', severity) DESC, raised_ms DESC, id LIMIT ?""",
        (begin_ms, until_ms, MOST_ALERTS),
    )
    return [identifier for identifier, _ in found], max(found[0][1] - len(found), 0) if found else 0


def open_alerts(query: Query, at_ms: int) -> list[str]:
    """Return the ids of alerts that may have been open at a time, or are: `alerts_as_they_were` tells."""
    found = query(
        """SELECT id FROM alert_search WHERE raised_ms < ? AND (state IN ('raised', 'acknowledged')
        OR id IN (SELECT id FROM alerts WHERE changed_ms >= ?))
        ORDER BY instr('info warning critical', severity) DESC, raised_ms DESC, id LIMIT ?""",
        (at_ms, at_ms, MOST_ALERTS),
    )
    return [identifier for (identifier,) in found]


def alerts_as_they_were(query: Query, alerts: Sequence[str], at_ms: int, site: _AlertSite) -> dict[str, BookAlert]:
    """Return alerts by id as they were known at a time, and whom was told of them; none that were raised later."""
    ids = list(dict.fromkeys(alerts))
    rows = query(
        """SELECT id, body FROM alert_history WHERE id IN (SELECT value FROM json_each(?)) AND changed_ms < ?
        ORDER BY id, revision""",
        (msgspec.json.encode(ids).decode(), at_ms),
    )
    found = {
        identifier: _as_it_was([msgspec.json.decode(body) for _, body in revisions], site.zone)
        for identifier, revisions in groupby(rows, key=itemgetter(0))
    }
    try:
        told = Receipts(site.folder).persons(list(found))
    except OSError:  # somebody writes them for long, or they are damaged: delivery itself says so
        return found
    for identifier, one in found.items():
        one.told = [
            AlertTold(channel, [site.names.get(person, person) for person in persons], state, told_ms)
            for channel, persons, state, told_ms in told.get(identifier, [])
        ]
    return found


def _as_it_was(revisions: list[Row], zone: tzinfo) -> BookAlert:
    last = with_texts(revisions[-1], zone)
    alert = BookAlert(
        devices=list(last.get("devices") or ()),
        reason=last.get("reason") or "",
        **{name: last[name] for name in ("id", "kind", "severity", "beat", "device", "place", "text", "state",
                                         "raised_ms", "changed_ms")},
    )  # fmt: skip
    before: Row = {}
    for now in revisions:
        taken_up = now["state"] == "acknowledged"
        if taken_up and (before.get("state"), before.get("by")) != ("acknowledged", now["by"]):
            alert.acknowledged_ms, alert.acknowledged_by = now["changed_ms"], now["by"]
        alert.note = now.get("note") or alert.note
        before = now
    if alert.state in _ENDED:
        alert.ended_ms, alert.ended_by = last["changed_ms"], last["by"]
    return alert


def urgent_first(alerts: Iterable[BookAlert]) -> list[BookAlert]:
    """Return alerts with those first that nobody has taken up, then the most severe, then the newest."""
    return sorted(
        alerts,
        key=lambda one: (one.state == "acknowledged", -SEVERITY_RANK[one.severity], -one.raised_ms, one.id),
    )


def incidents(query: Query, begin_ms: int, until_ms: int) -> list[Row]:
    """Return what was reported of a span of time, oldest first; without history that was brought in later."""
    rows = query(
        """SELECT ts, body FROM incidents WHERE ts >= ? AND ts < ? AND NOT coalesce(json_extract(body, '$.backfill'), 0)
        ORDER BY ts, id LIMIT ?""",
        (begin_ms, until_ms, _MOST_ROWS),
    )
    found = []
    for ts, body in rows:
        row = msgspec.json.decode(body)
        words = in_all_languages(Why("incident-word", {"category": row["category"], "count": 1}))
        kept = {name: row.get(name, "") for name in ("id", "category", "beat", "text", "provenance")}
        found.append({"ts": ts, **kept, "words": words})
    return found


class Patrolled(msgspec.Struct, kw_only=True):
    """What an officer was to do, and did."""

    officer: str
    name: str
    stops: int = 0
    """Whose time had come."""
    done: int = 0
    """At which somebody was, or is."""
    skipped: int = 0
    missed: int = 0
    """With those whose time is over while the shift goes on."""
    planned_min: float = 0.0
    delivered_min: float = 0.0


def patrolled(
    query: Query, begin_ms: int, until_ms: int, now_ms: int, names: Mapping[str, str]
) -> tuple[list[Patrolled], list[Row]]:
    """Return what each officer was to begin in a span of time and has done of it; and the stops that were not made."""
    rows = query(
        """SELECT body FROM patrol_stops WHERE arrive_ms >= ? AND arrive_ms < ? AND state != 'replaced'
        ORDER BY officer, arrive_ms, id LIMIT ?""",
        (begin_ms, until_ms, _MOST_STOPS),
    )
    officers: dict[str, Patrolled] = {}
    undone = []
    for (body,) in rows:
        stop = msgspec.json.decode(body)
        officer, state = stop["officer"], stop["state"]
        mine = officers.setdefault(officer, Patrolled(officer=officer, name=names.get(officer, officer)))
        late = state == "planned" and stop["leave_ms"] < now_ms
        mine.stops += 1
        mine.done += state in {"done", "arrived"}
        mine.skipped += state == "skipped"
        mine.missed += late or state == "missed"
        mine.planned_min += (stop["leave_ms"] - stop["arrive_ms"]) / _MINUTE_MS
        mine.delivered_min += stop["delivered_min"]
        if late or state in {"skipped", "missed"}:
            kept = {name: stop[name] for name in ("officer", "place", "beat", "arrive_ms", "note")}
            undone.append({**kept, "name": mine.name, "state": "missed" if late else state})
    return list(officers.values()), sorted(undone, key=itemgetter("arrive_ms"))[:_MOST_ROWS]


def gaps(reader: StoreReader, begin_ms: int, until_ms: int) -> list[tuple[int, int]] | None:
    """Return from when until when nothing was measured at the whole site (epoch ms); None where that is not known.

    A gap is as long as a window at least: nobody notices a shorter one in what the models know either.
    """
    ((first,),) = reader.query("SELECT min(start) FROM windows", ())
    if first is None or begin_ms < first:
        return None
    step = _window_ms(reader, begin_ms)
    starts = range(begin_ms - begin_ms % step, until_ms - step + 1, step)
    rows = reader.query(
        """WITH RECURSIVE held (start) AS (
            SELECT (SELECT min(start) FROM windows WHERE start >= ?) UNION ALL
            SELECT (SELECT min(w.start) FROM windows w WHERE w.start > held.start) FROM held WHERE held.start < ?)
        SELECT start FROM held WHERE EXISTS (SELECT 1 FROM windows w WHERE w.start = held.start AND w.n > 0)""",
        (starts.start, until_ms),
    )
    held = {start for (start,) in rows}
    found: list[tuple[int, int]] = []
    for start in starts:
        if start in held:
            continue
        if found and found[-1][1] == start:
            found[-1] = found[-1][0], start + step
        else:
            found.append((max(start, begin_ms), start + step))
    return found


def silent(reader: StoreReader, begin_ms: int, until_ms: int) -> list[Row] | None:
    """Return which devices sent nothing for how many minutes, the longest first; None where it is not kept any more."""
    ((first,),) = reader.query("SELECT min(start) FROM health", ())
    if first is None or first > begin_ms:
        return None
    rows = reader.query(
        """SELECT device, count(*) AS n FROM health WHERE start >= ? AND start < ? AND json_extract(body, '$.silent')
        GROUP BY device ORDER BY n DESC, device LIMIT ?""",
        (begin_ms, until_ms, _MOST_ROWS),
    )
    minutes = _window_ms(reader, begin_ms) // _MINUTE_MS
    return [{"device": device, "minutes": n * minutes} for device, n in rows]


def _window_ms(reader: StoreReader, at_ms: int) -> int:
    """Return how long the windows of a time are."""
    lengths = [length for since, length, _ in reader.window_lengths() if since <= at_ms]
    return (lengths[-1] if lengths else _WINDOW_S) * 1000
