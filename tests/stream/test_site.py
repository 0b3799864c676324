"""What a site says does not depend on which of its shards was faster, nor on where it was stopped in between."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.log.records import RecordKind
from ingest.places import PlacesRecord, encode_places, parse_places
from ingest.shards import ShardMap
from stream.pipeline.pipeline import Pipeline
from stream.pipeline.shard import ShardPipeline
from stream.pipeline.site import SiteStage
from stream.results import Notice, ShardOutput
from stream.sentences import literal
from stream.state.snapshot import pack, unpack
from tests.configs import pipeline_with
from tests.stream.build import MINUTE, NOON, Writer
from tests.support import examples

SHARDS = 4
BEATS = ["b0", "b1", "b2", "b3", "b6"]
CONFIG = pipeline_with(site="test", country="", alert_ttl_s=1800.0, per_day=1)
STEPS = (0, 1, 700, 20_000, MINUTE, MINUTE, 6 * MINUTE, 40 * MINUTE, 9 * 60 * MINUTE)
HAPPENS = (
    "tick",
    "smoke",
    "heat",
    "gate",
    "incident",
    "note",
    *["surge", "noise_high"] * 3,
    "deficit",
    "did",
    *["fall"] * 3,
)
DAY = 1440 * MINUTE


def _feature(kind, identifier, shape, coordinates, **more):
    return {
        "type": "Feature",
        "properties": {"kind": kind, "id": identifier, **more},
        "geometry": {"type": shape, "coordinates": coordinates},
    }


def town():
    """Five beats in a row, each with three cameras 50 m apart, smoke and heat detectors side by side, and a gate."""
    features = []
    for number, beat in enumerate(BEATS):
        west, east = 121.47 + 0.01 * number, 121.48 + 0.01 * number
        ring = [[west, 31.23], [east, 31.23], [east, 31.24], [west, 31.24], [west, 31.23]]
        features.append(_feature("beat", beat, "Polygon", [ring]))
        kinds = ("camera", "camera", "camera", "smoke", "heat", "gate")
        for place, kind in enumerate(kinds):
            point = [west + 0.001 + 0.0005 * min(place, 3), 31.235]
            features.append(_feature("device", f"{beat}-{kind}-{place}", "Point", point, beat=beat, type=kind))
    return parse_places({"type": "FeatureCollection", "features": features})


PLACES = town()
SHARD_OF = {beat: ShardMap(SHARDS).shard_of(beat) for beat in BEATS}


@dataclass
class Story:
    """Records in the order of the log, and what models are made to have found beside them."""

    log: Writer = field(default_factory=Writer)
    records: list = field(default_factory=list)
    notices: dict[int, list[Notice]] = field(default_factory=dict)
    """Position → notices that the shard's results get besides its own."""

    def add(self, record, shard):
        self.records.append(msgspec.structs.replace(record, shard=shard))

    def told(self, out: ShardOutput) -> ShardOutput:
        out.notices += self.notices.get(out.position, [])
        return out


def _found(beat, camera, kind, act, now, surprise):
    device = PLACES.devices[f"{beat}-camera-{camera}"]
    if act == "fall":
        return Notice(act="fall", beat=beat, device=device.id, kind=kind, at_ms=now)
    return Notice(
        act="rise",
        beat=beat,
        device=device.id,
        kind=kind,
        at_ms=now,
        lonlat=(device.lon, device.lat),
        place=device.name,
        why=literal({"en": f"{kind} {surprise}.", "zh-CN": f"{kind} {surprise}。"}),
        surprise=surprise,
        cause_ms=now,
    )


def _shift(now):
    """The plan of a shift of an hour for two officers, with three stops each."""
    stops = [
        {"id": f"s{number}", "officer": f"p{number % 2}", "lon": 121.475 + 0.01 * number, "lat": 31.235, "beat": beat,
         "arrive_ms": now + number * 8 * MINUTE, "leave_ms": now + (number * 8 + 12) * MINUTE}
        for number, beat in enumerate([*BEATS, "b0"])
    ]  # fmt: skip
    return {"shift": "a", "begin_ms": now, "end_ms": now + 60 * MINUTE, "made_ms": now, "stops": stops}


