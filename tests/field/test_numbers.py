"""Numbers that start again, copies, odd payloads: all counts once, or is in quarantine with its reason."""

import json
import shutil
import subprocess
import sys

from ingest import topics
from tests.field.station import BEAT, SITE, Station, now_ms
from tests.support import wait_for


def count(seq: int | None, ins: int, outs: int, **more: object) -> dict[str, object]:
    number = {} if seq is None else {"seq": seq}
    return {"type": "count", "ts": now_ms() - 1_000, "interval_s": 1, "in": ins, "out": outs, **number, **more}


def test_a_camera_that_numbers_from_0_again_under_no_boot(tmp_path):
    with Station(tmp_path, ["cam-1"]) as site:
        site.broker().node()
        for seq in range(20):
            site.say("cam-1", count(seq, 1, 0))
        site.counted("cam-1", (20, 20, 0))
        for seq in range(15):
            site.say("cam-1", count(seq, 0, 1))
        site.counted("cam-1", (35, 20, 15))


def test_a_repeat_is_still_a_repeat_after_numbers_began_again(tmp_path):
    with Station(tmp_path, ["cam-1"]) as site:
        site.broker().node()
        first = [count(seq, 1, 0, ts=now_ms() - 9_000 + seq) for seq in range(5)]
        second = [count(seq, 0, 1, ts=now_ms() - 4_000 + seq) for seq in range(5)]
        for one in (*first, *second, *first, *second, *first):
            site.say("cam-1", one)
        site.say("cam-1", count(100, 7, 0))
        site.counted("cam-1", (11, 12, 5))


def test_an_edge_agent_whose_spool_is_the_images_again_after_every_boot(tmp_path):
    with Station(tmp_path, ["cam-1"]) as site:
        site.broker().node()
        spool = tmp_path / "edge"
        command = [sys.executable, "-m", "console.cli", "edge", "--site", SITE, "--beat", BEAT, "--device", "cam-1"]
        command += ["--spool", str(spool / "spool.db"), "--broker", f"127.0.0.1:{site.port}", "--json"]

        def run(number: int, ins: int, outs: int) -> None:
            lines = "".join(f'{{"type":"count","interval_s":1,"in":{ins},"out":{outs}}}\n' for _ in range(number))
            done = subprocess.run(command, input=lines, text=True, capture_output=True, check=False)
            assert done.returncode == 0, done.stderr

        run(1, 0, 0)
        shutil.copytree(spool, tmp_path / "image")
        for ins, outs, number in ((1, 0, 10), (0, 1, 8)):
            run(number, ins, outs)
            shutil.rmtree(spool)
            shutil.copytree(tmp_path / "image", spool)
        wait_for(lambda: site.totals().get("cam-1", ())[1:] == (10, 8), "in 10, out 8")


def test_a_retained_word_of_before_the_gateway_is_known_and_a_pass_counts_once(tmp_path):
    with Station(tmp_path, ["man-1", "gate-1"]) as site:
        site.broker()
        ago = now_ms() - 900_000
        site.say("man-1", {"type": "state", "metric": "cover", "value": "open", "ts": ago}, retain=True)
        passed = {"type": "gate", "ts": now_ms() - 30_000, "direction": "in", "plate": "A1"}
        site.say("gate-1", passed, retain=True)
        site.phone().node()
        site.hears(("cover_open", "man-1"))
        site.counted("gate-1", (1, 1, 0))
        assert site.end("node") == 0
        site.node()
        site.say("gate-1", passed | {"ts": now_ms()})
        site.counted("gate-1", (2, 2, 0))


def test_one_bad_reading_costs_no_good_ones(tmp_path):
    with Station(tmp_path, ["noise-1", "cam-1"]) as site:
        site.broker().node()
        wanted = 0
        for start, bad in enumerate((float("nan"), None, 10**400, float("inf"), "loud", [])):
            rows = [
                {"type": "level", "metric": "noise", "unit": "dB", "value": 50.0 + row, "ts": now_ms(), "boot": "n"}
                | {"seq": 1_000 * start + row}
                for row in range(50)
            ]
            rows[25]["value"] = bad
            site.say("noise-1", json.dumps(rows).encode())
            wanted += 49
        wait_for(lambda: site.totals().get("noise-1", (0,))[0] == wanted, f"{wanted} good readings")
        assert site.quarantined().total() == 6


def test_a_whole_number_may_be_written_as_a_fraction_and_half_a_person_may_not(tmp_path):
    with Station(tmp_path, ["cam-1"]) as site:
        site.broker().node()
        for seq, written in enumerate(("12.0", "1e1", "1.5", "-1")):
            text = json.dumps(count(seq, 0, 0, boot="b")).replace('"in": 0', f'"in": {written}')
            site.say("cam-1", text.encode())
        site.counted("cam-1", (2, 22, 0))
        assert site.quarantined().total() == 2


def test_a_topic_that_is_nearly_right_is_seen(tmp_path):
    with Station(tmp_path, ["cam-1"]) as site:
        site.broker().node()
        right = topics.observations(SITE, BEAT, "cam-1")
        for wrong in (f"{right}/", right.replace(BEAT, BEAT.upper()), right.replace(f"/{BEAT}/", "//")):
            site.say("cam-1", count(1, 1, 0, boot="b"), topic=wrong)
        site.say("cam-1", count(1, 1, 0, boot="b"))
        site.counted("cam-1", (1, 1, 0))
        wait_for(lambda: site.quarantined().total() == 3, "three in quarantine")
