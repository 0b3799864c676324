"""Results that travel come out as they went in, or are refused by name."""

from __future__ import annotations

from dataclasses import fields

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.events import Command
from ingest.frame import FrameError
from stream import output_codec
from stream.output_codec import decode_output, encode_output
from stream.results import GateRows, Notice, ShardOutput, StateRows, WindowRows
from tests.stream import make_results
from tests.support import examples

ROW_TYPES = (WindowRows, GateRows, StateRows)


def told(results: ShardOutput) -> dict:
    """Everything results say, series by name, in a form that compares (NaN equals NaN)."""
    out = {}
    for field in fields(ShardOutput):
        value = getattr(results, field.name)
        if field.name == "catalog":
            continue
        if field.name in {"windows", "gates", "states"}:
            value = [
                {
                    f.name: [results.catalog[i] for i in rows.series.tolist()]
                    if f.name == "series"
                    else repr(list(getattr(rows, f.name)))
                    for f in fields(rows)
                }
                for rows in value
            ]
        elif not isinstance(value, int | bool):
            value = msgspec.json.encode(value)
        out[field.name] = value
    return out


@given(make_results.result_lists(), st.integers(0, 9), st.booleans())
@settings(max_examples=examples(25))
def test_results_come_out_as_they_went_in(written, shard, closing):
    for results in map(make_results.shard_output, written):
        results.shard, results.closing = shard, closing
        results.notices.append(Notice(act="rise", beat="b", device="d", kind="smoke", at_ms=5, lonlat=(1.5, 2.0)))
        results.commands.append(
            Command(id="c", action="clear", alert="a", by="x", ts=1_795_406_400_000, reason="works")
        )
        data = encode_output(results)
        read = decode_output(data)
        assert told(read) == told(results)
        assert encode_output(read) == data
        assert len(read.catalog) <= len(results.catalog)


def test_every_field_is_carried():
    assert {field.name for field in fields(ShardOutput)} == {
        *output_codec._STRUCTS,
        *output_codec._PLAIN,
        *output_codec._TABLES,
        "catalog",
    }
    assert [field.name for field in fields(WindowRows)] == list(output_codec.WINDOW_COLUMNS)
    assert {field.name for field in fields(GateRows)} == {*output_codec.GATE_COLUMNS, "boot", "vehicle", "plate"}
    assert {field.name for field in fields(StateRows)} == {*output_codec.STATE_COLUMNS, "value"}


def test_a_number_of_numpy_in_a_struct_passes():
    results = make_results.results(3, health=[make_results.health(received=np.int64(4))])
    assert decode_output(encode_output(make_results.shard_output(results))).health[0].received == 4


def test_damaged_results_and_tables_that_do_not_fit_are_refused_by_name(monkeypatch):
    results = make_results.results(1, windows=[make_results.windows({})])
    data = encode_output(make_results.shard_output(results))
    with pytest.raises(FrameError, match="check sum"):
        decode_output(data[:60] + b"!" + data[61:])
    monkeypatch.setitem(output_codec.WINDOW_COLUMNS, "p", "<f8")
    with pytest.raises(FrameError, match=r"windows have p of type float32 and shape .* expected <f8"):
        decode_output(data)
    monkeypatch.setitem(output_codec.WINDOW_COLUMNS, "q", "<f8")
    with pytest.raises(FrameError, match="'windows/q'"):
        decode_output(data)
