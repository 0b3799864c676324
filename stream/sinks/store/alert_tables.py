"""Alerts in the store, and how they are found again: by time, kind, place, people, state, reason and text.

The table ``alert_search`` has a row an alert with all that is looked for, and one index of it holds everything but the
texts, so that a year is walked through without reading a single alert; texts are looked for in what the other
conditions leave. Languages without blanks need no words: a text is found wherever it stands.
"""

import sqlite3
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final, NamedTuple, get_args

import msgspec

from ingest.events import FalseAlarm
from ingest.observations import LATEST_MS
from ingest.vocabulary import Severity
from stream.results import Alert, AlertState, Results
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
_FROM: Final = "FROM alert_search s INDEXED BY alert_search_raised"
_ONE_OF: Final = "IN (SELECT value FROM json_each(?))"
_TEXTS: Final = ("words", "notes", "people", "devices")
_MOST_WORDS: Final = 8
_SORTS: Final[dict[str, tuple[str, ...]]] = {
    "severity": get_args(Severity),
    "state": get_args(AlertState),
    "reason": get_args(FalseAlarm),
}


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


class AlertCount(NamedTuple):
    """How many alerts there are."""

    times: Sequence[int]
    """When each was raised, epoch ms, rising."""
    severities: dict[str, int]
    states: dict[str, int]
    reasons: dict[str, int]
    """Of false alarms alone."""


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
    where, values = _conditions(search, after)
    return ask(
        f"""SELECT a.body {_FROM} CROSS JOIN alerts a ON a.id = s.id WHERE {where}
        ORDER BY s.raised_ms DESC, s.id DESC LIMIT ?""",
        [*values, limit],
    )


def place_of(alert: Row) -> str:
    """Return an alert's place in the order of `search_alerts`, for its `after`: the next page begins behind it."""
    return f"{alert['raised_ms']}.{alert['id']}"


def count_alerts(query: Ask, search: AlertSearch) -> AlertCount:
    """Return how many alerts are found, and of which sorts: all in one walk, as an answer has to be quick."""
    where, values = _conditions(search)
    sorts = [(column, word) for column, words in _SORTS.items() for word in words]
    sums = ", ".join(f"total(s.{column} = '{word}')" for column, word in sorts)
    ((times, *counts),) = query(f"SELECT json_group_array(s.raised_ms), {sums} {_FROM} WHERE {where}", values)
    found: dict[str, dict[str, int]] = {column: {} for column in _SORTS}
    for (column, word), count in zip(sorts, counts, strict=True):
        if count:
            found[column][word] = int(count)
    rising = sorted(msgspec.json.decode(times, type=list[int]))
    return AlertCount(rising, found["severity"], found["state"], found["reason"])


def choices_of(query: Ask, search: AlertSearch) -> tuple[list[str], list[str]]:
    """Return the kinds of what is found, and all who acknowledged or cleared something of it, by name."""
    where, values = _conditions(search)
    rows = query(f"SELECT DISTINCT s.kind, s.people {_FROM} WHERE {where}", values)
    kinds = {kind for kind, _ in rows}
    return sorted(kinds), sorted({name for _, people in rows for name in people.split("\n") if name})


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
    if dot and identifier and raised_ms.isascii() and raised_ms.removeprefix("-").isdigit() and len(after) <= 100:
        place = int(raised_ms)
        if abs(place) <= LATEST_MS:
            return place, identifier
    raise ValueError(f"after is {after[:40]!r}, expected what an earlier answer gave as next")


def _conditions(search: AlertSearch, after: str = "") -> tuple[str, list[object]]:
    """Return conditions on the row ``s`` of ``alert_search``, all of which must hold, and their values."""
    conditions, values = ["1"], list[object]()

    def add(condition: str, *more: object) -> None:
        conditions.append(condition)
        values.extend(more)

    for condition, ms in (
        ("s.raised_ms >= ?", search.since_ms),
        ("s.raised_ms < ?", search.until_ms),
    ):
        if ms is not None:
            add(condition, ms)
    for column, wanted in (
        ("kind", search.kinds),
        ("beat", search.beats),
        ("severity", search.severities),
        ("state", search.states),
    ):
        if wanted:
            add(f"s.{column} {_ONE_OF}", _listed(wanted))
    for column, wanted in (("devices", search.devices), ("people", search.people)):
        if wanted:
            add("(" + " OR ".join(f"instr(s.{column}, ?)" for _ in wanted) + ")", *map(_entry, wanted))
    if search.reasons:
        meant = {"any": "s.reason != ''", "none": "s.reason = ''"}
        sorts = [meant[one] for one in search.reasons if one in meant]
        add("(" + " OR ".join([f"s.reason {_ONE_OF}", *sorts]) + ")", _listed(search.reasons))
    for word in _folded(search.text).split()[:_MOST_WORDS]:
        like = "%" + word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        anywhere = [f"s.{column} LIKE ? ESCAPE '\\'" for column in _TEXTS]
        kinds = [kind for kind, titles in _titles().items() if word in titles]
        titled = [f"s.kind {_ONE_OF}"] if kinds else []
        add("(" + " OR ".join(anywhere + titled) + ")", *([like] * len(_TEXTS)), *([_listed(kinds)] if kinds else []))
    if after:
        add("(s.raised_ms, s.id) < (?, ?)", *_place(after))
    return " AND ".join(conditions), values


def _listed(words: Sequence[str]) -> str:
    return _encode(words).decode()


@cache
def _titles() -> dict[str, str]:
    """Return kind of alert → what people call it, in all languages."""
    return {
        kind: _folded("\n".join(in_all_languages(Why("kind", {"kind": kind})).values())) for kind in choices("kind")
    }
