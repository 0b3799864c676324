"""The gateway: MQTT messages are decoded, checked and numbered, and acknowledged when the log has them on disk.

The way of a message: `gateway` takes it from the session and hands it to `intake`, which asks `routes` for its beat,
`ingest.codecs` for its observations, `plates` for tokens, `numbering` for numbers and repeats, and puts the rows into a
batch (`collector`). What is refused goes to `quarantine`.

Every command reads settings, and so imports this package: `gateway`, which needs an MQTT client, is imported by its
module only.
"""

from ingest.gateway.gateway_settings import GatewaySettings
from ingest.gateway.plate_keys import load_plates
from ingest.gateway.plates import PlateKeyError, Plates
from ingest.gateway.quarantine import Entry, Quarantine

__all__ = ["Entry", "GatewaySettings", "PlateKeyError", "Plates", "Quarantine", "load_plates"]
