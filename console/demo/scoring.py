"""How well alerts matched what really happened, and how fast they came. Pure functions over plain records."""

import math
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any, Final

from simulators.world.scenarios import Truth

EARLY_MS: Final = 5_000
"""An alert this much before a scenario's start still counts: devices' clocks are never exactly right."""
_DAY_MS: Final = 86_400_000

Alert = dict[str, Any]
"""One revision of an alert, as JSON gives it; see `stream.results.Alert`."""


def rises(alerts: Iterable[Alert]) -> list[Alert]:
    """Return the revisions with which an alert was raised (again), in order of time; each once."""
    found = {(alert["id"], alert["revision"]): alert for alert in alerts if alert["state"] == "raised"}
    return sorted(found.values(), key=lambda alert: (alert["changed_ms"], alert["id"]))


def score(
    truths: Sequence[Truth], alerts: Iterable[Alert], *, devices: int, start_ms: int, until_ms: int
) -> dict[str, Any]:
    """Compare alerts with the scenarios of a run.

    A scenario is *detected* where an alert of one of its kinds was raised on one of its devices (alone or together
    with neighbours; for a scenario without devices: in its beat) from its start until its tolerance after its end; its
    delay is from the start to the first such alert. Only scenarios that were over by `until_ms` are scored: nobody can
    be blamed for the others. An alert of the run is *false* where it came before the run's end and no scenario, scored
    or not, explains it: neither as found nor as something that it may raise besides.

    Parameters
    ----------
    truths
        The scenarios of the run.
    alerts
        Revisions of alerts; only those with the state ``raised`` and a time within the run count.
    devices
        Devices of the site.
    start_ms, until_ms
        Event time of the run's start and end.

    Returns
    -------
    dict
        ``scenarios``, ``detected``, ``missed`` (ids), ``delay_s_median`` and ``false_alarms_per_device_day`` (None
        where there is nothing to judge), ``false_alarms``, ``false_by_kind`` and ``by_kind`` (scenario name →
        scenarios and detected).
    """
    raised = [alert for alert in rises(alerts) if start_ms - EARLY_MS <= alert["changed_ms"] <= until_ms + _DAY_MS]
    scored = [truth for truth in truths if truth.end <= until_ms]
    delays: list[float] = []
    missed: list[str] = []
    by_kind: dict[str, dict[str, int]] = {}
    for truth in scored:
        first = found_first(truth, raised)
        entry = by_kind.setdefault(truth.name, {"scenarios": 0, "detected": 0})
        entry["scenarios"] += 1
        if first is None:
            missed.append(truth.id)
        else:
            entry["detected"] += 1
            delays.append(max(first["changed_ms"] - truth.start, 0) / 1000)
    false: dict[str, str] = {}
    for alert in raised:
        if alert["changed_ms"] > until_ms:
            continue  # the devices were switched off: that they are missed then is right
        if not any(_fits(truth, alert, (*truth.kinds, *truth.also)) for truth in truths):
            false.setdefault(alert["id"], alert["kind"])
    false_by_kind: dict[str, int] = {}
    for kind in false.values():
        false_by_kind[kind] = false_by_kind.get(kind, 0) + 1
    device_days = devices * max(until_ms - start_ms, 0) / _DAY_MS
    return {
        "scenarios": len(scored),
        "detected": len(delays),
        "missed": missed,
        "delay_s_median": round(median(delays), 1) if delays else None,
        "false_alarms": len(false),
        "false_alarms_per_device_day": round(len(false) / device_days, 4) if device_days else None,
        "false_by_kind": false_by_kind,
        "by_kind": by_kind,
    }


def found_first(truth: Truth, raised: Iterable[Alert]) -> Alert | None:
    """Return the alert that found a scenario first, as it was raised; None where none did. See `score`."""
    fitting = (alert for alert in raised if _fits(truth, alert, truth.kinds))
    return min(fitting, key=lambda alert: (alert["changed_ms"], alert["id"]), default=None)


def _fits(truth: Truth, alert: Alert, kinds: Sequence[str]) -> bool:
    if alert["kind"] not in kinds:
        return False
    if truth.devices:
        # One alert for several neighbours was found at each of them.
        if not set(truth.devices).intersection(alert.get("devices") or (alert["device"],)):
            return False
    elif alert["beat"] != truth.beat:
        return False
    return truth.start - EARLY_MS <= int(alert["changed_ms"]) <= truth.end + truth.tolerance_s * 1000


def latencies(published: Iterable[tuple[str, int, int, int]], heard: Iterable[tuple[Alert, int]]) -> list[float]:
    """Return how long alerts took from a device's publish to their arrival over MQTT, in milliseconds, in order.

    Parameters
    ----------
    published
        (device, ts, seq, wall clock in ns) of observations that raise an alert by themselves; seq is -1 for devices
        that cannot number.
    heard
        Alerts and the wall clock in ns at which they arrived. An alert counts where it is raised and names one of the
        observations as its cause, with time and number both: a rule that waits first (a door open for 120 s) names
        the onset's time and the number of a later observation, and so is left out. Each observation counts once.
    """
    first: dict[tuple[str, int, int], int] = {}
    for device, ts, seq, wall_ns in published:
        first.setdefault((device, ts, seq), wall_ns)
    took: list[float] = []
    for alert, arrived_ns in heard:
        if alert["state"] != "raised" or alert.get("cause_seq", -1) < 0:
            continue
        device, ts = alert["device"], alert["cause_ms"]
        sent_ns = first.pop((device, ts, alert["cause_seq"]), None) or first.pop((device, ts, -1), None)
        if sent_ns is not None and arrived_ns >= sent_ns:
            took.append((arrived_ns - sent_ns) / 1e6)
    return sorted(took)


def latency_summary(took: Sequence[float]) -> dict[str, Any]:
    """Return ``p50``, ``p99`` (nearest rank, ms) and ``n`` of sorted latencies; None without any."""
    return {"p50": _rank(took, 0.50), "p99": _rank(took, 0.99), "n": len(took)}


def _rank(took: Sequence[float], share: float) -> float | None:
    return round(took[max(math.ceil(share * len(took)) - 1, 0)], 1) if took else None
