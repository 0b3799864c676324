"""What is usual of a simulated device by construction: the truth that a learnt rhythm is held against."""

from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from simulators.world.neighbourhood import Spec
from simulators.world.rhythm import WINDOW_MS, curve

MARKS: Final = 288
"""Five-minute windows of a day."""


class UsualDay(msgspec.Struct, frozen=True):
    """One series on days of one kind."""

    kind: str
    """count or level."""
    metric: str
    day_class: int
    """Kind of day, as `models.calendar` numbers them."""
    expected: list[float]
    """Mean of each window of the day: people or vehicles in it, both directions, or readings."""


LEVELS: Final[dict[str, tuple[str, Callable[[float], float]]]] = {
    "noise": ("noise", lambda share: 44.0 + 16.0 * min(share, 1.1)),
    "heat": ("temperature", lambda share: 24.0 + 5.0 * share),
    "environment": ("temperature", lambda share: 22.0 + 4.0 * share),
}
"""Type of device → what it measures, and the mean of that by the share of its profile's height."""
CLEAN_AIR: Final = 0.12
"""Smoke in percent a metre where there is none."""


def water_level(ms: int) -> float:
    """Return the mean depth in a drain at an instant, in cm."""
    return 8.0 + 2.5 * curve("through", 0)[ms // WINDOW_MS % MARKS]


def usual_days(spec: Spec, day_classes: int = 3) -> Iterator[UsualDay]:
    """Give the usual days of a device's series; nothing for devices without a rhythm that is known beforehand."""
    for day_class in range(day_classes):
        marks = curve(spec.profile, day_class)
        # Of a window's whole length, not of its beginning.
        shares = [(marks[mark] + marks[(mark + 1) % MARKS]) / 2 for mark in range(MARKS)]
        if spec.device.type == "camera":
            for metric, hourly in (("person", spec.people_h), ("vehicle", spec.vehicles_h)):
                if hourly > 0.0:
                    yield UsualDay("count", metric, day_class, [hourly * share / 12 for share in shares])
        elif spec.device.type in LEVELS:
            metric, level = LEVELS[spec.device.type]
            yield UsualDay("level", metric, day_class, [level(share) for share in shares])
