"""What `patrolgrid listen` says of a message: what the gateway would do, what the places file needs, what is odd."""

import argparse
import json
import re
import types
from contextlib import closing

import pytest

from console.cli.commands import listen
from console.cli.main import main
from console.common import reason_in_words, settings_of_site
from console.hearing import DeviceTally, Hearing
from ingest.clock import ScaledClock
from ingest.gateway.gateway_settings import GatewaySettings
from ingest.gateway.quarantine import Quarantine
from ingest.mqtt import Inbound
from ingest.places import parse_places
from ingest.refusal import Refusal
from ingest.vocabulary import Reason
from stream.sentences.catalogue import Sentences
from stream.sentences.languages import LANGUAGES
from tests.documented import examples, places

NOW = 1_795_442_700_000
HOUR = 3_600_000
TOPIC = "patrolgrid/v1/station-1/old-market/{}/obs"


@pytest.fixture
def hearing():
    found = Hearing("station-1", GatewaySettings(), ScaledClock(NOW, NOW * 2, 1.0))  # a clock that stands still
    found.go_by(parse_places(places()))
    return found


def said(hearing, device, topic=TOPIC, **message):
    return hearing.hear(topic.format(device), json.dumps({"ts": NOW, **message}, ensure_ascii=False).encode())


def count(hearing, device="camera-01", topic=TOPIC, **message):
    return said(hearing, device, topic, **{"type": "count", "interval_s": 60, "in": 1, **message})


def fate(heard):
    return heard.refused[0].reason if heard.refused else "ignored" if heard.ignored else "stored"


def test_it_says_of_every_line_of_the_page_what_the_page_says(hearing):
    lines = examples(now_ms=NOW)
    found = [fate(hearing.hear(one.topic, one.payload.encode(), retained=one.retain)) for one in lines]
    assert found == [one.fate for one in lines]


def test_a_device_that_nobody_knows_is_read_all_the_same_and_gets_the_line_it_needs(hearing):
    heard = said(hearing, "door-77", type="state", metric="cover", value="开")
    assert fate(heard) == "unknown_device"
    assert [(row.metric, row.text) for row in heard.rows] == [("cover", "open")]
    feature = hearing.feature(heard)
    document = places()
    document["features"].append(feature)
    hearing.go_by(parse_places(document))
    assert feature["properties"]["type"] == "manhole"
    again = said(hearing, "door-77", type="state", metric="cover", value="开")
    assert (fate(again), hearing.feature(again)) == ("stored", None)


@pytest.mark.parametrize(
    "topic",
    [
        "patrolgrid/v1/station-1/creekside/camera-01/obs",
        "patrolgrid/v1/station-1/old-market/Camera-01/obs",
        "PatrolGrid/v1/station-1/old-market/camera-01/obs",
        "zigbee2mqtt/camera-01",
    ],
)
def test_a_device_on_a_wrong_topic_is_told_the_right_one(hearing, topic):
    heard = count(hearing, topic=topic)
    assert heard.refused
    assert (heard.device, heard.belongs) == ("camera-01", TOPIC.format("camera-01"))
    assert hearing.feature(heard) is None


def test_without_places_everything_is_unknown_and_read(hearing):
    hearing.go_by(None)
    heard = count(hearing)
    assert (fate(heard), len(heard.rows)) == ("unknown_device", 1)
    assert hearing.feature(heard)["properties"]["beat"] == "old-market"


def test_plates_are_never_shown(hearing):
    heard = said(hearing, "gate-01", type="gate", plate="京A12345", direction="in")
    broken = hearing.hear(TOPIC.format("gate-01"), '{"type":"gate","plate":"京A12345"'.encode())
    stranger = said(hearing, "gate-99", type="gate", plate="京A12345")
    assert heard.rows[0].text.startswith("h1:")
    for one in (heard, broken, stranger):
        assert "A12345" not in repr(one)


def test_a_clock_shows_by_what_comes_and_a_count_is_refused_for_it(hearing):
    ahead, behind = count(hearing, ts=NOW + 8 * HOUR), count(hearing, ts=NOW - HOUR)
    reading = said(hearing, "noise-01", type="level", metric="noise", value=1, ts=NOW + 8 * HOUR)
    kept = count(hearing, ts=NOW - HOUR, backfill=True)
    assert [fate(one) for one in (ahead, behind, reading, kept)] == ["clock", "stored", "stored", "stored"]
    assert [one.offset_s for one in (ahead, behind, reading, kept)] == [28_800.0, -3_600.0, 28_800.0, None]
    document = places()
    document["features"][1]["properties"]["overrides"] = {"clock_offset_s": 28_800}
    hearing.go_by(parse_places(document))
    corrected = count(hearing, ts=NOW + 8 * HOUR)
    assert (fate(corrected), corrected.offset_s) == ("stored", 0.0)


def test_a_repeat_changes_nothing_and_a_number_that_says_something_else_is_new(hearing):
    first, again = (count(hearing, boot="a", seq=7) for _ in range(2))
    other = count(hearing, boot="a", seq=7, out=3)
    unnumbered = [count(hearing, ts=NOW - 1) for _ in range(2)]
    assert [len(one.rows) for one in (first, again, other, *unnumbered)] == [1, 0, 1, 1, 0]
    assert (again.repeats, unnumbered[1].repeats) == (1, 1)


