"""The settings file of an edge agent (``edge.toml``): devices, sources, and what is bound to what.

Every key is documented in ``deploy/edge.example.toml``. This is read by the agent itself, so nothing here imports what
a source or a codec needs.
"""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec

from ingest.codecs.bindings import Binding, Bindings
from ingest.codecs.codec import Json
from ingest.codecs.vendors import NAMES
from ingest.edge.plain_lines import NATIVE
from ingest.login import BrokerAddress
from ingest.setup.settings import Identifier, Port, SettingsError, TimeZone, is_time_zone

FROM_AFAR: Final = ("broker", "sources", "bindings", "health_s")
"""What a station may set: nothing that says who the agent is, which keys it has, or where it writes."""
_BROKER_FROM_AFAR: Final = frozenset({"host", "port", "protocol", "tls"})
_AFAR: Final = "settings from the station"
_UNKNOWN: Final = re.compile(r"Object contains unknown field `([^`]{1,200})`(?: - at `\$\.?([^`]{0,200})`)?")


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file."""


class AgentPart(_Part, frozen=True):
    """The agent itself."""

    site: Identifier
    folder: Path
    """Where it keeps what waits for the broker, what codecs remember, and settings from afar."""
    device: str = ""
    """The device that speaks for the agent (health) and hears its settings; empty: the first."""
    zone: TimeZone = "UTC"
    """Of times that name none."""
    seal_key: Path | None = None
    settings_key_file: Path | None = None
    health_s: Annotated[float, msgspec.Meta(ge=5, le=3600)] = 60.0
    max_mb: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 64
    max_days: Annotated[float, msgspec.Meta(gt=0, le=400)] = 14.0


class BrokerPart(BrokerAddress, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The station's broker. Who connects there is each device."""


class DevicePart(_Part, frozen=True):
    """One device: a connection of its own, with its own account."""

    device: Identifier
    beat: Identifier
    username: str = ""
    """Empty: the device id, where there is a password."""
    password_file: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    port: Port | None = None
    """Where that of `[broker]` is for others: those with certificates, or with passwords."""


class MqttPart(_Part, frozen=True, tag_field="kind", tag="mqtt"):
    """A broker beside the agent, to which devices or their bridges publish."""

    codecs: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    topics: tuple[str, ...] = ()
    """MQTT filters; empty: those of the codecs, and the topics that are bound."""
    host: str = "127.0.0.1"
    port: Port = 1883
    protocol: Literal["3.1.1", "5"] = "3.1.1"
    client_id: str = ""
    """Empty: made of the site and the agent's device."""
    username: str = ""
    password_file: Path | None = None
    tls: bool = False
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None


class HttpAccount(_Part, frozen=True):
    """Who may post: a camera, or a system that has many."""

    name: Identifier
    password_file: Path
    """With a token: its one line."""
    codecs: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    auth: Literal["digest", "token"] = "digest"
    number: Annotated[str, msgspec.Meta(max_length=40)] = ""
    """By which its dialect knows it, where that is not the name: of a system of GA/T 1400 the 20 digits."""
    devices: tuple[Identifier, ...] = ()
    """Those that it may speak for. None: the one that has its name, else all that are bound."""

    @property
    def known_as(self) -> str:
        """What its dialect knows it by."""
        return self.number or self.name


class HttpPart(_Part, frozen=True, tag_field="kind", tag="http"):
    """A port that cameras post to."""

    accounts: Annotated[tuple[HttpAccount, ...], msgspec.Meta(min_length=1)]
    host: str = "127.0.0.1"
    port: Port = 8480
    tls_cert: Path | None = None
    tls_key: Path | None = None
    plain: bool = False
    """Without TLS although the host is no loopback: for cameras that have none, in a network of their own."""

    def mistake(self) -> str:
        """Return what is wrong: a key, what it is and what was expected; empty where nothing is."""
        names = [name for one in self.accounts for name in {one.name, one.known_as}]
        if (self.tls_cert is None) != (self.tls_key is None):
            return "tls_key: expected together with tls_cert"
        if len(set(names)) < len(names):
            return f"accounts: {next(name for name in names if names.count(name) > 1)!r} twice, expected each once"
        if self.tls_cert is not None or self.host in {"127.0.0.1", "::1", "localhost"}:
            return ""
        if not self.plain:
            return f"host: {self.host!r} without TLS, expected tls_cert and tls_key, 127.0.0.1, or plain = true"
        if any(one.auth == "token" for one in self.accounts):
            return (
                "accounts: auth is 'token' with plain = true, expected digest: a token without TLS is read by anybody"
            )
        return ""


