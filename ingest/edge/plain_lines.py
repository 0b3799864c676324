"""Lines of JSON in our own words: what programs on the device itself give an agent, each an observation or several."""

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, Final, NamedTuple, Protocol

import msgspec

from ingest.clock import wall_ms
from ingest.codecs.lenient import NO_TIME, UnreadableError, cut, observed, parsed, trimmed
from ingest.observations import Observation
from ingest.vocabulary import Reason

logger = logging.getLogger(__name__)
NATIVE: Final = "native"
"""What the settings call these lines, where another source would have a codec."""
MOST_BYTES: Final = 128 << 10
"""Of a line."""
_ITEMS: Final = 1_000
"""As many as a gateway takes in one message."""
_QUOTED: Final = re.compile(r"'[^']{0,400}+'?")
_LETTERS: Final = re.compile(r"'[A-Za-z_]{0,400}+'\Z")
_Protect = Callable[[Observation], Observation]


class Protects(Protocol):
    """A spool, as far as lines need it."""

    protect: _Protect


class Taking(Protocol):
    """An agent, as far as lines need it."""

    @property
    def spool(self) -> Protects:
        """What makes observations fit for the disk."""

    def observe(self, *observations: Observation) -> list[int]:
        """Take observations."""


class LineHeld(NamedTuple):
    """What a line held."""

    observations: list[Observation]
    refused: list[str]
    """Why elements of it were not taken, without their values: one may be a plate, and logs are written to disks."""


def bounded_lines(stream: BinaryIO, ended: Callable[[], bool] = lambda: False) -> Iterator[bytes]:
    """Yield the lines of a stream, of a longer one no more than `understood` needs to refuse it.

    Where `ended` says that the input was cut off, a last line without its end is left out.
    """
    while line := stream.readline(MOST_BYTES + 1):
        whole = line
        while not whole.endswith(b"\n") and (whole := stream.readline(MOST_BYTES)):
            pass  # the rest of a line that is too long
        if whole or not ended():
            yield line


def understood(line: bytes, protect: _Protect) -> LineHeld:
    """Return the observations of a line: one, or an array of them. ``ts`` may be left out and is then now."""
    text, found = trimmed(line), LineHeld([], [])
    for piece in _pieces(text) if text else ():
        try:
            if isinstance(piece, UnreadableError):
                raise piece
            item, now = parsed(piece), wall_ms()
            observation = observed({"ts": now, **item} if isinstance(item, dict) else item)
            if observation.ts == NO_TIME:
                observation = msgspec.structs.replace(observation, ts=now)
            found.observations.append(protect(observation))
        except ValueError as error:
            found.refused.append(_without_values(str(error)))
    return found


def feed(agent: Taking, lines: Iterable[bytes]) -> tuple[int, int]:
    """Take lines, and return how many observations were taken and refused.

    Numbers and boot ids in the input are replaced by the agent's. What is refused is named in the log by the number of
    its line and the reason; it is kept nowhere, since nobody knows what it holds.
    """
    taken = refused = 0
    for number, line in enumerate(lines, 1):
        good, wrong = understood(line, agent.spool.protect)
        for why in wrong:
            logger.warning("line %d refused: %s", number, why)
        agent.observe(*good)
        taken, refused = taken + len(good), refused + len(wrong)
    return taken, refused


def _without_values(error: str) -> str:
    """Return what an error says, without what is quoted in it and is no plain word."""
    return _QUOTED.sub(lambda found: found[0] if _LETTERS.match(found[0]) else "'…'", error[:400])


def _pieces(text: bytes) -> list[bytes | UnreadableError]:
    """Return the elements of a line, with an error in the place of what cannot be cut into such."""
    if len(text) > MOST_BYTES:
        return [UnreadableError(Reason.SIZE, f"longer than {MOST_BYTES} bytes")]
    elements, left, too_many = cut(text, _ITEMS)
    if too_many:
        return [UnreadableError(Reason.SIZE, f"more than {_ITEMS} observations in a line")]
    if left:
        broken = UnreadableError(Reason.JSON, "no JSON, or breaks off; expected an object or an array of them")
        return [*elements, broken]
    return [*elements]
