"""What every log must do. A new implementation joins by adding a harness to `HARNESSES`."""

from __future__ import annotations

import threading
import time
from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ingest.log.records import ConsumedLog, Log, LogFullError, Record, RecordKind
from ingest.log.sqlite_log import SMALLEST_ALLOWANCE, SqliteLog
from tests.kafka.servers import GROUP
from tests.support import examples


class Harness(Protocol):
    """How the suite makes, reopens and fills a log of one implementation."""

    one_order: bool
    """Whether all shards are numbered together, and can be read in one order."""
    consumed: bool
    """Whether it remembers its consumers' positions: it is a `ConsumedLog`."""

    def open(self, shards: int = 1) -> Log:
        """Open the log; again after `Log.close` for the same data, or twice for the views of two processes."""
        ...


class SqliteHarness:
    one_order = consumed = True

    def __init__(self, request, number=0) -> None:
        self.path = request.getfixturevalue("tmp_path") / f"log{number}.db"

    def open(self, shards: int = 1) -> ConsumedLog:
        return SqliteLog(self.path, min_free_bytes=0)

    def open_small(self) -> ConsumedLog:
        """Open it with the smallest allowance."""
        return SqliteLog(self.path, max_bytes=SMALLEST_ALLOWANCE, min_free_bytes=0)


class KafkaHarness:
    one_order = consumed = False

    def __init__(self, request, number=0) -> None:
        self.kafka = request.getfixturevalue("kafka")
        self.topics: dict[int, str] = {}

    def open(self, shards: int = 1) -> Log:
        from ingest.log.kafka_log import KafkaLog

        if shards not in self.topics:
            self.topics[shards] = self.kafka.new_records(shards)
        return KafkaLog(self.kafka.address, self.topics[shards], shards=shards)


SQLITE = pytest.param(SqliteHarness, id="sqlite")
HARNESSES = [SQLITE, pytest.param(KafkaHarness, id="kafka", marks=GROUP)]
CONSUMED = pytest.mark.parametrize("harness", [SQLITE], indirect=True)
"""On Kafka the positions of consumers are their own clients' to commit."""
_KEPT_MS = 604_800_000
"""As long as a log keeps what its consumers have: nothing of a plain list is dropped within it."""
WITH_ALLOWANCE = pytest.mark.parametrize("harness", [SQLITE], indirect=True)
"""Kafka keeps by time, and has no allowance of bytes to fill."""


@pytest.fixture(params=HARNESSES)
def harness(request):
    return request.param(request)


@pytest.fixture
def log(harness):
    opened = harness.open()
    yield opened
    opened.close()


def tick(ms: int = 0, shard: int = 0) -> Record:
    return Record(RecordKind.TICK, ms, b"", shard)


def test_a_new_log_is_empty(log):
    assert log.head() == 0
    assert log.read(0, limit=10) == []
    assert log.append([]) == 0


def test_records_come_back_in_order_with_rising_positions(log):
    given = [Record(RecordKind.INCIDENT, 5, b"{}"), Record(RecordKind.OBSERVATIONS, 4, b"\0\xff" * 9000), tick(6)]
    last = log.append(given)
    found = log.read(0, limit=10)
    assert [(r.kind, r.received_ms, r.payload, r.shard) for r in found] == [
        (r.kind, r.received_ms, r.payload, r.shard) for r in given
    ]
    positions = [r.position for r in found]
    assert positions == sorted(set(positions))
    assert positions[0] > 0
    assert positions[-1] == last == log.head()


def test_reading_starts_after_a_position_and_stops_at_the_limit(log):
    log.append([tick(n) for n in range(10)])
    third = log.read(0, limit=3)[-1].position
    assert [r.received_ms for r in log.read(third, limit=4)] == [3, 4, 5, 6]
    assert log.read(log.head(), limit=4) == []


def test_shards_are_read_apart(harness):
    log = harness.open(3)
    log.append([tick(n, shard=n % 3) for n in range(9)])
    found = log.read(0, limit=9, shard=1)
    assert [(r.received_ms, r.shard) for r in found] == [(1, 1), (4, 1), (7, 1)]
    assert [r.received_ms for r in log.read(found[0].position, limit=9, shard=1)] == [4, 7]
    assert found[-1].position <= log.head(1)
    if harness.one_order:
        assert [r.received_ms for r in log.read(0, limit=9)] == list(range(9))
    else:
        with pytest.raises(ValueError, match="no order between 3 shards"):
            log.read(0, limit=9)
    log.close()


def test_everything_is_there_after_reopening(harness):
    log = harness.open()
    head = log.append([tick(1), tick(2)])
    log.close()
    again = harness.open()
    assert [r.received_ms for r in again.read(0, limit=9)] == [1, 2]
    assert again.append([tick(3)]) > head
    again.close()


@CONSUMED
def test_a_commit_is_there_after_reopening(harness):
    log = harness.open()
    assert log.committed("engine") == 0
    log.append([tick(1), tick(2)])
    log.commit("engine", log.head())
    log.close()
    again = harness.open()
    assert again.committed("engine") == again.head()
    again.close()


@CONSUMED
def test_a_commit_never_goes_back_and_never_ahead_of_the_log(log):
    log.append([tick(n) for n in range(5)])
    log.commit("engine", log.head())
    log.commit("engine", 1)
    assert log.committed("engine") == log.head()
    assert log.committed("another") == 0
    with pytest.raises(ValueError, match="'engine'"):
        log.commit("engine", log.head() + 1)


