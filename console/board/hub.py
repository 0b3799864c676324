"""What the routes share: the store's one reader, and one watcher that wakes all pages when something changed."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import anyio
import msgspec
from starlette.requests import HTTPConnection

from console.board import overview
from console.board.board_config import BoardConfig
from console.board.connections import Connection
from console.board.freshness import DeliveryState, Freshness, FreshnessJudge, delivery
from console.board.who import Doors
from console.common import SUPERVISED
from console.deliver.outbox_file import STATUS
from console.deliver.receipts import Receipts
from console.long_work import LongWork
from console.people.people import People
from console.report.document import WeekReport
from console.report.week import Week
from deploy.node.lock import is_locked
from deploy.node.status_file import newest_status
from deploy.settings import Settings, load_settings
from deploy.wiring import open_book
from ingest.clock import wall_ms
from ingest.events import Command, PatrolDid
from ingest.files import read_json
from ingest.gateway.places_file import PlacesFile
from ingest.places import Places
from ingest.places.places_book import PlacesBook
from simulators.devices.ordered import Happening
from simulators.world.ordered_scenario import OrderedScenario
from stream.sinks.store.reader import StoreReader
from stream.sinks.store.tables import StoreMissingError

T = TypeVar("T")

_log = logging.getLogger(__name__)
_PLACES_S: Final = 2.0
HOUR_MS: Final = 3_600_000
POLL_S: Final = 0.5
"""How often the store is looked at; also the least time between two pushes."""


class Asker:
    """Puts questions to a reader from the event loop, on one thread, so that a slow disk never holds up the page.

    What takes long is asked `beside` that thread.
    """

    def __init__(self, reader: StoreReader) -> None:
        self._reader = reader
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    async def ask(self, question: Callable[[StoreReader], T]) -> T:
        """Return ``question(reader)``, computed on the reader's thread. Errors come back as they are."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, partial(question, self._reader))

    def beside(self, question: Callable[[StoreReader], T]) -> T:
        """Return ``question(reader)`` on the caller's own thread, for what takes long: nobody else waits for it.

        The reader must be one that threads may share.
        """
        return question(self._reader)

    def close(self) -> None:
        """Wait for the question under way and end the thread."""
        self._pool.shutdown(wait=True, cancel_futures=True)


