"""``patrolgrid whatif`` on a city's log: all shards run again, as often as one likes, and nothing is written."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import msgspec
import pytest

from console.cli.main import main
from ingest.log.records import Record
from ingest.shards import ShardMap
from tests.kafka.harness import SiteOnKafka
from tests.kafka.servers import Kafka
from tests.stream.build import MINUTE, NOON, Writer

SHARDS, MINUTES = 2, 40
SILENT = ("--set", "pipeline.silent_s=4000")


@pytest.fixture
def site(kafka: Kafka, tmp_path):
    made = SiteOnKafka(tmp_path, kafka.address, shards=SHARDS, site="whatif")
    made.data.mkdir(parents=True)
    (made.data / "node.json").write_text("{}")
    yield made
    made.close()


def test_all_shards_of_a_city_are_run_again(site, capsys):
    """A camera in each falls silent after ten minutes, while time goes on."""
    shards = ShardMap(SHARDS, site.places.beats)
    cameras = {shards.shard_of(one.beat): one for one in site.places.devices.values() if one.type == "camera"}
    assert len(cameras) == SHARDS
    log, records = Writer(), list[Record]()
    for minute in range(MINUTES):
        for shard, one in cameras.items():
            if minute < 10:
                log.count(one.id, NOON + minute * MINUTE, 3, beat=one.beat)
            records.append(msgspec.structs.replace(log.record(NOON + minute * MINUTE + 1000), shard=shard))

    def asked(*arguments: str) -> dict:
        code = main(["whatif", "--config", str(site.config), "--json", *arguments])
        out, err = capsys.readouterr()
        assert code == 0, err
        return json.loads(out)

    assert main(["whatif", "--config", str(site.config), *SILENT]) == 1
    assert "whatif.records on 127.0.0.1" in (said := capsys.readouterr().err)
    assert "the log is empty" in said
    site.append(records)
    found = asked(*SILENT)
    assert found["records"] == len(records)
    assert {one["device"] for one in found["gone"] if one["kind"] == "silent"} == {one.id for one in cameras.values()}
    since = NOON + 5 * MINUTE
    later = asked(*SILENT, "--from", datetime.fromtimestamp(since / 1000, UTC).isoformat())
    assert (later["from_ms"], later["records"]) == (since, len(records)), "the fortnight before is read, too"
    assert later["gone"] == found["gone"]
    assert [path.name for path in site.data.iterdir()] == ["node.json"]
