"""What people and other systems say, on its way into the log: decoded and checked, without plates, with plain times."""

from collections.abc import Callable
from typing import Annotated, Final

import msgspec

from ingest.events import Command, Incident, PatrolDid, Status, read_status
from ingest.gateway.plates import Plates
from ingest.gateway.routes import Leaf
from ingest.log import Record, RecordKind
from ingest.observations import epoch_ms
from ingest.vocabulary import Reason

MOST_INCIDENTS: Final = 1_000
"""In one message."""
Said = Incident | list[Incident] | Command | PatrolDid
_INCIDENTS: Final = Incident | Annotated[list[Incident], msgspec.Meta(max_length=MOST_INCIDENTS)]

READERS: Final[dict[Leaf, tuple[Callable[[bytes], Said | Status], Reason]]] = {
    Leaf.INCIDENT: (msgspec.json.Decoder(_INCIDENTS).decode, Reason.INCIDENT),
    Leaf.COMMAND: (msgspec.json.Decoder(Command).decode, Reason.COMMAND),
    Leaf.DID: (msgspec.json.Decoder(PatrolDid).decode, Reason.PATROL),
    Leaf.STATUS: (read_status, Reason.STATUS),
}
"""What is no observation -> its decoder, and the reason where that fails."""


def said_record(said: Said, officer: str, plates: Plates, received_ms: int) -> Record:
    """Return the record of what was said; `officer` is whose topic it came on."""
    if isinstance(said, Command):
        by, note = plates.hidden_text(said.by)[:64], plates.hidden_text(said.note)[:280]
        clean: object = msgspec.structs.replace(said, ts=epoch_ms(said.ts), by=by, note=note)
        kind = RecordKind.COMMAND
    elif isinstance(said, PatrolDid):
        note, ts = plates.hidden_text(said.note)[:280], None if said.ts is None else epoch_ms(said.ts)
        clean = msgspec.structs.replace(said, officer=officer, ts=ts, note=note)
        kind = RecordKind.DID
    else:
        clean = [_clean(one, plates) for one in said] if isinstance(said, list) else _clean(said, plates)
        kind = RecordKind.INCIDENT
    return Record(kind, received_ms, msgspec.json.encode(clean))


def _clean(incident: Incident, plates: Plates) -> Incident:
    text = plates.hidden_text(incident.text)[:280] if incident.text else ""
    return msgspec.structs.replace(incident, ts=epoch_ms(incident.ts), text=text)
