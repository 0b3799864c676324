"""Orders as a command line gives them: ``--scenario NAME`` with options that belong to the one before them."""

import argparse
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from simulators.world.ordered_scenario import OrderedScenario
from simulators.world.rhythm import MINUTE_MS
from simulators.world.scenarios import KINDS

_OF: Final = ("at", "beat", "device", "strength", "minutes")


def add_order_arguments(found: argparse.ArgumentParser) -> None:
    """Add ``--scenario`` and what belongs to it."""
    group = found.add_argument_group("what happens")
    add = group.add_argument
    add(
        "--scenario",
        action=_Begun,
        dest="orders",
        choices=sorted(KINDS),
        metavar="NAME",
        default=[],
        help="let this happen, and nothing else; may be given several times",
    )
    add(
        "--at",
        action=_Of,
        dest="orders",
        metavar="TIME",
        default=[],
        help="when: minutes after the start such as +5, or a local time such as 22:30 (default: at once)",
    )
    add("--beat", action=_Of, dest="orders", metavar="ID", default=[], help="in which beat (default: by chance)")
    add("--device", action=_Of, dest="orders", metavar="ID", default=[], help="to which device (default: by chance)")
    add(
        "--strength",
        action=_Of,
        dest="orders",
        type=float,
        metavar="N",
        default=[],
        help="how strongly, in the unit that --list-scenarios names (default: as usual)",
    )
    add(
        "--minutes",
        action=_Of,
        dest="orders",
        type=float,
        metavar="N",
        default=[],
        help="for how long (default: as usual)",
    )


class _Begun(argparse.Action):
    """Begins an order."""

    def __call__(
        self, parser: argparse.ArgumentParser, space: argparse.Namespace, value: object, option: str | None = None
    ) -> None:
        del parser, option
        space.orders = [*space.orders, {"scenario": value}]


class _Of(argparse.Action):
    """Adds to the order before it."""

    def __call__(
        self, parser: argparse.ArgumentParser, space: argparse.Namespace, value: object, option: str | None = None
    ) -> None:
        del parser
        if not space.orders:
            raise argparse.ArgumentError(self, "belongs behind --scenario NAME")
        space.orders = [*space.orders[:-1], space.orders[-1] | {str(option).lstrip("-"): value}]


def orders_of(asked: Sequence[dict[str, Any]], start_ms: int, zone: ZoneInfo) -> tuple[OrderedScenario, ...]:
    """Return the orders that were given, with ids of their own. Raises ValueError for a time that is none."""
    return tuple(
        OrderedScenario(id=uuid.uuid4().hex, **(one | {"at": _when(str(one.get("at", "")), start_ms, zone)}))
        for one in asked
    )


def _when(text: str, start_ms: int, zone: ZoneInfo) -> int:
    """Return a time as epoch ms: minutes after the start, the next such time of day, or a local date and time."""
    if not text:
        return 0
    try:
        if text.startswith("+"):
            return start_ms + round(float(text) * MINUTE_MS)
        start = datetime.fromtimestamp(start_ms / 1000, zone)
        if "-" not in text:
            hour, minute = (int(part) for part in text.split(":"))
            found = start.replace(hour=hour, minute=minute, second=0, microsecond=0)
            found += timedelta(days=found < start)
        else:
            found = datetime.fromisoformat(text)
            found = found if found.tzinfo else found.replace(tzinfo=zone)
        return round(found.timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"--at {text!r}, expected minutes such as +5, or a local time such as 22:30") from error