@st.composite
def stories(draw):
    story, now = Story(), NOON
    steps = draw(
        st.lists(
            st.tuples(
                st.sampled_from(STEPS),
                st.integers(0, len(BEATS) - 1),
                st.sampled_from(HAPPENS),
                st.integers(0, 7),
            ),
            min_size=20,
            max_size=70,
        )
    )
    for day in range(4):  # too much for the budget, so that there is a threshold
        acts = [_found(BEATS[0], 0, "dead", act, now + day * DAY, 12.0) for _ in range(3) for act in ("rise", "fall")]
        story.add(story.log.tick(now + day * DAY), SHARD_OF[BEATS[0]])
        story.notices[story.log.position] = acts
    now += 4 * DAY
    story.add(story.log.json(RecordKind.PLAN, now, **_shift(now)), 0)
    for number, (wait, place, what, value) in enumerate(steps):
        now += wait
        beat, log = BEATS[place], story.log
        if what == "smoke":
            log.level(f"{beat}-smoke-3", now, float(value), metric="smoke", beat=beat)
        elif what == "heat":
            log.level(f"{beat}-heat-4", now, 20.0 * value, metric="temperature", beat=beat)
        elif what == "gate":
            log.gate(f"{beat}-gate-5", now, f"h1:k:{value}", allowed=value % 2, beat=beat)
        elif what == "incident":
            report = {"id": f"i{number % 20}", "ts": now, "lon": 121.475 + 0.0001 * value, "lat": 31.235}
            report["provenance"] = "patrol_discovered" if value % 2 else "reported"
            story.add(log.json(RecordKind.INCIDENT, now, **report, category="burglary"), SHARD_OF[beat])
            continue
        elif what == "note":
            note = {"id": f"n{number % 9}", "action": "note", "by": "li", "ts": now, "note": f"seen {value}"}
            story.add(log.json(RecordKind.COMMAND, now, **note), 0)
            continue
        elif what == "did":
            word = ("arrived", "done", "skipped", "help", "away", "back", "done", "arrived")[value]
            did = {"officer": f"p{value % 2}", "what": word, "stop": f"s{(number + value) % 6}", "ts": now}
            story.add(log.json(RecordKind.DID, now, **did), 0)
            continue
        elif what in {"surge", "deficit", "noise_high", "fall"}:
            kind = ("surge", "deficit", "noise_high")[value % 3] if what == "fall" else what
            act = "fall" if what == "fall" else "rise"
            notice = _found(beat, value // 2 % 3, kind, act, now, 5.0 + 3 * value + number % 3)
            story.notices[log.position + 1] = [notice]
        observed = what in {"smoke", "heat", "gate"}
        story.add(log.record(now) if observed else log.tick(now), SHARD_OF[beat])
    for shard in range(SHARDS):
        story.add(story.log.tick(now + 60 * MINUTE), shard)
    for shard in range(SHARDS):
        story.add(story.log.tick(now + 90 * MINUTE), shard)
    return story


def said(results):
    """What people get: alerts, maps, incidents, patrols and the counts of what was kept from them; each once."""
    alerts = [alert for out in results for alert in out.alerts]
    maps = [one for out in results for one in out.maps]
    by_key = {(alert.id, alert.revision): alert for alert in alerts}
    assert len(by_key) == len(alerts)
    return (
        {key: msgspec.json.encode(alert) for key, alert in by_key.items()},
        {one.ts: msgspec.json.encode(one) for one in maps},
        sorted(incident.id for out in results for incident in out.incidents),
        sum(out.duplicates for out in results),
        [msgspec.json.encode(plan) for out in results for plan in out.patrols],
        [msgspec.json.encode(share) for out in results for share in out.shares],
        [msgspec.json.encode(entry) for out in results for entry in out.book],
    )


def by_shard(story):
    """Results of each shard, in its order, as bytes would bring them: every caller gets its own."""
    parts = ShardMap(SHARDS).split(PLACES)
    queues = []
    for number in range(SHARDS):
        shard = ShardPipeline(CONFIG, parts[number], number)
        queues.append([story.told(shard.process(one)) for one in story.records if one.shard == number])
    return queues


def merged(story, turns, *, cut=None):
    """Give the site the results of its shards, the shard whose turn it is first; restart it after `cut` of them."""
    site, queues, out = SiteStage(CONFIG, PLACES, SHARDS), by_shard(story), []
    turns = [*turns, *(shard for shard in range(SHARDS) for _ in range(len(story.records)))]
    for turn in turns:
        if queues[turn]:
            if len(out) == cut:
                state = unpack(pack({}, {"site": site.capture()})).parts["site"]
                site = SiteStage(CONFIG, PLACES, SHARDS)
                site.restore(state)
            out.append(site.apply(queues[turn].pop(0)))
    assert len(out) == len(story.records)
    return out


def through(story, process):
    return lambda record: story.told(process(record))


def embedded(story):
    pipe = Pipeline(CONFIG, PLACES, SHARDS)
    for shard in pipe.shards:
        shard.process = through(story, shard.process)
    return [pipe.process(record) for record in story.records]


@settings(max_examples=examples(10))
@given(stories(), st.lists(st.integers(0, SHARDS - 1), max_size=60), st.integers(0, 80))
def test_what_a_site_says_depends_neither_on_the_pace_of_its_shards_nor_on_a_restart(story, turns, cut):
    expected = said(embedded(story))
    assert said(merged(story, turns, cut=cut)) == expected


@pytest.mark.parametrize("first", range(SHARDS))
@pytest.mark.parametrize("cut", [None, 2, 3])
def test_who_needs_help_after_an_edit_of_the_places_is_named_by_the_new_ones_whichever_shard_was_faster(first, cut):
    story = Story()
    renamed = {beat: replace(known, name={"en": "Renamed", "zh-CN": "新名"}) for beat, known in PLACES.beats.items()}
    payload = encode_places(PlacesRecord(SHARDS, replace(PLACES, beats=renamed)))
    story.add(story.log.json(RecordKind.PLAN, NOON, **_shift(NOON)), 0)
    for shard in range(SHARDS):
        story.add(story.log._next(RecordKind.PLACES, payload, NOON + 1), shard)
    story.add(story.log.json(RecordKind.DID, NOON + 2, officer="p1", what="help", stop="s1", ts=NOON + 2), 0)
    for shard in range(SHARDS):
        story.add(story.log.tick(NOON + MINUTE), shard)
    results = merged(story, [first, 0, 0, 0], cut=cut)
    (alert,) = (alert for out in results for alert in out.alerts)
    assert alert.place == {"en": "Renamed", "zh-CN": "新名"}
    assert said(results) == said(embedded(story))


def test_results_of_a_shard_that_does_not_exist_are_refused():
    site = SiteStage(CONFIG, PLACES, 2)
    with pytest.raises(IndexError, match="output of shard 2, expected one of 0 to 1"):
        site.apply(ShardOutput(1, NOON, NOON, [], shard=2))


def test_a_state_of_another_number_of_shards_is_refused():
    site = SiteStage(CONFIG, PLACES, 2)
    with pytest.raises(ValueError, match=r"array 'newest' is int64\(4,\), expected int64\(2,\)"):
        site.restore(SiteStage(CONFIG, PLACES, 4).capture())
