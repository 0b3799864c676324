"""Devices that publish straight to the station: below a topic of their own, without the name they have elsewhere."""

import pytest

from ingest.codecs.vendors import codec_class
from tests.ingest.codecs.cases import ABSENT, agrees, bindings_of, cases, codec_of, message_of, plain, wanted
from tests.ingest.codecs.vendors.listener import Listener

NAMES = ("axis-occupancy", "onvif-line-crossed", "onvif-plate", "z2m-smoke", "frigate-zone-count", "frigate-event-car",
         "tasmota-switch", "shelly-gen2-input", "esphome-binary", "ha-state")  # fmt: skip
CASES = {name: case for name, case in cases().items() if name in NAMES}


@pytest.mark.skipif(not CASES, reason=ABSENT)
@pytest.mark.parametrize("name", CASES)
def test_a_message_on_the_topic_for_observations_means_what_it_means_elsewhere(name):
    case = CASES[name]
    keep = ("device", "part", "of", "direction", "directions", "metric", "states", "meaning")
    bindings = [{key: getattr(one, key) for key in keep} | {"match": "obs"} for one in bindings_of(case)]
    listener = Listener(codec_of(case), *bindings)
    heard = listener.codec.decode(message_of(case)._replace(topic="obs"))
    assert not heard.refusals
    said = [plain(*one) for one in heard.observations]
    assert any(agrees(said, wanted(one)) for one in (case["expect"], *case.get("expect_or", []))), said


@pytest.mark.parametrize(
    ("dialect", "topic", "said", "heard"),
    [
        ("tasmota", "tele/SENSOR", '{"Switch1":"ON"}', [("door", "open")]),
        ("shelly", "status/input:0", '{"id":0,"state":true}', [("door", "open")]),
        ("shelly", "events/rpc", '{"method":"NotifyStatus","params":{"input:0":{"state":true}}}', [("door", "open")]),
        ("onvif", "onvif-ej/Device/Trigger/DigitalInput/&0", '{"Data":{"LogicalState":"true"}}', [("door", "open")]),
    ],
)
def test_what_speaks_without_a_name_is_the_one_that_is_bound(dialect, topic, said, heard):
    assert codec_class(dialect).name == dialect
    assert Listener(dialect, {"match": "whoever", "metric": "door"}).hear(topic, said) == heard
    two = Listener(dialect, {"match": "whoever", "metric": "door"}, {"match": "another", "device": "e"})
    assert two.hear(topic, said) == []


@pytest.mark.parametrize(
    ("dialect", "topic", "said"), [("tasmota", "tele/LWT", "Offline"), ("shelly", "online", "false")]
)
def test_its_will_too(dialect, topic, said):
    assert Listener(dialect, {"match": "whoever"}).status(topic, said, retained=True) == [("d", "offline")]
