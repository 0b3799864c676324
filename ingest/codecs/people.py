"""What people and other systems say, on its way into the log: decoded and checked, without plates, with plain times."""

import hmac
from collections.abc import Callable, Iterable
from typing import Annotated, Final

import msgspec

from ingest.events import Command, Incident, PatrolDid, Status, read_status
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
_SIGN: Final = b',"sign":"'
_SIGN_BYTES: Final = len(_SIGN) + 64 + len(b'"}')


def signed(payload: bytes, topic: str, key: bytes) -> bytes:
    """Return a command as JSON with its signature as the last key: only the board and the gateways have the secret.

    HMAC-SHA-256 over the topic and the command as it stands before it, so that nothing has to be written again in the
    same way. Where a broker tells its clients apart (`deploy/mosquitto`), it is a second lock behind that one.
    """
    return payload[:-1] + _SIGN + _proof(payload, topic, key) + b'"}'


def is_signed(payload: bytes, topic: str, keys: Iterable[bytes]) -> bool:
    """Tell whether one of the secrets has signed a command for this topic.

    >>> sent = signed(b'{"id":"c"}', "s/commands", b"secret")
    >>> is_signed(sent, "s/commands", [b"secret"]), is_signed(sent, "t/commands", [b"secret"])
    (True, False)
    """
    body, sign = payload[:-_SIGN_BYTES] + b"}", payload[-_SIGN_BYTES:]
    return any(hmac.compare_digest(sign, _SIGN + _proof(body, topic, key) + b'"}') for key in keys)


def _proof(body: bytes, topic: str, key: bytes) -> bytes:
    return hmac.digest(key, b"patrolgrid command 1\0" + topic.encode() + b"\0" + body, "sha256").hex().encode()


def said_record(said: Said, officer: str, hide: Callable[[str], str], received_ms: int) -> Record:
    """Return the record of what was said; `officer` is whose topic it came on, `hide` takes plates out of texts."""
    if isinstance(said, Command):
        by, name, note = hide(said.by)[:64], hide(said.name)[:64], hide(said.note)[:280]
        clean: object = msgspec.structs.replace(said, ts=epoch_ms(said.ts), by=by, note=note, name=name)
        kind = RecordKind.COMMAND
    elif isinstance(said, PatrolDid):
        note, ts = hide(said.note)[:280], None if said.ts is None else epoch_ms(said.ts)
        clean = msgspec.structs.replace(said, officer=officer, ts=ts, note=note)
        kind = RecordKind.DID
    else:
        clean = [_clean(one, hide) for one in said] if isinstance(said, list) else _clean(said, hide)
        kind = RecordKind.INCIDENT
    return Record(kind, received_ms, msgspec.json.encode(clean))


def _clean(incident: Incident, hide: Callable[[str], str]) -> Incident:
    text = hide(incident.text)[:280] if incident.text else ""
    return msgspec.structs.replace(incident, ts=epoch_ms(incident.ts), text=text)
