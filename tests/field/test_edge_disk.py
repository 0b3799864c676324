"""The disk of an edge box fills up, and later there is room again."""

import os
import subprocess
import sys
from contextlib import suppress

import pytest

from tests.field.station import BEAT, SITE, Station
from tests.support import wait_for


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_live_data_goes_on_while_the_disk_is_full(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1200k", "tmpfs", str(small)], check=True)
    try:
        with Station(tmp_path / "site", ["cam-1"]) as site:
            site.broker().node()
            command = [sys.executable, "-m", "console.cli", "edge", "--site", SITE, "--beat", BEAT, "--device", "cam-1"]
            command += ["--spool", str(small / "edge" / "spool.db"), "--broker", f"127.0.0.1:{site.port}"]
            site.start("edge", [*command, "--json", "--flush-s", "20"], stdin=subprocess.PIPE)
            agent = site.children["edge"]

            def say(lines: int) -> None:
                assert agent.stdin is not None
                for _ in range(lines):
                    agent.stdin.write(b'{"type":"count","interval_s":1,"in":1}\n')
                    agent.stdin.flush()

            say(20)
            site.counted("cam-1", (20, 20, 0))
            with (small / "full").open("wb", buffering=0) as file, suppress(OSError):
                while True:
                    file.write(b"x" * 4096)
            say(300)
            wait_for(lambda: site.totals().get("cam-1", (0,))[0] == 320, "live data goes on")
            (small / "full").unlink()
            say(20)
            assert agent.stdin is not None
            agent.stdin.close()
            assert agent.wait(60) == 0, site.log("edge")
            site.counted("cam-1", (340, 340, 0))
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
