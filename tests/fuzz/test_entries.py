"""Two thousand nasty inputs for every entry point: no exception, no input that costs much. `make fuzz` gives more."""

from __future__ import annotations

import pytest

from tests.fuzz.entries import ENTRIES
from tests.fuzz.running import run


@pytest.mark.parametrize("name", ENTRIES)
def test_hostile_input_costs_little_and_ends_nothing(name):
    assert run(name, 2_000).inputs == 2_000
