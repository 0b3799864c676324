"""The commands that run the whole chain, as processes, with a real broker: demo, replay, status, quarantine."""

import gzip
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from ingest.gateway.quarantine import Quarantine
from ingest.refusal import Refusal
from tests.support import alive, wait_for

ROOT = Path(__file__).parent.parent.parent
SHARED = ROOT.parent / "shared" / "data"
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("whole-chain")]


def command(*arguments):
    return [sys.executable, "-m", "console.cli", *map(str, arguments)]


def environment():
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PATROLGRID_")}
    return {**clean, "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}


def run(*arguments, timeout=150):
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=timeout, env=environment(), check=False
    )


def stored(folder):
    return json.loads(run("status", "--json", "--data-dir", folder).stdout)["totals"]["observations"]


def nobody_left(folder):
    """Tell whether no process of ours has the folder in its command line any more."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(folder).encode() in line and alive(int(entry.name)):
                return False
    return True


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Run a short demo; return its folder and its report."""
    folder = tmp_path_factory.mktemp("demo")
    report = folder / "out.json"
    done = run(
        "demo", "--headless", "--duration", 6, "--speed", 120, "--seed", 7, "--history-days", 0.25,
        "--data-dir", folder, "--report", report,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, json.loads(report.read_text(encoding="utf-8")), done.stdout


def test_the_demo_stores_what_was_published_less_what_it_was_told_to_lose(demo):
    folder, report, _ = demo
    assert report["published"] > 4_000
    assert report["unacknowledged"] == 0
    assert report["stored"] == report["published"] - report["lost"]
    assert report["received"] >= report["stored"]
    assert sum(report["quarantined"].values()) == sum(report["spoilt"].values())
    assert report["windows"] > 0
    assert report["hotspots"] > 0
    assert set(report["latency_ms"]) == {"p50", "p99", "n"}
    assert set(report["truth"]) >= {"scenarios", "detected", "missed", "delay_s_median", "false_alarms_per_device_day"}
    assert nobody_left(folder)


def test_status_tells_of_the_demo_afterwards(demo):
    folder, report, _ = demo
    done = run("status", "--json", "--data-dir", folder)
    assert done.returncode == 0, done.stderr
    status = json.loads(done.stdout)
    assert (status["site"], status["running"]) == ("demo", False)
    assert status["totals"]["observations"] == report["stored"]
    assert status["quarantine"] == report["quarantined"]
    assert status["lag"]["records"] == 0
    assert "demo" in run("status", "--data-dir", folder, "--lang", "zh-CN").stdout


def test_a_second_demo_finds_its_data_steps_around_a_taken_port_and_stops_on_sigterm(demo):
    folder, report, _ = demo
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        output = folder / "second.txt"
        with output.open("wb") as file:
            process = subprocess.Popen(
                command(
                    "demo", "--data-dir", folder, "--port", port, "--speed", 60, "--report", folder / "second.json"
                ),
                stdout=file,
                stderr=subprocess.STDOUT,
                env=environment(),
            )
        try:
            wait_for(lambda: "Ctrl-C" in output.read_text(encoding="utf-8"), "the demo to run")
            (url,) = re.findall(r"http://\S+", output.read_text(encoding="utf-8"))[:1]
            assert f":{port}" not in url
            with urllib.request.urlopen(url, timeout=60) as page:  # noqa: S310 - http, as just matched
                assert page.status == 200
            again = run("demo", "--data-dir", folder, "--headless", "--duration", 1)
            assert again.returncode == 1
            assert "running already" in again.stderr
            status = json.loads(run("status", "--json", "--data-dir", folder).stdout)
            assert status["running"]
            wait_for(lambda: stored(folder) > report["stored"], "this run stores, too")
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(90)
    assert code == 0, output.read_text(encoding="utf-8")
    assert "earlier run" in output.read_text(encoding="utf-8")
    second = json.loads((folder / "second.json").read_text(encoding="utf-8"))
    assert second["history"] == 0, "no second history"
    assert second["event_start_ms"] > report["event_end_ms"] - 60_000, "the clock never goes back"
    assert second["stored"] == second["published"] - second["lost"]
    assert nobody_left(folder)


def test_killing_the_demo_leaves_no_process_behind(demo):
    folder, _, _ = demo
    process = subprocess.Popen(
        command("demo", "--data-dir", folder, "--headless", "--duration", 60),
        stdout=subprocess.DEVNULL,
        env=environment(),
    )
    try:
        wait_for(
            lambda: json.loads(run("status", "--json", "--data-dir", folder).stdout)["running"], "a running node", 60
        )
    finally:
        process.kill()
        process.wait()
    wait_for(lambda: nobody_left(folder), "the end of all children")


def test_the_quarantine_can_be_listed_shown_and_replayed(demo):
    folder, report, _ = demo
    # How far a demo comes in its seconds is chance, and so is whether anything was spoilt by then.
    quarantine = Quarantine(folder / "demo" / "quarantine.db")
    quarantine.add_many([Refusal("json", "not JSON", b"{", "patrolgrid/v1/demo/academy/camera-40/obs", 1)])
    quarantine.close()
    site = ("--data-dir", folder, "--site", "demo")
    counts = json.loads(run("quarantine", "counts", "--json", *site).stdout)
    assert {reason: count["total"] for reason, count in counts.items()}.keys() >= report["quarantined"].keys()
    entries = json.loads(run("quarantine", "list", "--json", *site).stdout)
    assert entries
    shown = run("quarantine", "show", str(entries[0]["id"]), *site)
    assert entries[0]["reason"] in shown.stdout
    refused = run("quarantine", "replay", "--all", *site, "--broker", "127.0.0.1:1")
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert json.loads(run("quarantine", "list", "--waiting", "--json", *site).stdout) == entries  # nothing was sent
    assert run("quarantine", "replay", *site).returncode == 2


def counts_csv(path, days=9):
    rows = ["timestamp,device,count"]
    for hour in range(24 * days):
        stamp = f"2026-03-{1 + hour // 24:02d} {hour % 24:02d}:00:00"
        busy = 40 + 30 * (8 <= hour % 24 <= 20)
        rows += [f"{stamp},door-in,{busy + hour % 5}", f"{stamp},door-out,{'' if hour == 30 else busy + hour % 7}"]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return 48 * days - 1


def test_a_counts_file_goes_through_the_real_chain(tmp_path):
    file = tmp_path / "my counts.csv"
    rows = counts_csv(file)
    data = tmp_path / "data"
    done = run("replay", file, "--speed", "max", "--json", "--data-dir", data)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "no bar where nobody watches"
    summary = json.loads(done.stdout)
    assert (summary["site"], summary["published"], summary["stored"]) == ("my-counts", rows, rows)
    status = json.loads(run("status", "--json", "--data-dir", data).stdout)
    assert [device["id"] for device in status["devices"]] == ["door-in", "door-out"]
    assert status["counts"]["windows"] == rows
    assert status["totals"]["late"] == 0
    more = file.read_text(encoding="utf-8") + "2026-03-10 00:00,door-in,3\n2026-03-10 00:00,东门,3\n2026-03-10,东门,3\n"
    file.write_bytes(more.encode("gbk"))
    done = run("replay", file, "--keep", "--json", "--data-dir", data)
    kept = json.loads(done.stdout)
    assert (kept["stored"], kept["duplicates"]) == (2, rows), "the same rows again change nothing, others are added"
    assert f"my counts.csv, line {rows + 5}: is a second row of 东门" in done.stderr
    assert [bad["line"] for bad in kept["bad"]] == [rows + 5]
    places = json.loads((data / "my-counts" / "places.geojson").read_text(encoding="utf-8"))
    names = {one["properties"]["id"]: one["properties"]["name"] for one in places["features"]}
    assert names["device-ca0891d6fa"] == "东门"
    assert {"door-in", "door-out"} < names.keys()
    assert nobody_left(tmp_path)


def test_a_recording_goes_through_the_real_chain(tmp_path):
    lines = [{"patrolgrid_recording": 1, "started_ms": 0, "filters": []}]
    for number in range(40):
        body = {
            "type": "level",
            "seq": number,
            "ts": 1_800_000_000_000 + number * 1_000,
            "metric": "noise",
            "value": 50,
        }
        lines.append({"t": number / 100, "topic": "patrolgrid/v1/old/b1/n1/obs", "p": json.dumps(body)})
    lines.append({"t": 0.5, "topic": "patrolgrid/v1/old/b1/n1/obs", "p": "not json"})
    lines += [{"t": 0.5, "topic": "patrolgrid/v1/old/b1/n1/status", "p": '{"state":"online"}', "retain": True}] * 3
    file = tmp_path / "night.pgr.gz"
    file.write_bytes(gzip.compress(b"".join(json.dumps(line).encode() + b"\n" for line in lines)))
    done = run("replay", file, "--json", "--data-dir", tmp_path / "data")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["site"], summary["stored"]) == ("night", 40)
    assert sum(summary["quarantined"].values()) == 1
    assert summary["published"] == 41, "a status is no observation: it must not look like one that was lost"


