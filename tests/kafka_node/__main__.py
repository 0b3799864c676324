"""``python -m tests.kafka_node start|stop|status``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.kafka_node.node import KafkaMissingError, KafkaNode, KafkaNodeError


def main(arguments: list[str] | None = None) -> int:
    """Start, stop or look for a node; 0 success, 1 failure (``status``: nothing runs), 2 wrong use."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.kafka_node", description="One node of Apache Kafka on 127.0.0.1, for trials."
    )
    parser.add_argument("action", choices=("start", "stop", "status"))
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder that keeps everything")
    parser.add_argument("--port", type=int, default=9092, help="port to serve on (default: 9092; 0: any free one)")
    parser.add_argument("--heap", type=int, default=512, metavar="MB", help="Java's heap (default: 512)")
    options = parser.parse_args(arguments)
    node = KafkaNode(options.data, options.port, heap_mb=options.heap)
    try:
        if options.action == "start":
            node.start(detached=True)
            print(f"Kafka serves on {node.bootstrap} (process {node.pid()}, log {node.log})")  # noqa: T201 - its answer
            return 0
        if options.action == "stop":
            node.stop()
            return 0
    except (KafkaMissingError, KafkaNodeError, OSError) as error:
        print(f"kafka: {error}", file=sys.stderr)  # noqa: T201 - same
        return 1
    pid = node.pid()
    print(f"Kafka runs in {node.folder} (process {pid})" if pid else f"no Kafka runs in {node.folder}")  # noqa: T201
    return 0 if pid else 1


if __name__ == "__main__":
    sys.exit(main())
