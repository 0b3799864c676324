"""What a partition worker is given, and what it drives."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from models.state import State
from stream.engines.stats import EngineStats


class PartitionRecord(NamedTuple):
    """A record as it comes."""

    offset: int
    value: bytes | None
    acknowledge: Callable[[], Any]
    """Tells the group's coordinator that it is done with."""


class PoisonError(Exception):
    """A record makes the pipeline fail: a defect of ours."""

    def __init__(self, position: int, why: str) -> None:
        super().__init__(f"position {position}: {why}")
        self.position, self.why = position, why


class Workload(Protocol):
    """What is done with the records of a partition: a shard's work, or the site's."""

    stats: EngineStats
    about: dict[str, Any]
    """What the state depends on: the ``program``'s version, and settings. One of other settings is not taken."""
    page: int
    """See `stream.state.changelog.Changelog`."""

    async def open(self) -> None:
        """Open what results go to; nothing where it is open. Called before `restore`."""
        ...

    def restore(self, state: State | None, position: int) -> None:
        """Begin with a state and the position it belongs to, or with none.

        Raises ValueError, KeyError or TypeError for one that cannot be used.
        """
        ...

    async def take(self, offset: int, value: bytes | None, poison: str) -> None:
        """Apply the next record; where `poison` says why it cannot be processed, only refuse it.

        Raises `PoisonError`.
        """
        ...

    def capture(self) -> State:
        """Return the state as it is now, with arrays of its own."""
        ...

    def needed_from(self, position: int) -> int:
        """Return the position from which a state captured now, at `position`, needs the records."""
        ...

    async def settle(self) -> None:
        """Wait until the results of everything before the newest `capture` are durable where they go."""
        ...

    @property
    def behind(self) -> bool:
        """Whether results have to be made again, from the saved state on."""
        ...

    @property
    def failing(self) -> dict[str, str]:
        """What results go to, and does not take them → why."""
        ...

    async def close(self) -> None:
        """Release what `open` opened, at once."""
        ...
