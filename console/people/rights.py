"""What people may do: roles, and links that stand for a person for one purpose.

docs/security.md has the same as tables, and its test reads them there.
"""

from typing import Final, Literal, Protocol, get_args

Role = Literal["duty", "patrol", "engineer", "chief", "partner"]
Right = Literal[
    "hotspots", "alerts", "plan", "acknowledge", "clear", "did", "links", "book", "report", "registry", "bench"
]  # fmt: skip
Purpose = Literal["password", "patrol", "alert"]
"""What a link is for: to set one's password, to work with a patrol's page, to see one alert and answer it."""

RIGHTS: Final[tuple[Right, ...]] = get_args(Right)
ROLES: Final[dict[Role, frozenset[Right]]] = {
    "duty": frozenset({"hotspots", "alerts", "plan", "acknowledge", "clear", "links", "book", "report"}),
    "patrol": frozenset({"hotspots", "alerts", "plan", "acknowledge", "clear", "did", "book"}),
    "engineer": frozenset({"hotspots", "alerts", "registry", "bench"}),
    "chief": frozenset({"hotspots", "alerts", "plan", "acknowledge", "clear", "links", "book", "report"}),
    "partner": frozenset({"hotspots"}),
}
PURPOSES: Final[dict[Purpose, frozenset[Right]]] = {
    "password": frozenset(),
    "patrol": frozenset({"hotspots", "alerts", "plan", "acknowledge", "clear", "did"}),
    "alert": frozenset({"alerts", "acknowledge"}),
}


class Somebody(Protocol):
    """Whoever has a role."""

    @property
    def role(self) -> Role:
        """What the person is here."""

    @property
    def active(self) -> bool:
        """Whether the account is in use."""


def may(person: Somebody, right: Right) -> bool:
    """Tell whether a person's role has a right; nobody has any whose account is not in use."""
    return person.active and right in ROLES[person.role]
