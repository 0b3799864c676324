"""The head of the audit log is kept at the broker, and what is wrong with the log shows by it."""

from contextlib import closing

import msgspec
import pytest

from console.people.audit import AuditFault, Head
from console.people.caretaker import Caretaker, KeptHead
from console.people.people import People, Person
from ingest.sqlite import StorageError
from ingest.topics import audit_head

TOPIC = audit_head("s")


class FakeWire:
    """A broker that keeps what it is told."""

    def __init__(self, kept=None):
        self.connected, self.connections, self.kept_head, self.told, self.forged = True, 1, kept, [], []

    def tell(self, topic, payload):
        assert topic == TOPIC
        self.kept_head = payload
        self.told.append(msgspec.json.decode(payload, type=KeptHead))

    def take_forged(self):
        found, self.forged = self.forged, []
        return found


@pytest.fixture
def people(tmp_path):
    made = People(tmp_path)
    made.add(Person(id="li", name="Li Wei", role="duty"), "cli:root")
    with closing(made.file):
        yield made


def turns(people, wire, times=2):
    caretaker = Caretaker("s", people, wire)
    for _ in range(times):
        caretaker.turn()
    return caretaker


def test_the_head_is_published_whenever_it_has_changed(people):
    wire = FakeWire()
    caretaker = turns(people, wire, 4)
    people.audit.note("li", "acknowledge", "al-1")
    caretaker.turn()
    assert [one.number for one in wire.told] == [people.audit.head().number - 1, people.audit.head().number]
    assert wire.told[-1].hash == people.audit.head().hash
    wire.connections += 1  # another broker, perhaps, that keeps nothing
    wire.kept_head = None
    caretaker.turn()
    caretaker.turn()
    assert len(wire.told) == 3
    assert people.audit.verify(Head(*msgspec.structs.astuple(wire.told[-1])[:2])) == []


def test_nothing_is_said_without_accounts_and_no_file_is_made(tmp_path):
    wire = FakeWire()
    wire.forged = [b"x"]
    turns(People(tmp_path), wire)
    assert wire.told == []
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_said_without_a_connection(people):
    wire = FakeWire()
    wire.connected = False
    turns(people, wire, 3)
    assert wire.told == []


def test_a_log_that_was_cut_while_the_board_was_away_is_told_in_the_log(people, caplog):
    wire = FakeWire()
    people.audit.note("li", "acknowledge", "al-1")
    people.audit.note("li", "clear", "al-1")
    turns(people, wire)
    kept = wire.told[-1]
    with people.file.change() as connection:
        connection.execute("DELETE FROM audit WHERE number = ?", (kept.number,))
    turns(people, wire)
    assert "was cut short or made anew" in caplog.text
    entry = people.audit.entries(limit=1)[0]
    assert (entry.what, entry.about, entry.detail["hash"]) == ("log-broken", str(kept.number), kept.hash)
    assert people.audit.verify() == [AuditFault("noted", entry.number)]
    told = len(wire.told)
    turns(people, wire)
    assert (len(wire.told), people.audit.head().number) == (told + 1, entry.number), "it is told once"


def test_a_log_that_is_cut_while_the_board_runs_is_told_too(people):
    wire = FakeWire()
    people.audit.note("li", "clear", "al-1")
    caretaker = turns(people, wire)
    kept = wire.told[-1]
    with people.file.change() as connection:
        connection.execute("DELETE FROM audit WHERE number = ?", (kept.number,))
    people.audit.note("li", "see", "al-2")  # under the same number
    caretaker.turn()
    entry = people.audit.entries(limit=1)[0]
    assert (entry.what, entry.about, entry.detail["hash"]) == ("log-broken", str(kept.number), kept.hash)
    caretaker.turn()
    assert people.audit.head().number == wire.told[-1].number == entry.number, "it is told once"


def test_junk_that_is_kept_there_is_no_head(people):
    for junk in (b"", b"junk", b"[]", b'{"number":"x"}', b'{"number":-1,"hash":"","ts":0}'):
        before = people.audit.head().number
        turns(people, FakeWire(junk))
        assert people.audit.head().number - before == (1 if junk.startswith(b'{"number":-1') else 0)


def test_forged_commands_are_in_the_log(people):
    wire = FakeWire()
    wire.forged = [b'{"id":"c","by":"chief"}', b"\xff\x00"]
    turns(people, wire, 3)
    found = [entry for entry in people.audit.entries() if entry.what == "command-refused"]
    assert [(entry.about, entry.detail) for entry in found] == [
        ("mqtt", {"count": 2, "first": '{"id":"c","by":"chief"}'})
    ]


def test_a_file_that_cannot_be_read_stops_nothing(people, caplog, monkeypatch):
    def fail():
        raise StorageError("people.db: disk I/O error")

    wire = FakeWire()
    caretaker = turns(people, wire, 1)
    with monkeypatch.context() as patched:
        patched.setattr(people.audit, "head", fail)
        caretaker.turn()
        assert "cannot be read or written: people.db: disk I/O error" in caplog.text
    caretaker.turn()
    assert wire.told[-1].number == people.audit.head().number
