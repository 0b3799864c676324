"""Devices that speak a vendor's dialect to the gateway: their codecs, and the file of what these must remember.

A codec has moved on when the log has what it said, and not before: else a crash between the two would count twice, or
not at all. So what has changed is written down first, with a mark of the record that it belongs to; at the next start
the log tells whether that record was written.
"""

import logging
import secrets
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from datetime import tzinfo
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import msgspec

from ingest import sqlite, topics
from ingest.codecs.bindings import Binding, BindingError, Bindings, fits
from ingest.codecs.codec import Codec, Meaning, VendorMessage
from ingest.codecs.memory import Memory
from ingest.codecs.native import Decoded, NativeCodec
from ingest.codecs.vendors import NAMES, codec_class
from ingest.events import Status
from ingest.health import Stranger
from ingest.log.records import Record
from ingest.observations import Observation
from ingest.refusal import Refusal
from ingest.vocabulary import Reason

_LOG: Final = logging.getLogger(__name__)
FILE: Final = "dialects.db"
"""In the site's folder."""
APPLICATION: Final = 0x50474449  # "PGDI"
VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE memory (device TEXT, key TEXT, value BLOB NOT NULL, PRIMARY KEY (device, key)) WITHOUT ROWID;
CREATE TABLE pending (device TEXT, key TEXT, value BLOB, PRIMARY KEY (device, key)) WITHOUT ROWID;
CREATE TABLE mark (position INTEGER NOT NULL, digest BLOB NOT NULL);
"""
_LOOKED_AT: Final = 1_000
"""Records behind a position among which the marked one is looked for: it is one of the next few."""
Changes = Mapping[tuple[str, str], bytes | None]
"""(device, key) → value; None: gone."""


class Speaking(Protocol):
    """A device of the places file."""

    @property
    def id(self) -> str:
        """Its id."""
        ...

    @property
    def beat(self) -> str:
        """Its beat."""
        ...

    @property
    def bindings(self) -> tuple[Binding, ...]:
        """What it says in a dialect."""
        ...


class _Log(Protocol):
    def read(self, after: int, *, limit: int, shard: int | None = None) -> list[Record]: ...
    def head(self, shard: int = 0) -> int: ...


class Interpreted(NamedTuple):
    """What a message in a dialect came to."""

    decoded: Decoded
    """Numbered observations. No bytes of the message are in it."""
    statuses: list[Status]
    strangers: list[Stranger]


class DialectFile:
    """Keeps what codecs remember. For one thread.

    Raises OSError where the file cannot be read or written; one that is damaged is put aside, and what can be read of
    it goes on.
    """

    def __init__(self, path: Path, log: _Log) -> None:
        self.path = path
        self._sure = False
        """Whether the log has what is pending."""
        self._connection = sqlite.connect(
            path, application_id=APPLICATION, version=VERSION, schema=_SCHEMA, rescue=_rescue
        )
        with sqlite.transaction(self._connection):
            mark = self._connection.execute("SELECT position, digest FROM mark").fetchone()
            after = [] if mark is None else log.read(min(mark[0], log.head()), limit=_LOOKED_AT)
            self._settle(sure=any(_digest(record) == mark[1] for record in after))

    def saved(self) -> dict[str, dict[str, bytes]]:
        """Return device → key → value."""
        found: dict[str, dict[str, bytes]] = {}
        for device, key, value in self._connection.execute("SELECT device, key, value FROM memory"):
            found.setdefault(device, {})[key] = value
        return found

    def intend(self, changes: Changes, records: list[Record], log: _Log) -> None:
        """Write down what is to be remembered once the log has these records; without records, at once."""
        with sqlite.transaction(self._connection):
            self._settle(sure=self._sure)
            rows = [(device, key, value) for (device, key), value in changes.items()]
            self._connection.executemany("INSERT INTO pending VALUES (?, ?, ?)", rows)
            if records:
                mark = log.head(), _digest(records[0])
                self._connection.execute("INSERT INTO mark VALUES (?, ?)", mark)
            else:
                self._settle(sure=True)
        self._sure = False

    def done(self) -> None:
        """Note that the log has the records."""
        self._sure = True

    def close(self) -> None:
        """Remember what is sure, and close the file."""
        with closing(self._connection), sqlite.transaction(self._connection):
            if self._sure:
                self._settle(sure=True)

    def _settle(self, *, sure: bool) -> None:
        """Remember what is pending where the log has it; else it is forgotten, and its messages come again."""
        run = self._connection.execute
        if sure:
            run("INSERT OR REPLACE INTO memory SELECT device, key, value FROM pending WHERE value IS NOT NULL")
            run("DELETE FROM memory WHERE (device, key) IN (SELECT device, key FROM pending WHERE value IS NULL)")
        run("DELETE FROM pending")
        run("DELETE FROM mark")


def _digest(record: Record) -> bytes:
    return blake2b(record.payload, digest_size=16).digest()


def _rescue(connection: sqlite3.Connection, kept: Path) -> tuple[int, str]:
    rows = sqlite.readable(kept, "SELECT device, key, value FROM memory")
    with sqlite.transaction(connection):
        connection.executemany("INSERT OR REPLACE INTO memory VALUES (?, ?, ?)", rows or ())
    return len(rows or ()), "" if rows is not None else "totals of devices begin anew"


class _Speaker:
    """One device with its codecs."""

    def __init__(self, site: str, device: Speaking, memory: Memory, zone: tzinfo) -> None:
        below = f"{topics.ROOT}/{site}/{device.beat}/{device.id}/"
        own = [msgspec.structs.replace(one, match=one.match.removeprefix(below)) for one in device.bindings]
        self.memory, self.bindings = memory, Bindings(own, codecs=NAMES)
        names = dict.fromkeys(one.codec for one in own)
        self.codecs: dict[str, Codec] = {name: codec_class(name)(self.bindings, memory, zone) for name in names}

    def asked(self, topic: str) -> list[Codec]:
        """Return the codecs that a topic is meant for: those it is bound in, or those that publish there, or all."""
        bound = [self.codecs[one.codec] for one in self.bindings.all if fits(one.match, topic)]
        usual = [one for one in self.codecs.values() if any(fits(pattern, topic) for pattern in one.topics)]
        return list(dict.fromkeys(bound or usual))


class Dialects:
    """The codecs of a site's devices. For one thread.

    Parameters
    ----------
    site, zone
        The site's id, and the zone of times that name none.
    """

    def __init__(self, site: str, zone: tzinfo) -> None:
        self._site, self._zone = site, zone
        self._boot, self._numbers = f"di-{secrets.token_hex(8)}", Counter[str]()
        self._devices: Mapping[str, Speaking] = {}
        self._saved: dict[str, dict[str, bytes]] = {}
        self._speakers: dict[str, _Speaker] = {}
        self._spoke: set[str] = set()
        self._path: Path | None = None
        self._log: _Log | None = None
        self._file: DialectFile | None = None
        self._unsaved: dict[tuple[str, str], bytes | None] = {}
        self.deaf = False
        """What is heard now comes once more: nothing is taken of it."""
        self.told: Counter[str] = Counter()
        """How often something was left out, or noted, on purpose (`ingest.codecs.codec.Told`)."""

    def keep_in(self, path: Path, log: _Log) -> None:
        """Take what was saved before, and save there from now on; there is no file before a device has bindings.

        Raises OSError as `DialectFile`.
        """
        self._path, self._log = path, log
        if path.exists():
            self._open(path, log)

    def _open(self, path: Path, log: _Log) -> None:
        self._file = DialectFile(path, log)
        self._saved = self._file.saved()

    def intend(self, changes: Changes, records: list[Record], log: _Log) -> None:
        """Write down what is to be remembered once the log has these records; where that fails, nothing waits for it.

        What could not be written is with the next again.
        """
        self._unsaved |= changes
        if self._file is None or not self._unsaved:
            return
        try:
            self._file.intend(self._unsaved, records, log)
            self._unsaved = {}
        except (OSError, sqlite3.Error) as error:
            _LOG.error("what dialects have counted cannot be written to %s: %s", self._file.path, error)

    def done(self) -> None:
        """Note that the log has the records."""
        if self._file is not None:
            self._file.done()

    def close(self) -> None:
        """Save what is sure; where that cannot be done, the log tells it at the next start."""
        if self._file is not None:
            with suppress(OSError, sqlite3.Error):
                self._file.close()

    def go_by(self, devices: Mapping[str, Speaking]) -> None:
        """Take the devices of a site, or other ones; what codecs remember of a device stays. Raises as `keep_in`."""
        speaking = any(device.bindings for device in devices.values())
        if speaking and self._file is None and self._path is not None and self._log is not None:
            self._open(self._path, self._log)
        self._devices = devices
        for device, one in self._speakers.items():
            self._saved[device] = {**self._saved.get(device, {}), **one.memory.all()}
        self._speakers = {}

    def decode(
        self, device: str, topic: str, payload: bytes, native: NativeCodec, *, received_ms: int, retained: bool
    ) -> Interpreted:
        """Return what a message on a device's topic came to; `topic` is what stands behind the device's id.

        On ``obs`` it may be native as well, unless that topic is bound.
        """
        speaker = self._speaker(device)
        if speaker is None or self.deaf or not payload:
            return Interpreted(Decoded([], [], []), [], [])
        codecs = speaker.asked(topic)
        if not codecs and topic == "obs":
            found = native.decode(payload)
            if found.observations:
                refusals = [msgspec.structs.replace(one, payload=b"") for one in found.refusals]
                return Interpreted(Decoded(found.observations, refusals, [b""] * len(found.observations)), [], [])
        message = VendorMessage(topic, payload, received_ms, retained, sender=device)
        self._spoke.add(device)
        meanings: list[Meaning] = []
        for codec in codecs or speaker.codecs.values():
            meaning = codec.decode(message)
            meanings.append(meaning)
            if meaning.observations or meaning.statuses:
                meanings = [meaning]
                break
        return self._spoken(device, meanings)

    def _spoken(self, device: str, meanings: list[Meaning]) -> Interpreted:
        """Return what one of several codecs said, or why none did: the word of the first that refused nothing."""
        best = next((one for one in meanings if not one.refusals), meanings[0])
        self.told.update(best.told)
        said = [self._numbered(device, one) for _, one in best.observations]
        refusals = list(best.refusals)
        if best.strangers and not said and not best.statuses:
            one = best.strangers[0]
            what = f"{one.codec}, match {one.match!r}, part {one.part!r}"
            refusals.append(Refusal(Reason.UNKNOWN_DEVICE, f"bound to no device: {what}"))
        states = [state for _, state in best.statuses]
        return Interpreted(Decoded(said, refusals, [b""] * len(said)), states, best.strangers)

    def changes(self) -> dict[tuple[str, str], bytes | None]:
        """Return what codecs are to remember of all messages since the last call."""
        found: dict[tuple[str, str], bytes | None] = {}
        for device in self._spoke:
            speaker = self._speakers.get(device)
            if speaker is not None:
                found |= {(device, key): value for key, value in speaker.memory.changes().items()}
        self._spoke.clear()
        return found

    def _speaker(self, device: str) -> _Speaker | None:
        speaker = self._speakers.get(device)
        if speaker is not None:
            return speaker
        place = self._devices.get(device)
        if place is None or not place.bindings:
            return None
        memory = Memory(self._saved.pop(device, {}))
        try:
            speaker = self._speakers[device] = _Speaker(self._site, place, memory, self._zone)
        except BindingError as error:  # such places are refused when they are read
            _LOG.error("%s: %s", device, error)
        return speaker

    def _numbered(self, device: str, said: Observation) -> Observation:
        """Two people may pass in one second: what a codec says is new, however much it is like the one before."""
        number = self._numbers[device]
        self._numbers[device] += 1
        return msgspec.structs.replace(said, boot=self._boot, seq=number)


def check_bindings(devices: Iterable[Speaking]) -> None:
    """Raise `BindingError`, which names the device, for bindings that no codec can use."""
    for device in devices:
        try:
            Bindings(device.bindings, codecs=NAMES)
        except BindingError as error:
            raise BindingError(f"device {device.id!r}: {error}") from None
