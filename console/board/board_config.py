"""What a board needs to know: where it listens, what it reads, which broker takes its commands."""

import os
from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from ingest.login import BrokerAddress, is_loopback
from ingest.topics import ID_PATTERN
from stream.sentences.languages import LANGUAGES

Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
Language = Annotated[str, msgspec.Meta(pattern=f"^({'|'.join(LANGUAGES)})$")]
PASSWORD_VARIABLE: Final = "PATROLGRID_BROKER__PASSWORD"  # noqa: S105 - the name of a variable


class BoardConfigError(ValueError):
    """A key of the board's configuration is wrong; the text names the file, the key and what was expected."""


class BoardConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configuration of a board process. Every key but the four without a default may be left out."""

    store_path: str
    """The node's store; it may come into being after the board."""
    places_path: str
    settings_file: str = ""
    """The site's settings, without secrets; empty: what needs them, such as the registry of devices, is not offered."""
    site: str
    """Id of the site, as in topics."""
    broker: BrokerAddress
    """Takes the board's commands. The environment's `PASSWORD_VARIABLE` is taken before its `password_file`."""
    tls_cert: str = ""
    """The board's certificate, PEM, with those of its authorities behind it; empty: no TLS."""
    tls_key: str = ""
    """Its private key."""
    fenced: bool = False
    """Whether something else keeps strangers from a `host` beyond this machine, see `deploy.settings.sections`."""
    command_key_file: str = ""
    """File with the key that commands are signed with, made where there is none; empty: they are not signed."""
    seal_key_file: str = ""
    """File with the keys that open sealed plates: devices that claim an account are given the public half."""
    host: str = "127.0.0.1"
    port: Port = 8060
    """First port tried; the next twenty follow where it is taken, then any free one."""
    site_name: dict[str, str] = {}
    """Language → name for people; where it is empty, the places file's name or else the id."""
    officers: dict[str, str] = {}
    """Officer's id → name, for the plan page."""
    language: Language = "zh-CN"
    """Language of a first visit by a browser that asks for none of ours."""
    timezone: str = "Asia/Shanghai"
    simulated: bool = False
    """Whether devices and time are simulated; the page then says so."""
    demo: dict[str, str] = {}
    """``id`` and ``password`` that the sign-in page of a demo offers to everybody, ``others`` (accounts with the same
    password, apart by blanks), and ``chat``, where messages that it tells a made-up group are shown; on this machine
    alone."""
    hosts: tuple[str, ...] = ()
    """Names, beside addresses and localhost, by which browsers may call the board (names of a reverse proxy)."""
    map_link: str = ""
    """Address with {lat} and {lon} by which a phone's own map shows a place; empty: there is no such link."""
    quiet_s: Annotated[float, msgspec.Meta(gt=0)] = 120.0
    """Wall-clock seconds without any observation after which the page says that data stopped."""
    address_file: str = ""
    """File that the board's real address (a URL) is written to once it answers."""

    def check(self, name: str = "board configuration") -> None:
        """Raise `BoardConfigError` for values whose types are right and that still cannot work."""
        if not ID_PATTERN.match(self.site):
            raise BoardConfigError(f"{name}: site is {self.site!r}, expected letters, digits, - and _, at most 48")
        if bool(self.tls_cert) != bool(self.tls_key):
            raise BoardConfigError(f"{name}: one of tls_cert and tls_key is set; expected both, or neither")
        if self.demo and not is_loopback(self.host):
            raise BoardConfigError(f"{name}: demo is set, and host is {self.host!r}; expected this machine, 127.0.0.1")
        if self.broker.mistake():
            raise BoardConfigError(f"{name}: broker.{self.broker.mistake()}")
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise BoardConfigError(
                f"{name}: timezone is {self.timezone!r}, expected an IANA name like 'Asia/Shanghai'"
            ) from error

    def login(self) -> BrokerAddress:
        """Return the broker with the environment's password, where there is one."""
        password = os.environ.get(PASSWORD_VARIABLE, "")
        return msgspec.structs.replace(self.broker, password=password) if password else self.broker


def load_config(path: Path) -> BoardConfig:
    """Read a configuration from a JSON file.

    Raises `BoardConfigError` that names the file and the key for one that cannot be read or is wrong.
    """
    try:
        config = msgspec.json.decode(path.read_bytes(), type=BoardConfig, dec_hook=lambda kind, text: kind(text))
    except (OSError, msgspec.MsgspecError) as error:
        raise BoardConfigError(f"{path}: {error}") from error
    config.check(str(path))
    return config