def test_a_replay_never_touches_a_site_that_is_no_replay(tmp_path):
    file = tmp_path / "real.csv"
    counts_csv(file, days=1)
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "store.db").write_bytes(b"precious")
    done = run("replay", file, "--data-dir", tmp_path)
    assert done.returncode == 1
    assert "no replay" in done.stderr
    assert (tmp_path / "real" / "store.db").read_bytes() == b"precious"


@pytest.mark.skipif(not (SHARED / "calit2_counts.csv").exists(), reason="../shared/data is not here: real data")
def test_real_counts_show_their_doors_windows_and_anomalies(tmp_path):
    weeks = tmp_path / "five-weeks.csv"
    lines = (SHARED / "calit2_counts.csv").read_text("utf-8").splitlines(keepends=True)
    weeks.write_text("".join(lines[:3361]), "utf-8")
    done = run("replay", weeks, "--speed", "max", "--quiet", "--data-dir", tmp_path)
    assert done.returncode == 0, done.stderr
    status = json.loads(run("status", "--json", "--data-dir", tmp_path).stdout)
    assert {device["id"] for device in status["devices"]} == {"door-in", "door-out"}
    assert status["totals"]["observations"] == 3_360
    assert status["counts"]["windows"] == 3_360
    assert status["counts"]["anomalies"] > 0
    assert status["anomalies"][0]["device"] in {"door-in", "door-out"}
