"""Local times in the hours that a zone has twice, or not at all."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from ingest.codecs.bindings import Binding, Bindings
from ingest.codecs.codec import VendorMessage
from ingest.codecs.memory import Memory
from ingest.codecs.vendors import codec_class
from ingest.observations import Count


def ms(clock):
    return round(datetime.fromisoformat(clock).timestamp() * 1000)


@pytest.mark.parametrize(("local", "received", "wanted"), [
    ("2026-10-25T02:30:00", "2026-10-25T00:30:03", "2026-10-25T00:30:00"),
    ("2026-10-25T02:30:00", "2026-10-25T01:30:03", "2026-10-25T01:30:00"),
    ("2026-10-25T02:30:00", "2026-10-25T09:00:00", "2026-10-25T00:30:00"),
    ("2026-10-25T01:59:59", "2026-10-25T01:59:59", "2026-10-24T23:59:59"),
    ("2026-03-29T02:30:00", "2026-03-29T01:30:03", "2026-03-29T01:30:00"),
])  # fmt: skip
def test_a_time_of_the_hour_that_comes_twice_is_the_one_near_to_receipt(local, received, wanted):
    bindings = Bindings([Binding("tasmota", "door-1", "lamp-7", "Switch1", metric="door")])
    codec = codec_class("tasmota")(bindings, Memory(), ZoneInfo("Europe/Berlin"))
    payload = f'{{"Time":"{local}","Switch1":"ON"}}'.encode()
    ((_, said),) = codec.decode(VendorMessage("tele/lamp-7/SENSOR", payload, ms(f"{received}+00:00"))).observations
    assert said.ts == ms(f"{wanted}+00:00")


def test_a_counter_goes_on_through_the_hour_that_comes_twice():
    bindings = Bindings([Binding("tasmota", "door-1", "lamp-7", "COUNTER.C1", direction="in")])
    codec = codec_class("tasmota")(bindings, Memory(), ZoneInfo("Europe/Berlin"))
    start, counted = ms("2026-10-24T23:00:00+00:00"), []
    for step in range(36):
        at = start + step * 300_000
        local = datetime.fromtimestamp(at / 1000, UTC).astimezone(ZoneInfo("Europe/Berlin")).replace(tzinfo=None)
        payload = f'{{"Time":"{local.isoformat()}","COUNTER":{{"C1":{2 * step}}}}}'.encode()
        meaning = codec.decode(VendorMessage("tele/lamp-7/SENSOR", payload, at + 500))
        counted += [(said.ts - start, said.in_) for _, said in meaning.observations if isinstance(said, Count)]
    assert counted == [(step * 300_000, 2) for step in range(1, 36)]
