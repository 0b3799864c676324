"""Record, kill, replay: what went in comes out, and no plate is left in the file."""

import gzip
import tracemalloc
from contextlib import closing

import pytest

from ingest.login import BrokerAddress
from ingest.mqtt.outbox import Outbound
from ingest.mqtt.publisher import publish_all
from simulators.replay.recording import Recorder, Recording, RecordingError, RecordingTrack
from simulators.replay.track import publish as replay
from tests.simulators.worlds import Ear
from tests.support import free_port, wait_for

OBS = "patrolgrid/v1/quarter/academy/gate-06/obs"


def publish(port, messages):
    assert publish_all(BrokerAddress(port=port), [Outbound(*message) for message in messages]) == len(messages)


def test_what_was_recorded_is_replayed(broker, tmp_path):
    path = tmp_path / "evening.jsonl.gz"
    sent = [(OBS, b'{"n":%d}' % n, False) for n in range(500)]
    sent.append((OBS, b"\xff\x00not text", False))
    sent.append(("patrolgrid/v1/quarter/academy/gate-06/status", b'{"state":"online"}', True))
    with closing(Recorder(path, BrokerAddress(port=broker.port))) as recorder:
        publish(broker.port, [*sent, ("patrolgrid/v1/quarter/academy/alerts", b"not an input", False)])
        wait_for(lambda: recorder.messages >= len(sent), "the recorder heard too little")
    recording = Recording(path)
    rows = list(recording)
    # Brokers keep the order within a topic; the embedded one may deliver another topic's message first.
    heard = sorted(((row.topic, row.payload) for row in rows), key=lambda message: message[0])
    assert heard == sorted(((topic, payload) for topic, payload, _ in sent), key=lambda message: message[0])
    assert not recording.broken_off
    assert [row.offset_s for row in rows] == sorted(row.offset_s for row in rows)
    told = []
    with Ear(broker.port, OBS) as ear:
        n = replay(RecordingTrack(path, "quarter", "UTC"), BrokerAddress(port=broker.port), on_progress=told.append)
        assert n == (len(sent), sum(topic == OBS for topic, _, _ in sent))
        wait_for(lambda: len(ear.heard) >= 501, "the replay was not heard")
    assert [m.payload for m in ear.heard] == [payload for topic, payload, _ in sent if topic == OBS]
    assert told[-1] == path.stat().st_size


def test_a_recording_that_breaks_off_is_read_as_far_as_it_goes(broker, tmp_path):
    path = tmp_path / "killed.jsonl.gz"
    with closing(Recorder(path, BrokerAddress(port=broker.port))) as recorder:
        publish(broker.port, [(OBS, b'{"n":%d}' % n, False) for n in range(200)])
        wait_for(lambda: recorder.messages == 200, "the recorder heard too little")
        wait_for(lambda: path.stat().st_size > 300, "the recorder did not sync")
        killed = tmp_path / "copy.jsonl.gz"
        killed.write_bytes(path.read_bytes())
    recording = Recording(killed)
    assert len(list(recording)) == 200
    assert recording.broken_off
    whole = path.read_bytes()
    for length in range(60, len(whole), 97):
        killed.write_bytes(whole[:length])
        try:
            part = Recording(killed)
        except RecordingError:
            continue
        assert [row.payload for row in part] == [b'{"n":%d}' % n for n in range(200)][: len(list(Recording(killed)))]
        assert part.broken_off


def test_what_is_to_be_left_out_is_not_recorded(broker, tmp_path):
    path, topics_of = tmp_path / "r.jsonl.gz", "patrolgrid/v1/s/b/{}/obs"
    with closing(Recorder(path, BrokerAddress(port=broker.port), leave_out=lambda topic: "door" in topic)) as recorder:
        said = (topics_of.format("door-1"), b'{"owner": "somebody"}', False), (topics_of.format("cam-1"), b"{}", False)
        publish(broker.port, said)
        wait_for(lambda: recorder.messages == 1, "what is to be recorded is there")
    assert [row.topic for row in Recording(path)] == [topics_of.format("cam-1")]


