"""All of an edge agent: it makes devices and sources from the settings, watches them, and says how it is."""

import logging
import math
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from errno import ENOTDIR
from pathlib import Path
from typing import Any, Final, Protocol

from ingest import topics
from ingest.clock import wall_ms
from ingest.codecs.vendors import codec_class
from ingest.edge import edge_file
from ingest.edge.agent import EdgeAgent, EdgeSettings
from ingest.edge.edge_file import EdgeFile
from ingest.edge.plate_guard import PlateGuard
from ingest.edge.service.afar import SettingsFromAfar
from ingest.edge.service.computer import Computer, certificate_days
from ingest.edge.service.desk import Desk
from ingest.edge.signed_settings import SettingsRefusedError, SignedSettings, read_key
from ingest.edge.sources.broker_beside import routes
from ingest.edge.sources.source import EdgeSource
from ingest.edge.spool import Spool
from ingest.events import Status
from ingest.health import MOST_STRANGERS, AgentHealth, AgentReport, encode_health
from ingest.mqtt.client import Inbound
from ingest.setup.crash_marker import CrashMarker
from ingest.setup.extras import MissingExtraError, load, version
from ingest.setup.settings import SettingsError

logger = logging.getLogger(__name__)
_TURN_S: Final = 1.0
_TRIAL_S: Final = 60.0
"""So long settings from afar may take to bring back every connection that there was before."""
_LAST_S: Final = 3.0
"""How long a broker that is there is waited for at the end."""
_GAP_S: Final = 5.5
"""Between two words of the agent's about itself: the station takes one in five seconds."""
_PING_SHARE: Final = 3
_ILL_S: Final = 60.0
"""What is wrong is said so often at least: the station takes it for over after two and a half minutes."""
_AWAY_S: Final = 30.0
"""A source that takes nothing for so long is told: a broker beside the agent may be started again."""
_STUCK_S: Final = 0.2
_STATUS: Final = {"online": b'{"state":"online"}', "offline": b'{"state":"offline"}'}


class Ending(Protocol):
    """Whether somebody asked to stop."""

    @property
    def asked(self) -> bool:
        """Whether it is time."""

    def wait(self, timeout_s: float) -> bool:
        """Wait so long, or until it is time; tell which."""


