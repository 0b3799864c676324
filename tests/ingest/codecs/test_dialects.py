"""Every message of the shared file gives what it means."""

import json
from zoneinfo import ZoneInfo

import pytest

from ingest.codecs.bindings import Bindings
from ingest.codecs.memory import Memory
from ingest.codecs.vendors import codec_class
from tests.ingest.codecs.cases import ABSENT, agrees, bindings_of, cases, codec_of, message_of, plain, wanted

CASES = cases()


def holds(said, want):
    """Tell whether an answer has all that is wanted, whatever else it has."""
    if isinstance(want, dict):
        return isinstance(said, dict) and all(key in said and holds(said[key], one) for key, one in want.items())
    return said == want


@pytest.mark.skipif(not CASES, reason=ABSENT)
@pytest.mark.parametrize("name", CASES)
def test_a_real_message_gives_what_it_means(name):
    case = CASES[name]
    zone, memory = ZoneInfo("Asia/Shanghai"), Memory()
    for earlier in case.get("after", []):
        before = CASES[earlier]
        codec_class(codec_of(before))(Bindings(bindings_of(before)), memory, zone).decode(message_of(before))
    memory = Memory({key: value for key, value in memory.changes().items() if value is not None})
    codec = codec_class(codec_of(case))(Bindings(bindings_of(case)), memory, zone)
    heard = codec.decode(message_of(case))
    expect = case["expect"]
    if isinstance(expect, dict):
        assert [refusal.reason for refusal in heard.refusals] == [expect["refuse"]]
        assert not heard.observations
    else:
        said = [plain(*one) for one in heard.observations]
        if "expect_sum" in case:
            assert {key: sum(one[key] for one in said) for key in case["expect_sum"]} == case["expect_sum"]
        else:
            assert any(agrees(said, wanted(one)) for one in (expect, *case.get("expect_or", []))), said
        assert not heard.refusals
    status = case.get("status")
    if status and "device" in status:
        assert heard.statuses == [(status["device"], status["state"])]
    if "reply" in case:
        assert heard.reply is not None
        assert heard.reply.status == case["reply"]["status"]
        if "body" in case["reply"]:
            assert holds(json.loads(heard.reply.body), case["reply"]["body"])
    again = codec.decode(message_of(case))
    assert not [one for _, one in again.observations if type(one).__name__ in {"Count", "Gate"}]
