"""State as keyed entries: whatever was written when, the newest entry of every key makes the state again."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest

from ingest.frame import FrameError
from ingest.log.records import RecordKind
from models.rules.gates import GateRules
from models.state import Saved, State
from stream.detect import rules_stage as rules
from stream.output_codec import encode_output
from stream.pipeline.shard import ShardPipeline
from stream.pipeline.site import SiteStage
from stream.state.changelog import META_KEY, Changelog, rebuild
from stream.state.snapshot import pack
from tests.configs import pipeline_with
from tests.stream.build import MINUTE, NOON, Writer, places
from tests.support import SOAK

HISTORIES, LENGTHS = (5_000, (20, 60)) if SOAK else (50, (5, 25))
CONFIG = pipeline_with(site="test", country="")
DEVICES = {"cam-1": "camera", "cam-2": "camera", "gate-1": "gate", "door-1": "door", "noise-1": "noise"}


@pytest.fixture(scope="module", autouse=True)
def _small_table_of_vehicles() -> Iterator[None]:
    """A table of vehicles for 64 instead of 65,536: the tests copy it hundreds of times."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules, "GateRules", lambda: GateRules(capacity=64))
        yield


def shard(state: State | None = None) -> ShardPipeline:
    made = ShardPipeline(CONFIG, places(DEVICES))
    if state is not None:
        made.restore(state)
    return made


def packed(part: Saved) -> bytes:
    return pack({}, {"": part.capture()})


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


def live(rng: random.Random, records: int) -> None:
    """Let a shard live that is rebuilt from its changelog now and then, beside one that is left alone."""
    undisturbed, disturbed, log = shard(), shard(), Writer()
    changelog, kept, minute = Changelog(page=256), {}, 0
    for _ in range(records):
        minute += rng.choice([0, 1, 1, 2, 7])
        record = a_record(rng, log, minute)
        assert encode_output(disturbed.process(record)) == encode_output(undisturbed.process(record))
        if rng.random() < 0.4:
            kept |= changelog.changes(disturbed.capture())
            if rng.random() < 0.5:  # compaction is free to remove what was overwritten, and what was removed
                kept = {key: value for key, value in kept.items() if value is not None}
            if rng.random() < 0.5:  # another process goes on, from what was written
                state = rebuild(kept)
                disturbed = shard(state)
                assert packed(disturbed) == packed(undisturbed)
                if rng.random() < 0.5:
                    assert state is not None
                    changelog = Changelog(page=256)
                    changelog.changes(state)
    assert packed(disturbed) == packed(undisturbed)


@pytest.mark.soak
@pytest.mark.parametrize("first", range(0, HISTORIES, 25))
def test_a_rebuilt_shard_goes_on_as_if_nothing_had_been(first):
    for seed in range(first, first + 25):
        rng = random.Random(seed)
        live(rng, rng.randint(*LENGTHS))


def test_a_free_slot_that_is_given_away_is_no_longer_nobodys():
    part, log, changelog = shard(), Writer(), Changelog()
    for boot in "abcdef":  # six boots in one record: all are kept
        log.count("cam-1", NOON, 5, boot=boot)
    part.process(log.record())
    kept = changelog.changes(part.capture())
    later = NOON + 16 * MINUTE  # the six are no longer of late
    part.process(
        log.count("cam-1", NOON, 5, boot="g", received=later).record(later)
    )  # four: 0, 1, 2 are freed, 0 given
    kept |= changelog.changes(part.capture())
    assert kept[b"d/-1/hot"] is not None
    part.process(log.level("noise-1", NOON, 50).level("noise-1", NOON, 50, boot="b").record())
    kept |= changelog.changes(part.capture())
    assert kept[b"d/-1/hot"] is None
    assert packed(shard(rebuild(kept))) == packed(part)


