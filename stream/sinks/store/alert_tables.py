"""Alerts in the store, and how they are found again: by time, kind, place, people, state, reason and text.

The table ``alert_search`` has a row an alert with all that is looked for, and one index of it holds everything but the
texts, so that a year is walked through without reading a single alert; texts are looked for in what the other
conditions leave. Languages without blanks need no words: a text is found wherever it stands.
"""

import sqlite3
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final

import msgspec

from stream.results import Alert, Results
from stream.sentences import Why
from stream.sentences.catalogue import choices, in_all_languages

Row = dict[str, Any]
Ask = Callable[[str, Sequence[object]], list[Any]]
_encode: Final = msgspec.json.Encoder(order="deterministic").encode
_COLUMNS: Final = (
    "id",
    "raised_ms",
    "kind",
    "beat",
    "devices",
    "severity",
    "state",
    "reason",
    "people",
    "notes",
    "words",
)
_GATHERED: Final = ("people", "notes")
"""Of all revisions: who took an alert up is found also when it has ended by itself after that."""
_FROM: Final = "alert_search s INDEXED BY alert_search_raised"
_MOST_WORDS: Final = 8


class AlertSearch(msgspec.Struct, frozen=True, kw_only=True):
    """What alerts are looked for. An empty condition lets all through; of several values of one, any will do."""

    since_ms: int | None = None
    """Raised at or after this, epoch ms of the site's time."""
    until_ms: int | None = None
    """Raised before this."""
    kinds: tuple[str, ...] = ()
    beats: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    """Also one of the further devices of an alert that neighbours share."""
    people: tuple[str, ...] = ()
    """Who acknowledged or cleared it, in whichever revision: as `stream.results.Alert.by` names them."""
    severities: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    """Why it was a false alarm (`ingest.events.FalseAlarm`); ``any`` is each of them, ``none`` is no false alarm."""
    text: str = ""
    """Each of its words must stand somewhere in the names of the place, notes, sentence (in any language), title of
    the kind, devices or people; upper and lower case are alike."""


def write_alerts(connection: sqlite3.Connection, results: Sequence[Results]) -> None:
    """Write what alerts have become, in the transaction that has begun."""
    alerts = [(alert, _encode(alert).decode()) for result in results for alert in result.alerts]
    if not alerts:
        return
    connection.executemany(
        "INSERT OR REPLACE INTO alert_history (id, revision, changed_ms, body) VALUES (?, ?, ?, ?)",
        ((alert.id, alert.revision, alert.changed_ms, body) for alert, body in alerts),
    )
    connection.executemany(
        """INSERT INTO alerts (id, revision, state, severity, raised_ms, changed_ms, body)
        VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET revision = excluded.revision,
        state = excluded.state, severity = excluded.severity, raised_ms = excluded.raised_ms,
        changed_ms = excluded.changed_ms, body = excluded.body WHERE excluded.revision >= revision""",
        ((a.id, a.revision, a.state, a.severity, a.raised_ms, a.changed_ms, body) for a, body in alerts),
    )
    newer = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[1:] if name not in _GATHERED)
    more = ", ".join(
        f"{name} = {name} || CASE WHEN instr({name}, excluded.{name}) THEN '' ELSE excluded.{name} END"
        for name in _GATHERED
    )
    connection.executemany(
        f"""INSERT INTO alert_search ({", ".join(_COLUMNS)}) VALUES ({", ".join("?" * len(_COLUMNS))})
        ON CONFLICT (id) DO UPDATE SET {newer}, {more}""",
        (_search_row(alert) for alert, _ in alerts),
    )


def search_alerts(ask: Ask, search: AlertSearch, *, limit: int = 100, after: str = "") -> list[Any]:
    """Return what is found, newest first, at most `limit`, behind the place that `after` names: see `place_of`.

    `ask` answers a SELECT with the rows of its one column, bodies of alerts (`StoreReader.bodies`). Raises ValueError
    where `after` is no place.
    """
    conditions, values = _conditions(search)
    if after:
        conditions, values = [*conditions, "(s.raised_ms, s.id) < (?, ?)"], [*values, *_place(after)]
    where = " AND ".join(conditions) or "1"
    return ask(
        f"""SELECT a.body FROM {_FROM} CROSS JOIN alerts a ON a.id = s.id WHERE {where}
        ORDER BY s.raised_ms DESC, s.id DESC LIMIT ?""",
        [*values, limit],
    )