class StdinPart(_Part, frozen=True, tag_field="kind", tag="stdin"):
    """Standard input, line by line."""

    codec: str = NATIVE
    device: str = ""
    """With the native codec: whose observations the lines are."""


class DirPart(_Part, frozen=True, tag_field="kind", tag="dir"):
    """A folder in which files appear. Each is read once, whole, and then moved or deleted."""

    path: Path
    codec: str = NATIVE
    device: str = ""
    pattern: Annotated[str, msgspec.Meta(min_length=1, max_length=100)] = "*"
    done: Literal["move", "delete"] = "delete"
    """``move``: into the folder ``done`` within it."""
    quiet_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 2.0
    """A file that was changed within the last seconds may still be written."""


class SerialPart(_Part, frozen=True, tag_field="kind", tag="serial"):
    """Lines from a serial port. Needs the extra serial."""

    port: str
    baud: Annotated[int, msgspec.Meta(ge=50, le=4_000_000)] = 9600
    codec: str = NATIVE
    device: str = ""


class PinPart(_Part, frozen=True):
    """One input of the board."""

    pin: Annotated[int, msgspec.Meta(ge=0, le=200)]
    """Its number as the chip has it (BCM)."""
    device: str
    metric: Annotated[str, msgspec.Meta(max_length=48)] = ""
    """What the state is called: door, button ... Left out where passages are counted."""
    closed: Annotated[str, msgspec.Meta(max_length=48)] = "closed"
    """The word where the contact connects the pin (to ground with the pull-up, which is usual)."""
    open: Annotated[str, msgspec.Meta(max_length=48)] = "open"
    counts: Literal["", "in", "out"] = ""
    """Each closing is one passage that way."""
    of: Literal["person", "vehicle"] = "person"
    pull_up: bool = True
    bounce_s: Annotated[float, msgspec.Meta(ge=0, le=10)] = 0.05
    """A contact that closes bounces: what does not last so long is none."""


class GpioPart(_Part, frozen=True, tag_field="kind", tag="gpio"):
    """Contacts and pulses at the pins of a Pi. Needs the extra gpio."""

    pins: Annotated[tuple[PinPart, ...], msgspec.Meta(min_length=1)]


SourcePart: TypeAlias = MqttPart | HttpPart | StdinPart | DirPart | SerialPart | GpioPart


class EdgeFile(_Part, frozen=True):
    """All of an agent's settings."""

    agent: AgentPart
    devices: Annotated[tuple[DevicePart, ...], msgspec.Meta(min_length=1, max_length=200)]
    broker: BrokerPart = BrokerPart()
    sources: tuple[SourcePart, ...] = ()
    bindings: tuple[Binding, ...] = ()

    @property
    def speaker(self) -> DevicePart:
        """The device that speaks for the agent."""
        wanted = self.agent.device or self.devices[0].device
        return next(one for one in self.devices if one.device == wanted)

    def address(self, device: DevicePart) -> BrokerAddress:
        """Return the broker with a device's own account."""
        shared = {name: getattr(self.broker, name) for name in BrokerAddress.__struct_fields__}
        own: dict[str, object] = {"username": device.username, "password_file": device.password_file}
        own |= {"tls_cert": device.tls_cert, "tls_key": device.tls_key, "port": device.port}
        return BrokerAddress(**{**shared, **{name: value for name, value in own.items() if value}})


def load_edge_file(path: Path) -> EdgeFile:
    """Return the settings of a file; paths in it are relative to its folder.

    Raises `SettingsError` naming the file, the key, what was found and what was expected.
    """
    return settled(read_toml(path), str(path), path.parent)


