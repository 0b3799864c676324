"""Records what devices say into a compressed file, and plays it back at any speed.

A recording is gzip over JSON lines: a head, then one object a message with its offset in seconds (``t``), topic,
retain flag, and payload as text (``p``) or, where it is not UTF-8, as base64 (``b``). It is synced every second, so
that a recorder that was killed leaves a file that can be read up to there. Number plates are replaced by tokens under
a key that is forgotten when the recording ends: the same car stays the same car within a recording, and nobody can go
back.
"""

import base64
import gzip
import math
import secrets
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from ingest import topics
from ingest.gateway.plates import Plates
from ingest.login import BrokerAddress
from ingest.mqtt import Inbound, Session
from ingest.topics import ROOT, parse_device_topic
from simulators.replay.track import TimedMessage
from simulators.world import ground

VERSION: Final = 1
INPUTS: Final = (f"{ROOT}/+/+/+/obs", f"{ROOT}/+/+/+/status", f"{ROOT}/+/incidents")
"""What goes into a node. What comes out of it is not recorded: a replay makes it."""
_TELL_S: Final = 1.0
_SYNC_S: Final = 1.0
_CHUNK: Final = 1 << 16
_PIECE: Final = 1 << 18
_MAX_LINE: Final = 8 << 20
"""A payload of a megabyte, the most that a broker passes on, with each of its bytes escaped."""
_MAX_DEVICES: Final = 100_000


class RecordingError(ValueError):
    """A file is not a recording, or one of a later version; the text names the file and what was found."""


