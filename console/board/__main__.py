"""``python -m console.board --config-json FILE``: the board as a process of its own."""

import argparse
import logging
import sys
from pathlib import Path

from console.board.board_config import BoardConfigError, load_config
from console.board.server import serve
from ingest.files import keep_private


def main() -> int:
    """Read the configuration and serve; return the exit code (2 for a wrong configuration)."""
    parser = argparse.ArgumentParser(prog="python -m console.board", description="PatrolGrid's live board.")
    parser.add_argument(
        "--config-json", type=Path, required=True, help="file with a console.board.board_config.BoardConfig"
    )
    arguments = parser.parse_args()
    keep_private()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        config = load_config(arguments.config_json)
    except BoardConfigError as error:
        print(f"board: {error}", file=sys.stderr)
        return 2
    return serve(config)


if __name__ == "__main__":
    sys.exit(main())
