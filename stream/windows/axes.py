"""What the places along the arrays of a shard's state are; see `models.state`."""

from typing import Final

from models.state import Axis

DEVICE: Final = Axis("device")
SERIES: Final = Axis("series")
SLOT: Final = Axis("slot")
"""Boots of devices."""
PROVEN: Final = Axis("proven")
"""Slots of whose numbers the content is remembered."""
UNNUMBERED: Final = Axis("unnumbered")
"""Devices that do not number what they say."""
COUNT: Final = Axis("count", exact=True, entry="model")
"""Series of counts, each with a baseline, which changes when a window closes."""
LEVEL: Final = Axis("level", exact=True, entry="model")
LATE_COUNT: Final = Axis("late_count")
"""Late observations that wait to be learned."""
LATE_LEVEL: Final = Axis("late_level")
