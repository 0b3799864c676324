"""An edge agent as a service: many devices and sources in one process, told what to do by ``edge.toml``.

`runner` has the whole; `desk` brings what sources take through codecs into the spool, `computer` looks at the computer,
`afar` keeps the settings that come from the station.
"""

from ingest.edge.service.runner import EdgeService, examine

__all__ = ["EdgeService", "examine"]