class EdgeService:
    """One agent, from `open` to `close`.

    Parameters
    ----------
    path
        Its settings file.
    trial_s
        How long settings from afar may take to prove themselves.
    gap_s
        How long after its last word the agent says again how it is, where something has changed.

    Raises `SettingsError` for the settings, `ingest.edge.spool_file.SpoolError` where the folder cannot be used, and
    what `ingest.edge.plate_guard.PlateGuard`, `EdgeSource` and `EdgeAgent` raise.
    """

    def __init__(self, path: Path, *, trial_s: float = _TRIAL_S, gap_s: float = _GAP_S) -> None:
        self._path, self._trial_s, self._gap_s = path, trial_s, gap_s
        self._own = edge_file.read_toml(path)
        file = edge_file.settled(self._own, str(path), path.parent)
        agent, speaker = file.agent, file.speaker
        agent.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            key = read_key(agent.settings_key_file) if agent.settings_key_file else None
        except (SettingsRefusedError, OSError) as error:
            raise SettingsError(f"{path}: agent.settings_key_file: {error}") from error
        self._topic = topics.settings(agent.site, speaker.beat, speaker.device)
        self._afar = SettingsFromAfar(agent.folder / "settings.json", key, self._topic)
        self._computer, self._marker = Computer(agent.folder), CrashMarker(agent.folder / "in-hand")
        self._plates, self._started_ms = PlateGuard(agent.seal_key), wall_ms()
        self._refused, self._told = Counter[str](), Counter[str]()
        """Of desks that are closed."""
        self._dropped_at: float | None = None
        self._heard: bytes | None = None
        self._trial: tuple[SignedSettings, frozenset[str], float] | None = None
        """What is tried, which devices must be connected, and until when (monotonic)."""
        self._connected: frozenset[str] = frozenset()
        self._down: dict[str, float] = {}
        """Source → since when it has taken nothing (monotonic)."""
        self._away: frozenset[str] = frozenset()
        """Those for whom that is long."""
        self._health_due, self._said_at = math.inf, -math.inf
        self._spool = Spool(
            agent.folder / "spool", max_bytes=round(agent.max_mb * 1e6), max_age_s=agent.max_days * 86_400,
            protect=self._plates.protect,
        )  # fmt: skip
        self._dropped = self._spool.stats().dropped  # by the process before, which has told it
        try:
            self._house = self._first_house(file)
        except BaseException:
            self._spool.close()
            raise

    # -- running -------------------------------------------------------------------------------------------------------

    def run(self, stop: Ending, told: Callable[[str], None] = lambda _word: None, ping_s: float = 0.0) -> bool:
        """Work until asked to stop, or until all sources are at their end; return whether the broker has everything.

        Parameters
        ----------
        told
            Called with words for the service manager: ``READY=1``, ``WATCHDOG=1`` ...
        ping_s
            How often it wants to hear that all is well, seconds; 0 for never.
        """
        told("READY=1")
        while not stop.wait(min(_TURN_S, ping_s / _PING_SHARE or _TURN_S)):
            now = time.monotonic()
            self.turn(now)
            if ping_s and self._house.desk.is_free(_STUCK_S):
                told("WATCHDOG=1")
            if self._house.ended:
                break
        told("STOPPING=1")
        return self._flush(stop)

    def turn(self, now: float) -> None:
        """Do what is due."""
        house = self._house
        self._computer.look()
        connected = frozenset(name for name, agent in house.agents.items() if agent.connected)
        if connected - self._connected or house.desk.has_met() or self._look_at_sources(now):
            self._health_due = now
        self._connected = connected
        if self._trial is not None:
            self._look_at_trial(now)
        elif self._heard is not None:
            payload, self._heard = self._heard, None
            found = self._afar.read(payload)
            self._health_due = now
            if found is not None:
                self._try(found, now)
        if now >= self._health_due and now >= self._said_at + self._gap_s:
            self._said_at, self._health_due = now, now + house.file.agent.health_s
            if self._say_health().troubles():
                self._health_due = min(self._health_due, now + _ILL_S)

    def _look_at_sources(self, now: float) -> bool:
        """Tell whether other sources than before are away for long."""
        down = [one.name for one in self._house.sources if not (one.up or one.ended)]
        self._down = {name: self._down.get(name, now) for name in down}
        before, self._away = self._away, frozenset(name for name in down if now - self._down[name] >= _AWAY_S)
        return before != self._away

    def close(self) -> None:
        """Stop; what is not acknowledged goes out at the next start."""
        if self._trial is not None:
            self._afar.postpone()
        self._house.close()
        self._spool.close()

    @property
    def file(self) -> EdgeFile:
        """The settings in force."""
        return self._house.file

    def health(self) -> AgentHealth:
        """Return how the agent is."""
        house, computer, now = self._house, self._computer, time.monotonic()
        spool, disk = self._spool.stats(), computer.disk()
        if spool.dropped > self._dropped:
            self._dropped, self._dropped_at = spool.dropped, now
        told = self._told + house.desk.told + Counter(unsealed=self._plates.removed)
        certificates = [one.tls_cert for one in house.file.devices]
        return AgentHealth(
            ts=wall_ms(), started_ms=self._started_ms, version=version(), devices=tuple(house.agents),
            queue=spool.waiting, queue_mb=round(spool.size / 1e6, 3),
            oldest_s=spool.oldest_s,
            dropped=dict(spool.drops),
            dropped_s=None if self._dropped_at is None else round(now - self._dropped_at, 1),
            refused=dict(self._refused + house.desk.refused), told=dict(told),
            disk_free_mb=disk and round(disk.free_mb, 1), disk_free=disk and round(disk.free, 4),
            written_mb=computer.written_mb(), memory_mb=computer.memory_mb(), temperature_c=computer.temperature_c(),
            undervoltage=computer.undervoltage(), clock_synced=computer.clock_synced(),
            settings=self._afar.version, settings_refused=self._afar.refused, settings_problem=self._afar.problem,
            sources=dict([(one.name, one.trouble[:200]) for one in house.sources if one.name in self._away][:16]),
            certificate_days=certificate_days([*certificates, house.file.broker.tls_cert], time.time()),
            strangers=tuple(house.desk.strangers(MOST_STRANGERS)),
        )  # fmt: skip

    def _say_health(self) -> AgentReport:
        health = self.health()
        speaker = self._house.file.speaker
        topic = topics.health(self._house.file.agent.site, speaker.beat, speaker.device)
        try:
            self._house.agents[speaker.device].say(topic, encode_health(health))
        except Exception:  # nothing that only says something may end an agent
            logger.exception("the agent's health cannot be said")
        return AgentReport(beat=speaker.beat, device=speaker.device, ts=health.ts, health=health)

    def _flush(self, stop: Ending) -> bool:
        """Wait for the broker: shortly, where somebody asked to stop, and only where it is there."""
        until = time.monotonic() + (_LAST_S if stop.asked else 10 * _LAST_S)
        for agent in self._house.agents.values():
            while not agent.flush(0.2):
                if time.monotonic() > until or not (agent.connected or not stop.asked):
                    return False
        return True

    # -- settings from afar --------------------------------------------------------------------------------------------

    def _hear(self, message: Inbound) -> None:
        """Take note of settings (a session's thread)."""
        if message.topic == self._topic.encode():
            self._heard = message.payload

    def _first_house(self, file: EdgeFile) -> "_House":
        """Open the house with the settings in force; where those of the station are no good, with the agent's own."""
        if self._afar.version:
            try:
                return self._house_of(self._with(self._afar.settings))
            except (ValueError, OSError, MissingExtraError) as error:
                self._afar.take_back(self._afar.version, str(error))
        return self._house_of(file)

    def _house_of(self, file: EdgeFile) -> "_House":
        return _House(file, self._spool, self._hear, self._marker)

    def _with(self, settings: Mapping[str, Any]) -> EdgeFile:
        document = edge_file.merged(self._own, settings)
        return edge_file.settled(document, "settings from the station", self._path.parent)

    def _try(self, found: SignedSettings, now: float) -> None:
        self._afar.begin(found.version)
        before = self._house.file
        try:
            after = self._with(found.settings)
        except SettingsError as error:
            self._afar.take_back(found.version, str(error))
            return
        must = self._connected | {before.speaker.device}  # which has brought them
        self._leave()
        try:
            self._house = self._house_of(after)
        except (ValueError, OSError, RuntimeError, LookupError, TypeError) as error:  # it goes on as before
            self._house = self._house_of(before)
            self._afar.take_back(found.version, str(error))
            return
        self._trial = found, must, now + self._trial_s

    def _look_at_trial(self, now: float) -> None:
        if self._trial is None:
            return
        found, must, until = self._trial
        if must <= self._connected:
            self._trial, self._health_due = None, now
            self._afar.take(found)
        elif now > until:
            self._trial, self._health_due = None, now
            missing = min(must - self._connected)
            trouble = self._house.agents[missing].trouble or "no answer"
            self._leave()
            self._house = self._first_house(edge_file.settled(self._own, str(self._path), self._path.parent))
            self._afar.take_back(found.version, f"{missing} could not connect with them: {trouble}")

    def _leave(self) -> None:
        self._refused += self._house.desk.refused
        self._told += self._house.desk.told
        self._house.close()
        self._connected = frozenset()