class Hub:
    """Keeps the newest overview and tells event streams about changes.

    Each change gives a higher `generation`. A stream tells which one it has seen and is given only the devices that
    changed since, so that a push stays small on a site of thousands. Runs on one event loop.
    """

    def __init__(
        self,
        asker: Asker,
        *,
        quiet_s: float,
        wall: Callable[[], int] = wall_ms,
        newest: Callable[[dict[str, Any] | None], dict[str, Any]] = lambda stored: stored or {},
        receipts: Receipts | None = None,
        folder: Path | None = None,
    ) -> None:
        self._asker, self._wall, self._newest, self._receipts = asker, wall, newest, receipts
        self._folder, self._delivery = folder, DeliveryState()
        self._told: dict[str, list[dict[str, Any]]] = {}
        """Open alert → who has been told of it, and who has not."""
        self._told_of: object = None
        self._status: dict[str, Any] | None = None
        """What the node says outside the store, while that cannot be read or written."""
        self._judge = FreshnessJudge(quiet_s)
        self._changed = asyncio.Condition()
        self._overview: overview.Overview | None = None
        self._alerts = 0, b"[]", b"[]"
        """Since which generation the open alerts are as they are; they, and further ones, as JSON."""
        self._devices: dict[str, tuple[int, bytes]] = {}
        self._removed = 0
        self._error = ""
        self._clock_speed = 0.0
        self.places = ""
        """Which places the site's data are of: a page that began with others begins again."""
        self.freshness = Freshness("waiting")
        self.generation = 0
        self.stopping = False

    async def watch(self) -> None:
        """Look at the store until cancelled. No error of the store ends it: the page says what is wrong."""
        while True:
            await self.look()
            await asyncio.sleep(POLL_S)

    async def look(self) -> None:
        """Look once; wake the streams where something changed."""
        known = self._overview.version if self._overview else None
        before, self._delivery = self._delivery, await self._look_at_delivery()
        try:
            taken = await self._asker.ask(
                lambda reader: None if reader.version() == known and known is not None else overview.take(reader)
            )
        except StoreMissingError:
            await self._publish(None, Freshness("waiting"))
            return
        except Exception as error:  # noqa: BLE001 - a store that is locked, damaged or gone must not end the watch
            if str(error) != self._error:
                _log.error("the store cannot be read: %s", error)
            self._error = str(error) or type(error).__name__
            self._status = await asyncio.to_thread(self._newest, None) or None
            parts = tuple(sorted({"store", *map(str, (self._status or {}).get("failing") or ())}))
            told = await self._judged(self._status)
            silent = told.state in {"node_silent", "disconnected"}
            since_ms = self._overview.status.get("now_ms", 0) if self._overview and self._overview.status else 0
            await self._publish(None, told if silent else Freshness("store_error", int(since_ms), parts=parts))
            return
        self._error, current = "", taken or self._overview
        stored = current.status if current else None
        status = await asyncio.to_thread(self._newest, stored) if stored else None
        self._status = None if status is stored else status
        news = await self._look_told(current)
        news = news or before != self._delivery
        await self._publish(taken, await self._judged(status), anyway=news)

    async def _judged(self, status: dict[str, Any] | None) -> Freshness:
        """Return how fresh a status is, and whether anybody starts again a node that has stopped."""
        told = self._judge.judge(status, self._wall())
        if told.state != "node_silent" or self._folder is None:
            return told
        return msgspec.structs.replace(told, alone=not await asyncio.to_thread(is_locked, self._folder, SUPERVISED))

    async def _look_at_delivery(self) -> DeliveryState:
        found = await asyncio.to_thread(read_json, self._folder / STATUS) if self._folder else {}
        return delivery(found, self._wall())

    async def _look_told(self, look: overview.Overview | None) -> bool:
        """Look who has been told of the open alerts, and tell whether that has changed."""
        if self._receipts is None or look is None:
            return False
        alerts = [str(alert["id"]) for alert in look.alerts]
        told_of = await asyncio.to_thread(self._receipts.stamp), alerts
        if told_of == self._told_of:
            return False
        try:
            told = await asyncio.to_thread(self._receipts.told, alerts)
        except OSError:  # somebody writes it for long, or it is damaged: delivery itself says so
            return False
        self._told_of, before, self._told = told_of, self._told, told
        return told != before

    async def _publish(self, taken: overview.Overview | None, freshness: Freshness, *, anyway: bool = False) -> None:
        if taken is None and freshness == self.freshness and self.generation and not anyway:
            return
        self.generation += 1
        self.freshness = freshness
        if taken is not None:
            self._clock_speed = _clock_speed(self._overview, taken, self._clock_speed)
            self._overview = taken
            alerts = msgspec.json.encode(taken.alerts), msgspec.json.encode(taken.more_alerts)
            if alerts != self._alerts[1:]:
                self._alerts = self.generation, *alerts
            if self._devices.keys() - taken.devices.keys():
                self._devices, self._removed = {}, self.generation
            for device, entry in taken.devices.items():
                encoded = msgspec.json.encode(entry)
                before = self._devices.get(device)
                if before is None or before[1] != encoded:
                    self._devices[device] = (self.generation, encoded)
        async with self._changed:
            self._changed.notify_all()

    async def replace_places(self, version: str) -> None:
        """Tell all pages that beats or devices were edited."""
        self.places = version
        self.generation += 1
        async with self._changed:
            self._changed.notify_all()

    async def wait(self, generation: int, timeout_s: float) -> bool:
        """Wait for something newer than `generation`, the board's end or the time's; tell whether it was the first."""
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait_for(lambda: self.generation > generation or self.stopping)
        except TimeoutError:
            return False
        return self.generation > generation

    async def stop(self) -> None:
        """End all event streams, so that the server can close."""
        self.stopping = True
        async with self._changed:
            self._changed.notify_all()

    def site_ms(self) -> int:
        """Return the site's time now: the node's, carried on at its speed since it was written; else the wall clock."""
        status = self._overview.status if self._overview else None
        if not status:
            return self._wall()
        passed = max(0, self._wall() - int(status.get("wall_ms") or 0))
        return int(status.get("now_ms") or 0) + round(passed * self._clock_speed)

    def overview(self, since: int = 0, *, whole: bool = True) -> bytes:
        """Return the overview as JSON; what is not `whole` has hotspots alone, for whom alerts are not for.

        With a `since` above 0 only the devices that changed after that generation are in it, and ``partial`` is true;
        then ``alerts`` and ``more_alerts`` are left out where they are as they were. In a flood they are most of it.
        """
        look = self._overview
        partial = since > 0 and since >= self._removed
        devices = {
            device: msgspec.Raw(encoded)
            for device, (generation, encoded) in self._devices.items()
            if not partial or generation > since
        }
        document: dict[str, Any] = {
            "generation": self.generation,
            "partial": partial,
            "places": self.places,
            "server_ms": self._wall(),
            "site_ms": self.site_ms(),
            "clock_speed": self._clock_speed,
            "freshness": self.freshness,
            "status": overview.with_told(self._status or (look.status if look else None)) if whole else None,
            "open_alerts": look.open_alerts if look and whole else 0,
            "ended": look.ended if look and whole else [],
            "told": self._told if whole else {},
            "delivery": self._delivery_told() if whole else None,
            "hotspots": look.hotspots if look else None,
            "devices": devices if whole else {},
        }
        changed, alerts, more = self._alerts
        if not partial or changed > since:
            shown = (alerts, more) if whole else (b"[]", b"[]")
            document |= dict(zip(("alerts", "more_alerts"), map(msgspec.Raw, shown), strict=True))
        return msgspec.json.encode(document)

    def _delivery_told(self) -> dict[str, Any]:
        """Return how delivery is, with the site's time at which one that has stopped said something last."""
        known = self._delivery
        since_ms = self.site_ms() - round((self._wall() - known.at_ms) * self._clock_speed) if known.at_ms else 0
        return {"state": known.state, "since_ms": since_ms, "channels": known.channels}


