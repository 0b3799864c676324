"""What a run of the simulator really did: the truth that the other end is measured against."""

import time
from pathlib import Path
from typing import Any, Final

import msgspec

from ingest.files import replace_file
from ingest.vocabulary import KIND_NAMES, Kind
from simulators.devices.messages import SimulatedMessage
from simulators.world.neighbourhood import Neighbourhood
from simulators.world.scenarios import Truth

_KINDS: Final = {name: Kind(number) for number, name in KIND_NAMES.items()}


class SeriesTotal(msgspec.Struct):
    """Sums over one series of a device, as `stream.results.WindowRows` sums them."""

    n: int = 0
    a: float = 0.0
    """Counts and gates: in. Levels: sum of values. States: 0."""
    b: float = 0.0
    """Counts and gates: out."""


class DeviceTotal(msgspec.Struct):
    """Unique observations of one device whose PUBACK came."""

    n: int = 0
    in_: int = msgspec.field(name="in", default=0)
    """People, vehicles and gate passes in."""
    out: int = 0
    series: dict[str, SeriesTotal] = msgspec.field(default_factory=dict)
    """``"{kind}/{metric}"`` (`ingest.log.batch.Kind` as a number) → sums, e.g. ``"0/person"``, ``"1/gate"``."""


class Report(msgspec.Struct, kw_only=True):
    """Counts of observations unless said otherwise."""

    site: str
    seed: int
    boot: str
    origin_ms: int
    speed: float | None
    """None for as fast as possible."""
    published: int = 0
    """Unique observations, with those that are lost on purpose; spoilt ones not."""
    history: int = 0
    """Those of `published` that lie before the start."""
    lost: int = 0
    """Lost on purpose: never sent."""
    sent: int = 0
    """Given to a connection: `published` less `lost`."""
    acknowledged: int = 0
    """Unique ones whose PUBACK came: the sum of `devices`."""
    unacknowledged: int = 0
    """Still without PUBACK at the end."""
    duplicates: int = 0
    """Sent again on purpose, exactly as before."""
    resent: int = 0
    """Sent again after a reconnect."""
    late: int = 0
    """Sent after a delay."""
    spoilt: dict[str, int] = msgspec.field(default_factory=dict)
    """Spoilt messages by kind: each must be in quarantine."""
    incidents: int = 0
    messages: int = 0
    """MQTT messages given to a connection, everything included."""
    reconnects: int = 0
    started_wall_ns: int = 0
    ended_wall_ns: int = 0
    ended_event_ms: int = 0
    """Event time reached."""
    truths: list[Truth] = msgspec.field(default_factory=list)
    devices: dict[str, DeviceTotal] = msgspec.field(default_factory=dict)
    hazards: list[tuple[str, int, int, int]] = msgspec.field(default_factory=list)
    """(device, ts, seq, wall clock in ns at which it was first sent) of what shows a scenario by itself."""

    def write(self, path: Path) -> None:
        """Write as JSON, whole or not at all."""
        replace_file(path, msgspec.json.format(msgspec.json.encode(self), indent=1), durable=False)


def read_report(path: Path) -> Report:
    """Read what `Report.write` wrote. Raises OSError and `msgspec.ValidationError`."""
    return msgspec.json.decode(path.read_bytes(), type=Report)


class Ledger:
    """Keeps a `Report` while messages go out and acknowledgements come in."""

    def __init__(self, report: Report, site: Neighbourhood) -> None:
        self.report = report
        self._ids = [spec.device.id for spec in site.specs]
        self.report.started_wall_ns = time.time_ns()

    def handed(self, message: SimulatedMessage) -> None:
        """Note a message that is about to go out for the first time, or that was lost."""
        report, n = self.report, len(message.observations)
        report.ended_event_ms = max(report.ended_event_ms, message.at)
        if message.course == "lost":
            report.published += n
            report.lost += n
            return
        report.messages += 1
        if message.course == "sent":
            report.published += n
            report.sent += n
            report.unacknowledged += n
            report.late += n if message.late else 0
            if message.causes:
                now, device = time.time_ns(), self._ids[message.device]
                report.hazards += [(device, ts, seq, now) for ts, seq in message.causes]
        elif message.course == "repeated":
            report.duplicates += n
        elif message.course == "spoilt":
            report.spoilt[message.spoilt] = report.spoilt.get(message.spoilt, 0) + 1
        else:
            report.incidents += 1

    def acknowledged(self, message: SimulatedMessage) -> None:
        """Note the first PUBACK of a message."""
        if message.course != "sent":
            return
        report, n = self.report, len(message.observations)
        report.acknowledged += n
        report.unacknowledged -= n
        device = self._ids[message.device]
        total = report.devices.get(device)
        if total is None:
            total = report.devices[device] = DeviceTotal()
        total.n += n
        for body in message.observations:
            _add(total, body)

    def finish(self, truths: list[Truth]) -> Report:
        """Close the books: only scenarios that have begun count."""
        self.report.truths = [truth for truth in truths if truth.start < self.report.ended_event_ms]
        self.report.ended_wall_ns = time.time_ns()
        return self.report


def _add(total: DeviceTotal, body: dict[str, Any]) -> None:
    kind = body["type"]
    came = went = 0.0
    if kind == "count":
        metric = body["of"]
        came, went = body["in"], body["out"]
    elif kind == "gate":
        metric = "gate"
        came, went = body["direction"] == "in", body["direction"] == "out"
    else:
        metric = body["metric"]
        came = body["value"] if kind == "level" else 0.0
    if kind in {"count", "gate"}:
        total.in_ += int(came)
        total.out += int(went)
    key = f"{_KINDS[kind]:d}/{metric}"
    series = total.series.get(key)
    if series is None:
        series = total.series[key] = SeriesTotal()
    series.n += 1
    series.a += came
    series.b += went
