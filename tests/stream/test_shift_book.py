"""What people write into the shift book: through the log, once, and kept without plates."""

import msgspec
import pytest

from ingest.codecs.people import READERS, said_record
from ingest.events import LONG_NOTE, Command, StillOpen
from ingest.log.records import RecordKind
from ingest.vocabulary import Reason
from stream.pipeline.pipeline import Pipeline
from stream.sinks.store.book_table import book_between, entry, handed_over, notes_of
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.retention import DAY_MS, Retention, prune
from stream.sinks.store.store_sink import StoreSink
from tests.configs import pipeline_with
from tests.stream.build import MINUTE, NOON, Writer, places
from tests.stream.make_results import T0, hand_over, note, results


def said(command: Command) -> dict:
    return msgspec.to_builtins(command)


def test_a_note_is_in_the_results_once_with_the_time_of_its_receipt():
    pipe, log = Pipeline(pipeline_with(country=""), places()), Writer()
    pipe.process(log.tick(NOON))
    first = pipe.process(log.json(RecordKind.COMMAND, NOON + MINUTE, **said(note(ts=NOON))))
    assert [(one.note, one.shown, one.ts) for one in first.book] == [
        ("the key is with the neighbour", "Li Na", NOON + MINUTE)
    ]
    again = Pipeline(pipeline_with(country=""), places())
    again.restore(pipe.snapshot())
    for one in (pipe, again):
        repeat = one.process(log.json(RecordKind.COMMAND, NOON + 2 * MINUTE, **said(note(ts=NOON))))
        assert (repeat.book, repeat.refusals) == ([], []), "a press that a phone has sent twice"


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ({"action": "acknowledge"}, "alert is empty"),
        ({"action": "acknowledge", "alert": "a", "note": "x" * 281}, "281 characters, expected at most 280"),
        ({"note": ""}, "note is empty"),
        ({"action": "take"}, "about is empty, expected what the take is about"),
        ({"action": "hand_over", "note": "x" * (LONG_NOTE + 1), "about": "s"}, "1000"),
        ({"action": "hand_over", "about": "s", "handed": [{"what": "alert"}] * 61}, "60"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(more, wrong):
    command = {"id": "c", "action": "note", "by": "li", "ts": T0, "note": "x"} | more
    with pytest.raises(msgspec.ValidationError, match=wrong):
        READERS[RecordKind.COMMAND][0](msgspec.json.encode(command))
    pipe, log = Pipeline(pipeline_with(country=""), places()), Writer()
    (refused,) = pipe.process(log.json(RecordKind.COMMAND, NOON, **command)).refusals
    assert refused.reason == Reason.COMMAND


def test_a_command_of_an_earlier_version_is_still_one():
    old = b'{"id":"c","action":"clear","alert":"a","by":"li","ts":0,"note":"n","name":""}'
    assert msgspec.json.decode(old, type=Command) == Command(id="c", action="clear", alert="a", by="li", ts=0, note="n")


def test_plates_are_taken_out_of_all_that_people_wrote():
    mute = StillOpen(what="mute", where="b1 PLATE", text="for PLATE")
    word = hand_over(note="the car PLATE is back", to="PLATE", by="PLATE", name="PLATE", handed=(mute,))
    record = said_record(word, "", lambda text: text.replace("PLATE", "h1:t"), T0)
    assert b"PLATE" not in record.payload
    kept = msgspec.json.decode(record.payload, type=Command)
    assert (kept.note, kept.handed[0].text) == ("the car h1:t is back", "for h1:t")


@pytest.fixture
def store(tmp_path):
    sink, reader = StoreSink(tmp_path / "store.db", "s1"), StoreReader(tmp_path / "store.db")
    yield sink, reader.query
    reader.close()
    sink.close()


def test_the_store_finds_entries_by_time_alert_and_shift(store):
    sink, query = store
    taken = [note(f"t-{who}", T0 + n, action="take", about="h-1", by=who, note="") for n, who in enumerate("wz", 3)]
    sink.write([results(1, book=[note("n-1", T0), note("n-2", T0 + 5, alert="al-1"), hand_over("h-1", T0 + 2)])])
    sink.write([results(2, book=[*taken, hand_over("h-2", T0 + 9, about="night-1")])])
    assert [row["id"] for row in book_between(query, T0, T0 + 5)] == ["n-1", "h-1", "t-w", "t-z"]
    assert (entry(query, "h-1") or {})["to"] == "Wang Lei"
    assert entry(query, "h") is None
    (over,) = handed_over(query, ["late-1"])
    assert (over["by"], over["taken"]["by"]) == ("li", "w"), "the first who took it"
    assert [row["taken"] for row in handed_over(query, ["night-1", "gone"])] == [None]
    assert {alert: [row["id"] for row in rows] for alert, rows in notes_of(query, ["al-1", "al-2"]).items()} == {
        "al-1": ["n-2"]
    }


def test_the_book_is_kept_for_years_and_not_for_ever(store):
    sink, query = store
    sink.write([results(1, book=[note("old", T0 - 3 * DAY_MS), note("new", T0)])])
    with sink._opened() as connection:
        prune(connection, Retention(book_days=2), T0)
    assert [row["id"] for row in book_between(query, 0, T0 + 1)] == ["new"]
