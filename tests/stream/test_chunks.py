"""Long messages in chunks come together, also when their source was interrupted."""

import pytest

from ingest import frame
from ingest.frame import FrameError, FrameKind
from stream.state.chunks import Joiner, split

LONG = bytes(range(256)) * 10


def test_a_message_that_fits_is_sent_as_it_is():
    assert split(b"short") == [b"short"]
    assert Joiner().join(b"short", 0) == b"short"


def test_chunks_of_several_sources_come_together():
    one, two = split(LONG, 1, 1000), split(LONG[::-1], 2, 1000)
    joiner = Joiner()
    assert [joiner.join(chunk, at) for at, chunk in enumerate((one[0], two[0], one[1], two[1]))] == [None] * 4
    assert joiner.since == 0
    assert joiner.join(one[2], 4) == LONG
    assert joiner.since == 1
    assert joiner.join(two[2], 5) == LONG[::-1]
    assert joiner.since is None


def test_a_source_that_was_interrupted_begins_again():
    joiner, chunks = Joiner(), split(LONG, 0, 1000)
    found = [joiner.join(chunk, at) for at, chunk in enumerate([*chunks[:2], *chunks])]
    assert found.count(LONG) == 1
    other = split(LONG[1:], 0, 1000)
    assert [joiner.join(chunk, at) for at, chunk in enumerate([*chunks[:2], *other])][-1] == LONG[1:]


def chunk(number: int, data: bytes) -> bytes:
    return frame.encode(FrameKind.CHUNK, [0, number, 2, 4711], {"chunk": data})


def test_damaged_chunks_are_refused_by_name():
    chunks = split(LONG, 0, 2000)
    with pytest.raises(FrameError, match="cut short"):
        Joiner().join(chunks[0][:10], 0)
    with pytest.raises(FrameError, match="number 5 of 2"):
        Joiner().join(chunk(5, b"x"), 0)
    joiner = Joiner()
    joiner.join(chunk(0, b"one"), 0)
    with pytest.raises(FrameError, match="check sum"):
        joiner.join(chunk(1, b"another"), 1)
