"""What simulated devices say in a vendor's dialect comes back from the codec as what they saw."""

from __future__ import annotations

import tomllib
from contextlib import closing
from dataclasses import replace
from functools import cache
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.codecs.bindings import Binding, Bindings
from ingest.codecs.codec import VendorMessage
from ingest.codecs.vendors import NAMES
from ingest.edge.edge_file import HttpAccount, HttpPart
from ingest.edge.sources.http_port import HttpSource
from ingest.gateway.plates import normalise
from ingest.login import BrokerAddress
from ingest.observations import Count, Gate
from ingest.places import load_places
from simulators.devices.fleet import FleetSettings
from simulators.devices.messages import Spoken
from simulators.dialects import SPEAKERS, translated
from simulators.dialects.mapping import bindings_of
from simulators.dialects.posting import Poster
from simulators.run import RunSettings, main, simulate
from tests.ingest.codecs.cases import Feed
from tests.ingest.edge.posting import Taken
from tests.simulators.worlds import EVENING, NO_FAULTS, SITE, Ear, observations, world
from tests.support import examples, wait_for

ZONE = ZoneInfo(SITE.timezone)
SPOKEN = [name for name in NAMES if name in SPEAKERS]
KINDS = [(name, kind) for name in SPOKEN for kind in SPEAKERS[name].says]
SMALL = st.integers(0, 30)
PLATES = st.sampled_from(["京A12345", "沪AD12345", "鲁B2C3D4", ""])
VEHICLES = st.sampled_from(["car", "truck", "bus", "motorcycle", "bicycle"])
VALUES = {
    "door": ("open", "closed"),
    "cover": ("open", "closed"),
    "smoke": ("alarm", "ok"),
    "video": ("lost", "blocked", "ok"),
}
UNITS = {"noise": "dB", "smoke": "%/m", "temperature": "°C", "water": "cm"}


def device_of(kind):
    """Return a device of a type; the quarter has none for the weather."""
    some = [spec.device for spec in SITE.specs]
    return next((one for one in some if one.type == kind), replace(some[0], type=kind))


@cache
def minutes():
    life, post = world(scenarios=False, origin=EVENING - 3_600_000)
    return [message for _ in range(3) for message in post.minute(life.minute(), life.minute_start)]


@st.composite
def bodies(draw, says):
    """What a device sees minute by minute, of what the dialect has words for."""
    found, seen = [], set()
    for minute in range(draw(st.integers(1, 12))):
        ts = EVENING + minute * 60_000 + draw(st.integers(0, 9_000))
        said = draw(st.sampled_from(says))
        kind, _, what = said.partition("/")
        if kind == "count":
            first = what not in seen
            seen.add(what)
            ts = EVENING + minute * 60_000
            body = {"interval_s": 60, "in": draw(SMALL), "out": draw(SMALL), "of": what}
            if first and minute == 0:
                body |= {"in": 3, "out": 2}
        elif kind == "gate":
            allowed = draw(st.sampled_from([True, False, None]))
            body = {
                "direction": draw(st.sampled_from(["in", "out"])),
                "plate": draw(PLATES),
                "vehicle": draw(VEHICLES),
                "allowed": allowed,
            }
        elif kind == "state":
            body = {"metric": what, "value": draw(st.sampled_from(VALUES[what]))}
        else:
            body = {"metric": what, "value": draw(st.integers(-200, 900)) / 10, "unit": UNITS[what]}
        found.append({"type": kind, **body, "ts": ts, "seq": minute, "boot": "b"})
    return found


def hear(feed, device, spoken, ts):
    meaning = feed(VendorMessage(spoken.topic, spoken.payload, ts, headers={"content-type": spoken.content_type}))
    assert not meaning.refusals, meaning.refusals
    assert not meaning.strangers
    assert {named for named, _ in meaning.observations} <= {device.id}
    return [one for _, one in meaning.observations]


def sums(some):
    found = {}
    for one in some:
        of, came, went = (one["of"], one["in"], one["out"]) if isinstance(one, dict) else (one.of, one.in_, one.out)
        have = found.setdefault(of, [0, 0])
        have[0], have[1] = have[0] + came, have[1] + went
    return {of: both for of, both in found.items() if any(both)}


def plain(one, *, allowed):
    """Return what must come back of anything but counts."""
    given = (
        one
        if isinstance(one, dict)
        else {"type": one.__struct_config__.tag, **{name: getattr(one, name) for name in one.__struct_fields__}}
    )
    when = given["ts"] // 1000
    if given["type"] == "gate":
        return (
            when,
            given["direction"],
            normalise(given["plate"]),
            given["vehicle"],
            given["allowed"] if allowed else None,
        )
    return when, given["metric"], given["value"], given.get("unit", "")


@pytest.mark.parametrize(("name", "kind"), KINDS)
@settings(max_examples=examples(10))
@given(data=st.data())
def test_what_is_said_in_a_dialect_comes_back_as_it_was_seen(name, kind, data):
    device, speaker = device_of(kind), SPEAKERS[name](ZONE)
    seen = data.draw(bodies(speaker.says[kind]))
    bound = speaker.bindings(device)
    feed, back = Feed(name, bound), []
    for body in seen:
        assert speaker.can_say(device, body)
        for spoken in speaker.say(device.id, body, body["ts"]):
            back += hear(feed, device, spoken, body["ts"])
            if data.draw(st.booleans()):
                feed.restart()
    assert sums(one for one in back if isinstance(one, Count)) == sums(one for one in seen if one["type"] == "count")
    allowed = name in {"hikvision", "dahua"}
    rest = [plain(one, allowed=allowed) for one in back if not isinstance(one, Count)]
    assert rest == [plain(one, allowed=allowed) for one in seen if one["type"] != "count"]


