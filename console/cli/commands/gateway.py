"""``patrolgrid gateway``: a gateway alone, from MQTT to Kafka."""

import argparse
from typing import Final

from console.common import add_service_arguments, settings_of_service
from console.errors import CommandError
from deploy.kafka.gateway_service import GatewayService
from deploy.node.lock import LockedError
from deploy.processes import StopRequest
from ingest.topics import ID_PATTERN

EXAMPLES: Final = """\
examples:
  patrolgrid topics create                               once, before anything else
  patrolgrid gateway                                     one gateway
  PATROLGRID_GATEWAY__SHARED_GROUP=city patrolgrid gateway --name a --metrics-port 9101
  PATROLGRID_GATEWAY__SHARED_GROUP=city patrolgrid gateway --name b --metrics-port 9102

Gateways of one group divide the messages among them (MQTT shared subscription). Each needs a name of its own, and the
same name whenever it is started again: its share waits for it at the broker. All of a site's gateways need the same
plate key (plates.key_file). Messages are acknowledged when Kafka has them; while it has not, the broker keeps them.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_service_arguments(parser, "", "tells this gateway from others of its group")


def run(options: argparse.Namespace) -> int:
    """Run a gateway until asked to stop."""
    settings, texts = settings_of_service(options)
    if options.name and not ID_PATTERN.match(options.name):
        raise CommandError(texts("gateway-name", name=options.name), code=2)
    service = GatewayService(settings, options.name)
    with StopRequest() as stop:
        try:
            print(texts("gateway-runs", name=service.name, kafka=settings.kafka.bootstrap), flush=True)
            return service.run(stop)
        except LockedError as error:
            raise CommandError(texts("gateway-locked", name=service.name, error=error)) from error