class Recorder:
    """Writes everything that a broker passes on into a file, until `close`.

    Parameters
    ----------
    path
        The file; it must not exist.
    broker
        What to listen to.
    stopped
        Whether somebody asked to stop before the broker has answered.
    leave_out
        Whether what comes on a topic is left out: a vendor's message may hold names, and pictures of people.

    Raises FileExistsError, and ConnectionError where no broker answers, or it refuses.
    """

    def __init__(
        self,
        path: Path,
        broker: BrokerAddress,
        stopped: Callable[[], bool] = lambda: False,
        leave_out: Callable[[str], bool] = lambda _topic: False,
    ) -> None:
        self.path, self._leave_out = path, leave_out
        self.messages = 0
        self.failure: OSError | None = None
        """Why nothing is recorded any more: the disk is full, or gone."""
        self._plates = Plates([(secrets.token_hex(2), secrets.token_bytes(32))])
        self._lock = threading.Lock()
        self._raw = path.open("xb")
        self._file = gzip.GzipFile(fileobj=self._raw, mode="wb", compresslevel=6, mtime=0)
        self._started = time.monotonic()
        self._write({"patrolgrid_recording": VERSION, "started_ms": time.time_ns() // 1_000_000, "filters": INPUTS})
        self._closed = threading.Event()
        try:
            self._session = Session(
                broker, f"recorder-{secrets.token_hex(4)}", filters=INPUTS, on_message=self._on_message
            )
            self._session.connect(stopped=stopped)
        except (OSError, ValueError):
            self._file.close()
            self._raw.close()
            path.unlink()
            raise
        self._session.start()
        self._syncer = threading.Thread(target=self._sync_often, name="recorder-sync", daemon=True)
        self._syncer.start()

    def close(self) -> None:
        """Stop listening and finish the file."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._syncer.join()
        self._session.close()
        with self._lock:
            try:
                self._file.close()
                self._raw.close()
            except OSError as error:
                self.failure = self.failure or error

    def _on_message(self, message: Inbound) -> None:
        topic = message.topic.decode("utf-8", "replace")
        if self._leave_out(topic):
            return
        topic = self._plates.hidden_text(topic)
        row: dict[str, Any] = {"t": round(time.monotonic() - self._started, 4), "topic": topic}
        if message.retain:
            row["retain"] = True
        payload = self._plates.hidden_payload(message.payload)
        try:
            row["p"] = payload.decode()
        except UnicodeDecodeError:
            row["b"] = base64.b64encode(payload).decode()
        try:
            self._write(row)
        except OSError as error:
            self.failure = self.failure or error  # an exception here would break the connection
        else:
            self.messages += 1

    def _write(self, row: dict[str, Any]) -> None:
        line = msgspec.json.encode(row) + b"\n"
        with self._lock:
            if not self._file.closed:
                self._file.write(line)

    def _sync_often(self) -> None:
        while not self._closed.wait(_SYNC_S):
            try:
                with self._lock:
                    self._file.flush(zlib.Z_SYNC_FLUSH)
                    self._raw.flush()
            except OSError as error:
                self.failure = self.failure or error


class _Head(msgspec.Struct, frozen=True):
    """The first line."""

    version: int = msgspec.field(name="patrolgrid_recording")
    started_ms: int = 0


class Recording:
    """Reads a recording; a file that breaks off is read up to its last whole message.

    Raises `RecordingError` where it is none, or holds what no recorder writes, OSError where it cannot be read.
    Whatever the file holds, a few megabytes of it are in memory at once.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = path.stat().st_size
        """Bytes of the file."""
        self.position = 0
        """Bytes read so far, for progress."""
        self.broken_off = False
        """Whether the end was missing; known after the last message."""
        lines = self._lines()
        try:
            head = msgspec.json.decode(next(lines, b""), type=_Head)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise RecordingError(f"{path}: is not a recording made by `patrolgrid record`") from error
        if head.version > VERSION:
            raise RecordingError(
                f"{path}: is of version {head.version}, expected at most {VERSION}: upgrade PatrolGrid"
            )
        self.started_ms = head.started_ms
        """Wall clock at which it began, epoch ms."""
        self._rest = lines

    def __iter__(self) -> Iterator[TimedMessage]:
        """Give the messages in order; once."""
        for line in self._rest:
            try:
                row = msgspec.json.decode(line)
                payload = row["p"].encode() if "p" in row else base64.b64decode(row["b"], validate=True)
                found = TimedMessage(float(row["t"]), str(row["topic"]), payload, bool(row.get("retain", False)))
            except (LookupError, TypeError, ArithmeticError, ValueError, AttributeError, RecursionError):
                self.broken_off = True
                return
            yield found

    def _lines(self) -> Iterator[bytes]:
        """Give the lines, unpacked a piece at a time: some kilobytes of gzip can hold gigabytes."""
        unzip = zlib.decompressobj(wbits=31)
        left: list[bytes] = []  # of a line: joined once, or a long one would be copied with every piece
        size = 0
        with self.path.open("rb") as file:
            while not unzip.eof and (chunk := file.read(_CHUNK)):
                self.position += len(chunk)
                try:
                    for piece in _pieces(unzip, chunk):
                        head, *lines = piece.split(b"\n")
                        left.append(head)
                        size += len(head)
                        if lines:
                            yield b"".join(left)
                            *lines, last = lines
                            yield from lines
                            left, size = [last], len(last)
                        if size > _MAX_LINE:
                            raise RecordingError(
                                f"{self.path}: holds a message of more than {_MAX_LINE} bytes, which no recorder writes"
                            )
                except zlib.error:
                    self.broken_off = True
                    break
        self.broken_off = self.broken_off or not unzip.eof or size > 0


def _pieces(unzip: Any, packed: bytes) -> Iterator[bytes]:  # noqa: ANN401 - zlib does not name its type
    while True:
        piece = unzip.decompress(packed, _PIECE)
        yield piece
        packed = unzip.unconsumed_tail
        if len(piece) < _PIECE:
            return


class RecordingTrack:
    """A recording to replay, with another site's word in its topics; a `simulators.replay.track.Track`."""

    unit = "B"
    interval_s = 0.0
    tells_time = False
    """Whether it says, second by second, when what follows was received: to a node whose clock follows the data."""

    def __init__(self, path: Path, site: str, timezone: str) -> None:
        self.path, self.site, self.timezone = path, site, timezone
        found = Recording(path)
        self.total, self.started_ms = found.size, found.started_ms

    def places_geojson(self) -> dict[str, Any]:
        """Return the devices that speak in it, each beat on a square: a recording does not say where they stand."""
        beats: dict[str, dict[str, str]] = {}
        known = 0
        for message in Recording(self.path):
            topic = parse_device_topic(message.topic)
            if topic is not None:
                devices = beats.setdefault(topic.beat, {})
                known += topic.device not in devices
                devices[topic.device] = topic.device
                if known > _MAX_DEVICES:
                    raise RecordingError(f"{self.path}: more than {_MAX_DEVICES} devices speak in it")
        features: list[dict[str, Any]] = []
        corner = (0.0, 0.0)
        for beat, devices in beats.items():
            found, corner = ground.square(beat, devices, corner, device_type="environment", name=beat)
            features += found
        return ground.collection(features)

    def messages(self) -> Iterator[tuple[int, TimedMessage]]:
        """Give the recorded messages; progress is in bytes of the file."""
        recording, told_s = Recording(self.path), -math.inf
        for message in recording:
            if self.tells_time and message.offset_s >= told_s + _TELL_S:
                told_s = message.offset_s
                now_ms = recording.started_ms + round(told_s * 1000)
                yield recording.position, TimedMessage(told_s, topics.clock(self.site), str(now_ms).encode())
            root, _, rest = message.topic.removeprefix(f"{ROOT}/").partition("/")
            if rest and root != message.topic:
                message = message._replace(topic=f"{ROOT}/{self.site}/{rest}")  # noqa: PLW2901 - the same message
            yield recording.position, message
