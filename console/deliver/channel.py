"""What a channel is: how it is declared, how it sends one message, and how it says that it could not.

A channel is declared *inside* (the station's own network and people) or *outside*. What goes outside has no person, no
vehicle token and no text that somebody wrote in it: only the kind of the alert, its place from the places file, its
times and numbers (`console.deliver.wording`).
"""

from collections.abc import Callable
from datetime import tzinfo
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal, NamedTuple, Protocol

import msgspec

from console.deliver.message_links import MessageLinks
from console.deliver.orders import Attachment, Message
from console.deliver.wording import Writer
from ingest.login import BrokerAddress, url_in_clear
from ingest.setup.settings import url_mistake

Reason = Literal["away", "hangs", "cut", "error", "busy", "unclear", "refused", "login", "fault"]
"""Why a message was not accepted; ``deliver-why`` in the catalogue has a sentence for each."""


class LaterError(Exception):
    """A channel did not take a message for a reason that may pass: it is tried again, after `after_s` at the least."""

    def __init__(self, why: Reason, said: str = "", after_s: float = 0.0) -> None:
        super().__init__(f"{why}: {said}")
        self.why, self.said, self.after_s = why, said, after_s


class ChannelRefusedError(Exception):
    """A channel refused a message for a reason that somebody has to put right: a key, a right, an address."""

    def __init__(self, why: Reason, said: str = "") -> None:
        super().__init__(f"{why}: {said}")
        self.why, self.said = why, said


class Surroundings(NamedTuple):
    """What channels need of the site."""

    site: str
    zone: tzinfo
    language: str
    """Of channels that name none."""
    broker: BrokerAddress
    exercise: bool
    """Whether nothing of what is told has happened."""
    base: Path
    """Where relative paths begin: the folder of the channels file."""
    links: MessageLinks | None = None
    """Makes the links in messages."""
    attached: Callable[[Message, str], Attachment | None] | None = None
    """Returns what goes with a message to a reader of a language, on channels inside that can take files."""


class ChannelSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """What every channel has."""

    where: Literal["inside", "outside"]
    language: str = ""
    """Of its texts; empty: the site's."""
    per_minute: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 20
    """Most messages in any minute."""
    timeout_s: Annotated[float, msgspec.Meta(ge=0.2, le=120)] = 10.0
    """How long one attempt may take as a whole."""
    next: str = ""
    """The channel that gets, too, what this one refuses or does not accept in time; empty: none."""

    SECRETS: ClassVar[tuple[str, ...]] = ()
    """Fields that must be in no log, no receipt and no list."""
    GROUP: ClassVar[bool] = True
    """Whether others may read what is meant for one person."""
    FOLLOWS: ClassVar[bool] = False
    """Whether it hears all that becomes of an alert."""

    def mistake(self) -> str:
        """Return what cannot be meant, beginning with the key; empty for nothing."""
        return ""

    def open(self, writer: Writer, name: str, around: Surroundings) -> "Channel":
        """Return the channel. Raises ValueError for what only its package knows to be wrong."""
        raise NotImplementedError

    def in_clear(self) -> bool:
        """Tell whether a secret goes over a network without encryption."""
        return bool(self.secrets()) and url_in_clear(str(getattr(self, "base_url", getattr(self, "url", ""))))

    def secrets(self) -> list[str]:
        """Return the texts that must not be shown."""
        found = [getattr(self, name) for name in self.SECRETS]
        return [one for part in found for one in ([part] if isinstance(part, str) else part) if one]


class BotSettings(ChannelSettings, frozen=True, kw_only=True):
    """What every chat bot has."""

    base_url: str
    """Address of the server: another one for a deployment of one's own."""
    mentions: tuple[str, ...] = ()
    """Whom every message calls: ids or phone numbers of the chat program, or @all."""

    def mistake(self) -> str:
        """Return what cannot be meant; see `ChannelSettings.mistake`."""
        named = [one for one in self.mentions if one != ALL]
        if self.where == "outside" and named:
            return f"mentions names people, and {self.where} no person is named; expected only {ALL}, or where = inside"
        return url_mistake("base_url", self.base_url)


ALL: Final = "@all"
"""The mention of everybody in a group."""


class Channel(Protocol):
    """Sends messages, one at a time, in its worker's thread."""

    def send(self, message: Message) -> str:
        """Send a message; return what the channel said to it. Returns only when the channel has accepted it.

        Raises `LaterError` or `ChannelRefusedError`.
        """

    def check(self, text: str) -> str:
        """Send a text that says that it is a test; return what the channel said. Raises as `send` does."""

    def close(self) -> None:
        """Release connections."""
