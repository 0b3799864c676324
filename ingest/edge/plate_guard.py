"""No number plate reaches the disk of an edge device: it is sealed to the station's key, or left out with a warning."""

import logging
from pathlib import Path
from typing import Any, Final

import msgspec

from ingest.gateway.plate_forms import holds_plate, names_plate
from ingest.gateway.plates import SEALED, is_token, normalise
from ingest.observations import Count, Gate, Level, Observation
from ingest.setup.extras import load

logger = logging.getLogger(__name__)
_SAID_EVERY: Final = 1_000


class PlateGuard:
    """Makes observations fit for a disk that may be stolen.

    Without a key a passage is taken without its plate: counts, barriers and tailgating need none.

    Raises `ingest.sealing.SealError` for a file that holds no public key, OSError for one that cannot be read, and
    `ingest.setup.extras.MissingExtraError` without the extra seal.
    """

    def __init__(self, key_file: Path | None) -> None:
        self._key: Any = load("ingest.sealing").read_public_key(key_file) if key_file else None
        self.removed = 0
        """Passages whose plate was left out."""

    def protect(self, observation: Observation) -> Observation:
        """Return an observation without a raw plate. Raises ValueError where one stands in a word, or is too long."""
        if isinstance(observation, Gate):
            plate = observation.plate
            if not plate or SEALED.match(plate) or is_token(plate):
                return observation
            return msgspec.structs.replace(observation, plate=self._sealed(normalise(plate)))
        if not isinstance(observation, Count):
            words = (observation.metric, observation.unit if isinstance(observation, Level) else observation.value)
            if names_plate(observation.metric) or any(map(holds_plate, words)):
                raise ValueError("a number plate in a metric, a unit or a state, expected as plate of a gate's passage")
        return observation

    def _sealed(self, plate: str) -> str:
        if self._key is not None or not plate:
            return str(self._key.seal(plate)) if plate else ""
        if self.removed % _SAID_EVERY == 0:
            logger.error(
                "a passage is taken WITHOUT ITS PLATE: a plate must not be written to this device's disk, and there is"
                " no key to seal it with (--seal-key, agent.seal_key); %d before it", self.removed,
            )  # fmt: skip
        self.removed += 1
        return ""
