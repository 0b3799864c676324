"""What a device has said just now, and what became of it: read from the log and the quarantine, beside the node.

`patrolgrid listen` hears the broker and says what would become of a message; here stands what has. The board's account
at the broker reads no observations, for number plates are in them. What a person is shown has tokens in their place.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated, Final

import msgspec

from console.hearing import HeardRow, concerns, rows_of
from ingest.events import DeviceFault, DeviceStatus
from ingest.health import AgentReport
from ingest.log import Record, RecordKind
from ingest.log.log_view import LogView
from ingest.sqlite import StorageError, untouched

_FIRST: Final = 100
"""Records before the end of the log in which somebody who has just come is shown what was said last."""
_MOST_RECORDS: Final = 300
"""Records that are looked through at once; who is further behind is shown the newest."""
_MOST_SHOWN: Final = 40
_FIRST_MS: Final = 600_000
_REFUSED: Final = (
    "SELECT last_ms, topic, reason, detail, count FROM entries WHERE last_ms > ? AND instr(lower(topic), ?) "
    "ORDER BY last_ms DESC LIMIT ?"
)
_TOLD: Final[dict[RecordKind, type[DeviceStatus | AgentReport | DeviceFault]]] = {
    RecordKind.STATUS: DeviceStatus, RecordKind.HEALTH: AgentReport, RecordKind.FAULT: DeviceFault,
}  # fmt: skip
Mark = Annotated[str, msgspec.Meta(pattern=r"^(\d{1,15}\.\d{1,15})?$", description="`after` of the answer before.")]


class JustHeard(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that was heard of a device."""

    at_ms: int
    """When it was received, epoch ms."""
    what: str
    """``observations``, ``status``, ``health``, ``fault`` or ``refused``."""
    rows: list[HeardRow] = []
    word: str = ""
    """The status, the fault, or the reason why it was refused."""
    detail: str = ""
    why: str = ""
    advice: str = ""
    """The reason in words, and what to do about it; in the reader's language, where somebody reads."""
    topic: str = ""
    """Of what was refused: it may not be the device's own."""
    times: int = 1


class LatelyHeard(msgspec.Struct, frozen=True, kw_only=True):
    """What was heard since the last time, oldest first."""

    after: str
    """What to ask with the next time."""
    known: bool
    """Whether the log can be read here: a city's is on Kafka."""
    heard: list[JustHeard]


def lately_heard(folder: Path, device: str, after: str) -> LatelyHeard:
    """Return what was heard of a device since an answer whose `after` is given; empty for the last minutes.

    Parameters
    ----------
    folder
        The site's, with log and quarantine.
    """
    position, refused_ms = (int(part) for part in after.split(".")) if after else (0, 0)
    log = LogView(folder / "log.db")
    try:
        span = log.span()
    except StorageError:
        return LatelyHeard(after=after, known=False, heard=[])
    newest = 0 if span is None else span[1]
    least = newest - (_MOST_RECORDS if after else _FIRST)
    position = max(position, least, 0)
    heard: list[JustHeard] = []
    while position < newest:
        records = log.read(position, _MOST_RECORDS)
        if not records:
            break
        heard += [one for record in records for one in _of_record(record, device)]
        position = records[-1].position
    since = refused_ms or (log.received_ms(newest) - _FIRST_MS if newest else 0)
    refused = list(_refused(folder / "quarantine.db", device, since))
    refused_ms = max([since, *(one.at_ms for one in refused)])
    heard = sorted(heard + refused, key=lambda one: one.at_ms)[-_MOST_SHOWN:]
    return LatelyHeard(after=f"{max(position, 0)}.{max(refused_ms, 0)}", known=True, heard=heard)


def _of_record(record: Record, device: str) -> Iterator[JustHeard]:
    if record.kind is RecordKind.OBSERVATIONS:
        if device.encode() in record.payload:  # most records are of other devices, and need no decoding
            rows = rows_of(record, device)
            if rows:
                yield JustHeard(at_ms=record.received_ms, what="observations", rows=rows[:_MOST_SHOWN], times=len(rows))
    elif record.kind in _TOLD and device.encode() in record.payload:
        said = msgspec.json.decode(record.payload, type=_TOLD[record.kind])
        if said.device != device:
            return
        word = said.state if isinstance(said, DeviceStatus) else said.what if isinstance(said, DeviceFault) else ""
        yield JustHeard(at_ms=record.received_ms, what=record.kind.name.lower(), word=word)


def _refused(path: Path, device: str, since_ms: int) -> Iterator[JustHeard]:
    """Yield what was refused since then on a topic that names the device; equal ones count together."""
    if not path.is_file():
        return
    try:
        with closing(untouched(path)) as connection:
            rows = connection.execute(_REFUSED, (since_ms, device.lower(), _MOST_SHOWN)).fetchall()
    except sqlite3.Error:  # being made, or mended, just now: the next look sees it
        return
    for at_ms, topic, reason, detail, count in rows:
        if concerns(topic, device):
            yield JustHeard(at_ms=at_ms, what="refused", word=reason, detail=detail, topic=topic, times=count)
