"""river's half-space trees, for comparison; only where the dependency group `bench` is installed."""

import importlib
from importlib.util import find_spec
from typing import Any, Final

MISSING: Final = "river is not installed: pip install --group bench"


def half_space_trees(**options: Any) -> Any:
    """Return a new model; None where river is not installed."""
    if find_spec("river") is None:
        return None
    return importlib.import_module("river.anomaly").HalfSpaceTrees(seed=1, **options)
