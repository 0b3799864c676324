"""Edited places as a record of the log."""

import zlib
from typing import Final

import msgspec

from ingest.files import unpacked
from ingest.places.site_places import Places, PlacesError

_MOST_BYTES: Final = 16 << 20
"""Of places in a record of the log, unpacked."""


class PlacesRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """Edited places on their way through the log."""

    shards: int
    """How many shards the beats are divided among."""
    places: Places
    """All of the site's, checked."""
    by: str = ""
    """Who changed them: a person's id, or ``cli:USER``; empty where the file was edited by hand."""
    at_ms: int = 0
    """When they did, by their machine's clock (epoch ms)."""


def encode_places(record: PlacesRecord) -> bytes:
    """Return the payload of a `RecordKind.PLACES`: equal places in equal order give equal bytes."""
    return zlib.compress(msgspec.json.encode(record, order="deterministic"), 6)


def decode_places(payload: bytes) -> PlacesRecord:
    """Return what `encode_places` was given. Raises `PlacesError` for any other bytes."""
    try:
        found = msgspec.json.decode(unpacked(payload, _MOST_BYTES), type=PlacesRecord)
    except (ValueError, RecursionError) as error:  # of zlib, of msgspec, and of what is no UTF-8
        raise PlacesError(f"the places in the log cannot be read: {error}") from error
    if found.shards < 1:
        raise PlacesError("the places in the log cannot be read: they name no shard")
    return found
