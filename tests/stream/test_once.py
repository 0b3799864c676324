"""Every distinct observation is applied exactly once, however it is numbered and however often it comes."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.places import CLOCK_OFFSET
from ingest.vocabulary import Flag, Kind
from stream.pipeline.pipeline import Pipeline
from stream.windows.catalog import MAX_BOOTS
from stream.windows.columns import Columns
from stream.windows.proofs import contents
from tests.configs import pipeline_with
from tests.stream.build import NOON, Writer, places
from tests.support import examples

SECOND = 1000


def new_pipeline() -> Pipeline:
    return Pipeline(pipeline_with(site="s"), places())


def restored(pipe: Pipeline) -> Pipeline:
    again = new_pipeline()
    again.restore(pipe.snapshot())
    return again


def send(pipe: Pipeline, said, *, boot="", device="cam-1"):
    """Process one record of (number, time in seconds, value)."""
    writer = Writer()
    for seq, at, value in said:
        writer.count(device, NOON + at * SECOND, value, seq=seq, boot=boot)
    return pipe.process(writer.record())


def test_a_device_that_numbers_from_0_again_is_counted():
    pipe = new_pipeline()
    assert send(pipe, [(seq, seq, 1) for seq in range(20)]).accepted == 20
    for start in (0, 5, 10):  # 15 others, in three messages
        out = send(pipe, [(seq, 100 + seq, 2) for seq in range(start, start + 5)])
        assert (out.accepted, out.duplicates, out.refusals) == (5, 0, [])
    pipe = restored(pipe)
    # Both lives of the boot are sent again, out of order; and the second goes on.
    twice = send(pipe, [*((seq, 100 + seq, 2) for seq in range(15)), *((seq, seq, 1) for seq in reversed(range(20)))])
    assert (twice.accepted, twice.duplicates) == (0, 35)
    assert send(pipe, [(seq, 100 + seq, 2) for seq in range(15, 40)]).accepted == 25


def test_a_restart_in_the_midst_of_a_record_is_seen():
    pipe = new_pipeline()
    said = [*((seq, seq, 1) for seq in range(700)), *((seq, 1000 + seq, 2) for seq in range(300))]
    out = send(pipe, said)
    assert (out.accepted, out.duplicates) == (1000, 0)
    again = send(restored(pipe), said[400:])
    assert (again.accepted, again.duplicates) == (0, 600)


def test_a_long_life_before_the_restart_is_told_by_its_times():
    pipe = new_pipeline()
    for start in range(0, 6_000, 500):
        send(pipe, [(seq, seq // 60, 1) for seq in range(start, start + 500)])
    assert send(pipe, [(seq, 200 + seq, 1) for seq in range(50)]).accepted == 50
    # A spool that sends all of its day again, as far back as it goes.
    out = send(pipe, [(seq, seq // 60, 1) for seq in range(0, 6_000, 7)])
    assert (out.accepted, out.refusals) == (0, [])


def test_numbers_that_mean_nothing_lose_nothing():
    """A device that gives everything the number 0: what it says is told apart by its content."""
    pipe = new_pipeline()
    said = [(0, at, at) for at in range(50)]
    assert send(pipe, said).accepted == 50
    assert send(restored(pipe), said).duplicates == 50
    assert sum(send(pipe, [(0, 60 + at, 1)]).accepted for at in range(20)) == 20


def test_two_devices_of_one_name_are_both_counted():
    pipe = new_pipeline()
    for seq in range(40):
        assert send(pipe, [(seq, seq, 1), (seq, seq, 2)]).accepted == 2
    catalog = pipe.shards[0].catalog
    assert len(catalog._boots[catalog._device_index["cam-1"]]) <= MAX_BOOTS


def test_boots_that_were_heard_of_late_are_known_again_however_many_there_are():
    """An edge agent that was killed twelve times without a network, whose connection then breaks in the middle."""
    pipe = new_pipeline()
    for again in range(2):
        outs = [send(pipe, [(n, boot * 50 + n, 1) for n in range(50)], boot=f"b{boot}") for boot in range(12)]
        assert (sum(out.accepted for out in outs), sum(out.duplicates for out in outs)) == (600, 0)[:: 1 - 2 * again]
        pipe = restored(pipe)
    for minute in range(20):  # an hour later these are forgotten
        send(pipe, [(0, 3_600 + minute * 60, 1)], boot=f"c{minute}")
    catalog = pipe.shards[0].catalog
    boots = [source.boot for source, _ in catalog._boots[catalog._device_index["cam-1"]]]
    assert boots == [f"c{minute}" for minute in range(5, 20)]
    for boot in range(400):
        send(pipe, [(0, 9_000, 1)], boot=f"f{boot}")
    assert len(catalog._boots[catalog._device_index["cam-1"]]) <= 257, "a flood of boots is not kept"


LIVES = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 30), st.booleans()), min_size=1, max_size=MAX_BOOTS)


@settings(max_examples=examples(80), deadline=None)
@given(lives=LIVES, seed=st.integers(0, 2**20), cuts=st.lists(st.integers(0, 400), max_size=8))
def test_random_restarts_repeats_and_disorder_are_counted_once(lives, seed, cuts):
    """Lives of a device under one boot id: from which number, for how long, and whether its clock begins again, too."""
    rng = random.Random(seed)
    said = []
    at = 0
    for life, (length, first, clock) in enumerate(lives):
        begin = 0 if clock else at
        said += [(first + n, begin + n, life * 1000 + n) for n in range(length)]
        at = max(at, begin + length)
    sent = []
    for number, one in enumerate(said):
        sent.append((number + rng.uniform(0, 4), one))
        while rng.random() < 0.3:
            sent.append((number + rng.uniform(0, 60), one))
    stream = [one for _, one in sorted(sent)]
    pipe, counted = new_pipeline(), Counter()
    edges = sorted({0, len(stream), *(min(cut, len(stream)) for cut in cuts)})
    accepted = duplicates = refused = 0
    for low, high in pairwise(edges):
        out = send(pipe, stream[low:high])
        accepted, duplicates = accepted + out.accepted, duplicates + out.duplicates
        refused += len(out.refusals)
        pipe = restored(pipe)
        counted.update(stream[low:high])
    assert (accepted, refused) == (len(set(said)), 0)
    assert accepted + duplicates == len(stream)


def kept(pipe: Pipeline, flags: int, *times: int, kind=Kind.STATE, metric="cover", text="open", boot="gw-1"):
    writer = Writer()
    for ts in times:
        writer._row("door-1", kind, ts, metric=metric, text=text, boot=boot)
        writer.batch.columns["flags"][-1] = flags
    return pipe.process(writer.record())


def test_what_a_broker_kept_is_taken_at_its_first_sight_and_never_again():
    for kind, metric in ((Kind.STATE, "cover"), (Kind.GATE, "car"), (Kind.COUNT, "person"), (Kind.LEVEL, "noise")):
        pipe = new_pipeline()
        first = kept(pipe, Flag.NUMBERED_HERE | Flag.RETAINED, NOON, kind=kind, metric=metric)
        assert (first.accepted, first.duplicates) == (1, 0)
        # So much is said that no other memory of it is left; then other gateways show it.
        kept(pipe, Flag.NUMBERED_HERE, *range(NOON + 1, NOON + 400), kind=Kind.LEVEL, metric="noise", boot="gw-2")
        for gateway in range(3, 12):
            pipe = restored(pipe)
            flags = Flag.NUMBERED_HERE | Flag.RETAINED
            again = kept(pipe, flags, NOON, kind=kind, metric=metric, boot=f"gw-{gateway}")
            assert (again.accepted, again.duplicates) == (0, 1)
        newer = kept(pipe, flags, NOON + 60_000, kind=kind, metric=metric, boot="gw-99")
        assert newer.accepted == 1


def test_what_was_counted_when_it_was_said_is_not_counted_when_a_broker_shows_it():
    pipe = new_pipeline()
    kept(pipe, Flag.NUMBERED_HERE, NOON, kind=Kind.GATE, metric="car")
    kept(pipe, Flag.NUMBERED_HERE, *range(NOON + 1, NOON + 400), kind=Kind.LEVEL, metric="noise", boot="gw-2")
    again = kept(pipe, Flag.NUMBERED_HERE | Flag.RETAINED, NOON, kind=Kind.GATE, metric="car", boot="gw-3")
    assert (again.accepted, again.duplicates) == (0, 1)


def test_a_kept_word_without_a_time_is_only_taken_as_the_first():
    pipe = new_pipeline()
    flags = Flag.NUMBERED_HERE | Flag.RETAINED | Flag.TIMELESS
    assert kept(pipe, flags, NOON).accepted == 1
    assert kept(pipe, flags, NOON + 60_000, boot="gw-2").accepted == 0


def test_what_a_broker_kept_is_no_sign_of_life():
    pipe = new_pipeline()
    kept(pipe, Flag.NUMBERED_HERE | Flag.RETAINED, NOON)
    catalog = pipe.shards[0].catalog
    assert pipe.shards[0].quality.heard_ms(catalog._device_index["door-1"]) == -1


def test_a_number_said_again_without_a_time_is_a_repeat():
    pipe = new_pipeline()
    for ts in (NOON, NOON + 5_000):
        writer = Writer()
        writer._row("door-1", Kind.STATE, ts, metric="door", text="open", boot="a", seq=3)
        writer.batch.columns["flags"][-1] = Flag.TIMELESS
        out = pipe.process(writer.record())
    assert (out.accepted, out.duplicates) == (0, 1)


def test_the_proof_of_a_content_depends_on_all_of_it():
    writer = Writer()
    values = [{"a": a, "b": b} for a in range(40) for b in range(40)]
    for number, change in enumerate(values):
        writer._row("cam-1", Kind.COUNT, NOON, seq=number, metric="person", **{k: float(v) for k, v in change.items()})
    writer._row("cam-1", Kind.COUNT, NOON, metric="vehicle", a=1.0, b=1.0)
    writer._row("cam-1", Kind.COUNT, NOON, metric="person", text="x", a=1.0, b=1.0)
    writer._row("cam-1", Kind.LEVEL, NOON, metric="person", a=1.0, b=1.0)
    writer._row("cam-1", Kind.COUNT, NOON + 1, metric="person", a=1.0, b=1.0)
    columns = Columns(writer.batch.encode())
    assert len(np.unique(contents(columns))) == columns.rows


def test_a_corrected_clock_makes_no_second_observation_of_a_repeat():
    """What the places file says of a device's clock may change between two deliveries of one message."""
    pipe = new_pipeline()
    assert send(pipe, [(seq, seq, 1) for seq in range(5)]).accepted == 5
    ahead = Pipeline(pipeline_with(site="s"), places(overrides={"cam-1": {CLOCK_OFFSET: 3_600}}))
    ahead.restore(pipe.snapshot())
    out = send(ahead, [(seq, seq, 1) for seq in range(8)])
    assert (out.accepted, out.duplicates) == (3, 5)


