"""Exact repeats of what gateways numbered: dropped whichever gateway numbered them, and nothing else is."""

from __future__ import annotations

from collections import deque
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.vocabulary import Flag, Kind
from stream.pipeline.pipeline import Pipeline
from stream.windows.columns import Columns
from stream.windows.repeats import KEPT, Repeats, content_keys
from tests.configs import pipeline_with
from tests.stream.build import NOON, Writer, places
from tests.support import examples

ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 400)), max_size=700)


@settings(max_examples=examples(60))
@given(rows=ROWS, cuts=st.lists(st.integers(0, 700), max_size=5))
def test_it_agrees_with_a_plain_memory_however_the_rows_are_divided(rows, cuts):
    """Rows may repeat within a call; what a call drops out of the memory is forgotten with the next one."""
    repeats = Repeats()
    held = {device: deque(maxlen=KEPT) for device in range(4)}
    edges = sorted({0, len(rows), *(min(cut, len(rows)) for cut in cuts)})
    for low, high in pairwise(edges):
        part = rows[low:high]
        device = np.array([device for device, _ in part], dtype=np.int64)
        keys = np.array([key for _, key in part], dtype=np.uint64)
        found = repeats.again(device, keys)
        before, seen = {device: set(memory) for device, memory in held.items()}, set()
        expected = []
        for who, key in part:
            known = key in before[who] or (who, key) in seen
            expected.append(known)
            if not known:
                seen.add((who, key))
                held[who].append(key)
        assert found.tolist() == expected
        repeats = loaded(repeats)


def loaded(repeats: Repeats) -> Repeats:
    again = Repeats()
    again.restore(repeats.capture())
    return again


def test_every_part_of_the_content_makes_a_difference():
    writer = Writer()
    base = {"a": 1.0, "b": 0.0, "metric": "m", "text": "t"}
    rows = [
        (Kind.GATE, NOON, base), (Kind.LEVEL, NOON, base), (Kind.GATE, NOON + 1, base),
        *((Kind.GATE, NOON, base | change) for change in (
            {"a": 0.0}, {"b": 1.0}, {"a": 0.0, "b": 1.0}, {"metric": "t"}, {"text": "m"}, {"metric": "t", "text": "m"},
        )),
        (Kind.GATE, NOON, base | {"interval": 9.0}), (Kind.GATE, NOON, base | {"seq": 99, "boot": "b"}),
    ]  # fmt: skip
    for kind, ts, values in rows:
        writer._row("cam-1", kind, ts, **values)
    columns = Columns(writer.batch.encode())
    keys = content_keys(columns, np.arange(columns.rows))
    assert len(set(keys[:9].tolist())) == 9
    assert set(keys[9:].tolist()) == {keys[0]}, "interval and number are no content"


def test_a_copy_that_another_gateway_numbered_counts_once():
    writer, pipeline = Writer(), Pipeline(pipeline_with(site="s"), places())

    def send(gateway: str, flags: int, *times: int):
        for ts in times:
            writer._row("noise-1", Kind.LEVEL, ts, a=50.0, metric="noise", text="dB", boot=gateway)
            writer.batch.columns["flags"][-1] = flags
        return pipeline.process(writer.record())

    first = send("gw-1", Flag.NUMBERED_HERE, NOON, NOON + 1000, NOON + 1000)
    assert (first.accepted, first.duplicates) == (2, 1)
    second = send("gw-2", Flag.NUMBERED_HERE, NOON + 1000, NOON + 2000)
    assert (second.accepted, second.duplicates) == (1, 1)
    state = pipeline.snapshot()
    pipeline = Pipeline(pipeline_with(site="s"), places())
    pipeline.restore(state)
    third = send("gw-3", Flag.NUMBERED_HERE, NOON, NOON + 2000)
    assert (third.accepted, third.duplicates) == (0, 2)
    own = send("a1", 0, NOON, NOON + 1000)
    assert own.accepted == 2, "a device that numbers says itself what is new"