class _House:
    """What one version of the settings makes: devices, codecs and sources, running."""

    def __init__(self, file: EdgeFile, spool: Spool, hear: Callable[[Inbound], None], marker: CrashMarker) -> None:
        self.file, self.agents = file, dict[str, EdgeAgent]()
        self._open = ExitStack()
        try:
            for one in file.devices:
                speaks = one is file.speaker
                agent = EdgeAgent(
                    EdgeSettings(
                        site=file.agent.site, beat=one.beat, device=one.device, broker=file.address(one),
                        spool=spool.path,
                    ),
                    spool,
                    hears=hear if speaks else None,
                )  # fmt: skip
                self.agents[one.device] = agent
            self.desk = Desk(file, spool, self._say_status, marker)
            self.sources: list[EdgeSource] = []
            for place in range(len(file.sources)):
                self.sources.append(self._source(place))
                self._open.callback(self.sources[-1].close)  # also one that never started: it may hold a port
            for source in self.sources:
                source.start()
        except BaseException:
            self.close()
            raise

    @property
    def ended(self) -> bool:
        """Whether nothing will come any more."""
        return bool(self.sources) and all(source.ended for source in self.sources)

    def close(self) -> None:
        """Close sources first, then devices, all at once: one whose broker does not answer takes a second."""
        self._open.close()
        closing = [threading.Thread(target=agent.close, daemon=True) for agent in self.agents.values()]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join()

    def _source(self, place: int) -> EdgeSource:
        """Make a source; its module is imported now."""
        part = self.file.sources[place]
        kind = str(part.__struct_config__.tag)
        name = f"{kind}-{place + 1}"
        made = _source_class(part)
        if isinstance(part, edge_file.MqttPart):
            client_id = f"patrolgrid-edge-{self.file.agent.site}-{self.file.speaker.device}-{place + 1}"
            return made(part, name, self.desk, self.file.bindings, client_id)
        return made(part, name, self.desk)

    def _say_status(self, device: str, status: Status) -> None:
        """Say of a device that its own vendor's bridge has lost it, or has it again."""
        where = next((one for one in self.file.devices if one.device == device), None)
        if where is not None:
            topic = topics.status(self.file.agent.site, where.beat, device)
            self.agents[device].say(topic, _STATUS[status], retain=True)


