"""Runs inside a tree, old or new, with that tree's own modules: feeds a recording through it and dumps what came of it.

    python -c "…; from tests.same.drive import main; main()" RECORDING DUMP --tree TREE --shards 4

`tests.same.__main__` starts it. It takes nothing of a tree but by `tests.same.names`, and of tests only what stands in
this folder. The way is that of a node: intake, records, pipeline, store; the dump is made from the store.
"""

import argparse
import base64
import gzip
import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from tests.same.contents import Dump, read_store, write_dump
from tests.same.names import Names, check, names_of

_AT_ONCE: Final = 200
"""Results to one transaction of the store."""
_TREES: Final = 40
"""Of the forest: fewer than a node grows, for the day's forest takes a second then."""
_EVERY: Final = 10
"""Windows between two that the forest judges for the dump."""
_SNAPSHOTS: Final = 20
"""Snapshots taken at a restart: one alone takes too little time to be compared."""
Event = list[Any]


class _Hand:
    """A clock that is set by hand."""

    live = True

    def __init__(self) -> None:
        self.ms = 0

    def now_ms(self) -> int:
        return self.ms

    def observe(self, event_ms: int) -> None:
        """Take no notice."""


class Drive:
    """One node's way of the data, without broker and log.

    Parameters
    ----------
    names
        What the tree calls things.
    header
        The recording's.
    shards
        How many the beats are divided among.
    store
        Where the results go.
    """

    def __init__(self, names: Names, header: dict[str, Any], shards: int, store: Path) -> None:
        self._names, self._header, self._count = names, header, shards
        self._places = names.parse_places(header["places"])
        self._shards = names.ShardMap(shards, self._places.beats)
        self._config = names.PipelineConfig(
            site=header["site"],
            timezone=header["timezone"],
            country=header["country"],
            window_s=header["window_s"],
        )
        self._clock = _Hand()
        self._pipeline = names.Pipeline(self._config, self._places, shards=shards)
        self._store = names.StoreSink(store, header["site"])
        self._intake = self._new_intake()
        self._positions = [0] * shards
        self._results = 0
        self._waiting: list[Any] = []
        self.seconds: defaultdict[str, float] = defaultdict(float)
        """Part of the way → processor time that it took, for `tests.same.speed`."""
        self.records: list[Any] = []
        """All records, as a log would have given them; for another engine of the same tree."""
        self.rows = Dump()
        """What is not in the store: rejects, what was taught, the budget, and the intake's totals."""

    def run(self, events: Iterable[Event]) -> None:
        """Work off all events, and write everything into the store."""
        for event in events:
            getattr(self, f"_{event[0]}")(*event[1:])
        self._write()
        self._count_intake()
        self._store.close()

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        began = time.process_time()
        yield
        self.seconds[part] += time.process_time() - began

    # -- events ------------------------------------------------------------------------------------------------------

    def _message(self, now: int, topic: str, payload: str, retained: bool) -> None:
        raw = base64.b64decode(payload)
        with self._timed("gateway"):
            self._begin(now)
            self._intake.take(topic, raw, retained=retained)

    def _flush(self, now: int) -> None:
        with self._timed("gateway"):
            self._begin(now)
            taken = self._intake.finish()
        self._rejected("intake", _refusals(taken))
        for record in taken.records:
            self._process(record.kind, record.received_ms, record.payload, record.shard)
        self._tick(now, set(range(self._count)) - {record.shard for record in taken.records})

    def _tick(self, now: int, shards: Iterable[int] | None = None) -> None:
        for shard in sorted(range(self._count) if shards is None else shards):
            self._process(self._names.RecordKind.TICK, now, b"", shard)

    def _history(self, now: int, windows: dict[str, Any]) -> None:
        names = self._names
        series = [names.HistorySeries(beat, device, int(getattr(names.Kind, kind.upper())), metric)
                  for beat, device, kind, metric in windows["series"]]  # fmt: skip
        shard_of = [self._shards.shard_of(one.beat) for one in series]
        columns = [windows[name] for name in ("which", "number", "value", "exposure")]
        for shard in sorted(set(shard_of)):
            made = names.History(windows["window_ms"])
            for which, number, value, exposure in zip(*columns, strict=True):
                if shard_of[which] == shard:
                    made.add(series[which], number, value, exposure)
            self._process(names.RecordKind.HISTORY, now, made.encode(), shard)

    def _model(self, now: int, rows: list[list[Any]]) -> None:
        names, header = self._names, self._header
        calendar = names.Calendar(header["timezone"], header["country"])
        past = beat_history(names, rows)
        forest = names.train(past, calendar, header["window_s"], trees=_TREES)
        self._judged(forest, past, calendar)
        for shard in range(self._count):
            record = names.Record(names.RecordKind.MODEL, now, forest.pack(), shard)
            self._process(record.kind, record.received_ms, record.payload, record.shard)

    def _poison(self, now: int, kind: str, payload: str) -> None:
        self._process(self._names.RecordKind[kind], now, base64.b64decode(payload), 0)

    def _restart(self, now: int) -> None:
        """Stop as planned and start again: what the gateway remembers is gone, the pipeline goes on from its state."""
        out = self._pipeline.flush()
        out.position = self._results
        self._waiting.append(out)
        self._write()
        self._count_intake()
        for _ in range(_SNAPSHOTS):
            with self._timed("snapshot"):
                state = self._pipeline.snapshot()
        self._pipeline = self._names.Pipeline(self._config, self._places, shards=self._count)
        self._pipeline.restore(state)
        self._clock.ms = now
        self._intake = self._new_intake()

    # -- the way of the data -----------------------------------------------------------------------------------------

    def _new_intake(self) -> Any:
        names, (key, secret) = self._names, self._header["plate_key"]
        routes = names.Routes(self._header["site"], self._places, shards=self._shards)
        return names.Intake(routes=routes, clock=self._clock, plates=names.Plates([(key, secret.encode())]))

    def _begin(self, now: int) -> None:
        if now != self._clock.ms:
            self._clock.ms = now
            self._intake.begin()

    def _process(self, kind: Any, received_ms: int, payload: bytes, shard: int) -> None:
        self._positions[shard] += 1
        record = self._names.Record(kind, received_ms, payload, shard, self._positions[shard])
        self.records.append(record)
        with self._timed("tick" if kind is self._names.RecordKind.TICK else "pipeline"):
            results = self._pipeline.process(record)
        self._results += 1
        # Positions of shards cannot be compared; the store wants one order.
        results.position = self._results
        self._rejected("pipeline", _refusals(results))
        self._note(results, record)
        self._waiting.append(results)
        if len(self._waiting) >= _AT_ONCE:
            self._write()

    def _write(self) -> None:
        with self._timed("store"):
            self._store.write(self._waiting)
        self._waiting = []

    # -- what is in no store -----------------------------------------------------------------------------------------

    def _rejected(self, by: str, rejects: Iterable[Any]) -> None:
        for one in rejects:
            # A position in a log is a matter of the log, and so are the bytes of what stood there.
            topic = "log" if one.topic.startswith("log position") else one.topic
            key = (by, topic, str(one.reason), one.received_ms)
            fields = {"payload": sha256(one.payload).hexdigest()[:16], "size": one.size} if by == "intake" else {}
            self.rows.add_next("rejects", key, fields, {"detail": {"en": one.detail}})

    def _note(self, results: Any, record: Any) -> None:
        if results.taught is not None:
            taught = results.taught
            fields = {
                "learnt": getattr(taught, "learned", None) or getattr(taught, "learnt", 0),
                "known": taught.known,
                "early": taught.early,
            }
            self.rows.add_next("taught", (record.shard, record.received_ms), fields)
        budget = results.budget
        if budget is not None:
            fields = {name: getattr(budget, name) for name in ("per_day", "threshold", "raised", "held")}
            self.rows.put("budget", (budget.day,), fields)

    def _judged(self, forest: Any, past: Any, calendar: Any) -> None:
        """Note what a forest says of some windows it was trained on: a quiet day would not show how it was grown."""
        beats = forest.index(past.beats)
        for at in range(0, len(past.start_ms), _EVERY):
            start_ms = int(past.start_ms[at])
            found = forest.judge(beats, start_ms, past.sums[at], calendar)
            for place, beat in enumerate(past.beats):
                fields = {name: float(getattr(found, name)[place]) for name in ("score", "surprise")}
                self.rows.put("model", (beat, start_ms), fields)

    def _count_intake(self) -> None:
        counts = self._intake.counts
        names = ("messages", "observations", "repeats", "incidents", "commands", "statuses")
        fields = {name: getattr(counts, name) for name in names}
        fields |= {f"quarantined {reason}": count for reason, count in counts.quarantined.items()}
        self.rows.add_next("intake", ("totals of a start",), fields)