def test_units_are_converted_and_an_odd_one_is_noted(hearing):
    metres = said(hearing, "water-01", type="level", metric="water", value=0.5, unit="m").rows[0]
    odd = said(hearing, "water-01", type="level", metric="water", value=0.5, unit="span").rows[0]
    own = said(hearing, "water-01", type="level", metric="battery", value=0.5, unit="span").rows[0]
    assert (metres.a, metres.text) == (50, "cm")
    assert (metres.odd_unit, odd.odd_unit, own.odd_unit) == (False, True, False)


def test_a_tally_sums_up(hearing):
    tally = DeviceTally(NOW)
    for device in ("camera-01", "camera-01", "camera-99"):
        tally.add(count(hearing, device, ts=NOW - 5_000))
    assert (tally.messages, tally.observations, tally.repeats) == (3, 1, 1)
    assert tally.refused == {"unknown_device": 1}
    assert (tally.offset_s, tally.per_minute) == (-5.0, None)


def test_one_device_or_all(capsys, tmp_path):
    for wrong in ([], ["camera-01", "--all"]):
        assert main(["listen", *wrong, "--data-dir", str(tmp_path)]) == 2
        assert "--all" in capsys.readouterr().err


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_says_what_is_wrong_and_what_to_do(language):
    texts = Sentences(language)
    for reason in Reason:
        assert reason_in_words(texts, reason) != reason
        assert texts(f"reason-do-{reason}") != f"reason-do-{reason}"


def test_what_is_in_quarantine_is_said_in_words(tmp_path, capsys):
    with closing(Quarantine(tmp_path / "s" / "quarantine.db")) as file:
        file.add_many([Refusal(Reason.CLOCK, "28797 s ahead", b"{}", "old-market/camera-01", NOW)])
    (tmp_path / "s" / "log.db").touch()
    for words in (["list"], ["counts"], ["show", "1"]):
        assert main(["quarantine", *words, "--data-dir", str(tmp_path), "--lang", "zh-CN"]) == 0
        assert "时钟错误" in capsys.readouterr().out


@pytest.fixture
def listener(tmp_path):
    """What prints, for a language and a device, of a station with the page's places."""
    (tmp_path / "places.geojson").write_text(json.dumps(places()), encoding="utf-8")
    config = tmp_path / "patrolgrid.toml"
    config.write_text(
        '[site]\nid = "station-1"\nplaces = "places.geojson"\n[clock]\nmode = "scaled"\n'
        f"origin_ms = {NOW}\nstarted_ms = {NOW * 2}\n[data]\ndir = 'data'\n"
    )

    def made(language, device=None):
        options = argparse.Namespace(
            device=device, json=False, count=None, config=config, data_dir=None, site=None, lang=language
        )
        found = listen._Listener(options, *settings_of_site(options, new=True))
        found.begin("127.0.0.1:1883", running=False)
        return found

    return made


def inbound(topic, payload):
    return Inbound(topic.encode(), payload.encode(), 1, 1, False, len(payload))


def test_all_that_people_read_of_the_page_is_in_their_language(listener, capsys):
    chinese = listener("zh-CN")
    for one in examples(now_ms=NOW):
        chinese.take(inbound(one.topic, one.payload))
    reading = {"type": "level", "ts": NOW - 8 * HOUR, "metric": "temperature", "value": 20, "unit": "Ro"}
    strange = json.dumps(reading)
    chinese.take(inbound(TOPIC.format("smoke-01"), strange))
    chinese.take(inbound(TOPIC.format("heat-77").replace("old-market", "harbour"), strange))
    chinese.end()
    said = capsys.readouterr().out
    assert '"clock_offset_s": -28800' in said
    assert '"id": "heat-77"' in said
    ours = [line for line in said.splitlines() if not line.strip().startswith(("原文", "拒收", "{"))]
    assert [line for line in ours if re.search(r"[a-z]+ [a-z]+ [a-z]+", line)] == []


def test_a_device_is_found_however_it_is_written_and_silence_says_what_to_look_for(listener, capsys):
    one = listener("en", "Noise-01")
    one.quiet(types.SimpleNamespace(trouble="the connection was lost"))
    one.take(inbound(TOPIC.format("door-01"), '{"type":"state","ts":1,"metric":"door","value":"open"}'))
    assert not one.tallies
    said = capsys.readouterr().out
    assert TOPIC.format("noise-01") in said
    assert "the connection was lost" in said
    one.take(inbound(TOPIC.format("noise-01"), '{"type":"level","metric":"noise","value":"95.5 dB"}'))
    assert "without a time" in capsys.readouterr().out
    assert one.tallies["noise-01"].observations == 1


def test_a_device_that_speaks_a_dialect_is_understood_and_its_bytes_are_not_shown(hearing):
    document = places()
    door = next(one for one in document["features"] if one["properties"].get("id") == "door-01")
    door["properties"]["bindings"] = [{"codec": "zigbee2mqtt", "match": "zigbee2mqtt/front"}]
    hearing.go_by(parse_places(document))
    topic = "patrolgrid/v1/station-1/old-market/door-01/zigbee2mqtt/front"
    heard = hearing.hear(topic, b'{"contact": false, "owner": "somebody"}')
    assert [(heard.device, row.metric, row.text) for row in heard.rows] == [("door-01", "door", "open")]
    assert "somebody" not in heard.payload
    other = hearing.hear(topic.replace("front", "back"), b'{"contact": false}')
    assert (fate(other), other.device) == ("unknown_device", "door-01")
