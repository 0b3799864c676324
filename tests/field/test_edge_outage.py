"""The whole outage: 200,000 observations, twenty kills, damaged pages, a full disk; the store has what was not lost."""

import os
import subprocess
from contextlib import suppress

import pytest

from tests.field.station import Station, now_ms
from tests.ingest.edge.outage import Trouble
from tests.ingest.edge.ten_devices import DEVICES, Plan
from tests.support import wait_for

MESSAGES = 20_000
KILLS = 20


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_the_store_equals_the_books_less_the_losses_that_are_told(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=80m", "tmpfs", str(small)], check=True)
    try:
        with Station(tmp_path / "site", DEVICES) as site:
            plan = Plan(
                folder=str(small / "edge"), port=site.port, messages=MESSAGES, start_ms=now_ms() - MESSAGES * 1_000,
                hold_s=5.0,
            )  # fmt: skip
            trouble = Trouble(plan, seed=15)
            for kill in range(KILLS - 5):
                trouble.killed_after(trouble.rng.randint(500, 1_100))
                if kill % 4 == 3:
                    trouble.damage(2)
                if kill == 7:
                    trouble.start()
                    trouble.until(trouble.told + 100)
                    with (small / "full").open("wb", buffering=0) as file, suppress(OSError):
                        while True:
                            file.write(b"x" * 4_096)
                    trouble.kill()
                    (small / "full").unlink()
            site.broker().node()
            for _ in range(5):  # it sends, too
                trouble.killed_after(trouble.rng.randint(300, 900))
            trouble.start()
            counts = trouble.counts()
            expected = MESSAGES * len(DEVICES) - counts["dropped"]
            wait_for(
                lambda: sum(one[0] for one in site.totals().values()) >= expected,
                lambda: f"{expected} are stored, not {site.totals()}; told: {counts}; refused: {site.quarantined()}",
                within_s=300,
            )
            totals = site.totals()
            assert sum(one[0] for one in totals.values()) == expected
            assert sum(one[1] for one in totals.values()) == expected, "each counted one person"
            assert trouble.damaged >= 6
            assert 0 < counts["dropped"] < 10_000
            assert set(counts["drops"]) == {"damaged"}
            assert not site.quarantined()
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
