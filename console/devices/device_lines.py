"""How one device connects: its topics and account, and lines to copy that publish and read as it; never a secret."""

import json
import shlex
from typing import Any, Final, Literal

import msgspec

from console.devices.registry import Registry, Row
from console.people.pki import read_certificate
from ingest import topics
from ingest.login import BrokerAddress, is_loopback
from ingest.places import Device, DeviceType

_TS: Final = "@ts@"
_NOW: Final = "$(date +%s000)"
_LEVELS: Final[dict[DeviceType, tuple[tuple[str, float, str], ...]]] = {
    "noise": (("noise", 63.2, "dB(A)"),),
    "smoke": (("smoke", 0.1, "%/m"), ("temperature", 21.5, "℃")),
    "heat": (("temperature", 21.5, "℃"),),
    "water": (("water", 0.04, "m"),),
    "environment": (("temperature", 21.5, "℃"), ("humidity", 48.0, "%")),
}
_CA: Final = "ca.crt"


class DeviceDoor(msgspec.Struct, frozen=True, kw_only=True):
    """Where a device reaches the broker."""

    host: str
    port: int
    tls: bool
    certificates: bool
    """Whether it asks for certificates; else for passwords."""


class CommandLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line for a shell. ``$PASSWORD`` and ``$TOKEN`` stand for secrets."""

    what: str
    """``publish``, ``open`` (where nobody asks for an account), ``here`` (on the station itself), ``certificate``,
    ``status``, ``post``, ``listen`` or ``read``."""
    text: str


class Connecting(msgspec.Struct, frozen=True, kw_only=True):
    """How a device connects."""

    id: str
    topic: str
    accounts: Literal["here", "elsewhere", "none"]
    """Whether accounts are at a broker that `patrolgrid init` has set up, at another one, or nobody asks for any."""
    row: Row
    doors: list[DeviceDoor]
    fingerprint: str
    """SHA-256 of the station's authority; empty where nothing is encrypted."""
    password_file: str
    """At the station; empty where there is none."""
    bindings: list[dict[str, Any]]
    message: str
    """What it may say, as JSON."""
    lines: list[CommandLine]


def example(device: Device, ts: object) -> dict[str, Any] | list[dict[str, Any]]:
    """Return an observation such as a device of this type has."""
    match device.type:
        case "camera":
            return {"type": "count", "ts": ts, "interval_s": 60, "in": 12, "out": 9}
        case "gate":
            return {"type": "gate", "ts": ts, "direction": "in", "plate": "京A12345", "vehicle": "car"}
        case "door":
            return {"type": "state", "ts": ts, "metric": "door", "value": "open"}
        case "manhole":
            return {"type": "state", "ts": ts, "metric": "cover", "value": "closed"}
    said = [
        {"type": "level", "ts": ts, "metric": metric, "value": value, "unit": unit}
        for metric, value, unit in _LEVELS[device.type]
    ]
    return said[0] if len(said) == 1 else said


def connecting(
    registry: Registry,
    device: str,
    broker: BrokerAddress,
    base_url: str,
    *,
    signed_in: bool,
    now_ms: int,
    simulated: bool,
) -> Connecting:
    """Return how a device connects. Raises as `Registry` does.

    Parameters
    ----------
    broker
        Where the node has its broker.
    base_url
        Of the board, as whoever asks has called it.
    signed_in
        Whether the board asks who somebody is.
    now_ms, simulated
        The site's time, epoch ms, and whether it may be another than the machine's.
    """
    found, settings = registry.known(device), registry.settings
    doors, fingerprint, file = _at_station(registry, device) if registry.has_accounts else ([], "", "")
    if not doors:
        doors = [DeviceDoor(host=broker.host, port=broker.port, tls=broker.tls, certificates=False)]
    topic = registry.topic(device)
    said = json.dumps(example(found, _TS), ensure_ascii=False, separators=(",", ":"))
    message = said.replace(f'"{_TS}"', str(now_ms) if simulated else f"'{_NOW}'")
    status = '{"state":"online"}'
    accounts: Literal["here", "elsewhere", "none"] = "here" if registry.has_accounts else "elsewhere"
    if settings.broker.mode == "embedded":
        accounts = "none"
    lines = []
    for door in doors:
        pub = _mosquitto(door, device, with_account=accounts != "none")
        lines.append(_line("open" if accounts == "none" else _way(door, doors), f"{pub} -t {topic} -m '{message}'"))
    status_topic = topics.status(settings.site.id, found.beat, device)
    lines.append(
        _line(
            "status",
            f"{_mosquitto(doors[0], device, with_account=accounts != 'none')} -r -t {status_topic} -m '{status}'",
        )
    )
    lines += [_line("post", _post(one.match, device)) for one in found.bindings if one.match.startswith("/")]
    lines.append(_line("listen", shlex.join(["patrolgrid", "listen", device])))
    lines.append(_line("read", _curl(f"{base_url.rstrip('/')}/api/device/{device}?hours=1", signed_in=signed_in)))
    bindings = [msgspec.to_builtins(one) for one in found.bindings]
    for one in bindings:
        del one["device"]
    return Connecting(
        id=device, topic=topic, accounts=accounts,
        row=next(row for row in registry.rows() if row.id == device), doors=doors, fingerprint=fingerprint,
        password_file=file, bindings=bindings,
        message=json.dumps(example(found, now_ms), ensure_ascii=False), lines=lines,
    )  # fmt: skip


def _at_station(registry: Registry, device: str) -> tuple[list[DeviceDoor], str, str]:
    credentials = registry.credentials()
    doors = [
        DeviceDoor(host=one.host, port=one.port, tls=one.tls, certificates=one.certificates)
        for one in credentials.doors()
    ]
    authority = credentials.station.broker / _CA
    fingerprint = (
        read_certificate(authority).fingerprint if any(one.tls for one in doors) and authority.exists() else ""
    )
    file = credentials.password_file(device)
    return doors, fingerprint, str(file) if file.exists() else ""


def _way(door: DeviceDoor, doors: list[DeviceDoor]) -> str:
    if door.certificates:
        return "certificate"
    return "here" if is_loopback(door.host) and not door.tls and len(doors) > 1 else "publish"


def _mosquitto(door: DeviceDoor, device: str, *, with_account: bool) -> str:
    words = ["mosquitto_pub", "-h", shlex.quote(door.host), "-p", str(door.port)]
    if door.tls:
        words += ["--cafile", _CA]
    if door.certificates:
        words += ["--cert", f"{device}.crt", "--key", f"{device}.key"]
    elif with_account:
        words += ["-u", device, "-P", '"$PASSWORD"']
    return " ".join([*words, "-q 1"])


def _post(path: str, device: str) -> str:
    user, to = f'"{device}:$PASSWORD"', "http://AGENT:8480"
    return " ".join(["curl", "--digest", "--user", user, "--data-binary", "@message", to + shlex.quote(path)])


def _curl(url: str, *, signed_in: bool) -> str:
    words = ["curl", "-s"]
    if url.startswith("https:"):
        words += ["--cacert", _CA]
    if signed_in:
        words += ["-H", '"Authorization: Bearer $TOKEN"']
    return " ".join([*words, shlex.quote(url)])


def _line(what: str, text: str) -> CommandLine:
    return CommandLine(what=what, text=text)
