"""Making and checking a site's topics, from the command line, on a real Kafka."""

from __future__ import annotations

import asyncio
import itertools
import json

import pytest

from console.cli.main import main
from console.doctor import servers
from deploy.kafka import site_topics as topics
from deploy.settings import Settings, with_values
from deploy.settings.load import load_settings
from ingest.log.kafka_address import KafkaAddress, records_topic
from ingest.log.kafka_client import KafkaAwayError, KafkaTopicError
from ingest.log.kafka_log import KafkaLog
from ingest.log.records import Record, RecordKind
from ingest.setup.settings import SettingsError
from tests.support import free_port

_NUMBERS = itertools.count()


@pytest.fixture
def site(kafka, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    name = f"topics-{next(_NUMBERS)}"
    monkeypatch.setenv("PATROLGRID_SITE__ID", name)
    monkeypatch.setenv("PATROLGRID_KAFKA__BOOTSTRAP", kafka.node.bootstrap)
    return name


def test_check_and_create_from_the_command_line(site, capsys, monkeypatch):
    assert main(["topics", "check"]) == 1
    assert "missing" in capsys.readouterr().out
    assert main(["topics", "create", "--lang", "zh-CN"]) == 0
    out = capsys.readouterr().out
    assert out.count("已创建 patrolgrid.") == 4
    assert main(["topics", "create"]) == 0
    assert "All 4 topics" in capsys.readouterr().out
    monkeypatch.setenv("PATROLGRID_KAFKA__SHARDS", "6")
    monkeypatch.setenv("PATROLGRID_KAFKA__RETENTION_H", "12")
    assert main(["topics", "create", "--json"]) == 1, "it says what it would not change"
    document = json.loads(capsys.readouterr().out)
    assert document["made"] == []
    found = {(one["topic"], one["what"], one["found"], one["expected"]) for one in document["differences"]}
    assert (f"patrolgrid.{site}.records", "partitions", "4", "6") in found
    assert (f"patrolgrid.{site}.records", "retention.ms", str(168 * 3_600_000), str(12 * 3_600_000)) in found
    assert main(["topics", "check", "--lang", "zh-CN"]) == 1
    out = capsys.readouterr().out
    assert "分区数" in out
    assert "kafka.shards" in out


def test_topics_are_as_they_must_be(kafka, site):
    wanted = topics.topics_of(site, 2, 24)
    assert [difference.what for difference in topics.check(kafka.address, wanted)] == ["missing"] * 4
    assert topics.create(kafka.address, wanted) == [topic.name for topic in wanted]
    assert topics.check(kafka.address, wanted) == []
    state = next(topic for topic in wanted if topic.name.endswith(".state"))
    assert state.partitions == 2
    assert state.config["cleanup.policy"] == "compact"
    more = topics.check(kafka.address, wanted, replication=2)
    assert {(one.what, one.found, one.expected) for one in more} == {("replication", "1", "2")}


def test_the_doctor_says_that_they_are_missing_and_that_they_are_not(kafka, site):
    settings = with_values(Settings(), site={"id": site}, kafka={"bootstrap": kafka.address.bootstrap, "shards": 2})
    found = servers.kafka(settings)
    assert (found.state, found.code, found.todo) == ("fail", "topics", "topics-do")
    topics.create(kafka.address, topics.topics_of(site, 2, settings.kafka.retention_h))
    assert servers.kafka(settings).state == "ok"


def test_more_copies_than_brokers_is_an_error_that_says_so(kafka, site):
    with pytest.raises(KafkaTopicError, match=r"patrolgrid\..*records cannot be made: .*only 1 broker"):
        topics.create(kafka.address, topics.topics_of(site, 2, 24), replication=3)


def test_nobody_there_is_an_error_that_names_the_address():
    address = KafkaAddress(bootstrap=f"127.0.0.1:{free_port()}")
    with pytest.raises(KafkaAwayError, match=f"{address.bootstrap}: no answer; check that the brokers run"):
        topics.check(address, topics.topics_of("s", 1, 24))


def test_the_command_says_what_is_not_set(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["topics", "check"]) == 2
    assert "kafka.bootstrap is empty" in capsys.readouterr().err
    for wrong in ("kafka", "a:b", "a:1,", "a:1, b:2"):
        with pytest.raises(SettingsError, match="HOST:PORT"):
            load_settings(None, {"PATROLGRID_KAFKA__BOOTSTRAP": wrong})
    for right in ("a:1", "a:1,b.example:2", "[::1]:9092"):
        assert load_settings(None, {"PATROLGRID_KAFKA__BOOTSTRAP": right}).kafka.bootstrap == right


def test_a_log_on_the_wrong_topic_says_so(kafka):
    tick = Record(RecordKind.TICK, 1, b"")
    three = kafka.new_records(3)
    for topic, shards, sentence in (
        (three, 2, "has 3 partitions, the settings ask for 2"),
        (records_topic("nobody"), 1, "no such topic; `patrolgrid topics create`"),
    ):
        log = KafkaLog(kafka.address, topic, shards=shards, timeout_s=3)
        with pytest.raises(KafkaTopicError, match=sentence):
            log.append([tick])
        log.close()
        with pytest.raises(OSError, match="closed"):
            log.append([tick])
    log = KafkaLog(kafka.address, three, shards=3)
    with pytest.raises(ValueError, match="shard 3, expected 0 to 2"):
        log.append([Record(RecordKind.TICK, 1, b"", 3)])
    with pytest.raises(ValueError, match="at most 16777216 are taken"):
        log.append([Record(RecordKind.MODEL, 1, bytes(17 << 20))])
    assert [log.head(shard) for shard in range(3)] == [0, 0, 0]
    log.close()


def test_what_is_no_record_is_passed_over_and_told(kafka, caplog):
    topic = kafka.new_records()
    asyncio.run(_write(kafka.node.bootstrap, topic, [b"{}", b"PGre\x09\0\0\0 is of a later version"]))
    log = KafkaLog(kafka.address, topic)
    last = log.append([Record(RecordKind.TICK, 7, b"")])
    found = log.read(0, limit=10)
    assert [(record.received_ms, record.position) for record in found] == [(7, 3)]
    assert last == 3
    assert "position 1: the record on Kafka starts with b'{}'" in caplog.text
    assert "position 2: the record on Kafka is of version 9" in caplog.text
    log.close()


async def _write(bootstrap: str, topic: str, values: list[bytes]) -> None:
    from aiokafka import AIOKafkaProducer

    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for value in values:
            await producer.send_and_wait(topic, value)
