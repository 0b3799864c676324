"""Many nasty inputs for every entry point, in processes beside each other; prints what they cost.

python -m tests.fuzz --inputs 100000
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time

from tests.fuzz.entries import ENTRIES
from tests.fuzz.running import part


def main() -> int:
    """Return 0 where every input was borne."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000, help="of each entry point")
    parser.add_argument("--only", choices=ENTRIES, action="append")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=multiprocessing.cpu_count())
    options = parser.parse_args()
    say, began, failed = sys.stdout.write, time.monotonic(), 0
    every = 2_000
    parts = [
        (name, min(every, options.inputs - start), options.seed * 1_000_000 + start)
        for start in range(0, options.inputs, every)
        for name in options.only or ENTRIES
    ]
    done: dict[str, list[tuple[float, int]]] = {}
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(options.processes, maxtasksperchild=20) as pool:
        for name, wrong, longest, largest in pool.imap_unordered(part, parts):
            if wrong:
                failed += 1
                say(f"{name}: {wrong}\n")
                sys.stdout.flush()
            else:
                done.setdefault(name, []).append((longest, largest))
    for name, costs in done.items():
        longest, largest = (max(values) for values in zip(*costs, strict=True))
        say(f"{name}: {options.inputs} inputs, longest {longest * 1000:.1f} ms, at most {largest >> 10} kB\n")
    say(f"{failed} of {len(parts)} parts failed; {time.monotonic() - began:.0f} s\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
