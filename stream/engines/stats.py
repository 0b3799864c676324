"""What an engine, or one of its partition workers, did since it started; read by the status and the metrics."""

from dataclasses import dataclass, field

from stream.engines.cold_start import ColdStart
from stream.results import BudgetState


@dataclass(slots=True)
class EngineStats:
    """Counts and gauges. The embedded engine has one, and so has every partition worker."""

    records: int = 0
    repeated: int = 0
    """Records read again by a worker itself, after a crash or a move."""
    observations: int = 0
    rejected: int = 0
    poison: int = 0
    """Records that made the pipeline fail."""
    restarts: int = 0
    """How often a worker let go of its partition and opened its state again."""
    checkpoints: int = 0
    checkpoint_s: float = 0.0
    """How long the last one took, and `checkpoint_bytes` of how many bytes it was."""
    checkpoint_bytes: int = 0
    recovery_s: float = 0.0
    now_ms: int = 0
    watermark_ms: int = 0
    budget: BudgetState | None = None
    """How the alert budget stands."""
    taught: int = 0
    """Windows that history taught the baselines."""
    known: int = 0
    """Windows of history that they had learned before."""
    cold_start: ColdStart | None = None
    """Set while the baselines learn from nothing because no saved state could be used."""
    failing: dict[str, str] = field(default_factory=dict)
    """Part of the engine → its last error, while it fails; sinks are in `Delivery.failing`."""
