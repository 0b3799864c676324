"""What a demo saw: the numbers of its report, put together from the simulator's, the store's and the listener's."""

from collections.abc import Sequence
from typing import Any

from console.common import counted, print_table
from console.demo.scoring import latencies, latency_summary, score
from simulators.devices.ledger import Report
from stream.sentences.catalogue import Sentences

Alert = dict[str, Any]


def demo_report(
    runs: Sequence[Report],
    seen: dict[str, Any],
    alerts: Sequence[Alert],
    heard: Sequence[tuple[Alert, int]],
    *,
    devices: int,
) -> dict[str, Any]:
    """Return the report.

    Parameters
    ----------
    runs
        The simulator's reports, in order: history where there was one, then life.
    seen
        What came into the store meanwhile; see `console.running.since`.
    alerts
        Revisions of alerts in the store.
    heard
        Alerts that arrived over MQTT, with the wall clock in ns.
    devices
        Devices of the site.
    """
    live = runs[-1]
    spoilt: dict[str, int] = {}
    for run in runs:
        for kind, count in run.spoilt.items():
            spoilt[kind] = spoilt.get(kind, 0) + count
    published, lost = sum(run.published for run in runs), sum(run.lost for run in runs)
    truth = score(live.truths, alerts, devices=devices, start_ms=live.origin_ms, until_ms=live.ended_event_ms)
    return {
        "site": live.site,
        "seed": live.seed,
        "speed": live.speed,
        "devices": devices,
        "published": published,
        "history": sum(run.history for run in runs),
        "lost": lost,
        "unacknowledged": sum(run.unacknowledged for run in runs),
        "repeated": sum(run.duplicates + run.resent for run in runs),
        "late_sent": sum(run.late for run in runs),
        "spoilt": spoilt,
        **seen,
        "difference": seen["stored"] - (published - lost),
        "latency_ms": latency_summary(latencies([hazard for run in runs for hazard in run.hazards], heard)),
        "truth": truth,
        "event_start_ms": live.origin_ms,
        "event_end_ms": live.ended_event_ms,
        "wall_s": round((live.ended_wall_ns - live.started_wall_ns) / 1e9, 1),
    }


def print_summary(report: dict[str, Any], texts: Sentences) -> None:
    """Print the report for people."""
    truth, latency = report["truth"], report["latency_ms"]
    rows: list[tuple[str, object]] = [(texts(f"sum-{key}"), f"{report[key]:,}") for key in ("published", "lost")]
    rows += [(texts(f"sum-{key}"), f"{report[key]:,}") for key in ("received", "stored", "duplicates")]
    rows += [(texts("sum-quarantined"), counted(report["quarantined"]) or "0")]
    rows += [(texts(f"sum-{key}"), f"{report[key]:,}") for key in ("windows", "anomalies", "hotspots", "alerts")]
    if latency["n"]:
        rows.append((texts("sum-latency"), f"{latency['p50']:.0f} / {latency['p99']:.0f} ms ({latency['n']})"))
    if truth["scenarios"]:
        found = texts("sum-of", part=truth["detected"], whole=truth["scenarios"])
        rows.append((texts("sum-truth"), found))
        if truth["missed"]:
            rows.append((texts("sum-missed"), ", ".join(truth["missed"])))
    if truth["false_alarms_per_device_day"] is not None:
        rows.append((texts("sum-false"), f"{truth['false_alarms_per_device_day']:.3f}"))
    print()
    print_table([texts("sum-title"), ""], rows, indent="")
