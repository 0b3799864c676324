"""The rule of telling: which channels an alert goes to.

For now the rule is simple: every alert that calls people goes to the channels that ``[deliver]`` names for its
severity, and falls silent when somebody takes it up or it is over. Who is on duty, quiet hours, reminders and
escalation are not in it yet.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from console.deliver.channel_file import Declared
from console.deliver.outbox import Order
from ingest.setup.settings import SettingsError
from ingest.vocabulary import SEVERITY_RANK, Severity
from stream.results import Alert

Routes = Mapping[Severity, Sequence[str]]
"""Severity → the channels that are told."""
SEVERITIES: Final[tuple[Severity, ...]] = tuple(sorted(SEVERITY_RANK, key=lambda name: -SEVERITY_RANK[name]))
"""The highest first."""


class Telling:
    """Says where alerts go. Raises `SettingsError` for a channel that is not declared."""

    def __init__(self, routes: Routes, declared: Declared) -> None:
        for severity in SEVERITIES:
            unknown = [name for name in routes[severity] if name not in declared]
            if unknown:
                expected = ", ".join(declared) or "a channel of the channels file"
                raise SettingsError(f"deliver.{severity} has {unknown[0]!r}, expected {expected}")
        self._orders = {
            severity: [Order(name, follows=declared[name].FOLLOWS) for name in routes[severity]]
            for severity in SEVERITIES
        }
        self.ways = {
            name: Order(settings.next, follows=declared[settings.next].FOLLOWS)
            for name, settings in declared.items()
            if settings.next
        }
        """Channel → where what it does not accept goes next."""

    def orders(self, alert: Alert) -> list[Order]:
        """Return where an alert is told."""
        return self._orders[alert.severity]
