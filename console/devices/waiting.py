"""What speaks and belongs to no device yet: told by edge agents and by the gateway, shown until somebody approves."""

from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from ingest.codecs.bindings import Bindings
from ingest.edge.plain_lines import NATIVE
from ingest.files import read_json
from ingest.gateway.places_file import LAST_GOOD
from ingest.places import Places, PlacesError, parse_places
from ingest.topics import parse_device_topic
from stream.sinks.store.reader import StoreReader


class Unbound(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that waits."""

    codec: str
    match: str
    part: str = ""
    guess: str = ""
    """A type of device; empty: nobody can tell."""
    name: str = ""
    """What it calls itself."""
    device: str = ""
    """Through whom it was heard."""
    beat: str = ""
    first_ms: int = 0
    last_ms: int = 0

    @property
    def native(self) -> bool:
        """Whether it speaks our own format: then its id is all that is to be known."""
        return self.codec == NATIVE

    @property
    def calls_itself(self) -> str:
        """The id under which it speaks our format; empty for others."""
        topic = parse_device_topic(self.match) if self.native else None
        return "" if topic is None else topic.device

    @property
    def shown(self) -> str:
        """What people read of it."""
        return " ".join(filter(None, (self.codec, self.match, self.part)))

    def document(self, number: int) -> dict[str, Any]:
        """Return it for JSON."""
        return {"number": number, **msgspec.to_builtins(self)}


def waiting(site_dir: Path, places: Places) -> list[Unbound]:
    """Return what waits, in the order in which it was heard first: a number stays the same while nothing is approved.

    Nothing that is bound or known by now. Raises `stream.sinks.store.tables.StoreError`.
    """
    store = site_dir / "store.db"
    if not store.exists():
        return []
    with closing(StoreReader(store, untouched=True)) as reader:
        found = msgspec.convert(reader.strangers(), list[Unbound], strict=False)
    bound = Bindings([one for device in places.devices.values() for one in device.bindings])
    return [one for one in found if not _is_known(one, bound, places)]


def waiting_now(site_dir: Path) -> list[Unbound]:
    """Return what waits by the places that the node goes by. Raises as `waiting`."""
    try:
        places = parse_places(read_json(site_dir / LAST_GOOD))
    except PlacesError:  # there is no node yet, or it is of another version
        places = Places({}, {})
    return waiting(site_dir, places)


def _is_known(one: Unbound, bound: Bindings, places: Places) -> bool:
    if one.native:
        return one.calls_itself in places.devices
    return any(binding.part in {"", one.part} for binding in bound.find(one.codec, one.match))