def beat_history(names: Names, rows: list[list[Any]]) -> Any:
    """Return the recorded sums of beats as the tree's training wants them."""
    import numpy as np

    starts = sorted({row[0] for row in rows})
    beats = sorted({row[1] for row in rows})
    at, place = ({value: index for index, value in enumerate(known)} for known in (starts, beats))
    sums = np.zeros((len(starts), names.SUMS, len(names.CHANNELS), len(beats)))
    for start, beat, channel, *values in rows:
        sums[at[start], :, names.CHANNELS.index(channel), place[beat]] = values
    told = np.zeros((len(starts), len(beats)), dtype=np.bool_)
    return names.BeatHistory(tuple(beats), np.array(starts, dtype=np.int64), sums, told)


def read_recording(path: Path) -> tuple[dict[str, Any], Iterator[Event]]:
    """Return a recording's header and its events."""
    file = gzip.open(path, "rt", encoding="utf-8")  # noqa: SIM115 - the events' generator closes it
    header = json.loads(next(file))

    def events() -> Iterator[Event]:
        with file:
            for line in file:
                yield json.loads(line)

    return header, events()


def drive(names: Names, recording: Path, shards: int) -> tuple[Dump, Drive]:
    """Feed a recording through a tree; return its dump, and the drive."""
    header, events = read_recording(recording)
    with tempfile.TemporaryDirectory(prefix="patrolgrid-same-") as folder:
        store = Path(folder) / "store.db"
        driven = Drive(names, header, shards, store)
        driven.run(events)
        dump = read_store(store, getattr(names, "said", None))
    dump.update(driven.rows)
    return dump, driven


