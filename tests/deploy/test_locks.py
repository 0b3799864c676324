"""The lock files: hashes for all that is pinned, the versions that were tested, and nothing of anybody's machine."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ROOT / "deploy" / "locks"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
WANTED = {
    "edge": ["seal"],
    "demo": ["stream", "console", "realdata"],
    "all": [name for name in EXTRAS if name != "all"],
}
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ ]+)(?: ; [^\\]+)? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}(?: \\)?$")


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(name: str) -> dict[str, str]:
    """Package → version; every line is one or a hash of one."""
    found, hashes = {}, {}
    for line in (LOCKS / f"{name}.txt").read_text("ascii").splitlines():
        pin = PIN.match(line)
        if pin:
            last = plain(pin[1])
            found[last], hashes[last] = pin[2], 0
        else:
            assert HASH.match(line), line
            hashes[last] += 1
    assert min(hashes.values()) >= 1
    return found


@pytest.mark.parametrize("name", WANTED)
def test_a_lock_holds_what_its_extras_need_and_what_the_project_is_built_with(name):
    asked = PROJECT["dependencies"] + [one for extra in WANTED[name] for one in EXTRAS[extra]]
    names = {plain(re.split(r"[<>=!~ \[;]", one)[0]) for one in asked}
    assert names | {"pip", "setuptools"} <= pins(name).keys()


@pytest.mark.parametrize("name", WANTED)
def test_a_lock_has_the_versions_that_were_tested(name):
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    tested = {plain(one): version for one, _, version in (line.partition("==") for line in lines) if version}
    found = pins(name)
    assert {one: found[one] for one in found.keys() & tested.keys()} == {
        one: tested[one] for one in found.keys() & tested.keys()
    }
    # The rest is for other platforms, or builds the project.
    assert len(found.keys() - tested.keys()) <= 4


def test_there_is_a_lock_for_each_use():
    assert {path.stem for path in LOCKS.iterdir()} == set(WANTED)