def test_a_stale_entry_of_a_place_that_was_given_away_is_refused():
    part, log, changelog = shard(), Writer(), Changelog()
    for boot in "abcdef":
        log.count("cam-1", NOON, 5, boot=boot)
    part.process(log.record())
    kept = changelog.changes(part.capture())
    part.process(log.count("cam-1", NOON, 5, boot="g").record())
    with pytest.raises(FrameError, match="entry 'hot' of device 0 has"):
        rebuild(kept | changelog.changes(part.capture()) | {b"d/0/hot": kept[b"d/0/hot"]})


def test_only_the_device_that_spoke_is_written_again():
    part, log, changelog = shard(), Writer(), Changelog()
    for minute in range(20):
        for camera in ("cam-1", "cam-2"):
            log.count(camera, NOON + minute * MINUTE, 5)
    part.process(log.record())
    changelog.changes(part.capture())
    log.count("cam-2", NOON + 19 * MINUTE + 1_000, 5)
    part.process(log.record())
    written = {key for key in changelog.changes(part.capture()) if key.startswith(b"d/")}
    assert written == {b"d/1/hot", b"d/1/proven.held.0"}
    part.process(log.tick(NOON + 22 * MINUTE))
    written = {key for key in changelog.changes(part.capture()) if key.startswith(b"d/0/")}
    # The window that closed changed at most one piece of the baseline's 12.
    assert {b"d/0/hot", b"d/0/model"} <= written
    assert len(written) <= 3


def test_nothing_changed_writes_the_meta_entry_only():
    part, log, changelog = shard(), Writer(), Changelog()
    part.process(log.count("cam-1", NOON, 5).record())
    assert len(changelog.changes(part.capture())) > 10
    assert set(changelog.changes(part.capture())) == {META_KEY}


def test_a_site_comes_back_too():
    part, log = shard(), Writer()
    site, changelog, kept = SiteStage(CONFIG, places(DEVICES), 1), Changelog(page=64), {}
    for minute in range(40):
        log.state("door-1", NOON + minute * MINUTE, "open" if minute % 7 else "closed")
        site.apply(part.process(log.record()))
        kept |= changelog.changes(site.capture())
    assert site.book.open()
    again = SiteStage(CONFIG, places(DEVICES), 1)
    saved = rebuild({key: value for key, value in kept.items() if value is not None})
    assert saved is not None
    again.restore(saved)
    assert packed(again) == packed(site)


def test_pages_that_are_no_longer_there_are_removed():
    changelog = Changelog(page=16)
    one, two = State(arrays={"x": np.arange(8)}), State()
    one.put("a", list(range(80)))
    two.put("a", [1] * 70)
    two.put("small", 1)
    first, second = changelog.changes(one), changelog.changes(two)
    removed = {key for key, value in second.items() if value is None}
    assert removed == {key for key in first if key.startswith(b"p/a/x/")} | {b"p/v/a/5"}
    assert rebuild(first | second) == two


def test_damaged_missing_and_future_entries_are_refused_by_name():
    part, log = shard(), Writer()
    part.process(log.count("cam-1", NOON, 5).record())
    entries = Changelog().changes(part.capture())
    assert rebuild({}) is None
    meta = entries[META_KEY]
    assert meta is not None
    for damaged, words in (
        (meta[:4] + b"\x09" + meta[5:], "newer program"),
        (meta[:-6] + b"xx" + meta[-4:], "check sum"),
        (b"nothing like it", "starts with"),
        (b"PGC\x01" + meta[4:], r"written by version 0\.1.*train --from-store"),
    ):
        with pytest.raises(FrameError, match=words):
            rebuild(entries | {META_KEY: damaged})
    for key, words in (
        (b"d/1/hot", "entry 'hot' of device 1 is missing"),
        (b"d/0/values", "entry 'values' of device 0 is missing"),
        (b"p/a/catalog/series_device/0", "page 0 of 'a/catalog/series_device' is missing"),
    ):
        with pytest.raises(FrameError, match=words):
            rebuild({name: value for name, value in entries.items() if name != key})
