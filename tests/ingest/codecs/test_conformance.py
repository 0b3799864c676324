"""What every codec must hold, whoever wrote it: a codec joins by being named in `ingest.codecs.vendors`."""

from __future__ import annotations

import json
import re
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.codecs.vendors import NAMES, codec_class
from ingest.observations import Count, Gate
from ingest.vocabulary import Reason
from tests.ingest.codecs.cases import Feed, chains, everything_of, message_of
from tests.support import examples

ZONE = ZoneInfo("Asia/Shanghai")
CHAINS = [(name, chain) for name in NAMES for chain in chains(name)]
SHOWN = [f"{name}: {chain[-1]['id']}" for name, chain in CHAINS]
LIST = [one[0] for one in CHAINS]
PERSONAL = re.compile(
    r"[\u4e00-\u9fff][A-Z][A-Z0-9]{5,6}(?![A-Z0-9])"  # a plate
    r"|(?<![0-9])1[3-9][0-9]{9}(?![0-9])"  # a telephone
    r"|(?<![0-9])[0-9]{17}[0-9Xx](?![0-9])"  # an identity number
    r"|[A-Za-z0-9+/]{200,}={0,2}"  # a picture
)


def passages(meanings):
    """Return the passages of what was said, and the readings and states as a set: the same again is no other."""
    said = [one for meaning in meanings for one in meaning.observations]
    passed = [one for one in said if isinstance(one[1], Count | Gate)]
    return passed, {msgspec.json.encode(one) for one in said if not isinstance(one[1], Count | Gate)}


def fed(feed, chain):
    return [feed(message_of(case)) for case in chain]


@pytest.mark.parametrize("name", NAMES)
def test_a_codec_says_what_it_is_and_what_to_bind(name):
    codec = codec_class(name)
    assert codec.name == name
    assert "match" in codec.binds
    assert set(codec.binds) <= {"match", "part", "of", "direction", "directions", "metric", "states", "unit", "meaning"}
    assert all(path.startswith("/") for path in codec.paths)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_too_large_is_refused_before_it_is_read(name, monkeypatch):
    message = everything_of(name)[0][0]
    feed = Feed(name, ())
    monkeypatch.setattr(feed.codec, "read", lambda _: pytest.fail("it was read"))
    meaning = feed(message._replace(payload=b" " * (feed.codec.most_bytes + 1)))
    assert [refusal.reason for refusal in meaning.refusals] == [Reason.SIZE]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_bound_to_no_device_says_nothing_and_is_not_remembered(name):
    messages, _ = everything_of(name)
    feed = Feed(name, ())
    for message in messages:
        meaning = feed(message)
        assert not meaning.observations
        assert not meaning.statuses
    assert not [key for key in feed.saved if key.startswith(("said/", "total/", "kept/"))]


@pytest.mark.parametrize("name", NAMES)
def test_a_message_that_breaks_off_anywhere_ends_nothing(name):
    messages, bindings = everything_of(name)
    for message in messages[:40]:
        feed = Feed(name, bindings)
        size = len(message.payload)
        for end in range(0, size, max(size // 25, 1)):
            meaning = feed(message._replace(payload=message.payload[:end]))
            assert Reason.PROCESSING not in {refusal.reason for refusal in meaning.refusals}


@pytest.mark.parametrize(("name", "chain"), CHAINS, ids=SHOWN)
def test_the_same_again_after_a_restart_changes_nothing(name, chain):
    once, again = Feed.of(name, chain), Feed.of(name, chain)
    plain = fed(once, chain)
    doubled = []
    for case in chain:
        doubled.append(again(message_of(case)))
        again.restart()
        doubled.append(again(message_of(case)))
        again.restart()
    assert passages(doubled) == passages(plain)


@pytest.mark.parametrize(("name", "chain"), CHAINS, ids=SHOWN)
def test_nothing_of_a_person_is_left_in_what_is_kept_or_told(name, chain, caplog):
    feed = Feed.of(name, chain)
    told = ""
    for case, meaning in zip(chain, fed(feed, chain), strict=True):
        kept = [
            msgspec.structs.replace(one, plate="") if isinstance(one, Gate) else one for _, one in meaning.observations
        ]
        assert not any(refusal.payload for refusal in meaning.refusals)
        assert len(meaning.observations) == len(kept) <= 1_000
        told += msgspec.json.encode([kept, meaning.refusals, meaning.strangers, meaning.statuses]).decode()
        told += str(dict(meaning.told)) + (meaning.reply.body.decode() if meaning.reply else "")
        said = json.dumps(case, ensure_ascii=False, default=str)
        known = {found for found in PERSONAL.findall(said) if not found.isdigit() or len(found) != 14}
        held = told + b"".join(feed.saved.values()).decode() + caplog.text
        assert not [found for found in known if found in held]


@pytest.mark.parametrize(("name", "chain"), CHAINS, ids=SHOWN)
def test_what_a_broker_kept_is_no_passage(name, chain):
    feed = Feed.of(name, chain)
    for case in chain:
        kept = feed(message_of(case)._replace(retained=True))
        new = [one for _, one in kept.observations if isinstance(one, Gate)]
        assert not new


@pytest.mark.parametrize("name", sorted(set(LIST)))
@settings(max_examples=examples(20))
@given(data=st.data())
def test_restarts_and_messages_that_come_again_keep_what_was_counted(name, data):
    chain = data.draw(st.sampled_from([chain for other, chain in CHAINS if other == name]))
    feed, plain = Feed.of(name, chain), Feed.of(name, chain)
    meanings = []
    for number, case in enumerate(chain):
        meanings.append(feed(message_of(case)))
        for _ in range(data.draw(st.integers(0, 2))):
            if data.draw(st.booleans()):
                feed.restart()
            meanings.append(feed(message_of(data.draw(st.sampled_from(chain[: number + 1])))))
    assert passages(meanings)[0] == passages(fed(plain, chain))[0]