@pytest.mark.parametrize("number", [lambda at: 0, lambda at: at % 2, lambda at: 5 - at])
def test_the_newest_word_is_acted_upon_however_the_device_numbers(number):
    """The smoke alarm of a detector that numbers from 0 again, or not at all, is told; and so is its end."""
    pipe = new_pipeline()
    heard = []
    for at, word in enumerate(("ok", "alarm", "ok", "alarm", "ok", "alarm")):
        writer = Writer()
        for again in range(3):  # more often in one message than numbers may begin again
            writer.state("smoke-1", NOON + at * 9_000 + again, "alarm", metric="tamper", seq=number(at))
            writer.state("smoke-1", NOON + at * 9_000 + again, word, metric="smoke", seq=number(at))
        heard += [(alert.kind, alert.state) for alert in pipe.process(writer.record()).alerts if alert.kind == "smoke"]
        pipe = restored(pipe)
    assert heard == [("smoke", "raised"), ("smoke", "cleared")] * 2 + [("smoke", "raised")]


def test_passages_of_both_lives_of_a_boot_have_keys_of_their_own():
    pipe, keys = new_pipeline(), []
    for life in range(3):
        writer = Writer()
        for seq in range(4):
            writer.gate("gate-1", NOON + life * 60_000 + seq * 5_000, seq=seq, boot="a")
        keys += [
            key
            for rows in pipe.process(writer.record()).gates
            for key in zip(rows.boot, rows.seq.tolist(), strict=True)
        ]
    assert len(set(keys)) == len(keys) == 12
