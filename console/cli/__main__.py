"""``python -m console.cli``: the command line."""

import sys

from console.cli.main import main

sys.exit(main())
