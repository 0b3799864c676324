"""The entry points: everything that reads bytes which somebody else has written, with inputs that are nearly right."""

from __future__ import annotations

import contextlib
import copy
import gzip
import io
import json
import logging
import random
import sqlite3
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from ingest import frame, salvage, topics
from ingest.clock import SystemClock
from ingest.edge.plain_lines import bounded_lines, feed
from ingest.edge.spool_file import lines, read_lines, rows_of
from ingest.frame import FrameError, FrameKind
from ingest.gateway.intake import Intake
from ingest.gateway.plates import Plates
from ingest.gateway.routes import Routes
from ingest.log.batch import COLUMNS, Batch, Source
from ingest.log.records import Record, RecordKind
from ingest.observations import Observation
from ingest.places import PlacesError, PlacesRecord, decode_places, encode_places, parse_places, read_places
from ingest.places.background import picture_of
from ingest.places.importing import dump, in_beats, merge, take_features
from ingest.places.patches import Patch, patched
from ingest.places.place_findings import find_all
from ingest.vocabulary import Reason
from models.state import StateError
from simulators.replay.recording import Recording, RecordingError
from simulators.world.neighbourhood import places_geojson
from stream.pipeline.pipeline import Pipeline
from stream.state import snapshot
from tests.fuzz.codes import codes
from tests.fuzz.dialects import DIALECTS
from tests.fuzz.mutations import changed, damaged, nasty_bytes
from tests.fuzz.posts import posts
from tests.ingest.test_background import jpeg, png, webp
from tests.ingest.test_hostile import hostile
from tests.stream.build import MINUTE, NOON, Writer, places
from tests.stream.test_pipeline import pipeline

PLATES = Plates([("aaaa", b"a" * 32)])
Take = Callable[[], object]
"""What is measured; raises nothing but what the entry point names."""
Entry = Callable[[random.Random], Take]
"""Makes one input, and returns what gives it to the entry point."""


def _observations(now_ms: int) -> list[dict[str, Any]]:
    return [
        {"type": "count", "boot": "a", "seq": 18, "ts": now_ms, "interval_s": 60, "in": 12, "out": 9, "of": "person"},
        {"type": "gate", "seq": 19, "ts": now_ms, "direction": "in", "plate": "吉A12345", "vehicle": "car"},
        {"type": "level", "seq": 20, "ts": "2026-11-23T08:05:00Z", "metric": "noise", "value": 63.2, "unit": "dB"},
        {"type": "state", "boot": "b", "ts": now_ms, "metric": "smoke", "value": "alarm"},
    ]


@contextlib.contextmanager
def gateway() -> Iterator[Entry]:
    """Messages: every one is taken, refused or counted, with no fault of ours."""
    clock = SystemClock()
    intake = Intake(routes=Routes("s", None), clock=clock, plates=PLATES)
    good = _observations(clock.now_ms())
    status = {"state": "online", "ts": clock.now_ms()}
    incident = {"id": "i1", "ts": clock.now_ms(), "lon": 1.0, "lat": 2.0, "category": "theft", "text": "took 吉A12345"}
    command = {"id": "c1", "ts": clock.now_ms(), "action": "clear", "alert": "a1", "by": "li", "note": "over"}
    every: list[tuple[str, Any]] = [
        (topics.status("s", "b", "d"), status),
        (topics.incidents("s"), incident),
        (topics.commands("s"), command),
    ]

    def one(rng: random.Random) -> Take:
        kind = rng.random()
        if kind < 0.3:
            topic, payload = hostile(rng)
        else:
            topic, valid = rng.choice(every)
            if kind < 0.85:
                topic = topics.observations("s", "b", f"d{rng.randrange(2_000)}")
                valid = rng.choice((good, rng.choice(good), good * rng.choice((5, 250))))
            payload = nasty_bytes(rng, valid)
        retained = rng.random() < 0.1

        def take() -> None:
            intake.begin()
            intake.take(topic, payload, retained=retained)
            taken = intake.finish()
            wrong = [refusal.detail for refusal in taken.refusals if refusal.reason == Reason.PROCESSING]
            assert not wrong, wrong

        return take

    yield one


class _Agent:
    """As much of an edge agent as `feed` uses."""

    class spool:  # noqa: N801 - stands in for an attribute
        """What protects plates."""

        @staticmethod
        def protect(observation: Observation) -> Observation:
            return observation

    def observe(self, *observations: Observation) -> list[int]:
        """Encode them as a spool does."""
        return [len(msgspec.json.encode(one)) for one in observations]