def test_no_plate_is_left_in_a_recording(broker, tmp_path):
    path = tmp_path / "plates.jsonl.gz"
    plates = ["测A1B2C3", "沪B12345"]
    sent = [(OBS, f'{{"type":"gate","ts":1,"plate":"{plate}"}}'.encode(), False) for plate in (*plates, *plates)]
    sent.append((OBS, b'{"type":"gate","plate":"\xe6\xb5\x8bA1B2C3","ts":', False))
    with closing(Recorder(path, BrokerAddress(port=broker.port))) as recorder:
        publish(broker.port, sent)
        wait_for(lambda: recorder.messages == len(sent), "the recorder heard too little")
    text = gzip.decompress(path.read_bytes()).decode()
    for plate in plates:
        assert plate not in text
        assert plate[1:] not in text
    rows = [row.payload for row in Recording(path)]
    assert rows[0] == rows[2] != rows[1] == rows[3]


@pytest.mark.parametrize(
    "content", [b"", b"hello", gzip.compress(b'{"type":"count"}\n', mtime=0), gzip.compress(b"[1]\n", mtime=0)]
)
def test_other_files_are_told_apart(tmp_path, content):
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match="not a recording"):
        Recording(path)


def test_a_later_version_asks_for_an_upgrade(tmp_path):
    path = tmp_path / "later"
    path.write_bytes(gzip.compress(b'{"patrolgrid_recording":9,"started_ms":0}\n', mtime=0))
    with pytest.raises(RecordingError, match="upgrade"):
        Recording(path)


def test_without_a_broker_nothing_is_left_behind(tmp_path):
    path = tmp_path / "none.gz"
    with pytest.raises(ConnectionError, match="no connection to the MQTT broker"):
        Recorder(path, BrokerAddress(port=free_port()))
    assert not path.exists()


def test_a_disk_that_is_full_is_told(broker, tmp_path, monkeypatch):
    recorder = Recorder(tmp_path / "full.jsonl.gz", BrokerAddress(port=broker.port))

    def full(_line):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recorder._file, "write", full)
    publish(broker.port, [(OBS, b"{}", False)])
    wait_for(lambda: recorder.failure is not None, "the recorder notices")
    assert isinstance(recorder.failure, OSError)
    assert recorder.failure.errno == 28
    assert recorder.messages == 0
    monkeypatch.undo()
    recorder.close()


HEAD = b'{"patrolgrid_recording":1,"started_ms":0}\n'


def peak_of(read):
    """Return what reading raised, and the most memory that it took."""
    tracemalloc.start()
    try:
        with pytest.raises(RecordingError) as raised:
            read()
        return str(raised.value), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("begin", [b"", HEAD], ids=["no head", "with a head"])
def test_a_few_kilobytes_that_unpack_to_gigabytes_are_refused_in_bounded_memory(tmp_path, begin):
    path = tmp_path / "bomb.pgr.gz"
    with gzip.open(path, "wb") as file:
        file.write(begin)
        for _ in range(96):
            file.write(bytes(1 << 20))
    assert path.stat().st_size < 1 << 20
    said, peak = peak_of(lambda: list(Recording(path)))
    assert str(path) in said
    assert "a message of more than 8388608 bytes" in said
    assert peak < 64 << 20


def test_many_lines_from_few_bytes_are_read_one_by_one(tmp_path):
    path = tmp_path / "long.pgr.gz"
    line = b'{"t":0,"topic":"a","p":"' + b"x" * 1_000 + b'"}\n'
    path.write_bytes(gzip.compress(HEAD + line * 20_000, mtime=0))
    tracemalloc.start()
    recording = Recording(path)
    assert sum(1 for _ in recording) == 20_000
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()
    assert not recording.broken_off


def test_what_follows_the_end_of_the_gzip_stream_is_not_gathered(tmp_path):
    path = tmp_path / "more.pgr.gz"
    path.write_bytes(gzip.compress(HEAD, mtime=0) + bytes(32 << 20))
    tracemalloc.start()
    assert list(Recording(path)) == []
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


@pytest.mark.parametrize(
    "head",
    [
        b'{"patrolgrid_recording":"1"}\n',
        b'{"patrolgrid_recording":1,"started_ms":"x"}\n',
        b"[" * 100_000 + b"\n",
        b'{"patrolgrid_recording":' + b"[" * 100_000 + b"\n",
    ],
)
def test_a_head_of_other_types_is_no_recording(tmp_path, head):
    path = tmp_path / "odd"
    path.write_bytes(gzip.compress(head, mtime=0))
    with pytest.raises(RecordingError, match="not a recording"):
        Recording(path)


def test_a_message_of_endless_brackets_ends_the_reading(tmp_path):
    path = tmp_path / "deep"
    path.write_bytes(gzip.compress(HEAD + b'{"t":' + b"[" * 100_000 + b"\n", mtime=0))
    recording = Recording(path)
    assert list(recording) == []
    assert recording.broken_off
