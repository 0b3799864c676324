"""``patrolgrid completion``: what a shell has to read so that it completes commands, options and their values."""

import argparse
from typing import Final

from ingest.setup.extras import load

EXAMPLES: Final = """\
examples:
  patrolgrid completion bash > ~/.local/share/bash-completion/completions/patrolgrid
  patrolgrid completion zsh > ~/.zfunc/_patrolgrid                     with ~/.zfunc in fpath
  patrolgrid completion fish > ~/.config/fish/completions/patrolgrid.fish

Open a new shell then: `patrolgrid wh` and the Tab key give `whatif`. The shell asks the program itself, so that
the file stays good over upgrades.
"""
SHELLS: Final = ("bash", "zsh", "fish")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("shell", choices=SHELLS, help="the shell it is for")


def run(options: argparse.Namespace) -> int:
    """Print it. Raises `MissingExtraError` where argcomplete is not installed."""
    print(load("argcomplete").shellcode(["patrolgrid"], shell=options.shell))
    return 0