def place_of(alert: Row) -> str:
    """Return an alert's place in the order of `search_alerts`, for its `after`: the next page begins behind it."""
    return f"{alert['raised_ms']}.{alert['id']}"


def raised_times(query: Ask, search: AlertSearch) -> list[int]:
    """Return when each of what is found was raised, epoch ms, newest first: for counting it by day."""
    conditions, values = _conditions(search)
    where = " AND ".join(conditions) or "1"
    return [row[0] for row in query(f"SELECT s.raised_ms FROM {_FROM} WHERE {where} ORDER BY s.raised_ms DESC", values)]


def people_of(query: Ask, search: AlertSearch) -> list[str]:
    """Return all who acknowledged or cleared something of what is found, by name."""
    conditions, values = _conditions(search)
    where = " AND ".join([*conditions, "s.people != ''"])
    rows = query(f"SELECT DISTINCT s.people FROM {_FROM} WHERE {where}", values)
    return sorted({name for (people,) in rows for name in people.split("\n") if name})


def _search_row(alert: Alert) -> tuple[object, ...]:
    texts = [*alert.place.values(), *in_all_languages(alert.why).values()]
    devices = dict.fromkeys((alert.device, *alert.devices))
    return (
        alert.id,
        alert.raised_ms,
        alert.kind,
        alert.beat,
        "".join(map(_entry, devices)),
        alert.severity,
        alert.state,
        alert.reason,
        _entry(alert.by),
        _entry(_folded(alert.note)),
        _folded("\n".join(texts)),
    )


def _entry(text: str) -> str:
    """Return a text as an entry of a list within a column: whole entries are found, and none is there for nothing."""
    return f"\n{text}\n" if text else ""


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _place(after: str) -> tuple[int, str]:
    raised_ms, dot, identifier = after.partition(".")
    if not (dot and identifier and raised_ms.isascii() and raised_ms.removeprefix("-").isdigit() and len(after) <= 100):
        raise ValueError(f"after is {after[:40]!r}, expected what an earlier answer gave as next")
    return int(raised_ms), identifier


def _conditions(search: AlertSearch) -> tuple[list[str], list[object]]:
    """Return conditions on the row ``s`` of ``alert_search``, all of which must hold, and their values."""
    conditions: list[str] = []
    values: list[object] = []

    def add(condition: str, *more: object) -> None:
        conditions.append(condition)
        values.extend(more)

    if search.since_ms is not None:
        add("s.raised_ms >= ?", search.since_ms)
    if search.until_ms is not None:
        add("s.raised_ms < ?", search.until_ms)
    for column, wanted in (
        ("kind", search.kinds),
        ("beat", search.beats),
        ("severity", search.severities),
        ("state", search.states),
    ):
        if wanted:
            add(f"s.{column} IN ({', '.join('?' * len(wanted))})", *wanted)
    for column, wanted in (("devices", search.devices), ("people", search.people)):
        if wanted:
            add("(" + " OR ".join(f"instr(s.{column}, ?)" for _ in wanted) + ")", *map(_entry, wanted))
    if search.reasons:
        some = [one for one in search.reasons if one not in {"any", "none"}]
        told = [f"s.reason IN ({', '.join('?' * len(some))})"] if some else []
        told += ["s.reason != ''"] * ("any" in search.reasons) + ["s.reason = ''"] * ("none" in search.reasons)
        add("(" + " OR ".join(told) + ")", *some)
    for word in _folded(search.text).split()[:_MOST_WORDS]:
        like = "%" + word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        kinds = [kind for kind, titles in _titles().items() if word in titles]
        anywhere = [f"s.{column} LIKE ? ESCAPE '\\'" for column in ("devices", "people", "notes", "words")]
        titled = [f"s.kind IN ({', '.join('?' * len(kinds))})"] if kinds else []
        add("(" + " OR ".join(titled + anywhere) + ")", *kinds, *([like] * len(anywhere)))
    return conditions, values


@cache
def _titles() -> dict[str, str]:
    """Return kind of alert → what people call it, in all languages."""
    return {
        kind: _folded("\n".join(in_all_languages(Why("kind", {"kind": kind})).values())) for kind in choices("kind")
    }