@CONSUMED
def test_a_second_view_sees_appends_and_is_woken(harness, log):
    other = harness.open()
    started = time.monotonic()
    assert not other.wait(0, 0.05)
    assert time.monotonic() - started >= 0.04
    threading.Timer(0.05, log.append, ([tick(7)],)).start()
    assert other.wait(0, 60)
    assert other.read(0, limit=1)[0].received_ms == 7
    other.close()


@CONSUMED
def test_waiters_are_woken_by_close(harness):
    log = harness.open()
    answers: list[bool] = []
    waiter = threading.Thread(target=lambda: answers.append(log.wait(0, 30)))
    waiter.start()
    log.close()
    waiter.join(60)
    assert answers == [False]


def fill(log: Log) -> int:
    """Append until the log is full; return how many records went in."""
    for count in range(100_000):
        try:
            log.append([Record(RecordKind.OBSERVATIONS, count, bytes(8_000))])
        except LogFullError:
            return count
    raise AssertionError("the log never became full")


@WITH_ALLOWANCE
def test_a_full_log_refuses_whole_appends_and_loses_nothing(harness):
    log = harness.open_small()
    count = fill(log)
    head = log.head()
    with pytest.raises(LogFullError, match="log"):
        log.append([tick(1), Record(RecordKind.OBSERVATIONS, 2, bytes(20_000)), tick(3)])
    assert log.head() == head
    assert [r.received_ms for r in log.read(0, limit=count + 5)] == list(range(count))
    log.close()


@WITH_ALLOWANCE
def test_room_is_made_only_from_what_every_consumer_has_committed(harness):
    log = harness.open_small()
    count = fill(log)
    positions = [r.position for r in log.read(0, limit=count)]
    log.commit("slow", 0)
    log.commit("engine", positions[-1])
    with pytest.raises(LogFullError):
        log.append([Record(RecordKind.OBSERVATIONS, 0, bytes(8_000))])
    log.commit("slow", positions[5])
    after = log.append([Record(RecordKind.OBSERVATIONS, 0, bytes(8_000))])
    assert after > positions[-1]
    kept = [r.position for r in log.read(0, limit=count + 5)]
    assert kept[-1] == after
    assert set(positions[6:]) <= set(kept), "a record that a consumer still needs was dropped"
    log.close()


@WITH_ALLOWANCE
def test_positions_go_on_after_retention_emptied_the_log(harness):
    log = harness.open_small()
    fill(log)
    head = log.head()
    log.commit("engine", head)
    big = Record(RecordKind.OBSERVATIONS, 0, bytes(SMALLEST_ALLOWANCE - 64_000))
    assert log.append([big]) > head
    log.close()
    again = harness.open_small()
    assert again.head() > head
    again.close()


class LogMachine(RuleBasedStateMachine):
    """Any order of appends, commits and reopenings agrees with a plain list."""

    harness_type: type
    request: pytest.FixtureRequest
    number = 0

    @initialize()
    def start(self) -> None:
        LogMachine.number += 1
        self.harness = self.harness_type(self.request, LogMachine.number)
        self.log = self.harness.open()
        self.given: list[Record] = []
        self.positions: list[int] = []
        self.commits: dict[str, int] = {}

    @rule(
        payloads=st.lists(
            st.tuples(
                st.sampled_from(RecordKind), st.integers(0, _KEPT_MS), st.binary(max_size=3000), st.integers(0, 2)
            ),
            max_size=4,
        )
    )
    def append(self, payloads) -> None:
        records = [Record(kind, ms, data, shard * self.harness.one_order) for kind, ms, data, shard in payloads]
        last = self.log.append(records)
        self.given += records
        new = self.log.read(self.positions[-1] if self.positions else 0, limit=100)
        self.positions += [r.position for r in new]
        assert last == (self.positions[-1] if self.positions else 0)

    @precondition(lambda self: self.positions and self.harness.consumed)
    @rule(consumer=st.sampled_from(["engine", "board"]), data=st.data())
    def commit(self, consumer, data) -> None:
        position = data.draw(st.sampled_from(self.positions))
        self.log.commit(consumer, position)
        self.commits[consumer] = max(self.commits.get(consumer, 0), position)

    @rule()
    def reopen(self) -> None:
        self.log.close()
        self.log = self.harness.open()

    @rule(data=st.data(), limit=st.integers(1, 5), shard=st.none() | st.integers(0, 2))
    def read(self, data, limit, shard) -> None:
        start = data.draw(st.integers(0, len(self.positions)))
        after = self.positions[start - 1] if start else 0
        if not self.harness.one_order:
            shard = 0
        expected = [r for r in self.given[start:] if shard is None or r.shard == shard][:limit]
        found = self.log.read(after, limit=limit, shard=shard)
        assert [(r.kind, r.received_ms, r.payload, r.shard) for r in found] == [
            (r.kind, r.received_ms, r.payload, r.shard) for r in expected
        ]

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "log"):
            return
        assert len(self.positions) == len(self.given)
        assert self.positions == sorted(set(self.positions))
        for consumer in ("engine", "board") if self.harness.consumed else ():
            assert self.log.committed(consumer) == self.commits.get(consumer, 0)

    def teardown(self) -> None:
        if hasattr(self, "log"):
            self.log.close()


@pytest.mark.parametrize("harness_type", HARNESSES)
def test_any_order_of_operations(harness_type, request):
    machine: Any = type("Machine", (LogMachine,), {"harness_type": harness_type, "request": request})
    number, steps = (25, 15) if harness_type is SqliteHarness else (4, 10)
    machine.TestCase.settings = settings(
        max_examples=examples(number), stateful_step_count=steps, suppress_health_check=list(HealthCheck)
    )
    machine.TestCase().runTest()
