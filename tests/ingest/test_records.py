"""A record as the value of one Kafka record: what comes back, and what is refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import frame
from ingest.frame import FrameError, FrameKind, NewerFrameError
from ingest.log.records import Record, RecordKind, decode_record, encode_record
from tests.support import examples

RECORDS = st.builds(Record, st.sampled_from(RecordKind), st.integers(-(2**62), 2**62), st.binary(max_size=400))


@settings(max_examples=examples(60))
@given(record=RECORDS, shard=st.integers(0, 1000), position=st.integers(1, 2**60))
def test_a_record_comes_back_with_where_it_was_read(record, shard, position):
    found = decode_record(encode_record(record), shard=shard, position=position)
    assert (found.kind, found.received_ms, found.payload) == (record.kind, record.received_ms, record.payload)
    assert (found.shard, found.position) == (shard, position)


def test_an_unknown_kind_asks_for_an_upgrade():
    with pytest.raises(NewerFrameError, match="kind 200, known are 1 to 15: upgrade"):
        decode_record(encode_record(Record(200, 1, b"x")))  # type: ignore[arg-type]


def test_a_tombstone_and_a_record_without_payload_are_refused():
    with pytest.raises(FrameError, match="tombstone"):
        decode_record(None)
    with pytest.raises(FrameError, match="no payload"):
        decode_record(frame.encode(FrameKind.RECORD, (1, 2), {}))
