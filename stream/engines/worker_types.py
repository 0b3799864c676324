"""What keepers are given, count, and fail with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple


class Delivery(NamedTuple):
    """A record as it comes."""

    offset: int
    value: bytes | None
    ack: Callable[[], Any]
    """Tells the group's coordinator that it is done with."""


class PoisonError(Exception):
    """A record makes the pipeline fail: a defect of ours, told together with the record."""

    def __init__(self, position: int, why: str) -> None:
        super().__init__(f"position {position}: {why}")
        self.position, self.why = position, why


class OtherStateError(ValueError):
    """The saved state is of other settings (site, window length, shards), and so of no use."""


@dataclass(slots=True)
class KeeperStats:
    """What a keeper did; read by the metrics."""

    position: int = 0
    saved: int = 0
    """Position that the saved state belongs to."""
    records: int = 0
    repeated: int = 0
    """Records read again by the keeper itself, after a crash or a move."""
    observations: int = 0
    rejected: int = 0
    poison: int = 0
    restarts: int = 0
    """How often it let go and opened its state anew."""
    checkpoints: int = 0
    checkpoint_s: float = 0.0
    """How long the last one took, and `checkpoint_bytes` of how many bytes it was."""
    checkpoint_bytes: int = 0
    recovery_s: float = 0.0
    now_ms: int = 0
    failing: str = "starting"
    """Why it does not work; empty while it does."""


class NewerProgramError(Exception):
    """The saved state was written by a newer program: going on without it would lose what it has learnt."""
