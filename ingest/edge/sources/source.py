"""What a source is to an edge agent: it takes messages from somewhere, until the spool has them."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from ingest.codecs.codec import Meaning, VendorMessage
from ingest.observations import Observation


class SourceState(NamedTuple):
    """How a source is: a part of the agent's health."""

    name: str
    up: bool
    """Whether it could take a message now."""
    trouble: str
    """Why it cannot, or what is wrong with it, for people; empty while all is well."""
    taken: int
    """Messages handed over since the start."""
    refused: int
    """Of what came: refused by the source itself (too large, no account, no JSON), not by a codec."""


class Taker(Protocol):
    """What takes the messages. For any thread; calls wait for each other.

    When a call returns, everything that the message means is in the spool, together with what the codec must remember:
    now the source may acknowledge it (PUBACK, HTTP 200, the file moved). Where the disk takes nothing the spool goes on
    in memory, and the call returns all the same. A message that was handed over and not acknowledged, because the
    process was killed between, comes again: codecs know it again.
    """

    def take(self, codec: str, message: VendorMessage, remember: Mapping[str, bytes | None] | None = None) -> Meaning:
        """Hand over a vendor's message; `codec` is the name of its dialect. Never raises for what the message holds.

        `remember` is saved in the same moment, for `recall`; keys begin with the source's name. None forgets a key.
        """

    def observe(
        self, device: str, observations: Sequence[Observation], remember: Mapping[str, bytes | None] | None = None
    ) -> list[str]:
        """Hand over what a source has understood itself; return why some were refused, empty where all were taken."""

    def recall(self, prefix: str) -> dict[str, bytes]:
        """Return what was remembered under keys that begin so."""


_JOIN_S: Final = 3.0


class EdgeSource(ABC):
    """One source: runs in a thread of its own from `start` to `close`.

    A constructor takes its settings, the name for people, and the `Taker`. It raises ValueError or OSError for what a
    person has to put right (a key file that cannot be read, a port that is taken): the agent then does not start. What
    comes and goes by itself (a broker that is away, a cable that is not in) is `SourceState.trouble`.
    """

    def __init__(self, name: str, taker: Taker) -> None:
        self.name, self.taker = name, taker
        self.trouble = ""
        self.taken = self.refused = 0

    @abstractmethod
    def start(self) -> None:
        """Begin to take messages."""

    @abstractmethod
    def close(self) -> None:
        """Take no more, acknowledge what has been handed over, and return within a few seconds."""

    @property
    def up(self) -> bool:
        """Whether it could take a message now."""
        return not self.trouble

    @property
    def ended(self) -> bool:
        """Whether nothing will come any more: the input is at its end. Most sources never end."""
        return False

    def state(self) -> SourceState:
        """Return how it is; from any thread."""
        return SourceState(self.name, self.up, self.trouble, self.taken, self.refused)


class ThreadSource(EdgeSource):
    """A source whose `run` works in a thread of its own, until `closing` is set."""

    def __init__(self, name: str, taker: Taker) -> None:
        super().__init__(name, taker)
        self.closing = threading.Event()
        self._thread = threading.Thread(target=self.run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to take messages."""
        self._thread.start()

    def close(self) -> None:
        """Take no more, and wait shortly for what is under way."""
        self.closing.set()
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)

    @abstractmethod
    def run(self) -> None:
        """Work. An exception would end the source: catch what messages and cables may cause."""
