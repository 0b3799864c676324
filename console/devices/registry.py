"""What people do with a site's devices, by `patrolgrid device` or on the board: the same steps, checks and entries.

Each change is in the places file first, which running nodes follow, then in the accounts at the broker, where
`patrolgrid init` has made them, and then in the audit log.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from console.devices.claim_book import CLAIMS, ClaimBook, give_out
from console.devices.credentials import Credentials
from console.devices.device_list import DeviceList
from console.devices.device_sheet import Way, device_sheet
from console.devices.waiting import Unbound, waiting
from console.errors import CommandError
from console.people.pki import PkiError, read_certificate
from deploy.settings import Settings
from deploy.station.station_accounts import accounts_of
from deploy.station.station_files import station_of
from ingest import topics
from ingest.clock import wall_ms
from ingest.codecs.bindings import Binding
from ingest.login import BrokerAddress
from ingest.places import DEVICE_TYPES, Device, Places, Point
from ingest.places.importing import Called
from stream.sentences.catalogue import Sentences

CODE_HOURS: Final = 7 * 24.0
"""How long a code works, where nobody says another time."""
_MOST_HOURS: Final = 90 * 24.0


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """How one device gets in."""

    id: str
    type: str
    beat: str
    connects: tuple[str, ...]
    """``certificate``, ``password``, or both; empty for none, or where the accounts are at another broker."""
    days: int | None
    """Until its certificate ends; None without one."""
    code_until_ms: int
    """When the code that is out for it ends, epoch ms; 0 for none."""


class Sheet(NamedTuple):
    """A technician's page, and what is on it."""

    page: str
    """HTML. It holds a secret."""
    code: str
    """What is typed where the QR code cannot be read; empty where the page has the account itself."""
    ticket: str
    until: str
    """When the code ends, as people read it."""


