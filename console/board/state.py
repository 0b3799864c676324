"""What the board's routes share."""

from __future__ import annotations

from dataclasses import dataclass, field

from console.board.commands import CommandPublisher
from console.board.hub import Hub
from console.board.reading import Asker
from ingest.places import Places


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardSettings:
    """What the page and the API need to know beside the store and the places."""

    site: str
    name: dict[str, str]
    """Language → name of the site."""
    language: str = "zh-CN"
    timezone: str = "Asia/Shanghai"
    simulated: bool = False
    hosts: tuple[str, ...] = ()
    quiet_s: float = 120.0


@dataclass(slots=True)
class BoardState:
    """What the routes share; in `Starlette.state` as ``board``."""

    settings: BoardSettings
    places: Places
    publisher: CommandPublisher
    asker: Asker
    hub: Hub = field(init=False)
    streams: int = 0
    """Event streams open now."""

    def __post_init__(self) -> None:
        self.hub = Hub(self.asker, quiet_s=self.settings.quiet_s)
