"""The value of a Kafka record: what comes back, and how each kind of damage is told from the others."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.log import kafka_codec
from ingest.log.kafka_codec import (
    AlteredRecordError,
    FutureRecordError,
    NotARecordError,
    RecordError,
    TruncatedRecordError,
    decode,
    encode,
)
from ingest.log.records import Record, RecordKind

RECORDS = st.builds(Record, st.sampled_from(RecordKind), st.integers(-(2**62), 2**62), st.binary(max_size=400))


@settings(max_examples=60)
@given(record=RECORDS, shard=st.integers(0, 1000), position=st.integers(1, 2**60))
def test_a_record_comes_back_with_where_it_was_read(record, shard, position):
    found = decode(encode(record), shard=shard, position=position)
    assert (found.kind, found.received_ms, found.payload) == (record.kind, record.received_ms, record.payload)
    assert (found.shard, found.position) == (shard, position)


@settings(max_examples=60)
@given(record=RECORDS, data=st.data())
def test_a_record_cut_short_anywhere_is_called_truncated(record, data):
    value = encode(record)
    cut = data.draw(st.integers(1, len(value) - 1))
    with pytest.raises(TruncatedRecordError, match="cut short"):
        decode(value[:cut])


@settings(max_examples=60)
@given(record=RECORDS, data=st.data())
def test_no_altered_byte_passes(record, data):
    value = bytearray(encode(record))
    place = data.draw(st.integers(0, len(value) - 1))
    value[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(RecordError):
        decode(bytes(value))


@settings(max_examples=60)
@given(st.binary(max_size=200))
def test_strangers_bytes_raise_nothing_but_record_errors(value):
    with pytest.raises(RecordError):
        decode(value)


def test_what_follows_a_record_is_an_alteration():
    with pytest.raises(AlteredRecordError, match="follows"):
        decode(encode(Record(RecordKind.TICK, 1, b"")) + b"\0")


def test_a_later_version_and_an_unknown_kind_ask_for_an_upgrade(monkeypatch):
    record = Record(RecordKind.TICK, 1, b"x")
    monkeypatch.setattr(kafka_codec, "VERSION", 9)
    later = encode(record)
    monkeypatch.undo()
    for value in (later, later[:6]):  # a version is told before anything else is looked at: it may be shorter
        with pytest.raises(FutureRecordError, match="version 9, expected at most 1"):
            decode(value)
    with pytest.raises(FutureRecordError, match="kind 200"):
        decode(encode(Record(200, 1, b"x")))  # type: ignore[arg-type]


def test_a_tombstone_and_a_stranger_are_no_records():
    for value in (None, b"", b"{}", b"PGB\1"):
        with pytest.raises(NotARecordError):
            decode(value)


def test_the_payload_of_a_batch_stays_aligned():
    value = encode(Record(RecordKind.OBSERVATIONS, 1, b"PGB" + bytes(61)))
    assert value.index(b"PGB") % 8 == 0