def examine(path: Path) -> EdgeFile:
    """Return the settings of a file, once everything that it needs is there. Connects to nothing, takes no port.

    Raises `SettingsError`, and what the start would raise: ValueError, OSError, MissingExtraError.
    """
    file = edge_file.load_edge_file(path)
    PlateGuard(file.agent.seal_key)
    if file.agent.settings_key_file:
        read_key(file.agent.settings_key_file)
    for address in (*map(file.address, file.devices), *map(edge_file.mqtt_address, _mqtt(file))):
        address.secret()
        address.tls_context()
    for part in file.sources:
        _source_class(part)
        for codec in edge_file.codecs_of(part):
            codec_class(codec)
        if isinstance(part, edge_file.DirPart) and not part.path.is_dir():
            raise NotADirectoryError(ENOTDIR, os.strerror(ENOTDIR), str(part.path))
        if isinstance(part, edge_file.HttpPart):
            for needed in (*(one.password_file for one in part.accounts), part.tls_cert, part.tls_key):
                if needed is not None:
                    needed.read_bytes()
    for one in _mqtt(file):
        routes(one, file.bindings)
    return file


def _mqtt(file: EdgeFile) -> list[edge_file.MqttPart]:
    return [part for part in file.sources if isinstance(part, edge_file.MqttPart)]


def _source_class(part: edge_file.SourcePart) -> Callable[..., EdgeSource]:
    """Import what takes from a source. Raises `MissingExtraError`."""
    module, cls = _SOURCES[str(part.__struct_config__.tag)]
    found: Callable[..., EdgeSource] = getattr(load(f"ingest.edge.sources.{module}"), cls)
    return found


_SOURCES: Final = {
    "mqtt": ("broker_beside", "MqttSource"),
    "http": ("http_port", "HttpSource"),
    "stdin": ("standard_input", "StdinSource"),
    "dir": ("folder", "FolderSource"),
    "serial": ("serial_port", "SerialSource"),
    "gpio": ("gpio", "GpioSource"),
}
"""Kind of a source → its module and class."""
