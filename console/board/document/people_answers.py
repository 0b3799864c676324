"""What the API answers about people."""

import msgspec

from console.board.document.plain_answers import Names
from console.people.rights import Purpose, Right, Role


class PersonRow(msgspec.Struct, frozen=True):
    """An account."""

    id: str
    name: str
    role: Role
    language: str
    officer: str


class LinkRow(msgspec.Struct, frozen=True):
    """A personal link that is open."""

    id: str
    purpose: Purpose
    ends_ms: int


class PersonWithLinks(PersonRow, frozen=True, kw_only=True):
    """An account, with its links."""

    active: bool
    links: list[LinkRow]


class PeopleAnswer(msgspec.Struct, frozen=True):
    """Who there is."""

    people: list[PersonWithLinks]


class SiteName(msgspec.Struct, frozen=True):
    """What a page needs of the site before anybody has signed in."""

    name: Names
    language: str
    timezone: str
    languages: dict[str, str]


class OwnShift(msgspec.Struct, frozen=True):
    """A shift of somebody's own."""

    name: str
    usual: str
    """day or night, of a shift without a name."""
    begin_ms: int
    end_ms: int


class MeAnswer(msgspec.Struct, frozen=True):
    """Who asks."""

    accounts: bool
    """Whether the site has any."""
    person: PersonRow | None
    rights: list[Right]
    purpose: str | None
    about: str
    ends_ms: int | None
    left_ms: int | None
    home: str
    menu: list[str]
    shift: OwnShift | None
    """For which somebody has signed in."""
    demo: dict[str, str] | None
    site: SiteName


class BegunAnswer(msgspec.Struct, frozen=True):
    """A session has begun."""

    home: str
    person: PersonRow | None


class HomeAnswer(msgspec.Struct, frozen=True):
    """Where to go on."""

    home: str
    person: PersonRow | None = None


class NewLinkAnswer(msgspec.Struct, frozen=True):
    """A link that was made."""

    url: str
    svg: str
    """Its QR code."""


class DidAnswer(msgspec.Struct, frozen=True):
    """What was said."""

    id: str
    officer: str
    what: str
    stop: str