def read_toml(path: Path) -> dict[str, Any]:
    """Return a file as it stands. Raises `SettingsError` for one that cannot be read or is not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not TOML: {error}") from error


def merged(own: Mapping[str, Any], afar: Mapping[str, Any]) -> dict[str, Any]:
    """Return an agent's own settings with those of the station over them.

    Raises as `check_remote`, and for a path that stands in none of the agent's own sources: nobody far away has a
    folder emptied, or a file read.
    """
    check_remote(afar)
    known = set(_paths(own.get("sources", [])).values())
    for key, path in _paths(afar.get("sources", [])).items():
        if path not in known:
            raise SettingsError(f"{_AFAR}: {key} is {path!r}, expected a path of a source in the agent's own file")
    found = {**own, **{key: afar[key] for key in ("sources", "bindings") if key in afar}}
    if "broker" in afar:
        found["broker"] = {**own.get("broker", {}), **afar["broker"]}
    if "health_s" in afar:
        found["agent"] = {**own.get("agent", {}), "health_s": afar["health_s"]}
    return found


def _paths(sources: Json, name: str = "sources") -> dict[str, Json]:
    """Return what stands where a source has a path: key → value."""
    found = {}
    for number, source in enumerate(sources):
        for key, value in source.items():
            if key == "path" or key.endswith("_file") or key.startswith("tls_"):
                found[f"{name}[{number}].{key}"] = value
            elif key == "accounts" and isinstance(value, list):
                found.update(_paths(value, f"{name}[{number}].{key}"))
    return found


def check_remote(afar: Mapping[str, Any]) -> None:
    """Check settings for an agent that is elsewhere, as far as one can without its own file. Raises `SettingsError`."""
    where = _AFAR
    for key in afar:
        if key not in FROM_AFAR:
            raise SettingsError(f"{where}: {key} cannot be set from afar; expected {', '.join(FROM_AFAR)}")
    broker = afar.get("broker", {})
    wrong = sorted(set(broker) - _BROKER_FROM_AFAR) if isinstance(broker, dict) else ["it"]
    if wrong:
        expected = f"expected a table with {', '.join(sorted(_BROKER_FROM_AFAR))}"
        raise SettingsError(f"{where}: broker: {wrong[0]} cannot be set from afar; {expected}")
    for name, kind in (("sources", tuple[SourcePart, ...]), ("bindings", tuple[Binding, ...]), ("broker", BrokerPart)):
        if name in afar:
            _converted(afar[name], kind, where, Path(), name)
    _converted(afar.get("health_s", 60.0), Annotated[float, msgspec.Meta(ge=5, le=3600)], where, Path(), "health_s")


def settled(document: Mapping[str, Any], where: str, base: Path) -> EdgeFile:
    """Return checked settings; `where` is named in errors, `base` is what paths are relative to.

    Raises `SettingsError` as `load_edge_file`.
    """
    found: EdgeFile = _converted(document, EdgeFile, where, base)
    mistake = found.broker.mistake()
    if mistake or found.broker.password:
        mistake = mistake or "password is a secret and must not stand in this file; name a file with password_file"
        raise SettingsError(f"{where}: broker.{mistake}")
    zone = found.agent.zone
    _refuse(where, "agent.zone", zone, "an IANA time zone such as Asia/Shanghai", unless=is_time_zone(zone))
    ids = [one.device for one in found.devices]
    twice = next((name for name in ids if ids.count(name) > 1), "")
    _refuse(where, "devices", twice, "each device once", unless=not twice)
    speaker = found.agent.device
    _refuse(where, "agent.device", speaker, f"one of {', '.join(ids)}", unless=not speaker or speaker in ids)
    for number, one in enumerate(found.bindings):
        _refuse(where, f"bindings[{number}].device", one.device, f"one of {', '.join(ids)}", unless=one.device in ids)
    try:
        Bindings(found.bindings, codecs=NAMES)
    except ValueError as error:
        raise SettingsError(f"{where}: {error}") from error
    _check_sources(found, where, ids)
    return found


def _check_sources(found: EdgeFile, where: str, ids: list[str]) -> None:
    kinds = [type(one) for one in found.sources]
    _refuse(where, "sources", "stdin twice", "one source of kind stdin", unless=kinds.count(StdinPart) <= 1)
    for number, one in enumerate(found.sources):
        name = f"sources[{number}]"
        for codec in codecs_of(one):
            _refuse(where, f"{name}.codec", codec, f"one of {', '.join(NAMES)}", unless=codec in NAMES)
        if isinstance(one, StdinPart | DirPart | SerialPart) and one.codec == NATIVE:
            _refuse(where, f"{name}.device", one.device, f"one of {', '.join(ids)}", unless=one.device in ids)
        if isinstance(one, GpioPart):
            for place, pin in enumerate(one.pins):
                at = f"{name}.pins[{place}]"
                _refuse(where, f"{at}.device", pin.device, f"one of {', '.join(ids)}", unless=pin.device in ids)
                _refuse(
                    where, f"{at}.metric", pin.metric, "metric or counts", unless=bool(pin.metric) != bool(pin.counts)
                )
        if isinstance(one, HttpPart):
            if one.mistake():
                raise SettingsError(f"{where}: {name}: {one.mistake()}")
            for device in (device for account in one.accounts for device in account.devices):
                _refuse(where, f"{name}.accounts.devices", device, f"one of {', '.join(ids)}", unless=device in ids)
        if isinstance(one, MqttPart):
            several = bool(one.topics) and len(one.codecs) > 1
            _refuse(where, f"{name}.topics", one.topics, "one codec where topics are named", unless=not several)
            mistake = mqtt_address(one).mistake()
            if mistake:
                raise SettingsError(f"{where}: {name}.{mistake}")


def codecs_of(part: SourcePart) -> tuple[str, ...]:
    """Return the names of the codecs that a source needs."""
    if isinstance(part, MqttPart):
        return part.codecs
    if isinstance(part, HttpPart):
        return tuple(dict.fromkeys(name for account in part.accounts for name in account.codecs))
    if isinstance(part, GpioPart) or part.codec == NATIVE:
        return ()
    return (part.codec,)


def mqtt_address(part: MqttPart) -> BrokerAddress:
    """Return the broker of a source."""
    return BrokerAddress(**{name: getattr(part, name) for name in part.__struct_fields__ if name in _ADDRESS_FIELDS})


_ADDRESS_FIELDS: Final = frozenset(BrokerAddress.__struct_fields__)


def _refuse(where: str, key: str, found: object, expected: str, *, unless: object) -> None:
    if not unless:
        name = f"{where}: {key}"
        raise SettingsError(f"{name} is {found!r}, expected {expected}")


def _converted(document: object, kind: Json, where: str, base: Path, top: str = "") -> Json:
    def path_of(wanted: type, raw: object) -> object:
        if wanted is not Path or not isinstance(raw, str) or not raw or not raw.isprintable():
            raise ValueError(f"{raw!r}, expected a path in quotes")
        return base / Path(raw)

    try:
        return msgspec.convert(document, kind, dec_hook=path_of)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{where}: {_explained(str(error), top)}") from error


def _explained(text: str, top: str) -> str:
    """Return what msgspec says in the words of the file."""
    unknown = _UNKNOWN.match(text)
    if unknown:
        table = _joined(top, unknown[2] or "")
        near = difflib.get_close_matches(unknown[1], _all_keys(), n=1, cutoff=0.7)
        hint = f"did you mean {near[0]}?" if near else "docs/edge.md has all keys"
        return f"there is no key {_joined(table, unknown[1])}; {hint}"
    what, _, at = text.rpartition(" - at `$")
    if not what:
        return text if not top else f"{top}: {text}"
    key = _joined(top, at.rstrip("`").lstrip("."))
    if what.startswith("Invalid value") and key.endswith("kind"):
        return f"{key}: {what}, expected dir, gpio, http, mqtt, serial or stdin"
    return f"{key}: {what}"


def _joined(table: str, key: str) -> str:
    return f"{table}.{key}".strip(".").replace(".[", "[")


def _all_keys() -> Iterable[str]:
    parts = (EdgeFile, AgentPart, BrokerPart, DevicePart, HttpAccount, PinPart, Binding)
    sources = (MqttPart, HttpPart, StdinPart, DirPart, SerialPart, GpioPart)
    return dict.fromkeys(name for part in (*parts, *sources) for name in (*part.__struct_fields__, "kind"))
