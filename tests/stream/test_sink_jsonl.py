"""JSON lines: torn tails, full disks, files put aside."""

from __future__ import annotations

import errno
import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.files import replace_file
from stream.sinks import jsonl_sink as jsonl
from stream.sinks.jsonl_sink import JsonLinesError, JsonLinesSink
from tests.stream.make_results import alert, results, windows
from tests.support import examples


def positions(path):
    lines = [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]
    return [line["position"] for line in lines if line["type"] == "position"]


@settings(max_examples=examples(60))
@given(share=st.floats(0, 1), chunk=st.integers(20, 300))
def test_a_file_cut_anywhere_goes_on_after_its_last_whole_block(tmp_path_factory, share, chunk):
    folder = tmp_path_factory.mktemp("cut")
    written = [
        results(n, windows=[windows({}, {"series": 1})], alerts=[alert("a", n, note='{"type":"position",')])
        for n in (3, 4, 9)
    ]
    sink = JsonLinesSink(folder / "whole.jsonl")
    for result in written:
        sink.write([result])
    sink.close()
    whole = (folder / "whole.jsonl").read_bytes()
    cut = folder / "cut.jsonl"
    cut.write_bytes(whole[: round(share * len(whole))])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jsonl, "_CHUNK", chunk)
        sink = JsonLinesSink(cut)
        assert sink.position in {-1, 3, 4, 9}
        sink.write(written)
        sink.close()
    assert cut.read_bytes().count(b"\n") == whole.count(b"\n") or sink.position == 9
    assert positions(cut)[-1] == 9
    lines = [line for line in cut.read_text("utf-8").split("\n") if '"alert"' in line]
    assert [json.loads(line)["revision"] for line in lines] == [3, 4, 9]


def test_full_files_are_put_aside_and_the_oldest_goes(tmp_path):
    path = tmp_path / "r.jsonl"
    sink = JsonLinesSink(path, max_bytes=100, keep=2)
    for n in range(1, 8):
        sink.write([results(n, alerts=[alert("a", n)])])
    sink.close()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["r.jsonl", "r.jsonl.1", "r.jsonl.2"]
    assert [positions(tmp_path / name) for name in ("r.jsonl.2", "r.jsonl.1", "r.jsonl")] == [[5], [6], [7]]


def test_a_crash_while_a_file_is_put_aside_loses_no_position(tmp_path):
    path = tmp_path / "r.jsonl"
    sink = JsonLinesSink(path)
    sink.write([results(4)])
    sink.close()
    path.rename(tmp_path / "r.jsonl.1")
    sink = JsonLinesSink(path)
    assert sink.position == 4
    sink.write([results(4, accepted=9)])
    assert path.read_bytes() == b""
    sink.close()
    sink.close()


def test_a_file_of_something_else_is_left_alone(tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_text('{"hello":"world"}\n')
    with pytest.raises(JsonLinesError, match="move the file away"):
        JsonLinesSink(path)
    assert path.read_text() == '{"hello":"world"}\n'


@pytest.mark.parametrize("settings_", [{"max_bytes": 0}, {"keep": 0}])
def test_settings_must_be_above_nothing(tmp_path, settings_):
    with pytest.raises(ValueError, match="expected numbers above 0"):
        JsonLinesSink(tmp_path / "r.jsonl", **settings_)


def test_a_full_disk_takes_the_block_back(tmp_path, monkeypatch):
    path = tmp_path / "r.jsonl"
    sink = JsonLinesSink(path)
    sink.write([results(1)])
    before, write = path.read_bytes(), os.write

    def half(handle, data):
        if len(data) > 40:
            return write(handle, data[:40])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(OSError, match="No space left"):
        sink.write([results(2)])
    monkeypatch.undo()
    assert path.read_bytes() == before
    sink.write([results(2)])
    sink.close()
    assert positions(path) == [1, 2]


def test_a_replaced_file_is_the_old_or_the_new(tmp_path, monkeypatch):
    path = tmp_path / "new" / "file"
    replace_file(path, b"one")

    def fail(_handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        replace_file(path, b"two")
    assert path.read_bytes() == b"one"
