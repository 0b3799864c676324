"""The board's pages: where each is, whom it is for, and its file. The menu of every page is made of this list."""

from typing import Final

import msgspec

from console.people.rights import Right


class Page(msgspec.Struct, frozen=True):
    """A page for whoever is signed in."""

    path: str
    file: str
    right: Right
    in_menu: bool = True
    """Whether the menu names it; its text is ``board-page-`` and the path without its slash (``board`` for ``/``)."""


PAGES: Final = (
    Page("/", "index.html", "hotspots"),
    Page("/plan", "plan.html", "plan"),
    Page("/history", "history.html", "alerts"),
    Page("/shift", "shift.html", "book"),
    Page("/alert", "alert.html", "alerts", in_menu=False),
    Page("/places", "places.html", "registry"),
    Page("/bench", "bench.html", "bench"),
    Page("/docs", "docs.html", "bench"),
    Page("/report", "report.html", "report"),
    Page("/devices", "devices.html", "alerts"),
    Page("/device", "device.html", "alerts", in_menu=False),
    Page("/patrol", "patrol.html", "did", in_menu=False),
)
DOORS: Final = ("/signin", "/go", "/password")
"""The pages by which people come in, or set their password."""
ASKED_BY_NAME: Final = frozenset({page.path for page in PAGES} | {"/password"})
"""Where somebody who has to sign in first comes back to."""
