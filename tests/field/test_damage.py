"""Files after a power cut: the node starts, names the file, tells alarms, and never shows wrong numbers."""

import json
import shutil
import sqlite3

import pytest

from tests.field.station import Station, broken_page
from tests.support import wait_for

FILES = ["log.db", "log.db-wal", "store.db", "store.db-wal", "quarantine.db", "node.json", "state/*", "status.json"]
HOW = {
    "empty": lambda _content: b"",
    "zeroed": lambda content: bytes(len(content)),
    "cut": lambda content: content[: len(content) // 2],
    "pages": lambda content: b"".join(
        content[at : at + 8] + b"\xa5" * 392 + content[at + 400 : at + 4096] if at else content[:4096]
        for at in range(0, len(content), 4096)
    ),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a station that has counted 30, refused one message, and was ended."""
    folder = tmp_path_factory.mktemp("whole")
    with Station(folder, ["cam-1", "smoke-1"]) as site:
        site.broker().node()
        for seq in range(30):
            site.count("cam-1", 1, 0, seq)
        site.say("cam-1", b"{not json")
        site.counted("cam-1", (30, 30, 0))
        wait_for(lambda: site.quarantined().total() == 1, "one in quarantine")
        assert site.end("node") == 0
    return site.data


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file(name, how, whole, tmp_path):
    with Station(tmp_path, ["cam-1", "smoke-1"]) as site:
        site.data.parent.mkdir(parents=True)
        shutil.copytree(whole, site.data)
        hurt = [path for path in site.data.glob(name) if path.is_file()]
        if not hurt:
            pytest.skip(f"a node that was ended leaves no {name}")
        for path in hurt:
            path.write_bytes(HOW[how](path.read_bytes()))
        site.broker().phone().node()
        site.count("cam-1", 1, 0, 100)
        site.state("smoke-1", "smoke", "alarm", 1)
        site.hears(("smoke", "smoke-1"))
        # Log and store each have all of it, so that one of them may go; states are not counted.
        site.counted("cam-1", (31, 31, 0))
        if name.endswith(".db") and how != "empty":
            assert name in site.log("node"), "it says which file it is"


def test_a_broken_page_of_the_store_holds_up_no_alarm(tmp_path):
    with Station(tmp_path, ["noise-1", "smoke-1"]) as site:
        site.broker().node().phone()
        for seq in range(3):
            site.level("noise-1", "noise", "dB", 50.0, seq, late_s=300 * seq)
        site.state("smoke-1", "smoke", "ok", 1)
        wait_for(lambda: site.sql("SELECT count(*) FROM windows")[0][0], "a window is stored")
        assert site.end("node") == 0
        broken_page(site.data / "store.db", "windows")
        site.node(connected=False)
        site.level("noise-1", "noise", "dB", 51.0, 9)
        site.state("smoke-1", "smoke", "alarm", 2)
        site.hears(("smoke", "smoke-1"))
        wait_for(lambda: "store.db" in site.log("node"), "it says which file it is")
        document = json.loads(site.cli("status", "--json").stdout)
        assert document


def test_the_doctor_finds_damage_and_repair_mends_what_can_be(whole, tmp_path):
    with Station(tmp_path, ["cam-1", "smoke-1"]) as site:
        site.data.parent.mkdir(parents=True)
        shutil.copytree(whole, site.data)
        broken_page(site.data / "store.db", "windows")
        assert "store.db" in site.cli("doctor").stdout
        mended = site.cli("repair")
        assert mended.returncode == 0, mended.stderr
        with sqlite3.connect(site.data / "store.db") as store:
            assert store.execute("PRAGMA quick_check").fetchone() == ("ok",)
        site.broker().node()
        site.count("cam-1", 1, 0, 100)
        site.counted("cam-1", (31, 31, 0))
