"""``python -m deploy.node --config FILE``: one site's node."""

import sys

from deploy.node.node import main

sys.exit(main())
