"""What was not taken: one type for the codecs, the gateway, the pipeline, the sinks and the quarantine."""

from typing import Final

import msgspec

SUMMED: Final = "(a flood: those beyond the first are counted, their bytes not kept)"
"""What is said of a refusal that stands for several."""


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """Why something was refused, and what it was. It ends in quarantine.

    Whoever refuses fills in what is known there: a codec knows no topic and no time, so the gateway adds them.
    """

    reason: str
    """A `ingest.vocabulary.Reason`."""
    detail: str
    """What was found and what was expected, for people."""
    payload: bytes = b""
    """Its bytes; without raw plates once it has left the gateway."""
    topic: str = ""
    """Where it came in: an MQTT topic, a position of the log, a line of a file."""
    received_ms: int = 0
    """When it came in, epoch ms."""
    size: int = 0
    """Its bytes as it came, where ``payload`` holds fewer of them; else 0."""
    times: int = 1
    """How many refusals this one stands for: those of a flood are summed, and their bytes are not kept (``size`` > 0,
    ``payload`` empty)."""