class Registry:
    """The devices of a site.

    Parameters
    ----------
    settings, site_dir
        Of the site, and its folder.
    by
        Who does it: a person's id, or ``cli:USER``.
    noting
        Called for each change with the word for the audit log, the device, and what else is known of it.
    login
        The account at the broker that throws out who has lost theirs: the node's by default.

    Every method raises `CommandError` for what cannot be done, `PkiError` where accounts or certificates cannot be
    used, and OSError where the disk takes nothing.
    """

    def __init__(
        self,
        settings: Settings,
        site_dir: Path,
        by: str,
        noting: Callable[[str, str, Mapping[str, object]], None],
        login: BrokerAddress | None = None,
    ) -> None:
        self.settings, self._site_dir, self._noting = settings, site_dir, noting
        self._login = settings.broker if login is None else login
        self._list = DeviceList(settings, by)

    @property
    def places(self) -> Places:
        """What the places file holds now."""
        return self._list.places

    @property
    def has_accounts(self) -> bool:
        """Whether the devices' accounts are at a broker that `patrolgrid init` has set up."""
        return station_of(self.settings) is not None

    def unwritable(self) -> str:
        """Return why the places file cannot be changed; empty where it can."""
        return self._list.unwritable()

    def credentials(self) -> Credentials:
        """Return what devices connect with. Raises `PkiError` where `init` has set up no broker."""
        return Credentials.of(self.settings, self._login)

    def known(self, device: str) -> Device:
        """Return a device."""
        found = self.places.devices.get(device)
        if found is None:
            raise CommandError(f"there is no device {device!r}; `patrolgrid device list` shows who there is")
        return found

    def topic(self, device: str) -> str:
        """Return where a device publishes."""
        return topics.observations(self.settings.site.id, self.known(device).beat, device)

    def waiting(self) -> list[Unbound]:
        """Return what speaks and belongs to no device yet."""
        return waiting(self._site_dir, self.places)

    def rows(self) -> list[Row]:
        """Return how each device gets in, in the order of the places file."""
        station, now = station_of(self.settings), wall_ms()
        accounts = accounts_of(station.broker / "devices.passwd") if station is not None else set[str]()
        certificates = self.credentials().certificates.newest() if station is not None else {}
        codes = {one.device: one.ends_ms for one in self._claims().all() if one.is_open(now)}
        rows = []
        for device in self.places.devices.values():
            issued = certificates.get(device.id)
            ways = (("certificate", issued is not None), ("password", device.id in accounts))
            rows.append(
                Row(
                    id=device.id, type=device.type, beat=device.beat, connects=tuple(way for way, has in ways if has),
                    days=None if issued is None else issued.days_left(now), code_until_ms=codes.get(device.id, 0),
                )
            )  # fmt: skip
        return rows

    def add(
        self,
        device: str,
        kind: str,
        *,
        at: Point | None,
        beat: str,
        name: Called = "",
        bindings: Sequence[Binding] = (),
    ) -> None:
        """Put a device in, with an account where there are accounts."""
        self._list.add(device, kind, at=at, beat=beat, name=name, bindings=bindings)
        self._begin(device)
        self._note("add", device)

    def approve(
        self, one: Unbound, *, device: str, there: bool, kind: str, at: Point | None, beat: str, name: Called
    ) -> str:
        """Take in something that waits, as a new device or as a part of one that is `there`; return its id."""
        device = device or ("" if there else one.calls_itself)
        if not device:
            raise CommandError("expected an id for a new device, or the id of one that is there", 2)
        if one.native and device != one.calls_itself:
            raise CommandError(f"it speaks as {one.calls_itself!r}; another id has to be set in the device itself", 2)
        bindings = [] if one.native else [Binding(one.codec, device, one.match, one.part)]
        if there:
            self.known(device)
            for binding in bindings:
                self._list.bind(device, binding)
        else:
            kind = kind or one.guess
            if not kind:
                raise CommandError(f"nobody can tell what {one.shown} is, expected --type {', '.join(DEVICE_TYPES)}", 2)
            beat = beat or ("" if at is not None else one.beat)
            self._list.add(
                device, kind, at=at, beat=beat, name=name or one.name, bindings=bindings, what="device-approve"
            )
            self._begin(device)
        self._note("approve", device, heard=one.shown)
        return device

    def move(self, device: str, *, at: Point | None, beat: str) -> str:
        """Put a device to another place, and return its beat."""
        beat = self._list.move(device, at=at, beat=beat)
        self._note("move", device, beat=beat)
        return beat

    def rename(self, device: str, names: Mapping[str, str]) -> None:
        """Say what people call a device, by language."""
        self._list.rename(device, names)
        self._note("name", device)

    def replace(self, device: str, why: str) -> None:
        """Take away what a device connects with, and give it a fresh password; what was learned of it stays."""
        self.known(device)
        credentials = self.credentials()
        credentials.take(device, why)
        self._claims().end(device)
        credentials.give_password(device)
        self._note("replace", device, why=why)

    def retire(self, device: str, why: str) -> None:
        """Take a device out, with all that it connects with."""
        self._list.remove(device, why)
        if self.has_accounts:
            self._claims().end(device)
            self.credentials().take(device, why)
        self._note("retire", device, why=why)

    def sheet(self, device: str, texts: Sentences, *, hours: float = CODE_HOURS, account: bool = False) -> Sheet:
        """Make a technician's page, with a code that works once, or with the `account` itself.

        A code that was out for the device before is worth nothing from now on.
        """
        found, credentials, settings = self.known(device), self.credentials(), self.settings
        if not 0 < hours <= _MOST_HOURS:
            raise CommandError(f"--hours {hours:g}: expected more than 0 and at most {_MOST_HOURS:g}", 2)
        way = self._account(credentials, device) if account else self._code(credentials, device, hours)
        name = texts.pick(self.places.name) if self.places.name else settings.site.id
        fingerprint = read_certificate(credentials.station.broker / "ca.crt").fingerprint if way.tls else ""
        beat = self.places.beats[found.beat]
        page = device_sheet(found, beat, name, self.topic(device), way, fingerprint, texts.language)
        self._note("sheet", device, account=account)
        return Sheet(page, way.code, way.ticket, way.until)

    def _account(self, credentials: Credentials, device: str) -> Way:
        file, door = credentials.password_file(device), credentials.door()
        if not file.exists() or device not in credentials.accounts():
            raise PkiError(f"{file}: device {device!r} has no password; `patrolgrid device replace` makes one")
        password = file.read_text(encoding="utf-8").strip()
        return Way(host=door.host, port=door.port, tls=door.tls, username=device, password=password)

    def _code(self, credentials: Credentials, device: str, hours: float) -> Way:
        for path, lines in credentials.outdated().items():
            raise PkiError(
                f"{path}: is of an earlier version and lets no code be used, it lacks {lines[0]!r}; move it away, call "
                f"`patrolgrid init {credentials.station.folder}` and restart the broker"
            )
        ticket, claim = give_out(credentials, self._claims(), self.settings.site.id, device, hours)
        until = f"{datetime.fromtimestamp(claim.ends_ms / 1000, ZoneInfo(self.settings.site.timezone)):%Y-%m-%d %H:%M}"
        door = credentials.door()
        return Way(str(ticket), ticket.code, until, door.host, door.port, door.tls)

    def _claims(self) -> ClaimBook:
        return ClaimBook(self.settings.plate_key_file.with_name(CLAIMS))

    def _begin(self, device: str) -> None:
        station = station_of(self.settings)
        if station is not None:
            station.add_devices([device])
            self.credentials().tell()

    def _note(self, what: str, device: str, **detail: object) -> None:
        self._noting(f"device-{what}", device, {key: value for key, value in detail.items() if value})
