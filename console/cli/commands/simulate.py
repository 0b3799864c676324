"""``patrolgrid simulate``: devices that publish to a broker, for a node that runs already."""

import argparse
from typing import Final

from simulators import run as simulator

EXAMPLES: Final = """\
examples:
  patrolgrid simulate --port 1883 --site demo --speed 10
  patrolgrid simulate --site load --scale 1000 --connections 8 --speed max --duration 3600 --no-scenarios
  patrolgrid simulate --site demo --seed 11 --duration 3600 --speed 60 --report did.json --truth truth.jsonl
  patrolgrid simulate --site demo --dialect hikvision --dialect zigbee2mqtt --bindings sim-places.geojson

The same seed and start give the same stream. Exit code 3: the broker had not acknowledged everything in time.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the simulator's arguments."""
    simulator.add_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Run the simulator in this process."""
    return simulator.run(options)