def _clock_speed(before: overview.Overview | None, after: overview.Overview, known: float) -> float:
    """Return how fast the site's clock runs by itself: as the node says, 0 where it was seen to stand still.

    The clock of a node that replays data follows the data, and stands when there is none.
    """
    was, now = (before.status if before else None) or {}, after.status or {}
    if was.get("wall_ms") == now.get("wall_ms"):
        return known if was else float(now.get("speed") or 0.0)
    if was and was.get("now_ms") == now.get("now_ms"):
        return 0.0
    return float(now.get("speed") or 0.0)


class Simulator(Protocol):
    """What lets things happen at a site whose devices are simulated; see `simulators.devices.ordered`."""

    @property
    def happening(self) -> Happening | None:
        """What it has said last of itself."""

    def order(self, order: OrderedScenario, /) -> None:
        """Tell it what to let happen, and wait until the broker has it; raises as `MqttCommandPublisher.publish`."""


@dataclass(slots=True)
class Board:
    """What the routes share; in `Starlette.state` as ``board``."""

    config: BoardConfig
    file: PlacesFile
    publish: Callable[[Command], None]
    say: Callable[[str, PatrolDid], None]
    """Says what an officer has done."""
    asker: Asker
    simulator: Simulator | None = None
    hub: Hub = field(init=False)
    doors: Doors = field(init=False)
    work: LongWork = field(init=False)
    settings: Settings | None = field(init=False, default=None)
    """The site's settings, without secrets; None where the board was not told of a file with them."""
    streams: dict[object, Connection | None] = field(default_factory=dict)
    """Event streams open now, with their connections where the server tells them."""
    changing: anyio.CapacityLimiter = field(default_factory=partial(anyio.CapacityLimiter, 1))
    """Changes of devices and their accounts come one after the other."""
    reading: anyio.CapacityLimiter = field(default_factory=partial(anyio.CapacityLimiter, 1))
    """So do looks into the node's saved state, which is large."""
    reporting: anyio.CapacityLimiter = field(default_factory=partial(anyio.CapacityLimiter, 1))
    """And reports of a week."""
    reports: dict[Week, tuple[WeekReport, float]] = field(default_factory=dict)
    """Those that were asked for last, and when each was made (steady seconds)."""
    rhythms: dict[str, tuple[str, Any]] = field(default_factory=dict)
    """Device → the saved state that was looked into, and what was found (`routes.device_routes`)."""
    taken: dict[str, None] = field(default_factory=dict)
    """Presses of buttons that the broker has, the newest of them, see `console.board.who.noted_order`."""

    def __post_init__(self) -> None:
        folder = Path(self.config.store_path).parent
        self.hub = Hub(
            self.asker,
            quiet_s=self.config.quiet_s,
            newest=partial(newest_status, folder),
            receipts=Receipts(folder),
            folder=folder,
        )
        self.hub.places = self.file.version
        self.doors = Doors(People(folder))
        self.work = LongWork(folder)
        if self.config.settings_file:
            self.settings = load_settings(Path(self.config.settings_file), {})

    @property
    def site_name(self) -> dict[str, str]:
        """Language → what people call the site."""
        config = self.config
        return config.site_name or self.places.name or {"en": config.site, "zh-CN": config.site}

    @property
    def places(self) -> Places:
        """Beats and devices as the node goes by them."""
        return self.file.places

    @property
    def book(self) -> PlacesBook:
        """The way by which the places are changed."""
        return open_book(self.settings) if self.settings is not None else PlacesBook(Path(self.config.places_path))

    async def watch_places(self) -> None:
        """Look after edited places until cancelled."""
        while True:
            await asyncio.sleep(_PLACES_S)
            if await asyncio.to_thread(self.file.look) is not None:
                await self.hub.replace_places(self.file.version)


def board_of(request: HTTPConnection) -> Board:
    """Return what the routes share."""
    found: Board = request.app.state.board
    return found
