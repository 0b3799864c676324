"""The last word of a series is the newest by the device's time, in whatever order words arrive."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.vocabulary import Kind
from stream.pipeline.pipeline import Pipeline
from stream.windows.axes import SERIES
from stream.windows.last_states import LastStates
from tests.configs import pipeline_with
from tests.stream.build import MINUTE, NOON, Writer, places
from tests.support import examples

WORDS = ["open", "closed", "ajar"]


@settings(max_examples=examples(80))
@given(
    rows=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 30), st.integers(0, 2)), max_size=40),
    cut=st.integers(0, 40),
)
def test_it_agrees_with_words_taken_one_by_one(rows, cut):
    states, newest, word = LastStates(), {}, {}
    states.grow(SERIES, 3)
    for part in (rows[:cut], rows[cut:]):
        if not part:
            continue
        series, ts, text = (np.array(column, dtype=np.int64) for column in zip(*part, strict=True))
        found = states.changes(series, ts, text, WORDS)
        expected = set()
        for row in sorted(range(len(part)), key=lambda row: (part[row][1], row)):
            who, at, said = part[row]
            if at < newest.get(who, -1):
                continue
            newest[who] = at
            if word.get(who) != said:
                expected.add(row)
            word[who] = said
        assert set(found.tolist()) == expected
        assert np.all(np.diff(ts[found]) >= 0)
        again = LastStates()
        again.restore(states.capture())
        states = again


def test_an_older_word_that_comes_later_opens_no_door():
    """Shut at :00, opened at :05, shut at :10; the gateway that had the middle one was away for a moment."""
    for order in ((0, 5, 10), (0, 10, 5), (10, 0, 5)):
        writer, pipeline = Writer(), Pipeline(pipeline_with(site="s"), places())
        alerts = []
        for number, second in enumerate(order):
            word = "open" if second == 5 else "closed"
            writer._row("door-1", Kind.STATE, NOON + second * 1000, metric="door", text=word, seq=second)
            alerts += pipeline.process(writer.record(received=NOON + 11_000 + number)).alerts
        for minute in range(1, 10):
            alerts += pipeline.process(writer.tick(NOON + minute * MINUTE)).alerts
        assert alerts == [], order
