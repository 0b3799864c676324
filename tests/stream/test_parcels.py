"""Long messages in pieces come together again, whoever begins anew."""

import pytest

from stream.state.chunks import Joiner, ParcelError, split

LONG = bytes(range(256)) * 10


def test_a_message_that_fits_is_sent_as_it_is():
    assert split(b"short") == [b"short"]
    assert Joiner().join(b"short", 0) == b"short"


def test_pieces_of_several_sources_come_together():
    one, two = split(LONG, 1, 1000), split(LONG[::-1], 2, 1000)
    joiner = Joiner()
    assert [joiner.join(piece, at) for at, piece in enumerate((one[0], two[0], one[1], two[1]))] == [None] * 4
    assert joiner.since == 0
    assert joiner.join(one[2], 4) == LONG
    assert joiner.since == 1
    assert joiner.join(two[2], 5) == LONG[::-1]
    assert joiner.since is None


def test_who_was_ended_in_between_begins_anew():
    joiner, pieces = Joiner(), split(LONG, 0, 1000)
    found = [joiner.join(piece, at) for at, piece in enumerate([*pieces[:2], *pieces])]
    assert found.count(LONG) == 1
    other = split(LONG[1:], 0, 1000)
    assert [joiner.join(piece, at) for at, piece in enumerate([*pieces[:2], *other])][-1] == LONG[1:]


def test_damaged_pieces_are_refused_by_name():
    pieces = split(LONG, 0, 2000)
    with pytest.raises(ParcelError, match="cut short"):
        Joiner().join(pieces[0][:10], 0)
    with pytest.raises(ParcelError, match="newer program"):
        Joiner().join(pieces[0][:3] + b"\x05" + pieces[0][4:], 0)
    joiner = Joiner()
    joiner.join(pieces[0], 0)
    with pytest.raises(ParcelError, match="check sum"):
        joiner.join(pieces[1][:-1], 1)
