"""The node's clock lies: alarms are told in every case, nobody is called silent for it, and nothing is deleted."""

import threading
import time
from typing import Self

import pytest

from tests.field.station import FakeClock, Station, places
from tests.support import wait_for

CAMERAS = [f"cam-{number}" for number in range(1, 7)]
SILENT = "[pipeline]\nsilent_s = 20\n"


class Traffic:
    """Cameras that report every second as long as the block runs."""

    def __init__(self, site: Station) -> None:
        self.site, self.seq, self.done = site, 0, threading.Event()
        self.thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.done.set()
        self.thread.join()

    def _run(self) -> None:
        while not self.done.wait(1.0):
            for camera in CAMERAS:
                self.site.count(camera, 1, 1, self.seq)
            self.seq += 1

    def goes_on(self, rounds: int) -> None:
        """Wait until so many more rounds have been stored."""
        wanted = self.seq + rounds
        wait_for(lambda: self.site.totals().get("cam-1", (0,))[0] >= wanted - 1, f"{rounds} more rounds are stored")


def silences(site: Station) -> set[tuple[str, str]]:
    return {one for one in site.raised() if one[0] in {"silent", "feed_lost"}}


def test_devices_report_while_the_node_is_away(tmp_path):
    with Station(tmp_path, CAMERAS, toml=SILENT) as site:
        site.broker().node()
        with Traffic(site) as traffic:
            traffic.goes_on(10)
            assert site.end("node") == 0
            before = traffic.seq
            wait_for(lambda: traffic.seq > before + 30, "the node is away for longer than silent_s")
            site.node()
            traffic.goes_on(10)
        assert silences(site) == set()


@pytest.mark.parametrize("wrong_by_s", [-7_200, -540, -86_400, 7_200])
def test_the_node_starts_on_a_wrong_clock_that_is_put_right(wrong_by_s, tmp_path):
    with Station(tmp_path, [*CAMERAS, "smoke-1", "smoke-2"], toml=SILENT) as site:
        clock = FakeClock(tmp_path)
        site.broker().node(clock).phone()
        with Traffic(site) as traffic:
            traffic.goes_on(10)
            assert site.end("node") == 0
            clock.set(wrong_by_s)
            site.node(clock)
            site.state("smoke-1", "smoke", "alarm", 1)
            site.hears(("smoke", "smoke-1"))
            clock.set(0)
            site.state("smoke-2", "smoke", "alarm", 1)
            site.hears(("smoke", "smoke-2"))
            traffic.goes_on(25)
        assert silences(site) == set()


@pytest.mark.parametrize("days", [200, 400])
def test_nothing_is_deleted_on_a_clock_that_was_far_ahead_for_one_start(days, tmp_path):
    tables = ("windows", "gates", "states", "health", "hotspot_maps")
    with Station(tmp_path, ["cam-1", "gate-1", "smoke-1"]) as site:
        clock = FakeClock(tmp_path)
        site.broker().node(clock).phone()
        for seq in range(40):
            site.count("cam-1", 1, 0, seq, late_s=12_000 - 300 * seq)
        site.say("gate-1", {"type": "gate", "ts": round(time.time() * 1000), "plate": "A1", "seq": 1, "boot": "g"})
        site.state("smoke-1", "smoke", "ok", 1)
        wait_for(lambda: site.sql("SELECT count(*) FROM states")[0][0], "the state is stored")
        site.counted("cam-1", (40, 40, 0))

        def rows() -> dict[str, int]:
            return {table: site.sql(f"SELECT count(*) FROM {table}")[0][0] for table in tables}  # noqa: S608 - of ours

        assert site.end("node") == 0
        before = rows()
        clock.set(days * 86_400)
        site.node(clock)
        ahead = site.status()["wall_ms"]
        wait_for(lambda: site.status()["wall_ms"] > ahead + 5_000, "it works for a while on that clock")
        assert site.end("node") == 0
        clock.set(0)
        site.node(clock)
        site.state("smoke-1", "smoke", "alarm", 2)
        site.hears(("smoke", "smoke-1"))
        assert all(now >= before[table] for table, now in rows().items()), (before, rows())
        site.count("cam-1", 1, 0, 100)
        site.counted("cam-1", (41, 41, 0))
        newest = site.sql("SELECT max(newest) FROM series")[0][0] / 1000
        assert newest < time.time() + 600, "no window is left in the future"


def test_a_device_that_leaves_the_places_file_takes_its_alerts_along(tmp_path):
    with Station(tmp_path, ["door-1", "smoke-1", "cam-1"]) as site:
        site.broker().node().phone()
        site.state("smoke-1", "smoke", "alarm", 1)
        site.hears(("smoke", "smoke-1"))
        site.write_places(places(["door-1", "cam-1"]))
        wait_for(lambda: not {one for one in site.open_alerts() if one[1:] == ("smoke-1", "raised")}, "its alert ends")
