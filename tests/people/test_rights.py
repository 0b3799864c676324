"""Who may do what is what docs/security.md says, in both languages: its tables are read here and by test_doors."""

import re
from pathlib import Path

import pytest

from console.people.rights import PURPOSES, RIGHTS, ROLES

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [("security.md", "right", "way", "link "), ("security.zh-CN.md", "权限", "方式", "链接 ")]


def rows(page, first):
    """Return the cells of the table whose head begins with a word, its head first."""
    text = (DOCS / page).read_text("utf-8")
    lines = text[text.index(f"| {first} |") :].split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if not line.startswith("|---")]


def roles_of_the_page(page="security.md", first="right"):
    head, *body = rows(page, first)
    return {role: {row[0].strip("`") for row in body if row[head.index(role)] == "✓"} for role in head[2:]}


@pytest.mark.parametrize(("page", "first", "_way", "_link"), PAGES)
def test_roles_have_the_rights_of_the_page(page, first, _way, _link):
    assert roles_of_the_page(page, first) == ROLES
    assert [row[0].strip("`") for row in rows(page, first)[1:]] == list(RIGHTS)


@pytest.mark.parametrize(("page", "_first", "way", "link"), PAGES)
def test_links_have_the_rights_of_the_page(page, _first, way, link):
    found = {
        kind.removeprefix(link).strip("`"): set(re.findall(r"`(\w+)`", opens))
        for kind, opens, _ in rows(page, way)[1:]
        if kind.startswith(link)
    }
    assert found == PURPOSES
