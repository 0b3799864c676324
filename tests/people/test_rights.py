"""Who may do what is what docs/security.md says: its tables are read here, and every route is asked by every role."""

import re
from pathlib import Path

from console.people.rights import PURPOSES, RIGHTS, ROLES

PAGE = (Path(__file__).parents[2] / "docs" / "security.md").read_text("utf-8")


def rows(first):
    """Return the cells of the table whose head begins with a word, its head first."""
    lines = PAGE[PAGE.index(f"| {first} |") :].split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if not line.startswith("|---")]


def roles_of_the_page():
    head, *body = rows("right")
    return {role: {row[0].strip("`") for row in body if row[head.index(role)] == "✓"} for role in head[2:]}


def test_roles_have_the_rights_of_the_page():
    assert roles_of_the_page() == ROLES
    assert [row[0].strip("`") for row in rows("right")[1:]] == list(RIGHTS)


def test_links_have_the_rights_of_the_page():
    found = {
        way.removeprefix("link ").strip("`"): set(re.findall(r"`(\w+)`", opens))
        for way, opens, _ in rows("way")[1:]
        if way.startswith("link ")
    }
    assert found == PURPOSES