def main() -> None:
    """Drive the tree that is named, and write the dump."""
    parser = argparse.ArgumentParser(description="Feeds a recording through a tree.")
    parser.add_argument("recording", type=Path)
    parser.add_argument("dump", type=Path)
    parser.add_argument("--tree", type=Path, required=True)
    parser.add_argument("--shards", type=int, default=1)
    parser.add_argument("--records", type=Path, help="write the records here too, as [kind, ms, payload, shard]")
    parser.add_argument("--seconds", type=Path, help="write the processor time of every part here")
    options = parser.parse_args()
    tree = options.tree.resolve()
    names = names_of(tree)
    dump, driven = drive(names, options.recording, options.shards)
    records = driven.records
    check(tree)
    if options.seconds is not None:
        options.seconds.write_text(json.dumps(driven.seconds), encoding="utf-8")
    write_dump(options.dump, dump)
    if options.records is not None:
        with gzip.open(options.records, "wt", compresslevel=1) as file:
            for one in records:
                payload = base64.b64encode(one.payload).decode()
                file.write(json.dumps([one.kind.name, one.received_ms, payload, one.shard]) + "\n")
    sys.stderr.write(f"{len(records):,} records through {tree.name}, {options.shards} shard(s)\n")


def _refusals(found: Any) -> Any:
    """Return what was refused, as both trees call it."""
    return found.refusals if hasattr(found, "refusals") else found.rejects
