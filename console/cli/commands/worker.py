"""``patrolgrid worker``: takes a site's records from Kafka, as one of several."""

import argparse
from typing import Final

from console.common import add_service_arguments, settings_of_service
from console.errors import CommandError
from deploy.kafka.worker_service import TopicsError, WorkerService
from deploy.processes import StopRequest
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
    add_service_arguments(parser, "worker", "tells this worker from others")


def run(options: argparse.Namespace) -> int:
    """Run a worker until asked to stop."""
    settings, texts = settings_of_service(options)
    if not ID_PATTERN.match(options.name):
        raise CommandError(texts("worker-name", name=options.name), code=2)
    service = WorkerService(settings, options.name)
    with StopRequest() as stop:
        try:
            print(texts("worker-runs", name=service.name, kafka=settings.kafka.bootstrap), flush=True)
            return service.run(stop)
        except TopicsError as error:
            raise CommandError(str(error)) from error
        except RuntimeError as error:
            raise CommandError(texts("worker-ended", error=error)) from error
