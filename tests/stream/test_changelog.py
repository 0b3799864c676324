"""State as keyed entries: whatever was written when, the newest entry of every key makes the state again."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import frame
from ingest.frame import FrameError, FrameKind
from ingest.log.records import RecordKind
from models.rules.gates import GateConfig, GateRules
from stream.detect import rules_stage as rules
from stream.output_codec import encode_output
from stream.pipeline.shard import ShardPipeline
from stream.pipeline.site import SiteStage
from stream.state.changelog import META_KEY, Changelog, State, rebuild
from tests.configs import pipeline_with
from tests.stream.build import MINUTE, NOON, Writer, places

CONFIG = pipeline_with(site="test", country="")
DEVICES = {"cam-1": "camera", "cam-2": "camera", "gate-1": "gate", "door-1": "door", "noise-1": "noise"}


@pytest.fixture(scope="module", autouse=True)
def _small_table_of_vehicles() -> Iterator[None]:
    """A table of vehicles for 64 instead of 65,536: the tests copy it hundreds of times."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules, "GateRules", lambda: GateRules(GateConfig(capacity=64)))
        yield


def shard(state: State | None = None) -> ShardPipeline:
    made = ShardPipeline(CONFIG, places(DEVICES))
    if state is not None:
        made.load(*state)
    return made


def state_of(part) -> State:
    return State(part.meta(), part.arrays())


def packed(part) -> bytes:
    return frame.encode(FrameKind.SNAPSHOT, part.meta(), part.arrays())


def a_record(rng: random.Random, log: Writer, minute: int):
    """Something a neighbourhood might send, odd things included."""
    now = NOON + minute * MINUTE
    for _ in range(rng.randint(0, 12)):
        device = rng.choice([*DEVICES, "new-1", "new-2"])
        boot = rng.choice("aaaabcdef")
        ts = now - rng.choice([0, 0, 0, 5_000, 9 * MINUTE, 50 * MINUTE])
        seq = None if rng.random() < 0.7 else rng.choice([3, 90, 5_000, 70_000, rng.randint(0, 200_000)])
        more = {"boot": boot, "seq": seq, "received": now}
        match rng.randint(0, 4):
            case 0 | 1:
                log.count(device, ts, rng.randint(0, 60), 1, **more, of=rng.choice(["person", "vehicle"]))
            case 2:
                log.level(device, ts, 40 + 60 * rng.random(), **more)
            case 3:
                log.state(device, ts, rng.choice(["open", "closed"]), **more)
            case _:
                log.gate(device, ts, plate=f"h1:k:{rng.randint(0, 50)}", allowed=rng.choice([0, 1]), **more)
    if rng.random() < 0.15:
        return log.json(RecordKind.STATUS, now, beat="b1", device="new-3", state="offline", ts=now)
    return log.record(now)


@given(st.randoms(use_true_random=False), st.integers(1, 30))
@settings(max_examples=10, deadline=None)
def test_a_rebuilt_shard_goes_on_as_if_nothing_had_been(rng, records):
    undisturbed, disturbed, log = shard(), shard(), Writer()
    changelog, kept, minute = Changelog(page=256), {}, 0
    for _ in range(records):
        minute += rng.choice([0, 1, 1, 2, 7])
        record = a_record(rng, log, minute)
        assert encode_output(disturbed.process(record)) == encode_output(undisturbed.process(record))
        if rng.random() < 0.4:
            kept |= changelog.changes(state_of(disturbed))
            if rng.random() < 0.5:  # compaction is free to remove what was overwritten, and what was removed
                kept = {key: value for key, value in kept.items() if value is not None}
            if rng.random() < 0.5:  # another process goes on, from what was written
                disturbed = shard(rebuild(kept))
                assert packed(disturbed) == packed(undisturbed)
                if rng.random() < 0.5:
                    changelog = Changelog(page=256)
                    changelog.changes(state_of(disturbed))
    assert packed(disturbed) == packed(undisturbed)


def test_only_the_device_that_spoke_is_written_again():
    part, log, changelog = shard(), Writer(), Changelog()
    for minute in range(20):
        for camera in ("cam-1", "cam-2"):
            log.count(camera, NOON + minute * MINUTE, 5)
    part.process(log.record())
    changelog.changes(state_of(part))
    log.count("cam-2", NOON + 19 * MINUTE + 1_000, 5)
    part.process(log.record())
    written = {key for key in changelog.changes(state_of(part)) if key.startswith(b"d/")}
    assert written == {b"d/cam-2/hot"}
    part.process(log.tick(NOON + 22 * MINUTE))
    written = {key for key in changelog.changes(state_of(part)) if key.startswith(b"d/cam-1")}
    # The window that closed changed at most one piece of the baseline's 12.
    assert {b"d/cam-1/hot", b"d/cam-1/model"} <= written
    assert len(written) <= 3


def test_nothing_changed_writes_the_meta_entry_only():
    part, log, changelog = shard(), Writer(), Changelog()
    part.process(log.count("cam-1", NOON, 5).record())
    assert len(changelog.changes(state_of(part))) > 10
    assert set(changelog.changes(state_of(part))) == {META_KEY}


def test_a_site_comes_back_too():
    part, log = shard(), Writer()
    site, changelog, kept = SiteStage(CONFIG, places(DEVICES), 1), Changelog(page=64), {}
    for minute in range(40):
        log.state("door-1", NOON + minute * MINUTE, "open" if minute % 7 else "closed")
        site.apply(part.process(log.record()))
        kept |= changelog.changes(state_of(site))
    assert site.meta()["alerts"]["open"]
    again = SiteStage(CONFIG, places(DEVICES), 1)
    again.load(*rebuild({key: value for key, value in kept.items() if value is not None}))
    assert packed(again) == packed(site)


def test_pages_that_are_no_longer_there_are_removed():
    changelog = Changelog(page=16)
    first = changelog.changes(State({"a": list(range(40))}, {"x": np.arange(8)}))
    second = changelog.changes(State({"a": [1]}, {}))
    assert {key for key, value in second.items() if value is None} == set(first) - {META_KEY, b"p/m/a/0"}
    assert rebuild(first | second) == State({"a": [1]}, {})


def test_damaged_missing_and_future_entries_are_refused_by_name():
    part, log = shard(), Writer()
    part.process(log.count("cam-1", NOON, 5).record())
    entries = Changelog().changes(state_of(part))
    assert rebuild({}) is None
    meta = entries[META_KEY]
    for damaged, words in (
        (meta[:4] + b"\x09" + meta[5:], "newer program"),
        (meta[:-6] + b"xx" + meta[-4:], "check sum"),
        (b"nothing like it", "starts with"),
    ):
        with pytest.raises(FrameError, match=words):
            rebuild(entries | {META_KEY: damaged})
    with pytest.raises(FrameError, match="4 devices, expected 5"):
        rebuild({key: value for key, value in entries.items() if key != b"d/cam-2/info"})
    with pytest.raises(FrameError, match="page 0 of 'a/windows/open_from' is missing"):
        rebuild({key: value for key, value in entries.items() if key != b"p/a/windows/open_from/0"})
