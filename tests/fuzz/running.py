"""Gives inputs to an entry point, and measures what each costs."""

from __future__ import annotations

import logging
import random
import time
import tracemalloc
from typing import NamedTuple

from tests.fuzz.entries import ENTRIES

SECONDS = 0.05
"""Processor time that one input may take;"""
OF_A_CODEC = 0.02
"""and one that a vendor's device may have sent: it is read where there is only a small computer."""
BYTES = 96 << 20
"""Memory that one input may take at its peak, beside what is there before."""
_MEASURED = 50
"""One input in so many is measured for memory, which takes several times as long."""
_AGAIN = 4


class Cost(NamedTuple):
    """What the inputs of an entry point came to."""

    inputs: int
    longest_s: float
    largest_bytes: int


def run(name: str, inputs: int, seed: int = 20261126) -> Cost:
    """Give so many inputs to an entry point.

    Raises AssertionError, naming the seed of the input, for one that costs too much, and whatever an entry point
    raises that it should not.
    """
    longest, largest, most = 0.0, 0, OF_A_CODEC if name.startswith("codec ") else SECONDS
    logging.disable(logging.CRITICAL)
    try:
        with ENTRIES[name]() as entry:
            for number in range(-5, inputs):  # a few to warm up
                rng = random.Random(f"{seed} {name} {number}")
                measured = number >= 0 and number % _MEASURED == 0
                try:
                    if measured:
                        largest = max(largest, _bytes(entry(rng)))
                    spent = _seconds(entry, f"{seed} {name} {number}", most)
                except Exception as error:
                    error.add_note(f"{name}: input {number} of seed {seed}")
                    raise
                if number >= 0:
                    longest = max(longest, spent)
                    assert spent <= most, f"{name}: input {number} of seed {seed} took {spent:.3f} s"
                    assert largest <= BYTES, f"{name}: input {number} of seed {seed} took {largest >> 10} kB"
    finally:
        logging.disable(logging.NOTSET)
    return Cost(inputs, longest, largest)


def _seconds(entry, seed: str, most: float) -> float:
    """Return the least processor time of a few attempts: the first may find the machine busy with something else."""
    spent = float("inf")
    for _ in range(_AGAIN):
        take = entry(random.Random(seed))
        began = time.process_time()
        take()
        spent = min(spent, time.process_time() - began)
        if spent <= most / 2:
            break
    return spent


def _bytes(take) -> int:
    tracemalloc.start()
    try:
        take()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def part(given: tuple[str, int, int]) -> tuple[str, str, float, int]:
    """Run some inputs in a process of their own: name, what was wrong, and the costs."""
    name, inputs, seed = given
    try:
        cost = run(name, inputs, seed)
    except BaseException as error:  # noqa: BLE001 - told by the parent
        return name, f"{type(error).__name__}: {str(error)[:500]} {getattr(error, '__notes__', '')}", 0.0, 0
    return name, "", cost.longest_s, cost.largest_bytes
