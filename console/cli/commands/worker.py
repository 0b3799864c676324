"""``patrolgrid worker``: takes a site's records from Kafka, as one of several."""

import argparse
import logging
from typing import Final

from console.common import add_settings_arguments, settings_and_texts
from console.errors import CommandError
from deploy.kafka.worker_service import TopicsError, WorkerService
from deploy.processes.stopping import StopRequest
from deploy.settings.load import with_values
from ingest.topics import ID_PATTERN

EXAMPLES: Final = """\
examples:
  patrolgrid topics create                               once, before anything else
  patrolgrid worker                                      one worker has all shards
  patrolgrid worker --name a --metrics-port 9201         two workers share them
  patrolgrid worker --name b --metrics-port 9202

As many workers as there are shards (kafka.shards) have work. One of them also has what needs the whole site: alerts,
hotspots, the store. Workers on several machines need the site's folder on shared storage, so that any of them can.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_settings_arguments(parser)
    parser.add_argument("--name", default="worker", metavar="NAME", help="tells this worker from others")
    parser.add_argument("--metrics-port", type=int, metavar="PORT", help="serve /metrics, /healthz and /readyz")


def run(options: argparse.Namespace) -> int:
    """Run a worker until asked to stop."""
    settings, texts = settings_and_texts(options)
    if not ID_PATTERN.match(options.name):
        raise CommandError(texts("worker-name", name=options.name), code=2)
    if options.metrics_port is not None:
        settings = with_values(settings, metrics={"port": options.metrics_port})
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # Our own lines say what is wrong with Kafka, once, and what to do; the clients repeat themselves every 100 ms.
    for client in ("aiokafka", "faust", "mode"):
        logging.getLogger(client).setLevel(logging.CRITICAL)
    service = WorkerService(settings, options.name)
    with StopRequest() as stop:
        try:
            print(texts("worker-runs", name=service.name, kafka=settings.kafka.bootstrap), flush=True)
            return service.run(stop)
        except TopicsError as error:
            raise CommandError(str(error)) from error
        except RuntimeError as error:
            raise CommandError(texts("worker-ended", error=error)) from error
