"""`patrolgrid doctor`, `status` and `repair` on a site whose files are damaged."""

from __future__ import annotations

import argparse
import json
from contextlib import closing

import pytest

from console.cli.commands import repair, status
from console.errors import CommandError
from console.integrity import examine_files
from deploy.node.lock import site_lock
from deploy.node.status_file import StatusFile
from ingest.files import all_put_aside
from ingest.gateway.quarantine import Quarantine
from ingest.log.sqlite_log import SqliteLog
from ingest.refusal import Refusal
from tests.console.station import SITE, Station
from tests.ingest import damage


@pytest.fixture
def station(tmp_path):
    station = Station(tmp_path)
    station.folder.mkdir(parents=True)
    station.live(2)
    with closing(Quarantine(station.folder / "quarantine.db")) as quarantine:
        quarantine.add_many([Refusal("json", "no JSON", bytes([n]) * 99, "a/b", n) for n in range(50)])
    with station.node():
        pass
    return station


def run(command, station, *, lang="en", **more):
    options = {"config": station.config, "data_dir": None, "site": SITE, "lang": lang, "json": False, "limit": 9}
    return command.run(argparse.Namespace(**options | {"rewrite_store": False, **more}))


def test_whole_files_are_whole_while_a_node_works_with_them(station, capsys):
    assert list(examine_files(station.folder)) == []
    with station.node():
        assert list(examine_files(station.folder)) == []
        with pytest.raises(CommandError, match="is running"):
            run(repair, station)
    assert run(repair, station) == 0
    assert "Nothing is damaged" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["log.db", "store.db", "quarantine.db"])
@pytest.mark.parametrize("way", ["zeroed", "half_zeroed", "junk", "truncated", "a_folder", "text", "of_another_kind"])
def test_what_is_damaged_is_named_and_repaired_and_the_rest_is_not_touched(station, name, way, capsys):
    others = {
        one: (station.folder / one).read_bytes() for one in ("log.db", "store.db", "quarantine.db") if one != name
    }
    damage.DATABASE_WAYS[way](station.folder / name)
    assert [fault.file for fault in examine_files(station.folder)] == [name]
    assert run(repair, station) == 0
    assert name in capsys.readouterr().out
    assert [one.file for one in all_put_aside(station.folder)] == [name]
    assert [fault.code for fault in examine_files(station.folder)] == ["aside"]
    for one, content in others.items():
        assert (station.folder / one).read_bytes() == content
    assert run(repair, station, lang="zh-CN") == 0
    assert "修复完成" in capsys.readouterr().out


def test_records_that_could_not_be_read_before_are_put_back_at_their_positions(station, capsys):
    log = station.folder / "log.db"
    with closing(SqliteLog(log)) as opened:
        whole = opened.read(0, limit=10_000)
    kept = log.read_bytes()
    damage.zeroed(log)
    assert run(repair, station) == 0
    [aside] = all_put_aside(station.folder)
    assert aside.saved == 0
    (station.folder / aside.kept).write_bytes(kept)  # a person has found the disk that it was on
    assert run(repair, station, json=True) == 0
    with closing(SqliteLog(log)) as opened:
        assert opened.read(0, limit=10_000) == whole
    told = json.loads("{" + capsys.readouterr().out.partition("{")[2])
    assert told["aside"][0]["saved"] == len(whole)


def test_where_the_store_cannot_be_read_status_and_doctor_read_the_file(station, capsys):
    damage.junk(station.folder / "store.db")
    StatusFile(station.folder).put({"failing": {"store": "is malformed"}, "quarantined": {"json": 50}, "lag": {}})
    assert run(status, station) == 1
    shown = capsys.readouterr().out
    assert "FAULT: store does not work: is malformed" in shown
    assert run(status, station, json=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["status"]["failing"] == {"store": "is malformed"}
    assert "store.db" in told["error"]
    assert run(status, station, lang="zh-CN") == 1
    assert "处理办法" in capsys.readouterr().out


def test_a_store_that_is_to_be_rewritten_is_put_aside(station):
    assert run(repair, station, rewrite_store=True) == 0
    assert [one.file for one in all_put_aside(station.folder)] == ["store.db"]


def test_another_who_holds_the_lock_is_respected(station):
    with site_lock(station.folder), pytest.raises(CommandError, match="stop it first"):
        run(repair, station)
