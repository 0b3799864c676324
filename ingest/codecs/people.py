"""What people and other systems say, on its way into the log: decoded and checked, without plates, with plain times."""

from collections.abc import Callable
from typing import Annotated, Final

import msgspec

from ingest.events import BOOK_ACTIONS, LONG_NOTE, NOTE, Command, Incident, PatrolDid, Status, read_status
from ingest.health import AgentHealth, read_health
from ingest.log import Record, RecordKind
from ingest.observations import epoch_ms
from ingest.vocabulary import Reason

MOST_INCIDENTS: Final = 1_000
"""In one message."""
Said = Incident | list[Incident] | Command | PatrolDid
_INCIDENTS: Final = Incident | Annotated[list[Incident], msgspec.Meta(min_length=1, max_length=MOST_INCIDENTS)]

READERS: Final[dict[RecordKind, tuple[Callable[[bytes], Said | Status | AgentHealth], Reason]]] = {
    RecordKind.INCIDENT: (msgspec.json.Decoder(_INCIDENTS).decode, Reason.INCIDENT),
    RecordKind.COMMAND: (msgspec.json.Decoder(Command).decode, Reason.COMMAND),
    RecordKind.DID: (msgspec.json.Decoder(PatrolDid).decode, Reason.PATROL),
    RecordKind.STATUS: (read_status, Reason.STATUS),
    RecordKind.HEALTH: (read_health, Reason.STATUS),
}
"""What is no observation -> its decoder, and the reason where that fails."""


def said_record(said: Said, officer: str, hide: Callable[[str], str], received_ms: int) -> Record:
    """Return the record of what was said; `officer` is whose topic it came on, `hide` takes plates out of texts."""
    if isinstance(said, Command):
        clean: object = _clean_command(said, hide)
        kind = RecordKind.COMMAND
    elif isinstance(said, PatrolDid):
        note, ts = hide(said.note)[:280], None if said.ts is None else epoch_ms(said.ts)
        clean = msgspec.structs.replace(said, officer=officer, ts=ts, note=note)
        kind = RecordKind.DID
    else:
        clean = [_clean(one, hide) for one in said] if isinstance(said, list) else _clean(said, hide)
        kind = RecordKind.INCIDENT
    return Record(kind, received_ms, msgspec.json.encode(clean))


def _clean_command(command: Command, hide: Callable[[str], str]) -> Command:
    """Return a command without plates in what people wrote; a token may be longer than its plate."""
    most = LONG_NOTE if command.action in BOOK_ACTIONS else NOTE
    return msgspec.structs.replace(
        command,
        ts=epoch_ms(command.ts),
        by=hide(command.by)[:64],
        name=hide(command.name)[:64],
        note=hide(command.note)[:most],
        to=hide(command.to)[:64],
        handed=tuple(
            msgspec.structs.replace(one, where=hide(one.where)[:120], text=hide(one.text)[:80])
            for one in command.handed
        ),
    )


def _clean(incident: Incident, hide: Callable[[str], str]) -> Incident:
    text = hide(incident.text)[:280] if incident.text else ""
    return msgspec.structs.replace(incident, ts=epoch_ms(incident.ts), text=text)
