"""A fleet over a real broker: what the report says was published is what a subscriber heard."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter

import msgspec
from iotcore import Broker

from ingest import topics
from ingest.login import BrokerAddress
from ingest.observations import Count, Gate
from simulators import run
from simulators.devices.faults import FaultRates
from simulators.devices.fleet import FleetSettings
from simulators.devices.ledger import read_report
from tests.simulators.worlds import EVENING, NO_FAULTS, SITE, Ear, observations
from tests.support import free_port, wait_for

PART = SITE.only([spec.device.id for spec in SITE.specs if spec.device.beat in {"academy", "lantern-street"}])
RATES = FaultRates(loss=0.02, duplicate=0.03, late=0.03, spoilt=0.01, skewed=0.05)


def heard_of(ear):
    """Return device → unique observations, device → (in, out), and how many messages could not be decoded."""
    unique, sums, bad = {}, Counter(), 0
    for message in ear.heard:
        topic = topics.parse_device_topic(message.topic)
        if topic is None or topic.leaf != "obs":
            continue
        try:
            found = observations(message.payload)
        except msgspec.DecodeError:
            bad += 1
            continue
        for one in found:
            if isinstance(one.ts, int) and not EVENING - 86_400_000 * 30 < one.ts < EVENING + 7_000_000:
                bad += 1
                continue
            known = unique.setdefault(topic.device, {})
            key = (one.boot, one.seq) if one.seq is not None else msgspec.json.encode(one)
            if key in known:
                continue
            known[key] = one
            if isinstance(one, Count):
                sums[topic.device, "in"] += one.in_
                sums[topic.device, "out"] += one.out
            elif isinstance(one, Gate):
                sums[topic.device, one.direction] += 1
    return {device: len(known) for device, known in unique.items()}, sums, bad


def test_the_report_is_what_was_heard(broker):
    with Ear(broker.port) as ear:
        settings = run.RunSettings(origin_ms=EVENING, speed=float("inf"), duration_s=1_500, history_days=0.3)
        report = run.simulate(PART, settings, FleetSettings(broker=BrokerAddress(port=broker.port)), RATES)
        wait_for(lambda: len(ear.heard) >= report.messages + 2 * len(PART.specs), "not everything was heard")
    assert report.unacknowledged == 0
    assert report.published == report.lost + report.sent
    assert report.sent == report.acknowledged == sum(total.n for total in report.devices.values())
    assert report.history > 1_000
    assert min(report.lost, report.duplicates, report.late, sum(report.spoilt.values()), report.incidents) > 0
    counts, sums, bad = heard_of(ear)
    assert counts == {device: total.n for device, total in report.devices.items()}
    assert bad == sum(report.spoilt.values())
    for device, total in report.devices.items():
        assert (sums[device, "in"], sums[device, "out"]) == (total.in_, total.out), device
        assert sum(series.n for series in total.series.values()) == total.n
    assert {truth.name for truth in report.truths} >= {"crowd_surge", "smoke"} - {"none"}
    causes = {(device, ts, seq) for device, ts, seq, _ in report.hazards}
    assert causes
    assert len(causes) == len(report.hazards)
    status = [m for m in ear.heard if m.topic.endswith("/status")]
    words = {m.topic: json.loads(m.payload)["state"] for m in status}
    assert set(words.values()) == {"offline"}
    assert len(words) == len(PART.specs)


def test_a_broker_that_restarts_is_found_again():
    port = free_port()
    broker = Broker(port=port, listen="127.0.0.1").start()
    stop = threading.Event()
    found = []
    small = SITE.only([spec.device.id for spec in SITE.specs[:6]])
    settings = run.RunSettings(origin_ms=EVENING, speed=60.0, scenarios=False)

    def simulate():
        fleet = FleetSettings(broker=BrokerAddress(port=port), hold_s=5.0)
        found.append(run.simulate(small, settings, fleet, NO_FAULTS, stopped=stop.is_set))

    thread = threading.Thread(target=simulate)
    thread.start()
    try:
        with Ear(port) as ear:
            wait_for(lambda: len(ear.heard) > 30, "nothing was heard")
        broker.stop()
        broker = Broker(port=port, listen="127.0.0.1").start()
        with Ear(port) as ear:
            wait_for(lambda: len(ear.heard) > 30, "nothing was heard after the restart")
            stop.set()
            thread.join(60)
    finally:
        stop.set()
        thread.join(60)
        broker.stop()
    [report] = found
    assert report.unacknowledged == 0
    assert report.reconnects >= 6
    assert report.resent > 0
    assert report.acknowledged == report.sent == sum(total.n for total in report.devices.values())


def test_shared_connections_carry_many_devices(broker):
    with Ear(broker.port) as ear:
        settings = run.RunSettings(origin_ms=EVENING, speed=float("inf"), duration_s=180, scenarios=False)
        fleet = FleetSettings(broker=BrokerAddress(port=broker.port), shared_connections=3)
        report = run.simulate(SITE, settings, fleet, NO_FAULTS)
        wait_for(lambda: len(ear.heard) >= report.messages, "not everything was heard")
    assert report.unacknowledged == 0
    assert heard_of(ear)[0] == {device: total.n for device, total in report.devices.items()}
    assert len(report.devices) == len(SITE.specs)


def test_the_command_stops_on_sigterm_and_still_reports(broker, tmp_path):
    report, truth, ready = tmp_path / "report.json", tmp_path / "truth.jsonl", tmp_path / "ready"
    some = tmp_path / "devices.txt"
    some.write_text("camera-01\nsmoke-01\n\n")
    command = [
        sys.executable, "-m", "simulators.run", "--port", str(broker.port), "--speed", "120", "--seed", "3",
        "--devices-file", str(some), "--report", str(report), "--truth", str(truth), "--ready", str(ready),
        "--no-faults", "--history-days", "0.2",
    ]  # fmt: skip
    process = subprocess.Popen(command, env={**os.environ, "PYTHONWARNINGS": "error"})
    try:
        wait_for(ready.exists, "the simulator was never ready")
        with Ear(broker.port) as ear:
            wait_for(lambda: len(ear.heard) > 5, "nothing was published after that")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
    found = read_report(report)
    assert found.unacknowledged == 0
    assert found.published > found.history > 0
    assert set(found.devices) == {"camera-01", "smoke-01"}
    assert len(truth.read_text().splitlines()) == len(found.truths)


def test_bad_arguments_are_told_and_not_traced(tmp_path, capsys):
    empty = tmp_path / "devices.txt"
    empty.write_text("camera-404\n")
    assert run.main(["--devices-file", str(empty)]) == 2
    assert run.main(["--loss", "3"]) == 2
    assert run.main(["--places", str(tmp_path / "none.geojson")]) == 2
    assert "Traceback" not in capsys.readouterr().err
