"""What the API answers about alerts."""

from typing import Literal

import msgspec

from console.board.document.plain_answers import Names
from console.deliver.receipts import Receipt
from console.shift.shift_book import Note
from ingest.vocabulary import Severity
from stream.results import Alert, AlertState


class AlertRow(Alert, frozen=True, kw_only=True):
    """An alert, or one change of it. Times are epoch ms."""

    text: Names
    """What it says."""
    advice: Names
    """What to do."""
    false_alarm: Names | None = None
    """Why it was a false alarm; left out where nobody has said that it was one."""
    observed: float | None = None
    """What was counted or measured; null where its rule has no number."""
    expected: float | None = None
    """What the model expected; null for rules."""
    p: float | None = None
    """Tail probability of what was observed; null for rules."""


class AlertsAnswer(msgspec.Struct, frozen=True):
    """A page of alerts."""

    alerts: list[AlertRow]
    next: str | None
    """For after; null: these were the last."""


class AlertAnswer(AlertRow, frozen=True, kw_only=True):
    """An alert as it stands, how it came to that, and who has been told."""

    history: list[AlertRow]
    notes: list[Note]
    """Written at it in the shift book, oldest first; empty for who has no right to the book."""
    receipts: list[Receipt] | None = None
    """null: they cannot be read."""


class CommandAnswer(msgspec.Struct, frozen=True):
    """What was sent to the node."""

    id: str
    """Of the press, as it came."""
    command: str
    """Id of the command."""
    alert: str
    action: Literal["acknowledge", "clear"]
    by: str


class BriefAlert(msgspec.Struct, frozen=True):
    """An open alert, as a list and the map need it."""

    id: str
    revision: int
    kind: str
    beat: str
    device: str
    devices: list[str] | None
    severity: Severity
    state: AlertState
    raised_ms: int
    changed_ms: int
    heard_ms: int | None
    by: str | None
    place: Names
    lon: float
    lat: float
