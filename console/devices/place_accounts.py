"""The accounts at the broker that a change of the places file asks for."""

from collections.abc import Sequence
from typing import NamedTuple

from console.devices.claim_book import CLAIMS, ClaimBook
from console.devices.credentials import Credentials
from deploy.settings import Settings
from deploy.station.station_files import station_of
from ingest.days.patrol_settings import roster_of
from ingest.login import BrokerAddress
from ingest.places.patches import Feature, Patch, key_of
from ingest.places.place_findings import ACCOUNTS


class Settled(NamedTuple):
    """What became of accounts."""

    made: list[str]
    told: bool
    """Whether a broker runs, and has read them."""


def settle_accounts(settings: Settings, patches: Sequence[Patch], login: BrokerAddress | None = None) -> Settled:
    """Make the accounts of devices that are new, and take those of devices that are gone.

    Nothing is done where `patrolgrid init` has set up no broker. `login` is the account that throws out who has lost
    theirs: the node's by default. Raises `console.people.pki.PkiError`, OSError.
    """
    station = station_of(settings)
    if station is None:
        return Settled([], told=False)
    others = ACCOUNTS | roster_of(settings.patrol).officers.keys()  # whose accounts are no device's
    had = [name for one in patches for name in _device(one.before) if name not in others]
    has = [name for one in patches for name in _device(one.after) if name not in others]
    credentials = Credentials.of(settings, login)
    made = station.add_devices([name for name in has if name not in had])
    told = bool(made) and credentials.tell() is True
    for gone in (name for name in had if name not in has):
        ClaimBook(settings.plate_key_file.with_name(CLAIMS)).end(gone)
        credentials.take(gone, "")
    return Settled(made, told)


def _device(feature: Feature | None) -> list[str]:
    kind, own = key_of(feature)
    return [own] if kind == "device" else []
