"""The newest word of a series: by number within a boot, by receipt across boots, never by what a clock says."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.vocabulary import Kind
from stream.pipeline.pipeline import Pipeline
from stream.windows.axes import SERIES
from stream.windows.word_order import BOOTS, NO_TIME, WordOrder, Words
from tests.configs import pipeline_with
from tests.stream.build import MINUTE, NOON, Writer, places
from tests.support import examples

ROW = st.tuples(
    st.integers(0, 2),  # series
    st.integers(0, 5),  # boot
    st.integers(0, 12),  # number
    st.integers(-50, 50),  # event time
    st.sampled_from(["live", "live", "live", "backfill", "retained"]),
)


def arranged(order: WordOrder, rows: list[tuple], received: int):
    series, boot, seq, ts = (
        np.array(column, dtype=np.int64) for column in zip(*[row[:4] for row in rows], strict=True)
    )
    marks = [np.array([row[4] == mark for row in rows]) for mark in ("backfill", "retained")]
    return order.arrange(Words(series, boot, seq, ts, np.full(len(rows), received), *marks))


@settings(max_examples=examples(150))
@given(rows=st.lists(ROW, max_size=40, unique_by=lambda row: row[:3]), cuts=st.lists(st.integers(0, 40), max_size=3))
def test_it_agrees_with_words_taken_one_by_one(rows, cuts):
    order = WordOrder()
    order.grow(SERIES, 3)
    known: dict[int, dict[int, int]] = {0: {}, 1: {}, 2: {}}
    said = dict.fromkeys(range(3), NO_TIME)
    edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    for start, end in itertools.pairwise(edges):
        part = rows[start:end]
        if not part:
            continue
        found = arranged(order, part, received=20)
        places = found.order.tolist()
        assert sorted(places) == list(range(len(part)))
        for place, row in enumerate(places):
            # A series keeps the places it came in, and so do its boots.
            assert part[place][:2] == part[row][:2]
        for numbers in _runs([part[row] for row in places]):
            assert numbers == sorted(numbers)
        for place, row in enumerate(places):
            series, boot, seq, ts, mark = part[row]
            boots = known[series]
            assert found.until[place] == said[series]
            newer = seq > boots.get(boot, -1)
            if mark != "live" and said[series] != NO_TIME:
                newer &= said[series] < ts and (mark == "retained" or ts <= 20)
            assert found.newest[place] == newer
            if newer:
                boots.pop(boot, None)
                boots[boot], said[series] = seq, ts
        for series, boots in known.items():
            known[series] = dict(list(boots.items())[-BOOTS:])
        again = WordOrder()
        again.restore(order.capture())
        order = again


def _runs(rows: list[tuple]) -> list[list[int]]:
    """Numbers of neighbours of one boot, of each series."""
    of = [[row for row in rows if row[0] == series] for series in range(3)]
    return [[row[2] for row in run] for one in of for _, run in itertools.groupby(one, key=lambda row: row[1])]


def test_a_boot_before_that_comes_late_in_one_record_ends_nothing_newer():
    """A detector starts again and alarms, while a message of its boot before is still on its way."""
    writer, pipeline = Writer(), Pipeline(pipeline_with(site="s"), places())
    for boot, seq, word in (("a", 71, "ok"), ("b", 0, "alarm"), ("a", 70, "ok")):
        writer.state("smoke-1", NOON, word, metric="smoke", seq=seq, boot=boot)
    assert [(alert.kind, alert.state) for alert in pipeline.process(writer.record()).alerts] == [("smoke", "raised")]


def test_twenty_thousand_boots_of_one_series_in_one_record_are_judged_one_after_the_other():
    order = WordOrder()
    order.grow(SERIES, 1)
    found = arranged(order, [(0, boot, 0, 0, "live") for boot in range(20_000)], received=0)
    assert found.newest.all()
    assert not arranged(order, [(0, 19_999, 0, 0, "live")], received=0).newest.any()


def test_an_older_word_that_comes_later_opens_no_door():
    """Shut at :00, opened at :05, shut at :10; the gateway that had the middle one was away for a moment."""
    for order in ((0, 5, 10), (0, 10, 5), (10, 0, 5), (5, 10, 0)):
        writer, pipeline = Writer(), Pipeline(pipeline_with(site="s"), places())
        alerts, states = [], []
        for number, second in enumerate(order):
            word = "open" if second == 5 else "closed"
            writer._row("door-1", Kind.STATE, NOON + second * 1000, metric="door", text=word, seq=second)
            out = pipeline.process(writer.record(received=NOON + 11_000 + number))
            alerts += out.alerts
            states += [pair for rows in out.states for pair in zip(rows.ts.tolist(), rows.value, strict=True)]
        for minute in range(1, 10):
            alerts += pipeline.process(writer.tick(NOON + minute * MINUTE)).alerts
        assert alerts == [], order
        assert max(states)[1] == "closed"