def test_every_codec_has_its_speaker():
    assert set(NAMES) == set(SPEAKERS)


@pytest.mark.parametrize("name", SPOKEN)
def test_a_neighbourhood_speaks_and_its_books_are_what_comes_back(name):
    speaker = SPEAKERS[name](ZONE)
    devices = {spec.device.id: spec.device for spec in SITE.specs}
    feeds = {one.id: Feed(name, speaker.bindings(one)) for one in devices.values() if one.type in speaker.says}
    booked, back = {}, {}
    for message in translated(minutes(), [speaker], SITE, "quarter"):
        device = SITE.specs[message.device].device
        if device.id not in feeds:
            assert observations(message.payload)
            continue
        if message.course == "lost":
            continue
        below = message.topic.partition(f"/{device.id}/")[2]
        back.setdefault(device.id, []).extend(
            one for _, one in feeds[device.id](VendorMessage(below, message.payload, message.at)).observations
        )
        booked.setdefault(device.id, []).extend(message.observations)
    assert booked
    for device, seen in booked.items():
        assert sums(one for one in back[device] if isinstance(one, Count)) == sums(
            one for one in seen if one["type"] == "count"
        )
        assert sum(isinstance(one, Gate) for one in back[device]) == sum(one["type"] == "gate" for one in seen)


def test_what_is_to_be_mapped_is_written_for_an_agent_and_as_places(tmp_path):
    names = ["--dialect", "hikvision", "--dialect", "zigbee2mqtt", "--bindings"]
    assert main([*names, str(tmp_path / "edge.toml")]) == main([*names, str(tmp_path / "places.geojson")]) == 0
    before = (tmp_path / "places.geojson").read_bytes()
    assert main([*names[2:], str(tmp_path / "places.geojson")]) == 2, "it may be a station's own"
    assert (tmp_path / "places.geojson").read_bytes() == before
    speakers = [SPEAKERS[name](ZONE) for name in ("hikvision", "zigbee2mqtt")]
    wanted = bindings_of(SITE, speakers)
    tables = tomllib.loads((tmp_path / "edge.toml").read_text("utf-8"))["bindings"]
    assert msgspec.convert(tables, list[Binding]) == [one for some in wanted.values() for one in some]
    places = load_places(tmp_path / "places.geojson")
    assert {device.id: list(device.bindings) for device in places.devices.values() if device.bindings} == wanted
    Bindings((one for some in wanted.values() for one in some), codecs=NAMES)


@pytest.mark.parametrize("own_topics", [False, True])
def test_dialects_are_published_below_the_devices_or_as_beside_an_agent(broker, own_topics):
    device = device_of("door")
    below = "" if own_topics else f"patrolgrid/v1/quarter/{device.beat}/{device.id}/"
    settings = RunSettings(
        origin_ms=EVENING,
        speed=float("inf"),
        duration_s=60,
        scenarios=False,
        dialects=("zigbee2mqtt",),
        own_topics=own_topics,
    )
    address = BrokerAddress(port=broker.port)
    with Ear(broker.port, "#") as ear:
        report = simulate(SITE.only([device.id]), settings, FleetSettings(broker=address), NO_FAULTS)
        wait_for(lambda: sum("zigbee2mqtt" in one.topic for one in ear.heard) >= report.acknowledged, "all of it")
    assert report.acknowledged == report.devices[device.id].n > 0
    assert {one.topic for one in ear.heard if "zigbee2mqtt" in one.topic} == {f"{below}zigbee2mqtt/{device.id}"}


@pytest.mark.parametrize("name", ["hikvision", "dahua", "gat1400"])
def test_what_real_devices_post_is_posted_to_an_agents_port(broker, tmp_path, name):
    device, speaker = device_of("gate"), SPEAKERS[name](ZONE)
    (tmp_path / "password").write_text("open sesame", encoding="utf-8")
    who = speaker.posting(device.id, Spoken("a", b"")).account
    account = HttpAccount(name=who, password_file=tmp_path / "password", codecs=(name,))
    taken = Taken()
    taken.bindings = speaker.bindings(device)
    source = HttpSource(HttpPart(accounts=(account,), port=0), "cameras", taken)
    source.start()
    try:
        with closing(Poster(f"http://127.0.0.1:{source.port}", "open sesame")) as poster:
            settings = RunSettings(
                origin_ms=EVENING - 7_200_000, speed=float("inf"), duration_s=240, scenarios=False, dialects=(name,)
            )
            fleet = FleetSettings(broker=BrokerAddress(port=broker.port), post=poster.post)
            report = simulate(SITE.only([device.id]), settings, fleet, NO_FAULTS)
    finally:
        source.close()
    books = report.devices[device.id]
    assert report.acknowledged == len(taken.heard) > 0
    assert report.unacknowledged == 0
    ways = [one.direction for _, one in taken.heard]
    assert (ways.count("in"), ways.count("out")) == (books.in_, books.out)
