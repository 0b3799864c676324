"""What rules order, what the outbox keeps of it, and what a channel is given to send."""

from typing import Literal, NamedTuple

from stream.results import Alert

MessageState = Literal["waiting", "failed", "accepted", "delivered", "dropped"]
"""failed: the channel refused it; it is tried again now and then as long as the alert holds, and the next channel has
it. dropped: there was no need for it any more."""


Act = Literal["call", "again", "held", "reminder", "escalation", "week"]
"""What a message is: people are called; they are called again for what somebody had taken up; it was held back for
quiet hours; nobody has answered; nobody has answered, and somebody else is asked. Or it is no call at all, but the
report of a week, in the shape of an alert that is over."""


class Order(NamedTuple):
    """Where an alert is to be told."""

    channel: str
    to: str = ""
    """Whom a message on that channel calls: what its adapter takes for a mention or an address; empty: its own."""
    follows: bool = False
    """Whether the channel hears all that becomes of the alert (CAP), not only that people are called."""
    language: str = ""
    """Of its reader; empty: the channel's."""
    persons: tuple[str, ...] = ()
    """Ids of those whom it calls; empty: a group."""
    due_ms: int = 0
    """When it may go: the end of quiet hours; 0: now."""


class Attachment(NamedTuple):
    """A file that goes with a message."""

    name: str
    media: str
    content: bytes


class OpenCall(NamedTuple):
    """An alert that people were called for, and that nobody has taken up."""

    alert: Alert
    called_ms: int
    reminded: int
    """Reminders that are due no more."""
    escalated: int
    """Steps of its escalation that have been taken."""


class Message(NamedTuple):
    """One alert's revision on its way through one channel."""

    id: int
    channel: str
    to: str
    tries: int
    queued_ms: int
    alert: Alert
    earlier: tuple[tuple[int, int], ...] = ()
    """(revision, `Alert.changed_ms`) of what this channel has accepted of the alert before."""
    act: Act = "call"
    round: int = 0
    """Counts reminders and escalations of one call."""
    had: str = ""
    """Of `again`: who had taken it up."""
    persons: tuple[str, ...] = ()
    language: str = ""

    @property
    def key(self) -> str:
        """The idempotency key: the same whenever this message is sent."""
        return f"{self.alert.site}-{self.alert.id}-{self.alert.revision}{f'-{self.round}' if self.round else ''}"
