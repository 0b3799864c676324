"""Whether the page may be believed: is data flowing, and if not, since when (in the site's time)."""

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

NODE_SILENT_S: Final = 15.0
"""A node writes its status every five seconds at least; three missed in a row are no hiccup."""
CATCHING_UP_S: Final = 120.0
"""How far results may be behind, in wall-clock seconds, before the page says that they are."""

FreshnessState = Literal[
    "live", "waiting", "unheard", "catching_up", "quiet", "disconnected", "failing", "node_silent", "store_error"
]


class Freshness(msgspec.Struct, frozen=True):
    """What the page says about its own data."""

    state: FreshnessState
    """live; waiting (no node has written yet); unheard (it runs, and no device has spoken since); catching_up (behind
    by `behind_s`); quiet (no observation comes in); disconnected (the node has lost its broker); failing (some of its
    `parts` fail: a full disk, a destination that is away); node_silent (the node stopped writing); store_error."""
    since_ms: int = 0
    """Site time (epoch ms) up to which data can be believed; 0 where unknown or live."""
    behind_s: float = 0.0
    parts: tuple[str, ...] = ()
    """Names of the node's parts that fail, where the state is failing."""
    alone: bool = False
    """Of a node that is silent: nobody is there who starts it again, so a person has to."""


DELIVERY_SILENT_MS: Final = 15_000
"""Delivery writes how it is every two seconds."""


class DeliveryState(msgspec.Struct, frozen=True):
    """Whether alerts reach people's phones."""

    state: Literal["none", "ok", "trouble", "fault", "stopped"] = "none"
    """none (nobody was ever told from here); trouble (some `channels` do not take messages); fault (it cannot take
    alerts); stopped."""
    at_ms: int = 0
    """When a delivery that has stopped said something last, wall clock."""
    channels: tuple[str, ...] = ()


def delivery(document: Mapping[str, Any], now_ms: int) -> DeliveryState:
    """Return how delivery is, by what it has written last (empty: nothing), see `console.deliver.service`."""
    if not document:
        return DeliveryState()
    at_ms = int(document.get("at_ms") or 0)
    if now_ms - at_ms > DELIVERY_SILENT_MS:
        return DeliveryState("stopped", at_ms)
    if document.get("fault"):
        return DeliveryState("fault")
    bad = tuple(sorted(name for name, one in (document.get("channels") or {}).items() if one.get("trouble")))
    return DeliveryState("trouble", channels=bad) if bad else DeliveryState("ok")


class FreshnessJudge:
    """Judges the node's status, look by look; remembers when its counters last moved.

    Wall-clock times are those of this machine, which the node shares: a browser's clock plays no part.
    """

    def __init__(self, quiet_s: float) -> None:
        self.quiet_ms = quiet_s * 1000
        self._received: object = None
        self._moved_wall_ms = 0
        self._moved_site_ms = 0
        self._connected_site_ms = 0
        self._whole_site_ms = 0

    def judge(self, status: Mapping[str, Any] | None, wall_ms: int) -> Freshness:
        """Return how fresh `status` (the store's ``status`` entry, None where there is none) is at `wall_ms`."""
        if not status:
            return Freshness("waiting")
        site_ms = int(status.get("now_ms") or 0)
        # An agent that says how it is shows that the network carries, however seldom its devices have news.
        received = (status.get("counters") or {}).get("received"), status.get("agents_ms")
        if received != self._received:
            # On the first look the watermark is the honest answer: the node may have been quiet for hours already.
            first = self._received is None
            self._moved_site_ms = int(status.get("watermark_ms") or site_ms) if first else site_ms
            self._moved_wall_ms, self._received = wall_ms, received
        return self._fault(status, wall_ms, site_ms) or self._flow(status, wall_ms)

    def _fault(self, status: Mapping[str, Any], wall_ms: int, site_ms: int) -> Freshness | None:
        connected, failing = bool(status.get("connected", True)), tuple(sorted(map(str, status.get("failing") or ())))
        if connected:
            self._connected_site_ms = site_ms
        if not failing:
            self._whole_site_ms = site_ms
        if wall_ms - int(status.get("wall_ms") or 0) > NODE_SILENT_S * 1000:
            return Freshness("node_silent", site_ms)
        if not connected:
            return Freshness("disconnected", self._connected_site_ms or self._moved_site_ms)
        return Freshness("failing", self._whole_site_ms or site_ms, parts=failing) if failing else None

    def _flow(self, status: Mapping[str, Any], wall_ms: int) -> Freshness:
        if (status.get("counters") or {}).get("received") == 0:
            return Freshness("unheard")
        behind = float((status.get("lag") or {}).get("seconds") or 0.0)
        if behind > CATCHING_UP_S:
            return Freshness("catching_up", int(status.get("watermark_ms") or 0), behind)
        if wall_ms - self._moved_wall_ms > self.quiet_ms:
            return Freshness("quiet", self._moved_site_ms)
        return Freshness("live")
