"""What sections of the settings are made of: their base, and types with limits.

A section of the settings file is one struct. It stands beside the part that uses it and is passed to that part as it is
(`deploy.settings.sections` lists them all). A field's type says what is allowed, its docstring is its documentation.
"""

from collections.abc import Callable, Collection
from datetime import date
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec

from ingest.topics import ID_PATTERN


class SettingsError(ValueError):
    """A setting is unknown or wrong; the text names the key, where it stands, what was found and what was expected."""


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A section of the settings.

    A field ``x`` beside a field ``x_file`` is a secret: it comes from the environment, or from the first line of that
    file, and never stands in the settings file.
    """

    @classmethod
    def secrets(cls) -> tuple[str, ...]:
        """Return the names of the fields that are secrets."""
        return tuple(name for name in cls.__struct_fields__ if f"{name}_file" in cls.__struct_fields__)

    def read_secret(self, name: str) -> str:
        """Return a secret, empty for none. Raises `SettingsError` for a file that cannot be read."""
        given, path = getattr(self, name), getattr(self, f"{name}_file")
        if given or path is None:
            return str(given)
        try:
            return str(path.read_text(encoding="utf-8").split("\n", 1)[0].strip())
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"{name}_file: {path} cannot be read ({error}); expected a text file with one line"
            ) from error

    def mistake(self) -> str:
        """Return what cannot be meant although each value is allowed, beginning with a key; empty for nothing."""
        return ""

    def in_clear(self) -> bool:
        """Tell whether a secret of this section goes over a network without encryption."""
        return False

    def public(self) -> dict[str, Any]:
        """Return the fields by name, without the secrets."""
        return {name: getattr(self, name) for name in self.__struct_fields__ if name not in self.secrets()}

    def __repr__(self) -> str:
        """Leave the secrets out: settings are printed and logged."""
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.public().items())})"


def url_mistake(key: str, url: str) -> str:
    """Return why an address is refused: one with a login in it would be printed and logged.

    >>> url_mistake("url", "http://user:secret@10.0.0.5:8086")
    'url has a login or a query in it; expected an address only, such as http://10.0.0.5:8086'
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return f"{key} is no address, expected one such as http://127.0.0.1:8086"
    if "@" in parts.netloc or parts.query or parts.fragment:
        shown = f"{parts.scheme}://{host}{'' if port is None else f':{port}'}"
        return f"{key} has a login or a query in it; expected an address only, such as {shown}"
    if url and (parts.scheme not in {"http", "https"} or not host):
        return f"{key} is no address, expected one such as http://127.0.0.1:8086"
    return ""


def is_time_zone(text: str) -> bool:
    """Tell whether a name is that of a time zone.

    >>> is_time_zone("Asia/Shanghai"), is_time_zone("Asia/Atlantis")
    (True, False)
    """
    try:
        ZoneInfo(text)
    except (ValueError, OSError, KeyError):  # not a name; a folder of names; not a known zone
        return False
    return True


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def text(expected: str, *, pattern: str | None = None, check: Callable[[str], bool] | None = None) -> msgspec.Meta:
    """Return the limits of a text; `expected` tells people what they are."""
    return msgspec.Meta(pattern=pattern, extra={"expected": expected, "check": check})


def one_of(choices: Collection[str]) -> msgspec.Meta:
    """Return the limits of a text that must be one of some that are only known when the program runs."""
    return text(f"one of {', '.join(choices)}", check=choices.__contains__)


_ADDRESS = r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):[0-9]{1,5}"
Identifier = Annotated[
    str, text("letters, digits, - and _, at most 48, not starting with - or _", pattern=ID_PATTERN.pattern)
]
Word = Annotated[str, text("letters, digits, dots, - and _, at most 64", pattern=r"^[A-Za-z0-9._-]{0,64}\Z")]
Addresses = Annotated[
    str,
    text("HOST:PORT, several with commas and no spaces, or nothing", pattern=rf"^({_ADDRESS}(,{_ADDRESS}){{0,63}})?\Z"),
]
TimeZone = Annotated[str, text("an IANA time zone such as Asia/Shanghai", check=is_time_zone)]
Day = Annotated[str, text("days as YYYY-MM-DD", check=_is_date)]
Country = Annotated[str, text("a code such as CN or NZ-AUK, or nothing", pattern=r"^([A-Z]{2}(-[A-Z0-9]{1,3})?)?\Z")]
Port = Annotated[int, msgspec.Meta(ge=1, le=65_535)]