@contextlib.contextmanager
def edge() -> Iterator[Entry]:
    """Lines for an edge agent."""
    good = _observations(NOON)

    def one(rng: random.Random) -> Take:
        text = nasty_bytes(rng, rng.choice((good, rng.choice(good), good * 30)))
        stream = io.BytesIO()
        stream.write(text.replace(b"\n", b" ", max(text.count(b"\n") - 20, 0)) + b"\n" * rng.randrange(2))
        stream.seek(0)
        return lambda: feed(_Agent(), bounded_lines(stream))  # type: ignore[arg-type]

    yield one


PICTURES = (png(), jpeg(40, 30), webp(b"VP8X", bytes(10)), webp(b"VP8L", bytes(5)), webp(b"VP8 ", bytes(10)))


@contextlib.contextmanager
def site_places() -> Iterator[Entry]:
    """Places files, those of other programs, and places that come through the log."""
    document = places_geojson()
    document["features"] = document["features"][:12] + document["features"][-6:]
    record = encode_places(PlacesRecord(1, places()))
    beats = document | {"features": document["features"][:6]}
    known, features = parse_places(beats), beats["features"]

    def one(rng: random.Random) -> Take:
        if rng.random() < 0.8:
            content = nasty_bytes(rng, document)[:100_000]

            def read() -> None:
                with contextlib.suppress(PlacesError):
                    read_places(content, "places.geojson")

            def check() -> None:
                find_all(content, "x")

            def bring() -> None:
                with contextlib.suppress(PlacesError):
                    coming = in_beats(take_features(content, "x"), known, "x", [])
                    parse_places(merge(beats, coming, without_example=True).document, "x", [])

            def draw() -> None:
                with contextlib.suppress(PlacesError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                    found = msgspec.json.decode(content, type=dict[str, Any]).get("features")
                    drawn = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
                    patches = [Patch(rng.choice((None, *features)), one) for one in drawn]
                    find_all(dump(patched(beats, patches)), "x")

            return rng.choice((read, check, bring, draw))
        if rng.random() < 0.2:
            picture = damaged(rng, rng.choice(PICTURES))

            def look() -> None:
                with contextlib.suppress(ValueError):
                    picture_of(picture)

            return look
        if rng.random() < 0.3:
            packed = zlib.compress(b"[" * rng.choice((10, 100_000, 5_000_000)), 9)
        else:
            text = changed(rng, json.loads(zlib.decompress(record)), 0.05)
            packed = zlib.compress(json.dumps(text, allow_nan=True).encode("utf-8", "surrogatepass"))
        if rng.random() < 0.3:
            packed = damaged(rng, packed)

        def decode() -> None:
            with contextlib.suppress(PlacesError):
                decode_places(packed)

        return decode

    yield one


@contextlib.contextmanager
def recordings() -> Iterator[Entry]:
    """Recordings, in whole and in part; some that grow a thousandfold when they are unpacked."""
    head = {"patrolgrid_recording": 1, "started_ms": NOON, "filters": ["patrolgrid/v1/+/+/+/obs"]}
    rows = [
        {"t": second, "topic": topics.observations("s", "b", "d"), "p": json.dumps(_observations(NOON)[0])}
        for second in range(20)
    ]
    rows.append({"t": 30, "topic": topics.observations("s", "b", "d"), "b": "AAEC", "retain": True})
    with _folder() as folder:
        path = folder / "recording.gz"

        def one(rng: random.Random) -> Take:
            if rng.random() < 0.03:
                raw = rng.choice((b"\0", b"\n", b"[", b" ")) * 1_500_000
            else:
                texts = [json.dumps(changed(rng, row)) for row in [head, *rows]]
                raw = "\n".join(texts).encode("utf-8", "surrogatepass")
                raw = damaged(rng, raw) if rng.random() < 0.3 else raw
            packed = gzip.compress(raw, 1)
            path.write_bytes(damaged(rng, packed) if rng.random() < 0.3 else packed)

            def read() -> None:
                with contextlib.suppress(RecordingError):
                    for number, _ in enumerate(Recording(path)):
                        if number > 10_000:
                            break

            return read

        yield one


@contextlib.contextmanager
def snapshots() -> Iterator[Entry]:
    """Snapshots: damaged files, and whole ones whose content is not what it should be."""
    pipe, log = pipeline(), Writer()
    for minute in range(12):
        log.count("cam-1", NOON + minute * MINUTE, 3).level("noise-1", NOON + minute * MINUTE, 50.0)
    pipe.process(log.record())
    parts = {name: copy.copy(part) for name, part in snapshot.unpack(pipe.snapshot()).parts.items()}
    for part in parts.values():  # without the large tables, so that an input is made quickly
        part.arrays = {path: values for path, values in part.arrays.items() if values.nbytes < 100_000}
    about = snapshot.unpack(pipe.snapshot()).about
    small = snapshot.pack(about, parts)
    whole = pipe.snapshot()

    def one(rng: random.Random) -> Take:
        if rng.random() < 0.1:
            data = damaged(rng, whole) if rng.random() < 0.5 else whole[: rng.randrange(len(whole))]
        elif rng.random() < 0.3:
            data = damaged(rng, small)
        else:
            data = _refilled(rng, about, parts)

        def restore() -> None:
            with contextlib.suppress(FrameError, StateError):
                pipeline().restore(data)

        return restore

    yield one


def _refilled(rng: random.Random, about: dict[str, Any], parts: dict[str, Any]) -> bytes:
    """Return a whole snapshot with other content."""
    found = {name: copy.copy(part) for name, part in parts.items()}
    for part in found.values():
        part.arrays, part.values = dict(part.arrays), dict(part.values)
        for path in rng.sample(sorted(part.arrays), min(3, len(part.arrays))):
            values = part.arrays[path]
            part.arrays[path] = rng.choice(
                (values[:-1], np.concatenate((values, values)), values.astype("f4"), values.reshape(-1), values[None])
            )
        for path in rng.sample(sorted(part.values), min(3, len(part.values))):
            plain = msgspec.msgpack.decode(part.values[path], strict=False)
            with contextlib.suppress(TypeError, OverflowError, UnicodeEncodeError, ValueError):
                part.put(path, changed(rng, plain, 0.5))
    about = {name: changed(rng, one, 0.1) for name, one in about.items()}
    try:
        return snapshot.pack(about, found)
    except (FrameError, TypeError, OverflowError, UnicodeEncodeError, ValueError):
        return b""


@contextlib.contextmanager
def records() -> Iterator[Entry]:
    """Records of the log that hold what no gateway writes: the pipeline refuses, and goes on."""
    kinds = [kind for kind in RecordKind if kind not in {RecordKind.OBSERVATIONS, RecordKind.TICK}]
    pipes = [pipeline()]

    def one(rng: random.Random) -> Take:
        if rng.random() < 0.01:
            pipes[0] = pipeline()
        pipe: Pipeline = pipes[0]
        received = NOON + rng.choice((0, rng.randrange(10 * MINUTE), -MINUTE))
        if rng.random() < 0.2:
            payload = nasty_bytes(rng, {"beat": "b1", "device": "cam-1", "state": "online", "ts": NOON})
            record = Record(rng.choice(kinds), received, payload, position=pipe.position + 1)
        else:
            payload = _batch(rng, received)
            payload = damaged(rng, payload) if rng.random() < 0.2 else payload
            record = Record(RecordKind.OBSERVATIONS, received, payload, position=pipe.position + 1)
        return lambda: pipe.process(record)

    yield one


def _batch(rng: random.Random, received: int) -> bytes:
    """Return a whole batch with any numbers in its columns."""
    batch = Batch()
    rows = rng.choice((0, 1, 20, 200))
    devices = ("cam-1", "gate-1", "door-1", "noise-1", "smoke-1", "nobody")
    for _ in range(rng.randrange(1, 6)):
        batch.source_index(Source(rng.choice(("b1", "b9", "")), rng.choice(devices), f"boot-{rng.randrange(9)}"))
    for text in (
        "",
        "person",
        "noise",
        "smoke",
        "door",
        "open",
        "alarm",
        "h1:x:y",
        "\0",
        "dB",
        f"m{rng.randrange(99)}",
    ):
        batch.string_index(text)
    extremes = {"i8": (0, 1, 2**42, 2**43 - 1), "f8": (0.0, 1.0, -1.0, 1e9, 85.0), "f4": (0.0, 60.0, 86_400.0)}
    for name, code in COLUMNS.items():
        column: Any = batch.columns[name]
        for _ in range(rows):
            if name == "kind":
                column.append(rng.randrange(4))
            elif name == "source":
                column.append(rng.randrange(len(batch.sources)))
            elif name in {"metric", "text"}:
                column.append(rng.randrange(len(batch.strings)))
            elif name in {"ts", "received"}:
                column.append(received + rng.choice((0, -60_000, 60_000, rng.randrange(-(10**10), 10**10))))
            elif name == "flags":
                column.append(rng.randrange(4))
            elif name == "b" and rng.random() < 0.5:
                column.append(rng.choice((-1.0, 0.0, 1.0)))
            else:
                column.append(rng.choice(extremes[code]))
    if rng.random() < 0.1:
        columns: Any = dict(batch.columns)
        del columns[rng.choice(sorted(columns))]
        return frame.encode(FrameKind.BATCH, (batch.sources, batch.strings), columns)
    return batch.encode()


@contextlib.contextmanager
def spools() -> Iterator[Entry]:
    """Spools of an edge agent, and pages of a database that SQLite cannot read any more."""
    good = [msgspec.json.encode(one) for one in _observations(NOON)] * 12
    spool = lines(good)
    with _folder() as folder:
        path, database = folder / "spool", folder / "pages.db"
        with contextlib.closing(sqlite3.connect(database)) as made:
            made.execute("PRAGMA page_size = 1024")
            made.execute("CREATE TABLE entries (id INTEGER PRIMARY KEY, topic TEXT, payload BLOB)")
            made.executemany(
                "INSERT INTO entries (topic, payload) VALUES (?, ?)", [("t" * 40, one * 9) for one in good]
            )
            made.commit()
        pages = database.read_bytes()

        def one(rng: random.Random) -> Take:
            if rng.random() < 0.5:
                path.write_bytes(damaged(rng, spool))

                def read() -> None:
                    for row in rows_of(read_lines(path), "d"):
                        with contextlib.suppress(msgspec.MsgspecError):
                            msgspec.json.decode(row.payload, type=Observation)
                    for aside in folder.glob("*.broken-*"):
                        aside.unlink()

                return read
            database.write_bytes(damaged(rng, pages))
            return lambda: sum(1 for _ in salvage.rows(database, 3))

        yield one


@contextlib.contextmanager
def board() -> Iterator[Entry]:
    """Requests to the board: it answers every one, and none with a fault of its own."""
    from tests.console.stores import Node
    from tests.console.test_board_api import HEADERS, Publisher, open_board

    logging.getLogger("httpx").setLevel(logging.WARNING)
    paths = ("/", "/healthz", "/api/site", "/api/device/cam-1", "/api/alerts", "/api/alerts/al-1", "/locale/en.json")
    order = {"by": "li", "note": "seen", "id": "0a"}
    with _folder() as folder:
        node = Node(folder)
        node.fill()
        with open_board(node.store_path, Publisher()) as client:

            def one(rng: random.Random) -> Take:
                path, query = rng.choice(paths), ""
                if rng.random() < 0.3:
                    path += "/" + "".join(rng.choice("abc/.%\\?&=京\x7f") for _ in range(rng.randrange(1, 200)))
                if rng.random() < 0.5:
                    name, value = (
                        rng.choice(("hours", "open", "limit", "at", "x")),
                        rng.choice(("1", "-1", "nan", "1e999", "9" * 400, "%00", "京", "a" * 3_000, "")),
                    )
                    query = f"?{name}={value}"
                headers = HEADERS | ({"Accept-Language": "a;q=" + "9" * 500} if rng.random() < 0.1 else {})
                if rng.random() < 0.4:
                    url, body = (
                        f"/api/alerts/al-1/{rng.choice(('acknowledge', 'clear', 'x', '..'))}",
                        nasty_bytes(rng, order),
                    )
                    return lambda: _answered(client, "POST", url, headers, body)
                return lambda: _answered(client, rng.choice(("GET", "HEAD")), path + query, headers, b"")

            yield one
        node.close()


def _answered(client: Any, method: str, url: str, headers: dict[str, str], body: bytes) -> None:
    import httpx

    try:
        answer = client.request(method, url, headers=headers, content=body)
    except (httpx.InvalidURL, UnicodeEncodeError):
        return  # the client would not send it
    assert answer.status_code < 500, (answer.status_code, method, url[:200])


def _folder() -> contextlib.AbstractContextManager[Path]:
    """Return a folder in memory, where there is one: a hundred thousand files wear out a disk."""
    memory = Path("/dev/shm")  # noqa: S108 - in a folder of its own
    return _as_path(tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None))


@contextlib.contextmanager
def _as_path(folder: tempfile.TemporaryDirectory[str]) -> Iterator[Path]:
    with folder as name:
        yield Path(name)


ENTRIES: dict[str, Callable[[], contextlib.AbstractContextManager[Entry]]] = {
    "gateway messages": gateway,
    "edge agent input": edge,
    "places": site_places,
    "recordings": recordings,
    "snapshots": snapshots,
    "records of the log": records,
    "spool pages": spools,
    "board requests": board,
    "posts of cameras": posts,
    "codes of devices": codes,
    **DIALECTS,
}
